# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As a runner (AWX) sees it: progress arrives as job events of the task while it works; no copy of the OVA is made on the way."""
from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import ansible_runner
import pytest

INSTALLER = {"name": "runner-installer", "installer_name": "runner-gw", "datacenter": "dc-1", "folder": "palette/gateways", "compute_cluster": "cluster-1",
             "resource_pool": "palette/gateways", "datastore": "ds-shared-1", "network": "pg-k8s", "power_on": False}
INVENTORY = {"all": {"hosts": {"localhost": {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}}}}
SMALL = 1024 * 1024


@pytest.fixture(name="project")
def _project(lab, tmp_path):
    """A private data directory as a runner wants it, with one task that deploys the installer."""
    task = {"name": "Deploy the installer", "palette.vmware.gateway_installer": {**INSTALLER, "ova_ca_path": lab.env["PALETTE_CA_PATH"]}}
    (tmp_path / "project").mkdir()
    (tmp_path / "inventory").mkdir()
    (tmp_path / "env").mkdir()
    (tmp_path / "project" / "deploy.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]), encoding="utf-8")
    (tmp_path / "inventory" / "hosts.json").write_text(json.dumps(INVENTORY), encoding="utf-8")
    given = {**lab.env, "ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_NOCOLOR": "1"}
    (tmp_path / "env" / "envvars").write_text(json.dumps(given), encoding="utf-8")
    return tmp_path


def test_upload_lines_are_job_events_of_the_task_before_its_end(lab, project):
    lab.fault({"server": "vcenter", "method": "* /nfc/*", "kind": "throttle", "count": 0, "bytes_per_second": 600_000})
    events = []
    path = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    run = ansible_runner.run(private_data_dir=str(project), playbook="deploy.yml", quiet=True, envvars=path, event_handler=lambda event: events.append(event) or True)
    assert run.rc == 0, run.stdout.read()
    end = next(number for number, event in enumerate(events) if event["event"] == "runner_on_ok")
    shown = [event for event in events[:end] if event["event"] == "verbose" and " upload " in event["stdout"]]
    assert len(shown) >= 3, [event["stdout"] for event in events]
    assert len({event["created"] for event in shown}) >= 3
    task = next(event["uuid"] for event in events if event["event"] == "playbook_on_task_start")
    assert events[end]["event_data"]["task_uuid"] == task


def test_no_file_of_any_size_is_written(lab, project):
    """Files above 1 MiB cannot be written at all in this run, and the OVA has 4 MiB."""
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, SMALL))
    given = {**lab.env, "ANSIBLE_HOME": str(project / "home"), "HOME": str(project), "TMPDIR": str(project), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8",
             **{name: os.environ[name] for name in ("PYTHONPATH", "PALETTE_VMWARE_TEST_RUN") if name in os.environ}}
    done = subprocess.run([sys.executable, Path(sys.executable).with_name("ansible-playbook"), "-i", project / "inventory" / "hosts.json", project / "project" / "deploy.yml"],
                          env=given, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, timeout=120, preexec_fn=limited)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=1" in done.stdout
