# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway on a lab: registered, configured, running, deleted; predicted, resumed, refused."""
from __future__ import annotations

import re

import pytest
from palette_lab import wait

NAME = "new-gw"
PLACEMENT = {"datacenter": "dc-1", "compute_cluster": "cluster-1", "datastore": "ds-shared-1", "network": "pg-k8s", "resource_pool": "palette",
             "folder": "palette/gateways"}
POOL = {"gateway": NAME, "name": "new-pool", "start": "10.10.8.40", "end": "10.10.8.49", "prefix": 22, "network_gateway": "10.10.8.1"}
WHOLE = {"name": NAME, "size": 3, "ip_allocation": "static", "ip_pool": "new-pool", "placements": [PLACEMENT, {**PLACEMENT, "compute_cluster": "cluster-2"}],
         "ntp_servers": ["ntp.lab.local"], "labels": {"env": "lab"}}


def account(site, **changed):
    return {"vcenter_server": f"{site.env['VMWARE_HOST']}:{site.env['VMWARE_PORT']}", "username": site.env["VMWARE_USER"],
            "password": site.env["VMWARE_PASSWORD"], "insecure": True, **changed}


def installer(site, **more):
    place = {key: PLACEMENT[key] for key in ("datacenter", "compute_cluster", "datastore", "network", "resource_pool", "folder")}
    return {"name": "installer", "palette.vmware.gateway_installer": {
        "name": f"{NAME}-installer", "installer_name": NAME, "ova_ca_path": site.env["PALETTE_CA_PATH"], **place, **more}}


def gateway(task, **options):
    check = options.pop("check", False)
    return {"name": task, "palette.vmware.gateway": {"name": NAME, **options}, "check_mode": check}


def ready(site):
    """Tasks that bring the gateway to where it can be configured."""
    return [installer(site), gateway("registered", state="registered", account=account(site)), {"name": "pool", "palette.vmware.ip_pool": POOL}]


def mine(site, kind, key="name", canonical=True):
    return [each for each in site.state(canonical)["palette"][kind] if each[key] == NAME]


def nodes(site):
    """The gateway's node VMs as vCenter shows them."""
    return {vm["name"]: vm for each in site.state(False)["vcenter"]["datacenters"] for vm in each["vms"] if vm["name"].startswith(f"{NAME}-cp")}


def palette_writes(site):
    return [f"{item['method']} {re.sub('[0-9a-f]{24}', 'UID', item['path'])}" for item in site.writes() if item["server"] == "palette"]


def error(run, task):
    return run.result(task)["error"]


def test_from_the_installer_to_running_and_away(lab, play):
    run = play(lab, [*ready(lab), gateway("foreseen", check=True, **WHOLE), gateway("made", **WHOLE)])
    made, foreseen = run.result("made"), run.result("foreseen")
    assert made["plan"] == foreseen["plan"] and [change["verb"] for change in made["plan"]] == ["configure", "update"]
    assert made["gateway"]["state"] == "Running" and {key: made["gateway"][key] for key in WHOLE if key != "placements"} == {
        key: value for key, value in WHOLE.items() if key != "placements"}
    assert [each["status"] for each in made["timeline"]][-1].startswith("Running") and f"configuration of gateway {NAME} sent, size 3" in run.stdout
    machines = nodes(lab)
    assert len(machines) == 3 and {vm["compute_cluster"] for vm in machines.values()} == {"cluster-1", "cluster-2"}
    assert lab.env["VMWARE_PASSWORD"] not in run.text
    lab.call("DELETE", "/journal")

    run = play(lab, [gateway("again", **WHOLE, account=account(lab)),
                     {"name": "info", "palette.vmware.gateway_info": {"name": NAME, "gather": ["nodes", "events", "pools"]}}])
    assert not run.result("again")["changed"] and palette_writes(lab) == []
    [info] = run.result("info")["gateways"]
    assert info["pools"] == ["new-pool"] and {node["name"] for node in info["nodes"]} == set(machines) and info["state"] == "Running"
    assert all(each["status"] == "True" for each in info["conditions"]) and info["events"] == sorted(info["events"], key=lambda each: each["at"], reverse=True)
    assert {node["address"] for node in info["nodes"]} < {f"10.10.8.{number}" for number in range(40, 50)}

    before = lab.state()
    run = play(lab, [gateway("foreseen", check=True, state="absent")])
    assert lab.state() == before and palette_writes(lab) == []
    gone = play(lab, [gateway("gone", state="absent"), gateway("again", state="absent")])
    assert gone.result("gone")["plan"] == run.result("foreseen")["plan"] and not gone.result("again")["changed"]
    assert gone.result("gone")["gateway"] is None and mine(lab, "overlords") == []
    left = {each["name"]: each["moid"] for each in gone.result("gone")["leftovers"]}
    assert left == {name: vm["moid"] for name, vm in nodes(lab).items()} and len(left) == 3


@pytest.mark.parametrize("execution", ["auto", "module"])
def test_with_dhcp_one_task_waits_for_the_registration_and_does_the_rest(lab, play, starting, execution):
    """Check mode on the empty site foresees the changes of that task, whether or not the installer is there."""
    options = {"name": NAME, "account": account(lab), "size": 1, "ip_allocation": "dhcp", "ddns_search_domain": "k8s.lab.local", "placements": [PLACEMENT]}
    before = lab.state()
    empty = play(lab, [gateway("foreseen", check=True, **options)], execution=execution)
    assert lab.state() == before and palette_writes(lab) == []
    begun = starting(lab, [gateway("made", **options), gateway("again", **options)], execution=execution)
    assert wait.until(lambda: [item["path"] for item in lab.journal() if item["method"] == "GET"].count("/v1/overlords") > 2, 60)
    play(lab, [installer(lab)])
    run = begun.wait()
    assert run.status == 0, run.text
    assert run.result("made")["plan"] == empty.result("foreseen")["plan"] and not run.result("again")["changed"]
    assert run.result("made")["gateway"]["state"] == "Running" and run.result("made")["gateway"]["ddns_search_domain"] == "k8s.lab.local"
    assert run.result("made")["timeline"][0]["status"] == "waiting for the installer to register"
    assert ("waiting for the installer to register" in run.stdout) == (execution == "auto")
    [address] = [vm["guest"]["ip"] for vm in nodes(lab).values()]
    assert address.startswith("10.10.11.")


def test_an_account_that_vcenter_refuses_is_not_stored(lab, play):
    run = play(lab, [installer(lab), gateway("refused", state="registered", account=account(lab, password="canary-wrong"))], status=2)
    assert error(run, "refused")["code"] == "PALETTE_REFUSED" and lab.env["VMWARE_USER"] in error(run, "refused")["where"]
    assert not error(run, "refused")["changed_something"] and mine(lab, "accounts") == [] and "canary-wrong" not in run.text


def test_credentials_are_replaced_when_they_differ_or_when_asked_for(lab, play):
    first, other = account(lab), account(lab, username=lab.env["VMWARE_ADMIN_USER"], password=lab.env["VMWARE_ADMIN_PASSWORD"])
    run = play(lab, [installer(lab), gateway("first", state="registered", account=first), gateway("same", state="registered", account=first),
                     gateway("always", state="registered", account=first, update_password="always"), gateway("other", state="registered", account=other)])
    assert [run.result(task)["changed"] for task in ("first", "same", "always", "other")] == [True, False, True, True]
    assert [each["username"] for each in mine(lab, "accounts")] == [lab.env["VMWARE_ADMIN_USER"]]
    sent = [line.split()[0] for line in palette_writes(lab) if line.endswith("/account")]
    assert sent == ["POST", "PUT", "PUT"]


def test_an_installer_that_does_not_register_is_looked_at_in_vcenter(lab, play):
    run = play(lab, [installer(lab, power_on=False), gateway("late", state="registered", registration_timeout=1)], status=2)
    said = error(run, "late")
    assert said["code"] == "DEADLINE_PASSED" and f"VM {NAME}-installer: poweredOff" in said["observed"] and "dc1-gw (Running)" in said["observed"]
    assert f"console endpoint '{lab.env['PALETTE_HOST']}'" in said["observed"] and "trailing slash" in said["fix"]


def test_time_that_is_up_undoes_nothing_and_the_next_run_goes_on(lab, play):
    run = play(lab, [*ready(lab), gateway("short", **WHOLE, wait_timeout=0)], status=2)
    said = error(run, "short")
    assert said["code"] == "DEADLINE_PASSED" and said["changed_something"] and "goes on waiting" in said["fix"] and "IP pool new-pool" in said["fix"]
    lab.call("DELETE", "/journal")
    run = play(lab, [gateway("on", **WHOLE)])
    assert run.result("on")["gateway"]["state"] == "Running" and len(mine(lab, "clusters")) == 1
    assert [line for line in palette_writes(lab) if "cloudconfig" in line] == []


def test_provisioning_that_cannot_succeed_says_what_palette_says(lab, play):
    broken = {**WHOLE, "placements": [{**PLACEMENT, "folder": "nowhere"}]}
    play(lab, [*ready(lab), gateway("begun", **broken, wait="none")])
    assert wait.until(lambda: "Error" in str(lab.state(False)["palette"]["events"]), 60)
    run = play(lab, [gateway("stuck", **broken, wait_timeout=0)], status=2)
    said = error(run, "stuck")
    assert said["observed"].startswith("Provisioning") and not said["changed_something"]
    assert re.search("not done: [^;]*nowhere.*last errors: [^;]*nowhere", said["fix"]), said["fix"]


def test_what_cannot_be_changed_is_refused_and_nothing_is_written(lab, play):
    one = {"name": "dc1-gw", "ip_allocation": "static", "ip_pool": "dc1-gw-pool"}
    place = {**PLACEMENT, "resource_pool": "palette/gateways"}
    tasks = [{"name": task, "palette.vmware.gateway": {**one, "placements": [place], **options}, "ignore_errors": True} for task, options in (
        ("equal", {}), ("grow", {"size": 3}), ("pool", {"ip_pool": "other"}), ("place", {"placements": [{**place, "compute_cluster": "cluster-2"}]}))]
    before = lab.state()
    run = play(lab, tasks)
    assert not run.result("equal")["changed"]
    for task, words in (("grow", "resizing is not part of this version"), ("pool", "ip_pool"), ("place", "cluster-2")):
        assert error(run, task)["code"] == "PLAN_REFUSED" and words in run.result(task)["msg"], task
    assert palette_writes(lab) == [] and lab.state() == before


def test_a_pool_that_is_not_there_fails_before_anything_is_written(lab, play):
    run = play(lab, [installer(lab), gateway("registered", state="registered"), gateway("refused", **WHOLE, account=account(lab))], status=2)
    assert error(run, "refused")["code"] == "PARENT_MISSING" and "new-pool" in run.result("refused")["msg"] and mine(lab, "accounts") == []


@pytest.mark.parametrize("kind", ["drop-before", "drop-after-commit"])
def test_a_lost_answer_makes_nothing_twice(lab, play, kind):
    """Of the two calls that make an object."""
    lab.fault(*({"server": "palette", "route": f"POST /v1/overlords/vsphere/*/{call}", "kind": kind} for call in ("account", "cloudconfig")))
    run = play(lab, [*ready(lab), gateway("made", **WHOLE, wait="none"), gateway("again", **WHOLE, wait="none")])
    assert run.result("made")["changed"] and not run.result("again")["changed"]
    assert len(mine(lab, "clusters")) == len(mine(lab, "accounts")) == 1


def test_a_pairing_code_goes_to_a_file_and_nowhere_else(lab, play, tmp_path):
    task = {"palette.vmware.gateway_pairing": {"gateway": NAME, "dest": str(tmp_path / "code")}}
    run = play(lab, [{"name": "first", **task}, {"name": "again", **task}], verbosity=3)
    code = (tmp_path / "code").read_text().strip()
    assert code and code not in run.text and run.result("first")["gateway_pairing"]["ova"] == lab.env["LAB_OVA"] and not run.result("again")["changed"]
    task = {"palette.vmware.gateway_pairing": {"gateway": "dc1-gw", "dest": str(tmp_path / "other")}}
    assert not play(lab, [{"name": "registered", **task}]).result("registered")["changed"] and not (tmp_path / "other").exists()
    run = play(lab, [installer(lab, pairing_code=code), gateway("registered", state="registered")])
    assert run.result("registered")["gateway"]["name"] == NAME, "the code is a real one"
