# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From regions and zones as they are to those that are wanted: tables, refusals (faults W08), and what holds for every plan."""
from __future__ import annotations

import copy
import random

import pytest
from zone_samples import CLUSTER, CLUSTERS, DATACENTER, DC, PAGE, category, desire, observe, regions, site, thing

from ansible_collections.palette.vmware.plugins.module_utils import _zone_site
from ansible_collections.palette.vmware.plugins.module_utils import _zone_state as states
from ansible_collections.palette.vmware.plugins.module_utils import _zone_tags as zones
from ansible_collections.palette.vmware.plugins.module_utils._change import Unresolved
from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused, PlanRefused

BARE = site(region=(), zones=((), (), ()))
NEW = {"categories": {}}


def lines(changes):
    """'attach k8s-zone/az1 /dc-1/host/cluster-1' for each change."""
    return [" ".join([change.verb, change.name, *((change.after or {}).get("objects") or (change.before or {}).get("objects") or [])]) for change in changes]


def on(number):
    return f"/dc-1/host/cluster-{number}"


@pytest.mark.parametrize("objects, given, seen, expected", [
    (BARE, PAGE, NEW, ["create k8s-region", "create k8s-zone", "create k8s-region/region1", "create k8s-zone/az1", "create k8s-zone/az2", "create k8s-zone/az3",
                       "attach k8s-region/region1 /dc-1", f"attach k8s-zone/az1 {on(1)}", f"attach k8s-zone/az2 {on(2)}", f"attach k8s-zone/az3 {on(3)}"]),
    (BARE, regions(region="12345"), NEW, ["create k8s-region", "create k8s-region/12345", "attach k8s-region/12345 /dc-1"]),
    (site(), PAGE, {}, []),
    (site(), regions("az1"), {}, []),
    (site(zones=((), ("az2",), ("az3",))), PAGE, {}, ["create k8s-zone/az1", f"attach k8s-zone/az1 {on(1)}"]),
    (site(zones=((), ("az2",), ("az3",))), PAGE, {"tags": {"zone": ["az1"]}}, [f"attach k8s-zone/az1 {on(1)}"]),
    (site(), regions("az2", "az1", "az3"), {}, [f"detach k8s-zone/az1 {on(1)}", f"detach k8s-zone/az2 {on(2)}", f"attach k8s-zone/az1 {on(2)}",
                                                f"attach k8s-zone/az2 {on(1)}"]),
    (site(), regions("az1", "az2", "az3", region="my_value"), {}, ["create k8s-region/my_value", "detach k8s-region/region1 /dc-1",
                                                                   "attach k8s-region/my_value /dc-1"]),
    (site(zones=(("az1", "old"), ("az2",), ("az3",))), PAGE, {}, [f"detach k8s-zone/old {on(1)}"]),
    (site(region=("az1",)), regions("az1", "az2", "az3", region="az1"), {}, []),
    (site(region=("az1",), zones=((), (), ())), regions("az1", region="az1"), {}, ["create k8s-zone/az1", f"attach k8s-zone/az1 {on(1)}"]),
    (site(), PAGE, {"categories": {"region": category("region"), "zone": category("zone", types=["Folder"])}}, ["update k8s-zone"]),
    (site(), PAGE, {"categories": {"region": category("region", types=[]), "zone": category("zone", types=["Folder", CLUSTER])}}, []),
])
def test_present(objects, given, seen, expected):
    desired = desire(given)
    changes = zones.plan(desired, observe(desired, objects, **seen))
    assert lines(changes) == expected


def test_types_are_added_to_a_category_and_none_taken_away():
    desired = desire(PAGE)
    [change] = zones.plan(desired, observe(desired, site(), {"region": category("region", types=["Folder"]), "zone": category("zone")}))
    assert (change.before, change.after) == ({"associable_types": ["Folder"]}, {"associable_types": [DATACENTER, "Folder"]})


@pytest.mark.parametrize("objects, more, expected", [
    (site(), {}, ["detach k8s-region/region1 /dc-1", f"detach k8s-zone/az1 {on(1)}", f"detach k8s-zone/az2 {on(2)}", f"detach k8s-zone/az3 {on(3)}"]),
    (site(region=("other",), zones=(("x", "y"), (), ())), {}, ["detach k8s-region/other /dc-1", f"detach k8s-zone/x {on(1)}", f"detach k8s-zone/y {on(1)}"]),
    (BARE, {}, []),
    (BARE, {"purge_unused": True}, ["delete k8s-region", "delete k8s-zone"]),
    (site(zones=(("az1",), ("az2",), ())), {"purge_unused": True}, [
        "detach k8s-region/region1 /dc-1", f"detach k8s-zone/az1 {on(1)}", f"detach k8s-zone/az2 {on(2)}", "delete k8s-region/region1", "delete k8s-region",
        "delete k8s-zone/az1", "delete k8s-zone/az2", "delete k8s-zone"]),
])
def test_absent(objects, more, expected):
    desired = desire(PAGE, state="absent", **more)
    assert lines(zones.plan(desired, observe(desired, objects))) == expected


def test_what_others_made_or_use_is_never_deleted():
    """A tag that nobody has but that is not listed, one that another object has, and the categories of both."""
    objects = {**site(), "HostSystem:host-1": thing("HostSystem", "host-1", ["dc-1", "host", "cluster-1", "esx-1"], DC, zone=("az1",))}
    desired = desire(PAGE, state="absent", purge_unused=True)
    changes = lines(zones.plan(desired, observe(desired, objects, tags={"region": ["of-others"]})))
    assert [line for line in changes if line.startswith("delete")] == ["delete k8s-region/region1", "delete k8s-zone/az2", "delete k8s-zone/az3"]
    desired = desire(regions("az1"), state="absent")
    assert not [line for line in lines(zones.plan(desired, observe(desired, objects))) if "delete" in line or "host-1" in line or "esx" in line]


HOST = thing("HostSystem", "host-1", ["dc-1", "host", "cluster-1", "esx-1"], DC, zone=("az1",))
FOLDER = thing("Folder", "group-d2", ["sites"], None, above=[DC], region=("region1",))
ELSEWHERE = {"Datacenter:datacenter-9": thing(DATACENTER, "datacenter-9", ["dc-9"], "Datacenter:datacenter-9", region=("region1",)),
             f"{CLUSTER}:domain-c9": thing(CLUSTER, "domain-c9", ["dc-9", "host", "far"], "Datacenter:datacenter-9", zone=("az1",))}
W08 = [
    ({**site(), DC: thing(DATACENTER, "datacenter-1", ["dc-1"], DC, region=("region1",), zone=("az1",))}, {},
     ["/dc-1 (Datacenter:datacenter-1)", "k8s-zone az1"]),
    ({**site(), CLUSTERS[0]: thing(CLUSTER, "domain-c1", ["dc-1", "host", "cluster-1"], DC, region=("region1",), zone=("az1",))}, {},
     [f"{on(1)} (ClusterComputeResource:domain-c1)", "k8s-region region1"]),
    ({**site(), "HostSystem:host-1": HOST}, {}, ["/dc-1/host/cluster-1/esx-1 (HostSystem:host-1)", "k8s-zone az1"]),
    ({**site(), "Folder:group-d2": FOLDER}, {}, ["/sites (Folder:group-d2)", "k8s-region region1"]),
    ({**site(), **ELSEWHERE}, {}, ["not unique within region 'region1'", on(1), "/dc-9/host/far"]),
    (site(), {"categories": {"region": category("region"), "zone": category("zone", "MULTIPLE")}}, ["tag category k8s-zone", "MULTIPLE", "SINGLE"]),
    (BARE, {"categories": {}, "namesakes": {"zone": ["K8S-Zone"]}}, ["tag category k8s-zone", "K8S-Zone", "differs only by case"]),
    (site(zones=((), ("az2",), ("az3",))), {"tags": {"zone": ["AZ1"]}}, ["AZ1", "differs only by case"]),
]


@pytest.mark.parametrize("objects, seen, words", W08)
def test_what_would_still_be_wrong_is_refused_with_the_object(objects, seen, words):
    desired = desire(PAGE)
    with pytest.raises(PlanRefused) as caught:
        zones.plan(desired, observe(desired, objects, **seen))
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert caught.value.fix and caught.value.where


def test_a_refusal_names_every_object():
    objects = {**site(), "HostSystem:host-1": HOST, "Folder:group-d2": FOLDER}
    desired = desire(PAGE)
    with pytest.raises(PlanRefused, match="2 things stand in the way") as caught:
        zones.plan(desired, observe(desired, objects))
    for word in ("HostSystem:host-1", "Folder:group-d2", "k8s-zone az1", "k8s-region region1"):
        assert word in caught.value.where + caught.value.observed


@pytest.mark.parametrize("objects, seen, words", W08[:4])
def test_misplaced_tags_are_detached_when_asked(objects, seen, words):
    desired = desire(PAGE, detach_misplaced=True)
    [change] = zones.plan(desired, observe(desired, objects, **seen))
    path = words[0].split(" (")[0]
    assert change.verb == "detach" and change.before["objects"] == [path] and f"{change.before['category']} {change.before['tag']}" == words[1]


def test_what_is_wrong_elsewhere_does_not_stand_in_the_way():
    """Another datacenter, a compute cluster that is not listed, and a tag above another datacenter."""
    far = {"Datacenter:datacenter-9": thing(DATACENTER, "datacenter-9", ["dc-9"], "Datacenter:datacenter-9", region=("a", "b"), zone=("c",)),
           "Folder:group-d3": thing("Folder", "group-d3", ["far"], None, above=["Datacenter:datacenter-9"], region=("region1",))}
    desired = desire(regions("az1"))
    objects = {**site(zones=((), ("a b", "c"), ())), **far}
    assert lines(zones.plan(desired, observe(desired, objects))) == ["create k8s-zone/az1", f"attach k8s-zone/az1 {on(1)}"]


def test_objects_that_do_not_exist_are_unresolved_and_still_planned():
    desired = desire([*regions("az1"), {"datacenter": "dc-7", "region": "region7", "zones": [{"compute_cluster": "c", "zone": "az7"}]}])
    desired["regions"][0]["zones"].append({"compute_cluster": "cluster-7", "zone": "az8"})
    observed = observe(desired, BARE)
    assert [value for value in observed.values() if isinstance(value, Unresolved)] == [
        Unresolved("compute_cluster", "dc-1/cluster-7"), Unresolved("datacenter", "dc-7"), Unresolved("compute_cluster", "dc-7/c")]
    changes = zones.plan(desired, observed)
    assert "attach k8s-region/region7 dc-7" in lines(changes) and "attach k8s-zone/az8 dc-1/cluster-7" in lines(changes)
    foreseen = zones.predict(desired, observed, changes)["regions"]
    assert (foreseen[1]["path"], foreseen[1]["region"], foreseen[1]["zones"]) == (None, "region7", [{"compute_cluster": "c", "path": None, "zone": "az7"}])
    gone = desire(desired["regions"], state="absent")
    assert zones.plan(gone, observe(gone, BARE)) == []


NESTED = {
    **site(), "Datacenter:datacenter-5": thing(DATACENTER, "datacenter-5", ["f", "dc-1"], "Datacenter:datacenter-5"),
    "Datacenter:datacenter-6": thing(DATACENTER, "datacenter-6", ["g", "east"], "Datacenter:datacenter-6"),
    f"{CLUSTER}:domain-c5": thing(CLUSTER, "domain-c5", ["f", "dc-1", "host", "prod", "cluster-1"], "Datacenter:datacenter-5"),
    f"{CLUSTER}:domain-c6": thing(CLUSTER, "domain-c6", ["f", "dc-1", "host", "test", "cluster-1"], "Datacenter:datacenter-5"),
    f"{CLUSTER}:domain-c7": thing(CLUSTER, "domain-c7", ["f", "dc-1", "host", "a/b"], "Datacenter:datacenter-5"),
}


@pytest.mark.parametrize("datacenter, cluster, expected", [
    ("dc-1", "cluster-1", (DC, CLUSTERS[0])), ("/dc-1/", "/dc-1/host/cluster-2", (DC, CLUSTERS[1])), ("east", "x", ("Datacenter:datacenter-6", None)),
    ("f/dc-1", "prod/cluster-1", ("Datacenter:datacenter-5", f"{CLUSTER}:domain-c5")),
    ("f/dc-1", "/f/dc-1/host/test/cluster-1", ("Datacenter:datacenter-5", f"{CLUSTER}:domain-c6")),
    ("f/dc-1", "a%2fb", ("Datacenter:datacenter-5", f"{CLUSTER}:domain-c7")), ("f/dc-1", "cluster-2", ("Datacenter:datacenter-5", None)),
    ("DC-1", "cluster-1", (None, None)),
])
def test_objects_by_name_and_by_path(datacenter, cluster, expected):
    desired = desire([{"datacenter": datacenter, "region": "r", "zones": [{"compute_cluster": cluster, "zone": "z"}]}])
    observed = observe(desired, NESTED)
    [entry] = observed["listed"]
    found = tuple(key if observed["objects"][key]["id"] else None for key in (entry["key"], entry["zones"][0]["key"]))
    assert found == expected


def test_a_name_of_several_objects_and_two_names_of_one_are_refused():
    objects = {**NESTED, "Datacenter:datacenter-8": thing(DATACENTER, "datacenter-8", ["h", "east"], "Datacenter:datacenter-8")}
    for given, where in (
            ([{"datacenter": "east", "region": "r", "zones": []}], "option regions[0].datacenter"),
            ([{"datacenter": "f/dc-1", "region": "r", "zones": [{"compute_cluster": "cluster-1", "zone": "z"}]}], "option regions[0].zones[0].compute_cluster"),
            ([*regions(), *regions(datacenter="/dc-1")], "option regions[1].datacenter")):
        with pytest.raises(InputRefused) as caught:
            observe(desire(given), objects)
        assert caught.value.where == where and caught.value.observed
        desired = desire(given, state="validated")
        assert [problem.where for problem in observe(desired, objects)["problems"]] == [where]


def test_the_table_is_what_kubernetes_sees():
    objects = site(zones=(("az1",), ("az1",), ("x", "y")))
    desired = desire(state="validated")
    assert states.view(observe(desired, objects))["table"] == [
        {"region": "region1", "zone": None, "compute_clusters": [on(3)], "labels": {"topology.kubernetes.io/region": "region1"}},
        {"region": "region1", "zone": "az1", "compute_clusters": [on(1), on(2)],
         "labels": {"topology.kubernetes.io/region": "region1", "topology.kubernetes.io/zone": "az1"}}]
    assert states.view(observe(desired, objects))["regions"] == [{"datacenter": "dc-1", "path": "/dc-1", "region": "region1", "zones": [
        {"compute_cluster": f"cluster-{number}", "path": on(number), "zone": zone} for number, zone in ((1, "az1"), (2, "az1"), (3, None))]}]


@pytest.mark.parametrize("tags, seen", [(("az2",), "az2"), (("az1", "az2"), "az1, az2"), ((), "no tag")])
def test_another_value_after_our_writes_is_a_conflict_with_both(tags, seen):
    """Faults C06; also where a server lets two tags of a SINGLE category be on one object."""
    desired = desire(PAGE)
    with pytest.raises(PlanRefused) as caught:
        _zone_site.confirm(desired, observe(desired, site(zones=(tags, ("az2",), ("az3",)))))
    assert (caught.value.code, caught.value.where, caught.value.observed, caught.value.expected) == ("ZONE_CONFLICT", on(1), seen, "k8s-zone az1")
    assert caught.value.retriable
    _zone_site.confirm(desired, observe(desired, site()))


def random_case(chance):
    """(objects, tags beside theirs, categories, options) of two or three datacenters, with whatever tags on them and on hosts below."""
    objects, values = {}, [f"v{number}" for number in range(9)]

    def some(low=0):
        return chance.sample(values, chance.choice((low, low, 1, 1, 1, 2, 3)))
    for dc in range(1, chance.randint(2, 4)):
        key = f"{DATACENTER}:datacenter-{dc}"
        objects[key] = thing(DATACENTER, f"datacenter-{dc}", [f"dc-{dc}"], key, region=some())
        for number in range(1, chance.randint(1, 5)):
            objects[f"{CLUSTER}:domain-c{dc}{number}"] = thing(CLUSTER, f"domain-c{dc}{number}", [f"dc-{dc}", "host", f"cluster-{number}"], key, zone=some())
        if chance.random() < 0.3:
            objects[f"HostSystem:host-{dc}"] = thing("HostSystem", f"host-{dc}", [f"dc-{dc}", "host", "cluster-1", "esx"], key, zone=some(1))
    given = []
    for dc in sorted(key for key in objects if key.startswith(DATACENTER)):
        clusters = [entry["names"][-1] for entry in objects.values() if entry["datacenter"] == dc and entry["type"] == CLUSTER]
        free = chance.sample(values, len(clusters))
        given.append({"datacenter": objects[dc]["names"][0], "region": f"{chance.choice(values)}-{dc[-1]}",
                      "zones": [{"compute_cluster": name, "zone": zone} for name, zone in zip(clusters, free) if chance.random() < 0.8]})
    categories = {} if chance.random() < 0.2 and not any(entry["region"] or entry["zone"] for entry in objects.values()) else {
        level: category(level, types=chance.choice((None, [], ["Folder"]))) for level in ("region", "zone")}
    return objects, {"zone": chance.sample(values, 2)}, categories, given


def test_a_plan_that_is_applied_gives_what_is_wanted_and_then_there_is_none():
    chance, planned, seen = random.Random(4), 0, set()
    for _number in range(800):
        objects, tags, categories, given = random_case(chance)
        desired = desire(given, detach_misplaced=True)
        observed = observe(desired, objects, categories, tags)
        kept = copy.deepcopy(observed)
        try:
            changes = zones.plan(desired, observed)
        except PlanRefused as refused:
            assert "not unique" in str(refused)
            continue
        assert observed == kept, "planning changed what was observed"
        after = states.applied(desired, observed, changes)
        assert zones.plan(desired, after) == [] and observed == kept
        for level, key, value in states.wanted(after["listed"]):
            assert after["objects"][key][level] == [value]
        listed = {key for _level, key, _value in states.wanted(after["listed"])}
        for key, entry in observed["objects"].items():
            if key not in listed and entry["type"] != "HostSystem":
                assert after["objects"][key] == entry, "an object that is not listed was touched"
        attached = [change.name for change in changes if change.verb == "attach"]
        assert len(attached) == len(set(attached)), "more than one write for a tag"
        order = [f"{change.verb} {change.kind}" for change in changes]
        assert order == sorted(order, key=["create tag_category", "update tag_category", "create tag", "detach tag_attachment", "attach tag_attachment"].index)
        planned, seen = planned + bool(changes), seen | set(order)
        gone = desire(given, state="absent", purge_unused=True)
        state = {**observe(gone, objects, categories, tags), **{key: after[key] for key in ("objects", "tags", "categories")}}
        bare = states.applied(gone, state, zones.plan(gone, state))
        assert all(bare["objects"][key][level] == [] for level, key, _value in states.wanted(bare["listed"])) and zones.plan(gone, bare) == []
    assert planned > 350 and len(seen) == 5
