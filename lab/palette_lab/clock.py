# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's two clocks: `now` (what the servers show) and `work` (what scripted durations are measured in)."""

from __future__ import annotations

import datetime
import threading
import time
from typing import Callable

ZERO = "0001-01-01T00:00:00.000Z"


class Clock:
    """now = real + offset; work = elapsed * speed + offset, in seconds. Only `advance` moves the offset."""

    def __init__(self, speed: float, real: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.speed = float(speed)
        self.offset = 0.0
        self._real = real
        self._monotonic = monotonic
        self._started = monotonic()
        self._lock = threading.Lock()

    def now(self) -> datetime.datetime:
        """Time of day of the lab, aware, UTC."""
        return datetime.datetime.fromtimestamp(self._real() + self.offset, datetime.timezone.utc)

    def work(self) -> float:
        """Seconds of scripted work that have passed since the start."""
        return (self._monotonic() - self._started) * self.speed + self.offset

    def advance(self, seconds: float) -> float:
        """Move both clocks and return the new offset. Raises ValueError when `seconds` would turn the clock back."""
        if seconds < 0:
            raise ValueError(f"advance_seconds is {seconds}: the lab's clock does not run backwards")
        with self._lock:
            self.offset += seconds
            return self.offset


def stamp(moment: datetime.datetime | None) -> str:
    """RFC 3339 with milliseconds; Palette writes an unset time as year 1 (palette-api 1.1)."""
    if moment is None:
        return ZERO
    text = moment.astimezone(datetime.timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
