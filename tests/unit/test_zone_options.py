# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What regions and zones may be called and how they may be listed (faults W07)."""
from __future__ import annotations

import importlib
import random
import string
from pathlib import Path

import pytest
import yaml
from zone_samples import PAGE, desire, regions

from ansible_collections.palette.vmware.plugins.module_utils import _zone_options as options
from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused
from ansible_collections.palette.vmware.plugins.module_utils._finding import KEYS
from ansible_collections.palette.vmware.plugins.module_utils._zone_findings import option_findings

GOOD = ["MyValue", "my_value", "12345", "a", "1", "A.b-c_1", "a" * 63, "a--b", "a..b", "0x"]
BAD = [("", ""), (" a", "a"), ("a ", "a"), ("-a", "a"), ("a-", "a"), ("_a", "a"), ("a.", "a"), ("a b", "a-b"), ("é", ""), ("zoné", "zon"), ("a\n", "a"),
       ("a\tb", "a-b"), ("a/b", "a-b"), ("a" * 64, "a" * 63), ("---", ""), ("ａ", ""), ("a\u0301", "a"), ("1\u0660", "1"), ("a\x00", "a")]


@pytest.mark.parametrize("value", GOOD)
def test_valid_values(value):
    assert options.valid(value)
    assert desire(regions(value, region=value))["problems"] == []


@pytest.mark.parametrize("value, near", BAD)
def test_invalid_values_are_refused_with_the_rule_and_a_valid_one(value, near):
    assert not options.valid(value) and options.suggestion(value) == near
    zones = [{"compute_cluster": "cluster-1", "zone": "az1"}, {"compute_cluster": "cluster-2", "zone": value}]
    for given, where in (([{"datacenter": "dc-1", "region": "region1", "zones": zones}], "option regions[0].zones[1].zone"),
                         (regions("az1", region=value), "option regions[0].region")):
        with pytest.raises(InputRefused) as caught:
            desire(given)
        assert caught.value.where == where and caught.value.expected == options.RULE and caught.value.observed == (value or "nothing")
        assert not near or near in caught.value.fix


def test_suggestions_are_valid_or_none():
    chance = random.Random(7)
    for _number in range(3000):
        text = "".join(chance.choice(string.printable + "éß") for _letter in range(chance.randint(0, 80)))
        near = options.suggestion(text)
        assert near == "" or options.valid(near)
        assert not options.valid(text) or near == text


@pytest.mark.parametrize("given, check, where", [
    ([*PAGE, *regions("az9")], "object_listed_twice", "option regions[1].datacenter"),
    ([{"datacenter": "dc-1", "region": "region1", "zones": [{"compute_cluster": "cluster-1", "zone": "az1"}, {"compute_cluster": "cluster-1", "zone": "az2"}]}],
     "object_listed_twice", "option regions[0].zones[1].compute_cluster"),
    (regions("az1", "az1"), "zone_not_unique", "option regions[0].zones[1].zone"),
    ([*PAGE, *regions("az1", datacenter="dc-2")], "zone_not_unique", "option regions[1].zones[0].zone"),
    (regions("az1", "AZ1"), "tag_name_case", "option regions[0].zones[1].zone"),
    ([*PAGE, *regions(datacenter="dc-2", region="Region1")], "tag_name_case", "option regions[1].region"),
    ([*PAGE, *regions("AZ1", datacenter="dc-2", region="region2")], "tag_name_case", "option regions[1].zones[0].zone"),
    (regions("a b"), "tag_name", "option regions[0].zones[0].zone"),
])
def test_lists_that_cannot_be_are_refused_and_when_validated_found(given, check, where):
    with pytest.raises(InputRefused) as caught:
        desire(given)
    assert caught.value.where == where and caught.value.fix
    found = list(option_findings(desire(given, state="validated"), {"problems": [], "listed": []}))
    assert [(entry["id"], entry["where"], entry["severity"], entry["evidence"]) for entry in found] == [(check, where, "error", "options")]
    assert set(KEYS) == set(found[0])
    assert desire(given, state="absent")["problems"] == []


@pytest.mark.parametrize("given", [
    [*PAGE, *regions("az1", "az2", datacenter="dc-2", region="region2")],
    [*PAGE, *regions("az4", datacenter="dc-2")],
    regions(region="az1"),
    regions("region1"),
])
def test_lists_that_can_be(given):
    """The same zone in two regions, one region of two datacenters, a region without zones, one name in both categories."""
    desired = desire(given)
    assert desired["problems"] == [] and [entry["region"] for entry in desired["regions"]] == [entry["region"] for entry in given]


@pytest.mark.parametrize("given, where", [
    ({"given": regions("az1", datacenter=" ")}, "option regions[0].datacenter"),
    ({"given": regions("az1", datacenter="/")}, "option regions[0].datacenter"),
    ({"given": [{"datacenter": "dc-1", "region": "r", "zones": [{"compute_cluster": "", "zone": "z"}]}]}, "option regions[0].zones[0].compute_cluster"),
    ({"given": PAGE, "region_category": ""}, "option region_category"),
    ({"given": PAGE, "zone_category": "K8S-Region"}, "options region_category, zone_category"),
    ({"given": None}, "option regions"),
    ({"given": [], "state": "absent"}, "option regions"),
    ({"given": PAGE, "datacenters": ["dc-1"], "state": "validated"}, "options regions, datacenters"),
    ({"datacenters": ["dc-1", ""], "state": "validated"}, "option datacenters[1]"),
])
def test_options_that_say_nothing_or_two_things_are_refused(given, where):
    with pytest.raises(InputRefused) as caught:
        desire(**given)
    assert caught.value.where == where


def test_zones_may_be_left_out():
    assert desire([{"datacenter": "dc-1", "region": "region1", "zones": None}])["regions"][0]["zones"] == []


def shape(entries):
    return {name: (entry.get("type", "str"), entry.get("elements"), entry.get("choices"), bool(entry.get("required")), shape(entry.get("options") or {}))
            for name, entry in entries.items()}


def test_the_role_has_the_options_of_the_module():
    root = Path(__file__).resolve().parents[2] / "roles" / "zone_tags"
    role = yaml.safe_load((root / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    module = importlib.import_module("ansible_collections.palette.vmware.plugins.module_utils._zone_tags").SPEC["argument_spec"]
    asked = {name.removeprefix("zone_tags_"): entry for name, entry in role.items()}
    assert set(asked) == {"state", "regions", "region_category", "zone_category", "detach_misplaced", "purge_unused"}
    assert shape(asked) == shape({name: module[name] for name in asked})
    assert all(entry["default"] == module[name].get("default", entry["default"]) for name, entry in asked.items())
    tasks = (root / "tasks" / "main.yml").read_text(encoding="utf-8")
    assert all(f"zone_tags_{name}" in tasks for name in asked)
