# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions and tokens that end while a playbook waits (faults N10, N11): it goes on, or says where it stood; nothing is done twice."""
from __future__ import annotations

import json

import faulty
import pytest
from faulty import PLACE, SCRIPTED, entry, failure, lines, palette, sent, step, succeeded, vcenter
from palette_lab import wait
from palette_lab.site import palette_user

NAME = "session-gw"
LOGIN, POWER = "POST /v1/auth/authenticate", "PowerOnVM_Task"
PLACEMENT = {**PLACE, "resource_pool": "palette"}


def of_client(lab):
    return [item for item in lab.journal() if item["agent"] != "palette"]


def count(lab, start, status=None):
    return sum(line.startswith(start) and status in (None, item["status"]) for item in of_client(lab) for line in lines([item]))


def by_password(lab):
    """Environment of a run that has a user's password and no API key."""
    user = palette_user(json.loads((lab.directory / "site.json").read_text(encoding="utf-8")), "tenant_admin")
    return {"PALETTE_API_KEY": None, "PALETTE_USERNAME": user["email"], "PALETTE_PASSWORD": user["password"]}


def installer(lab, name=f"{NAME}-installer", **options):
    return {"name": name, "palette.vmware.gateway_installer": {"name": name, "installer_name": NAME, "ova_ca_path": lab.env["PALETTE_CA_PATH"], **PLACE,
                                                               **options}}


def test_a_token_that_ends_in_a_wait_is_replaced(lab, play, starting):
    """N10: all tokens revoked, then one that is older than 15 minutes by Palette's clock."""
    sessions, begun = faulty.sessions(lab), starting(lab, [{"name": "wait", "palette.vmware.gateway": {"name": NAME, "state": "registered"}}],
                                                     env=by_password(lab))
    for logins, end in ((1, ("/revoke-sessions", None)), (2, ("/clock", {"advance_seconds": 16 * 60})), (3, None)):
        assert wait.until(lambda: count(lab, LOGIN) == logins and of_client(lab)[-1]["status"] == 200 and count(lab, "GET /v1/overlords", 200) >= logins, 60)
        assert begun.process.poll() is None, begun.stdout()
        if end:
            lab.call("POST", *end)
    play(lab, [installer(lab)])
    run = begun.wait()
    assert run.status == 0 and run.result("wait")["gateway"]["name"] == NAME, run.text
    assert count(lab, LOGIN) == 3 and count(lab, "GET /v1/overlords", 401) == 2
    assert faulty.sessions(lab)["rest"] == sessions["rest"] and by_password(lab)["PALETTE_PASSWORD"] not in run.text


def test_a_key_that_is_revoked_in_a_wait_ends_it_and_the_next_run_goes_on(lab, play):
    """N10: the failure tells what was asked and that the change stays; Palette goes on meanwhile."""
    account = {"vcenter_server": f"{lab.env['VMWARE_HOST']}:{lab.env['VMWARE_PORT']}", "username": lab.env["VMWARE_USER"],
               "password": lab.env["VMWARE_PASSWORD"], "insecure": True}
    whole = {"name": NAME, "ip_allocation": "dhcp", "ddns_search_domain": "k8s.lab.local", "placements": [PLACEMENT]}
    run = play(lab, [
        installer(lab), step(lab, "revoked", "gateway", palette("status", "GET /v1/spectroclusters/*", nth=2, status=401, body={
            "code": "UnAuthorizedAccess", "message": "The API key is not valid", "ref": "C-1"}), account=account, **whole),
        step(lab, "on", "gateway", **whole)], env=SCRIPTED, snapshots=True)
    error = failure(run, "revoked", "PALETTE_DENIED", "rejected the API key", "/v1/spectroclusters/", "changes made before this stay")
    assert error["changed_something"] and error["request_ref"] == "C-1"
    assert any("sent, size 1" in each["status"] for each in entry(run, "revoked")["result"]["timeline"])
    assert succeeded(run, "on", changed=False)["gateway"]["state"] == "Running"
    assert [each["name"] for each in lab.state()["palette"]["overlords"]].count(NAME) == 1
    assert not [line for line in lines(sent(run, "on")) if "cloudconfig" in line and not line.startswith("GET")]


@pytest.mark.parametrize("execution", ["auto", "module"])
def test_a_vcenter_session_that_ends_in_a_wait_is_renewed_and_the_task_waited_for(lab, starting, execution):
    """N11: one task, two logins."""
    sessions = faulty.sessions(lab)
    faulty.control(lab, "/hang", {"method": POWER, "object": "hung-installer"})
    begun = starting(lab, [installer(lab, "hung-installer")], execution=execution)
    assert wait.until(lambda: count(lab, POWER) == 1, 60), begun.stdout()
    faulty.control(lab, "/revoke-sessions", {})
    assert wait.until(lambda: count(lab, "Login") == 2, 60), begun.stdout()
    faulty.control(lab, "/release", {})
    run = begun.wait()
    assert run.status == 0 and run.result("hung-installer")["gateway_installer"]["power"] == "on", run.text
    assert count(lab, POWER) == 1 and count(lab, "Login") == 2 and count(lab, "ImportVApp") == 1
    assert wait.until(lambda: lab.call("GET", "/settled")["settled"], 30)
    assert faulty.sessions(lab)["soap"] <= sessions["soap"]


def test_a_session_that_is_lost_again_and_again(lab, play):
    """N11: said after the second loss; no session is left, and the same task goes through afterwards."""
    sessions, before = faulty.sessions(lab), lab.state()
    again = {"state": "absent", "name": "nothing", "datacenter": "dc-1"}
    run = play(lab, [step(lab, "once", "gateway_installer", vcenter("fault", "RetrievePropertiesEx", fault="NotAuthenticated"), **again),
                     step(lab, "always", "gateway_installer", vcenter("fault", "RetrievePropertiesEx", fault="NotAuthenticated", count=0), **again),
                     step(lab, "after", "gateway_installer", **again)], env=SCRIPTED, snapshots=True)
    succeeded(run, "once", changed=False)
    assert [line.split()[0] for line in lines(sent(run, "once"))].count("Login") == 2
    assert failure(run, "always", "VCENTER_FAILED", "lost twice", "state is unknown")["retriable"]
    assert [line.split()[0] for line in lines(sent(run, "always"))].count("Login") == 2
    succeeded(run, "after", changed=False)
    assert faulty.sessions(lab) == sessions and lab.state() == before


def test_the_labs_logs_hold_no_secret(lab):
    faulty.logs_without_secrets(lab, by_password(lab)["PALETTE_PASSWORD"])
