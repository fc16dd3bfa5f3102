# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends a run when it is told to (TERM, INT) or when its playbook is gone. PRIVATE to the collection.

ansible-playbook killed with -9 leaves its worker and module processes running (seen on ansible-core 2.21), and so does the task keyword `timeout`.
"""
from __future__ import annotations

import os
import signal
import threading

PLAYBOOK_VARIABLE = "PALETTE_VMWARE_PLAYBOOK"
LOOK_EVERY = 1.0
GRACE = 3.5


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def place():
    """Tells machines, boots and process-id namespaces (containers) apart; empty where the system has no such files."""
    boot = read("/proc/sys/kernel/random/boot_id").strip()
    try:
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}" if boot else ""
    except OSError:
        return boot


def start_time(pid):
    """Clock ticks after boot at which the process started, as text; empty when it is gone, a zombie, or hidden from this user."""
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""


def identity(pid):
    """What is handed down to a module front so that it can tell whether that very process still lives: 'place pid ticks'."""
    return f"{place()} {pid} {start_time(pid)}"


def alive(mark):
    """False only when the process of that identity is known to be gone; one of another machine or container counts as alive."""
    where, pid, started = (mark.split(" ") + ["", ""])[:3]
    if not where or where != place() or not pid.isdigit() or not started:
        return True
    return start_time(pid) == started


def stop_on_signals(stop):
    """TERM and INT become an order to stop; later ones are ignored while the run cleans up."""
    def handler(number, _frame):
        stop.set(f"signal {signal.Signals(number).name}")
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)
        signal.signal(signal.SIGINT, handler)


def watch(stop, mark, leave=os._exit, every=LOOK_EVERY, grace=GRACE):
    """A daemon thread that sets `stop` soon after the process's end and, if this one lives on then, ends it by leave(1).

    every: seconds between looks; grace: seconds for cleaning up. The two are under 5 s together, so that a run that is started again does not meet
    the old one. Returns an Event; who sets it ends the watch. A process that cannot be seen from the start is not watched.
    """
    ended = threading.Event()

    def look():
        while alive(mark):
            if ended.wait(every):
                return
        stop.set("its playbook is gone")
        if not ended.wait(grace):
            leave(1)

    if alive(mark):
        threading.Thread(target=look, name="playbook-watch", daemon=True).start()
    return ended


def watch_playbook(stop, variable):
    """Watches the playbook that the action front named in the environment, if any."""
    mark = os.environ.get(variable)
    if mark:
        watch(stop, mark)
