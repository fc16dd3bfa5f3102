# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks on a lab as a user runs them: played to the end, or killed at a point and run again; and the states to compare."""
from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 240
UNCHECKED = ("-e", "install_preflight=false")


def call(lab, path, method="GET"):
    request = urllib.request.Request(f"{lab.admin}{path}", method=method, data=b"{}" if method == "POST" else None,
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or b"{}")


def client_calls(lab):
    """What the collection sent, in order; the emulator's own calls to vCenter left out."""
    return [item for item in call(lab, "/journal")["items"] if item["agent"] != "palette"]


def command(lab, playbook, checked=False):
    """playbook: name of one of ours, or the path of another. checked: whether install makes its preflight, whose reads would be most of its calls."""
    path = playbook if isinstance(playbook, Path) else ROOT / "playbooks" / f"{playbook}.yml"
    words = UNCHECKED if playbook == "install" and not checked else ()
    return [str(Path(sys.executable).with_name("ansible-playbook")), str(path), "-i", str(lab.directory / "inventory"), *words]


def played(lab, playbook, *words, checked=False):
    """Runs a playbook to its end; returns (return code, output, changed tasks)."""
    done = subprocess.run([*command(lab, playbook, checked), *words], capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False)
    changed = sum(int(count) for count in re.findall(r"changed=(\d+)", done.stdout))
    return done.returncode, done.stdout + done.stderr, changed


def comparable(lab):
    """The canonical state without what a run draws anew: run markers, the pairing code's digest, the random part of node names.

    Import leases are left out: that of a process that was killed whole ends with vCenter's own time-out, 300 s after its last sign of life.
    """
    deadline = time.monotonic() + PATIENCE
    while not call(lab, "/settled")["settled"]:
        assert time.monotonic() < deadline
    state = call(lab, "/state?canonical=1")
    state["vcenter"].pop("leases")
    for datacenter in state["vcenter"]["datacenters"]:
        for vm in datacenter["vms"]:
            vm.pop("extra_config", None)
            vm["properties"] = {key: value for key, value in (vm.get("properties") or {}).items() if "pairing" not in key.lower() and "code" not in key.lower()}
    return re.sub(r"(-cp-)[0-9a-z]+", r"\1X", json.dumps(state, sort_keys=True, indent=1))


def workers_of(pid):
    """pids of the processes whose parent is `pid`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                found.append(int(entry.name))
    return found


def killed_and_run_again(lab, point, orphan):
    """Kills the install playbook with -9 when its call number `point` has been received, its worker too unless `orphan`; runs it again.

    Returns (return code, output, comparable state).
    """
    call(lab, "/reset", "POST")
    call(lab, "/journal", "DELETE")
    with subprocess.Popen(command(lab, "install"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                          start_new_session=True) as process:
        deadline = time.monotonic() + PATIENCE
        while len(client_calls(lab)) < point and process.poll() is None:
            assert time.monotonic() < deadline
        workers = workers_of(process.pid)
        process.kill()
        for pid in [] if orphan else workers:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    code, output, _changed = played(lab, "install")
    return code, output, comparable(lab)
