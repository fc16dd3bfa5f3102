# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vSphere's rules of permissions: the guide's examples, a table of what is easy to get wrong, and random graphs against the rules written out plainly."""
from __future__ import annotations

import random

import pytest
from ansible_collections.palette.vmware.plugins.module_utils._permissions import Evaluation, Grant, closure, verdict

POWER, SNAP, READ = frozenset({"Power"}), frozenset({"Snapshot"}), frozenset({"Read"})
USER = "user1@vsphere.local"
#        root - dc - folder - (vm-a, vm-b), dc - hosts - cluster - pool; both machines in the pool
PARENTS = {"dc": ("root",), "folder": ("dc",), "hosts": ("dc",), "cluster": ("hosts",), "pool": ("cluster",), "vm-a": ("folder", "pool"),
           "vm-b": ("folder", "pool")}


def user(on, role, propagate=True, name=USER):
    return Grant(on, name, False, "role", frozenset(role), propagate)


def group(on, name, role, propagate=True):
    return Grant(on, f"VSPHERE.LOCAL\\{name}", True, f"role of {name}", frozenset(role), propagate)


def held(grants, groups=("VSPHERE.LOCAL\\a", "VSPHERE.LOCAL\\b"), who=USER):
    evaluation = Evaluation(grants, who, groups, PARENTS)
    return {key: "".join(sorted(name[0] for name in evaluation.decide(key).privileges)) for key in ("folder", "vm-a", "vm-b", "pool")}


@pytest.mark.parametrize("grants, wanted", [
    ([group("folder", "a", POWER), group("folder", "b", SNAP)], {"folder": "PS", "vm-a": "PS", "vm-b": "PS", "pool": ""}),
    ([group("folder", "a", POWER), group("vm-b", "b", SNAP)], {"folder": "P", "vm-a": "P", "vm-b": "S", "pool": ""}),
    ([group("folder", "a", POWER), user("folder", ())], {"folder": "", "vm-a": "", "vm-b": "", "pool": ""}),
], ids=["1 inheritance of multiple permissions", "2 child permissions overriding parent permissions", "3 user role overriding group role"])
def test_the_examples_of_the_security_guide(grants, wanted):
    assert held(grants) == wanted


@pytest.mark.parametrize("grants, wanted", [
    ([], {"folder": "", "vm-a": "", "vm-b": "", "pool": ""}),
    ([user("root", POWER, False)], {"folder": "", "vm-a": "", "vm-b": "", "pool": ""}),
    ([user("root", POWER)], {"folder": "P", "vm-a": "P", "vm-b": "P", "pool": "P"}),
    ([user("root", POWER), user("folder", SNAP, False)], {"folder": "S", "vm-a": "P", "vm-b": "P", "pool": "P"}),
    ([user("root", POWER), user("folder", SNAP)], {"folder": "S", "vm-a": "PS", "vm-b": "PS", "pool": "P"}),
    ([user("folder", POWER), user("pool", SNAP)], {"folder": "P", "vm-a": "PS", "vm-b": "PS", "pool": "S"}),
    ([user("folder", POWER), user("pool", SNAP), user("vm-a", READ)], {"folder": "P", "vm-a": "R", "vm-b": "PS", "pool": "S"}),
    ([user("root", POWER), user("folder", ()), user("pool", ())], {"folder": "", "vm-a": "", "vm-b": "", "pool": ""}),
    ([user("root", POWER), user("folder", ())], {"folder": "", "vm-a": "P", "vm-b": "P", "pool": "P"}),
    ([user("root", POWER), group("folder", "a", SNAP)], {"folder": "S", "vm-a": "PS", "vm-b": "PS", "pool": "P"}),
    ([group("root", "a", POWER), group("dc", "b", SNAP)], {"folder": "S", "vm-a": "S", "vm-b": "S", "pool": "S"}),
    ([user("folder", SNAP, False), group("folder", "a", POWER)], {"folder": "S", "vm-a": "P", "vm-b": "P", "pool": ""}),
    ([group("folder", "a", POWER, False), group("folder", "b", SNAP)], {"folder": "PS", "vm-a": "S", "vm-b": "S", "pool": ""}),
    ([group("root", "c", POWER), user("root", POWER, name="other@vsphere.local")], {"folder": "", "vm-a": "", "vm-b": "", "pool": ""}),
    ([user("folder", POWER, name="VSPHERE.LOCAL\\USER1")], {"folder": "P", "vm-a": "P", "vm-b": "P", "pool": ""}),
    ([user("folder", POWER, name="user1@corp.local")], {"folder": "", "vm-a": "", "vm-b": "", "pool": ""}),
    ([user("folder", POWER, name="vsphere.local\\a")], {"folder": "", "vm-a": "", "vm-b": "", "pool": ""}),
], ids=["nothing", "root alone", "root down", "not passed on", "nearest of each side, united", "two sides", "own permission over both", "no access on both sides",
        "no access on one side", "a group nearer than the user", "groups at two heights", "the user's is not passed on, the group's is",
        "one of two groups is passed on", "others", "case and spelling", "another domain", "a user with the name of a group"])
def test_what_is_easy_to_get_wrong(grants, wanted):
    assert held(grants) == wanted


def test_the_deciding_permissions_are_told():
    grants = [user("root", POWER), group("folder", "a", SNAP), group("folder", "b", READ), user("pool", POWER)]
    evaluation = Evaluation(grants, USER, ("vsphere.local\\a", "vsphere.local\\b"), PARENTS)
    assert evaluation.decide("vm-a").via == (grants[1], grants[2], grants[3])
    assert evaluation.decide("dc").via == (grants[0],) and evaluation.decide("unknown").via == ()


def test_what_is_to_be_made_inherits_only():
    evaluation = Evaluation([user("folder", POWER, False), user("pool", SNAP)], USER, (), PARENTS)
    assert evaluation.made_in(("folder", "pool")).privileges == SNAP
    assert evaluation.made_in(("folder",)).privileges == frozenset()


@pytest.mark.parametrize("member_of, start, wanted", [
    ({"a": {"b"}, "b": {"c"}}, ["a"], {"a", "b", "c"}),
    ({"a": {"b"}, "b": {"a"}}, ["a"], {"a", "b"}),
    ({}, [], set()),
    ({"x": {"y"}}, ["a"], {"a"}),
])
def test_groups_in_groups(member_of, start, wanted):
    assert closure(member_of, start) == wanted


@pytest.mark.parametrize("wanted, any_of, known, found", [
    (["A"], {}, "ABCZ", (("A",), (), ("C",), ())),
    (["B"], {}, "ABCZ", ((), ("B",), ("C",), ())),
    (["B"], {"B": ("A",)}, "ABCZ", (("B",), (), ("C",), ())),
    (["Q"], {}, "ABCZ", ((), (), ("C",), ("Q",))),
    (["Q"], {"Q": ("B",)}, "ABCZ", ((), ("Q",), ("C",), ())),
])
def test_a_verdict(wanted, any_of, known, found):
    decision = Evaluation([user("dc", ("A", "C", "System.View"))], USER, (), PARENTS).decide("dc")
    assert verdict(decision, wanted, any_of, frozenset(known), {"A", "B", "Q"}) == found


def plain(grants, who, groups, parents, key, passed_on=False):
    """The rules without any memory: privileges on an object, or (passed_on) what it gives to those below."""
    mine = [grant for grant in grants if grant.object == key and (grant.propagate or not passed_on)]
    users = [grant.privileges for grant in mine if not grant.group and grant.principal == who]
    teams = [grant.privileges for grant in mine if grant.group and grant.principal in groups]
    if users or teams:
        return frozenset().union(*(users or teams))
    return frozenset().union(*(plain(grants, who, groups, parents, parent, True) for parent in parents.get(key, ())))


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_equal_the_plain_rules(seed):
    rng = random.Random(seed)
    keys = [f"n{number}" for number in range(40)]
    parents = {key: tuple(sorted(rng.sample(keys[:place], min(place, rng.choice((1, 1, 1, 2)))))) for place, key in enumerate(keys) if place}
    names = ["d\\u0", "d\\u1"] + [f"d\\g{number}" for number in range(4)]
    grants = [Grant(key, name, name[2] == "g", f"r{rng.random()}", frozenset(rng.sample("ABCDEFGH", rng.randrange(5))), rng.random() < 0.6)
              for key in keys for name in names if rng.random() < 0.12]
    for who in names[:2]:
        groups = [name for name in names[2:] if rng.random() < 0.5]
        evaluation = Evaluation(grants, who, groups, parents)
        for key in rng.sample(keys, len(keys)):
            decision = evaluation.decide(key)
            assert decision.privileges == plain(grants, who, groups, parents, key), (seed, who, key)
            assert decision.privileges == frozenset().union(*(grant.privileges for grant in decision.via))
