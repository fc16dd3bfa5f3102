# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A right that vCenter misses is told by label, privilege, object and the role that it belongs to."""
from __future__ import annotations

import pytest

from ansible_collections.palette.vmware.plugins.module_utils._denied import bare, belongs, denied, denied_by_rest, named, privileges_in
from ansible_collections.palette.vmware.plugins.module_utils._privileges import KINDS, PROFILES, rows

SPECTRO, ROOT = "page: Privileges Under the Spectro Role", "page: Privileges Under Root-Level Role"


@pytest.mark.parametrize("privilege, kind, role", [
    ("VApp.Import", "folder", ("spectro", "profile collection")),
    ("VApp.Import", "resource_pool", ("spectro", "profile collection")),
    ("VirtualMachine.Config.AddNewDisk", "virtual_machine", ("spectro", SPECTRO)),
    ("Datastore.Browse", "datastore", ("spectro", SPECTRO)),
    ("Datastore.Browse", "datacenter", ("root", ROOT)),
    ("InventoryService.Tagging.CreateCategory", "root", ("root", "profile collection")),
    ("InventoryService.Tagging.AttachTag", "datacenter", ("root", "profile collection")),
    ("InventoryService.Tagging.AttachTag", "compute_cluster", ("spectro", SPECTRO)),
    ("Cns.Searchable", "root", ("root", "profile vendor_current")),
    ("System.Read", "switch", ("read_only", "")),
    ("System.View", "folder", ("spectro", "")),
    ("Host.Config.Maintenance", "host", ("", "")),
])
def test_where_a_privilege_belongs(privilege, kind, role):
    assert belongs(privilege, kind) == role


def test_every_row_of_the_profiles_is_told():
    """Whatever row is missing on whatever object it counts on: the message has id, label, object and a role that is asked for it there."""
    count, titles = 0, {"root": "root-level role", "spectro": "Spectro role", "read_only": "role ReadOnly"}
    for row in rows(PROFILES):
        for kind in row["kinds"]:
            failure = denied("it failed", "", [("/a (X:x-1)", kind, [row["privilege"]])])
            assert f"{named(row['privilege'])} missing on /a (X:x-1)" in failure.observed and " /a" in failure.fix
            asked = {other["role"] for other in rows(PROFILES) if other["privilege"] == row["privilege"] and kind in other["kinds"]}
            assert any(titles[role] in failure.fix for role in asked), (row, kind)
            count += 1
    assert count > 105 and {kind for row in rows(PROFILES) for kind in row["kinds"]} == set(KINDS)


@pytest.mark.parametrize("place, path", [
    ("/dc/host/Prod (old) (ClusterComputeResource:domain-c8)", "/dc/host/Prod (old)"), ("/dc/host/a (b) (HostSystem:host-1) and 3 more", "/dc/host/a (b)"),
    ("/dc (Datacenter:datacenter-2)", "/dc"), ("/dc/vm/x (y)", "/dc/vm/x (y)"), ("Folder:group-v3", "Folder:group-v3"), ("", ""),
])
def test_the_path_of_a_place_keeps_the_brackets_of_its_name(place, path):
    assert bare(place) == path
    assert not path or f"granted on {path}" in denied("it failed", "", [(place, "folder", ["VApp.Import"])]).fix


def test_several_are_told_together_by_role():
    failure = denied("it failed", "VM x", [("/f", "folder", ["VApp.Import", "VirtualMachine.Inventory.Create", "Folder.Create"]), ("/", "root", ["X.Y"])])
    assert str(failure) == (
        "not allowed: it - VM x on /f and / - seen: NoPermission: VApp.Import (vApp > Import), VirtualMachine.Inventory.Create (Virtual machine > Edit "
        "Inventory > Create new), Folder.Create (Folder > Create folder) missing on /f; X.Y missing on / - "
        "add VApp.Import to the Spectro role (profile collection), and have that role granted on /f; role palette.vmware.vcenter_access does it; "
        "add VirtualMachine.Inventory.Create, Folder.Create to the Spectro role (page: Privileges Under the Spectro Role), and have that role granted on /f; "
        "role palette.vmware.vcenter_access does it; grant X.Y to the user on /")
    assert failure.fault == "NoPermission"


@pytest.mark.parametrize("lacking, seen", [
    ([("", "", [])], "NoPermission: a privilege missing on an object that vCenter does not name"),
    ([("/f", "folder", [])], "NoPermission: a privilege missing on /f"),
    ([], "NoPermission: "),
])
def test_what_vcenter_leaves_out_is_no_second_failure(lacking, seen):
    failure = denied("it failed", "", lacking)
    assert failure.observed == seen and failure.fix


@pytest.mark.parametrize("where, told", [("", "/f (Folder:group-1)"), ("/f", "/f (Folder:group-1)"), ("/f (Folder:group-1)", "/f (Folder:group-1)"),
                                         ("/fo", "/fo on /f (Folder:group-1)"), ("import of x", "import of x on /f (Folder:group-1)")])
def test_a_place_is_told_once(where, told):
    assert denied("it failed", where, [("/f (Folder:group-1)", "folder", ["VApp.Import"])]).where == told


def test_the_switch_is_read_without_propagation():
    failure = denied("x", "", [("/dc-1/network/vds-1", "switch", ["System.Read"])])
    assert "grant the built-in role ReadOnly on /dc-1/network/vds-1, without propagation" in failure.fix


def test_privileges_in_a_server_s_words():
    texts = ["svc lacks InventoryService.Tagging.AttachTag on ClusterComputeResource:domain-c9 (vapi.std.errors, com.vmware.X)", "Host.Config.Storage, No.Such"]
    assert privileges_in(texts) == ["InventoryService.Tagging.AttachTag", "Host.Config.Storage"]


@pytest.mark.parametrize("messages, documented, seen", [
    ([{"default_message": "x lacks InventoryService.Tagging.CreateCategory", "args": []}], ("InventoryService.Tagging.CreateTag",),
     "HTTP 403 NoPermission: InventoryService.Tagging.CreateCategory (vSphere Tagging > Create vSphere Tag Category) missing on /: "
     "x lacks InventoryService.Tagging.CreateCategory"),
    ([{"default_message": "Unable to authorize user", "args": None}], ("InventoryService.Tagging.CreateTag",),
     "HTTP 403 NoPermission: InventoryService.Tagging.CreateTag (vSphere Tagging > Create vSphere Tag) missing on /; "
     "vCenter does not name the privilege, these are the documented ones: Unable to authorize user"),
    ([], (), "HTTP 403 NoPermission"),
    ([{"default_message": None}], (), "HTTP 403 NoPermission"),
])
def test_refusals_of_the_rest_api(messages, documented, seen):
    failure = denied_by_rest("creating it failed", "https://vc", messages, documented, ("/", "root"))
    assert failure.observed == seen and failure.fault == "NoPermission" and failure.fix
