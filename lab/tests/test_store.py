# SPDX-License-Identifier: GPL-3.0-or-later
"""Store, clock, pools' addresses: no server."""

from __future__ import annotations

import copy
import datetime

import pytest
from conftest import GATEWAY, SITE

from palette_lab import errors, views
from palette_lab.clock import ZERO, Clock, stamp
from palette_lab.store import RECORDS, Store


class Hands:
    """Real time and monotonic time that the test moves."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


def seeded_store() -> Store:
    site = copy.deepcopy(SITE)
    site["palette"]["gateways"] = [copy.deepcopy(GATEWAY)]
    return Store(site)


def test_the_clock_scales_work_and_not_the_time_of_day() -> None:
    hands = Hands()
    clock = Clock(60, hands, hands)
    begin = clock.now()
    hands.seconds += 10
    assert clock.now() - begin == datetime.timedelta(seconds=10)
    assert clock.work() == 600
    assert clock.advance(30) == 30
    assert clock.now() - begin == datetime.timedelta(seconds=40)
    assert clock.work() == 630


def test_at_speed_zero_only_the_offset_moves_work() -> None:
    hands = Hands()
    clock = Clock(0, hands, hands)
    hands.seconds += 100
    assert clock.work() == 0
    clock.advance(5)
    assert clock.work() == 5


def test_the_clock_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="-1"):
        Clock(1).advance(-1)


def test_times_are_written_with_milliseconds_and_unset_as_year_one() -> None:
    assert stamp(datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, datetime.timezone.utc)) == "2026-01-02T03:04:05.678Z"
    assert stamp(None) == ZERO


def test_two_stores_of_one_seed_give_the_same_uids_and_another_seed_others() -> None:
    other = copy.deepcopy(SITE)
    other["settings"]["seed"] = 2
    first, second, third = Store(copy.deepcopy(SITE)), Store(copy.deepcopy(SITE)), Store(other)
    assert [first.new_uid() for _ in range(3)] == [second.new_uid() for _ in range(3)]
    assert list(first.projects) != list(third.projects)
    assert all(len(uid) == 24 and int(uid, 16) for uid in first.projects)


def test_records_have_every_key_and_refuse_unknown_ones() -> None:
    store = Store(copy.deepcopy(SITE))
    record = store.add("overlords", name="a")
    assert set(record) == set(RECORDS["overlords"]) | {"uid"}
    assert record["created"] == record["modified"] is not None
    with pytest.raises(KeyError, match="colour"):
        store.add("overlords", colour="red")
    store.add("overlords", name="b")["labels"]["x"] = "y"
    assert record["labels"] == {} == RECORDS["overlords"]["labels"]


def test_find_raises_the_apis_not_found() -> None:
    with pytest.raises(errors.ApiError) as caught:
        Store(copy.deepcopy(SITE)).find("pools", "f" * 24)
    assert (caught.value.status, caught.value.code) == (404, "ResourceNotFound")
    assert "f" * 24 in caught.value.message


def test_reset_gives_the_site_again_and_keeps_the_clock() -> None:
    store = seeded_store()
    uids = [set(store.overlords), set(store.pools), set(store.clusters)]
    store.clock.advance(100)
    store.add("overlords", name="made-by-hand")
    store.pairing_codes["x"] = {"code": "x", "created": store.now(), "used_by": ""}
    store.reset(store.site)
    assert [set(store.overlords), set(store.pools), set(store.clusters)] == uids
    assert store.pairing_codes == {} and store.clock.offset == 100


def test_a_seeded_gateway_has_all_its_records() -> None:
    store = seeded_store()
    overlord = store.overlords[store.seeded[0]]
    cluster = store.clusters[overlord["cluster_uid"]]
    config = store.cloudconfigs[cluster["config_uid"]]
    placement = config["pools"][0]["placements"][0]
    assert (overlord["state"], cluster["kind"], cluster["overlord_uid"]) == ("Running", "gateway", overlord["uid"])
    assert store.accounts[overlord["account_uid"]]["username"] == "svc-palette@vsphere.local"
    assert (placement["cluster"], placement["resourcePool"], placement["network"]["networkName"]) == ("cluster-1", "palette", "pg-k8s")
    assert placement["network"]["parentPoolRef"]["uid"] == store.where("pools", overlord_uid=overlord["uid"])[0]["uid"]
    assert overlord["config"]["clusterConfig"]["placements"][0]["network"]["parentPoolUid"] == placement["network"]["parentPoolRef"]["uid"]


def test_events_of_a_cluster_are_kept_up_to_a_thousand() -> None:
    store = Store(copy.deepcopy(SITE))
    for number in range(1005):
        store.add_event("c", "Reason", str(number))
    assert [store.events["c"][0]["message"], store.events["c"][-1]["message"], len(store.events["c"])] == ["5", "1004", 1000]


@pytest.mark.parametrize(("pool", "first", "count"), [
    ({"start": "10.0.0.5", "end": "10.0.0.7", "gateway": "10.0.0.1"}, "10.0.0.5", 3),
    ({"start": "10.0.0.1", "end": "10.0.0.3", "gateway": "10.0.0.2"}, "10.0.0.1", 2),
    ({"subnet": "10.0.0.0/29", "gateway": "10.0.0.1"}, "10.0.0.2", 5),
    ({"subnet": "10.0.0.0/29", "start": "10.0.0.4", "gateway": "10.0.0.1"}, "10.0.0.4", 3),
    ({"subnet": "10.0.0.0/8", "gateway": "10.0.0.1"}, "10.0.0.2", 256),
    ({"start": "fd00::1", "end": "fd00::3", "gateway": ""}, "fd00::1", 3),
    ({"start": "nonsense", "end": "10.0.0.3"}, None, 0),
    ({"start": "10.0.0.9", "end": "10.0.0.3"}, None, 0),
    ({"start": "10.0.0.9", "end": "fd00::1"}, None, 0),
    ({"subnet": "10.0.0.0/33"}, None, 0),
    ({}, None, 0),
])
def test_free_addresses_of_a_pool(pool: dict, first: str | None, count: int) -> None:
    found = views.available({"pool": pool, "allotted": {}})
    assert (found[0] if found else None, len(found)) == (first, count)


def test_allotted_addresses_are_not_free_and_a_full_big_pool_is_not_walked_to_its_end() -> None:
    assert views.available({"pool": {"start": "10.0.0.5", "end": "10.0.0.7"}, "allotted": {"10.0.0.6": {}}}) == ["10.0.0.5", "10.0.0.7"]
    full = {f"10.0.{number // 256}.{number % 256}": {} for number in range(65536)}
    assert views.available({"pool": {"start": "10.0.0.0", "end": "10.255.255.255"}, "allotted": full}) == []
