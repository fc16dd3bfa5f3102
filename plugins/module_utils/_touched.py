# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every object of vCenter that a run touches at given placements, or the whole inventory, by kind. PRIVATE to the collection."""
from __future__ import annotations

import contextlib
from collections import namedtuple

from ._denied import KINDS
from ._errors import VcenterFailure
from ._finding import finding, place
from ._inventory import decoded, path_text, split_path
from ._light import pages, properties, reference, text
from ._privileges import ROLE_TITLES, granted_by
from ._specs import PLACEMENT_WORDS
from ._vsphere import label, vim, vmodl

SECTION = "VMware Cloud Account Permissions"
OPTION_KINDS = {"datacenter": "datacenter", "compute_cluster": "compute_cluster", "resource_pool": "resource_pool", "datastore": "datastore",
                "network": "network", "folder": "folder", "image_template_folder": "template_folder"}

# parent: id of what it lies in, None at the top. pool: a virtual machine's resource pool; a template has none, and its host stands here. root: id of a
# datacenter's VM folder.
Node = namedtuple("Node", "moid type name parent pool template root ref")


def moid(ref):
    return ref._GetMoId() if ref is not None else None


class Tree:
    """An inventory's objects by id. Pure, once read."""

    def __init__(self, nodes, root):
        """root: id of the root folder."""
        self.nodes, self.root = {node.moid: node for node in nodes}, root
        self._paths, self._vm_folders = {root: "/"}, {}

    def path(self, key):
        """'/dc-1/host/cluster-1', as an option takes it; '/' for the root folder; '…/cluster-1' where the session cannot see what it lies in."""
        if key not in self._paths:
            node = self.nodes.get(key)
            above = self.path(node.parent).rstrip("/") if node and node.parent in self.nodes else "…"
            self._paths[key] = f"{above}/{path_text([node.name]) or '(' + key + ')'}" if node else f"…/({key})"
        return self._paths[key]

    def is_vm_folder(self, key):
        """Whether a folder is a datacenter's VM folder or below it."""
        if key not in self._vm_folders:
            node, above = self.nodes[key], self.nodes.get(self.nodes[key].parent)
            inside = above is not None and (above.root == key if above.type == "Datacenter" else above.type == "Folder" and self.is_vm_folder(above.moid))
            self._vm_folders[key] = node.type == "Folder" and inside
        return self._vm_folders[key]

    def below(self, key, types):
        """[(node, [names from just below key to it])] of these types."""
        found = []
        for node in self.nodes.values():
            if node.type in types:
                names, at = [], node
                while at is not None and at.moid != key:
                    names.append(at.name)
                    at = self.nodes.get(at.parent)
                if at is not None and names:
                    found.append((node, names[::-1]))
        return found

    def kind(self, node, template_folders=()):
        """The kind that privileges are listed for; None for folders of hosts, datastores, networks and datacenters, and for a datacenter's own VM folder."""
        if node.type == "VirtualMachine":
            return "template" if node.template else "virtual_machine"
        if node.type in ("Folder", "StoragePod"):
            if node.moid == self.root:
                return "root"
            if not self.is_vm_folder(node.moid) or self.nodes[node.parent].type == "Datacenter":
                return None
            return "template_folder" if node.moid in template_folders else "folder"
        return KINDS.get(node.type)

    def object(self, key, kind):
        """{kind, ref, path, moid, type, parent (id)} of an object."""
        node = self.nodes[key]
        return {"kind": kind, "ref": node.ref, "path": self.path(key), "moid": key, "type": node.type, "parent": node.parent}


@contextlib.contextmanager
def listed(vsphere, kinds, with_root):
    """A PropertyFilterSpec over the whole inventory, as long as its view is there. kinds: [(type, paths)]. with_root: the root folder too."""
    query, root, manager = vmodl.query.PropertyCollector, vsphere.content.rootFolder, vsphere.content.viewManager
    view = vsphere.call(lambda: manager.CreateContainerView(root, [kind for kind, _paths in kinds], True), "listing vCenter's inventory", idempotent=True)
    try:
        step = query.TraversalSpec(name="view", type=vim.view.ContainerView, path="view", skip=False)
        objects = [query.ObjectSpec(obj=view, skip=True, selectSet=[step])] + ([query.ObjectSpec(obj=root, skip=False)] if with_root else [])
        yield query.FilterSpec(objectSet=objects,
                               propSet=[query.PropertySpec(type=kind, all=False, pathSet=list(paths)) for kind, paths in kinds])
    finally:
        with contextlib.suppress(VcenterFailure):
            vsphere.call(view.DestroyView, "ending a view of the inventory")


def read_tree(vsphere, machines=False):
    """Tree of all that the session can see; virtual machines only when asked for, and then without the port groups that are a switch's uplinks."""
    plain = (vim.Folder, vim.ComputeResource, vim.HostSystem, vim.ResourcePool, vim.Datastore, vim.Network, vim.DistributedVirtualSwitch)
    kinds = [(kind, ("name", "parent")) for kind in plain] + [(vim.Datacenter, ("name", "parent", "vmFolder"))]
    found = nodes(vsphere, kinds) + (nodes(vsphere, [(vim.VirtualMachine, ("name", "parent", "resourcePool"))], False) if machines else [])
    unpooled = {node.moid: node.ref for node in found if node.type == "VirtualMachine" and not node.pool}
    groups = [node.ref for node in found if machines and node.type == "DistributedVirtualPortgroup"]
    uplinks = {moid(ref) for ref, row in vsphere.read(groups, ("config.uplink",), strict=False).items() if row.get("config.uplink")}
    facts = {moid(ref): row for ref, row in vsphere.read(unpooled.values(), ("config.template", "runtime.host"), strict=False).items()}
    return Tree([node._replace(template=bool(facts[node.moid].get("config.template")), pool=moid(facts[node.moid].get("runtime.host")))
                 if node.moid in facts else node for node in found if node.moid not in uplinks], moid(vsphere.content.rootFolder))


def nodes(vsphere, kinds, root=True):
    """[Node] of all objects of these types, and of the root folder. kinds: [(type, paths)]."""
    with listed(vsphere, kinds, root) as spec:
        return [node_of(vsphere, *properties(each, ns)) for each, ns in pages(vsphere, [spec])]


def node_of(vsphere, type_, key, values):
    name = text(values, "name") or ""
    return Node(key, type_, decoded(name) if "%" in name else name, text(values, "parent"), text(values, "resourcePool"), False, text(values, "vmFolder"),
                reference(vsphere, type_, key))


def unresolved(number, key, text, observed):
    """The finding for a name that is no object, or several."""
    role, _on, _propagate = granted_by(OPTION_KINDS[key])
    return finding("placement_resolved", "error", f"the {PLACEMENT_WORDS[key]} of a placement is not found", f"option placements[{number}].{key}", observed,
                   f"one {PLACEMENT_WORDS[key]} '{text}' that the session can see",
                   f"correct the name or give its full path; if it is right, the session cannot see it: grant the {ROLE_TITLES[role]} on it",
                   SECTION, "vCenter", None, name=text)


def look_up(candidates, text):
    """(node, '') of the one with that full path or bare name, or (None, what was seen). candidates: [(node, [names])]."""
    wanted = split_path(text)
    exact = [node for node, names in candidates if names == wanted]
    if len(exact) == 1:
        return exact[0], ""
    named = [(node, names) for node, names in candidates if len(wanted) == 1 and names[-1] == wanted[0]]
    if len(named) == 1:
        return named[0][0], ""
    if named:
        return None, "several: " + ", ".join(sorted(path_text(names) for _node, names in named))
    return None, "not there; there are: " + (", ".join(sorted(path_text(names) for _node, names in candidates)[:20]) or "none")


def members(tree, refs):
    """Candidates among a compute cluster's datastores or networks."""
    return [(tree.nodes[moid(ref)], [tree.nodes[moid(ref)].name]) for ref in refs or [] if moid(ref) in tree.nodes]


def places_of(vsphere, tree, root, placement, number):
    """({option: node}, [findings]) of one placement: datacenter, compute_cluster, resource_pool, datastore, network, folder, image_template_folder."""
    found, problems = {}, []

    def take(key, candidates, text=None):
        node, observed = look_up(candidates, text or placement[key])
        if node is None:
            problems.append(unresolved(number, key, placement[key], observed))
        else:
            found[key] = node
        return node

    datacenter = take("datacenter", tree.below(root, ("Datacenter",)))
    if datacenter is None:
        return found, problems
    for key in ("folder", "image_template_folder"):
        take(key, tree.below(datacenter.root, ("Folder",)))
    cluster = take("compute_cluster", [(node, names[1:]) for node, names in tree.below(datacenter.moid, ("ClusterComputeResource", "ComputeResource"))])
    if cluster is None:
        return found, problems
    row = vsphere.read([cluster.ref], ("resourcePool", "datastore", "network"), strict=False).get(cluster.ref, {})
    if split_path(placement["resource_pool"]) == ["Resources"] and moid(row.get("resourcePool")) in tree.nodes:
        found["resource_pool"] = tree.nodes[moid(row["resourcePool"])]
    else:
        take("resource_pool", tree.below(moid(row.get("resourcePool")), ("ResourcePool", "VirtualApp")))
    for key in ("datastore", "network"):
        take(key, members(tree, row.get(key)), (split_path(placement[key]) or [""])[-1])
    return found, problems


def switch_of(vsphere, tree, node, number):
    """(id of the switch of a distributed port group or None, [findings]). A switch that cannot be read is named by the port group."""
    if node.type != "DistributedVirtualPortgroup":
        return None, []
    ref = vsphere.read([node.ref], ("config.distributedVirtualSwitch",), strict=False).get(node.ref, {}).get("config.distributedVirtualSwitch")
    if moid(ref) in tree.nodes and tree.nodes[moid(ref)].name:
        return moid(ref), []
    seen = f"the switch of port group {tree.path(node.moid)} cannot be read" + (f" ({label(ref)})" if ref is not None else "")
    return None, [finding("switch_readable", "error", "the distributed switch of the network cannot be read", f"option placements[{number}].network", seen,
                          "System.Read on the switch", "grant the built-in role ReadOnly on the distributed switch, without propagation", SECTION, "vCenter",
                          place(tree.path(node.moid), node.moid, node.type), name=node.name)]


def at_placements(vsphere, tree, placements):
    """({id: kind}, [{option: node} of each placement], [findings])"""
    root = tree.root
    kinds, resolved, problems = {root: "root"} if root in tree.nodes else {}, [], []
    for number, placement in enumerate(placements):
        found, more = places_of(vsphere, tree, root, placement, number)
        problems += more
        resolved.append(found)
        for key, node in found.items():
            kinds.setdefault(node.moid, OPTION_KINDS[key])
        if "compute_cluster" in found:
            kinds.update((node.moid, "host") for node in tree.nodes.values() if node.type == "HostSystem" and node.parent == found["compute_cluster"].moid)
        if "network" in found:
            switch, more = switch_of(vsphere, tree, found["network"], number)
            problems += more
            if switch:
                kinds[switch] = "switch"
    return kinds, resolved, problems


def whole(tree, kinds):
    """{id: kind} of all objects that have one. kinds: those of the placements, which tell template folders from others."""
    templates = {key for key, kind in kinds.items() if kind == "template_folder"}
    found = {node.moid: tree.kind(node, templates) for node in tree.nodes.values()}
    return {key: kind for key, kind in found.items() if kind}


def to_be_made(tree, resolved):
    """[{kind, path, moid: "", type, parent, parents}]: the virtual machines and templates that a run makes at resolved placements; parents: what they will
    inherit from."""
    found = {}
    for place_ in resolved:
        if "folder" in place_ and "resource_pool" in place_:
            found[("virtual_machine", place_["folder"].moid, place_["resource_pool"].moid)] = "VirtualMachine"
        if "image_template_folder" in place_ and "compute_cluster" in place_:
            found[("template", place_["image_template_folder"].moid, place_["compute_cluster"].moid)] = "VirtualMachine"
    return [{"kind": key[0], "path": f"{tree.path(key[1])}/(to be made)", "moid": "", "type": type_, "parent": key[1], "parents": key[1:]}
            for key, type_ in found.items()]


def parents(tree):
    """{id: (ids of what it inherits permissions from)}: a virtual machine has its folder and its resource pool, a template its folder and its host."""
    return {node.moid: tuple(key for key in (node.parent, node.pool) if key) for node in tree.nodes.values()}


def complex_entities(tree):
    """{id: id of the parent whose permissions it always has} (vSphere API, AuthorizationManager.SetEntityPermissions)."""
    above = {node.moid: tree.nodes[node.parent].type for node in tree.nodes.values() if node.parent in tree.nodes}
    clusters = ("ComputeResource", "ClusterComputeResource")
    return {node.moid: node.parent for node in tree.nodes.values() if (node.type == "Folder" and above.get(node.moid) == "Datacenter")
            or (node.type == "ResourcePool" and above.get(node.moid) in clusters) or (node.type == "HostSystem" and above.get(node.moid) == "ComputeResource")}


def touched(vsphere, placements, scope="placements", tree=None):
    """([{kind, ref, path, moid, type, parent}], [findings]): what a run touches, sorted by path; findings for names that are no object.

    placements: as in the options. scope: placements | all (the whole inventory, virtual machines and templates too). tree: read_tree(), when there is one.
    """
    tree = tree or read_tree(vsphere, machines=scope == "all")
    kinds, _resolved, problems = at_placements(vsphere, tree, placements)
    if scope == "all":
        kinds = whole(tree, kinds)
    return sorted((tree.object(key, kind) for key, kind in kinds.items()), key=lambda each: each["path"]), problems
