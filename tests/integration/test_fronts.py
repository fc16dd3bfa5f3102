# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two fronts as processes: which one runs, what is seen while it runs, and what ends it."""
from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from palette_lab import wait

MODULE_RAN = "AnsiballZ_gateway.py"
STANDING = {"palette.vmware.gateway": {"name": "dc1-gw", "state": "registered"}}
WAITING = {"name": "waiting", "palette.vmware.gateway": {"name": "never-comes", "state": "registered", "registration_timeout": 300}}
PATIENCE = 60
LIFE = 5.0
SLOW_MACHINE = 3.0


def processes(folder):
    """{pid: command line} of the living processes that were started with the folder in their environment."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            ours = f"RECORD_TO={folder}/record".encode() in (entry / "environ").read_bytes().split(b"\0")
            alive = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] not in "ZX"
            if ours and alive:
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
    return found


def under_way(lab, seconds=PATIENCE):
    """Until a client has asked for gateways at least twice since the journal was cut, so that its wait has begun."""
    def asked():
        return sum(item["path"].startswith("/v1/overlords") and item["server"] == "palette" for item in lab.journal()) >= 2
    assert wait.until(asked, seconds), "the wait never began"


def gone(folder, seconds):
    """Seconds until no process of the playbook was left; fails when some are after `seconds`."""
    began = time.monotonic()
    assert wait.until(lambda: not processes(folder), seconds), f"still there after {seconds} s: {processes(folder)}"
    return time.monotonic() - began


ELSEWHERE = [
    ("become", {"become": True, "become_method": "ansible.builtin.su"}, "auto", "become"),
    ("async", {"async": 120, "poll": 1}, "auto", "async"),
    ("environment", {"environment": {"A": "b"}}, "auto", "environment"),
    ("chosen", {}, "module", None),
]


@pytest.mark.parametrize("keywords, execution, reason", [row[1:] for row in ELSEWHERE], ids=[row[0] for row in ELSEWHERE])
def test_the_module_front_runs_and_says_why(lab, play, keywords, execution, reason):
    if keywords.get("become") and (os.geteuid() or not shutil.which("su")):
        pytest.skip("becoming needs su and root")
    run = play(lab, [{"name": "standing", **STANDING, **keywords}], execution=execution, verbosity=3)
    assert MODULE_RAN in run.stdout
    assert run.result("standing")["gateway"]["state"] == "Running" and run.result("standing")["changed"] is False
    said = [line for line in run.stdout.splitlines() if "no live progress" in line]
    assert said == ([f"localhost: standing: no live progress ({reason})"] if reason else [])


def test_it_is_said_once_for_a_loop_and_not_where_nothing_waits(lab, play):
    run = play(lab, [{"name": "looped", **STANDING, "loop": [1, 2], "environment": {"A": "b"}},
                     {"name": "no wait", "palette.vmware.project_info": {}, "environment": {"A": "b"}}])
    assert run.stdout.count("no live progress") == 1 and len(run.result("looped")["results"]) == 2 and run.result("no wait")["projects"]


def test_without_an_obstacle_the_worker_front_runs(lab, play):
    run = play(lab, [{"name": "standing", **STANDING, "environment": {}}], verbosity=3)
    assert MODULE_RAN not in run.stdout and "no live progress" not in run.stdout
    assert run.result("standing")["gateway"]["state"] == "Running"


def test_group_defaults_reach_both_fronts(lab, play):
    defaults = {"group/palette.vmware.palette": {"palette_host": lab.env["PALETTE_HOST"], "palette_api_key": lab.env["PALETTE_API_KEY"],
                                                 "palette_ca_path": lab.env["PALETTE_CA_PATH"]}}
    bare = {name: None for name in lab.env}
    for execution in ("auto", "module"):
        run = play(lab, [{"name": "standing", **STANDING}], play={"module_defaults": defaults}, env=bare, execution=execution)
        assert run.result("standing")["gateway"]["name"] == "dc1-gw"


def test_the_fronts_refuse_wrong_options_alike(lab, play):
    wrong = [{"name": f"wrong {number}", "palette.vmware.ip_pool": options, "ignore_errors": True} for number, options in enumerate(
        ({"gateway": "dc1-gw"}, {"gateway": "dc1-gw", "name": "x"}, {"gateway": "dc1-gw", "name": "x", "state": "gone"},
         {"gateway": "dc1-gw", "name": "x", "network_gateway": "10.10.8.1", "palette_timeout": "soon"}))]
    runs = [play(lab, wrong, execution=execution) for execution in ("auto", "module")]
    messages = [[run.result(task["name"])["msg"] for task in wrong] for run in runs]
    assert messages[0] == messages[1] and len(set(messages[0])) == len(wrong)
    assert lab.writes() == []


def test_progress_is_on_the_console_while_the_task_runs(lab, starting):
    playing = starting(lab, [WAITING])
    assert wait.until(lambda: "TASK [waiting]" in playing.stdout() and "localhost:    0.0 s  " in playing.stdout(), PATIENCE), playing.stdout()
    assert playing.process.poll() is None and "fatal" not in playing.stdout()


@pytest.mark.parametrize("execution", ["auto", "module"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_playbook_ends_everything(lab, starting, execution, number):
    lab.call("DELETE", "/journal")
    playing = starting(lab, [WAITING], execution=execution)
    under_way(lab)
    os.kill(playing.process.pid, number)
    playing.process.wait(PATIENCE)
    gone(playing.folder, LIFE + SLOW_MACHINE)


def test_a_signal_to_the_worker_alone_is_a_failed_task_that_says_so(lab, starting):
    lab.call("DELETE", "/journal")
    playing = starting(lab, [WAITING])
    under_way(lab)
    [worker] = set(processes(playing.folder)) - {playing.process.pid}
    os.kill(worker, signal.SIGTERM)
    result = playing.wait().result("waiting")
    assert result["error"]["code"] == "STOPPED" and "signal SIGTERM" in result["msg"] and result["timeline"]


@pytest.mark.parametrize("execution", ["auto", "module"])
def test_a_killed_playbook_leaves_no_process(lab, starting, execution):
    lab.call("DELETE", "/journal")
    playing = starting(lab, [WAITING], execution=execution)
    under_way(lab)
    assert len(processes(playing.folder)) > 1
    os.kill(playing.process.pid, signal.SIGKILL)
    playing.process.wait()
    gone(playing.folder, LIFE + SLOW_MACHINE)


@pytest.mark.parametrize("execution", ["auto", "module"])
def test_a_run_that_hangs_in_a_call_is_ended_too(lab, starting, execution):
    lab.fault({"server": "palette", "route": "GET /v1/overlords*", "nth": 2, "count": 0, "kind": "delay", "seconds": 20})
    lab.call("DELETE", "/journal")
    hanging = {"name": "hanging", "palette.vmware.gateway": {"name": "dc1-gw", "state": "registered", "palette_timeout": 60}}
    playing = starting(lab, [hanging], execution=execution)
    assert wait.until(lambda: any(item["path"].startswith("/v1/overlords") for item in lab.journal()), PATIENCE)
    os.kill(playing.process.pid, signal.SIGKILL)
    playing.process.wait()
    gone(playing.folder, LIFE + SLOW_MACHINE)


def test_a_job_that_nobody_waits_for_outlives_its_playbook(lab, starting):
    lab.call("DELETE", "/journal")
    playing = starting(lab, [{**WAITING, "async": 600, "poll": 0}])
    try:
        assert playing.wait().status == 0
        under_way(lab)
        before = len(lab.journal())
        assert wait.until(lambda: len(lab.journal()) > before, PATIENCE), "it stopped with its playbook"
    finally:
        for pid in processes(playing.folder):
            os.kill(pid, signal.SIGTERM)
    gone(playing.folder, LIFE + SLOW_MACHINE)
