# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped playbooks on the lab: installed once, again without a change, killed at points of its own journal and run again, deleted."""
from __future__ import annotations

import json
import os
import random
import re
import subprocess

import pytest
from journey import PATIENCE, call, client_calls, command, comparable, killed_and_run_again, played
from palette_lab.supervisor import running

KILLS = int(os.environ.get("PALETTE_JOURNEY_KILLS", "6"))
SEED = 20261123
CONNECTION = ("palette_host", "palette_api_key", "palette_ca_path")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with running(tmp_path_factory.mktemp("journey"), speed=600, ova_mib=8) as lab:
        yield lab


@pytest.fixture(scope="module")
def clean(lab):
    """A run without trouble: (comparable state, number of calls), and its second run."""
    code, output, changed = played(lab, "install")
    assert code == 0, output
    assert changed > 0
    state, calls = comparable(lab), client_calls(lab)
    assert call(lab, "/state")["vcenter"]["leases"] == []
    call(lab, "/journal", "DELETE")
    code, output, changed = played(lab, "install")
    assert code == 0, output
    return {"state": state, "calls": calls, "second": (changed, client_calls(lab)), "after": comparable(lab)}


def test_the_gateway_runs_and_its_nodes_have_addresses_of_the_pool(lab, clean):
    state = json.loads(clean["state"])
    gateway = state["palette"]["overlords"][0]
    assert gateway["state"] == "Running"
    machines = {vm["name"]: vm for datacenter in state["vcenter"]["datacenters"] for vm in datacenter["vms"]}
    nodes = [vm for name, vm in machines.items() if "-cp-" in name]
    pool = state["palette"]["pools"][0]
    assert len(nodes) == 1
    assert all(vm["power"] == "on" and vm["guest"]["ip"] in pool["allotted"] for vm in nodes)
    assert len(pool["allotted"]) == 2, "one node and the control plane's virtual address"
    assert [vm["power"] for name, vm in machines.items() if name.endswith("-installer")] == ["off"]


def test_a_second_run_changes_nothing_and_writes_nothing(clean):
    changed, calls = clean["second"]
    assert changed == 0
    assert calls, "the second run did look"
    assert [item for item in calls if item["write"]] == []
    assert clean["after"] == clean["state"]


@pytest.mark.parametrize("number", range(KILLS))
def test_killed_anywhere_and_run_again_ends_in_the_same_state(lab, clean, number):
    point = sorted(random.Random(SEED).sample(range(1, len(clean["calls"])), KILLS))[number]
    orphan = number % 2 == 0
    code, output, state = killed_and_run_again(lab, point, orphan)
    where = clean["calls"][point - 1]
    assert code == 0, f"after a kill at call {point} ({where['method']} {where['path']}, orphan {orphan}):\n{output}"
    assert state == clean["state"]


def test_the_prediction_on_an_empty_site_tells_the_whole_story(lab, clean):
    call(lab, "/reset", "POST")
    before = comparable(lab)
    call(lab, "/journal", "DELETE")
    done = subprocess.run([*command(lab, "install"), "--check", "--diff"], capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"changed=(\d+)", done.stdout).group(1)) >= 3
    assert "does not exist yet" in done.stdout + done.stderr
    assert [item for item in client_calls(lab) if item["write"]] == []
    assert comparable(lab) == before


def test_deleted_again(lab, clean):
    call(lab, "/reset", "POST")
    assert played(lab, "install")[0] == 0
    code, output, changed = played(lab, "delete")
    assert code == 0, output
    assert changed == 2
    state = call(lab, "/state")
    assert [gateway for gateway in state["palette"]["overlords"] if gateway["state"] != "Deleted"] == []
    names = [vm["name"] for datacenter in state["vcenter"]["datacenters"] for vm in datacenter["vms"]]
    assert not [name for name in names if name.endswith("-installer")]
    assert re.search(r"delete these by hand: \S+-cp-", output)
    assert played(lab, "delete")[2] == 0


REFUSED = [{"gateway_size": 2}, {"gateway_placements": []}, {"gateway_ip_pool": {}}, {"gateway_ssh_keys": ["rubbish"]}, {"gateway_ip_allocation": "dhcp"},
           {"gateway_ip_pool": {"name": "x", "start": "10.10.8.20", "end": "10.10.8.10", "prefix": 22, "network_gateway": "10.10.8.1"}},
           {"gateway_installer": {"proxi": {}}}]


def test_bad_input_is_refused_before_anything_is_made(lab):
    call(lab, "/reset", "POST")
    before = comparable(lab)
    call(lab, "/journal", "DELETE")
    for given in REFUSED:
        code, output, changed = played(lab, "install", "-e", json.dumps(given))
        assert (code, changed) == (2, 0), f"{given}:\n{output}"
    assert [item for item in client_calls(lab) if item["write"]] == []
    assert comparable(lab) == before


def test_a_gateway_that_was_deleted_elsewhere_is_installed_anew(lab, clean, tmp_path):
    call(lab, "/reset", "POST")
    assert played(lab, "install")[0] == 0
    task = {"palette.vmware.gateway": {"name": "{{ gateway_name }}", "state": "absent", **{key: f"{{{{ {key} }}}}" for key in CONNECTION}}}
    (tmp_path / "elsewhere.yml").write_text(json.dumps([{"hosts": "palette_sites", "gather_facts": False, "tasks": [task]}]), encoding="utf-8")
    code, output, changed = played(lab, tmp_path / "elsewhere.yml")
    assert (code, changed) == (0, 1), output
    code, output, changed = played(lab, "install")
    assert code == 0 and changed > 0, output
    assert [gateway["state"] for gateway in call(lab, "/state")["palette"]["overlords"] if gateway["state"] != "Deleted"] == ["Running"]
