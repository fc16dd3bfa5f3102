# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The AuthorizationManager on the lab's vCenter; servers that answer otherwise are played by objects that do just that."""
from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.palette.vmware.plugins.module_utils import _authorization as authorization
from ansible_collections.palette.vmware.plugins.module_utils import _errors as errors
from ansible_collections.palette.vmware.plugins.module_utils import _principal
from ansible_collections.palette.vmware.plugins.module_utils._authorization import Permission
from ansible_collections.palette.vmware.plugins.module_utils._privileges import roles
from ansible_collections.palette.vmware.plugins.module_utils._run import Context
from ansible_collections.palette.vmware.plugins.module_utils._vsphere import Vsphere, vcenter_connection, vim

supervisor = pytest.importorskip("palette_lab.supervisor")
SERVICE = "svc-palette@vsphere.local"


@pytest.fixture(scope="module", name="lab")
def _lab(tmp_path_factory):
    with supervisor.running(tmp_path_factory.mktemp("lab"), speed=0) as lab:
        yield lab


def params(lab, user="VMWARE_ADMIN_USER", password="VMWARE_ADMIN_PASSWORD"):
    return {"hostname": lab.env["VMWARE_HOST"], "port": int(lab.env["VMWARE_PORT"]), "username": lab.env[user], "password": lab.env[password],
            "ca_path": lab.env["VMWARE_CA_PATH"], "validate_certs": True}


@pytest.fixture(name="vsphere")
def _vsphere(lab):
    with Vsphere(vcenter_connection(params(lab)), Context()) as vsphere:
        yield vsphere


@pytest.fixture(name="folder")
def _folder(vsphere):
    made = vsphere.call(lambda: vsphere.content.searchIndex.FindByInventoryPath("dc-1/vm").CreateFolder("authorization"), "making a folder")
    yield made
    vsphere.wait_task(vsphere.call(made.Destroy_Task, "removing a folder"), Context(), 30, "removal")


@pytest.fixture(name="role")
def _role(vsphere):
    made = authorization.add_role(vsphere, "a-role", ["VApp.Import"])
    yield made
    now = authorization.find_role(authorization.read_roles(vsphere)[0], "a-role")
    for permission in authorization.permissions_of_role(vsphere, now) if now else []:
        authorization.remove_permission(vsphere, permission)
    if now:
        authorization.remove_role(vsphere, now)


@pytest.mark.parametrize("one, other, alike", [
    ("svc@corp.local", "CORP.LOCAL\\svc", True), ("SVC@Corp.Local", "svc@corp.local", True), ("svc", "SVC", True), ("svc", "svc@corp.local", False),
    ("svc@corp.local", "CORP\\svc", False), ("a@b@corp.local", "corp.local\\a@b", True), ("svc@corp.local", "svc@other.local", False),
])
def test_names_of_principals(one, other, alike):
    assert _principal.same(one, other) is alike and _principal.same(other, one) is alike


@pytest.mark.parametrize("name, said", [("svc@corp.local", "corp.local\\svc"), ("CORP\\svc", "CORP\\svc"), ("svc", "svc"), ("CORP\\a@b", "CORP\\a@b")])
def test_names_as_the_api_takes_them(name, said):
    assert _principal.spoken(name) == said and _principal.same(name, said)


def test_roles_are_read_with_all_that_vcenter_knows(vsphere):
    found, known = authorization.read_roles(vsphere)
    assert {role.name for role in found} >= {"Admin", "ReadOnly", "NoAccess"} and all(role.built_in for role in found if role.id < 0)
    assert len(known) > 400 and set(roles(["page"])["spectro"]) <= known
    assert authorization.find_role(found, "ReadOnly").rights == frozenset(authorization.ALWAYS)
    assert not authorization.find_role(found, "NoAccess").rights and authorization.find_role(found, "readonly") is None


@pytest.mark.parametrize("name, number", [("Admin", -1), ("Administrator", -1), ("VirtualMachinePowerUser", 4), ("Virtual machine power user (sample)", 4),
                                          ("mine", 9), ("administrator", None)])
def test_a_role_that_came_with_vcenter_is_found_as_its_client_shows_it(name, number):
    roles_ = [authorization.Role(-1, "Admin", frozenset(), "Administrator", True), authorization.Role(9, "mine", frozenset(), "mine"),
              authorization.Role(4, "VirtualMachinePowerUser", frozenset(), "Virtual machine power user (sample)")]
    found = authorization.find_role(roles_, name)
    assert (found and found.id) == number


def test_a_role_lives(vsphere):
    made = authorization.add_role(vsphere, "life", ["VApp.Import"])
    assert not made.built_in and authorization.without_system(made.privileges) == {"VApp.Import"}
    changed = authorization.update_role(vsphere, made, ["VApp.Import", "Folder.Create"])
    assert changed.id == made.id and authorization.without_system(changed.privileges) == {"VApp.Import", "Folder.Create"}
    authorization.remove_role(vsphere, changed)
    assert authorization.find_role(authorization.read_roles(vsphere)[0], "life") is None


def test_a_role_in_use_is_not_removed_by_vcenter_either(vsphere, role, folder):
    authorization.set_permission(vsphere, Permission(folder, SERVICE, False, role.id, True))
    with pytest.raises(errors.PlanRefused, match="came into use meanwhile"):
        authorization.remove_role(vsphere, role)
    assert [each.object for each in authorization.permissions_of_role(vsphere, role)] == [folder]


def test_a_permission_is_set_and_the_others_stay(vsphere, role, folder):
    admin = vsphere.connection.username
    authorization.set_permission(vsphere, Permission(folder, admin, False, -1, True))
    authorization.set_permission(vsphere, Permission(folder, SERVICE, False, role.id, True))
    authorization.set_permission(vsphere, Permission(folder, SERVICE.upper(), False, role.id, False))
    found = {_principal.parts(each.principal): (each.role_id, each.propagate) for each in authorization.permissions_on(vsphere, folder)}
    assert found == {_principal.parts(admin): (-1, True), _principal.parts(SERVICE): (role.id, False)}
    mine = next(each for each in authorization.all_permissions(vsphere) if each.object == folder and each.of("VSPHERE.LOCAL\\svc-palette", False))
    authorization.remove_permission(vsphere, mine)
    authorization.remove_permission(vsphere, mine)
    assert [_principal.parts(each.principal) for each in authorization.permissions_on(vsphere, folder)] == [_principal.parts(admin)]


def test_a_principal_that_nobody_knows(vsphere, role, folder):
    with pytest.raises(errors.VcenterFailure, match="vCenter knows no user 'nobody@vsphere.local' - /dc-1/vm/authorization") as failure:
        authorization.set_permission(vsphere, Permission(folder, "nobody@vsphere.local", False, role.id, True))
    assert failure.value.fault == "UserNotFound" and "option group" in failure.value.fix


class Manager:
    """An AuthorizationManager as it should not be. replaces: setting one permission removes the others. forgets: it takes what it is given for nothing."""

    def __init__(self, permissions=(), role_list=(), replaces=False, forgets=False, renames=None):
        self.permissions, self.role_list, self.sent = list(permissions), list(role_list), []
        self.replaces, self.forgets, self.renames = replaces, forgets, renames

    def RetrieveEntityPermissions(self, _entity, _inherited):
        return list(self.permissions)

    def SetEntityPermissions(self, _entity, permissions):
        self.sent.append([each.principal for each in permissions])
        names = {each.principal for each in permissions}
        if not self.forgets:
            self.permissions = [each for each in self.permissions if not self.replaces and each.principal not in names] + list(permissions)
        if self.renames:
            self.permissions[-1].principal = self.renames

    def AddAuthorizationRole(self, name, privileges):
        if not self.forgets:
            self.role_list.append(SimpleNamespace(roleId=7, name=name, privilege=privileges[:1], system=False, info=None))
        return 0


def played(manager):
    """As much of a Vsphere as the writes use."""
    return SimpleNamespace(content=SimpleNamespace(authorizationManager=manager), shown=lambda ref: "/x", call=lambda function, *_rest, **_more: function(),
                           get=lambda _ref, _paths: {"roleList": manager.role_list})


def on(principal, role_id=5):
    return vim.AuthorizationManager.Permission(principal=principal, group=False, roleId=role_id, propagate=True)


FOLDER = vim.Folder("group-1")
WANTED = Permission(FOLDER, "u@x", False, 9, True)


def test_a_server_that_replaces_gets_the_others_back_and_the_run_fails():
    manager = Manager([on("a@x"), on("b@x")], replaces=True)
    with pytest.raises(errors.VcenterFailure, match="replaced the permissions of others.*lost and given back: a@x, b@x") as failure:
        authorization.set_permission(played(manager), WANTED)
    assert sorted((each.principal, each.roleId) for each in manager.permissions) == [("a@x", 5), ("b@x", 5), ("x\\u", 9)]
    assert manager.sent[0] == ["x\\u"] and failure.value.changed_something


def test_the_name_that_vcenter_has_is_kept():
    manager = Manager([on("X\\U", 5), on("a@x")])
    authorization.set_permission(played(manager), WANTED)
    assert manager.sent == [["X\\U"]] and sorted((each.principal, each.roleId) for each in manager.permissions) == [("X\\U", 9), ("a@x", 5)]


@pytest.mark.parametrize("manager, seen", [(Manager(forgets=True), "no such permission on the object"),
                                           (Manager(renames="CORP\\u"), "it has one of CORP.u now")])
def test_a_permission_that_was_not_taken_as_it_was_given(manager, seen):
    with pytest.raises(errors.VcenterFailure, match=f"did not take the permission of u@x - /x - seen: {seen}"):
        authorization.set_permission(played(manager), WANTED)


@pytest.mark.parametrize("manager, seen", [(Manager(), "missing: B.Two; beyond: none"), (Manager(forgets=True), "missing: A.One, B.Two; beyond: none")])
def test_a_role_that_was_not_taken_as_it_was_given(manager, seen):
    with pytest.raises(errors.VcenterFailure, match=f"did not take role 'r' as it was given - role r - seen: {seen}"):
        authorization.add_role(played(manager), "r", ["A.One", "B.Two"])


def test_a_server_without_a_list_of_privileges_has_those_of_its_administrator():
    admin = SimpleNamespace(roleId=-1, name="Admin", privilege=["A.One"], system=True, info=None)
    assert authorization.read_roles(played(Manager(role_list=[admin])))[1] == {"A.One"}
