# SPDX-License-Identifier: GPL-3.0-or-later
"""Loopback ports of a lab: free at the first start, kept in ports.json."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Collection

NAMES = ("vcenter", "vcenter_control", "palette", "palette_admin")


def is_free(port: int) -> bool:
    """Whether a listener on 127.0.0.1 could have the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int, avoid: Collection[int] = ()) -> list[int]:
    """Distinct free ports; all are bound at once, so that the system cannot offer one twice."""
    probes: list[socket.socket] = []
    found: list[int] = []
    try:
        while len(found) < count:
            probe = socket.socket()
            probes.append(probe)
            probe.bind(("127.0.0.1", 0))
            if probe.getsockname()[1] not in avoid:
                found.append(probe.getsockname()[1])
    finally:
        for probe in probes:
            probe.close()
    return found


def assign(kept: dict[str, int]) -> dict[str, int]:
    """The kept ports as far as they are free, new ones for the rest."""
    ports = {name: kept[name] for name in NAMES if name in kept and is_free(kept[name])}
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
