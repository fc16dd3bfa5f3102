# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page's rows, what they count on, and how they are granted."""
from __future__ import annotations

import pytest
from ansible_collections.palette.vmware.plugins.module_utils import _privileges as privileges

PAGE = privileges.rows(["page"])
TABLE = {(row["role"], row["privilege"]): row for row in PAGE}
EXTRA = {
    ("root", "InventoryService.Tagging.CreateCategory", ("root",)),
    ("root", "InventoryService.Tagging.AttachTag", ("root", "datacenter")),
    ("root", "InventoryService.Tagging.ObjectAttachable", ("datacenter",)),
    ("spectro", "InventoryService.Tagging.ObjectAttachable", ("compute_cluster",)),
    ("spectro", "VApp.Import", ("folder", "resource_pool")),
}


def test_the_page_has_eight_and_ninety_seven_rows_and_the_sentence_on_switches():
    count = {role: len([row for row in PAGE if row["role"] == role]) for role in ("root", "spectro", "read_only")}
    assert count == {"root": 8, "spectro": 97, "read_only": 1} and len(TABLE) == len(PAGE)


@pytest.mark.parametrize("row", privileges.rows(privileges.PROFILES), ids=lambda row: f"{row['profile']}-{row['role']}-{row['privilege']}")
def test_every_row_is_complete(row):
    assert tuple(row) == privileges.ROW
    assert row["group"] and row["label"] and row["source"] and row["kinds"] and set(row["kinds"]) <= set(privileges.KINDS)
    assert row["basis"] in ("vmware", "page") and (row["basis"] == "vmware" or row["note"])
    assert bool(row["step"]) is (row["profile"] == "collection")
    assert privileges.label(row["privilege"]).count(" > ") >= 1


@pytest.mark.parametrize("profile, assignment", [("page", "page"), ("vendor_current", "page")])
def test_rows_are_asked_for_only_where_the_assignment_gives_them(profile, assignment):
    given = {**{role: set(ids) for role, ids in privileges.roles([profile]).items()}, "read_only": set(privileges.IMPLIED)}
    for kind, rows in privileges.required([profile]).items():
        have = given[privileges.granted_by(kind, assignment)[0]]
        lacking = [row["privilege"] for row in rows if have.isdisjoint({row["privilege"], *row["any_of"]})]
        assert lacking == [], f"{kind}: {lacking}"


def test_the_collection_needs_these_rows_beyond_the_page_and_no_others():
    assert {(row["role"], row["privilege"], row["kinds"]) for row in privileges.rows(["collection"])} == EXTRA
    given = {role: set(ids) for role, ids in privileges.roles(["page"]).items()}
    for kind, rows in privileges.required(["collection"]).items():
        for row in rows:
            assert row["privilege"] not in given[privileges.granted_by(kind)[0]], f"{row['privilege']} on a {kind} is the page's already"


@pytest.mark.parametrize("role, privilege, wanted", [
    ("root", "Host.Config.Storage", {"kinds": ("root", "datacenter"), "basis": "page"}),
    ("spectro", "StorageViews.ConfigureService", {"kinds": ("root",), "any_of": ("StorageViews.View",)}),
    ("spectro", "VApp.ExtractOvfEnvironment", {"group": "vApp", "kinds": ("virtual_machine",)}),
    ("spectro", "VirtualMachine.Interact.PowerOn", {"group": "Virtual machine > Interaction", "kinds": ("virtual_machine",)}),
    ("spectro", "VirtualMachine.Provisioning.Clone", {"group": "Virtual machine > Provisioning"}),
    ("root", "InventoryService.Tagging.CreateTag", {"kinds": ("root",)}),
    ("spectro", "Sessions.ValidateSession", {"kinds": ("root",)}),
    ("spectro", "StorageProfile.View", {"kinds": ("root",), "label_8": "View VM storage policies"}),
    ("root", "StorageViews.View", {"kinds": ("root",)}),
    ("spectro", "VirtualMachine.Provisioning.ModifyCustSpecs", {"basis": "page"}),
    ("spectro", "VirtualMachine.Provisioning.GetVmFiles", {"basis": "page"}),
    ("spectro", "VirtualMachine.Inventory.Delete", {"kinds": ("folder", "virtual_machine")}),
    ("spectro", "VirtualMachine.Inventory.Unregister", {"kinds": ("folder", "virtual_machine")}),
    ("spectro", "VirtualMachine.Inventory.Create", {"kinds": ("compute_cluster", "host", "folder", "template_folder")}),
    ("spectro", "VirtualMachine.Provisioning.DeployTemplate", {"kinds": ("template",)}),
    ("spectro", "Datastore.DeleteFile", {"label": "Remove file", "kinds": ("datastore",)}),
    ("spectro", "Host.Local.ReconfigVM", {"kinds": ("host",), "basis": "page", "group": "Host > Local operations"}),
    ("spectro", "Task.Update", {"any_of": ("Task.Update.Task.Update",)}),
    ("spectro", "VirtualMachine.Config.MksControl", {"label": "Display connection settings"}),
    ("spectro", "VirtualMachine.Namespace.Event", {"label": "Allow notifications"}),
    ("spectro", "VirtualMachine.Namespace.EventNotify", {"label": "Allow polling of global event notifications"}),
    ("spectro", "VirtualMachine.Hbr.ReplicaManagement", {"label": "Manage replication"}),
    ("read_only", "System.Read", {"kinds": ("switch",)}),
])
def test_what_was_ambiguous_on_the_page_is_decided(role, privilege, wanted):
    assert {key: TABLE[(role, privilege)][key] for key in wanted} == wanted


def test_the_current_list_has_what_the_page_lost():
    current = {(row["role"], row["privilege"]) for row in privileges.rows(["vendor_current"])}
    assert current - set(TABLE) == {("root", "Cns.Searchable"), ("spectro", "Cns.Searchable"), ("spectro", "StorageViews.View"), ("spectro", "VApp.Import"),
                                    ("spectro", "VApp.Export"), ("spectro", "Vsan.Cluster.ShallowRekey")}
    assert set(TABLE) - current == {("spectro", "StorageViews.ConfigureService")}


def test_profiles_are_united_into_one_role_each():
    page, both = privileges.roles(["page"]), privileges.roles(["page", "collection"])
    assert {role: len(ids) for role, ids in page.items()} == {"root": 8, "spectro": 97}
    assert set(both["root"]) - set(page["root"]) == {privilege for role, privilege, _kinds in EXTRA if role == "root"}
    assert set(both["spectro"]) - set(page["spectro"]) == {privilege for role, privilege, _kinds in EXTRA if role == "spectro"}
    assert all(ids == sorted(set(ids)) for ids in both.values())


def test_tagging_of_objects_is_known_since_seven():
    assert {row["since"] for row in privileges.rows(["collection"]) if row["privilege"].endswith("ObjectAttachable")} == {"7.0"}


@pytest.mark.parametrize("kind, wanted", [
    ("root", ("root", "root", False)), ("datacenter", ("root", "datacenter", False)), ("compute_cluster", ("spectro", "compute_cluster", True)),
    ("host", ("spectro", "compute_cluster", True)), ("resource_pool", ("spectro", "compute_cluster", True)), ("switch", ("read_only", "switch", False)),
    ("virtual_machine", ("spectro", "folder", True)), ("template", ("spectro", "template_folder", True)), ("datastore", ("spectro", "datastore", False)),
])
def test_where_an_object_has_its_rights_from(kind, wanted):
    assert privileges.granted_by(kind) == wanted


def test_each_assignment_gives_one_role_for_a_kind():
    for grants in privileges.GRANTS.values():
        kinds = [grant["kind"] for grant in grants]
        assert len(kinds) == len(set(kinds)) and set(kinds) <= set(privileges.KINDS)


def test_rows_are_copies():
    privileges.rows(["page"])[0]["kinds"] = ()
    assert privileges.rows(["page"])[0]["kinds"]
