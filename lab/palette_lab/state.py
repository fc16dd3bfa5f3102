# SPDX-License-Identifier: GPL-3.0-or-later
"""The dump of both servers: sorted, without secrets; canonical: also without uids, times, moids and what differs from run to run (interface.md, GET /state)."""

from __future__ import annotations

import datetime
import json
import re
from typing import Any, Callable

from palette_lab.clock import stamp
from palette_lab.store import RECORDS, Store

SECRET_KEYS = {"password", "pairing_code"}
VOLATILE_KEYS = {"uid", "created", "modified", "deleted", "aborted", "heartbeat", "at", "id", "moid", "installer_moid", "sessions"}
RUN_MARKS = {"run", "started", "heartbeat", "finished", "put_away", "secrets"}
PAIRING_PROPERTIES = {"pairing_code", "pairingCode", "pin"}
UID = re.compile(r"(?<![0-9a-f])[0-9a-f]{24}(?![0-9a-f])")
UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
NODE = re.compile(r"-cp-[bcdfghjklmnpqrstvwxz2456789]{5}\b")


def dump(store: Store) -> dict:
    """Palette's part: records by collection as sorted lists, events by cluster uid, pairing codes without the codes, the clock."""
    with store.lock:
        found: dict[str, Any] = {name: [plain(record) for record in getattr(store, name).values()] for name in RECORDS}
        found["events"] = {uid: [plain(event) for event in events] for uid, events in store.events.items() if uid in store.clusters}
        found["pairing_codes"] = [{"created": stamp(each["created"]), "used_by": each["used_by"]} for each in store.pairing_codes.values()]
        found["clock"] = {"now": stamp(store.now()), "offset_seconds": store.clock.offset}
    for name in RECORDS:
        found[name].sort(key=lambda record: (str(record.get("name") or record.get("dns_name") or ""), record["uid"]))
    return found


def plain(value: Any) -> Any:
    """JSON of a record; times as Palette writes them, secrets left out."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if key not in SECRET_KEYS}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return stamp(value) if isinstance(value, datetime.datetime) else value


def canonical(store: Store, palette: dict, vcenter: Any) -> dict:
    """Equal for equal sites, however they came about: events are the set of their reasons, pairing codes and the clock are left out,
    open leases are {name, state}.
    """
    tidy = tidier(store)
    shown = {key: value for key, value in palette.items() if key not in ("clock", "events", "pairing_codes")}
    shown["events"] = {uid: sorted({each["reason"] for each in events}) for uid, events in palette["events"].items()}
    if isinstance(vcenter, dict) and vcenter.get("leases"):
        vcenter = {**vcenter, "leases": [{key: lease.get(key) for key in ("name", "state")} for lease in vcenter["leases"]]}
    return {"palette": clean(shown, tidy), "vcenter": clean(vcenter, tidy)}


def clean(value: Any, tidy: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        kept = {tidy(str(key)): "<set>" if each and is_of_a_run(str(key)) else clean(each, tidy) for key, each in value.items() if key not in VOLATILE_KEYS}
        return dict(sorted(kept.items()))
    if isinstance(value, list):
        cleaned = [clean(each, tidy) for each in value]
        return sorted(cleaned, key=json.dumps) if all(isinstance(each, dict) for each in cleaned) else cleaned
    return tidy(value) if isinstance(value, str) else value


def is_of_a_run(key: str) -> bool:
    """The collection's marks on a virtual machine and the installer's pairing code: other values in every run."""
    head, _, last = key.rpartition(".")
    return head == "palette.vmware" and last in RUN_MARKS or last in PAIRING_PROPERTIES


def tidier(store: Store) -> Callable[[str], str]:
    """A function that puts names for the uids in a text, and numbers for the made-up ends of machine names."""
    names, machines = names_of(store)

    def tidy(text: str) -> str:
        for name, label in machines.items():
            text = text.replace(name, label)
        text = UID.sub(lambda found: names.get(found.group(), "<uid>"), text)
        return NODE.sub("-cp-<old>", TIME.sub("<time>", UUID.sub("<uuid>", text)))
    return tidy


def names_of(store: Store) -> tuple[dict[str, str], dict[str, str]]:
    """{uid: "<kind:name>"} of everything that has a name, and {machine name: name with its number}."""
    names: dict[str, str] = {store.tenant_uid: "<tenant>"}
    machines: dict[str, str] = {}
    with store.lock:
        for collection in RECORDS:
            for record in getattr(store, collection).values():
                label = record.get("name") or record.get("dns_name")
                if label:
                    names[record["uid"]] = f"<{collection}:{label}>"
        for config in store.cloudconfigs.values():
            owner = store.clusters.get(config["cluster_uid"], {}).get("name", "")
            names[config["uid"]] = f"<cloudconfigs:{owner}>"
            for number, machine in enumerate(config["machines"].values()):
                names[machine["uid"]] = f"<machines:{owner}/{machine['pool']}/{number}>"
                machines[machine["name"]] = f"{owner}-{machine['pool']}-<{number}>"
            for pool in config["pools"]:
                names.update({placement["uid"]: f"<placements:{owner}/{pool['name']}/{number}>" for number, placement in enumerate(pool["placements"])})
        names.update({user["uid"]: f"<users:{user['email']}>" for user in store.users})
    return names, machines
