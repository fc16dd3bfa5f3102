# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Privilege profiles: which privileges are needed, on what kind of object, by whose word, and how roles are granted. Pure data. PRIVATE to the collection.

Profiles: page (the documentation page's two tables), vendor_current (the vendor's current list of the same), collection (what this collection's own steps need
beyond the page). A row is a dict with the keys of ROW.
"""
from __future__ import annotations

from ._privileges_page import EXCEPTIONS, ROOT_TABLES, SPECTRO_TABLES

PROFILES = ("page", "vendor_current", "collection")
ROLES = ("root", "spectro")
READ_ONLY = "read_only"
KINDS = ("root", "datacenter", "compute_cluster", "host", "resource_pool", "datastore", "network", "switch", "folder", "template_folder", "virtual_machine",
         "template")
ROLE_TITLES = {"root": "root-level role", "spectro": "Spectro role", READ_ONLY: "built-in role ReadOnly"}
SECTIONS = {"root": "Privileges Under Root-Level Role", "spectro": "Privileges Under the Spectro Role", READ_ONLY: "VMware Cloud Account Permissions"}
IMPLIED = ("System.Anonymous", "System.Read", "System.View")

# role: root | spectro | read_only. label_8: the label in vSphere 8's client where it differs. kinds: objects where it counts. any_of: privileges of which one
# will do in its place. since: the first vSphere that knows it, where not all supported ones do. basis: vmware (documented as taking effect there) | page (asked
# for there by the page only). step: of this collection's own, profile collection only.
ROW = ("profile", "role", "group", "label", "label_8", "privilege", "kinds", "any_of", "since", "basis", "step", "note", "source")


def _row(profile, role, group, label, privilege, kinds, source, **more):
    row = dict.fromkeys(("label_8", "since", "step", "note"), "")
    row.update(profile=profile, role=role, group=group, label=label, privilege=privilege, kinds=kinds, any_of=(), basis="vmware", source=source)
    row.update(more)
    return {key: row[key] for key in ROW}


def _tables(profile, role, tables, source):
    return [_row(profile, role, group, label, privilege, **{"kinds": kinds, "source": source, **EXCEPTIONS.get((role, privilege), {})})
            for group, kinds, rows in tables for label, privilege in rows]


def _page(profile):
    """The rows of the page's two tables and its sentence on distributed switches."""
    return (_tables(profile, "root", ROOT_TABLES, "page") + _tables(profile, "spectro", SPECTRO_TABLES, "page")
            + [_row(profile, READ_ONLY, "System", "Read", "System.Read", ("switch",), "page",
                    note="the switch of a distributed port group, without propagation")])


def _vendor_current():
    """The page's rows as the vendor's current list has them, and those that the page lost."""
    kept = [row for row in _page("vendor_current") if row["privilege"] != "StorageViews.ConfigureService"]
    current, older = "vendor's current page", "vendor's page of 2022"
    return kept + [
        _row("vendor_current", "root", "CNS", "Searchable", "Cns.Searchable", ("root",), current, since="6.7", note="takes effect at the vCenter root only"),
        _row("vendor_current", "spectro", "CNS", "Searchable", "Cns.Searchable", ("root",), current, since="6.7", note="takes effect at the vCenter root only"),
        _row("vendor_current", "spectro", "Storage views", "View", "StorageViews.View", ("root",), current, note="takes effect at the vCenter root only"),
        _row("vendor_current", "spectro", "vApp", "Import", "VApp.Import", ("folder", "resource_pool"), current),
        _row("vendor_current", "spectro", "vApp", "Export", "VApp.Export", ("virtual_machine",), older),
        _row("vendor_current", "spectro", "vSAN > Cluster", "ShallowRekey", "Vsan.Cluster.ShallowRekey", ("compute_cluster",), current, since="7.0"),
    ]


TAGGING = "vSphere Tagging"
TAG_RULES = "VMware: vSphere Tagging privileges, and permissions on tag objects"


def _collection():
    """What this collection's own steps need and the page's roles do not give."""
    return [
        _row("collection", "spectro", "vApp", "Import", "VApp.Import", ("folder", "resource_pool"), "VMware: ResourcePool.ImportVApp",
             step="gateway_installer imports the installer's OVA"),
        _row("collection", "root", TAGGING, "Create vSphere Tag Category", "InventoryService.Tagging.CreateCategory", ("root",), TAG_RULES,
             step="zone_tags creates the categories k8s-region and k8s-zone"),
        _row("collection", "root", TAGGING, "Assign or Unassign vSphere Tag", "InventoryService.Tagging.AttachTag", ("root", "datacenter"), TAG_RULES,
             step="zone_tags attaches the region to the datacenter", note="on the tag, which has its rights from the root, and on the datacenter"),
        _row("collection", "root", TAGGING, "Assign or Unassign vSphere Tag on Object", "InventoryService.Tagging.ObjectAttachable", ("datacenter",), TAG_RULES,
             since="7.0", step="zone_tags attaches the region to the datacenter"),
        _row("collection", "spectro", TAGGING, "Assign or Unassign vSphere Tag on Object", "InventoryService.Tagging.ObjectAttachable", ("compute_cluster",),
             TAG_RULES, since="7.0", step="zone_tags attaches the zone to the compute cluster"),
    ]


_ROWS = {"page": _page("page"), "vendor_current": _vendor_current(), "collection": _collection()}
_LABELS = {row["privilege"]: f"{row['group']} > {row['label']}" for name in reversed(PROFILES) for row in reversed(_ROWS[name])}


def rows(profiles):
    """All rows of these profiles, in the order of PROFILES."""
    return [dict(row) for name in PROFILES if name in profiles for row in _ROWS[name]]


def roles(profiles):
    """{"root": [privilege ids], "spectro": [...]}: the one role of each that these profiles need together, sorted.

    vCenter allows one permission for a principal on an object, so profiles cannot be roles of their own.
    """
    return {role: sorted({row["privilege"] for row in rows(profiles) if row["role"] == role}) for role in ROLES}


def required(profiles):
    """{kind: [rows that count on objects of that kind]}"""
    wanted = rows(profiles)
    return {kind: [row for row in wanted if kind in row["kinds"]] for kind in KINDS}


def label(privilege):
    """'Virtual machine > Change Configuration > Add new disk' as vCenter's client shows it; the id of a privilege that no profile has."""
    return _LABELS.get(privilege, privilege)


def some(privileges, most=8):
    """The first of them by name, and how many more there are."""
    names = sorted(privileges)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _grant(role, kind, propagate=False):
    return {"role": role, "kind": kind, "propagate": propagate}


# Which role a principal gets on which objects. Hosts and resource pools have theirs from the compute cluster, machines and templates from their folders.
# vendor_current follows the vendor's current page to the letter: its root-level role on the VM folder lacks the rights to make virtual machines there.
GRANTS = {
    "page": (_grant("root", "root"), _grant("root", "datacenter"), _grant("spectro", "compute_cluster", True), _grant("spectro", "folder", True),
             _grant("spectro", "template_folder", True), _grant("spectro", "datastore"), _grant("spectro", "network"), _grant(READ_ONLY, "switch")),
    "vendor_current": (_grant("root", "root"), _grant("root", "datacenter"), _grant("root", "compute_cluster"), _grant("root", "folder", True),
                       _grant("root", "switch"), _grant("spectro", "host"), _grant("spectro", "resource_pool", True), _grant("spectro", "datastore", True),
                       _grant("spectro", "network", True), _grant("spectro", "template_folder", True)),
}


def granted_by(kind, assignment="page"):
    """(role, kind to grant it on, propagate) that gives an object of this kind its rights: its own, or those of what it inherits from."""
    above = {"host": "compute_cluster", "resource_pool": "compute_cluster", "virtual_machine": "folder", "template": "template_folder"}
    for wanted in (kind, above.get(kind)):
        for grant in GRANTS[assignment]:
            if grant["kind"] == wanted:
                return grant["role"], wanted, grant["propagate"]
    return "", kind, False
