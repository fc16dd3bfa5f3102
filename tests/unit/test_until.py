# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
import time

import pytest

from servers import FakeClock

from ansible_collections.palette.vmware.plugins.module_utils._errors import DeadlinePassed, PaletteForbidden, Stopped
from ansible_collections.palette.vmware.plugins.module_utils._run import Context
from ansible_collections.palette.vmware.plugins.module_utils._until import Clock, Stop, until


def states(*names):
    """An observe function that gives the names in order, the last one for ever; counts its calls in `asked`."""
    def observe():
        observe.asked += 1
        return names[min(observe.asked, len(names)) - 1]
    observe.asked = 0
    return observe


def test_gives_the_observation_that_holds_and_writes_down_each_new_status_once():
    lines = []
    context = Context(clock=FakeClock(), emit=lines.append)
    observe = states("Pending", "Pending", "Provisioning", "Running")
    assert until(observe, lambda seen: seen == "Running", context, timeout=60, interval=5) == "Running"
    assert observe.asked == 4 and context.clock.pauses == [5, 5, 5]
    assert context.timeline == [{"elapsed": 0.0, "status": "Pending"}, {"elapsed": 10.0, "status": "Provisioning"}, {"elapsed": 15.0, "status": "Running"}]
    assert len(lines) == 3 and lines[1].endswith("10.0 s  Provisioning")


def test_what_holds_at_once_is_not_waited_for_even_without_time():
    context = Context(clock=FakeClock())
    assert until(states("Running"), lambda seen: True, context, timeout=0) == "Running"
    assert context.clock.pauses == []


def test_the_deadline_is_kept_to_the_second_and_looked_at_once_more():
    context = Context(clock=FakeClock())
    observe = states("Pending")
    with pytest.raises(DeadlinePassed) as caught:
        until(observe, lambda seen: False, context, timeout=12, interval=5)
    assert context.clock.pauses == [5, 5, 2] and context.clock.seconds == 12 and observe.asked == 4
    assert caught.value.observed == "Pending" and "12 s" in caught.value.what and caught.value.retriable


def test_the_object_becomes_ready_at_the_very_last_look():
    context = Context(clock=FakeClock())
    assert until(states("a", "a", "b"), lambda seen: seen == "b", context, timeout=10, interval=5) == "b"


def test_the_deadlines_own_words_win():
    def explain(seen, waited):
        return {"what": f"gateway is {seen} after {waited:.0f} s", "where": "gateway gw-1", "fix": "look at its events"}
    with pytest.raises(DeadlinePassed) as caught:
        until(states("Error"), lambda seen: False, Context(clock=FakeClock()), timeout=10, interval=10, describe=str.upper, on_deadline=explain)
    assert str(caught.value) == "gateway is Error after 10 s - gateway gw-1 - seen: ERROR - look at its events"


def test_what_observe_raises_goes_up():
    def observe():
        raise PaletteForbidden("no")
    with pytest.raises(PaletteForbidden):
        until(observe, lambda seen: True, Context(clock=FakeClock()), timeout=10)


def test_an_order_to_stop_ends_the_wait_before_the_next_pause():
    context = Context(clock=FakeClock())

    def observe():
        context.stop.set("the playbook is gone")
        return "Pending"
    with pytest.raises(Stopped, match="the playbook is gone"):
        until(observe, lambda seen: False, context, timeout=100)
    assert context.clock.seconds == 0


def test_an_order_to_stop_ends_a_real_pause_at_once():
    stop = Stop()
    started = time.monotonic()
    threading.Timer(0.05, stop.set, ["SIGTERM"]).start()
    with pytest.raises(Stopped, match="SIGTERM"):
        Clock().pause(30, stop)
    assert time.monotonic() - started < 10


def test_the_first_reason_to_stop_stays():
    stop = Stop()
    stop.check()
    assert not stop.is_set()
    stop.set("first")
    stop.set("second")
    assert stop.is_set() and stop.reason == "first"


def test_the_real_clock():
    before = Clock().monotonic()
    Clock().pause(-1, Stop())
    assert Clock().monotonic() >= before and Clock().now().utcoffset().total_seconds() == 0
