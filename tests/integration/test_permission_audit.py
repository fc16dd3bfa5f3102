# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""permission_audit against a vCenter that evaluates permissions by itself: random inventories and permissions, and each needed privilege missing in turn."""
from __future__ import annotations

import contextlib
import dataclasses
import json
import random

import pytest
import yaml
from ansible_collections.palette.vmware.plugins.module_utils import _audit_verdicts as verdicts
from ansible_collections.palette.vmware.plugins.module_utils import _light
from ansible_collections.palette.vmware.plugins.module_utils import _permission_audit as audit
from ansible_collections.palette.vmware.plugins.module_utils._permissions import Evaluation
from ansible_collections.palette.vmware.plugins.module_utils._principal import parts
from ansible_collections.palette.vmware.plugins.module_utils._privileges import READ_ONLY, required, roles, rows
from ansible_collections.palette.vmware.plugins.module_utils._run import Context
from ansible_collections.palette.vmware.plugins.module_utils._touched import complex_entities, parents, read_tree, touched
from ansible_collections.palette.vmware.plugins.module_utils._vsphere import Vsphere, vcenter_connection, vim
from conftest import lab_at

BOTH = ["page", "collection"]
USERS = [f"user{number}@vsphere.local" for number in range(12)]
GROUPS = [f"group{number}@vsphere.local" for number in range(8)]
PLACEMENT = {"datacenter": "dc-1", "compute_cluster": "cluster-1", "datastore": "ds-shared-1", "network": "pg-k8s", "resource_pool": "palette/gateways",
             "folder": "palette/gateways", "image_template_folder": "spectro-templates"}
SEEDS, CASES_EACH = range(10), 350


def random_groups(rng):
    """Groups of users and of later groups, so that they nest without a circle."""
    return [{"name": name, "members": sorted(rng.sample(USERS, rng.randrange(4)) + [other for other in GROUPS[place + 1:] if rng.random() < 0.3])}
            for place, name in enumerate(GROUPS)]


@pytest.fixture(scope="module", name="membership")
def _membership():
    return random_groups(random.Random(4))


@contextlib.contextmanager
def peopled(folder, membership):
    """A lab with a dozen users and nested groups."""
    users = [{"name": "administrator@vsphere.local", "admin": True}, {"name": "svc-palette@vsphere.local"}] + [{"name": name} for name in USERS]
    (folder / "site.yml").write_text(yaml.safe_dump({"extends": "default", "vcenter": {"users": users, "groups": membership}}), encoding="utf-8")
    with lab_at(folder / "lab", site=str(folder / "site.yml"), speed=0) as running:
        yield running


@pytest.fixture(scope="module", name="shared")
def _shared(tmp_path_factory, membership):
    with peopled(tmp_path_factory.mktemp("audit"), membership) as running:
        yield running


@pytest.fixture(name="site")
def _site(shared):
    """The lab with its people as its site file says."""
    shared.reset()
    return shared


def params(site, user=None, **options):
    """Options of the module for a user of the site; the administrator's where no user is given."""
    named = {each["name"]: each["password"] for each in json.loads((site.directory / "site.json").read_text(encoding="utf-8"))["vcenter"]["users"]}
    user = user or "administrator@vsphere.local"
    return {"hostname": site.env["VMWARE_HOST"], "port": int(site.env["VMWARE_PORT"]), "username": user, "password": named[user],
            "ca_path": site.env["VMWARE_CA_PATH"], "validate_certs": True, "principal": None, "placements": [PLACEMENT], "profiles": BOTH,
            "scope": "placements", "confirm": True, **options}


@pytest.fixture(name="vsphere")
def _vsphere(site):
    with Vsphere(vcenter_connection(params(site)), Context()) as session:
        yield session


def run(site, user=None, **options):
    context = Context()
    result = audit.execute(params(site, user, **options), context)
    assert context.warnings == [] and result["changed"] is False
    return result


def missing(result):
    return {(thing["path"], verdict["kind"], privilege) for verdict in result["permission_audit"]["verdicts"] for thing in verdict["objects"]
            for privilege in verdict["missing"]}


def allow(manager, ref, principal, role, group=False, propagate=True):
    manager.SetEntityPermissions(ref, [vim.AuthorizationManager.Permission(principal=principal, group=group, roleId=role, propagate=propagate)])


def new_role(manager, name, privileges):
    manager.AddAuthorizationRole(name, sorted(privileges))
    return next(role.roleId for role in manager.roleList if role.name == name)


def machine(vsphere, folder, pool, name, template=False):
    spec = vim.vm.ConfigSpec(name=name, numCPUs=1, memoryMB=64, guestId="otherGuest", files=vim.vm.FileInfo(vmPathName="[ds-shared-1]"))
    vm = vsphere.wait_task(folder.CreateVM_Task(spec, pool), Context(), 30, "a machine")
    if template:
        vm.MarkAsTemplate()
    return vm


def named(vsphere, *paths):
    """Managed objects by their paths in the tree."""
    tree = read_tree(vsphere)
    by_path = {tree.path(key): node.ref for key, node in tree.nodes.items()}
    return [by_path[path] for path in paths]


def grow(vsphere, rng, label):
    """A random inventory: folders in folders, pools in pools, machines and templates. Returns (objects, those that take permissions)."""
    folders, pools = named(vsphere, "/dc-1/vm", "/dc-1/host/cluster-1/Resources")
    share = vim.ResourceAllocationInfo(reservation=0, limit=-1, expandableReservation=True, shares=vim.SharesInfo(level="normal", shares=4000))
    limits = vim.ResourceConfigSpec(cpuAllocation=share, memoryAllocation=share)
    folder_tree, pool_tree = [folders.CreateFolder(label)], [pools.CreateResourcePool(label, limits)]
    for number in range(7):
        folder_tree.append(rng.choice(folder_tree).CreateFolder(f"{label}-{number}"))
    for number in range(4):
        pool_tree.append(rng.choice(pool_tree).CreateResourcePool(f"{label}-{number}", limits))
    machines = [machine(vsphere, rng.choice(folder_tree), rng.choice(pool_tree), f"{label}-vm-{number}", number % 4 == 3) for number in range(8)]
    above = named(vsphere, "/", "/dc-1", "/dc-1/host/cluster-1", "/dc-1/host/cluster-1/cluster-1-esx-1", "/dc-1/datastore/ds-shared-1",
                  "/dc-1/network/pg-k8s", "/dc-1/network/vds-1")
    own = above + folder_tree + pool_tree + machines
    return own + named(vsphere, "/dc-1/vm", "/dc-1/host", "/dc-1/host/cluster-1/Resources"), own


def scatter(vsphere, rng, label, objects, privileges):
    """Random roles, given to random users and groups on random objects."""
    manager = vsphere.content.authorizationManager
    ids = [new_role(manager, f"{label}-role-{number}", rng.sample(privileges, rng.randrange(1, len(privileges)))) for number in range(5)]
    principals = [(name, False) for name in USERS] + [(name, True) for name in GROUPS]
    for _ in range(70):
        ref, (name, group) = rng.choice(objects), rng.choice(principals)
        allow(manager, ref, rng.choice((name, "VSPHERE.LOCAL\\" + name.split("@")[0].upper())), rng.choice([*ids, -5, -2]), group, rng.random() < 0.65)


def held_groups(membership, user):
    """Names of all groups of a user by the site file."""
    found, before = set(), None
    while before != found:
        before = set(found)
        found |= {group["name"] for group in membership if user in group["members"] or found.intersection(group["members"])}
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_the_evaluation_equals_vcenter_on_random_inventories(seed, vsphere, membership, record_property):
    """Each case is one user on one object, compared over a set of privileges."""
    rng, label = random.Random(seed), f"random-{seed}"
    privileges = rng.sample(sorted({row["privilege"] for row in rows(BOTH)}), 24)
    objects, own = grow(vsphere, rng, label)
    scatter(vsphere, rng, label, own, privileges)
    names, context = audit.read_roles(vsphere)[0], Context()
    grants, tree = audit.read_grants(vsphere, names, context), read_tree(vsphere, machines=True)
    cases = answers = granted = 0
    for user in USERS:
        groups = audit.groups_of(vsphere, grants, user, context)
        with_permissions = {parts(grant.principal) for grant in grants if grant.group}
        assert {parts(name) for name in groups} == {parts(name) for name in held_groups(membership, user)} & with_permissions
        rules = Evaluation(grants, user, groups, parents(tree), complex_entities(tree))
        ground = audit.Ground(user, "", False, frozenset(privileges), tree, [], [], grants, groups, [])
        for key, told in audit.ask(vsphere, ground, objects, privileges).items():
            ours = rules.decide(key).privileges
            where = f"seed {seed}: {user} on {tree.path(key)} ({key}), by evaluation via {[grant[:4] for grant in rules.decide(key).via]}"
            assert {name for name, yes in told.items() if yes} == ours & set(privileges), where
            cases, answers, granted = cases + 1, answers + len(told), granted + sum(told.values())
    assert cases == len(USERS) * len(objects) >= CASES_EACH and context.warnings == [] and 0 < granted < answers
    record_property("audit", {"users on objects": cases, "answers": answers, "granted": granted})


@dataclasses.dataclass(frozen=True)
class Direct:
    """A lab in which a user has a role for each kind of object, given on every object of it. roles: {kind: (id, name, privileges)}."""

    site: object
    manager: object
    roles: dict
    switch: object


@pytest.fixture(scope="module", name="direct")
def _direct(tmp_path_factory, membership):
    with peopled(tmp_path_factory.mktemp("direct"), membership) as site, Vsphere(vcenter_connection(params(site)), Context()) as vsphere:
        folder, images, pool = named(vsphere, "/dc-1/vm/palette/gateways", "/dc-1/vm/spectro-templates", "/dc-1/host/cluster-1/Resources/palette/gateways")
        for place, name, template in ((folder, "direct-1", False), (folder, "direct-2", False), (images, "direct-image", True)):
            machine(vsphere, place, pool, name, template)
        manager, given, have = vsphere.content.authorizationManager, {}, {**roles(BOTH), READ_ONLY: []}
        objects, problems = touched(vsphere, [PLACEMENT], "all")
        for kind in sorted({thing["kind"] for thing in objects}):
            privileges = have[verdicts.granted_by(kind)[0]]
            given[kind] = (new_role(manager, f"direct {kind}", privileges), f"direct {kind}", privileges)
        for thing in objects:
            if not thing["path"].endswith("/Resources"):
                allow(manager, thing["ref"], USERS[0], given[thing["kind"]][0], propagate=thing["kind"] not in ("root", "datacenter", "switch"))
        assert problems == [] and len(given) == 12
        yield Direct(site, manager, given, next(thing["ref"] for thing in objects if thing["kind"] == "switch"))


@pytest.mark.parametrize("kind", [kind for kind, found in required(BOTH).items() if found])
def test_each_privilege_missing_is_reported_alone_and_where_it_counts(kind, direct, record_property):
    site, manager, (number, name, privileges), count = direct.site, direct.manager, direct.roles[kind], 0
    whole = {"scope": "all", "principal": USERS[0]}
    before = run(site, **whole)
    assert missing(before) == set() and before["ready"]
    paths = {thing["path"] for verdict in before["permission_audit"]["verdicts"] if verdict["kind"] == kind for thing in verdict["objects"]
             if thing["moid"] and not thing["path"].endswith("/Resources")}
    for privilege in verdicts.needs(BOTH).wanted[kind]:
        if privilege == "System.Read":
            continue
        manager.UpdateAuthorizationRole(number, name, sorted(set(privileges) - {privilege}))
        result = run(site, **whole)
        assert missing(result) == {(path, kind, privilege) for path in paths}, privilege
        found = [each for each in result["findings"] if each["id"] == "privilege_missing"]
        assert {(each["privilege"], each["kind"]) for each in found} == {(privilege, kind)}
        assert [each for each in result["findings"] if each["id"] == "verdicts_differ"] == []
        count += 1
    manager.UpdateAuthorizationRole(number, name, sorted(privileges))
    assert count or kind == "switch"
    record_property("removals", {"privileges": count})


def test_a_switch_without_a_permission_is_named_not_its_port_group(direct):
    direct.manager.RemoveEntityPermission(direct.switch, USERS[0], False)
    [found] = [each for each in run(direct.site, principal=USERS[0])["findings"] if each["id"] == "privilege_missing"]
    allow(direct.manager, direct.switch, USERS[0], direct.roles["switch"][0], propagate=False)
    assert (found["privilege"], found["path"], found["kind"]) == ("System.Read", "/dc-1/network/vds-1", "switch")
    assert "ReadOnly" in found["fix"] and "without propagation" in found["fix"]


def test_vcenters_word_counts_where_permissions_cannot_be_read(site):
    options, context = params(site, principal="svc-palette@vsphere.local", scope="all"), Context()
    needs = verdicts.needs(BOTH)
    with Vsphere(vcenter_connection(options), context) as session:
        ground = audit.survey(session, options, context)
        by_vcenter, _none, method = audit.judge(session, options, dataclasses.replace(ground, grants=None), needs, context)
        ours, differences, _method = audit.judge(session, options, ground, needs, context)
        blind, told, _method = audit.judge(session, options, dataclasses.replace(ground, grants=[]), needs, context)
    assert method == verdicts.ASKED and differences == []

    def lacking(judged):
        groups = verdicts.grouped(needs, judged, ground.known)
        return {(thing["moid"], privilege) for group in groups for thing in group.objects if thing["moid"] for privilege in group.missing}

    assert lacking(by_vcenter) == lacking(ours) and lacking(ours)
    assert lacking(blind) == lacking(ours), "machines as well, which vCenter is asked about where it contradicts the evaluation elsewhere"
    assert told and all(not ours_only and theirs for _thing, ours_only, theirs in told)


def test_the_service_account_lacks_nothing_and_holds_nothing_more(site):
    result = run(site, "svc-palette@vsphere.local")
    assert result["findings"] == [] and result["ready"]
    counts = result["permission_audit"]["counts"]
    assert counts["granted"] > 130 and counts["confirmed_objects"] == counts["objects"] == 12 and counts["to_be_made"] == 2
    assert result["permission_audit"]["method"] == verdicts.CONFIRMED


def test_an_administrator_passes_and_is_told_that_nothing_is_shown(site):
    result = run(site, scope="all")
    assert [each["id"] for each in result["findings"]] == ["least_privilege_not_shown"] and result["permission_audit"]["administrator"]


def test_names_that_are_no_object_are_findings(site):
    result = run(site, placements=[{**PLACEMENT, "folder": "nowhere", "network": "pg-none"}, {**PLACEMENT, "compute_cluster": "cluster-9"}])
    found = {each["where"] for each in result["findings"] if each["id"] == "placement_resolved"}
    assert found == {"option placements[0].folder", "option placements[0].network", "option placements[1].compute_cluster"} and not result["ready"]


def quietly(site, user=None, **options):
    """(result, warnings)"""
    context = Context()
    return audit.execute(params(site, user, **options), context), context.warnings


@pytest.mark.parametrize("method, fault, ends, says", [
    ("RetrieveAllPermissions", "NoPermission", verdicts.ASKED, "permissions cannot be read"),
    ("HasUserPrivilegeOnEntities", "NoPermission", verdicts.EVALUATED, "vCenter does not confirm"),
    ("HasUserPrivilegeOnEntities", "NotSupported", verdicts.EVALUATED, "vCenter does not confirm"),
    ("RetrieveAllPermissions", "NotAuthenticated", verdicts.CONFIRMED, None),
    ("RetrievePropertiesEx", "NotAuthenticated", verdicts.CONFIRMED, None),
    ("HasUserPrivilegeOnEntities", "NotAuthenticated", verdicts.CONFIRMED, None),
])
def test_what_cannot_be_read_is_told_and_a_lost_session_is_renewed(method, fault, ends, says, site):
    user, wanted = "svc-palette@vsphere.local", run(site, "svc-palette@vsphere.local")
    site.fault({"server": "vcenter", "method": method, "kind": "fault", "fault": fault, "count": 1 if says is None else 0})
    found, warnings = quietly(site, user)
    assert found["permission_audit"]["method"] == ends and found["ready"] and missing(found) == set()
    assert [says in text for text in warnings] == ([] if says is None else [True])
    assert found["permission_audit"]["counts"]["granted"] == wanted["permission_audit"]["counts"]["granted"]
    assert {each["evidence"] for each in found["passed"]} >= {ends}


def test_a_privilege_that_is_missing_is_found_by_vcenters_word_alone(site, vsphere):
    manager = vsphere.content.authorizationManager
    role = next(role for role in manager.roleList if "VApp.Import" in role.privilege and role.roleId > 0 and not role.system and "spectro" in role.name)
    manager.UpdateAuthorizationRole(role.roleId, role.name, sorted(set(role.privilege) - {"VApp.Import"}))
    site.fault({"server": "vcenter", "method": "RetrieveAllPermissions", "kind": "fault", "fault": "NoPermission", "count": 0})
    found, _warnings = quietly(site, "svc-palette@vsphere.local")
    assert {(kind, privilege) for _path, kind, privilege in missing(found)} == {("folder", "VApp.Import"), ("resource_pool", "VApp.Import")}
    assert {each["evidence"] for each in found["findings"]} == {verdicts.ASKED}


def test_groups_that_cannot_be_read_are_told_and_vcenters_word_counts(site, vsphere, membership):
    user = next(name for name in USERS if held_groups(membership, name))
    group = sorted(held_groups(membership, user))[0]
    allow(vsphere.content.authorizationManager, vsphere.content.rootFolder, group, -1, True)
    site.fault({"server": "vcenter", "method": "RetrieveUserGroups", "kind": "fault", "fault": "NoPermission", "count": 0})
    found, warnings = quietly(site, principal=user)
    assert any("who is in which group cannot be read" in text for text in warnings)
    assert {each["id"] for each in found["findings"]} >= {"verdicts_differ"} and found["permission_audit"]["counts"]["disagreements"] == 12
    counts = found["permission_audit"]["counts"]
    assert missing(found) == set() and found["ready"], "vCenter is asked about machines as well, and about the folders of those to be made"
    assert counts["confirmed_objects"] == counts["objects"] == 12 and counts["to_be_made"] == 2


def test_the_whole_inventory_comes_in_pages(site, monkeypatch):
    whole = run(site, scope="all", principal="svc-palette@vsphere.local")
    monkeypatch.setattr(_light, "PAGE", 7)
    monkeypatch.setattr(audit, "BATCH", 2)
    assert run(site, scope="all", principal="svc-palette@vsphere.local") == whole and whole["permission_audit"]["counts"]["objects"] > 30


@pytest.mark.parametrize("path, option", [("/dc-1/host/cluster-1", "compute_cluster"), ("/dc-1/vm/spectro-templates", "image_template_folder"),
                                          ("/dc-1/datastore/ds-shared-1", "datastore"), ("/dc-1/network/vds-1", "network")])
def test_what_the_session_cannot_see_is_a_finding_on_its_option(path, option, site, vsphere):
    [ref] = named(vsphere, path)
    vsphere.content.authorizationManager.RemoveEntityPermission(ref, "svc-palette@vsphere.local", False)
    [found] = run(site, "svc-palette@vsphere.local")["findings"]
    assert (found["severity"], found["where"]) == ("error", f"option placements[0].{option}") and "grant the" in found["fix"]


def test_five_hundred_machines_are_evaluated_as_vcenter_would(tmp_path):
    with lab_at(tmp_path / "lab", site="default", clusters=20, hosts=8, vms=500, speed=0) as site:
        options, context = params(site, principal="svc-palette@vsphere.local", scope="all"), Context()
        needs = verdicts.needs(BOTH)
        with Vsphere(vcenter_connection(options), context) as session:
            result, ground = audit.audited(session, options, context), audit.survey(session, options, context)
            machines = [thing for thing in ground.objects if thing["kind"] == "virtual_machine"]
            ours = {thing["moid"]: decision.privileges for thing, decision, _evidence in audit.evaluated(ground) if thing["moid"]}
            told = audit.ask(session, ground, [thing["ref"] for thing in machines], verdicts.asked(needs, "virtual_machine", ground.known))
    assert len(machines) == len(told) == 500 and result["permission_audit"]["counts"]["objects"] > 740
    assert all({name for name, yes in answer.items() if yes} == ours[key] & set(answer) for key, answer in told.items())
    assert [each for each in result["findings"] if each["id"] == "verdicts_differ"] == []


def test_with_exactly_the_pages_roles_the_page_lacks_nothing_and_the_collection_exactly_its_rows(tmp_path):
    with lab_at(tmp_path / "lab", site="page_roles", speed=0) as site:
        user = site.env["VMWARE_USER"]
        page = run(site, user, profiles=["page"])
        assert page["findings"] == [] and page["permission_audit"]["counts"]["missing"] == 0
        both = run(site, user)
        kinds = {verdict["kind"]: [thing["path"] for thing in verdict["objects"]] for verdict in page["permission_audit"]["verdicts"]}
        extra = {(path, kind, row["privilege"]) for row in rows(["collection"]) for kind in row["kinds"] for path in kinds[kind]}
        assert missing(both) == extra and {(each["path"], each["kind"], each["privilege"]) for each in both["findings"]} == extra
