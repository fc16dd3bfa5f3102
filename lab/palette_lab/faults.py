# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripted faults on Palette's routes.

A fault is {"server": "palette", "route": "GET /v1/overlords*", "nth": 1, "count": 1, "kind": …}: it meets the nth call of the route (a glob over
"METHOD path") since it was set and `count` calls from there; count 0 means all of them. Kinds:
status (status, headers, body as text or JSON or body_base64, body_repeat, content_type) · delay (seconds of real time) · drop-before · drop-after-commit ·
truncate (bytes: how many of the body are sent) · redirect (location, status 302).
"""

from __future__ import annotations

import fnmatch
import threading

KINDS = {"status", "delay", "drop-before", "drop-after-commit", "truncate", "redirect"}
KEYS = {"server", "route", "nth", "count", "kind", "status", "headers", "body", "body_base64", "body_repeat", "content_type", "seconds", "bytes", "location"}
NEEDED = {"status": "status", "delay": "seconds", "redirect": "location"}


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[dict] = []

    def add(self, faults: list[dict]) -> None:
        """Raises ValueError, naming the fault, before any of them is set."""
        checked = [check(fault) for fault in faults]
        with self._lock:
            self._faults.extend(dict(fault, calls=0) for fault in checked)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def firing(self, method: str, path: str) -> list[dict]:
        """Count this call and return the faults that it meets."""
        found = []
        with self._lock:
            for fault in self._faults:
                if not fnmatch.fnmatchcase(f"{method} {path}", fault["route"]):
                    continue
                fault["calls"] += 1
                after = fault["calls"] - fault["nth"]
                if after >= 0 and (fault["count"] == 0 or after < fault["count"]):
                    found.append(fault)
        return found


def check(fault: dict) -> dict:
    """The fault with its defaults. Raises ValueError."""
    unknown = set(fault) - KEYS
    kind = fault.get("kind")
    if unknown or kind not in KINDS:
        raise ValueError(f"fault {fault}: " + (f"unknown keys {sorted(unknown)}" if unknown else f"kind must be one of {sorted(KINDS)}"))
    if not isinstance(fault.get("route"), str) or " " not in fault["route"]:
        raise ValueError(f"fault {fault}: route must be 'METHOD /path', globs allowed")
    if kind in NEEDED and NEEDED[kind] not in fault:
        raise ValueError(f"fault {fault}: kind {kind} needs {NEEDED[kind]}")
    nth, count = fault.get("nth", 1), fault.get("count", 1)
    if not isinstance(nth, int) or not isinstance(count, int) or nth < 1 or count < 0:
        raise ValueError(f"fault {fault}: nth must be 1 or more, count 0 or more")
    return dict(fault, nth=nth, count=count)
