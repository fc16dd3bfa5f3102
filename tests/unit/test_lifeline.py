# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ends a run: signals, and a playbook that is gone."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest
from ansible_collections.palette.vmware.plugins.module_utils import _lifeline
from ansible_collections.palette.vmware.plugins.module_utils._errors import Stopped
from ansible_collections.palette.vmware.plugins.module_utils._until import Stop

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs Linux's /proc")


def watchers():
    return {thread for thread in threading.enumerate() if thread.name == "playbook-watch"}


def watched(*args, **options):
    """(what watch() returns, the thread that it started or None)"""
    before = watchers()
    ended = _lifeline.watch(*args, **options)
    return ended, next(iter(watchers() - before), None)


@pytest.fixture(name="child")
def _child():
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.stdin.close()
    process.wait()


def test_identity_of_a_living_a_dead_and_a_zombie_process(child):
    mark = _lifeline.identity(child.pid)
    assert _lifeline.alive(mark)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not _lifeline.alive(mark), "a zombie counts as gone"
    child.wait()
    assert not _lifeline.alive(mark)


def test_a_process_id_that_was_given_to_another_process_is_not_it():
    place, pid, started = _lifeline.identity(os.getpid()).split(" ")
    assert _lifeline.alive(f"{place} {pid} {started}")
    assert not _lifeline.alive(f"{place} {pid} {int(started) + 1}")


@pytest.mark.parametrize("mark", ["", "x", "elsewhere 1 1", " 1 1"])
def test_who_cannot_be_seen_counts_as_alive(mark):
    assert _lifeline.alive(mark)


def test_another_boot_or_container_is_another_place():
    place, pid, started = _lifeline.identity(os.getpid()).split(" ")
    boot, namespace = place.split("/", 1)
    assert boot and namespace.startswith("pid:")
    assert _lifeline.alive(f"{boot}/pid:[1] {pid} {int(started) + 1}")
    assert _lifeline.alive(f"other/{namespace} {pid} {int(started) + 1}")


def test_the_end_of_the_playbook_stops_the_run_and_then_ends_it(child):
    stop, left = Stop(), threading.Event()
    codes = []

    def leave(code):
        codes.append(code)
        left.set()

    _lifeline.watch(stop, _lifeline.identity(child.pid), leave, every=0.01, grace=0.01)
    assert not stop.is_set()
    child.kill()
    child.wait()
    assert stop.wait(10) and left.wait(10)
    assert codes == [1]
    with pytest.raises(Stopped, match="its playbook is gone"):
        stop.check()


def test_a_run_that_ends_in_time_is_not_ended_by_force(child):
    stop, left = Stop(), threading.Event()
    ended, watcher = watched(stop, _lifeline.identity(child.pid), lambda code: left.set(), every=0.01, grace=10)
    child.kill()
    child.wait()
    assert stop.wait(10)
    ended.set()
    watcher.join(10)
    assert not watcher.is_alive() and not left.is_set()


def test_the_watch_ends_with_the_task(child):
    stop = Stop()
    ended, watcher = watched(stop, _lifeline.identity(child.pid), pytest.fail, every=0.01)
    ended.set()
    watcher.join(10)
    assert not watcher.is_alive() and not stop.is_set()


def test_who_is_not_seen_from_the_start_is_not_watched(child):
    mark = _lifeline.identity(child.pid)
    child.kill()
    child.wait()
    _ended, watcher = watched(Stop(), mark, pytest.fail)
    assert watcher is None


def test_both_times_together_are_under_five_seconds():
    assert _lifeline.LOOK_EVERY + _lifeline.GRACE < 5


def test_the_variable_names_the_playbook(child, monkeypatch):
    monkeypatch.setenv("SOME_PLAYBOOK", _lifeline.identity(child.pid))
    seen = []
    monkeypatch.setattr(_lifeline, "watch", lambda stop, mark: seen.append(mark))
    _lifeline.watch_playbook(Stop(), "SOME_PLAYBOOK")
    monkeypatch.delenv("SOME_PLAYBOOK")
    _lifeline.watch_playbook(Stop(), "SOME_PLAYBOOK")
    assert seen == [_lifeline.identity(child.pid)]


PROGRAM = """
import signal, sys
from ansible_collections.palette.vmware.plugins.module_utils._lifeline import stop_on_signals
from ansible_collections.palette.vmware.plugins.module_utils._until import Stop
stop = Stop()
stop_on_signals(stop)
print("ready", flush=True)
stop.wait(60)
print(stop.reason, flush=True)
sys.stdin.readline()
print("cleaned up", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_and_more_of_them_do_not_disturb_cleaning_up(number):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == f"signal {number.name}\n"
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        output, _errors = process.communicate("\n", timeout=30)
    assert output == "cleaned up\n" and process.returncode == 0


EVERYWHERE = """
import signal, sys
from ansible_collections.palette.vmware.plugins.module_utils._lifeline import stop_on_signals
from ansible_collections.palette.vmware.plugins.module_utils._until import Stop
place = left = 0
def trace(frame, event, _argument):
    global left
    if event == "line":
        left -= 1
        if left == 0:
            signal.raise_signal(signal.SIGTERM)
    return trace
while left <= 0:
    place += 1
    stop, left = Stop(), place
    stop_on_signals(stop)
    sys.settrace(trace)
    stop.wait(0.3)
    sys.settrace(None)
    assert stop.is_set() == (left <= 0)
print(place)
"""


def test_a_signal_at_any_line_of_a_wait_stops_it():
    """The handler runs between two lines of what it interrupts: it must not want a lock that is held there."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", EVERYWHERE], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 3
