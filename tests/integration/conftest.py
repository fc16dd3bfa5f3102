# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab for each test worker, and playbooks that really run against it."""
from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest
from palette_lab import supervisor

HERE = Path(__file__).resolve().parent
PASSED_ON = ("PATH", "LANG", "LC_ALL", "PALETTE_VMWARE_TEST_RUN", "PYTHONPATH")
COUNTED = ("matrix", "audit", "removals", "refusals")


@dataclass(frozen=True)
class Site:
    """A running lab as tests see it. env: the variables of .lab/env."""

    env: dict
    admin: str
    directory: Path

    def call(self, method, path, body=None):
        """JSON of one call to the admin listener."""
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.admin + path, content, {"Content-Type": "application/json"}, method=method)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def journal(self):
        return self.call("GET", "/journal")["items"]

    def writes(self):
        """Writes of clients; what the emulator itself does in vCenter is left out."""
        return [item for item in self.journal() if item["write"] and item.get("agent") != "palette"]

    def state(self, canonical=True):
        return self.call("GET", "/state?canonical=1" if canonical else "/state")

    def reset(self):
        self.call("POST", "/reset")
        assert self.call("GET", "/settled")["settled"]

    def fault(self, *faults):
        self.call("POST", "/faults", list(faults))


@dataclass(frozen=True)
class Run:
    """A playbook that has ended. entries: [{task, host, status, item, result, snapshot}] in order; folder: where it left its files."""

    status: int
    stdout: str
    stderr: str
    entries: list
    folder: Path

    def results(self, task):
        """The results of all (not per-item) entries of the task of that name."""
        return [entry["result"] for entry in self.entries if entry["task"] == task and not entry["item"]]

    def result(self, task):
        [found] = self.results(task)
        return found

    @property
    def text(self):
        return f"exit status {self.status}\n{self.stdout}\n{self.stderr}"


@dataclass
class Playing:
    """A playbook that runs as a process of its own (ansible-playbook of this interpreter's environment)."""

    process: subprocess.Popen
    folder: Path
    record: Path

    def stdout(self):
        return (self.folder / "stdout").read_text(encoding="utf-8", errors="replace")

    def wait(self, seconds=300):
        """The Run; kills the process when it takes longer."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        lines = self.record.read_text(encoding="utf-8").splitlines() if self.record.exists() else []
        errors = (self.folder / "stderr").read_text(encoding="utf-8", errors="replace")
        return Run(status, self.stdout(), errors, [json.loads(line) for line in lines], self.folder)

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def environment(site, folder, env):
    """Nothing of the caller's environment but what is named; the lab's connections; Ansible's files below `folder`."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    ansible = {"HOME": folder, "ANSIBLE_HOME": folder / "ansible", "ANSIBLE_LOCAL_TEMP": folder / "tmp", "ANSIBLE_REMOTE_TEMP": folder / "remote_tmp",
               "ANSIBLE_ASYNC_DIR": folder / "async", "ANSIBLE_NOCOLOR": "1", "NO_COLOR": "1",
               "ANSIBLE_CALLBACK_PLUGINS": HERE / "callback_plugins", "ANSIBLE_CALLBACKS_ENABLED": "record", "RECORD_TO": folder / "record",
               "ANSIBLE_LOCALHOST_WARNING": "0", "PYTHONUNBUFFERED": "1"}
    given = {**kept, **ansible, **(site.env if site else {}), **(env or {})}
    return {name: str(value) for name, value in given.items() if value is not None}


def start(site, folder, tasks, options=(), execution="auto", extra=None, env=None, play=None, snapshots=False):
    """Starts a playbook of these tasks (or the playbook file `tasks`) on localhost. snapshots: of both servers after each task. Returns Playing."""
    folder.mkdir(parents=True)
    (folder / "ansible").mkdir()
    (folder / "tmp").mkdir()
    inventory = {"all": {"hosts": {"localhost": {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}}}}
    (folder / "inventory.yml").write_text(json.dumps(inventory), encoding="utf-8")
    playbook = Path(tasks) if isinstance(tasks, (str, Path)) else folder / "playbook.yml"
    if not isinstance(tasks, (str, Path)):
        playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks, **(play or {})}], indent=1), encoding="utf-8")
    variables = {"palette_execution": execution, "lab_admin": site.admin if site else "", "scratch": str(folder), **(extra or {})}
    (folder / "extra.json").write_text(json.dumps(variables), encoding="utf-8")
    command = Path(sys.executable).with_name("ansible-playbook")
    argv = [sys.executable, command, "-i", folder / "inventory.yml", "-e", f"@{folder / 'extra.json'}", *options, playbook]
    given = environment(site, folder, {"SNAPSHOT_OF": site.admin if snapshots else None, **(env or {})})
    with open(folder / "stdout", "wb") as output, open(folder / "stderr", "wb") as errors:
        process = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=given, cwd=folder,
                                   start_new_session=True)
    return Playing(process, folder, folder / "record")


@contextlib.contextmanager
def lab_at(directory, site="seeded", **settings):
    """A lab of its own. Other settings: fields of palette_lab.site.Settings."""
    openapi = os.environ.get("LAB_OPENAPI") or None
    settings = {"speed": float(os.environ.get("LAB_SPEED") or 600), "ova_mib": 4, "openapi": openapi, "check_responses": bool(openapi), **settings}
    with supervisor.running(directory, site=site, **settings) as running:
        yield Site(dict(running.env), running.admin, directory)


@pytest.fixture(scope="session", name="shared_lab")
def _shared_lab(tmp_path_factory):
    with lab_at(tmp_path_factory.mktemp("lab")) as site:
        yield site


@pytest.fixture(name="lab")
def _lab(shared_lab):
    """The worker's lab, as its site file says: with the running gateway dc1-gw and its pool."""
    shared_lab.reset()
    yield shared_lab
    shared_lab.call("DELETE", "/faults")


@pytest.fixture(name="starting")
def _starting(tmp_path):
    """start() in a folder of this test; what still runs at its end is killed."""
    begun = []

    def begin(site, tasks, **options):
        begun.append(start(site, tmp_path / f"run-{len(begun)}", tasks, **options))
        return begun[-1]
    yield begin
    for playing in begun:
        playing.kill()


@pytest.fixture(name="play")
def _play(starting):
    """Runs a playbook to its end and returns Run; an unexpected exit status fails the test with the output."""
    def run(site, tasks, check=False, diff=False, verbosity=0, status=0, **options):
        words = ["--check"] * check + ["--diff"] * diff + ["-" + "v" * verbosity] * bool(verbosity)
        run = starting(site, tasks, options=[*words, *options.pop("options", ())], **options).wait()
        assert status is None or run.status == status, run.text
        return run
    return run


def pytest_terminal_summary(terminalreporter):
    """What the matrix and the audit compared, so that an empty comparison is seen."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind) if getattr(report, "when", "") == "call"]
    for label in COUNTED:
        counts = [value for report in reports for name, value in report.user_properties if name == label]
        total = {}
        for each in counts:
            total.update({key: total.get(key, 0) + value for key, value in each.items()})
        if counts:
            terminalreporter.write_line(f"{label}: {len(counts)} cases, " + ", ".join(f"{value} {key}" for key, value in total.items()))
