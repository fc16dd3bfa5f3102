# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places of the site check: rows of a vCenter -> what the placements name, with vSphere's paths, escapes and twins."""
from __future__ import annotations

import pytest
from ansible_collections.palette.vmware.plugins.module_utils._site_check_facts import INSTALLER, asked_places, located, match, names_of, needed, place_of

from site_samples import details, facts, installer, params, placement, site, structure


def at(key, rows=None, **changes):
    return located(rows or structure(), {**placement(1, **changes), "option": "placements[0]"})[key]


@pytest.mark.parametrize("key, text, path", [
    ("datacenter", "dc-1", "/dc-1"), ("datacenter", "/dc-1/", "/dc-1"), ("compute_cluster", "cluster-1", "/dc-1/host/cluster-1"),
    ("folder", "gateways", "/dc-1/vm/palette/gateways"), ("folder", "palette/gateways", "/dc-1/vm/palette/gateways"),
    ("resource_pool", "Resources", "/dc-1/host/cluster-1/Resources"), ("resource_pool", "palette", "/dc-1/host/cluster-1/Resources/palette"),
])
def test_found(key, text, path):
    found = at(key, **{key: text})
    assert (found["on"]["path"], found["several"]) == (path, [])


@pytest.mark.parametrize("key, text", [("datacenter", "dc"), ("compute_cluster", "Cluster-1"), ("folder", "vm/palette"), ("folder", "palette/other"),
                                       ("resource_pool", "other"), ("folder", "host")])
def test_not_found(key, text):
    found = at(key, **{key: text})
    assert found["on"] is None and found["several"] == [] and found["among"]


def test_a_path_tells_twins_apart_and_a_name_does_not():
    rows = structure()
    rows["group-4"] = {"type": "Folder", "name": "gateways", "parent": "group-3"}
    assert at("folder", rows, folder="gateways")["several"] == ["palette/gateways", "spectro-templates/gateways"]
    assert at("folder", rows, folder="spectro-templates/gateways")["moid"] == "group-4"


def test_escapes_of_names():
    rows = structure()
    rows["group-4"] = {"type": "Folder", "name": "a%2fb %25", "parent": "group-v"}
    assert at("folder", rows, folder="a%2fb %25")["on"]["path"] == "/dc-1/vm/a%2fb %25"
    assert names_of(rows, "group-4")[-1] == "a/b %"


def test_clusters_of_another_datacenter_do_not_count():
    rows = structure()
    rows.update({"datacenter-2": {"type": "Datacenter", "name": "dc-2", "parent": "group-d1", "vmFolder": "group-v2", "hostFolder": "group-h2"},
                 "group-h2": {"type": "Folder", "name": "host", "parent": "datacenter-2"},
                 "domain-c9": {"type": "ClusterComputeResource", "name": "cluster-1", "parent": "group-h2", "resourcePool": "resgroup-9"}})
    assert at("compute_cluster", rows)["moid"] == "domain-c1"
    assert at("compute_cluster", rows, datacenter="dc-2")["moid"] == "domain-c9"
    assert at("folder", rows, datacenter="dc-2")["on"] is None


def test_a_host_of_no_cluster_is_a_compute_resource():
    rows = structure()
    rows.update({"domain-s1": {"type": "ComputeResource", "name": "esx-9", "parent": "group-h", "resourcePool": "resgroup-s", "host": ["host-91"]},
                 "resgroup-s": {"type": "ResourcePool", "name": "Resources", "parent": "domain-s1"}})
    assert at("compute_cluster", rows, compute_cluster="esx-9")["on"]["type"] == "ComputeResource"


def test_the_second_read_starts_from_clusters_and_pools_of_the_placements_only():
    asked = [{**placement(1), "option": "placements[0]"}, {**placement(3, resource_pool="Resources"), "option": "placements[1]"}]
    assert needed(structure(), asked) == ["domain-c1", "domain-c3", "resgroup-11", "resgroup-3"]
    assert needed(structure(), [{**placement(1, datacenter="other"), "option": "placements[0]"}]) == []


def test_members_are_the_compute_clusters_own():
    made = site()
    made.structure["domain-c1"]["datastore"] = ["datastore-2"]
    found = facts(made)["places"]
    assert found[0]["datastore"]["on"] is None and found[0]["datastore"]["among"] == ["ds-2"]
    assert found[1]["datastore"]["moid"] == "datastore-1"


def test_facts_know_none_of_what_was_not_read():
    made = site()
    made.details = {moid: {"type": row["type"], "name": row.get("name"), "parent": row.get("parent")} for moid, row in details().items()}
    made.clocks = {}
    seen = facts(made)
    for key in ("hosts", "datastores", "networks", "pools"):
        for each in seen[key].values():
            assert {value for name, value in each.items() if name not in ("on", "name", "cluster")} == {None}


@pytest.mark.parametrize("given, places", [({}, 1), ({"datastore": "ds-1"}, 1), ({"datastore": "ds-2"}, 2), ({"folder": "other"}, 2)])
def test_an_installer_has_a_place_of_its_own_where_it_differs(given, places):
    asked = asked_places(params(placements=[placement(1)], installer=installer(**given)))
    assert len(asked) == places
    assert places == 1 or (asked[-1]["option"] == INSTALLER and {**asked[-1], "option": "placements[0]"} == {**asked[0], **given})


def test_a_match_among_none():
    assert match({}, {}, "x") == {"wanted": "x", "on": None, "several": [], "among": [], "moid": None}


def test_a_place_is_what_reports_show():
    assert place_of(structure(), "group-2") == {"path": "/dc-1/vm/palette/gateways", "moid": "group-2", "type": "Folder"}
