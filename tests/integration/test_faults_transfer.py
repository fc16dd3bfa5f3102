# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OVA on its way into vCenter (faults L01 to L08, L12, L14), by playbooks on a lab whose own work stands still: nothing is left behind."""
from __future__ import annotations

import io
import json
import os
import re
import signal
import tarfile
import time

import faulty
import pytest
import requests
from conftest import lab_at
from faulty import PLACE, SCRIPTED, entry, failure, lines, sent, step, succeeded, vcenter
from palette_lab import wait

from ansible_collections.palette.vmware.plugins.module_utils import _gateway_installer as noun
from ansible_collections.palette.vmware.plugins.module_utils import _vsphere
from ansible_collections.palette.vmware.plugins.module_utils._run import Context, outcome
from ansible_collections.palette.vmware.plugins.module_utils._until import Clock

NAME = "fault-installer"
KIB = 1024
TO_HOST = "* /nfc/*"


@pytest.fixture(scope="module", name="own_lab")
def _own_lab(tmp_path_factory):
    with lab_at(tmp_path_factory.mktemp("lab"), site="default", ova_mib=4, speed=0) as site:
        yield site


@pytest.fixture(name="lab")
def _lab(own_lab):
    own_lab.reset()
    yield own_lab
    own_lab.call("DELETE", "/faults")
    faulty.control(own_lab, "/release", {})


@pytest.fixture(scope="module", name="disk")
def _disk(own_lab):
    """Bytes of the OVA's biggest disk."""
    content = requests.get(own_lab.env["LAB_OVA"], verify=own_lab.env["PALETTE_CA_PATH"], timeout=60).content
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return max(member.size for member in archive if member.name.endswith(".vmdk"))


def options(lab, **more):
    return {"name": NAME, "installer_name": "fault-gw", "ova_ca_path": lab.env["PALETTE_CA_PATH"], "power_on": False, **PLACE, **more}


def deploy(lab, title, *faults, **more):
    return step(lab, title, "gateway_installer", *faults, **options(lab, **more))


def removed(lab, title):
    return step(lab, title, "gateway_installer", name=NAME, state="absent", datacenter="dc-1", folder=PLACE["folder"])


def machines(state):
    return [vm["name"] for datacenter in state["vcenter"]["datacenters"] for vm in datacenter["vms"]]


def refusals(lab, disk):
    """{title: (faults, code, words)}"""
    cut = {f"L01 {label}": ([vcenter("throttle", TO_HOST, after_bytes=after, count=0)], "TRANSFER_FAILED", "2 tries; nothing left")
           for label, after in (("0", 0), ("50 %", disk // 2), ("99.9 %", disk * 999 // 1000), ("last byte", disk - 1))}
    status = {f"L07 {number}": ([vcenter("status", TO_HOST, status=number, count=0)], "TRANSFER_FAILED", f"HTTP {number}") for number in (401, 500)}
    refused = {f"L05 {fault}": ([vcenter("fault", "ImportVApp", fault=fault)], code, fault) for fault, code in (
        ("NoPermission", "VCENTER_DENIED"), ("InsufficientResourcesFault", "VCENTER_FAILED"), ("FileAlreadyExists", "VCENTER_FAILED"))}
    return {
        **cut, **status, **refused,
        "L02 fault": ([vcenter("throttle", TO_HOST, bytes_per_second=256 * KIB, count=0), vcenter("fault", "HttpNfcLeaseProgress", fault="Timedout", count=0)],
                      "TRANSFER_FAILED", "vCenter ended the upload lease"),
        "L06 stall": ([vcenter("throttle", TO_HOST, bytes_per_second=1, count=0)], "TRANSFER_FAILED", "not a byte went through for 1 s"),
        "L07 early 200": ([vcenter("status", TO_HOST, status=200, count=0)], "TRANSFER_FAILED", "2 tries; nothing left"),
        "L08 short": ([vcenter("short", TO_HOST, after_bytes=1000, count=0)], "TRANSFER_FAILED", f"stored 1000 of {disk} bytes"),
        "L08 refused": ([vcenter("fault", "HttpNfcLeaseComplete", fault="InvalidState", count=0)], "TRANSFER_FAILED", "InvalidState"),
        "L12 full": ([vcenter("fault", "ImportVApp", fault="NoDiskSpace")], "VCENTER_FAILED", "free space on the datastore"),
    }


def test_every_failure_leaves_nothing_and_the_same_task_goes_through_after(lab, play, disk):
    """L01, L02, L05, L06, L07, L08, L12."""
    before, sessions, cases = lab.state(), faulty.sessions(lab), refusals(lab, disk)
    tasks = [deploy(lab, title, *faults, **({"stall_timeout": 1} if "stall" in title else {})) for title, (faults, _code, _words) in cases.items()]
    run = play(lab, [*tasks, deploy(lab, "after"), deploy(lab, "again")], env=SCRIPTED, snapshots=True)
    for title, (faults, code, words) in cases.items():
        error = failure(run, title, code, words)
        assert error["leftovers"] == [] and not error["changed_something"] and (error["retriable"] or code != "TRANSFER_FAILED"), title
        assert f"import of {NAME}" in error["where"] or "/nfc/" in str(faults) and "127.0.0.1" in error["where"], f"{title}: {error}"
        assert "HttpNfcLease:" not in str(error), title
        assert json.loads(entry(run, title)["snapshot"]["state"]) == before, title
    succeeded(run, "after", changed=True)
    succeeded(run, "again", changed=False)
    assert machines(lab.state()).count(NAME) == 1 and faulty.sessions(lab) == sessions
    assert lab.env["VMWARE_PASSWORD"] not in run.text


def test_one_trouble_is_got_over(lab, play, disk):
    """L01, L03, L06: a cut is tried again once, blocked heartbeats and a slow way are borne without another import."""
    cut = [deploy(lab, "cut", vcenter("throttle", TO_HOST, after_bytes=disk // 2)), removed(lab, "cut away")]
    silent = [deploy(lab, "silent", vcenter("drop-before", "HttpNfcLeaseProgress", count=2), vcenter("throttle", TO_HOST, bytes_per_second=1024 * KIB)),
              removed(lab, "silent away")]
    before = lab.state()
    run = play(lab, [*cut, *silent], env=SCRIPTED, snapshots=True)
    for title, imports in (("cut", 2), ("silent", 1)):
        succeeded(run, title, changed=True)
        succeeded(run, f"{title} away", changed=True)
        assert [line.split()[0] for line in lines(sent(run, title))].count("ImportVApp") == imports
        assert json.loads(entry(run, f"{title} away")["snapshot"]["state"]) == before
    assert any("importing again" in each["status"] for each in entry(run, "cut")["result"]["timeline"])


def begun(lab, starting, execution="auto", **more):
    """A playbook whose upload has begun, and will take a quarter of a minute."""
    lab.fault(vcenter("throttle", TO_HOST, bytes_per_second=256 * KIB, **more))
    playing = starting(lab, [{"name": "deploy", "palette.vmware.gateway_installer": options(lab)}], execution=execution)
    assert wait.until(lambda: NAME in machines(lab.state()), 60), playing.stdout()
    return playing


def test_a_lease_that_runs_out_by_vcenters_clock(lab, starting):
    """L02: the bytes stop at once, and the import is made again (later than the lab needs to remove the first one's files)."""
    lab.fault(vcenter("delay", "ImportVApp", nth=2, seconds=1))
    playing = begun(lab, starting)
    assert wait.until(lambda: re.search(r"upload [1-9][0-9]* %", playing.stdout()), 60), playing.stdout()
    lab.call("POST", "/clock", {"advance_seconds": 600})
    moved = time.monotonic()
    assert wait.until(lambda: "importing again" in playing.stdout(), 60) and time.monotonic() - moved < 8, playing.stdout()
    run = playing.wait()
    assert run.status == 0 and run.result("deploy")["changed"], run.text
    assert machines(lab.state()).count(NAME) == 1 and lab.state()["vcenter"]["leases"] == []


@pytest.mark.parametrize("execution, number, group", [("auto", signal.SIGTERM, False), ("auto", signal.SIGINT, True), ("module", signal.SIGTERM, False)])
def test_an_order_to_end_leaves_nothing(lab, play, starting, execution, number, group):
    """L14: SIGTERM to the playbook, and what Ctrl-C in a terminal sends to all of its processes."""
    before, sessions = lab.state(), faulty.sessions(lab)
    playing = begun(lab, starting, execution, count=0)
    (os.killpg if group else os.kill)(playing.process.pid, number)
    assert wait.until(lambda: lab.state() == before and faulty.sessions(lab) == sessions, 12), (lab.state()["vcenter"]["leases"], faulty.sessions(lab))
    assert wait.until(lambda: playing.process.poll() is not None, 12) and playing.process.returncode != 0
    if execution == "auto":
        lab.call("DELETE", "/faults")
        again = play(lab, [{"name": "deploy", "palette.vmware.gateway_installer": options(lab)}])
        assert [change["verb"] for change in again.result("deploy")["plan"]] == ["create"] and machines(lab.state()).count(NAME) == 1


class Hurried(Clock):
    """A clock on which a hundred seconds pass in each."""

    def monotonic(self):
        return 100 * super().monotonic()


def params(lab):
    defaults = {name: each.get("default") for name, each in noun.SPEC["argument_spec"].items()}
    return {**defaults, **options(lab), "hostname": lab.env["VMWARE_HOST"], "port": int(lab.env["VMWARE_PORT"]), "username": lab.env["VMWARE_USER"],
            "password": lab.env["VMWARE_PASSWORD"], "ca_path": lab.env["VMWARE_CA_PATH"], "palette_host": lab.env["PALETTE_HOST"],
            "palette_api_key": lab.env["PALETTE_API_KEY"], "palette_ca_path": lab.env["PALETTE_CA_PATH"]}


def test_a_lease_that_never_gets_ready(lab):
    """L04: given up after 300 seconds, and aborted."""
    before, sessions = lab.state(), faulty.sessions(lab)
    faulty.control(lab, "/hang", {"method": "ImportVApp"})
    answer = outcome(noun.execute, params(lab), Context(clock=Hurried()))
    assert answer.get("failed")
    waited = int(re.search(r"did not ready the import lease in (\d+) s", faulty.judged(answer, "stuck", "DEADLINE_PASSED")["what"]).group(1))
    assert 300 <= waited < 400 and "datastore may be busy" in answer["msg"]
    assert lab.state() == before and faulty.sessions(lab) == sessions
    faulty.control(lab, "/release", {})
    assert lab.state() == before
    assert outcome(noun.execute, params(lab), Context())["changed"]


def foreign(lab):
    """A VM of the installer's name that is not ours, made while the import waits; its id."""
    connection = _vsphere.vcenter_connection({**params(lab), "username": lab.env["VMWARE_ADMIN_USER"], "password": lab.env["VMWARE_ADMIN_PASSWORD"]})
    with _vsphere.Vsphere(connection, Context()) as vsphere:
        vim = _vsphere.vim
        places = noun.resolve(vsphere, {key: PLACE[key] for key in ("datacenter", "folder", "compute_cluster", "resource_pool", "datastore")})
        spec = vim.vm.ConfigSpec(name=NAME, memoryMB=128, numCPUs=1, guestId="otherGuest", files=vim.vm.FileInfo(vmPathName="[ds-shared-1]"))
        task = places["folder"].CreateVM_Task(spec, places["resource_pool"])
        return vsphere.wait_task(task, Context(), 30, "making a VM")._GetMoId()


def test_a_lease_that_ends_in_its_error_state(lab, starting):
    """L04, L05: vCenter takes long, and then the name is taken: said at once; the VM of another stays."""
    sessions = faulty.sessions(lab)
    faulty.control(lab, "/hang", {"method": "ImportVApp"})
    playing = starting(lab, [{"name": "deploy", "palette.vmware.gateway_installer": options(lab)}])
    assert wait.until(lambda: "import lease initializing" in playing.stdout(), 60), playing.stdout()
    moid = foreign(lab)
    before = lab.state()["vcenter"]["datacenters"]
    faulty.control(lab, "/release", {})
    run = playing.wait()
    error = failure(run, "deploy", "VCENTER_FAILED", "vCenter refuses the import", "DuplicateName", NAME, "choose another name")
    assert error["leftovers"] == [] and not error["changed_something"]
    now = lab.state(False)["vcenter"]
    assert [vm["moid"] for each in now["datacenters"] for vm in each["vms"] if vm["name"] == NAME] == [moid]
    assert lab.state()["vcenter"]["datacenters"] == before and now["leases"] == [] and faulty.sessions(lab) == sessions


def test_the_labs_logs_hold_no_secret(lab):
    faulty.logs_without_secrets(lab)
