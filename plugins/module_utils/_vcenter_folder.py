# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Noun vcenter_folder: a VM folder below a datacenter, with the folders that lead to it. PRIVATE to the collection.

There is no state absent: vSphere's Destroy_Task takes the machines in a folder with it, those as well that came after one looked.
"""
from __future__ import annotations

from ._change import Change, Unresolved
from ._errors import InputRefused, VcenterFailure
from ._inventory import child, find, path_text, paths_below, pick, split_path
from ._run import Noun, run
from ._specs import spec
from ._vsphere import Vsphere, vcenter_connection, vim

KIND = "vcenter_folder"
LIBRARIES = ("pyVmomi",)
LONGEST = 80
SPEC = spec({"datacenter": {"type": "str", "required": True}, "folder": {"type": "str", "required": True}}, palette=False, vcenter=True)


def from_params(params):
    """{datacenter, text, names: of the folders from the datacenter's VMs down}. Raises InputRefused (vSphere: names of up to 80 characters)."""
    names = split_path(params["folder"])
    if not names:
        raise InputRefused("the folder has no name", where="option folder", observed=f"'{params['folder']}'",
                           fix="give a name, or a path such as palette/gateways")
    for name in names:
        if name != name.strip() or not name.isprintable() or len(name) > LONGEST:
            raise InputRefused("the name of a folder is too long, or holds blanks around it", where="option folder", observed=f"'{name}'",
                               expected=f"1 to {LONGEST} printable characters", fix="choose another name")
    return {"datacenter": params["datacenter"], "text": params["folder"], "names": tuple(names)}


def connect(params, context):
    return Vsphere(vcenter_connection(params), context)


def observe(vsphere, desired, context):
    """{datacenter: ref or Unresolved, folders: {names: ref} with () for the datacenter's VMs, names: of the folder, path: in the inventory, or None}

    A bare name is the folder of that name anywhere below the datacenter, as in the placements of other modules. Raises InputRefused when it means several.
    """
    datacenter = find(vsphere, vsphere.content.rootFolder, vim.Datacenter, desired["datacenter"], "datacenter")
    observed = {"datacenter": datacenter, "folders": {}, "names": None, "path": None}
    if isinstance(datacenter, Unresolved):
        return observed
    root = vsphere.get(datacenter, ("vmFolder",))["vmFolder"]
    below = paths_below(vsphere, root, vim.Folder)
    observed["folders"] = {(): root, **{tuple(names): ref for ref, names in below.items()}}
    found = pick(below, desired["text"], "folder")
    if not isinstance(found, Unresolved):
        observed.update(names=tuple(below[found]), path=vsphere.path(found))
    return observed


def plan(desired, observed):
    """[create of each folder that is missing, from the top]. Raises InputRefused for new names that vCenter stores escaped (vSphere: / \\ and %)."""
    if observed["names"] is not None:
        return []
    prefixes = [desired["names"][:length] for length in range(1, len(desired["names"]) + 1)]
    missing = [names for names in prefixes if names not in observed["folders"]]
    for names in missing:
        if any(sign in names[-1] for sign in "/\\%"):
            raise InputRefused("a new folder's name holds characters that vCenter escapes", where="option folder", observed=f"'{names[-1]}'",
                               expected="none of / \\ %", fix="choose another name, or make the folder by hand")
    return [Change("create", KIND, path_text(names), None, {"datacenter": desired["datacenter"], "folder": path_text(names)}) for names in missing]


def apply(vsphere, desired, observed, change, context):
    """Makes one folder; one that somebody else made meanwhile is as good."""
    names = tuple(split_path(change.name))
    parent = observed["folders"][names[:-1]]
    try:
        made = vsphere.call(lambda: parent.CreateFolder(names[-1]), f"creating folder {change.name} failed", vsphere.path(parent))
    except VcenterFailure as failure:
        made = child(vsphere, parent, names[-1], vim.Folder) if failure.fault == "DuplicateName" else None
        if made is None:
            raise
    observed["folders"][names] = made


def present(observed):
    if observed["names"] is None:
        return None
    return {"name": observed["names"][-1], "folder": path_text(observed["names"]), "path": observed["path"],
            "moid": observed["folders"][observed["names"]]._GetMoId()}


def predict(desired, observed, changes):
    """The folder as it will be; what vCenter assigns is not known before."""
    if not changes:
        return present(observed)
    return {"name": desired["names"][-1], "folder": path_text(desired["names"]), "path": None, "moid": None}


NOUN = Noun(KIND, from_params, connect, observe, plan, apply, present, predict=predict)


def execute(params, context):
    """{changed, plan, diff, vcenter_folder, timeline, warnings}. Raises Failure."""
    return run(NOUN, params, context)
