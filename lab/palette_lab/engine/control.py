# SPDX-License-Identifier: GPL-3.0-or-later
"""vCenter's control listener, as the engine uses it: what an installer's guest would know, and what it would report."""

from __future__ import annotations

import threading

import requests

from palette_lab.engine.errors import VcenterFault

_local = threading.local()


def _session() -> requests.Session:
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.trust_env = False
    return _local.session


def call(address: str, method: str, path: str, body: dict | None = None) -> dict | list | None:
    """The decoded answer. Raises VcenterFault when the listener is away or refuses."""
    try:
        answer = _session().request(method, f"http://{address}{path}", json=body, timeout=20)
    except requests.RequestException as error:
        raise VcenterFault("FailedControl", f"vCenter's control listener {address} did not answer {method} {path}: {type(error).__name__}") from None
    if not answer.ok:
        raise VcenterFault("FailedControl", f"vCenter's control listener answered {method} {path} with {answer.status_code}: {answer.text[:200]}")
    return answer.json() if answer.content else None


def installers(address: str) -> list[dict]:
    """[{moid, name, power, properties, guest}] of every machine with an OVF product section."""
    found = call(address, "GET", "/installers")
    return found["items"] if isinstance(found, dict) else list(found or [])


def networks_of(address: str) -> dict[str, list[str]]:
    """Names of the networks of every machine, by moid."""
    found = call(address, "GET", "/state")
    datacenters = found.get("datacenters", []) if isinstance(found, dict) else []
    rows = datacenters.values() if isinstance(datacenters, dict) else datacenters
    return {machine["moid"]: list(machine.get("networks") or []) for row in rows for machine in row.get("vms") or []}


def set_guest(address: str, moid: str, ip: str, hostname: str, tools: str) -> None:
    call(address, "POST", "/guest", {"moid": moid, "ip": ip, "hostname": hostname, "tools": tools})
