# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What validation says of regions and zones: a table from states to findings (faults W07, W08), and that a good site has none."""
from __future__ import annotations

import json

import pytest
from zone_samples import CLUSTER, CLUSTERS, DATACENTER, DC, PAGE, category, desire, observe, regions, site, thing

from ansible_collections.palette.vmware.plugins.module_utils._finding import KEYS, SEVERITIES, ready
from ansible_collections.palette.vmware.plugins.module_utils._zone_findings import judge

HOST = thing("HostSystem", "host-1", ["dc-1", "host", "cluster-1", "esx-1"], DC, zone=("az1",))
FAR = {"Datacenter:datacenter-9": thing(DATACENTER, "datacenter-9", ["dc-9"], "Datacenter:datacenter-9")}
STRAY = thing("VirtualMachine", "vm-1", [], None, zone=("az1",))


def found(given, objects, **seen):
    """[(id, severity, where without ids, observed)]"""
    desired = desire(given, state="validated")
    findings, good = judge(desired, observe(desired, objects, **seen))
    for entry in findings:
        assert set(KEYS) <= set(entry) and entry["severity"] in SEVERITIES and entry["fix"] and entry["expected"] and entry["title"], entry
        assert entry["section"] in ("Zone Tagging", "Naming conventions for vSphere Region and Zone Tags") and entry["evidence"] in ("vCenter", "options")
    assert json.dumps([findings, good])
    return [(entry["id"], entry["severity"], entry["where"].split(" (")[0], entry["observed"]) for entry in findings]


@pytest.mark.parametrize("given, objects, seen, expected", [
    (None, site(), {}, []),
    (PAGE, site(), {}, []),
    (regions("az1"), site(zones=(("az1",), ("az2",), ("az3",))), {}, []),
    (None, site(region=("MyValue",), zones=(("my_value",), ("12345",), ("A.b",))), {}, []),
    (None, site(region=("az1",)), {}, []),
    (None, site(region=(), zones=((), (), ())), {"categories": {}}, [
        ("region_missing", "error", "/dc-1", "no tag of category k8s-region"),
        ("zone_missing", "error", "/dc-1/host/cluster-1", "no tag of category k8s-zone"),
        ("zone_missing", "error", "/dc-1/host/cluster-2", "no tag of category k8s-zone"),
        ("zone_missing", "error", "/dc-1/host/cluster-3", "no tag of category k8s-zone"),
        ("tag_category_missing", "error", "tag category k8s-region", "no such category"),
        ("tag_category_missing", "error", "tag category k8s-zone", "no such category")]),
    (regions("az1"), site(zones=(("az1",), (), ("x", "y"))), {}, [
        ("zone_not_single", "warning", "/dc-1/host/cluster-3", "k8s-zone: x, y"),
        ("zone_missing", "advice", "/dc-1/host/cluster-2", "no tag of category k8s-zone")]),
    (PAGE, site(region=("a", "b"), zones=(("az2",), (), ("az3",))), {}, [
        ("region_not_single", "error", "/dc-1", "k8s-region: a, b"),
        ("zone_differs", "error", "/dc-1/host/cluster-1", "k8s-zone az2"),
        ("zone_missing", "error", "/dc-1/host/cluster-2", "no tag of category k8s-zone")]),
    (None, site(zones=(("a b",), ("az2",), ("az3",))), {}, [("tag_name", "error", "/dc-1/host/cluster-1", "k8s-zone a b")]),
    (None, site(zones=(("az1",), ("az1",), ("az3",))), {}, [
        ("zone_not_unique", "error", "/dc-1/host/cluster-1", "/dc-1/host/cluster-1, /dc-1/host/cluster-2")]),
    (None, {**site(), "HostSystem:host-1": HOST}, {}, [("tag_misplaced", "error", "/dc-1/host/cluster-1/esx-1", "k8s-zone az1")]),
    (None, {**site(), "VirtualMachine:vm-1": STRAY}, {}, [("tag_misplaced", "error", "/", "k8s-zone az1")]),
    (PAGE, {**site(), **FAR, "VirtualMachine:vm-1": STRAY}, {}, []),
    (None, {**site(zones=((), ("az2",), ("az3",))), DC: thing(DATACENTER, "datacenter-1", ["dc-1"], DC, region=("region1",), zone=("az1",))}, {}, [
        ("tag_misplaced", "error", "/dc-1", "k8s-zone az1"), ("zone_missing", "error", "/dc-1/host/cluster-1", "no tag of category k8s-zone")]),
    (None, {**site(), CLUSTERS[1]: thing(CLUSTER, "domain-c2", ["dc-1", "host", "cluster-2"], DC, region=("region1",), zone=("az2",))}, {}, [
        ("tag_misplaced", "error", "/dc-1/host/cluster-2", "k8s-region region1")]),
    (None, site(), {"categories": {"region": category("region", "MULTIPLE"), "zone": category("zone", types=["HostSystem"])}}, [
        ("tag_category_cardinality", "error", "tag category k8s-region", "MULTIPLE"),
        ("tag_category_types", "error", "tag category k8s-zone", "HostSystem")]),
    (None, site(), {"categories": {"region": category("region", types=[]), "zone": category("zone", types=[CLUSTER, "HostSystem"])}}, [
        ("tag_category_wide", "advice", "tag category k8s-region", "all types"),
        ("tag_category_wide", "advice", "tag category k8s-zone", "ClusterComputeResource, HostSystem")]),
    (None, site(), {"namesakes": {"zone": ["K8s-Zone"]}}, [("tag_category_case", "warning", "tag category k8s-zone", "K8s-Zone")]),
    (None, site(region=(), zones=((), (), ())), {"categories": {"region": category("region")}, "namesakes": {"zone": ["K8s-Zone"]}}, [
        ("region_missing", "error", "/dc-1", "no tag of category k8s-region"),
        *(("zone_missing", "error", f"/dc-1/host/cluster-{number}", "no tag of category k8s-zone") for number in (1, 2, 3)),
        ("tag_category_case", "error", "tag category k8s-zone", "K8s-Zone"), ("tag_category_missing", "error", "tag category k8s-zone", "no such category")]),
    (None, site(zones=(("az1",), ("AZ1",), ("az3",))), {}, [("tag_case", "warning", "tag category k8s-zone", "AZ1, az1")]),
    (None, site(), {"tags": {"zone": ["AZ2"]}}, [("tag_case", "warning", "tag category k8s-zone", "AZ2, az2")]),
    (PAGE, site(zones=(("AZ1",), ("az2",), ("az3",))), {}, [
        ("zone_differs", "error", "/dc-1/host/cluster-1", "k8s-zone AZ1"), ("tag_case", "error", "tag category k8s-zone", "AZ1")]),
    (None, {**site(), **FAR}, {}, [("region_missing", "error", "/dc-9", "no tag of category k8s-region")]),
    (PAGE, {**site(), **FAR}, {}, []),
    (regions("az1", datacenter="dc-7"), site(), {}, [("object_missing", "error", "option regions[0].datacenter", "dc-7")]),
    (regions("a b", "az2", "az3"), site(), {}, [
        ("zone_differs", "error", "/dc-1/host/cluster-1", "k8s-zone az1"), ("tag_name", "error", "option regions[0].zones[0].zone", "a b")]),
])
def test_findings(given, objects, seen, expected):
    assert found(given, objects, **seen) == expected


def test_every_object_is_either_found_wrong_or_passed():
    desired = desire(state="validated")
    findings, good = judge(desired, observe(desired, site(region=(), zones=(("az1",), ("b c",), ("az3",)))))
    objects = {entry["object"]["path"] for entry in [*findings, *good] if entry["object"]}
    assert objects == {"/dc-1", *(f"/dc-1/host/cluster-{number}" for number in (1, 2, 3))} and not ready(findings)
    assert [entry["object"]["path"] for entry in good if entry["id"] == "zone"] == ["/dc-1/host/cluster-1", "/dc-1/host/cluster-3"]
    assert [entry["label"] for entry in good if entry["id"] == "zone"] == [{"topology.kubernetes.io/zone": "az1"}, {"topology.kubernetes.io/zone": "az3"}]


def test_a_good_site_passes_every_check():
    desired = desire(PAGE, state="validated")
    findings, good = judge(desired, observe(desired, site()))
    assert findings == [] and ready(findings)
    assert [entry["id"] for entry in good] == ["region", "zone", "zone", "zone", "zone_uniqueness", "tag_placement", "tag_category", "tag_category"]


def test_only_named_datacenters_are_looked_at():
    desired = desire(state="validated", datacenters=["dc-1"])
    assert judge(desired, observe(desired, {**site(), **FAR}))[0] == []
    desired = desire(state="validated", datacenters=["dc-9", "dc-8"])
    findings = judge(desired, observe(desired, {**site(zones=((), (), ())), **FAR}))[0]
    assert [(entry["id"], entry["where"]) for entry in findings] == [("region_missing", "/dc-9 (Datacenter:datacenter-9)"),
                                                                     ("object_missing", "option datacenters[1]")]


def test_the_same_state_reads_the_same_whatever_its_order():
    desired = desire(state="validated")
    objects = {**site(region=(), zones=(("az1",), ("az1",), ())), "HostSystem:host-1": HOST}
    one = judge(desired, observe(desired, objects))
    other = judge(desired, observe(desired, dict(reversed(objects.items()))))
    assert one == other
