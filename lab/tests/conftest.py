# SPDX-License-Identifier: GPL-3.0-or-later
"""A Palette process in a thread, with stand-ins for vCenter and the engine only; every test has its own ports and store."""

from __future__ import annotations

import asyncio
import copy
import http.server
import json
import os
import socket
import threading
import time
from typing import Any, Callable, Iterator

import httpx
import pytest

from palette_lab import ova, palette, schema
from palette_lab.app import Lab
from palette_lab.clock import Clock
from palette_lab.store import Store

CANARIES = {"admin": "canary-admin-pw", "project": "canary-project-pw", "viewer": "canary-viewer-pw", "vcenter": "canary-vcenter-pw"}
ACCOUNT = {"vcenterServer": "vcenter.lab.local", "username": "svc-palette@vsphere.local", "password": CANARIES["vcenter"], "insecure": True}
SITE = {
    "vcenter": {"listen": "127.0.0.1:1", "control": "", "users": [{"name": "administrator@vsphere.local", "password": "canary-root-pw", "admin": True},
                                                                  {"name": "svc-palette@vsphere.local", "password": CANARIES["vcenter"]}]},
    "networks": {},
    "palette": {
        "organization": "lab", "projects": ["Default", "team-a"], "gateways": [],
        "users": [{"email": "admin@lab.local", "password": CANARIES["admin"], "role": "tenant_admin", "api_key": "canary-key-admin"},
                  {"email": "pa@lab.local", "password": CANARIES["project"], "role": "project_admin", "projects": ["Default"], "api_key": "canary-key-project"},
                  {"email": "view@lab.local", "password": CANARIES["viewer"], "role": "viewer", "api_key": "canary-key-viewer"}]},
    "tls": None,
    "settings": {"speed": 60, "ova_mib": 1, "seed": 1, "fleet": 0, "openapi": None, "check_responses": False},
    "switches": {"business_error_status": None, "reserve_install_pool": False, "strict_project_header": False, "leave_deletion_timestamps_unset": False}}
GATEWAY = {"name": "seed-gw", "size": 1, "datacenter": "dc-1",
           "placements": [{"compute_cluster": "cluster-1", "datastore": "ds-shared-1", "folder": "palette", "resource_pool": "palette", "network": "pg-k8s"}],
           "pool": {"name": "seed-pool", "start": "10.10.8.10", "end": "10.10.8.12", "gateway": "10.10.8.1", "prefix": 22}}


class Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class FakeVsphere:
    """Knows one password, one datacenter and one compute cluster."""

    def __init__(self) -> None:
        self.asked: list[dict] = []
        self.gate: threading.Event | None = None

    def check_account(self, account: dict) -> None:
        self.asked.append(account)
        if self.gate is not None:
            assert self.gate.wait(10)
        if account["password"] != CANARIES["vcenter"]:
            raise Refused("CloudAccountValidationFailed", "Cannot complete login due to an incorrect user name or password.")

    def datacenters(self, account: dict) -> list[dict]:
        self.check_account(account)
        return [{"datacenter": "dc-1", "computeclusters": ["cluster-1"], "folders": ["palette", "spectro-templates"]}]

    def compute_cluster_resources(self, account: dict, datacenter: str, cluster: str) -> dict:
        self.check_account(account)
        if (datacenter, cluster) != ("dc-1", "cluster-1"):
            raise Refused("ResourceNotFound", f"compute cluster '{cluster}' not found in {datacenter}")
        return {"datacenter": datacenter,
                "computecluster": {"name": cluster, "datastores": ["ds-shared-1"], "networks": ["pg-k8s"], "resourcePools": ["Resources"]}}


class FakeEngine:
    """Keeps what was posted; a seeded gateway is Running at once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.posted: list[dict] = []
        self.resets = 0
        self.wakes = 0

    def post(self, event: dict, after: float = 0.0) -> None:
        self.posted.append(event)
        if event["type"] == "gateway.seed":
            finish(self.store, event["uid"])

    def due(self) -> list[dict]:
        return [event for event in self.posted if event["type"] != "gateway.seed"]

    def wake(self) -> None:
        self.wakes += 1

    def stop(self) -> None:
        self.posted.clear()

    def reset(self) -> None:
        self.posted.clear()
        self.resets += 1


def finish(store: Store, uid: str) -> None:
    """What the engine leaves behind when a gateway's cluster is up: one machine with one address."""
    with store.lock:
        overlord = store.overlords[uid]
        cluster = store.clusters[overlord["cluster_uid"]]
        config = store.cloudconfigs[cluster["config_uid"]]
        suffix = "bcdfg" if store.site["settings"]["seed"] == 1 else "hjklm"
        machine = {"uid": store.new_uid(), "name": f"{overlord['name']}-cp-{suffix}", "pool": "cp-pool", "state": "Running", "moid": "vm-7",
                   "address": "10.10.8.10", "placement": copy.deepcopy(config["pools"][0]["placements"][0]), "health": "Healthy",
                   "created": store.now(), "maintenance": None}
        config["machines"][machine["uid"]] = machine
        for pool in store.where("pools", overlord_uid=uid)[:1]:
            pool["allotted"] = {"10.10.8.10": {"cluster": cluster["uid"], "use": "node", "machine": machine["uid"]}}
        cluster.update(state="Running", health="Healthy", heartbeat=store.now(), endpoint="10.10.8.11", upgrades=[{"reason": ["resized"], "at": store.now()}])
        cluster["conditions"].append({"type": "KubeConfigReady", "status": "True", "reason": "KubeConfigReady", "message": "", "at": store.now()})
        overlord.update(state="Running", heartbeat=store.now())
        store.add_event(cluster["uid"], "ImageResolved", "image resolved")


class Control(http.server.BaseHTTPRequestHandler):
    """vCenter's control listener, as far as it keeps a journal and takes notes."""

    def do(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        self.server.calls.append((self.command, self.path, body))
        answer = self.server.answers.get((self.command, self.path), {})
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = do

    def log_message(self, *arguments: Any) -> None:
        return


class Running:
    """A started Palette: clients by role, and the objects behind it."""

    def __init__(self, lab: Lab, url: str, admin_url: str, verify: Any) -> None:
        self.lab, self.store, self.url, self.admin_url = lab, lab.store, url, admin_url
        self.anonymous = httpx.Client(base_url=url, verify=verify, trust_env=False)
        self.tenant, self.project, self.viewer = (httpx.Client(base_url=url, headers={"ApiKey": f"canary-key-{role}"}, verify=verify, trust_env=False)
                                                  for role in ("admin", "project", "viewer"))
        self.admin = httpx.Client(base_url=admin_url, verify=False, trust_env=False, timeout=30)

    def project_uid(self, name: str = "Default") -> str:
        return self.store.where("projects", name=name)[0]["uid"]

    def journal(self) -> list[dict]:
        return self.admin.get("/journal").json()["items"]

    def close(self) -> None:
        for client in (self.anonymous, self.tenant, self.project, self.viewer, self.admin):
            client.close()


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture(scope="session")
def spec() -> schema.Spec:
    """The OpenAPI of LAB_OPENAPI; without it the tests that need it are skipped, and say so."""
    path = os.environ.get("LAB_OPENAPI", "")
    if not path:
        pytest.skip("LAB_OPENAPI is not set: answers are not checked against the OpenAPI file")
    return schema.Spec(path)


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """start(site changes) → Running; ends with the test."""
    ended: list[Callable[[], None]] = []

    def run(gateways: list | None = None, settings: dict | None = None, switches: dict | None = None, tls: dict | None = None, spec: schema.Spec | None = None,
            control: str = "", verify: Any = False, clock: Clock | None = None) -> Running:
        site = copy.deepcopy(SITE)
        site["palette"].update(listen=free_address(), admin=free_address(), gateways=gateways or [])
        site["settings"].update(settings or {})
        site["switches"].update(switches or {})
        site["vcenter"]["control"] = control
        site["tls"] = tls
        store = Store(site, clock)
        lab = Lab(store, engine=FakeEngine(store), vsphere=FakeVsphere(), refused=Refused, ova=ova, spec=spec or schema.Spec(None))
        palette.admin.post_seeds(lab)
        up, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
        thread = threading.Thread(target=loop.run_until_complete, args=(palette.serve(lab, lambda message: up.set(), stop),), daemon=True)
        thread.start()
        assert up.wait(10), "the Palette process did not become ready in 10 s"
        running = Running(lab, f"http{'s' if tls else ''}://{site['palette']['listen']}", f"http://{site['palette']['admin']}", verify)

        def end() -> None:
            running.close()
            loop.call_soon_threadsafe(stop.set)
            thread.join(10)
            assert not thread.is_alive(), "the Palette process did not end in 10 s"
            loop.close()

        ended.append(end)
        return running

    yield run
    for end in reversed(ended):
        end()


@pytest.fixture
def lab(start: Callable[..., Running]) -> Running:
    return start()


@pytest.fixture
def seeded(start: Callable[..., Running]) -> Running:
    """With the Running gateway seed-gw."""
    return start(gateways=[copy.deepcopy(GATEWAY)])


@pytest.fixture
def control() -> Iterator[http.server.ThreadingHTTPServer]:
    """A stand-in for vCenter's control listener: `calls` it got, `answers` it gives."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Control)
    server.calls, server.answers = [], {}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any], str], Any]:
    """eventually(probe, what): the probe's first true value within 10 s."""
    def wait(probe: Callable[[], Any], what: str) -> Any:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            value = probe()
            if value:
                return value
            time.sleep(0.01)
        raise AssertionError(f"{what}: not within 10 s")
    return wait
