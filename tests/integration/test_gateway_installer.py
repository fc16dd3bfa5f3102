# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The installer on the lab: every OVA, every fault of 3.2, kills and orphans (faults 3.4). Most run the noun in this process; some run playbooks."""
from __future__ import annotations

import json
import os
import signal
import threading
import time
import urllib.request

import pytest
from conftest import lab_at
from palette_lab import ova as lab_ova

from ansible_collections.palette.vmware.plugins.module_utils import _gateway_installer as noun
from ansible_collections.palette.vmware.plugins.module_utils import _vsphere
from ansible_collections.palette.vmware.plugins.module_utils._run import Context, outcome
from ansible_collections.palette.vmware.plugins.module_utils._until import Stop

CANARY = "canary-5150"
PLACE = {"name": "installer-1", "installer_name": "installer-gw", "datacenter": "dc-1", "folder": "palette/gateways", "compute_cluster": "cluster-1",
         "resource_pool": "palette/gateways", "datastore": "ds-shared-1", "network": "pg-k8s"}


@pytest.fixture(scope="module", name="own_lab")
def _own_lab(tmp_path_factory):
    """A lab with an OVA big enough to be interrupted; its scripted work stands still."""
    with lab_at(tmp_path_factory.mktemp("lab"), site="default", ova_mib=24, speed=0) as site:
        yield site


@pytest.fixture(name="lab")
def _lab(own_lab):
    own_lab.call("DELETE", "/faults")
    own_lab.reset()
    own_lab.call("DELETE", "/journal")
    yield own_lab
    own_lab.call("DELETE", "/faults")


@pytest.fixture(scope="session", name="files")
def _files(tmp_path_factory):
    """function(variant, algorithm) -> path of an OVA of 24 MiB"""
    folder = tmp_path_factory.mktemp("ova")
    return lambda variant="a", algorithm="sha256": str(lab_ova.write_ova(folder / f"{variant}-{algorithm}.ova", 24, variant, 1, algorithm))


def params(lab, **given):
    env = lab.env
    defaults = {name: entry.get("default") for name, entry in noun.SPEC["argument_spec"].items()}
    return {**defaults, "hostname": env["VMWARE_HOST"], "port": int(env["VMWARE_PORT"]), "username": env["VMWARE_USER"], "password": env["VMWARE_PASSWORD"],
            "ca_path": env["VMWARE_CA_PATH"], "palette_host": env["PALETTE_HOST"], "palette_api_key": env["PALETTE_API_KEY"],
            "palette_ca_path": env["PALETTE_CA_PATH"],
            **(PLACE if given.get("state", "present") == "present" else {key: PLACE[key] for key in ("name", "datacenter")}), **given}


def run(lab, check=False, context=None, **given):
    given = {**given, **({"ova": lab.env["LAB_OVA"]} if given.get("ova") == "LAB_OVA" else {})}
    return outcome(noun.execute, params(lab, **given), context or Context(check=check), [CANARY])


def done(lab, **given):
    answer = run(lab, **given)
    assert not answer.get("failed"), answer["msg"]
    return answer


def failed(lab, code, **given):
    answer = run(lab, **given)
    assert answer.get("failed"), "it succeeded"
    assert answer["error"]["code"] == code, answer["msg"]
    return answer


def control(lab, path):
    site = json.loads((lab.directory / "site.json").read_text(encoding="utf-8"))
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://{site['vcenter']['control']}{path}", timeout=30) as answer:
        return json.loads(answer.read())


def installers(lab):
    """Installers whose import is over, with their properties in the clear."""
    found = control(lab, "/installers")
    return {item["name"]: item for item in (found["items"] if isinstance(found, dict) else found)}


def machines(lab):
    """Names of the VMs in the gateways' folder, those under import too."""
    return [vm["name"] for datacenter in control(lab, "/state")["datacenters"] for vm in datacenter["vms"] if vm["folder"].strip("/").endswith("gateways")]


def nothing_left(lab):
    """No VM, no lease, no session of ours."""
    assert machines(lab) == []
    assert not control(lab, "/state")["leases"]


def slow(rate=4 * 1024 * 1024, **more):
    return {"server": "vcenter", "method": "* /nfc/*", "kind": "throttle", "count": 0, "bytes_per_second": rate, **more}


def test_the_ova_of_palette(lab):
    first = done(lab)
    assert first["changed"] and first["gateway_installer"]["power"] == "on" and first["gateway_installer"]["finished"]
    [vm] = installers(lab).values()
    values = {key.rsplit(".", 1)[-1]: value for key, value in vm["properties"].items()}
    assert values["name"] == "installer-gw" and values["endpoint"] == lab.env["PALETTE_HOST"] and values["pairing_code"]
    assert values["pairing_code"] not in json.dumps(first)
    before = len(lab.writes())
    assert not done(lab)["changed"] and len(lab.writes()) == before
    with_code = [item for item in lab.journal() if "pairing" in item["path"]]
    assert len(with_code) == 1


def test_check_mode_fetches_no_code_and_writes_nothing(lab):
    state = lab.state()
    foreseen = done(lab, check=True)
    assert lab.state() == state and lab.writes() == []
    assert done(lab)["plan"] == foreseen["plan"] and foreseen["changed"]


@pytest.mark.parametrize("variant", ["a", "b"])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_both_ovas_and_all_manifests(lab, files, variant, algorithm):
    given = {"ova": files(variant, algorithm), "pairing_code": CANARY, "pod_cidr": "172.16.0.0/16", "service_cidr": "172.20.0.0/16",
             "ssh_public_key": "ssh-ed25519 AAAA me",
             "proxy": {"http": f"http://u:{CANARY}@proxy:3128", "https": "http://proxy:3128", "no_proxy": "127.0.0.1", "certificate": None}}
    answer = done(lab, **given)
    assert CANARY not in json.dumps(answer) and answer["gateway_installer"]["properties"]["http_proxy"] == "***@proxy:3128"
    [vm] = installers(lab).values()
    assert CANARY in vm["properties"].values() and f"http://u:{CANARY}@proxy:3128" in vm["properties"].values()
    assert not done(lab, **given)["changed"]
    text = failed(lab, "PLAN_REFUSED", **{**given, "pod_cidr": "172.17.0.0/16"})["msg"]
    assert "properties.pod_cidr: '172.16.0.0/16' is there, '172.17.0.0/16' is wanted" in text and CANARY not in text
    assert done(lab, **{**given, "pod_cidr": "172.17.0.0/16", "redeploy": True})["plan"][0]["verb"] == "replace"
    assert len(installers(lab)) == 1 and not done(lab, **{**given, "pod_cidr": "172.17.0.0/16"})["changed"]


@pytest.mark.parametrize("given, code, words", [
    ({"datacenter": "dc-9"}, "PARENT_MISSING", "datacenter 'dc-9'"), ({"folder": "nowhere"}, "PARENT_MISSING", "folder 'nowhere'"),
    ({"compute_cluster": "cluster-9"}, "PARENT_MISSING", "compute_cluster 'cluster-9'"), ({"resource_pool": "none"}, "PARENT_MISSING", "resource_pool 'none'"),
    ({"datastore": "ds-9"}, "PARENT_MISSING", "datastore 'ds-9'"), ({"network": "pg-9"}, "PARENT_MISSING", "network 'pg-9'"),
    ({"networks": {"Other": "pg-k8s"}, "network": None}, "INPUT_REFUSED", "not mapped: VM Network"), ({"password": "wrong"}, "VCENTER_DENIED", "rejects"),
    ({"checksum": "sha256:" + "0" * 64}, "INPUT_REFUSED", "is not the one of option checksum"),
    ({"property_keys": {"pairing_code": "nosuch"}}, "INPUT_REFUSED", "unknown property 'nosuch'"),
    ({"ova": "LAB_OVA"}, "TRANSFER_FAILED", "set ova_ca_path"), ({"ca_path": None}, "VCENTER_UNREACHABLE", "ca_path"),
])
def test_refusals_leave_nothing(lab, given, code, words):
    answer = failed(lab, code, pairing_code=CANARY, **given)
    assert words in answer["msg"] and answer["error"]["leftovers"] == []
    nothing_left(lab)


def test_check_mode_tells_the_story_of_an_empty_site(lab):
    answer = done(lab, check=True, folder="new/place", network="pg-later")
    assert answer["changed"] and {"folder 'new/place'", "network 'pg-later'"} <= {text.split(" does not")[0] for text in answer["warnings"]}


@pytest.mark.parametrize("after", [0, 1, 12 * 1024 * 1024, 23 * 1024 * 1024])
@pytest.mark.parametrize("count", [1, 0])
def test_an_upload_that_breaks(lab, files, after, count):
    lab.fault({"server": "vcenter", "method": "* /nfc/*", "kind": "throttle", "after_bytes": after, "count": count})
    if count:
        assert done(lab, ova=files(), pairing_code=CANARY)["gateway_installer"]["finished"] and len(installers(lab)) == 1
        return
    answer = failed(lab, "TRANSFER_FAILED", ova=files(), pairing_code=CANARY)
    assert "2 tries; nothing left" in answer["msg"] and answer["error"]["retriable"]
    nothing_left(lab)
    lab.call("DELETE", "/faults")
    assert done(lab, ova=files(), pairing_code=CANARY)["changed"]


@pytest.mark.parametrize("fault, code, words", [
    ({"method": "* /nfc/*", "kind": "status", "status": 500, "count": 0}, "TRANSFER_FAILED", "HTTP 500"),
    ({"method": "* /nfc/*", "kind": "short", "after_bytes": 1000, "count": 0}, "TRANSFER_FAILED", "stored 1000 of"),
    ({"method": "ImportVApp", "kind": "fault", "fault": "InsufficientResourcesFault"}, "VCENTER_FAILED", "InsufficientResourcesFault"),
    ({"method": "ImportVApp", "kind": "fault", "fault": "NoPermission"}, "VCENTER_DENIED", "NoPermission"),
    ({"method": "CreateImportSpec", "kind": "fault", "fault": "InvalidArgument", "count": 0}, "VCENTER_FAILED", "InvalidArgument"),
    ({"method": "HttpNfcLeaseComplete", "kind": "fault", "fault": "InvalidState", "count": 0}, "TRANSFER_FAILED", "InvalidState"),
])
def test_faults_of_vcenter(lab, files, fault, code, words):
    lab.fault({"server": "vcenter", **fault})
    answer = failed(lab, code, ova=files(), pairing_code=CANARY)
    assert words in answer["msg"] and answer["error"]["leftovers"] == []
    lab.call("DELETE", "/faults")
    nothing_left(lab)
    assert done(lab, ova=files(), pairing_code=CANARY)["changed"]


def test_an_ended_lease_stops_the_upload(lab, files):
    lab.fault(slow(count=1), {"server": "vcenter", "method": "HttpNfcLeaseProgress", "kind": "fault", "fault": "Timedout"})
    began = time.monotonic()
    answer = done(lab, ova=files(), pairing_code=CANARY)
    assert time.monotonic() - began < 15 and any("ended the upload lease" in entry["status"] for entry in answer["timeline"])
    assert len(installers(lab)) == 1


def test_a_session_that_is_lost_under_way(lab, files):
    lab.fault(slow(8 * 1024 * 1024))
    seen = threading.Event()
    context = Context(emit=lambda line: seen.set() if "upload 0 %" in line else None)
    threading.Thread(target=lambda: seen.wait(30) and lab.call("POST", "/revoke-sessions"), daemon=True).start()
    answer = run(lab, context=context, ova=files(), pairing_code=CANARY)
    assert not answer.get("failed"), answer["msg"]
    assert len(installers(lab)) == 1
    assert len([item for item in lab.journal() if item["method"] == "Login" and item.get("agent") != "palette"]) == 2


def test_a_vm_that_is_not_ours(lab, files):
    env = lab.env
    context = Context()
    with _vsphere.Vsphere(_vsphere.vcenter_connection(params(lab, username=env["VMWARE_ADMIN_USER"], password=env["VMWARE_ADMIN_PASSWORD"])),
                          context) as vsphere:
        vim = _vsphere.vim
        places = noun.resolve(vsphere, {key: PLACE.get(key) for key in ("datacenter", "folder", "compute_cluster", "resource_pool", "datastore")})
        spec = vim.vm.ConfigSpec(name=PLACE["name"], memoryMB=128, numCPUs=1, guestId="otherGuest", files=vim.vm.FileInfo(vmPathName="[ds-shared-1]"))
        vsphere.wait_task(vsphere.call(lambda: places["folder"].CreateVM_Task(spec, places["resource_pool"]), "making a VM"), context, 30, "making a VM")
    for given in ({}, {"redeploy": True}, {"state": "absent", "folder": PLACE["folder"]}, {"state": "powered_off", "folder": PLACE["folder"]}):
        answer = failed(lab, "NOT_OURS", ova=files(), pairing_code=CANARY, **given)
        assert "/dc-1/vm/palette/gateways/installer-1" in answer["msg"]


def test_an_order_to_stop_leaves_nothing(lab, files):
    lab.fault(slow())
    stop, began = Stop(), []
    context = Context(stop=stop, emit=lambda line: ("upload 0 %" in line) and (began.append(time.monotonic()), stop.set("signal SIGTERM")))
    answer = run(lab, context=context, ova=files(), pairing_code=CANARY)
    assert answer["error"]["code"] == "STOPPED" and time.monotonic() - began[0] < 5
    nothing_left(lab)


TASKS = [{"name": "deploy", "palette.vmware.gateway_installer": PLACE}]


def shown(playing, words, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if words in playing.stdout():
            return
        assert playing.process.poll() is None, playing.stdout()
        time.sleep(0.05)
    raise AssertionError(f"'{words}' was not shown:\n{playing.stdout()}")


def test_a_throttled_upload_shows_its_progress_while_it_runs(lab, starting):
    lab.fault(slow())
    playing = starting(lab, TASKS)
    for words in ("upload 0 %", "MiB/s, ", "s left"):
        shown(playing, words)
    assert playing.process.poll() is None
    run_ = playing.wait()
    assert run_.status == 0, run_.text
    assert len([line for line in run_.stdout.splitlines() if " upload " in line]) >= 3


@pytest.mark.parametrize("execution", ["auto", "module"])
def test_a_killed_playbook_whose_worker_lives_cleans_up(lab, starting, execution):
    lab.fault(slow(2 * 1024 * 1024))
    playing = starting(lab, TASKS, execution=execution)
    wait_for(lambda: machines(lab), 60)
    os.kill(playing.process.pid, signal.SIGKILL)
    wait_for(lambda: not machines(lab), 15)
    lab.call("DELETE", "/faults")
    assert done(lab)["changed"] and len(installers(lab)) == 1


@pytest.mark.parametrize("execution", ["auto", "module"])
def test_a_run_that_was_killed_whole_is_replaced(lab, starting, execution):
    lab.fault(slow(2 * 1024 * 1024))
    playing = starting(lab, TASKS, execution=execution)
    wait_for(lambda: machines(lab), 60)
    playing.kill()
    kill_descendants(playing)
    lab.call("DELETE", "/faults")
    answer = done(lab)
    assert [change["verb"] for change in answer["plan"]] == ["replace"] and any("found an unfinished import from run" in text for text in answer["warnings"])
    assert len(installers(lab)) == 1 and not done(lab)["changed"]


def kill_descendants(playing):
    """Modules run in sessions of their own; whatever still carries the run's folder in its environment is ended."""
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    if f"RECORD_TO={playing.record}".encode() in file.read():
                        os.kill(int(entry), signal.SIGKILL)
            except OSError:
                pass


def wait_for(predicate, seconds):
    until = time.monotonic() + seconds
    while not predicate():
        assert time.monotonic() < until, f"not there after {seconds} s"
        time.sleep(0.1)


def test_two_runs_at_once(lab, starting):
    lab.fault(slow(1024 * 1024))
    playing = starting(lab, TASKS)
    wait_for(lambda: machines(lab), 60)
    began = time.monotonic()
    answer = failed(lab, "BUSY")
    assert time.monotonic() - began < 16 and answer["error"]["retriable"]
    assert failed(lab, "BUSY", state="absent", folder=PLACE["folder"])
    lab.call("DELETE", "/faults")
    playing.kill()
    kill_descendants(playing)


def test_half_finished_steps_go_on(lab, files):
    lab.fault({"server": "vcenter", "method": "PowerOnVM_Task", "kind": "task-fault", "fault": "InsufficientResourcesFault"})
    answer = failed(lab, "VCENTER_FAILED", ova=files(), pairing_code=CANARY)
    assert "InsufficientResourcesFault" in answer["msg"] and answer["error"]["changed_something"]
    again = done(lab, ova=files(), pairing_code=CANARY)
    assert [change["verb"] for change in again["plan"]] == ["power_on"] and again["gateway_installer"]["power"] == "on"


def test_off_and_gone(lab, files):
    done(lab, ova=files(), pairing_code=CANARY)
    assert done(lab, state="powered_off")["plan"][0]["verb"] == "power_off" and not done(lab, state="powered_off")["changed"]
    assert done(lab, state="absent")["gateway_installer"] is None and not done(lab, state="absent")["changed"]
    nothing_left(lab)


@pytest.mark.parametrize("execution", ["auto", "module"])
def test_no_secret_is_shown(lab, play, execution):
    asked = {**PLACE, "pairing_code": "{{ pin }}", "proxy": {"http": "{{ gate }}", "https": "{{ gate }}", "no_proxy": "127.0.0.1"}}
    tasks = [{"name": "deploy", "palette.vmware.gateway_installer": asked},
             {"name": "refused", "palette.vmware.gateway_installer": {**asked, "pod_cidr": "172.16.0.0/16"}, "ignore_errors": True},
             {"name": "wrong", "palette.vmware.gateway_installer": {**asked, "proxy": {"http": "{{ gate }}/path", "https": "{{ gate }}", "no_proxy": "a"}},
              "ignore_errors": True}]
    run_ = play(lab, tasks, diff=True, verbosity=3, execution=execution, extra={"pin": CANARY, "gate": f"http://user:{CANARY}-2@proxy:3128"})
    assert [entry["status"] for entry in run_.entries if entry["status"] != "start"] == ["ok", "ignored", "ignored"]
    assert CANARY not in run_.stdout + run_.stderr + json.dumps(run_.entries)
    assert run_.result("deploy")["gateway_installer"]["properties"]["http_proxy"] == "***@proxy:3128"
    assert CANARY in installers(lab)["installer-1"]["properties"].values()
