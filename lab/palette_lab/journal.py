# SPDX-License-Identifier: GPL-3.0-or-later
"""Every request that came in, in order, without secrets (interface.md, Lab admin endpoint)."""

from __future__ import annotations

import re
import threading
import time
from urllib.parse import parse_qsl, urlencode

SECRET_QUERY = {"pairingcode", "token", "password", "apikey", "authorization"}
SECRET_PATH = re.compile(r"^(/v1/auth/refresh/)[^/]+")


class Journal:
    """Entries of this server; `t` is in nanoseconds of real time, so that vCenter's entries can be merged in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[dict] = []

    def begin(self, method: str, path: str, query: str) -> dict:
        """A new entry, in the order of arrival; the caller fills in what it learns. `status` 0 means that no answer left."""
        entry = {"t": time.time_ns(), "server": "palette", "method": method, "path": clean_path(path, query), "status": 0, "scope": "none",
                 "write": False, "principal": "", "agent": "client"}
        with self._lock:
            self._entries.append(entry)
        return entry

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def entries(self) -> list[dict]:
        with self._lock:
            return [dict(entry) for entry in self._entries]


def clean_path(path: str, query: str) -> str:
    path = SECRET_PATH.sub(r"\1***", path)
    if not query:
        return path
    pairs = [(key, "***" if key.lower() in SECRET_QUERY else value) for key, value in parse_qsl(query, keep_blank_values=True)]
    return f"{path}?{urlencode(pairs, safe='/*:,=')}"


def merged(palette: list[dict], vcenter: list[dict]) -> list[dict]:
    """Both servers by time, numbered from 1, without the times."""
    from_vcenter = [{"t": each["t"], "server": "vcenter", "method": each["method"], "path": each["path"], "status": each["status"], "scope": "none",
                     "write": each["write"], "principal": each["principal"],
                     "agent": "palette" if "palette-lab" in (each.get("agent") or "") else "client"} for each in vcenter]
    ordered = sorted(palette + from_vcenter, key=lambda each: each["t"])
    return [{"n": number, **{key: value for key, value in each.items() if key != "t"}} for number, each in enumerate(ordered, 1)]
