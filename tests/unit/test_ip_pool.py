# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The noun ip_pool: input rules, plan table, translation, and what goes over the wire."""
from __future__ import annotations

import random

import pytest
from ansible_collections.palette.vmware.plugins.module_utils import _ip_pool as noun
from ansible_collections.palette.vmware.plugins.module_utils import _ip_pool_info as info
from ansible_collections.palette.vmware.plugins.module_utils import _ip_pool_object as pools
from ansible_collections.palette.vmware.plugins.module_utils._change import Change, Unresolved
from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused, ParentMissing, PlanRefused
from ansible_collections.palette.vmware.plugins.module_utils._run import Context, run

OPTIONS = ("state", "gateway", "name", "start", "end", "subnet", "prefix", "network_gateway", "name_servers", "search_domains", "restrict_to_single_cluster")
RANGE = {"start": "10.10.8.10", "end": "10.10.8.60", "prefix": "22", "network_gateway": "10.10.8.1"}
SUBNET = {"subnet": "10.10.12.0/24", "network_gateway": "10.10.12.1"}
GATEWAY = {"uid": "6732677ce46389af646d517a", "name": "dc1-gw"}


def params(**given):
    return {**dict.fromkeys(OPTIONS), "state": "present", "gateway": "dc1-gw", "name": "workload", **given}


def desired(**given):
    return noun.from_params(params(**given))


def pool(**fields):
    """A pool as from_api gives it."""
    return {**pools.from_api({"metadata": {"name": "workload", "uid": "6732677ce46389af646d5192"}}), "start": "10.10.8.10", "end": "10.10.8.60", "prefix": 22,
            "network_gateway": "10.10.8.1", **fields}


def plan(wanted, have):
    return noun.plan(wanted, {"gateway": GATEWAY, "pool": have})


@pytest.mark.parametrize("given, wanted", [
    (RANGE, {"start": "10.10.8.10", "end": "10.10.8.60", "prefix": 22, "network_gateway": "10.10.8.1"}),
    ({**RANGE, "end": "10.10.8.10"}, {"start": "10.10.8.10", "end": "10.10.8.10", "prefix": 22, "network_gateway": "10.10.8.1"}),
    (SUBNET, {"subnet": "10.10.12.0/24", "prefix": 24, "network_gateway": "10.10.12.1"}),
    ({**SUBNET, "prefix": "22"}, {"subnet": "10.10.12.0/24", "prefix": 22, "network_gateway": "10.10.12.1"}),
    ({**RANGE, "name_servers": ["10.10.0.2", "10.10.0.3", "10.10.0.2"], "search_domains": [], "restrict_to_single_cluster": False},
     {"start": "10.10.8.10", "end": "10.10.8.60", "prefix": 22, "network_gateway": "10.10.8.1", "name_servers": ["10.10.0.2", "10.10.0.3"],
      "search_domains": [], "restrict_to_single_cluster": False}),
    ({"start": "2001:DB8::10", "end": "2001:db8::0020", "prefix": "64", "network_gateway": "2001:db8::1", "name_servers": ["2001:DB8::2"]},
     {"start": "2001:db8::10", "end": "2001:db8::20", "prefix": 64, "network_gateway": "2001:db8::1", "name_servers": ["2001:db8::2"]}),
])
def test_options_become_the_wanted_pool(given, wanted):
    assert desired(**given)["pool"] == {"name": "workload", **wanted}


REFUSED = [
    ("neither form", {"prefix": "22", "network_gateway": "10.10.8.1"}, "options start, end, subnet", "neither"),
    ("both forms", {**RANGE, "subnet": "10.10.12.0/24"}, "options start, end, subnet", "both"),
    ("start and subnet", {**SUBNET, "start": "10.10.12.5"}, "options start, end, subnet", "both"),
    ("no end", {**RANGE, "end": None}, "option end", "set end"),
    ("no start", {**RANGE, "start": None}, "option start", "set start"),
    ("reversed", {**RANGE, "start": "10.10.8.60", "end": "10.10.8.10"}, "options start, end", "10.10.8.10 to 10.10.8.60"),
    ("two families", {**RANGE, "end": "2001:db8::1"}, "options start, end", "families"),
    ("no prefix", {**RANGE, "prefix": None}, "option prefix", "set prefix"),
    ("prefix 31", {**RANGE, "prefix": "31"}, "option prefix", "1 to 30"),
    ("prefix 0", {**RANGE, "prefix": "0"}, "option prefix", "1 to 30"),
    ("prefix as mask", {**RANGE, "prefix": "255.255.252.0"}, "option prefix", "write 22"),
    ("prefix of the subnet too long", {"subnet": "10.10.12.0/31", "network_gateway": "10.10.12.1"}, "option prefix", "1 to 30"),
    ("start in another network", {**RANGE, "prefix": "24", "start": "10.10.7.250"}, "option prefix", "first address outside 10.10.8.0/24"),
    ("end in another network", {**RANGE, "prefix": "24", "end": "10.10.9.5"}, "option prefix", "last address outside 10.10.8.0/24"),
    ("subnet with host bits", {**SUBNET, "subnet": "10.10.12.7/24"}, "option subnet", "write 10.10.12.0/24"),
    ("subnet outside the gateway's network", {**SUBNET, "network_gateway": "10.10.13.1"}, "option prefix", "outside 10.10.13.0/24"),
    ("gateway inside the range", {**RANGE, "network_gateway": "10.10.8.10"}, "option network_gateway", "outside the range"),
    ("gateway is the network", {**RANGE, "network_gateway": "10.10.8.0"}, "option network_gateway", "own address"),
    ("gateway is the broadcast address", {**RANGE, "network_gateway": "10.10.11.255"}, "option network_gateway", "broadcast"),
    ("gateway of another family", {**RANGE, "network_gateway": "2001:db8::1"}, "option network_gateway", "family"),
    ("gateway is no address", {**RANGE, "network_gateway": "gw"}, "option network_gateway", "not an IP address"),
    ("range with the network's address", {**RANGE, "start": "10.10.8.0"}, "options start, end", "10.10.8.1 to 10.10.11.254"),
    ("range with the broadcast address", {**RANGE, "end": "10.10.11.255"}, "options start, end", "broadcast"),
    ("name server is a host name", {**RANGE, "name_servers": ["10.10.0.2", "dns.lab.local"]}, "option name_servers[1]", "not an IP address"),
    ("name server is empty", {**RANGE, "name_servers": [""]}, "option name_servers[0]", "not an IP address"),
    ("name server of another family", {**RANGE, "name_servers": ["2001:db8::2"]}, "option name_servers[0]", "family"),
]


@pytest.mark.parametrize("given, where, says", [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_input_that_cannot_be_right_is_refused(given, where, says):
    with pytest.raises(InputRefused) as caught:
        desired(**given)
    assert caught.value.where == where
    assert says in caught.value.sentence()


def test_absent_asks_for_nothing_but_the_name():
    assert desired(state="absent") == {"state": "absent", "gateway": "dc1-gw", "pool": {"name": "workload"}, "prefix_given": False}


CREATED = {"start": "10.10.8.10", "end": "10.10.8.60", "prefix": 22, "network_gateway": "10.10.8.1"}
PLANS = [
    ("create a range", {**RANGE}, None, [Change("create", "ip_pool", "workload", None, CREATED)]),
    ("create a subnet", {**SUBNET, "restrict_to_single_cluster": True}, None,
     [Change("create", "ip_pool", "workload", None,
             {"subnet": "10.10.12.0/24", "prefix": 24, "network_gateway": "10.10.12.1", "restrict_to_single_cluster": True})]),
    ("as it is", {**RANGE}, pool(), []),
    ("fields that were not set are left alone", {**RANGE}, pool(name_servers=["10.10.0.9"], search_domains=["x.y"], restrict_to_single_cluster=True), []),
    ("only what differs", {**RANGE, "end": "10.10.8.70", "name_servers": ["10.10.0.2"]}, pool(name_servers=["10.10.0.2"]),
     [Change("update", "ip_pool", "workload", {"end": "10.10.8.60"}, {"end": "10.10.8.70"})]),
    ("an empty list clears", {**RANGE, "name_servers": []}, pool(name_servers=["10.10.0.2"]),
     [Change("update", "ip_pool", "workload", {"name_servers": ["10.10.0.2"]}, {"name_servers": []})]),
    ("range becomes subnet", {**SUBNET}, pool(),
     [Change("update", "ip_pool", "workload", {"end": "10.10.8.60", "network_gateway": "10.10.8.1", "prefix": 22, "start": "10.10.8.10", "subnet": None},
             {"end": None, "network_gateway": "10.10.12.1", "prefix": 24, "start": None, "subnet": "10.10.12.0/24"})]),
    ("subnet becomes range", {**RANGE}, pool(start=None, end=None, subnet="10.10.8.0/24"),
     [Change("update", "ip_pool", "workload", {"end": None, "start": None, "subnet": "10.10.8.0/24"},
             {"end": "10.10.8.60", "start": "10.10.8.10", "subnet": None})]),
    ("a prefix that is not given stays", {**SUBNET}, pool(start=None, end=None, subnet="10.10.12.0/24", prefix=22, network_gateway="10.10.12.2"),
     [Change("update", "ip_pool", "workload", {"network_gateway": "10.10.12.2"}, {"network_gateway": "10.10.12.1"})]),
    ("grow with addresses in use", {**RANGE, "end": "10.10.8.70"}, pool(allotted=["10.10.8.10", "10.10.8.60"]),
     [Change("update", "ip_pool", "workload", {"end": "10.10.8.60"}, {"end": "10.10.8.70"})]),
    ("shrink to what is in use", {**RANGE, "end": "10.10.8.20"}, pool(allotted=["10.10.8.10", "10.10.8.20"]),
     [Change("update", "ip_pool", "workload", {"end": "10.10.8.60"}, {"end": "10.10.8.20"})]),
    ("a stray address in use does not stop another field", {**RANGE, "name_servers": ["10.10.0.2"]}, pool(allotted=["10.10.9.9"], name_servers=[]),
     [Change("update", "ip_pool", "workload", {"name_servers": []}, {"name_servers": ["10.10.0.2"]})]),
    ("delete", {"state": "absent"}, pool(name_servers=["10.10.0.2"]),
     [Change("delete", "ip_pool", "workload", {**CREATED, "name_servers": ["10.10.0.2"], "search_domains": [], "restrict_to_single_cluster": False}, None)]),
    ("already gone", {"state": "absent"}, None, []),
]


@pytest.mark.parametrize("given, have, changes", [row[1:] for row in PLANS], ids=[row[0] for row in PLANS])
def test_plan(given, have, changes):
    assert plan(desired(**given), have) == changes


LOSSES = [
    ("shrink from the end", {**RANGE, "end": "10.10.8.20"}, pool(allotted=["10.10.8.15", "10.10.8.21"], clusters=["c1"]), "10.10.8.21"),
    ("shrink from the start", {**RANGE, "start": "10.10.8.20"}, pool(allotted=["10.10.8.15"], clusters=["c1"]), "10.10.8.15"),
    ("move to a subnet", {**SUBNET}, pool(allotted=["10.10.8.15"], clusters=["c1"]), "10.10.8.15"),
    ("delete", {"state": "absent"}, pool(allotted=["10.10.8.15"], clusters=["c1"]), "10.10.8.15"),
    ("delete while a cluster is linked", {"state": "absent"}, pool(clusters=["c1"]), "c1"),
]


@pytest.mark.parametrize("given, have, named", [row[1:] for row in LOSSES], ids=[row[0] for row in LOSSES])
def test_addresses_in_use_are_never_dropped(given, have, named):
    with pytest.raises(PlanRefused) as caught:
        plan(desired(**given), have)
    assert named in caught.value.observed and "used by clusters c1" in caught.value.observed
    assert have["uid"] in caught.value.where


def test_a_long_list_of_addresses_in_use_is_cut():
    used = [f"10.10.8.{number}" for number in range(10, 60)]
    with pytest.raises(PlanRefused) as caught:
        plan(desired(state="absent"), pool(allotted=used))
    assert "10.10.8.29" in caught.value.observed and "10.10.8.30" not in caught.value.observed and "and 30 more" in caught.value.observed


def random_options(seed):
    """Options of a valid pool inside 10.0.0.0/8."""
    dice = random.Random(seed)
    length = dice.randint(8, 28)
    size = 2 ** (32 - length)
    base = (10 << 24) | (dice.randrange(2 ** (length - 8)) * size)

    def text(offset):
        return ".".join(str((base + offset) >> shift & 255) for shift in (24, 16, 8, 0))

    given = {"prefix": str(length), "network_gateway": text(1)}
    if dice.random() < 0.3:
        given["subnet"] = f"{text(0)}/{length}"
    else:
        first = dice.randint(2, size - 2)
        given.update(start=text(first), end=text(dice.randint(first, size - 2)))
    for name, value in (("name_servers", ["10.1.1.1", "10.1.1.2"][: dice.randint(0, 2)]), ("search_domains", ["a.b", "c.d"][: dice.randint(0, 2)]),
                        ("restrict_to_single_cluster", dice.random() < 0.5)):
        if dice.random() < 0.5:
            given[name] = value
    return given


def entity(body):
    """What Palette answers after that body was sent (Palette API 2.4: v1IpPoolEntity of a v1IpPoolInputEntity)."""
    return {"metadata": {**body["metadata"], "uid": "6732677ce46389af646d5192"}, "spec": body["spec"], "status": {}}


@pytest.mark.parametrize("seed", range(60))
def test_what_was_sent_reads_back_as_wanted_and_plans_nothing(seed):
    wanted = desired(**random_options(seed))
    have = pools.from_api(entity(pools.to_api(None, wanted["pool"])))
    assert {key: have[key] for key in wanted["pool"]} == wanted["pool"]
    assert plan(wanted, have) == []


@pytest.mark.parametrize("seed", range(60))
def test_applying_a_plan_gives_what_is_wanted(seed):
    before, wanted = desired(**random_options(seed)), desired(**random_options(seed + 1000))
    have = pools.from_api(entity(pools.to_api(None, before["pool"])))
    after = pools.from_api(entity(pools.to_api(have, wanted["pool"])))
    assert plan(wanted, after) == []
    for change in plan(wanted, have):
        assert {key: after[key] for key in change.after} == change.after
        assert {key: have[key] for key in change.before} == change.before
    for key in ("name_servers", "search_domains", "restrict_to_single_cluster"):
        if key not in wanted["pool"]:
            assert after[key] == have[key]


def test_only_one_form_is_sent():
    range_body, subnet_body = (pools.to_api(pool(subnet="10.10.12.0/24"), desired(**given)["pool"]) for given in (RANGE, SUBNET))
    assert "subnet" not in range_body["spec"]["pool"]
    assert not {"start", "end"} & set(subnet_body["spec"]["pool"])


def test_reading_sorts_addresses_as_numbers_and_survives_others():
    found = pools.from_api({"status": {"allottedIps": ["10.10.8.100", "10.10.8.20", "weird"], "inUse": True, "associatedClusters": ["b", "a"]}})
    assert found["allotted"] == ["10.10.8.20", "10.10.8.100", "weird"]
    assert found["in_use"] is True and found["clusters"] == ["a", "b"]


class Server:
    """A Palette with one gateway, as far as pools go. calls: (method, path, body)."""

    def __init__(self, *found):
        self.pools, self.calls = list(found), []

    def __call__(self, *_settings):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        pass

    def get(self, path, query=None, project=None):
        if path == "/v1/overlords":
            return {"items": [{"metadata": GATEWAY, "status": {"state": "Running"}}] if query["name"] == "dc1-gw" else []}
        assert path == f"/v1/overlords/vsphere/{GATEWAY['uid']}/pools"
        return {"items": self.pools}

    def create(self, path, body, find, project=None):
        self.calls.append(("POST", path, body))
        self.pools.append(entity(body))
        return find()

    def put(self, path, body):
        self.calls.append(("PUT", path, body))
        self.pools[:] = [entity(body)]

    def delete(self, path):
        self.calls.append(("DELETE", path, None))
        self.pools.clear()


def on(monkeypatch, server, check=False, **given):
    monkeypatch.setattr(noun, "Palette", server)
    given = {"palette_api_key": "key", **params(**given)}
    return run(noun.NOUN, given, Context(check=check))


def test_life_of_a_pool_on_the_wire(monkeypatch):
    server = Server()
    base = f"/v1/overlords/vsphere/{GATEWAY['uid']}/pools"
    steps = [RANGE, {**RANGE, "end": "10.10.8.70"}, {"state": "absent"}]
    for given in steps:
        foreseen = on(monkeypatch, server, check=True, **given)
        before = len(server.calls)
        made = on(monkeypatch, server, **given)
        assert made["changed"] and made["plan"] == foreseen["plan"] and len(server.calls) == before + 1
        again = on(monkeypatch, server, **given)
        assert not again["changed"] and again["plan"] == [] and len(server.calls) == before + 1
    assert [(method, path) for method, path, _body in server.calls] == [
        ("POST", base), ("PUT", f"{base}/6732677ce46389af646d5192"), ("DELETE", f"{base}/6732677ce46389af646d5192")]


def test_the_result_is_the_pool(monkeypatch):
    found = on(monkeypatch, Server(), **RANGE)
    assert found["ip_pool"]["uid"] == "6732677ce46389af646d5192" and found["ip_pool"]["start"] == "10.10.8.10"
    assert on(monkeypatch, Server(), check=True, **RANGE)["ip_pool"] == {"name": "workload", **CREATED}
    assert on(monkeypatch, Server(entity(pools.to_api(None, desired(**RANGE)["pool"]))), state="absent")["ip_pool"] is None


def test_a_missing_gateway_is_a_warning_in_check_mode_and_an_error_else(monkeypatch):
    foreseen = on(monkeypatch, Server(), check=True, **{**RANGE, "gateway": "other"})
    assert foreseen["changed"] and "gateway 'other' does not exist yet" in foreseen["warnings"][0]
    with pytest.raises(ParentMissing, match="gateway 'other'"):
        on(monkeypatch, Server(), **{**RANGE, "gateway": "other"})
    assert on(monkeypatch, Server(), gateway="other", state="absent")["changed"] is False


def test_a_subnet_pool_warns_once_before_it_is_made(monkeypatch):
    warnings = on(monkeypatch, Server(), **SUBNET)["warnings"]
    assert len(warnings) == 1 and "first address" in warnings[0]
    assert on(monkeypatch, Server(entity(pools.to_api(None, desired(**SUBNET)["pool"]))), **SUBNET)["warnings"] == []


@pytest.mark.parametrize("fields, size", [({}, 51), ({"start": None, "end": None, "subnet": "10.0.0.0/8"}, 2 ** 24), ({"start": None, "end": None}, None)])
def test_info_says_how_large_a_pool_is(fields, size):
    found = info.sized(pool(allotted=["10.10.8.10"], available=["10.10.8.11", "10.10.8.12"], **fields))
    assert (found["size"], found["allotted_count"], found["available_count"]) == (size, 1, 2)


def test_info_reads_all_or_one(monkeypatch):
    bodies = [pools.to_api(None, {**desired(**RANGE)["pool"], "name": name}) for name in ("b", "a")]
    monkeypatch.setattr(info, "Palette", Server(*map(entity, bodies)))
    asked = {"palette_api_key": "key", "gateway": "dc1-gw", "name": None}
    assert [found["name"] for found in info.execute(asked, Context())["ip_pools"]] == ["a", "b"]
    assert [found["name"] for found in info.execute({**asked, "name": "b"}, Context())["ip_pools"]] == ["b"]
    assert info.execute({**asked, "name": "c"}, Context())["ip_pools"] == []
    with pytest.raises(ParentMissing, match="gateway 'x'"):
        info.execute({**asked, "gateway": "x"}, Context())


def test_observe_does_not_ask_for_pools_of_a_gateway_that_is_not_there():
    server = Server()
    found = noun.observe(server, desired(**{**RANGE, "gateway": "other"}), Context())
    assert found == {"gateway": Unresolved("gateway", "other"), "pool": None}


@pytest.mark.parametrize("blank", [{"name": " "}, {"gateway": ""}])
def test_a_blank_name_is_refused(blank):
    with pytest.raises(InputRefused):
        desired(**blank)
