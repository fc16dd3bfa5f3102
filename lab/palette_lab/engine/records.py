# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the store and the states of step.py: what an event may see, and how its result is kept. The caller holds the store's lock."""

from __future__ import annotations

import copy

from palette_lab.store import Store

NO_JOB = {"kind": "", "generation": 0, "vip": ""}


def memory() -> dict:
    """What the engine remembers beside the store's records: jobs by overlord uid, installers by moid, DHCP leases {address: owner}."""
    return {"jobs": {}, "installers": {}, "leases": {}, "scan": 0}


def gather(store: Store, kept: dict, event: dict) -> dict:
    """The state that step.py takes for the event."""
    if event["type"].startswith("installer."):
        return {"now": store.now(), "installers": kept["installers"], "leases": kept["leases"], "scan": kept["scan"], "overlords": store.overlords,
                "codes": store.pairing_codes, "networks": store.site.get("networks") or {}, "registered": [],
                "base_url": f"https://{store.site['palette']['listen']}", "consoles": consoles(store.site)}
    overlord = store.overlords.get(event["uid"])
    cluster = store.clusters.get(overlord["cluster_uid"]) if overlord else None
    config = store.cloudconfigs.get(cluster["config_uid"]) if cluster else None
    pools = {pool["uid"]: pool for pool in store.where("pools", overlord_uid=event["uid"])}
    elsewhere = [address for pool in store.pools.values() for address in pool["allotted"]] + list(kept["leases"])
    return {"now": store.now(), "seed": store.site.get("settings", {}).get("seed", 1), "overlord": overlord, "cluster": cluster, "config": config,
            "pools": pools, "leases": kept["leases"], "elsewhere": elsewhere, "networks": store.site.get("networks") or {},
            "job": kept["jobs"].get(event["uid"], NO_JOB), "events": []}


def consoles(site: dict) -> list[str]:
    """The other base URLs at which Palette answers, by the lab's names (lab/README.md, Listeners)."""
    if "reachability" not in site:
        return []
    return [f"https://{name}:{site['reachability']['port']}" for name in ("console.lab.local", "api.spectrocloud.com")]


def keep(store: Store, kept: dict, event: dict, before: dict, after: dict) -> None:
    """Write back what step.py made of the state that `gather` gave it."""
    kept["leases"] = after["leases"]
    if event["type"].startswith("installer."):
        kept["installers"] = after["installers"]
        for code, record in after["codes"].items():
            store.pairing_codes[code].update(record)
        for fields in after["registered"]:
            store.add("overlords", **copy.deepcopy(fields))
        return
    kept["jobs"][event["uid"]] = after["job"]
    for uid, pool in after["pools"].items():
        store.pools[uid]["allotted"] = pool["allotted"]
    for collection, name in (("clusters", "cluster"), ("cloudconfigs", "config"), ("overlords", "overlord")):
        replace(getattr(store, collection), before[name], after[name])
    if after["overlord"] is None:
        forget_gateway(store, event["uid"], before["overlord"])
    if after["cluster"]:
        for row in after["events"]:
            store.add_event(after["cluster"]["uid"], **row)
    elif before["cluster"]:
        store.events.pop(before["cluster"]["uid"], None)


def replace(collection: dict, before: dict | None, after: dict | None) -> None:
    """Keep the identity of a record that stays: others may hold it."""
    if before is None:
        return
    if after is None:
        collection.pop(before["uid"], None)
        return
    before.clear()
    before.update(after)


def forget_gateway(store: Store, uid: str, overlord: dict | None) -> None:
    """Pools, DNS mappings and the automatically made account go with their gateway."""
    for collection, key in (("pools", "overlord_uid"), ("dns_mappings", "gateway_uid")):
        for record in store.where(collection, **{key: uid}):
            del getattr(store, collection)[record["uid"]]
    if overlord:
        store.accounts.pop(overlord["account_uid"], None)
