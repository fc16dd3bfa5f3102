# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page's example site as plain data: an inventory tree, the objects that a run touches, and the page's roles granted on them."""
from __future__ import annotations

from ansible_collections.palette.vmware.plugins.module_utils import _audit_verdicts as verdicts
from ansible_collections.palette.vmware.plugins.module_utils._permission_audit import Ground, confirmed, evaluated, report
from ansible_collections.palette.vmware.plugins.module_utils._permissions import Grant
from ansible_collections.palette.vmware.plugins.module_utils._privileges import GRANTS, IMPLIED, PROFILES, roles, rows
from ansible_collections.palette.vmware.plugins.module_utils._touched import Node, Tree, to_be_made

USER = "VSPHERE.LOCAL\\svc-palette"
KNOWN = frozenset({row["privilege"] for row in rows(PROFILES)} | {other for row in rows(PROFILES) for other in row["any_of"]}
                  | set(IMPLIED) | {"Global.Settings", "Authorization.ModifyPermissions"})
KIND = {"root": "root", "dc": "datacenter", "cluster": "compute_cluster", "esx-1": "host", "esx-2": "host", "pool": "resource_pool", "ds": "datastore",
        "pg": "network", "vds": "switch", "gateways": "folder", "templates": "template_folder", "vm-1": "virtual_machine", "vm-2": "virtual_machine",
        "image": "template"}


def node(moid, type_, parent, name=None, **more):
    return Node(moid, type_, name or moid, parent, more.get("pool"), more.get("template", False), more.get("root"), None)


def tree():
    """root / dc-1 with cluster-1 of two hosts and a pool, a datastore, a port group and its switch, two VM folders, two machines and a template."""
    return Tree([
        node("root", "Folder", None, "Datacenters"), node("dc", "Datacenter", "root", "dc-1", root="vmroot"),
        node("vmroot", "Folder", "dc", "vm"), node("hosts", "Folder", "dc", "host"), node("stores", "Folder", "dc", "datastore"),
        node("nets", "Folder", "dc", "network"), node("cluster", "ClusterComputeResource", "hosts", "cluster-1"),
        node("esx-1", "HostSystem", "cluster"), node("esx-2", "HostSystem", "cluster"), node("Resources", "ResourcePool", "cluster"),
        node("pool", "ResourcePool", "Resources"), node("ds", "Datastore", "stores"), node("vds", "VmwareDistributedVirtualSwitch", "nets"),
        node("pg", "DistributedVirtualPortgroup", "nets"), node("palette", "Folder", "vmroot"), node("gateways", "Folder", "palette"),
        node("templates", "Folder", "vmroot", "spectro-templates"), node("vm-1", "VirtualMachine", "gateways", pool="pool"),
        node("vm-2", "VirtualMachine", "gateways", pool="pool"), node("image", "VirtualMachine", "templates", pool="esx-1", template=True)], "root")


def page_roles(profiles=("page",)):
    """{role: privileges} with what every role holds."""
    return {**{role: frozenset(ids) | frozenset(IMPLIED) for role, ids in roles(profiles).items()}, "read_only": frozenset(IMPLIED)}


def page_grants(privileges=None, assignment="page", user=USER):
    """Grants of the page's roles as the page says."""
    privileges = privileges or page_roles()
    return [Grant(key, user, False, grant["role"], privileges[grant["role"]], grant["propagate"])
            for grant in GRANTS[assignment] for key, kind in KIND.items() if kind == grant["kind"]]


def ground(grants, known=KNOWN, groups=(), machines=False, user=USER, problems=()):
    """Ground with the objects of a run at the one placement; machines: also those that are there."""
    site = tree()
    place = {"folder": site.nodes["gateways"], "resource_pool": site.nodes["pool"], "compute_cluster": site.nodes["cluster"],
             "image_template_folder": site.nodes["templates"]}
    kinds = {key: kind for key, kind in KIND.items() if machines or kind not in verdicts.MACHINES}
    return Ground(user, "session", True, known, site, [site.object(key, kind) for key, kind in kinds.items()], to_be_made(site, [place]), list(grants),
                  tuple(groups), list(problems))


def audit(grants, profiles=("page",), said=None, **more):
    """The result of the module for these grants. said: vCenter's answers, {id: {privilege: bool}}."""
    here, needs = ground(grants, **more), verdicts.needs(profiles)
    judged, differences = confirmed(evaluated(here), said or {})
    return report({"profiles": list(profiles), "scope": "all" if more.get("machines") else "placements"}, here, needs, judged, differences,
                  verdicts.CONFIRMED if said else verdicts.EVALUATED)


def missing(result):
    """{(path, kind, privilege)} of the verdicts, objects one by one."""
    return {(thing["path"], verdict["kind"], privilege) for verdict in result["permission_audit"]["verdicts"] for thing in verdict["objects"]
            for privilege in verdict["missing"]}
