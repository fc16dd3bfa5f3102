# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place of the lab's own processes that sleeps."""

from __future__ import annotations

import time
from typing import Callable, TypeVar

Seen = TypeVar("Seen")


def until(observe: Callable[[], Seen], seconds: float, step: float = 0.05, sleep: Callable[[float], None] = time.sleep) -> Seen:
    """Call `observe` until its answer is true or the seconds of real time are over; the last answer, true or not, is returned."""
    deadline = time.monotonic() + seconds
    while True:
        seen = observe()
        if seen or time.monotonic() >= deadline:
            return seen
        sleep(step)
