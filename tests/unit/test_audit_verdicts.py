# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the audit says for given permissions: each row missing in turn, where it counts; surplus; disagreement; administrators; switches."""
from __future__ import annotations

import pytest
from ansible_collections.palette.vmware.plugins.module_utils import _audit_verdicts as verdicts
from ansible_collections.palette.vmware.plugins.module_utils._finding import KEYS
from ansible_collections.palette.vmware.plugins.module_utils._permission_audit import SPEC, confirmed
from ansible_collections.palette.vmware.plugins.module_utils._permissions import Decision, Grant
from ansible_collections.palette.vmware.plugins.module_utils._privileges import KINDS, PROFILES, required, rows

from audit_site import KIND, KNOWN, USER, audit, missing, page_grants, page_roles, tree

PATHS = {key: tree().path(key) for key in KIND}
BOTH = ("page", "collection")
EVERY = [(kind, privilege) for kind, found in verdicts.needs(BOTH).wanted.items() for privilege in found]


def direct(kind, lacking=()):
    """Grants of what is needed on each object itself, on objects of the kind without some privileges."""
    have = {**page_roles(BOTH)}
    grants = []
    for key, each in KIND.items():
        role = verdicts.granted_by(each)[0]
        grants.append(Grant(key, USER, False, role, have[role] - frozenset(lacking if each == kind else ()), role != "read_only"))
    return grants


def test_the_pages_roles_as_the_page_says_miss_nothing_of_the_page():
    result = audit(page_grants())
    assert missing(result) == set() and result["ready"] and result["findings"] == []
    assert result["permission_audit"]["counts"]["granted"] > 100 and {each["kind"] for each in result["permission_audit"]["verdicts"]} == set(KINDS)


def test_with_the_pages_roles_the_collection_misses_exactly_its_own_rows():
    result = audit(page_grants(), BOTH)
    extra = {(PATHS[key], kind, row["privilege"]) for row in rows(["collection"]) for key, kind in KIND.items() if kind in row["kinds"]}
    assert missing(result) == extra and len(extra) == 7 and not result["ready"]
    assert {(each["path"], each["kind"], each["privilege"]) for each in result["findings"]} == extra
    assert all(demand["profile"] == "collection" and demand["step"] for each in result["findings"] for demand in each["required_by"])


def test_with_both_profiles_granted_nothing_is_missing_and_nothing_is_surplus():
    result = audit(page_grants(page_roles(BOTH)), BOTH)
    assert result["findings"] == [] and result["ready"]
    assert result["permission_audit"]["counts"]["surplus"] == 0


@pytest.mark.parametrize("path, cluster", [("/dc/host/c/Resources", "/dc/host/c"), ("/dc/host/c/Resources/a/b", "/dc/host/c"),
                                           ("/Resources EU/dc/host/c/Resources/a", "/Resources EU/dc/host/c")])
def test_a_pool_has_its_rights_from_the_compute_cluster(path, cluster):
    assert verdicts.grant_place("resource_pool", path, "page")[1] == cluster


@pytest.mark.parametrize("kind, privilege", EVERY, ids=[f"{kind}-{privilege}" for kind, privilege in EVERY])
def test_each_privilege_missing_is_reported_alone_and_where_it_counts(kind, privilege):
    result = audit(direct(kind, {privilege, *verdicts.needs(BOTH).any_of.get(privilege, ())}), BOTH, machines=True)
    assert missing(result) == {(PATHS[key], kind, privilege) for key, each in KIND.items() if each == kind}
    found = result["findings"]
    assert {each["privilege"] for each in found} == {privilege} and {each["kind"] for each in found} == {kind}
    assert sum(each["count"] for each in found) == list(KIND.values()).count(kind)
    assert all(privilege in each["fix"] or each["privilege"] == "System.Read" for each in found)
    demands = {(demand["profile"], demand["role"]) for each in found for demand in each["required_by"]}
    assert demands >= {(row["profile"], row["role"]) for row in required(BOTH)[kind] if row["privilege"] == privilege}


def test_every_row_of_the_page_is_among_them():
    counted = {id_ for kind, found in verdicts.needs(BOTH).wanted.items() for id_ in ((row["role"], row["privilege"]) for rows_ in found.values() for row in rows_)}
    assert counted == {(row["role"], row["privilege"]) for row in rows(BOTH)}


def test_a_row_that_only_the_page_puts_there_is_a_warning():
    [one] = [each for each in audit(direct("compute_cluster", {"Task.Create"}), BOTH, machines=True)["findings"]]
    [other] = [each for each in audit(direct("datastore", {"Datastore.AllocateSpace"}), BOTH, machines=True)["findings"]]
    assert (one["severity"], other["severity"]) == ("warning", "error")


def test_one_of_two_will_do():
    result = audit(direct("root", {"StorageViews.View"}), BOTH, machines=True)
    [only] = result["findings"]
    assert [(demand["role"], only["privilege"]) for demand in only["required_by"]] == [("root", "StorageViews.View"), ("spectro", "StorageViews.View")]
    other = [grant._replace(privileges=grant.privileges - {"Task.Update"} | {"Task.Update.Task.Update"}) if "Task.Update" in grant.privileges else grant
             for grant in direct("root")]
    assert audit(other, BOTH, machines=True)["findings"] == []


def test_a_finding_has_everything_a_report_needs():
    [only] = audit(direct("folder", {"VApp.Import"}), BOTH, machines=True)["findings"]
    assert set(KEYS) < set(only)
    assert only["where"] == "/dc-1/vm/palette/gateways (Folder:gateways)" and only["label"] == "vApp > Import" and only["path"] == "/dc-1/vm/palette/gateways"
    assert only["observed"] == f"not granted, role spectro of {USER} on /dc-1/vm/palette/gateways (propagated)"
    assert only["fix"] == (f"add vApp > Import (VApp.Import) to the Spectro role, and grant that role to {USER} on /dc-1/vm/palette/gateways with propagation")
    assert only["required_by"] == [{"profile": "collection", "role": "spectro", "step": "gateway_installer imports the installer's OVA", "note": ""}]


@pytest.mark.parametrize("key, where", [("esx-1", "/dc-1/host/cluster-1"), ("pool", "/dc-1/host/cluster-1"), ("vm-1", "/dc-1/vm/palette/gateways"),
                                        ("image", "/dc-1/vm/spectro-templates"), ("ds", "/dc-1/datastore/ds")])
def test_the_fix_names_where_the_right_is_to_be_granted(key, where):
    kind = KIND[key]
    privilege = next(iter(verdicts.needs(("page",)).wanted[kind]))
    found = audit(direct(kind, {privilege}), machines=True)["findings"]
    assert any(f" on {where} with" in each["fix"] for each in found), [each["fix"] for each in found]


def test_machines_are_reported_once_on_their_folder():
    [only] = audit(direct("virtual_machine", {"VirtualMachine.Config.CPUCount"}), BOTH, machines=True)["findings"]
    assert only["path"] == "/dc-1/vm/palette/gateways" and only["count"] == 2 and "on 2 of kind virtual machine here" in only["observed"]


def test_machines_to_be_made_have_their_rights_from_folder_and_pool():
    folder_alone = [grant._replace(propagate=grant.object != "gateways") for grant in page_grants()]
    assert missing(audit(folder_alone)) == set()
    neither = [grant._replace(propagate=False) if grant.object in ("gateways", "cluster") else grant for grant in page_grants()]
    lacking = missing(audit(neither))
    assert {kind for _path, kind, _privilege in lacking} == {"virtual_machine", "host", "resource_pool"}
    assert ("/dc-1/vm/palette/gateways/(to be made)", "virtual_machine", "VirtualMachine.Interact.PowerOn") in lacking


def test_privileges_that_this_vcenter_does_not_know_are_not_applicable():
    result = audit(page_grants(), BOTH, known=KNOWN - {"InventoryService.Tagging.ObjectAttachable"})
    assert "InventoryService.Tagging.ObjectAttachable" not in {privilege for _path, _kind, privilege in missing(result)}
    absent = {each["kind"]: each["not_applicable"] for each in result["permission_audit"]["verdicts"] if each["not_applicable"]}
    assert absent == {"datacenter": ["InventoryService.Tagging.ObjectAttachable"], "compute_cluster": ["InventoryService.Tagging.ObjectAttachable"]}
    assert result["permission_audit"]["counts"]["not_applicable"] == 1


def test_an_administrator_passes_and_is_told_that_nothing_is_shown():
    result = audit([Grant("root", USER, False, "Admin", KNOWN, True)], BOTH, machines=True)
    assert result["ready"] and [each["id"] for each in result["findings"]] == ["least_privilege_not_shown"]
    assert result["permission_audit"]["administrator"] and result["permission_audit"]["counts"]["surplus"] == 0


def test_surplus_is_one_advice_for_each_role():
    more = {role: ids | {"Global.Settings"} if role == "spectro" else ids for role, ids in page_roles().items()}
    result = audit(page_grants(more))
    [only] = result["findings"]
    assert (only["id"], only["severity"], only["surplus"], only["roles"]) == ("privilege_surplus", "advice", ["Global.Settings"], ["spectro"]) and result["ready"]
    assert audit(page_grants(page_roles(BOTH)))["permission_audit"]["counts"]["surplus"] > 0, "what only the collection needs is surplus to the page"


@pytest.mark.parametrize("grants, found", [
    ([], [("privilege_missing", "error")]),
    ([Grant("vds", USER, False, "ReadOnly", frozenset({"System.Read", "System.View"}), False)], []),
    ([Grant("vds", USER, False, "ReadOnly", frozenset({"System.Read", "System.View"}), True)], [("switch_propagates", "advice")]),
])
def test_a_switch_is_read_and_no_more(grants, found):
    result = audit([grant for grant in page_grants() if grant.object != "vds"] + grants)
    assert [(each["id"], each["severity"]) for each in result["findings"]] == found
    assert all(each["where"] == "/dc-1/network/vds (VmwareDistributedVirtualSwitch:vds)" for each in result["findings"])


def test_where_vcenter_says_otherwise_its_word_counts_and_the_difference_is_told():
    said = {"ds": {"Datastore.AllocateSpace": False, "Datastore.Browse": True}, "root": {"Sessions.ValidateSession": True}}
    result = audit(page_grants(), said=said)
    assert missing(result) == {("/dc-1/datastore/ds", "datastore", "Datastore.AllocateSpace")}
    [lack, differ] = result["findings"]
    assert (lack["id"], lack["evidence"]) == ("privilege_missing", verdicts.CONTRADICTED)
    assert (differ["id"], differ["severity"], differ["evaluated"], differ["vcenter"]) == ("verdicts_differ", "warning", ["Datastore.AllocateSpace"], [])
    assert result["permission_audit"]["counts"]["disagreements"] == 1
    methods = {each["kind"]: each["method"] for each in result["permission_audit"]["verdicts"]}
    assert (methods["root"], methods["datastore"], methods["network"]) == (verdicts.CONFIRMED, verdicts.CONTRADICTED, verdicts.EVALUATED)


def test_confirmation_adds_what_only_vcenter_knows():
    thing = {"kind": "datastore", "path": "/ds", "moid": "ds", "type": "Datastore"}
    final, differences = confirmed([(thing, Decision(frozenset({"A", "Z"}), ()), "evaluated")], {"ds": {"A": False, "B": True}})
    assert final[0][1].privileges == {"B", "Z"} and differences == [(thing, {"A"}, {"B"})]


def test_nobody_without_permissions_is_told_everything():
    result = audit([])
    assert len(missing(result)) == sum(len(found) for kind, found in verdicts.needs(("page",)).wanted.items() for key in KIND.values()
                                       if key == kind and kind not in verdicts.MACHINES) + sum(len(verdicts.needs(("page",)).wanted[kind])
                                                                                              for kind in verdicts.MACHINES)
    assert result["passed"] == [] and all("no permission reaches it" in each["observed"] for each in result["findings"])


def test_the_vendors_assignment_gives_the_folder_too_little():
    """Granted to the letter, the vendor's current page leaves out the VM folder: its root-level role cannot make machines there."""
    current = page_roles(("vendor_current",))
    result = audit(page_grants(current, "vendor_current"), ("vendor_current",))
    assert {kind for _path, kind, _privilege in missing(result)} == {"folder", "compute_cluster"}


def test_profiles_and_placements_of_the_options():
    options = SPEC["argument_spec"]
    assert tuple(options["profiles"]["choices"]) == PROFILES and options["profiles"]["default"] == list(BOTH)
    assert options["placements"]["required"] is False and SPEC["required_if"] == [("scope", "placements", ("placements",))]
