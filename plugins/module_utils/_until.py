# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time: the clock, the order to stop, and the one way to wait. PRIVATE to the collection."""
from __future__ import annotations

import queue
import time
from datetime import datetime, timezone

from ._errors import DeadlinePassed, Stopped


class Stop:
    """Set once by a signal or by a vanished playbook; whoever works long asks it.

    A signal's handler runs in the midst of what the main thread does, also of a wait: the order is passed on by a SimpleQueue, whose put may interrupt
    its get. A threading.Event may not: its set wants the lock that its wait holds, and never returns.
    """

    def __init__(self):
        self._given, self._set = queue.SimpleQueue(), False
        self.reason = ""

    def set(self, reason):
        if not self._set:
            self.reason, self._set = reason, True
            self._given.put(None)

    def is_set(self):
        return self._set

    def check(self):
        """Raises Stopped when the run was told to stop."""
        if self._set:
            raise Stopped(f"the run was stopped: {self.reason}", fix="run it again, it goes on where it stands")

    def wait(self, seconds):
        """Sleeps, but not past an order to stop; True when there is one."""
        try:
            self._given.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return self._set
        self._given.put(None)
        return True


class Clock:
    """Real time. Tests hand in their own with the same three methods."""

    def monotonic(self):
        """Seconds that only go forward; for deadlines."""
        return time.monotonic()

    def now(self):
        """Aware UTC datetime; for what is written down."""
        return datetime.now(timezone.utc)

    def pause(self, seconds, stop):
        """Sleeps, but not past an order to stop; then raises Stopped."""
        stop.wait(seconds)
        stop.check()


def until(observe, predicate, context, timeout, interval=5.0, describe=str, on_deadline=None):
    """Observes until the predicate holds, and returns that last observation.

    describe(observation) -> str: the status; each new one is shown and goes into the timeline. timeout, interval: seconds.
    on_deadline(observation, seconds) -> dict: fields of the error (what, where, observed, fix …), with the server's own events.
    Raises DeadlinePassed, Stopped, and whatever observe raises.
    """
    clock, started, status = context.clock, context.clock.monotonic(), None
    while True:
        seen = observe()
        text = describe(seen)
        if text != status:
            status = text
            context.progress(text)
        if predicate(seen):
            return seen
        waited = clock.monotonic() - started
        if waited >= timeout:
            details = {"what": f"not there after {timeout:.0f} s", "observed": status}
            details.update(on_deadline(seen, waited) if on_deadline else {})
            raise DeadlinePassed(**details)
        clock.pause(min(interval, max(0.0, timeout - waited)), context.stop)
