# SPDX-License-Identifier: GPL-3.0-or-later
"""The admin listener, the journal and scripted faults, over plain HTTP and TLS."""

from __future__ import annotations

import base64
import copy
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from conftest import ACCOUNT, CANARIES, GATEWAY, SITE, free_address
from test_api_gateways import config, registered

from palette_lab import tls

USERS = "/v1/users/info"


def fault(lab, **changes: object) -> None:
    answer = lab.admin.post("/faults", json=[{"route": f"GET {USERS}", "kind": "status", "status": 503, **changes}])
    assert answer.status_code == 200, answer.text


def statuses(lab, count: int) -> list[int]:
    return [lab.tenant.get(USERS).status_code for _ in range(count)]


def test_the_journal_has_every_call_in_order(lab) -> None:
    lab.tenant.get("/v1/overlords?name=x")
    lab.tenant.post("/v1/dashboard/pcgs/search", json={})
    lab.viewer.post("/v1/projects", json={"metadata": {"name": "x"}})
    lab.anonymous.get("/v1/overlords")
    lab.project.get("/v1/overlords", headers={"ProjectUid": lab.project_uid()})
    lab.tenant.delete("/v1/none")
    lab.tenant.get("/v1/overlords", headers={"ProjectUid": "f" * 24})
    shared = {"server": "palette", "agent": "client"}
    assert lab.journal() == [
        {"n": 1, "method": "GET", "path": "/v1/overlords?name=x", "status": 200, "scope": "tenant", "write": False, "principal": "admin@lab.local", **shared},
        {"n": 2, "method": "POST", "path": "/v1/dashboard/pcgs/search", "status": 200, "scope": "tenant", "write": False, "principal": "admin@lab.local",
         **shared},
        {"n": 3, "method": "POST", "path": "/v1/projects", "status": 403, "scope": "tenant", "write": True, "principal": "view@lab.local", **shared},
        {"n": 4, "method": "GET", "path": "/v1/overlords", "status": 401, "scope": "tenant", "write": False, "principal": "", **shared},
        {"n": 5, "method": "GET", "path": "/v1/overlords", "status": 200, "scope": "project:Default", "write": False, "principal": "pa@lab.local", **shared},
        {"n": 6, "method": "DELETE", "path": "/v1/none", "status": 404, "scope": "none", "write": True, "principal": "admin@lab.local", **shared},
        {"n": 7, "method": "GET", "path": "/v1/overlords", "status": 403, "scope": "project:unknown", "write": False, "principal": "admin@lab.local", **shared}]
    assert lab.admin.delete("/journal").status_code == 200
    assert lab.journal() == []


def test_logins_and_checks_are_no_writes(lab) -> None:
    uid = registered(lab)
    token = lab.anonymous.post("/v1/auth/authenticate", json={"emailId": "admin@lab.local", "password": CANARIES["admin"]}).json()["Authorization"]
    lab.anonymous.get(f"/v1/auth/refresh/{token}?setCookie=false")
    lab.tenant.post(f"/v1/overlords/vsphere/{uid}/account/validate", json={"account": ACCOUNT})
    lab.tenant.post("/v1/clouds/vsphere/account/validate", json=ACCOUNT)
    assert [(entry["status"], entry["write"]) for entry in lab.journal()] == [(200, False), (200, False), (204, False), (204, False)]


def test_no_secret_is_in_the_journal_or_the_state(seeded) -> None:
    uid = registered(seeded)
    login = seeded.anonymous.post("/v1/auth/authenticate", json={"emailId": "admin@lab.local", "password": CANARIES["admin"]})
    token = login.json()["Authorization"]
    seeded.anonymous.get(f"/v1/auth/refresh/{token}")
    code = seeded.tenant.get("/v1/overlords/pairing/code").json()["pairingCode"]
    seeded.tenant.get(f"/v1/overlords/vsphere/manifest?pairingCode={code}&x=1")
    seeded.tenant.post(f"/v1/overlords/vsphere/{uid}/account", json={"name": "gw", "account": ACCOUNT})
    seeded.tenant.get(f"/v1/overlords?password={CANARIES['vcenter']}")
    texts = [seeded.admin.get(path).text for path in ("/journal", "/state", "/state?canonical=1", "/settled", "/violations")]
    for secret in (token, code, "canary"):
        assert not any(secret in text for text in texts)
    assert [entry["path"] for entry in seeded.journal()][1:4:2] == ["/v1/auth/refresh/***", "/v1/overlords/vsphere/manifest?pairingCode=***&x=1"]


def test_vcenters_journal_is_merged_by_time(start, control) -> None:
    lab = start(control=f"127.0.0.1:{control.server_address[1]}")
    lab.tenant.get(USERS)
    between = time.time_ns()
    lab.tenant.get("/v1/overlords")
    call = {"path": "VirtualMachine:vm-12", "status": 200, "principal": "svc"}
    control.answers["GET", "/journal"] = {"items": [
        {"t": between, "method": "PowerOnVM_Task", "write": True, "agent": "palette-lab/1.0", **call},
        {"t": 1, "method": "Login", "write": False, "agent": "pyvmomi", **call}]}
    merged = lab.journal()
    assert [(each["n"], each["server"], each["method"], each["agent"]) for each in merged] == [
        (1, "vcenter", "Login", "client"), (2, "palette", "GET", "client"), (3, "vcenter", "PowerOnVM_Task", "palette"), (4, "palette", "GET", "client")]
    assert lab.admin.delete("/journal").status_code == 200
    assert ("DELETE", "/journal", None) in control.calls


def test_calls_that_concern_both_servers_reach_vcenter(start, control) -> None:
    lab = start(control=f"127.0.0.1:{control.server_address[1]}")
    lab.admin.post("/clock", json={"advance_seconds": 90})
    lab.admin.post("/clock", json={"advance_seconds": 10.5})
    assert lab.lab.engine.wakes == 2
    lab.admin.post("/revoke-sessions")
    hang = {"server": "vcenter", "method": "CloneVM_Task", "object": "*", "kind": "fault", "fault": "NotAuthenticated"}
    lab.admin.post("/faults", json=[hang, {"route": "GET /v1/*", "kind": "delay", "seconds": 0}])
    lab.admin.delete("/faults")
    assert control.calls == [("POST", "/clock", {"offset_seconds": 90.0}), ("POST", "/clock", {"offset_seconds": 100.5}), ("POST", "/revoke-sessions", None),
                             ("POST", "/faults", [{key: value for key, value in hang.items() if key != "server"}]), ("DELETE", "/faults", None)]


def test_a_vcenter_that_does_not_answer_is_said(start) -> None:
    address = free_address()
    lab = start(control=address)
    answer = lab.admin.get("/state")
    assert answer.status_code == 502 and address in answer.json()["error"]


@pytest.mark.parametrize("body", [{"advance_seconds": -1}, {"advance_seconds": "1"}, {}, {"advance_seconds": True}])
def test_the_clock_takes_seconds_forward_only(lab, body: dict) -> None:
    assert lab.admin.post("/clock", json=body).status_code == 400
    assert lab.store.clock.offset == 0


def test_status_faults_meet_the_nth_call_and_as_many_as_asked(lab) -> None:
    fault(lab, nth=2, count=2)
    assert statuses(lab, 5) == [200, 503, 503, 200, 200]
    fault(lab, count=0, status=429, headers={"Retry-After": "7"})
    answers = [lab.tenant.get(USERS) for _ in range(3)]
    assert [(each.status_code, each.headers["Retry-After"]) for each in answers] == [(429, "7")] * 3
    assert lab.tenant.get("/v1/users").status_code == 200
    lab.admin.delete("/faults")
    assert statuses(lab, 1) == [200]
    assert [entry.get("fault") for entry in lab.journal()][:3] == [None, "status", "status"]


@pytest.mark.parametrize(("changes", "content", "media"), [
    ({"status": 200, "body": "<html><title>Sign in</title>", "content_type": "text/html"}, b"<html><title>Sign in</title>", "text/html; charset=utf-8"),
    ({"status": 200, "body": ""}, b"", "application/json"), ({"status": 200, "body": None}, b"null", "application/json"),
    ({"status": 200, "body": []}, b"[]", "application/json"),
    ({"status": 200, "body_base64": base64.b64encode(b"\x00\xff").decode()}, b"\x00\xff", "application/json"),
    ({"status": 200, "body": "ab", "body_repeat": 3}, b"ababab", "application/json")])
def test_bodies_of_status_faults(lab, changes: dict, content: bytes, media: str) -> None:
    fault(lab, **changes)
    answer = lab.tenant.get(USERS)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, content, media)


def test_a_delay_waits_and_then_answers(lab) -> None:
    fault(lab, kind="delay", seconds=0.3)
    begin = time.monotonic()
    assert lab.tenant.get(USERS).status_code == 200
    assert time.monotonic() - begin >= 0.3


def test_a_redirect_names_the_place(lab) -> None:
    fault(lab, kind="redirect", status=302, location="https://elsewhere.example/v1")
    answer = lab.tenant.get(USERS)
    assert (answer.status_code, answer.headers["location"]) == (302, "https://elsewhere.example/v1")


def project(lab, name: str) -> bool:
    return bool(lab.store.where("projects", name=name))


def check_drops(lab) -> None:
    lab.admin.post("/faults", json=[{"route": "POST /v1/projects", "kind": "drop-before"},
                                    {"route": "POST /v1/projects", "kind": "drop-after-commit", "nth": 2}])
    for name, kept in (("before", False), ("after", True)):
        with pytest.raises(httpx.TransportError):
            lab.tenant.post("/v1/projects", json={"metadata": {"name": name}})
        assert project(lab, name) is kept
    assert lab.tenant.post("/v1/projects", json={"metadata": {"name": "third"}}).status_code == 201
    entries = [(entry["status"], entry["write"], entry.get("fault")) for entry in lab.journal()]
    assert entries == [(0, True, "drop-before"), (201, True, "drop-after-commit"), (201, True, None)]


def check_truncation(lab) -> None:
    whole = lab.tenant.get(USERS).content
    fault(lab, kind="truncate", bytes=20)
    received = b""
    with pytest.raises(httpx.RemoteProtocolError):
        with lab.tenant.stream("GET", USERS) as answer:
            assert answer.headers["content-length"] == str(len(whole))
            for piece in answer.iter_bytes():
                received += piece
    assert received == whole[:20]
    assert lab.tenant.get(USERS).content == whole


def test_drops_over_plain_http(lab) -> None:
    check_drops(lab)


def test_truncation_over_plain_http(lab) -> None:
    check_truncation(lab)


@pytest.mark.parametrize("size", [0, 100, 700_000])
def test_a_truncated_ova_ends_after_so_many_bytes(lab, size: int) -> None:
    path = "/lab-ova/palette-installer.ova"
    whole = lab.anonymous.get(path).content
    lab.admin.post("/faults", json=[{"route": f"GET {path}", "kind": "truncate", "bytes": size}])
    received = b""
    with pytest.raises(httpx.RemoteProtocolError):
        with lab.anonymous.stream("GET", path) as answer:
            for piece in answer.iter_bytes():
                received += piece
    assert len(whole) > size and received == whole[:size]


def test_odd_paths_are_kept_apart_from_the_query(lab) -> None:
    answer = lab.tenant.get("/v1/none%3Fname=x%20y?a=b")
    assert answer.json() == {"code": 404, "message": "path /v1/none?name=x y was not found"}
    assert lab.journal()[0]["path"] == "/v1/none?name=x y?a=b"


def test_drops_and_truncation_over_tls(start, tmp_path: Path) -> None:
    paths = tls.ensure(tmp_path)
    lab = start(tls=paths, verify=ssl.create_default_context(cafile=paths["ca"]))
    check_drops(lab)
    check_truncation(lab)


@pytest.mark.parametrize("body", [
    {"route": "GET /x", "kind": "status"}, {"kind": "delay"}, [{"route": "GET /x", "kind": "explode"}], [{"route": "/x", "kind": "drop-before"}],
    [{"route": "GET /x", "kind": "status"}], [{"route": "GET /x", "kind": "drop-before", "colour": 1}], [{"route": "GET /x", "kind": "drop-before", "nth": 0}],
    [{"server": "other", "route": "GET /x", "kind": "drop-before"}],
    [{"route": f"GET {USERS}", "kind": "drop-before"}, {"route": "GET /x", "kind": "explode"}]])
def test_faults_that_make_no_sense_are_refused_as_a_whole(lab, body: object) -> None:
    answer = lab.admin.post("/faults", json=body)
    assert answer.status_code == 400 and answer.json()["error"]
    assert statuses(lab, 1) == [200]


def test_reset_gives_the_site_again(start, control) -> None:
    lab = start(gateways=[copy.deepcopy(GATEWAY)], control=f"127.0.0.1:{control.server_address[1]}")
    control.answers["GET", "/state"] = {"datacenters": []}
    control.answers["GET", "/journal"] = {"items": []}
    before = lab.admin.get("/state?canonical=1").json()
    token = lab.anonymous.post("/v1/auth/authenticate", json={"emailId": "admin@lab.local", "password": CANARIES["admin"]}).json()["Authorization"]
    lab.tenant.post("/v1/projects", json={"metadata": {"name": "new"}})
    lab.tenant.get("/v1/overlords/pairing/code")
    uid = registered(lab)
    lab.tenant.post(f"/v1/overlords/vsphere/{uid}/account", json={"name": "gw", "account": ACCOUNT})
    lab.tenant.post(f"/v1/overlords/vsphere/{uid}/cloudconfig", json=config())
    fault(lab, count=0)
    assert lab.admin.get("/settled").json()["settled"] is False
    assert lab.admin.get("/state?canonical=1").json() != before
    assert lab.admin.post("/reset").status_code == 200
    assert lab.journal() == [] and lab.lab.engine.resets == 1
    assert lab.admin.get("/state?canonical=1").json() == before
    assert lab.admin.get("/settled").json() == {"settled": True, "due": []}
    assert statuses(lab, 1) == [200]
    assert lab.anonymous.get(USERS, headers={"Authorization": token}).status_code == 401
    assert [each["status"]["state"] for each in lab.tenant.get("/v1/overlords").json()["items"]] == ["Running"]
    assert [call for call in control.calls if call[0] != "GET"] == [("POST", "/reset", None), ("DELETE", "/journal", None)]


def test_reset_waits_for_the_seeded_gateways(start) -> None:
    lab = start(gateways=[copy.deepcopy(GATEWAY)])
    gate, post = threading.Event(), lab.lab.engine.post
    lab.lab.engine.post = lambda event, after=0.0: threading.Thread(target=lambda: gate.wait(10) and post(event)).start()
    answers: list[int] = []
    resetting = threading.Thread(target=lambda: answers.append(lab.admin.post("/reset").status_code))
    resetting.start()
    resetting.join(0.2)
    assert resetting.is_alive() and answers == []
    gate.set()
    resetting.join(10)
    assert answers == [200]


def test_state_has_both_servers_and_canonical_state_has_no_ids_and_times(start, control) -> None:
    def run(seed: int) -> tuple[dict, dict]:
        lab = start(gateways=[copy.deepcopy(GATEWAY)], settings={"seed": seed}, control=f"127.0.0.1:{control.server_address[1]}")
        cluster_uid = next(iter(lab.store.clusters))
        machine = next(iter(next(iter(lab.store.cloudconfigs.values()))["machines"].values()))["name"]
        control.answers["GET", "/state"] = {"datacenters": {"dc-1": {"vms": [
            {"name": machine, "moid": f"vm-{seed}", "annotation": f"cluster {cluster_uid}",
             "properties": {"guestinfo.pairing_code": f"sha256:{seed}", "pod": "x"},
             "extra_config": {"palette.vmware.run": f"{seed}", "palette.vmware.finished": "", "palette.vmware.checksum": "sha256:1"}},
            {"name": f"gone-cp-{'bbbbb' if seed == 1 else 'ccccc'}"}]}}, "sessions": seed,
            "leases": [{"id": f"session[{seed}]", "name": "half", "vm": f"vm-{seed}", "state": "ready"}]}
        return lab.admin.get("/state").json(), lab.admin.get("/state?canonical=1").json()
    (first_full, first), (second_full, second) = run(1), run(2)
    assert first == second and first_full != second_full
    assert first["vcenter"] == {"leases": [{"name": "half", "state": "ready"}], "datacenters": {"dc-1": {"vms": [
        {"name": "seed-gw-cp-pool-<0>", "annotation": "cluster <clusters:seed-gw>", "properties": {"guestinfo.pairing_code": "<set>", "pod": "x"},
         "extra_config": {"palette.vmware.run": "<set>", "palette.vmware.finished": "", "palette.vmware.checksum": "sha256:1"}},
        {"name": "gone-cp-<old>"}]}}}
    overlord = first["palette"]["overlords"][0]
    assert (overlord["name"], overlord["state"], overlord["cluster_uid"]) == ("seed-gw", "Running", "<clusters:seed-gw>")
    assert first["palette"]["events"] == {"<clusters:seed-gw>": ["ImageResolved"]}
    assert first["palette"]["pools"][0]["allotted"]["10.10.8.10"]["machine"] == "<machines:seed-gw/cp-pool/0>"
    assert "uid" in first_full["palette"]["overlords"][0] and first_full["palette"]["clock"]["offset_seconds"] == 0


@pytest.mark.parametrize("path", ["/offer-upgrade", "/stick", "/load"])
def test_what_comes_later_says_so(lab, path: str) -> None:
    answer = lab.admin.post(path, json={})
    assert answer.status_code == 501 and "step" in answer.json()["error"]


@pytest.fixture
def process(tmp_path: Path):
    """The real process without an engine's vCenter: (process, ready line, site)."""
    site = copy.deepcopy(SITE)
    site["palette"].update(listen=free_address(), admin=free_address())
    site["tls"] = tls.ensure(tmp_path)
    site["vcenter"]["control"] = free_address()
    path = tmp_path / "site.json"
    path.write_text(json.dumps(site))
    child = subprocess.Popen([sys.executable, "-m", "palette_lab.palette", "--site", str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             cwd=Path(__file__).resolve().parent.parent, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    yield child, json.loads(child.stdout.readline()), site
    child.kill()
    child.wait(10)
    child.stdin.close()
    child.stdout.close()


def test_the_process_says_ready_serves_tls_and_ends_with_its_standard_input(process) -> None:
    child, ready, site = process
    assert ready == {"ready": True, "listen": site["palette"]["listen"], "admin": site["palette"]["admin"]}
    context = ssl.create_default_context(cafile=site["tls"]["ca"])
    answer = httpx.get(f"https://{ready['listen']}{USERS}", headers={"ApiKey": "canary-key-admin"}, verify=context, trust_env=False)
    assert answer.status_code == 200
    assert child.poll() is None
    child.stdin.close()
    assert child.wait(15) == 0


def test_the_process_ends_on_sigterm(process) -> None:
    child = process[0]
    child.terminate()
    assert child.wait(15) == 0
