# SPDX-License-Identifier: GPL-3.0-or-later
"""Which installer machines register, and why others never do. Pure (palette-api 2.2 and 10, decisions 3 and 4)."""

from __future__ import annotations

import datetime
import ipaddress
from typing import Any

from palette_lab.engine import addresses
from palette_lab.engine.errors import AddressesExhausted
from palette_lab.ova_descriptor import (CONSOLE_ENDPOINT, HTTP_PROXY, HTTPS_PROXY, INSTALLER_NAME, NO_PROXY, PAIRING_CODE, POD_CIDR, SERVICE_RANGE,
                                        by_label)

REGISTRATION_SECONDS = 300.0
CODE_LIFE = datetime.timedelta(hours=24)


def scan(state: dict, event: dict) -> tuple[list[dict], list[tuple[dict, float]]]:
    """Compare vCenter's installers with those tracked: new ones that are on get an address and register later, others stop."""
    intents: list[dict] = []
    events: list[tuple[dict, float]] = []
    found = {each["moid"]: each for each in event["found"]}
    for moid in [moid for moid in state["installers"] if not is_on(found.get(moid))]:
        tracked = state["installers"].pop(moid)
        state["leases"] = {address: owner for address, owner in state["leases"].items() if owner != f"installer:{moid}"}
        if moid in found:
            intents.append({"type": "guest.set", "moid": moid, "ip": "", "hostname": "", "tools": "stopped"})
        if not tracked["registered"]:
            intents.append(line(tracked["name"], moid, "stopped before it had registered: " + ("powered off" if moid in found else "removed from vCenter")))
    for moid, machine in sorted(found.items()):
        if is_on(machine) and moid not in state["installers"]:
            more, later = begin(state, machine)
            intents += more
            events += later
    return intents, events


def is_on(machine: dict | None) -> bool:
    """The control listener says on or poweredOn."""
    return machine is not None and str(machine["power"]).lower() in ("on", "poweredon", "true")


def begin(state: dict, machine: dict) -> tuple[list[dict], list[tuple[dict, float]]]:
    """Track a machine that has just been powered on."""
    moid, network = machine["moid"], (machine.get("networks") or [""])[0]
    tracked = {"moid": moid, "name": machine["name"], "network": network, "address": "", "registered": known(state, moid), "since": state["scan"]}
    state["installers"][moid] = tracked
    intents = []
    try:
        tracked["address"] = addresses.lease(state["networks"], state["leases"], network, f"installer:{moid}")
        intents.append({"type": "guest.set", "moid": moid, "ip": tracked["address"], "hostname": machine["name"], "tools": "running"})
    except AddressesExhausted as error:
        intents.append(line(machine["name"], moid, f"got no address: {error.message}"))
    if tracked["registered"]:
        return intents, []
    problem = refusal(state, machine)
    intents.append(line(machine["name"], moid, f"powered on with address {tracked['address'] or 'none'}; " +
                        (f"it will not register: {problem}" if problem else "it registers in about five minutes")))
    return intents, [({"type": "installer.register", "moid": moid, "since": tracked["since"], "machine": machine}, REGISTRATION_SECONDS)]


def known(state: dict, moid: str) -> bool:
    return any(each["installer_moid"] == moid for each in state["overlords"].values())


def register(state: dict, event: dict) -> list[dict]:
    """The installer has booted: it becomes an overlord in Pending, or the log says why not. A machine that was switched off meanwhile is ignored."""
    machine, moid = event["machine"], event["moid"]
    tracked = state["installers"].get(moid)
    if tracked is None or tracked["since"] != event["since"] or tracked["registered"]:
        return []
    problem = refusal(state, machine) or ("" if tracked["address"] else "it has no address")
    if problem:
        return [line(machine["name"], moid, f"did not register: {problem}")]
    values = by_label(machine["properties"])
    code = values[PAIRING_CODE].strip()
    tracked["registered"] = True
    state["codes"][code]["used_by"] = moid
    state["registered"].append({"name": values[INSTALLER_NAME].strip(), "state": "Pending", "ip_address": tracked["address"], "installer_moid": moid,
                                "pairing_code": code, "heartbeat": state["now"], "annotations": {"cloudType": "vsphere", "scope": "tenant"}})
    return [line(machine["name"], moid, f"registered as '{values[INSTALLER_NAME].strip()}' with address {tracked['address']}")]


def refusal(state: dict, machine: dict) -> str:
    """Why an installer with these properties cannot register; "" when it can. Never shows a pairing code."""
    values = {label: (value or "").strip() for label, value in by_label(machine["properties"]).items()}
    return (endpoint_problem(values, state["base_url"], state.get("consoles", [])) or code_problem(values, state) or name_problem(values, state)
            or proxy_problem(values) or cidr_problem(values, addresses.network_facts(state["networks"], (machine.get("networks") or [""])[0])))


def endpoint_problem(values: dict[str, str], base_url: str, consoles: list[str]) -> str:
    given = values.get(CONSOLE_ENDPOINT, "")
    if given in (base_url, *consoles):
        return ""
    if given.endswith("/") and given[:-1] in (base_url, *consoles):
        return f"the console endpoint '{given}' has a trailing slash"
    return f"nothing answers at the console endpoint '{given}', Palette is at {base_url}"


def code_problem(values: dict[str, str], state: dict) -> str:
    code = values.get(PAIRING_CODE, "")
    record = state["codes"].get(code)
    if not code:
        return "it has no pairing code"
    if record is None:
        return "its pairing code is unknown"
    if record["used_by"]:
        return "its pairing code has been used already"
    if state["now"] - record["created"] >= CODE_LIFE:
        return "its pairing code is older than 24 hours"
    return ""


def name_problem(values: dict[str, str], state: dict) -> str:
    name = values.get(INSTALLER_NAME, "")
    if not name:
        return "it has no installer name"
    if any(each["name"] == name for each in state["overlords"].values()):
        return f"a gateway with the name '{name}' is there already"
    return ""


def proxy_problem(values: dict[str, str]) -> str:
    """All three proxy properties are mandatory once one is set (the page, Deploy Gateway Installer)."""
    given = {label: bool(values.get(label)) for label in (HTTP_PROXY, HTTPS_PROXY, NO_PROXY)}
    missing = [label for label, there in given.items() if not there]
    return f"of the proxy properties {', '.join(missing)} is missing" if missing and len(missing) < 3 else ""


def cidr_problem(values: dict[str, str], network: dict | None) -> str:
    ranges: dict[str, Any] = {}
    for label in (POD_CIDR, SERVICE_RANGE):
        if values.get(label):
            try:
                ranges[label] = ipaddress.ip_network(values[label], strict=False)
            except ValueError:
                return f"{label} '{values[label]}' is no CIDR"
    if network and network.get("cidr"):
        ranges["the machine's network"] = ipaddress.ip_network(network["cidr"])
    labels = list(ranges)
    for position, label in enumerate(labels):
        for other in labels[position + 1:]:
            if ranges[label].version == ranges[other].version and ranges[label].overlaps(ranges[other]):
                return f"{label} {ranges[label]} overlaps {other} {ranges[other]}"
    return ""


def line(name: str, moid: str, text: str) -> dict:
    return {"type": "installer.log", "text": f"{name} ({moid}) {text}"}
