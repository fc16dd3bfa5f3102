# SPDX-License-Identifier: GPL-3.0-or-later
"""Loopback ports of a lab: free at the first start, kept in ports.json."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Collection

NAMES = ("vcenter", "vcenter_control", "palette", "palette_admin", "hosts", "dns")
EVERY_ADDRESS = "0.0.0.0"


def is_free(port: int, name: str = "") -> bool:
    """Whether the listener of that name could have the port now: `hosts` on every address of the machine, `dns` for UDP too, the others on 127.0.0.1."""
    address = EVERY_ADDRESS if name == "hosts" else "127.0.0.1"
    kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM) if name == "dns" else (socket.SOCK_STREAM,)
    return all(_can_bind(kind, address, port) for kind in kinds)


def _can_bind(kind: socket.SocketKind, address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def free_ports(count: int, avoid: Collection[int] = ()) -> list[int]:
    """Distinct ports that are free on every address, for UDP too; all are bound at once, so that the system cannot offer one twice."""
    probes: list[socket.socket] = []
    found: list[int] = []
    try:
        while len(found) < count:
            probe = socket.socket()
            probes.append(probe)
            probe.bind((EVERY_ADDRESS, 0))
            port = probe.getsockname()[1]
            if port not in avoid and _can_bind(socket.SOCK_DGRAM, EVERY_ADDRESS, port):
                found.append(port)
    finally:
        for probe in probes:
            probe.close()
    return found


def assign(kept: dict[str, int]) -> dict[str, int]:
    """The kept ports as far as they are free, new ones for the rest."""
    ports = {name: kept[name] for name in NAMES if name in kept and is_free(kept[name], name)}
    missing = [name for name in NAMES if name not in ports]
    ports.update(zip(missing, free_ports(len(missing), set(ports.values()))))
    return {name: ports[name] for name in NAMES}


def load_and_keep(path: Path) -> tuple[dict[str, int], list[str]]:
    """Ports by name out of ports.json, which is written when anything changed; and the names whose kept port somebody else has."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    ports = assign(kept)
    if ports != kept:
        path.write_text(json.dumps(ports, indent=1) + "\n")
    return ports, [name for name in kept if name in ports and ports[name] != kept[name]]
