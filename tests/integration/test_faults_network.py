# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network and HTTP between the collection and both servers (faults N01 to N27), by playbooks on the lab."""
from __future__ import annotations

import base64
import contextlib
import gzip
import json
import random
import socket
import ssl
import threading
import time

import faulty
import requests
from faulty import PLACE, SCRIPTED, entry, failure, lines, palette, pool, sent, step, succeeded, vcenter
from palette_lab import tls, wait

SEED = 27
POOLS = "/v1/overlords/vsphere/*/pools"
POSTED, PUT, DELETED = "POST /v1/overlords/vsphere/UID/pools", "PUT /v1/overlords/vsphere/UID/pools/UID", "DELETE /v1/overlords/vsphere/UID/pools/UID"
MAPPING = {"gateway": "dc1-gw", "datacenter": "dc-1", "network": "pg-k8s", "dns_name": "fault.lab.local"}
MAPPINGS = "/v1/users/assets/vsphere/dnsMappings"
NOWHERE = {"state": "absent", "name": "nothing", "datacenter": "dc-1"}


def closed_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def presenting(folder, host="127.0.0.1", days=tls.DAYS):
    """A TLS server with a certificate for 127.0.0.1 that is good for so many days from yesterday on: (Site, its port, path of its CA)."""
    folder.mkdir()
    kept, tls.DAYS = tls.DAYS, days
    try:
        ca, certificate, _hosts_certificate, key = tls.make(["127.0.0.1"])
    finally:
        tls.DAYS = kept
    for name, text in (("ca", ca), ("certificate", certificate), ("key", key)):
        (folder / name).write_bytes(text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    with faulty.servers.serving(lambda request: faulty.servers.reply(200, {}), tls=context, host=host) as site:
        yield site, int(site.url.rpartition(":")[2]), str(folder / "ca")


def untouched(lab, run, titles, before):
    """After each of these tasks both servers were as before."""
    for title in titles:
        assert json.loads(entry(run, title)["snapshot"]["state"]) == before, title


def test_servers_that_are_not_there_or_prove_nothing(lab, play, tmp_path):
    """N01, N02, N03, N04: nothing is sent to a server that is not trusted; each reason is told apart."""
    with presenting(tmp_path / "other") as (other, port, _ca), presenting(tmp_path / "old", days=0.5) as (old, old_port, old_ca), \
            presenting(tmp_path / "name", host="127.0.0.2") as (named, name_port, name_ca):
        tasks = [step(lab, "refused", "gateway_info", palette_host=f"https://127.0.0.1:{closed_port()}", palette_retries=1),
                 step(lab, "refused vcenter", "gateway_installer", port=closed_port(), **NOWHERE),
                 step(lab, "no name", "gateway_info", palette_host="https://palette.invalid"),
                  step(lab, "unknown", "gateway_info", palette_host=other.url), step(lab, "old", "gateway_info", palette_host=old.url, palette_ca_path=old_ca),
                  step(lab, "name", "gateway_info", palette_host=named.url, palette_ca_path=name_ca),
                  step(lab, "unknown vcenter", "gateway_installer", port=port, **NOWHERE),
                  step(lab, "old vcenter", "gateway_installer", port=old_port, ca_path=old_ca, **NOWHERE),
                  step(lab, "name vcenter", "gateway_installer", hostname="127.0.0.2", port=name_port, ca_path=name_ca, **NOWHERE)]
        run = play(lab, tasks, env=SCRIPTED)
        assert [site.requests for site in (other, old, named)] == [[], [], []]
    assert failure(run, "refused", "PALETTE_UNREACHABLE", "refused the connection", "(2 tries)", "no proxy", "palette_host")["retriable"]
    assert failure(run, "refused vcenter", "VCENTER_UNREACHABLE", "hostname, port")["retriable"]
    assert not failure(run, "no name", "PALETTE_UNREACHABLE", "palette.invalid", "DNS", "palette_host")["retriable"]
    for title, words in (("unknown", "issuer"), ("old", "expired"), ("name", "127.0.0.2")):
        assert not failure(run, title, "PALETTE_UNREACHABLE", "certificate", words, "palette_ca_path")["retriable"]
    for title, words in (("unknown vcenter", "issuer"), ("old vcenter", "expired"), ("name vcenter", "127.0.0.2")):
        assert not failure(run, title, "VCENTER_UNREACHABLE", "certificate", words, "SHA-256", "ca_path")["retriable"]
    assert lab.journal() == [], "the lab itself was asked nothing"


def test_credentials_are_tried_once_and_a_redirect_never_followed(lab, play):
    """N06, N09, N13, M08."""
    before, sessions = lab.state(), faulty.sessions(lab)
    with faulty.servers.serving(lambda request: faulty.servers.reply(200, {"items": []})) as other:
        run = play(lab, [
            step(lab, "redirect", "gateway_info", palette("redirect", "GET /v1/overlords*", location=f"{other.url}/v1/overlords?token=C4n4ry-t0ken")),
            step(lab, "wrong key", "gateway_info", palette_api_key="C4n4ry-key-00"),
            step(lab, "wrong password", "gateway_installer", password="C4n4ry-word-00", **NOWHERE),
            step(lab, "project key", "gateway_info", palette_api_key=lab.env["PALETTE_PROJECT_API_KEY"]),
            step(lab, "viewer", "ip_pool", palette_api_key=lab.env["PALETTE_VIEWER_API_KEY"], **faulty.POOL),
            step(lab, "wrong account", "gateway", name="dc1-gw", state="registered", update_password="always", account={
                "vcenter_server": f"{lab.env['VMWARE_HOST']}:{lab.env['VMWARE_PORT']}", "username": "nobody", "password": "C4n4ry-word-01", "insecure": True}),
            step(lab, "forbidden", "gateway_installer", vcenter("fault", "RetrievePropertiesEx", fault="NoPermission"), **NOWHERE),
        ], env=SCRIPTED, snapshots=True)
        assert other.connections == 0
    text = failure(run, "redirect", "PALETTE_BAD_ANSWER", "302", other.url, "GET /v1/overlords", "palette_host")
    assert "C4n4ry" not in run.text and "token" not in str(text)
    assert not failure(run, "wrong key", "PALETTE_DENIED", "rejected the API key (from ", "palette_api_key")["retriable"]
    assert not failure(run, "wrong password", "VCENTER_DENIED", lab.env["VMWARE_USER"], "username and password")["retriable"]
    assert len(sent(run, "wrong key")) == 1 and lines(sent(run, "wrong password")).count("Login SessionManager:SessionManager") == 1
    failure(run, "project key", "PALETTE_FORBIDDEN", "tenant scope", "tenant admin's API key")
    failure(run, "viewer", "PALETTE_FORBIDDEN", "POST /v1/overlords/vsphere", "tenant admin's API key")
    failure(run, "forbidden", "VCENTER_DENIED", "NoPermission")
    failure(run, "wrong account", "PALETTE_REFUSED", "user nobody at", "correct vcenter_server, username or password")
    untouched(lab, run, ["redirect", "wrong key", "wrong password", "wrong account", "project key", "viewer", "forbidden"], before)
    assert faulty.sessions(lab) == sessions


BOMB = base64.b64encode(gzip.compress(bytes(20 * 1024 * 1024))).decode()
BAD_ANSWERS = {
    "cut": ({"status": 200, "body": "{\"items\": [{\"meta"}, "no JSON"), "empty": ({"status": 200, "body": ""}, "the body is empty"),
    "null": ({"status": 200, "body": "null"}, "JSON object"), "array": ({"status": 200, "body": []}, "JSON object"),
    "page": ({"status": 200, "body": "<html><title>Sign in</title></html>", "content_type": "text/html"}, "titled 'Sign in'"),
    "blocked": ({"status": 403, "body": "<html><title>Blocked</title></html>", "content_type": "text/html"}, "titled 'Blocked'"),
    "huge": ({"status": 200, "body": "x" * 1024, "body_repeat": 20 * 1024}, "larger than 16 MiB"),
    "bomb": ({"status": 200, "body_base64": BOMB, "headers": {"Content-Encoding": "gzip"}}, "larger than 16 MiB"),
}


def test_answers_that_are_none(lab, play):
    """N20, N21: said as what they are, for reading and for writing; a POST that was answered so is looked up and not sent again."""
    before = lab.state()
    reads = [step(lab, name, "gateway_info", palette("status", "GET /v1/overlords", count=0, **fault), palette_retries=0)
             for name, (fault, _words) in BAD_ANSWERS.items()]
    write = pool(lab, "write", palette("status", f"POST {POOLS}", status=200, body="null", count=0), palette_retries=0)
    run = play(lab, [*reads, write, step(lab, "truncated", "gateway_info", palette("truncate", "GET /v1/overlords", bytes=20), palette_retries=1)],
               env=SCRIPTED, snapshots=True)
    for name, (_fault, words) in BAD_ANSWERS.items():
        error = failure(run, name, "PALETTE_BAD_ANSWER", words, "GET /v1/overlords", "palette_host" if name != "huge" else "16 MiB")
        assert error["retriable"] or name in ("huge", "bomb"), name
    assert not failure(run, "write", "PALETTE_BAD_ANSWER", "JSON object", "POST /v1/overlords")["retriable"]
    assert lines(sent(run, "write")).count(POSTED) == 1
    untouched(lab, run, [*BAD_ANSWERS, "write"], before)
    assert succeeded(run, "truncated")["gateways"], "a cut connection is tried again"


def test_rates_and_bursts(lab, play):
    """N14, N15, N16: Retry-After counts when it makes sense; what is safe is repeated, 500 is a refusal and is not."""
    limit = {"route": "GET /v1/overlords", "status": 429, "kind": "status"}
    run = play(lab, [
        step(lab, "told", "gateway_info", {**limit, "headers": {"Retry-After": "2"}}),
        step(lab, "limited", "gateway_info", {**limit, "count": 0}, palette_retries=0),
        step(lab, "burst", "gateway_info", palette("status", "GET /v1/overlords", status=503), palette("status", "GET /v1/overlords", status=502, nth=2)),
        pool(lab, "post", palette("status", f"POST {POOLS}", status=502)), pool(lab, "same"),
        pool(lab, "put", palette("status", f"PUT {POOLS}/*", status=503), end="10.10.8.58"),
        pool(lab, "delete", palette("status", f"DELETE {POOLS}/*", status=504), state="absent"),
        pool(lab, "five hundred", palette("status", f"POST {POOLS}", status=500, count=0), palette_retries=3),
    ], env=SCRIPTED, snapshots=True)
    gets = {title: lines(sent(run, title)).count("GET /v1/overlords") for title in ("told", "limited", "burst")}
    assert gets == {"told": 2, "limited": 1, "burst": 3}
    assert "Palette answered 429 to GET /v1/overlords; going on in 2 s" in run.stdout
    for title in ("told", "burst"):
        assert succeeded(run, title)["gateways"]
    assert failure(run, "limited", "PALETTE_RATE_LIMITED", "lower forks or set throttle")["retriable"]
    for title, line in (("post", POSTED), ("put", PUT), ("delete", DELETED)):
        succeeded(run, title, changed=True)
        assert lines(sent(run, title)).count(line) == 2, title
    assert not entry(run, "same")["result"]["changed"]
    assert not failure(run, "five hundred", "PALETTE_REFUSED", "POST /v1/overlords")["changed_something"]
    assert lines(sent(run, "five hundred")).count(POSTED) == 1


def test_answers_that_are_lost_make_nothing_twice(lab, play):
    """N17: after the commit the connection ends. One object, `changed` is true; a look-up that fails too says that something may be there."""
    lost = "drop-after-commit"
    run = play(lab, [
        pool(lab, "pool", palette(lost, f"POST {POOLS}")),
        pool(lab, "pool gone", palette(lost, f"DELETE {POOLS}/*"), state="absent"),
        step(lab, "name", "dns_mapping", palette(lost, f"POST {MAPPINGS}"), **MAPPING),
        step(lab, "name gone", "dns_mapping", palette(lost, f"DELETE {MAPPINGS}/*"), **MAPPING, state="absent"),
        step(lab, "labels", "gateway", palette(lost, "PUT /v1/overlords/*/metadata"), name="dc1-gw", labels={"a": "b"}, state="registered"),
        pool(lab, "in doubt", palette(lost, f"POST {POOLS}"), palette("status", f"GET {POOLS}", status=503, nth=2, count=0), palette_retries=0),
        pool(lab, "found"),
    ], env=SCRIPTED, snapshots=True)
    for title in ("pool", "pool gone", "name", "name gone", "labels"):
        succeeded(run, title, changed=True)
    assert lines(sent(run, "pool")).count(POSTED) == 1 and lines(sent(run, "name")).count(f"POST {MAPPINGS}") == 1
    for title, kind, name in (("pool", "pools", "fault-pool"), ("name", "dns_mappings", "fault.lab.local")):
        found = json.loads(entry(run, title)["snapshot"]["state"])["palette"][kind]
        assert [each.get("name") or each.get("dns_name") for each in found].count(name) == 1
    error = failure(run, "in doubt", "PALETTE_UNREACHABLE", "503", "whether POST /v1/overlords/vsphere", "is not known")
    assert error["changed_something"] and error["retriable"]
    succeeded(run, "found", changed=False)


def test_a_name_that_someone_else_takes_meanwhile_stays_theirs(lab, play):
    """N18, C03: another pool of that name appears between the look and the POST. Palette refuses, and nothing of theirs is changed."""
    lab.fault(palette("delay", f"POST {POOLS}", seconds=2))
    gateway = lab.state(False)["palette"]["overlords"][0]["uid"]
    theirs = {"metadata": {"name": "fault-pool"}, "spec": {"pool": {"start": "10.10.8.60", "end": "10.10.8.62", "prefix": 22, "gateway": "10.10.8.1"}}}

    def take():
        assert wait.until(lambda: any(item["method"] == "POST" for item in lab.journal()), 30)
        requests.post(f"{lab.env['PALETTE_HOST']}{POOLS.replace('*', gateway)}", json=theirs, headers={"ApiKey": lab.env["PALETTE_API_KEY"]},
                      verify=lab.env["PALETTE_CA_PATH"], timeout=30).raise_for_status()
    other = threading.Thread(target=take)
    other.start()
    run = play(lab, [{"name": "mine", "palette.vmware.ip_pool": faulty.POOL}], status=2)
    other.join()
    assert not failure(run, "mine", "PALETTE_REFUSED", "fault-pool", "correct what Palette names")["changed_something"]
    found = [each["pool"]["start"] for each in lab.state()["palette"]["pools"] if each["name"] == "fault-pool"]
    assert found == ["10.10.8.60"]


def test_slow_servers_are_only_slow(lab, play):
    """N25: the calls are the same as on a fast site, none twice."""
    tasks = [{"name": "pool", "palette.vmware.ip_pool": faulty.POOL},
             {"name": "installer", "palette.vmware.gateway_installer": {"name": "slow-installer", "ova_ca_path": lab.env["PALETTE_CA_PATH"], "power_on": False,
                                                                        **PLACE}}]
    run = play(lab, tasks)
    fast = [line for line in lines(lab.writes()) if not line.startswith(("HttpNfcLeaseProgress", "ReconfigVM_Task"))]
    state = lab.state()
    lab.reset()
    lab.fault(palette("delay", "* /*", seconds=0.05, count=0), *(vcenter("delay", method, seconds=0.05, count=0) for method in (
        "RetrieveProp*", "Log*", "*Import*", "*Lease*", "* /nfc/*", "*_Task")))
    began = time.monotonic()
    run = play(lab, tasks)
    assert time.monotonic() - began > 1 and run.result("pool")["changed"] and run.result("installer")["changed"]
    slow = [line for line in lines(lab.writes()) if not line.startswith(("HttpNfcLeaseProgress", "ReconfigVM_Task"))]

    def generic(found):
        return [line.split()[0] if not line.split()[1].startswith("/v1/") else line for line in found]
    assert generic(slow) == generic(fast) and lab.state() == state


def test_proxies_of_the_environment(lab, play, tmp_path):
    """N26: they carry the calls to Palette and not those to vCenter; a dead one is named without its password."""
    dead = {"HTTPS_PROXY": f"http://user:C4n4ry-pr0xy@127.0.0.1:{closed_port()}"}
    tasks = [step(lab, "palette", "gateway_info", palette_retries=0), step(lab, "vcenter", "gateway_installer", **NOWHERE)]
    run = play(lab, tasks, env={**SCRIPTED, **dead})
    failure(run, "palette", "PALETTE_UNREACHABLE", "proxy", "127.0.0.1", "HTTPS_PROXY")
    assert "C4n4ry" not in run.text
    succeeded(run, "vcenter", changed=False)
    with faulty.servers.proxying() as proxy:
        run = play(lab, tasks, env={**SCRIPTED, "HTTPS_PROXY": proxy.url})
        assert succeeded(run, "palette")["gateways"]
        assert {request.target for request in proxy.requests} == {lab.env["PALETTE_HOST"].removeprefix("https://")}


def test_one_reset_anywhere(lab, play):
    """N27: success, or a clean failure that can be tried again; then the same task goes through, and there is one of everything."""
    dice, tasks, states = random.Random(SEED), [], ["present", "absent"]
    for number in range(4):
        kind = dice.choice(["drop-before", "drop-after-commit"])
        state = states[number % 2]
        tasks += [pool(lab, f"reset {number}", palette(kind, "* /v1/*", nth=dice.randint(1, 4)), state=state), pool(lab, f"then {number}", state=state)]
    for number in range(4):
        tasks += [step(lab, f"vcenter {number}", "gateway_installer", vcenter(dice.choice(["drop-before", "drop-after-commit"]), "*", nth=dice.randint(1, 14)),
                       **NOWHERE)]
    before = lab.state()
    run = play(lab, tasks, env=SCRIPTED, snapshots=True)
    for number in range(4):
        if faulty.has_failed(run, f"reset {number}"):
            assert failure(run, f"reset {number}", "PALETTE_UNREACHABLE")["retriable"]
        succeeded(run, f"then {number}")
        pools = json.loads(entry(run, f"then {number}")["snapshot"]["state"])["palette"]["pools"]
        assert [each["name"] for each in pools].count("fault-pool") == 1 - number % 2
        assert entry(run, f"reset {number}")["result"]["changed"] or entry(run, f"then {number}")["result"]["changed"]
    for number in range(4):
        if faulty.has_failed(run, f"vcenter {number}"):
            error = entry(run, f"vcenter {number}")["result"]["error"]
            assert error["code"] == "VCENTER_UNREACHABLE" and error["retriable"] and not error["changed_something"]
        called = lines(sent(run, f"vcenter {number}"))
        assert not any("RetrieveProp" in line for line in called) or "Logout SessionManager:SessionManager" in called
    untouched(lab, run, ["vcenter 3"], before)


def test_the_labs_logs_hold_no_secret(lab):
    faulty.logs_without_secrets(lab, "C4n4ry")
