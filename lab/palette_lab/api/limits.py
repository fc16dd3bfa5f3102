# SPDX-License-Identifier: GPL-3.0-or-later
"""Rate limits per endpoint prefix (palette-api 1.5): token buckets of the lab's time of day, unscaled."""

from __future__ import annotations

import re
import threading

SLOW = (10.0, 50.0)
FAST = (50.0, 250.0)
PREFIXES = [
    (re.compile(r"/v1/spectroclusters/[^/]+/(assets|download)(/|$)"), "spectroclusters-assets", SLOW),
    (re.compile(r"/v1/spectroclusters/[^/]+/profiles(/|$)"), "spectroclusters-profiles", FAST),
    (re.compile(r"/v1/events/components(/|$)"), "events-components", FAST),
    (re.compile(r"/v1/(cloudconfigs|clusterprofiles|spectroclusters)(/|$)"), "", FAST),
    (re.compile(r"/v1/(auth|cloudaccounts|clouds|dashboard|events|notifications|overlords|packs|projects|registries|users|tenants|permissions)(/|$)"),
     "", SLOW),
]


class Buckets:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._levels: dict[tuple[str, str], tuple[float, float]] = {}

    def take(self, source: str, path: str, now: float) -> bool:
        """False when the bucket of this source and prefix is empty; `now` in seconds."""
        for pattern, name, (rate, size) in PREFIXES:
            found = pattern.match(path)
            if found:
                key = (source, name or found.group(1))
                break
        else:
            return True
        with self._lock:
            level, at = self._levels.get(key, (size, now))
            level = min(size, level + max(0.0, now - at) * rate)
            self._levels[key] = (level - 1 if level >= 1 else level, now)
            return level >= 1
