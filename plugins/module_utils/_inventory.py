# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vCenter's inventory by names and folder paths, compared exactly. PRIVATE to the collection."""
from __future__ import annotations

import re

from ._change import Unresolved
from ._errors import InputRefused
from ._vsphere import vim

ESCAPES = {"%2f": "/", "%5c": "\\", "%25": "%"}


def decoded(name):
    """A name as people write it: vCenter stores / \\ and % in names as %2f, %5c and %25 (vSphere API, ManagedEntity.name)."""
    return re.sub("%(2f|5c|25)", lambda match: ESCAPES[match.group(0).lower()], name, flags=re.IGNORECASE)


def path_text(names):
    """A path of decoded names as it is written: the other direction of split_path."""
    return "/".join(name.replace("%", "%25").replace("/", "%2f").replace("\\", "%5c") for name in names)


def split_path(text):
    """'a/b%2fc' -> ['a', 'b/c']; slashes at the ends do not count."""
    return [decoded(part) for part in text.strip("/").split("/") if part]


def paths_below(vsphere, root, kind):
    """{ref: [decoded names]} of all objects of a type below root, and of the folders between."""
    between = vim.ResourcePool if issubclass(kind, vim.ResourcePool) else vim.Folder
    rows = vsphere.below(root, between, ("name", "parent"))
    if not issubclass(kind, between):
        rows = {**rows, **vsphere.below(root, kind, ("name", "parent"))}
    found = {}
    for ref in rows:
        names, at = [], ref
        while at in rows:
            names.append(decoded(rows[at].get("name", "")))
            at = rows[at].get("parent")
        if isinstance(ref, kind):
            found[ref] = names[::-1]
    return found


def pick(candidates, text, what, where=None):
    """The one of {key: [decoded names of its path]} that has that full path, or else that name, or Unresolved.

    Raises InputRefused when a bare name means several; where: the option that the text comes from.
    """
    wanted = split_path(text)
    exact = [key for key, names in candidates.items() if names == wanted]
    if len(exact) == 1:
        return exact[0]
    named = [key for key, names in candidates.items() if len(wanted) == 1 and names[-1] == wanted[0]]
    if len(named) > 1:
        raise InputRefused(f"the name means several objects of kind {what}", where=where or f"option {what}",
                           observed=", ".join(sorted(path_text(candidates[key]) for key in named)),
                           fix="give the full path")
    return named[0] if named else Unresolved(what, text)


def find(vsphere, root, kind, text, what):
    """The object of that name (anywhere below root) or full path, or Unresolved. Raises InputRefused when a bare name means several."""
    return pick(paths_below(vsphere, root, kind), text, what)


def child(vsphere, folder, name, kind):
    """The direct child of that very name and type of a folder, or None. name must need no escape."""
    ref = vsphere.call(lambda: vsphere.content.searchIndex.FindChild(folder, name), "looking for a child by its name", idempotent=True)
    return ref if isinstance(ref, kind) else None


def resolve(vsphere, wanted):
    """Names of a placement -> {datacenter, folder, compute_cluster, resource_pool, datastore, networks: {ovf name: ref}} with refs or Unresolved.

    wanted: {datacenter, folder, compute_cluster, resource_pool, datastore: str or None, networks: {ovf name: str}}; what is None stays out, but folder and
    resource_pool default to the datacenter's and the cluster's root. The datastore and the networks must be the cluster's.
    """
    datacenter = find(vsphere, vsphere.content.rootFolder, vim.Datacenter, wanted["datacenter"], "datacenter")
    if isinstance(datacenter, Unresolved):
        return {"datacenter": datacenter}
    roots = vsphere.get(datacenter, ("vmFolder", "hostFolder"))
    folder = roots["vmFolder"] if not wanted.get("folder") else find(vsphere, roots["vmFolder"], vim.Folder, wanted["folder"], "folder")
    found = {"datacenter": datacenter, "folder": folder, "vm_root": roots["vmFolder"]}
    if not wanted.get("compute_cluster"):
        return found
    cluster = found["compute_cluster"] = find(vsphere, roots["hostFolder"], vim.ComputeResource, wanted["compute_cluster"], "compute_cluster")
    if isinstance(cluster, Unresolved):
        return found
    row = vsphere.get(cluster, ("resourcePool", "datastore", "network"))
    pool = row.get("resourcePool") or Unresolved("resource_pool", wanted.get("resource_pool") or "Resources")
    if not isinstance(pool, Unresolved) and wanted.get("resource_pool") and split_path(wanted["resource_pool"]) != ["Resources"]:
        pool = find(vsphere, pool, vim.ResourcePool, wanted["resource_pool"], "resource_pool")
    found["resource_pool"] = pool
    found["datastore"] = member(vsphere, row.get("datastore", []), wanted["datastore"], "datastore")
    found["networks"] = {name: member(vsphere, row.get("network", []), target, "network") for name, target in (wanted.get("networks") or {}).items()}
    return found


def member(vsphere, refs, name, what):
    """The one of the cluster's datastores or networks that has the name (the last part of a path), or Unresolved."""
    names = {ref: decoded(row.get("name", "")) for ref, row in vsphere.read(refs, ("name",)).items()}
    wanted = (split_path(name) or [""])[-1]
    matching = [ref for ref, found in names.items() if found == wanted]
    if len(matching) > 1:
        raise InputRefused(f"the compute cluster has several objects of kind {what} with this name", where=f"option {what}", observed=name)
    return matching[0] if matching else Unresolved(what, name)
