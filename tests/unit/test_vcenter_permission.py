# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of one principal's permissions: rights are added; they are taken away when that was asked for, and never from the run's own account."""
from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.palette.vmware.plugins.module_utils import _vcenter_permission as noun
from ansible_collections.palette.vmware.plugins.module_utils._authorization import Permission, Role
from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused, PlanRefused
from ansible_collections.palette.vmware.plugins.module_utils._permission_plan import Held, left_alone

from audit_site import node, tree

SMALL, BIG, OTHER = (Role(number, name, frozenset(privileges)) for number, name, privileges in (
    (1001, "small", {"A"}), (1002, "big", {"A", "B"}), (1003, "other", {"A", "C"})))
SYSTEM = frozenset({"System.Read", "System.View", "System.Anonymous"})
NONE, READ = Role(-5, "NoAccess", frozenset(), built_in=True), Role(-2, "ReadOnly", SYSTEM, built_in=True)
ADMIN = Role(-1, "Admin", SYSTEM | {"A", "B", "C", "D"}, built_in=True)
VIEW = Role(-3, "View", frozenset({"System.View", "System.Anonymous"}), built_in=True)
GIVEN = {"state": "present", "principal": "u@x", "group": False, "grants": [{"object": "/a", "type": None, "name": None, "role": "small", "propagate": True}],
         "placements": None, "roles": None, "assignment": "page", "replace": False, "exact": False, "username": "admin@x"}


def held(role, propagate=True, path="/a"):
    return Held(role, Permission(SimpleNamespace(_GetMoId=lambda: path), "u@x", False, role.id, propagate), path)


def grant(want, propagate=True, have=None, inherited=None, path="/a"):
    return {"path": path, "moid": path, "type": "Folder", "ref": path, "role": want.name if want else "unborn", "propagate": propagate, "want": want,
            "have": have, "inherited": inherited, "where": "option grants[0]"}


def planned(grants, surplus=(), own=False, **given):
    desired = noun.from_params({**GIVEN, **given})
    return noun.plan(desired, {"grants": grants, "surplus": list(surplus), "own": own})


@pytest.mark.parametrize("want, propagate, have, verb, before, after", [
    (SMALL, True, None, "create", None, {"role": "small", "propagate": True}),
    (BIG, True, held(SMALL), "update", {"role": "small"}, {"role": "big"}),
    (SMALL, True, held(SMALL, False), "update", {"propagate": False}, {"propagate": True}),
    (BIG, True, held(SMALL, False), "update", {"role": "small", "propagate": False}, {"role": "big", "propagate": True}),
    (SMALL, True, held(READ), "update", {"role": "ReadOnly"}, {"role": "small"}),
    (READ, False, held(VIEW, False), "update", {"role": "View"}, {"role": "ReadOnly"}),
    (None, True, held(BIG), "update", {"role": "big"}, {"role": "unborn"}),
])
def test_rights_are_added(want, propagate, have, verb, before, after):
    [change] = planned([grant(want, propagate, have)])
    assert (change.verb, change.name, change.before, change.after, change.reason) == (verb, "u@x on /a", before, after, "")


@pytest.mark.parametrize("want, propagate, have, inherited, words", [
    (SMALL, True, held(SMALL), None, None),
    (SMALL, True, held(BIG), None, "role big there (with propagation), which includes all of small"),
    (SMALL, False, held(SMALL), None, None),
    (READ, False, held(SMALL, False), None, "role small there, which includes all of ReadOnly"),
    (SMALL, True, None, held(ADMIN, True, "/"), "role Admin from / (with propagation), which includes all of small"),
    (SMALL, True, None, held(SMALL, True, "/"), None),
])
def test_more_than_is_wanted_is_left_alone(want, propagate, have, inherited, words):
    given = grant(want, propagate, have, inherited)
    assert planned([given]) == []
    said = list(left_alone([given], False))
    assert not said if words is None else words in said[0]


@pytest.mark.parametrize("want, propagate, have, inherited, lost", [
    (BIG, True, held(OTHER), None, "/a: has role other, would lose C"),
    (BIG, False, held(SMALL), None, "/a: has role small, would lose what role small gives below the object"),
    (BIG, False, held(OTHER), None, "would lose C; what role other gives below the object"),
    (SMALL, True, held(NONE), None, "/a: has role NoAccess, would lose the denial by role NoAccess"),
    (BIG, True, None, held(OTHER, True, "/"), "/a: has role other from /, would lose C"),
])
def test_rights_are_taken_away_only_when_asked(want, propagate, have, inherited, lost):
    given = grant(want, propagate, have, inherited)
    with pytest.raises(PlanRefused) as failure:
        planned([given])
    assert lost in failure.value.where and "replace: true" in failure.value.fix
    [change] = planned([given], replace=True)
    assert change.reason.startswith("takes away ") and change.verb == ("update" if have else "create")


def test_all_that_would_be_lost_is_told_at_once():
    with pytest.raises(PlanRefused) as failure:
        planned([grant(BIG, True, held(OTHER)), grant(BIG, True, held(OTHER, path="/b"), path="/b"), grant(SMALL, path="/c")])
    assert failure.value.where == "/a: has role other, would lose C; /b: has role other, would lose C"


def test_an_inherited_right_that_the_same_run_gives_where_it_belongs_is_no_loss():
    [change] = planned([grant(OTHER, False, held(OTHER, True, "/"), path="/"), grant(BIG, True, None, held(OTHER, True, "/"))])
    assert (change.verb, change.name, change.reason) == ("create", "u@x on /a", "")


def test_replace_narrows_what_was_left_alone():
    [change] = planned([grant(SMALL, True, held(ADMIN))], replace=True)
    assert (change.before, change.after) == ({"role": "Admin"}, {"role": "small"}) and change.reason == "takes away B, C, D"


def test_permissions_on_other_objects():
    beyond = [held(BIG, path="/z")]
    assert planned([grant(SMALL, True, held(SMALL))], beyond) == []
    [change] = planned([grant(SMALL, True, held(SMALL))], beyond, exact=True)
    assert (change.verb, change.name, change.before, change.after) == ("delete", "u@x on /z", {"role": "big", "propagate": True}, None)


@pytest.mark.parametrize("have, verbs", [(held(SMALL), ["delete"]), (held(SMALL, False), ["delete"]), (held(BIG), []), (None, [])])
def test_only_what_is_listed_is_removed(have, verbs):
    assert [change.verb for change in planned([grant(SMALL, True, have)], [held(BIG, path="/z")], state="absent")] == verbs


@pytest.mark.parametrize("given, grants, surplus", [
    ({"state": "absent"}, [grant(SMALL, True, held(SMALL))], []), ({"exact": True}, [grant(SMALL, True, held(SMALL))], [held(BIG, path="/z")]),
    ({"replace": True}, [grant(SMALL, True, held(BIG))], []),
])
def test_the_account_of_the_run_loses_nothing(given, grants, surplus):
    assert planned(grants, surplus, **given)
    with pytest.raises(PlanRefused, match="is the account that this run works with"):
        planned(grants, surplus, own=True, **given)


@pytest.mark.parametrize("have", [None, held(SMALL), held(BIG), held(OTHER), held(NONE), held(READ), held(SMALL, False)])
@pytest.mark.parametrize("propagate", [True, False])
@pytest.mark.parametrize("want", [SMALL, BIG, READ])
def test_what_was_planned_is_planned_no_more(want, propagate, have):
    for change in planned([grant(want, propagate, have)], replace=True):
        assert change.after is not None
    assert planned([grant(want, propagate, held(want, propagate))], replace=True) == []
    assert planned([grant(want, propagate, held(want, propagate))]) == []


@pytest.mark.parametrize("given, words", [
    ({"principal": " "}, "option principal"), ({"grants": []}, "option grants"), ({"grants": None, "placements": []}, "option placements"),
    ({"state": "absent", "exact": True}, "option exact"), ({"state": "absent", "replace": True}, "option replace"),
    ({"grants": [{"object": "", "type": None, "name": None, "role": "r", "propagate": True}]}, r"option grants\[0\]"),
])
def test_options_that_cannot_be_right(given, words):
    with pytest.raises(InputRefused, match=words):
        noun.from_params({**GIVEN, **given})


@pytest.mark.parametrize("key, above", [("Resources", "/dc-1/host/cluster-1"), ("vmroot", "/dc-1"), ("esx-9", "/dc-1/host/esx-9")])
def test_an_object_that_has_the_permissions_of_the_one_above_is_refused_and_that_one_named(key, above):
    site = tree()
    site.nodes.update({"alone": node("alone", "ComputeResource", "hosts", "esx-9"), "esx-9": node("esx-9", "HostSystem", "alone")})
    with pytest.raises(InputRefused, match=f"grant the role on {above}, with propagation"):
        noun.refuse_unfit(site, [{**grant(SMALL), **site.object(key, None)}])
    assert noun.refuse_unfit(site, [{**grant(SMALL), **site.object("esx-1", None)}])


def test_a_machine_inherits_from_its_folder_and_from_its_resource_pool():
    site = tree()
    site.nodes.update({key: each._replace(ref=key) for key, each in site.nodes.items()})
    given = {"root": held(READ, path="/"), "gateways": held(SMALL, path="/f"), "cluster": held(OTHER, path="/c"), "pool": held(BIG, False, "/p")}
    found = noun.inherited(site, given, "vm-1")
    assert (found.role.rights, found.role.name, found.path) == (SMALL.rights | OTHER.rights, "small and other", "/f and /c")
    assert noun.inherited(site, given, "esx-1").path == "/c" and noun.inherited(site, given, "dc").path == "/" and noun.inherited(site, given, "root") is None
    assert noun.inherited(site, {"root": given["root"]}, "vm-1").path == "/" and noun.inherited(site, given, None) is None
    with pytest.raises(PlanRefused, match="has role small and other from /f and /c, would lose C"):
        planned([grant(BIG, True, None, found)])
