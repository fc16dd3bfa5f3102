# SPDX-License-Identifier: GPL-3.0-or-later
"""step() as a pure function: tables over plain data, no thread, no vCenter."""

from __future__ import annotations

import copy
import datetime

import pytest

from palette_lab.engine import addresses, gateways
from palette_lab.engine.errors import AddressesExhausted
from palette_lab.engine.step import step

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
NETWORKS = {"pg-k8s": {"cidr": "10.10.8.0/22", "gateway": "10.10.8.1", "dhcp": ["10.10.11.10", "10.10.11.12"]}, "silent": {"cidr": "10.20.0.0/24"}}
BASE = "https://127.0.0.1:8443"


def pool(start="10.10.8.10", end="10.10.8.19", **changed):
    return {"uid": "p" * 24, "overlord_uid": "o" * 24, "name": "pool-a", "restrict": False,
            "pool": {"start": start, "end": end, "subnet": "", "prefix": 22, "gateway": "10.10.8.1", "nameserver": {"addresses": [], "search": []}},
            "allotted": {}, **changed}


def placement(cluster="cluster-1", static=True, network="pg-k8s"):
    reference = {"parentPoolRef": {"uid": "p" * 24}} if static else {}
    return {"uid": "l" * 24, "datacenter": "dc-1", "cluster": cluster, "folder": "f", "datastore": "d", "resourcePool": "r",
            "network": {"networkName": network, "staticIp": static, **reference}}


def gateway_state(size=1, placements=None, pools=None, state="Pending", endpoint=None):
    placements = placements or [placement()]
    return {
        "now": NOW, "seed": 1, "networks": NETWORKS, "leases": {}, "elsewhere": [], "events": [], "job": {"kind": "", "generation": 0, "vip": ""},
        "overlord": {"uid": "o" * 24, "name": "gw", "state": state, "cluster_uid": "c" * 24, "account_uid": "a" * 24, "config": {}, "deleted": None},
        "cluster": {"uid": "c" * 24, "name": "gw", "state": "Provisioning", "health": "", "endpoint": "", "conditions": [],
                    "packs": [{"layer": "os", "version": "22.04"}, {"layer": "k8s", "version": "1.31.4"}]},
        "config": {"uid": "g" * 24, "machines": {}, "cluster_config": {"controlPlaneEndpoint": endpoint or {"type": "VIP", "host": "", "ddnsSearchDomain": ""}},
                   "pools": [{"size": size, "instanceType": {"numCPUs": 4, "memoryMiB": 4096, "diskGiB": 60}, "placements": placements}]},
        "pools": {each["uid"]: each for each in (pools if pools is not None else [pool()])}}


def play(state, event, until=None, errors=()):
    """Run an event and everything that follows; intents succeed, save those whose number is in `errors`. Returns (state, intents, [(due, event)])."""
    queue, executed, seen, number = [(0.0, event)], [], [], 0
    while queue:
        queue.sort(key=lambda item: item[0])
        due, current = queue.pop(0)
        if until is not None and due > until:
            break
        seen.append((due, current))
        state, intents, events = step(state, {**current, "due": due}, due)
        queue += [(at, follower) for follower, at in events]
        if intents and "phase" in intents[0]:
            executed += intents
            failed = number in errors
            number += 1
            results = [{"moid": f"vm-{each['name']}", "host": "esx", "machine": each["machine"]} if each["type"] == "vm.ensure" else {} for each in intents]
            queue.append((due, {"type": "gateway.outcome", "uid": state["overlord"]["uid"], "generation": intents[0]["generation"],
                                "phase": intents[0]["phase"], "results": [] if failed else results,
                                "error": {"reason": "FailedX", "message": "it broke"} if failed else None}))
    return state, executed, seen


def configured(**shape):
    return play(gateway_state(**shape), {"type": "gateway.configure", "uid": "o" * 24})


@pytest.mark.parametrize("size, seconds, machines", [(1, 540, 1), (3, 720, 3)])
def test_provisioning_takes_its_time_and_ends_running(size, seconds, machines):
    state, intents, seen = configured(size=size)
    assert state["overlord"]["state"] == state["cluster"]["state"] == "Running" and state["cluster"]["health"] == "Healthy"
    assert seen[-1][0] == seconds
    assert [each["type"] for each in intents] == ["account.check", "template.ensure"] + ["vm.ensure"] * machines
    assert [each["state"] for each in state["config"]["machines"].values()] == ["Running"] * machines
    assert all(each["status"] == "True" for each in state["cluster"]["conditions"]) and len(state["cluster"]["conditions"]) == 6
    assert {each["severity"] for each in state["events"]} == {"Normal"}


def test_nodes_are_spread_over_the_placements_and_addressed_from_the_pool():
    state, intents, _ = configured(size=3, placements=[placement("cluster-1"), placement("cluster-2"), placement("cluster-3")])
    made = [each for each in intents if each["type"] == "vm.ensure"]
    assert [each["placement"]["cluster"] for each in made] == ["cluster-1", "cluster-2", "cluster-3"]
    assert [each["address"] for each in made] == ["10.10.8.11", "10.10.8.12", "10.10.8.13"]
    assert state["cluster"]["endpoint"] == "10.10.8.10"
    assert {address: entry["use"] for address, entry in state["pools"]["p" * 24]["allotted"].items()} == {
        "10.10.8.10": "vip", "10.10.8.11": "node", "10.10.8.12": "node", "10.10.8.13": "node"}
    assert len({each["name"] for each in made}) == 3 and all(each["name"].startswith("gw-cp-") for each in made)


def test_names_depend_on_the_cluster_only():
    first, again = configured(size=3)[1], configured(size=3)[1]
    assert [each.get("name") for each in first] == [each.get("name") for each in again]


def test_step_does_not_touch_what_it_was_given():
    state = gateway_state()
    before = copy.deepcopy(state)
    step(state, {"type": "gateway.configure", "uid": "o" * 24, "due": 0.0}, 0.0)
    assert state == before


@pytest.mark.parametrize("broken, condition", [(0, "CloudInfrastructureReady"), (1, "ImageResolutionDone"), (2, "CloudInfrastructureReady"),
                                               (3, "ControlPlaneNodeAdditionDone")])
def test_a_failure_shows_in_condition_and_event_and_is_tried_again(broken, condition):
    state, _, seen = play(gateway_state(size=3), {"type": "gateway.configure", "uid": "o" * 24}, errors={broken})
    assert state["overlord"]["state"] == "Running" and seen[-1][0] == 720 + 30
    assert [(each["severity"], each["message"]) for each in state["events"] if each["reason"] == "FailedX"] == [("Error", "it broke")]
    state, _, _ = play(gateway_state(size=3), {"type": "gateway.configure", "uid": "o" * 24}, errors=range(broken, 99), until=1200)
    row = next(each for each in state["cluster"]["conditions"] if each["type"] == condition)
    assert (row["status"], row["reason"], row["message"]) == ("False", "FailedX", "it broke") and state["overlord"]["state"] == "Provisioning"


@pytest.mark.parametrize("size, end, enough", [(1, "10.10.8.12", True), (1, "10.10.8.11", False), (3, "10.10.8.14", True), (3, "10.10.8.13", False)])
def test_pool_needs_nodes_vip_and_one_extra(size, end, enough):
    state, intents, _ = play(gateway_state(size=size, pools=[pool(end=end)]), {"type": "gateway.configure", "uid": "o" * 24}, until=2000)
    assert (state["overlord"]["state"] == "Running") is enough
    if not enough:
        row = next(each for each in state["cluster"]["conditions"] if each["type"] == "CloudInfrastructureReady")
        assert row["reason"] == "FailedIPAllocation" and "IpPoolExhausted" in row["message"] and f"{size + 2} are needed" in row["message"]
        assert state["pools"]["p" * 24]["allotted"] == {} and state["config"]["machines"] == {}
        assert not [each for each in intents if each["type"] == "vm.ensure"]


def test_addresses_that_come_free_end_the_wait():
    tight = pool(end="10.10.8.12", allotted={"10.10.8.11": {"cluster": "other", "use": "node", "machine": None}})
    state, _, _ = play(gateway_state(pools=[tight]), {"type": "gateway.configure", "uid": "o" * 24}, until=400)
    assert state["overlord"]["state"] == "Provisioning"
    state["pools"]["p" * 24]["allotted"] = {}
    state, _, _ = play(state, {"type": "gateway.step", "uid": "o" * 24, "generation": state["job"]["generation"], "phase": "infrastructure"})
    assert state["overlord"]["state"] == "Running"


def test_restricted_pool_of_another_cluster_is_not_used():
    taken = pool(restrict=True, allotted={"10.10.8.19": {"cluster": "other", "use": "node", "machine": None}})
    state, _, _ = play(gateway_state(pools=[taken]), {"type": "gateway.configure", "uid": "o" * 24}, until=400)
    assert "restricted to one cluster" in next(each["message"] for each in state["events"] if each["severity"] == "Error")


def test_resize_takes_two_addresses_keeps_the_vip_and_stays_running():
    state, _, _ = configured()
    before = dict(state["pools"]["p" * 24]["allotted"])
    state["config"]["pools"][0]["size"], state["events"] = 3, []
    state, intents, seen = play(state, {"type": "gateway.update", "uid": "o" * 24})
    assert [each["type"] for each in intents] == ["vm.ensure", "vm.ensure"] and seen[-1][0] == 30 + 90 + 90
    assert state["overlord"]["state"] == "Running" and [each["state"] for each in state["config"]["machines"].values()] == ["Running"] * 3
    added = set(state["pools"]["p" * 24]["allotted"]) - set(before)
    assert len(added) == 2 and state["cluster"]["endpoint"] == "10.10.8.10"
    assert state["events"][-1]["message"] == "all control planes are updated" and state["job"]["kind"] == ""


def test_resize_wants_the_extra_address_still_free():
    state, _, _ = configured(pools=[pool(end="10.10.8.13")])
    state["config"]["pools"][0]["size"] = 3
    state, intents, _ = play(state, {"type": "gateway.update", "uid": "o" * 24}, until=400)
    assert intents == [] and len(state["pools"]["p" * 24]["allotted"]) == 2
    row = next(each for each in state["cluster"]["conditions"] if each["type"] == "ControlPlaneNodeAdditionDone")
    assert row["status"] == "False" and "IpPoolExhausted" in row["message"] and state["overlord"]["state"] == "Running"


def test_update_without_more_nodes_starts_nothing():
    state, _, _ = configured()
    assert play(state, {"type": "gateway.update", "uid": "o" * 24})[1:] == ([], [(0.0, {"type": "gateway.update", "uid": "o" * 24})])


def test_reset_frees_addresses_and_makes_old_work_void():
    state, intents, _ = play(gateway_state(), {"type": "gateway.configure", "uid": "o" * 24}, until=200)
    assert state["pools"]["p" * 24]["allotted"]
    generation = state["job"]["generation"]
    state, _, events = step(state, {"type": "gateway.reset", "uid": "o" * 24, "due": 200.0}, 200.0)
    assert state["overlord"]["state"] == "Pending" and state["overlord"]["cluster_uid"] == "" and state["overlord"]["account_uid"] == "a" * 24
    assert state["cluster"] is None and state["config"] is None and state["pools"]["p" * 24]["allotted"] == {} and events == []
    late = {"type": "gateway.step", "uid": "o" * 24, "generation": generation, "phase": "bootstrap", "due": 300.0}
    assert step(state, late, 300.0) == (state, [], [])


def test_work_of_an_earlier_life_does_not_touch_the_next_one():
    state, _, _ = play(gateway_state(), {"type": "gateway.configure", "uid": "o" * 24}, until=200)
    old = state["job"]["generation"]
    state, _, _ = step(state, {"type": "gateway.reset", "uid": "o" * 24, "due": 200.0}, 200.0)
    state.update(cluster=gateway_state()["cluster"], config=gateway_state()["config"])
    state, _, _ = step(state, {"type": "gateway.configure", "uid": "o" * 24, "due": 210.0}, 210.0)
    for late in ({"type": "gateway.step", "phase": "bootstrap"}, {"type": "gateway.outcome", "phase": "infrastructure", "results": [], "error": None}):
        assert step(state, {**late, "uid": "o" * 24, "generation": old, "due": 300.0}, 300.0) == (state, [], [])


def test_delete_goes_through_deleting_to_nothing():
    state, _, _ = configured()
    state, intents, events = step(state, {"type": "gateway.delete", "uid": "o" * 24, "due": 0.0}, 0.0)
    assert state["overlord"]["state"] == state["cluster"]["state"] == "Deleting" and intents == []
    (event, at), = events
    state, intents, _ = step(state, {**event, "due": at}, at)
    assert state["overlord"] is None and state["cluster"] is None and state["pools"] == {} and intents == [] and at == gateways.DELETE_SECONDS


def test_seeded_gateway_is_made_at_once():
    state, intents, seen = play(gateway_state(size=3, state="Running"), {"type": "gateway.seed", "uid": "o" * 24})
    assert [each["type"] for each in intents] == ["template.ensure", "vm.ensure", "vm.ensure", "vm.ensure"] and seen[-1][0] == 0
    assert state["cluster"]["state"] == "Running" and state["cluster"]["endpoint"] == "10.10.8.10"


def test_dhcp_gives_leases_and_a_name_for_the_endpoint():
    state, intents, _ = configured(placements=[placement(static=False)], pools=[], endpoint={"type": "DDNS", "host": "", "ddnsSearchDomain": "lab.local"})
    assert [each["address"] for each in intents if each["type"] == "vm.ensure"] == ["10.10.11.10"] and state["cluster"]["endpoint"] == "gw.lab.local"
    state, _, _ = play(gateway_state(placements=[placement(static=False, network="silent")], pools=[]), {"type": "gateway.configure", "uid": "o" * 24},
                       until=400)
    assert "no DHCP server" in state["cluster"]["conditions"][-1]["message"]


def test_given_endpoint_address_is_taken_when_it_is_free():
    state, _, _ = configured(endpoint={"type": "VIP", "host": "10.10.8.15", "ddnsSearchDomain": ""})
    assert state["cluster"]["endpoint"] == "10.10.8.15" and state["pools"]["p" * 24]["allotted"]["10.10.8.15"]["use"] == "vip"


def test_address_that_is_not_of_the_network_never_bootstraps():
    state, _, _ = play(gateway_state(pools=[pool(start="10.99.0.10", end="10.99.0.20")]), {"type": "gateway.configure", "uid": "o" * 24}, until=900)
    row = next(each for each in state["cluster"]["conditions"] if each["type"] == "BootstrappingDone")
    assert (row["status"], row["reason"]) == ("False", "FailedBootstrapping") and "network 'pg-k8s' is 10.10.8.0/22" in row["message"]
    assert state["overlord"]["state"] == "Provisioning"


def test_events_of_a_gateway_that_is_gone_change_nothing():
    state = {**gateway_state(), "overlord": None, "cluster": None, "config": None}
    for kind in ("gateway.configure", "gateway.update", "gateway.reset", "gateway.delete", "gateway.gone", "gateway.seed"):
        assert step(state, {"type": kind, "uid": "o" * 24, "due": 0.0}, 0.0) == (state, [], [])


def test_dhcp_range_runs_out_and_keeps_its_owners():
    leases: dict[str, str] = {}
    assert [addresses.lease(NETWORKS, leases, "vds-1/pg-k8s", owner) for owner in ("a", "b", "a", "c")] == [
        "10.10.11.10", "10.10.11.11", "10.10.11.10", "10.10.11.12"]
    with pytest.raises(AddressesExhausted, match="no free address"):
        addresses.lease(NETWORKS, leases, "pg-k8s", "d")
