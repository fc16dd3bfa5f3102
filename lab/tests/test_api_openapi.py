# SPDX-License-Identifier: GPL-3.0-or-later
"""Against the OpenAPI file of LAB_OPENAPI: success codes, answers (unknown fields refused), and what is said about wrong requests."""

from __future__ import annotations

import copy
from typing import Any, Callable

import httpx
import pytest
from conftest import ACCOUNT, CANARIES, GATEWAY, Running
from test_api_gateways import POOL, config, registered, with_account

from palette_lab import app
from palette_lab.schema import Spec, completed, reachable

SUCCESS = {
    "POST /v1/auth/authenticate": 200, "GET /v1/auth/refresh/{token}": 200, "GET /v1/users/info": 200, "GET /v1/users": 200,
    "GET /v1/dashboard/projects/metadata": 200, "POST /v1/projects": 201, "GET /v1/projects/{uid}": 200,
    "GET /v1/overlords/pairing/code": 200, "GET /v1/overlords/vsphere/ova": 200, "GET /v1/overlords": 200, "POST /v1/dashboard/pcgs/search": 200,
    "GET /v1/overlords/{uid}": 200, "DELETE /v1/overlords/{uid}": 200, "PUT /v1/overlords/{uid}/metadata": 204, "PUT /v1/overlords/{uid}/reset": 200,
    "POST /v1/overlords/vsphere/{uid}/account": 201, "PUT /v1/overlords/vsphere/{uid}/account": 204,
    "POST /v1/overlords/vsphere/{uid}/account/validate": 204, "POST /v1/overlords/vsphere/{uid}/cloudconfig": 201,
    "PUT /v1/overlords/vsphere/{uid}/cloudconfig": 204, "GET /v1/overlords/vsphere/{uid}/clusterprofile": 200,
    "GET /v1/overlords/vsphere/{uid}/pools": 200, "POST /v1/overlords/vsphere/{uid}/pools": 201, "PUT /v1/overlords/vsphere/{uid}/pools/{poolUid}": 204,
    "DELETE /v1/overlords/vsphere/{uid}/pools/{poolUid}": 204, "GET /v1/overlords/vsphere/{uid}/properties/datacenters": 200,
    "GET /v1/overlords/vsphere/{uid}/properties/computecluster/resources": 200, "GET /v1/users/assets/vsphere/dnsMappings": 200,
    "GET /v1/users/assets/vsphere/dnsMapping": 200, "POST /v1/users/assets/vsphere/dnsMappings": 201, "GET /v1/users/assets/vsphere/dnsMappings/{uid}": 200,
    "PUT /v1/users/assets/vsphere/dnsMappings/{uid}": 204, "DELETE /v1/users/assets/vsphere/dnsMappings/{uid}": 204,
    "GET /v1/cloudaccounts/vsphere": 200, "GET /v1/cloudaccounts/vsphere/{uid}": 200, "GET /v1/cloudaccounts/vsphere/{uid}/properties/datacenters": 200,
    "GET /v1/cloudaccounts/vsphere/{uid}/properties/computecluster/resources": 200, "GET /v1/cloudaccounts/summary": 200,
    "GET /v1/dashboard/cloudaccounts/metadata": 200, "POST /v1/clouds/vsphere/account/validate": 204, "POST /v1/dashboard/spectroclusters/search": 200,
    "GET /v1/dashboard/spectroclusters/search/schema": 200, "GET /v1/dashboard/spectroclusters/metadata": 200,
    "GET /v1/dashboard/spectroclusters/{uid}": 200, "GET /v1/dashboard/spectroclusters/{uid}/overview": 200,
    "GET /v1/dashboard/spectroclusters/repaveStatus": 200, "GET /v1/spectroclusters/{uid}": 200, "GET /v1/spectroclusters/{uid}/status": 200,
    "GET /v1/spectroclusters/{uid}/config/namespaces": 200, "GET /v1/spectroclusters/{uid}/config/rbacs": 200,
    "GET /v1/spectroclusters/{uid}/assets/kubeconfig": 200, "GET /v1/spectroclusters/{uid}/assets/adminKubeconfig": 200,
    "GET /v1/spectroclusters/{uid}/assets/kubeconfigclient": 200, "GET /v1/events/components/{objectKind}/{objectUid}": 200,
    "GET /v1/spectroclusters/{uid}/profiles": 200, "GET /v1/spectroclusters/{uid}/profileUpdates": 200, "GET /v1/spectroclusters/{uid}/variables": 200,
    "GET /v1/spectroclusters/{uid}/repave/status": 200, "GET /v1/notifications/{objectKind}/{objectUid}": 200, "PATCH /v1/notifications/{uid}/ack": 204,
    "PATCH /v1/notifications/{uid}/done": 204, "GET /v1/cloudconfigs/vsphere/{configUid}": 200,
    "GET /v1/cloudconfigs/vsphere/{configUid}/machinePools/{machinePoolName}/machines": 200,
    "GET /v1/cloudconfigs/vsphere/{configUid}/machinePools/{machinePoolName}/machines/{machineUid}": 200,
    "GET /v1/dashboard/clusterprofiles/metadata": 200, "GET /v1/clusterprofiles/{uid}": 200}
NOT_CONFIGURED = {"GET /v1/spectroclusters/{uid}/features/backup", "GET /v1/spectroclusters/{uid}/features/complianceScan"}


class Recorder:
    """Sends operations by template and remembers the status of each."""

    def __init__(self, lab: Running) -> None:
        self.lab, self.seen = lab, {}

    def __call__(self, operation: str, body: Any = None, query: dict | None = None, **path: str) -> httpx.Response:
        method, template = operation.split(" ")
        answer = self.lab.tenant.request(method, template.format(**path), json=body, params=query) if body is not None else \
            self.lab.tenant.request(method, template.format(**path), params=query)
        self.seen[operation] = answer.status_code
        assert answer.status_code == SUCCESS[operation], f"{operation}: {answer.status_code} {answer.text[:500]}"
        return answer


@pytest.fixture
def checked(start: Callable[..., Running], spec: Spec) -> Running:
    return start(gateways=[copy.deepcopy(GATEWAY)], settings={"openapi": spec.path, "check_responses": True}, spec=spec)


def identity(call: Recorder) -> None:
    token = call("POST /v1/auth/authenticate", {"emailId": "admin@lab.local", "password": CANARIES["admin"], "org": "lab"}).json()["Authorization"]
    call("GET /v1/auth/refresh/{token}", token=token)
    call("GET /v1/users/info"), call("GET /v1/users"), call("GET /v1/dashboard/projects/metadata")
    call("GET /v1/projects/{uid}", uid=call("POST /v1/projects", {"metadata": {"name": "new"}}).json()["uid"])


def gateway(call: Recorder, seeded: str) -> None:
    call("GET /v1/overlords/pairing/code", query={"cloudType": "vsphere"}), call("GET /v1/overlords/vsphere/ova"), call("GET /v1/overlords")
    call("POST /v1/dashboard/pcgs/search", {"sort": None})
    uid = registered(call.lab)
    call("POST /v1/overlords/vsphere/{uid}/account/validate", {"account": ACCOUNT}, uid=uid)
    account = call("POST /v1/overlords/vsphere/{uid}/account", {"name": "gw", "shareWithProjects": True, "account": ACCOUNT}, uid=uid).json()["uid"]
    call("PUT /v1/overlords/vsphere/{uid}/account", {"account": ACCOUNT}, uid=uid)
    call("GET /v1/overlords/vsphere/{uid}/clusterprofile", uid=uid)
    pool = call("POST /v1/overlords/vsphere/{uid}/pools", POOL, uid=uid).json()["uid"]
    call("PUT /v1/overlords/vsphere/{uid}/pools/{poolUid}", {"metadata": {"name": "p"}, "spec": {"pool": {"subnet": "10.1.0.0/24"}}}, uid=uid, poolUid=pool)
    call("GET /v1/overlords/vsphere/{uid}/pools", uid=uid), call("GET /v1/overlords/{uid}", uid=uid)
    call("DELETE /v1/overlords/vsphere/{uid}/pools/{poolUid}", uid=uid, poolUid=pool)
    resources = {"datacenter": "dc-1", "computecluster": "cluster-1"}
    for base, one in (("GET /v1/overlords/vsphere/{uid}", uid), ("GET /v1/cloudaccounts/vsphere/{uid}", account)):
        call(base + "/properties/datacenters", uid=one), call(base + "/properties/computecluster/resources", query=resources, uid=one)
    call("PUT /v1/overlords/{uid}/metadata", {"metadata": {"name": "gw"}}, uid=uid)
    call("POST /v1/overlords/vsphere/{uid}/cloudconfig", config(), uid=uid), call("PUT /v1/overlords/{uid}/reset", uid=uid)
    placement = call.lab.store.overlords[seeded]["config"]
    call("PUT /v1/overlords/vsphere/{uid}/cloudconfig", {**placement, "size": 3}, uid=seeded)
    call("DELETE /v1/overlords/{uid}", uid=uid)


def dns(call: Recorder, gateway_uid: str) -> None:
    spec = {"privateGatewayUid": gateway_uid, "datacenter": "dc-1", "network": "pg-k8s", "dnsName": "k8s.lab.local"}
    base = "/v1/users/assets/vsphere/dnsMapping"
    uid = call(f"POST {base}s", {"metadata": {"name": "k8s.lab.local"}, "spec": spec}).json()["uid"]
    call(f"GET {base}s"), call(f"GET {base}s/{{uid}}", uid=uid), call(f"PUT {base}s/{{uid}}", {"spec": spec}, uid=uid)
    call(f"GET {base}", query={"gatewayUid": gateway_uid, "datacenter": "dc-1", "network": "pg-k8s"})
    call(f"DELETE {base}s/{{uid}}", uid=uid)


def accounts(call: Recorder) -> None:
    uid = call("GET /v1/cloudaccounts/vsphere", query={"limit": "0"}).json()["items"][0]["metadata"]["uid"]
    call("GET /v1/cloudaccounts/vsphere/{uid}", uid=uid), call("GET /v1/cloudaccounts/summary"), call("GET /v1/dashboard/cloudaccounts/metadata")
    call("POST /v1/clouds/vsphere/account/validate", ACCOUNT)


def cluster(call: Recorder, uid: str) -> None:
    for path in ("", "/status", "/config/namespaces", "/config/rbacs", "/assets/kubeconfig", "/assets/adminKubeconfig", "/assets/kubeconfigclient", "/profiles",
                 "/profileUpdates", "/variables", "/repave/status"):
        call("GET /v1/spectroclusters/{uid}" + path, uid=uid)
    call("GET /v1/dashboard/spectroclusters/{uid}", uid=uid), call("GET /v1/dashboard/spectroclusters/{uid}/overview", uid=uid)
    call("GET /v1/dashboard/spectroclusters/metadata"), call("GET /v1/dashboard/spectroclusters/repaveStatus")
    call("POST /v1/dashboard/spectroclusters/search", {}), call("GET /v1/dashboard/spectroclusters/search/schema")
    call("GET /v1/events/components/{objectKind}/{objectUid}", objectKind="spectrocluster", objectUid=uid)
    note = call.lab.store.add("notifications", cluster_uid=uid, name="n", type="NotificationPackUpdate", action_type="NotifyActionPacksUpdate")["uid"]
    call("GET /v1/notifications/{objectKind}/{objectUid}", objectKind="spectrocluster", objectUid=uid)
    call("PATCH /v1/notifications/{uid}/ack", uid=note), call("PATCH /v1/notifications/{uid}/done", uid=note)
    base = "GET /v1/cloudconfigs/vsphere/{configUid}"
    config_uid = call.lab.store.clusters[uid]["config_uid"]
    call(base, configUid=config_uid)
    machine = call(base + "/machinePools/{machinePoolName}/machines", configUid=config_uid, machinePoolName="cp-pool").json()["items"][0]["metadata"]["uid"]
    call(base + "/machinePools/{machinePoolName}/machines/{machineUid}", configUid=config_uid, machinePoolName="cp-pool", machineUid=machine)
    profile = call("GET /v1/dashboard/clusterprofiles/metadata").json()["items"][0]["metadata"]["uid"]
    call("GET /v1/clusterprofiles/{uid}", uid=profile)


def test_every_operation_answers_as_the_openapi_says(checked) -> None:
    call, seeded = Recorder(checked), checked.store.seeded[0]
    identity(call), cluster(call, checked.store.overlords[seeded]["cluster_uid"]), gateway(call, seeded), dns(call, seeded), accounts(call)
    assert call.seen == SUCCESS
    assert set(SUCCESS) | NOT_CONFIGURED == {f"{route.method} {route.template}" for route in app.ROUTES}
    assert checked.admin.get("/violations").json() == {"items": []}
    for operation, status in SUCCESS.items():
        assert str(status) in checked.lab.spec.operation(*operation.split(" "))["responses"], operation


def test_a_wrong_answer_is_caught_and_listed(checked) -> None:
    checked.store.overlords[checked.store.seeded[0]]["ip_address"] = 7
    answer = checked.tenant.get("/v1/overlords")
    assert (answer.status_code, answer.json()["code"]) == (500, "LabResponseInvalid")
    listed = checked.admin.get("/violations").json()["items"]
    assert [(each["path"], each["problems"]) for each in listed] == [("/v1/overlords", ["items/0/spec/ipAddress: 7 is not of type 'string'"])]


def test_an_unknown_field_in_an_answer_is_caught(checked, monkeypatch) -> None:
    monkeypatch.setattr("palette_lab.api.gateways.views.overlord", lambda store, record: {"kind": "overlord", "colour": "red"})
    answer = checked.tenant.get("/v1/overlords")
    assert answer.status_code == 500 and "colour" in answer.text


@pytest.mark.parametrize(("path", "body", "code", "said"), [
    ("account", {"account": {"username": "u", "password": "p"}}, 602, "account.vcenterServer in body is required"),
    ("account", {"account": {"vcenterServer": None, "username": "u", "password": "p"}}, 602, "account.vcenterServer in body is required"),
    ("account", {"name": 7}, 601, "name in body must be of type string"),
    ("account", [], 601, "body in body must be of type object"),
    ("cloudconfig", {"size": "1"}, 601, "size in body must be of type integer"),
    ("cloudconfig", {"clusterConfig": {"controlPlaneEndpoint": {"type": "Cloud"}}}, 606, "type in body should be one of [VIP External DDNS]"),
    ("cloudconfig", {"clusterConfig": {"placements": [{"network": {}}]}}, 602, "placements.0.network.networkName in body is required"),
    ("pools", {"metadata": {"name": "p"}, "spec": {}}, 602, "spec.pool in body is required"),
    ("pools", {"metadata": {"name": "p"}, "spec": {"pool": {"prefix": "24"}}}, 601, "spec.pool.prefix in body must be of type integer"),
])
def test_wrong_bodies_are_422_with_go_openapis_codes(checked, path: str, body: Any, code: int, said: str) -> None:
    uid = registered(checked)
    answer = checked.tenant.post(f"/v1/overlords/vsphere/{uid}/{path}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert said in answer.json()["message"] and set(answer.json()) == {"code", "message"}


def test_nulls_zero_times_and_unknown_fields_are_taken(checked) -> None:
    uid = registered(checked)
    zero = "0001-01-01T00:00:00.000Z"
    body = {"metadata": {"name": "p", "labels": None, "creationTimestamp": zero, "deletionTimestamp": zero, "lastModifiedTimestamp": zero}, "colour": "red",
            "spec": {"pool": {"subnet": "10.1.0.0/24", "prefix": 24, "nameserver": {"addresses": None, "search": None}}}}
    assert checked.tenant.post(f"/v1/overlords/vsphere/{uid}/pools", json=body).status_code == 201


@pytest.mark.parametrize(("path", "code"), [("/v1/cloudaccounts/vsphere?limit=x", 601), ("/v1/overlords/pairing/code?cloudType=aws", 606),
                                            ("/v1/events/components/cluster/0", 606), ("/v1/auth/refresh/x?setCookie=perhaps", 601),
                                            ("/v1/users/assets/vsphere/dnsMapping?gatewayUid=x", 602)])
def test_wrong_parameters_are_422(checked, path: str, code: int) -> None:
    answer = checked.tenant.get(path)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_required_body_is_required(checked) -> None:
    answer = checked.tenant.post("/v1/clouds/vsphere/account/validate")
    assert (answer.status_code, answer.json()["message"]) == (422, "body in body is required")


def test_the_file_is_not_read_before_a_request_needs_it(start, tmp_path) -> None:
    spec = Spec(str(tmp_path / "missing.json"))
    lab = start(spec=spec)
    assert spec._document is None
    assert with_account(start()) and lab.admin.get("/settled").status_code == 200


def test_schemas_are_closed_at_every_depth_and_names_are_not_keywords() -> None:
    schema = {"type": "object", "properties": {"properties": {"type": "object", "properties": {"a": {"type": "string"}}}, "free": {"type": "object"},
                                               "map": {"type": "object", "additionalProperties": {"$ref": "#/definitions/x"}}}}
    shut = completed(schema, strict=True)
    assert shut["additionalProperties"] is False and shut["properties"]["properties"]["additionalProperties"] is False
    assert "additionalProperties" not in shut["properties"]["free"]
    assert completed({"properties": {"a": {}}}, strict=False) == {"type": "object", "properties": {"a": {}}}
    assert reachable(schema, {"x": {"$ref": "#/definitions/y"}, "y": {}, "z": {}}) == {"x": {"$ref": "#/definitions/y"}, "y": {}}
