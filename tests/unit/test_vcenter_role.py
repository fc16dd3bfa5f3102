# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a role is a pure function: what is added, what is left, what is refused."""
from __future__ import annotations

import pytest

from ansible_collections.palette.vmware.plugins.module_utils import _vcenter_role as noun
from ansible_collections.palette.vmware.plugins.module_utils._authorization import ALWAYS, Role
from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused, PlanRefused
from ansible_collections.palette.vmware.plugins.module_utils._privileges import PROFILES, roles

KNOWN = frozenset({"A.One", "A.Two", "B.Three", "VirtualMachine.Config.AddNewDisk", *ALWAYS})
GIVEN = {"state": "present", "name": "r", "privileges": ["A.One", "A.Two"], "profiles": [], "part": None, "exact": False}


def role(*privileges, name="r", number=1001, built_in=False):
    return Role(number, name, frozenset({*privileges, *ALWAYS}), name, built_in)


def seen(desired, have=None, known=KNOWN, used=()):
    """What observe makes of a vCenter with this role."""
    wanted = desired["listed"] | (desired["profiled"] & known)
    mine = noun.authorization.without_system(have.privileges) if have else frozenset()
    return {"role": have, "known": known, "wanted": wanted, "not_applicable": desired["profiled"] - known, "surplus": mine - wanted, "used": list(used)}


def planned(have=None, known=KNOWN, used=(), **given):
    desired = noun.from_params({**GIVEN, **given})
    return noun.plan(desired, seen(desired, have, known, used))


@pytest.mark.parametrize("have, given, verb, before, after, reason", [
    (None, {}, "create", None, ["A.One", "A.Two"], ""),
    (None, {"privileges": ["A.One", "System.Read"]}, "create", None, ["A.One"], ""),
    (role("A.One"), {}, "update", ["A.One"], ["A.One", "A.Two"], "adds A.Two"),
    (role("A.One", "B.Three"), {}, "update", ["A.One", "B.Three"], ["A.One", "A.Two", "B.Three"], "adds A.Two"),
    (role("A.One", "B.Three"), {"exact": True}, "update", ["A.One", "B.Three"], ["A.One", "A.Two"], "adds A.Two; removes B.Three"),
    (role("A.One", "A.Two", "B.Three"), {"exact": True}, "update", ["A.One", "A.Two", "B.Three"], ["A.One", "A.Two"], "removes B.Three"),
    (role("A.One"), {"state": "absent"}, "delete", ["A.One"], None, ""),
])
def test_changes(have, given, verb, before, after, reason):
    [change] = planned(have, **given)
    assert (change.verb, change.kind, change.name, change.reason) == (verb, "vcenter_role", "r", reason)
    assert (change.before or {}).get("privileges") == before and (change.after or {}).get("privileges") == after


@pytest.mark.parametrize("have, given", [
    (role("A.One", "A.Two"), {}), (role("A.One", "A.Two"), {"exact": True}), (role("A.One", "A.Two", "B.Three"), {}), (None, {"state": "absent"}),
    (role("A.One", "A.Two", built_in=True), {}),
])
def test_nothing_to_do(have, given):
    assert planned(have, **given) == []


@pytest.mark.parametrize("have", [None, role("A.One"), role("A.One", "B.Three"), role("B.Three")])
@pytest.mark.parametrize("given", [{}, {"exact": True}, {"state": "absent"}])
def test_what_was_planned_is_planned_no_more(have, given):
    changes = planned(have, **given)
    after = changes[0].after if changes else None
    then = (role(*after["privileges"]) if after else None) if changes else have
    assert planned(then, **given) == []


@pytest.mark.parametrize("have, given, words", [
    (role("A.One", built_in=True, name="Admin"), {}, "came with vCenter and is not changed - role Admin (1001) - seen: without A.Two"),
    (role("A.One", "A.Two", "B.Three", built_in=True), {"exact": True}, "is not changed - role r (1001) - seen: with B.Three"),
    (role(built_in=True), {"state": "absent"}, "came with vCenter and is not removed"),
    (role("A.One"), {"state": "absent", "used": ["u@x on /dc-1"]}, "is in use - role r (1001) - seen: u@x on /dc-1 - take it from them first"),
])
def test_refusals(have, given, words):
    with pytest.raises(PlanRefused) as failure:
        planned(have, **given)
    assert words in str(failure.value)


def test_a_listed_privilege_that_vcenter_does_not_know():
    with pytest.raises(InputRefused) as failure:
        planned(privileges=["VirtualMachine.Config.AddNewDisc", "Zzz.Qqq"])
    assert failure.value.observed == "VirtualMachine.Config.AddNewDisc, Zzz.Qqq"
    assert "for VirtualMachine.Config.AddNewDisc perhaps VirtualMachine.Config.AddNewDisk" in str(failure.value)
    assert "Zzz.Qqq perhaps" not in str(failure.value)


def test_a_privilege_of_a_profile_that_vcenter_does_not_know_is_left_out():
    wanted = roles(["page"])["root"]
    known = frozenset(wanted[1:])
    [change] = planned(known=known, privileges=[], profiles=["page"], part="root")
    assert change.after["privileges"] == wanted[1:]


@pytest.mark.parametrize("part", ["root", "spectro"])
@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_are_roles(profile, part):
    wanted = roles([profile])[part]
    [change] = planned(known=frozenset(wanted), privileges=[], profiles=[profile], part=part)
    assert change.after["privileges"] == wanted and wanted


@pytest.mark.parametrize("given, words", [
    ({"name": " "}, "option name"), ({"name": "r "}, "option name"), ({"profiles": ["page"]}, "option part"), ({"part": "root"}, "option profiles"),
    ({"privileges": []}, "options privileges, profiles"),
])
def test_options_that_cannot_be_right(given, words):
    with pytest.raises(InputRefused, match=words):
        noun.from_params({**GIVEN, **given})


def test_the_prediction_is_what_comes():
    desired = noun.from_params(GIVEN)
    have = seen(desired, role("A.One", "B.Three"))
    assert noun.predict(desired, have, noun.plan(desired, have)) == {"name": "r", "id": 1001, "privileges": ["A.One", "A.Two", "B.Three"],
                                                                     "surplus": ["B.Three"], "not_applicable": []}
    assert noun.predict(desired, seen(desired), noun.plan(desired, seen(desired)))["id"] is None
