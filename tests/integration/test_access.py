# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles made and granted by role vcenter_access: the audit passes afterwards, a second run changes nothing, more than is wanted stays until it is asked for."""
from __future__ import annotations

import json

import pytest
import yaml
from ansible_collections.palette.vmware.plugins.module_utils import _authorization as authorization
from ansible_collections.palette.vmware.plugins.module_utils import _vcenter_permission, _vcenter_role
from ansible_collections.palette.vmware.plugins.module_utils._errors import PlanRefused
from ansible_collections.palette.vmware.plugins.module_utils._principal import same
from ansible_collections.palette.vmware.plugins.module_utils._privileges import roles
from ansible_collections.palette.vmware.plugins.module_utils._run import Context
from ansible_collections.palette.vmware.plugins.module_utils._vsphere import Vsphere, vcenter_connection
from conftest import lab_at
from journey import played

FREE, OTHER = "free@vsphere.local", "other@vsphere.local"
BEYOND = "VirtualMachine.Interact.Suspend"


@pytest.fixture(scope="module", name="site")
def _site(tmp_path_factory):
    """A lab with two users who have no permissions."""
    folder = tmp_path_factory.mktemp("access")
    users = [{"name": "administrator@vsphere.local", "admin": True}, {"name": "svc-palette@vsphere.local"}, {"name": FREE}, {"name": OTHER}]
    (folder / "site.yml").write_text(yaml.safe_dump({"extends": "default", "vcenter": {"users": users}}), encoding="utf-8")
    with lab_at(folder / "lab", site=str(folder / "site.yml"), speed=0) as running:
        yield running


@pytest.fixture(name="lab")
def _lab(site):
    site.reset()
    yield site


def params(lab):
    return {"hostname": lab.env["VMWARE_HOST"], "port": int(lab.env["VMWARE_PORT"]), "username": lab.env["VMWARE_ADMIN_USER"],
            "password": lab.env["VMWARE_ADMIN_PASSWORD"], "ca_path": lab.env["VMWARE_CA_PATH"], "validate_certs": True}


def granting(lab, *words, user=FREE, **variables):
    """Plays the playbook vcenter_access for a user; returns (return code, output, changed tasks)."""
    given = {"vcenter_access_principal": user, "vcenter_admin_username": lab.env["VMWARE_ADMIN_USER"],
             "vcenter_admin_password": lab.env["VMWARE_ADMIN_PASSWORD"], "vcenter_access_role_prefix": "test", **variables}
    return played(lab, "vcenter_access", "-e", json.dumps(given), *words)


def role(lab, name, **options):
    given = {"state": "present", "name": name, "privileges": [], "profiles": [], "part": None, "exact": False, **params(lab), **options}
    return _vcenter_role.execute(given, Context())


def permission(lab, path, role_name, user=FREE, propagate=True, **options):
    given = {"state": "present", "principal": user, "group": False, "placements": None, "roles": None, "assignment": "page", "replace": False, "exact": False,
             "grants": [{"object": path, "type": None, "name": None, "role": role_name, "propagate": propagate}], **params(lab), **options}
    return _vcenter_permission.execute(given, Context())


def seen(lab):
    """({(path, role name, propagate)} of the free user, the same of all others with their names, {role name: privileges})"""
    with Vsphere(vcenter_connection(params(lab)), Context()) as vsphere:
        found = authorization.read_roles(vsphere)[0]
        names = {each.id: each.name for each in found}
        every = authorization.all_permissions(vsphere)
        rows = [(each.principal, vsphere.path(each.object), names[each.role_id], each.propagate) for each in every]
    return ({row[1:] for row in rows if same(row[0], FREE)}, sorted(row for row in rows if not same(row[0], FREE)),
            {each.name: authorization.without_system(each.privileges) for each in found})


def test_granted_audited_and_granted_again(lab):
    _mine, others, _roles = seen(lab)
    code, output, changed = granting(lab)
    assert code == 0 and changed == 2, output
    mine, still, made = seen(lab)
    assert still == others
    assert mine == {("/", "test-root", False), ("/dc-1", "test-root", False), ("/dc-1/host/cluster-1", "test-spectro", True),
                    ("/dc-1/vm/palette/gateways", "test-spectro", True), ("/dc-1/vm/spectro-templates", "test-spectro", True),
                    ("/dc-1/datastore/ds-shared-1", "test-spectro", False), ("/dc-1/network/pg-k8s", "test-spectro", False),
                    ("/dc-1/network/vds-1", "ReadOnly", False)}
    assert {part: sorted(made[f"test-{part}"]) for part in ("root", "spectro")} == roles(["page", "collection"])
    code, output, changed = granting(lab)
    assert (code, changed) == (0, 0), output
    assert seen(lab) == (mine, still, made)


def test_what_is_more_is_told_and_stays_until_it_is_asked_for(lab):
    assert granting(lab)[0] == 0
    before = seen(lab)
    role(lab, "test-spectro", privileges=[BEYOND])
    permission(lab, "/dc-1/vm/workloads", "test-spectro")
    code, output, changed = granting(lab)
    assert (code, changed) == (0, 0), output
    assert BEYOND in output and "/dc-1/vm/workloads (test-spectro)" in output
    assert seen(lab) != before
    code, output, changed = granting(lab, vcenter_access_exact=True)
    assert code == 0 and changed == 2, output
    assert seen(lab) == before


def test_what_is_inherited_is_granted_where_exact_takes_it_away(lab):
    assert granting(lab)[0] == 0
    before = seen(lab)
    permission(lab, "/dc-1/vm/palette/gateways", "test-spectro", state="absent")
    permission(lab, "/dc-1/vm/palette", "test-spectro")
    code, output, changed = granting(lab)
    assert (code, changed) == (0, 0), output
    code, output, changed = granting(lab, vcenter_access_exact=True)
    assert code == 0 and changed == 1, output
    assert seen(lab) == before


def test_foreseen_and_nothing_written(lab):
    before = seen(lab)
    lab.call("DELETE", "/journal")
    code, output, changed = granting(lab, "--check", "--diff")
    assert code == 0 and changed == 2, output
    assert "role 'test-root' does not exist yet" in output and lab.writes() == []
    assert seen(lab) == before


def test_an_administrator_stays_one(lab):
    permission(lab, "/", "Admin")
    code, output, _changed = granting(lab)
    assert code == 0, output
    assert "has role Admin from / (with propagation), which includes all of test-spectro" in output
    assert seen(lab)[0] == {("/", "Admin", True)}


def test_a_grant_that_would_take_rights_away_is_refused_whole(lab):
    role(lab, "suspender", privileges=[BEYOND])
    permission(lab, "/dc-1/vm/palette/gateways", "suspender")
    code, output, _changed = granting(lab)
    assert code == 2 and f"/dc-1/vm/palette/gateways: has role suspender, would lose {BEYOND}" in output, output
    assert seen(lab)[0] == {("/dc-1/vm/palette/gateways", "suspender", True)}
    code, output, _changed = granting(lab, vcenter_access_replace=True)
    assert code == 0, output
    assert ("/dc-1/vm/palette/gateways", "test-spectro", True) in seen(lab)[0]


def test_a_role_in_use_is_not_deleted_and_the_users_are_named(lab):
    role(lab, "suspender", privileges=[BEYOND])
    permission(lab, "/dc-1/vm/palette", "suspender")
    permission(lab, "/dc-1", "suspender", user=OTHER, propagate=False)
    with pytest.raises(PlanRefused) as failure:
        role(lab, "suspender", state="absent")
    assert "on /dc-1 (Datacenter:" in failure.value.observed and "on /dc-1/vm/palette (Folder:" in failure.value.observed
    for path, user in (("/dc-1/vm/palette", FREE), ("/dc-1", OTHER)):
        permission(lab, path, "suspender", user=user, state="absent")
    assert role(lab, "suspender", state="absent")["changed"] and "suspender" not in seen(lab)[2]


def test_vcenter_s_own_verdict_is_the_profiles(lab):
    """Asked of vCenter's own evaluation, not of ours: every right where the page grants it, and none beside it."""
    assert granting(lab)[0] == 0
    with Vsphere(vcenter_connection(params(lab)), Context()) as vsphere:
        manager, index = vsphere.content.authorizationManager, vsphere.content.searchIndex
        wanted = roles(["page", "collection"])

        def held(path, privileges):
            entity = index.FindByInventoryPath(path) if path else vsphere.content.rootFolder
            [answer] = manager.HasUserPrivilegeOnEntities([entity], FREE, privileges)
            return [each.privId for each in answer.privAvailability if each.isGranted]

        for path in ("", "dc-1"):
            assert held(path, wanted["root"]) == wanted["root"], path
        for path in ("dc-1/vm/palette/gateways", "dc-1/host/cluster-1", "dc-1/host/cluster-1/cluster-1-esx-1", "dc-1/host/cluster-1/Resources/palette",
                     "dc-1/datastore/ds-shared-1", "dc-1/network/pg-k8s", "dc-1/vm/spectro-templates"):
            assert held(path, wanted["spectro"]) == wanted["spectro"], path
        beside = [*wanted["spectro"], *wanted["root"]]
        assert held("dc-1/vm/workloads", beside) == held("dc-1/host/cluster-2", beside) == held("dc-1/network/vds-1", beside) == []
        assert held("dc-1/network/vds-1", ["System.Read"]) == ["System.Read"]
