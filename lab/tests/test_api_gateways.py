# SPDX-License-Identifier: GPL-3.0-or-later
"""Gateways, IP pools, DNS mappings and cloud accounts over HTTP."""

from __future__ import annotations

import copy

import httpx
import pytest
from conftest import ACCOUNT, CANARIES, finish

NOBODY = "f" * 24
POOL = {"metadata": {"name": "pool-a"},
        "spec": {"restrictToSingleCluster": True, "pool": {"start": "10.10.8.10", "end": "10.10.8.12", "gateway": "10.10.8.1", "prefix": 22,
                                                           "nameserver": {"addresses": ["10.10.0.2"], "search": ["lab.local"]}}}}


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def registered(lab, name: str = "installer-1") -> str:
    """An overlord as the engine makes it when an installer has registered."""
    return lab.store.add("overlords", name=name, ip_address="10.10.0.20", annotations={"cloudType": "vsphere", "scope": "tenant"},
                         heartbeat=lab.store.now())["uid"]


def config(pool_uid: str = "", **changes: object) -> dict:
    network = {"networkName": "pg-k8s", "staticIp": bool(pool_uid), **({"parentPoolUid": pool_uid} if pool_uid else {})}
    placement = {"datacenter": "dc-1", "cluster": "cluster-1", "datastore": "ds-shared-1", "folder": "palette", "resourcePool": "Resources",
                 "network": network}
    return {"size": 1, "clusterConfig": {"staticIp": bool(pool_uid), "sshKeys": ["ssh-ed25519 AAAA ops"], "ntpServers": ["10.10.0.1"],
                                         "placements": [placement], "controlPlaneEndpoint": {"type": "VIP", "host": "", "ddnsSearchDomain": ""}}, **changes}


def with_account(lab) -> str:
    uid = registered(lab)
    assert lab.tenant.post(f"/v1/overlords/vsphere/{uid}/account", json={"name": "dc1-gw", "shareWithProjects": True, "account": ACCOUNT}).status_code == 201
    return uid


def test_pairing_codes_are_new_each_time_and_never_in_the_journal(lab) -> None:
    codes = {lab.tenant.get("/v1/overlords/pairing/code?cloudType=vsphere").json()["pairingCode"] for _ in range(3)}
    assert len(codes) == 3 == len(lab.store.pairing_codes)
    assert all(record["used_by"] == "" and record["created"] <= lab.store.now() for record in lab.store.pairing_codes.values())
    entries = lab.journal()
    assert [entry["write"] for entry in entries] == [True] * 3
    assert not any(code in str(entries) for code in codes)
    assert refusal(lab.tenant.get("/v1/overlords/pairing/code?cloudType=maas")) == (400, "InvalidRequest")


def test_a_registered_installer_is_pending_and_unconfigured(lab) -> None:
    uid = registered(lab)
    shown = lab.tenant.get(f"/v1/overlords/{uid}").json()
    assert shown["status"]["state"] == "Pending" and shown["status"]["isActive"] is True and shown["status"]["isReady"] is False
    assert (shown["spec"]["ipAddress"], shown["spec"]["cloudAccountUid"], shown["spec"]["spectroClusterUid"]) == ("10.10.0.20", "", "")
    assert shown["metadata"]["deletionTimestamp"] == "0001-01-01T00:00:00.000Z"
    lab.store.clock.advance(601)
    assert lab.tenant.get(f"/v1/overlords/{uid}").json()["status"]["isActive"] is False


def test_gateways_are_found_by_name_and_by_search(lab) -> None:
    registered(lab, "a"), registered(lab, "ab")
    assert [each["metadata"]["name"] for each in lab.tenant.get("/v1/overlords").json()["items"]] == ["a", "ab"]
    assert [each["metadata"]["name"] for each in lab.tenant.get("/v1/overlords?name=a").json()["items"]] == ["a"]
    condition = {"string": {"operator": "eq", "match": {"conjunction": "or", "values": ["ab"]}}}
    body = {"filter": {"conjunction": "and", "filterGroups": [{"conjunction": "and", "filters": [
        {"property": "clusterName", "type": "string", "condition": condition}]}]}}
    found = lab.tenant.post("/v1/dashboard/pcgs/search?limit=10", json=body).json()
    assert [each["metadata"]["name"] for each in found["items"]] == ["ab"] and found["listmeta"]["count"] == 1


def test_metadata_of_a_gateway(lab) -> None:
    uid, other = registered(lab, "a"), registered(lab, "b")
    assert lab.tenant.put(f"/v1/overlords/{uid}/metadata", json={"metadata": {"name": "c", "labels": {"env": "prod"}}}).status_code == 204
    shown = lab.tenant.get(f"/v1/overlords/{uid}").json()["metadata"]
    assert (shown["name"], shown["labels"], shown["annotations"]["scope"]) == ("c", {"env": "prod"}, "tenant")
    assert refusal(lab.tenant.put(f"/v1/overlords/{other}/metadata", json={"metadata": {"name": "c"}})) == (409, "ResourceAlreadyExists")


@pytest.mark.parametrize(("changes", "code"), [({"password": "wrong"}, "CloudAccountValidationFailed"), ({"vcenterServer": "https://vc"}, "InvalidRequest"),
                                               ({"vcenterServer": "vc/sdk"}, "InvalidRequest"), ({"username": ""}, "InvalidRequest")])
def test_account_checks(lab, changes: dict, code: str) -> None:
    uid = registered(lab)
    for method, path, body in (("POST", f"/v1/overlords/vsphere/{uid}/account/validate", {"account": {**ACCOUNT, **changes}}),
                               ("POST", f"/v1/overlords/vsphere/{uid}/account", {"name": "x", "account": {**ACCOUNT, **changes}}),
                               ("POST", "/v1/clouds/vsphere/account/validate", {**ACCOUNT, **changes})):
        answer = lab.tenant.request(method, path, json=body)
        assert refusal(answer) == (400, code)
        assert CANARIES["vcenter"] not in answer.text and "wrong" not in answer.text
    assert lab.store.accounts == {}


def test_the_account_names_the_gateway_and_its_password_is_not_shown(lab) -> None:
    uid = registered(lab)
    assert lab.tenant.post(f"/v1/overlords/vsphere/{uid}/account/validate", json={"account": ACCOUNT}).status_code == 204
    made = lab.tenant.post(f"/v1/overlords/vsphere/{uid}/account", json={"name": "dc1-gw", "shareWithProjects": True, "account": ACCOUNT})
    account = lab.tenant.get(f"/v1/cloudaccounts/vsphere/{made.json()['uid']}").json()
    assert account["metadata"]["name"] == "dc1-gw" == lab.tenant.get(f"/v1/overlords/{uid}").json()["metadata"]["name"]
    assert account["metadata"]["annotations"] == {"overlordUid": uid, "scope": "tenant"}
    assert account["spec"] == {"vcenterServer": ACCOUNT["vcenterServer"], "username": ACCOUNT["username"], "password": "", "insecure": True}
    assert refusal(lab.tenant.post(f"/v1/overlords/vsphere/{uid}/account", json={"name": "dc1-gw", "account": ACCOUNT})) == (409, "ResourceAlreadyExists")
    assert lab.store.accounts[made.json()["uid"]]["password"] == CANARIES["vcenter"]
    other = registered(lab, "installer-2")
    assert refusal(lab.tenant.post(f"/v1/overlords/vsphere/{other}/account", json={"name": "dc1-gw", "account": ACCOUNT})) == (409, "ResourceAlreadyExists")


def test_an_account_is_changed_and_shared_or_not(lab) -> None:
    uid = with_account(lab)
    account_uid = lab.tenant.get(f"/v1/overlords/{uid}").json()["spec"]["cloudAccountUid"]
    in_project = {"ProjectUid": lab.project_uid()}
    assert lab.project.get(f"/v1/cloudaccounts/vsphere/{account_uid}", headers=in_project).status_code == 200
    body = {"account": {**ACCOUNT, "username": "other@vsphere.local"}, "shareWithProjects": False}
    assert lab.tenant.put(f"/v1/overlords/vsphere/{uid}/account", json=body).status_code == 204
    assert lab.tenant.get(f"/v1/cloudaccounts/vsphere/{account_uid}").json()["spec"]["username"] == "other@vsphere.local"
    assert refusal(lab.project.get(f"/v1/cloudaccounts/vsphere/{account_uid}", headers=in_project)) == (403, "OperationForbidden")
    for path in ("/v1/cloudaccounts/vsphere?limit=0", "/v1/cloudaccounts/summary?limit=0", "/v1/dashboard/cloudaccounts/metadata?environment=vsphere"):
        assert lab.project.get(path, headers=in_project).json()["items"] == []
        assert [each["metadata"]["uid"] for each in lab.tenant.get(path).json()["items"]] == [account_uid]
    assert lab.tenant.get("/v1/dashboard/cloudaccounts/metadata?environment=aws").json()["items"] == []
    assert refusal(lab.tenant.put(f"/v1/overlords/vsphere/{registered(lab, 'bare')}/account", json=body)) == (404, "ResourceNotFound")


def test_properties_come_from_vcenter_with_the_gateways_own_account(lab) -> None:
    uid = registered(lab)
    assert refusal(lab.tenant.get(f"/v1/overlords/vsphere/{uid}/properties/datacenters")) == (400, "InvalidRequest")
    lab.tenant.post(f"/v1/overlords/vsphere/{uid}/account", json={"name": "dc1-gw", "account": ACCOUNT})
    account_uid = lab.store.overlords[uid]["account_uid"]
    for base in (f"/v1/overlords/vsphere/{uid}", f"/v1/cloudaccounts/vsphere/{account_uid}"):
        assert lab.tenant.get(f"{base}/properties/datacenters").json()["items"][0]["computeclusters"] == ["cluster-1"]
        resources = lab.tenant.get(f"{base}/properties/computecluster/resources?datacenter=dc-1&computecluster=cluster-1").json()
        assert resources["computecluster"]["datastores"] == ["ds-shared-1"]
        missing = lab.tenant.get(f"{base}/properties/computecluster/resources?datacenter=dc-1&computecluster=none")
        assert refusal(missing) == (404, "ResourceNotFound")
        assert refusal(lab.tenant.get(f"{base}/properties/computecluster/resources?datacenter=dc-1")) == (422, 602)
    assert lab.lab.vsphere.asked[-1]["username"] == ACCOUNT["username"]


def test_configuring_makes_the_cluster_and_tells_the_engine(lab) -> None:
    uid = registered(lab)
    assert refusal(lab.tenant.post(f"/v1/overlords/vsphere/{uid}/cloudconfig", json=config())) == (400, "InvalidRequest")
    lab.tenant.post(f"/v1/overlords/vsphere/{uid}/account", json={"name": "dc1-gw", "account": ACCOUNT})
    pool = lab.tenant.post(f"/v1/overlords/vsphere/{uid}/pools", json=POOL).json()["uid"]
    made = lab.tenant.post(f"/v1/overlords/vsphere/{uid}/cloudconfig", json=config(pool))
    shown = lab.tenant.get(f"/v1/overlords/{uid}").json()
    assert made.status_code == 201 and made.json()["uid"] == shown["spec"]["spectroClusterUid"]
    assert shown["status"]["state"] == "Provisioning"
    assert lab.lab.engine.posted == [{"type": "gateway.configure", "uid": uid}]
    cluster = lab.tenant.get(f"/v1/spectroclusters/{made.json()['uid']}").json()
    read = lab.tenant.get(f"/v1/cloudconfigs/vsphere/{cluster['spec']['cloudConfigRef']['uid']}").json()
    assert read["kind"] == "vsphere"
    placement = read["spec"]["machinePoolConfig"][0]["placements"][0]
    assert placement["network"] == {"networkName": "pg-k8s", "staticIp": True, "parentPoolRef": {"uid": pool, "kind": "ippool", "name": "pool-a"}}
    assert read["spec"]["clusterConfig"]["placement"]["imageTemplateFolder"] == "spectro-templates"
    assert refusal(lab.tenant.post(f"/v1/overlords/vsphere/{uid}/cloudconfig", json=config(pool))) == (409, "ResourceAlreadyExists")


@pytest.mark.parametrize(("path", "value"), [
    (["size"], 2), (["clusterConfig", "placements"], []), (["clusterConfig", "placements", 0, "datastore"], ""),
    (["clusterConfig", "placements", 0, "network", "networkName"], ""), (["clusterConfig", "placements", 0, "network", "parentPoolUid"], NOBODY),
    (["clusterConfig", "staticIp"], True), (["clusterProfiles"], [{"uid": NOBODY}])])
def test_configs_that_make_no_sense_are_refused_and_start_nothing(lab, path: list, value: object) -> None:
    uid, body = with_account(lab), config()
    target = body
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value
    assert refusal(lab.tenant.post(f"/v1/overlords/vsphere/{uid}/cloudconfig", json=body)) == (400, "InvalidRequest")
    assert lab.lab.engine.posted == [] and lab.store.clusters == {} and lab.store.overlords[uid]["state"] == "Pending"


def test_a_pool_of_another_gateway_is_refused(lab) -> None:
    uid, other = with_account(lab), registered(lab, "other")
    pool = lab.tenant.post(f"/v1/overlords/vsphere/{other}/pools", json=POOL).json()["uid"]
    assert refusal(lab.tenant.post(f"/v1/overlords/vsphere/{uid}/cloudconfig", json=config(pool))) == (400, "InvalidRequest")


def test_resizing_goes_up_and_never_down(lab) -> None:
    uid = with_account(lab)
    path = f"/v1/overlords/vsphere/{uid}/cloudconfig"
    assert refusal(lab.tenant.put(path, json=config(size=3))) == (400, "InvalidRequest")
    lab.tenant.post(path, json=config())
    assert refusal(lab.tenant.put(path, json=config(size=3))) == (400, "OverlordNotRunning")
    finish(lab.store, uid)
    placements = lab.store.cloudconfigs[next(iter(lab.store.cloudconfigs))]["pools"][0]["placements"]
    before = [each["uid"] for each in placements]
    assert lab.tenant.put(path, json=config(size=3)).status_code == 204
    pool = lab.store.cloudconfigs[next(iter(lab.store.cloudconfigs))]["pools"][0]
    assert (pool["size"], [each["uid"] for each in pool["placements"]]) == (3, before)
    assert lab.lab.engine.posted[-1] == {"type": "gateway.update", "uid": uid}
    assert refusal(lab.tenant.put(path, json=config(size=1))) == (400, "OverlordScaleDownForbidden")
    assert lab.tenant.get(f"/v1/overlords/{uid}").json()["status"]["state"] == "Running"


def test_reset_is_for_what_is_stuck(seeded) -> None:
    running = seeded.store.seeded[0]
    assert refusal(seeded.tenant.put(f"/v1/overlords/{running}/reset")) == (400, "InvalidRequest")
    uid = with_account(seeded)
    seeded.tenant.post(f"/v1/overlords/vsphere/{uid}/cloudconfig", json=config())
    answer = seeded.tenant.put(f"/v1/overlords/{uid}/reset")
    assert answer.status_code == 200 and "dc1-gw" in answer.json()["msg"]
    assert seeded.lab.engine.posted[-1] == {"type": "gateway.reset", "uid": uid}


def test_a_gateway_with_clusters_or_of_the_system_is_not_deleted(seeded) -> None:
    uid = seeded.store.seeded[0]
    cluster = seeded.store.add("clusters", name="team-a", kind="tenant", overlord_uid=uid, state="Running")
    refused = seeded.tenant.delete(f"/v1/overlords/{uid}")
    assert refusal(refused) == (400, "OverlordInUse") and "team-a" in refused.json()["message"]
    assert refused.json()["details"] == {"clusters": ["team-a"]}
    cluster["state"] = "Deleted"
    seeded.store.overlords[uid]["is_system"] = True
    assert refusal(seeded.tenant.delete(f"/v1/overlords/{uid}")) == (400, "InvalidRequest")
    assert not any(event["type"] == "gateway.delete" for event in seeded.lab.engine.posted)
    seeded.store.overlords[uid]["is_system"] = False
    for _ in range(2):
        assert seeded.tenant.delete(f"/v1/overlords/{uid}").status_code == 200
    assert [event for event in seeded.lab.engine.posted if event["type"] == "gateway.delete"] == [{"type": "gateway.delete", "uid": uid}]
    assert seeded.tenant.get(f"/v1/overlords/{uid}").json()["status"]["state"] == "Deleting"


def test_the_gateways_profile_is_the_locked_one(seeded) -> None:
    uid = seeded.store.seeded[0]
    profile = seeded.tenant.get(f"/v1/overlords/vsphere/{uid}/clusterprofile").json()
    assert (profile["metadata"]["name"], profile["spec"]["published"]["type"], profile["status"]["isPublished"]) == ("gateway-profile", "system", True)
    assert [pack["layer"] for pack in profile["spec"]["published"]["packs"]] == ["os", "k8s", "cni", "csi"]
    assert profile["status"]["inUseClusters"][0]["name"] == "seed-gw"
    assert seeded.tenant.get(f"/v1/clusterprofiles/{profile['metadata']['uid']}").json() == profile
    assert seeded.tenant.get("/v1/dashboard/clusterprofiles/metadata").json()["items"][0]["metadata"]["uid"] == profile["metadata"]["uid"]


def test_pools_are_kept_as_given_and_only_names_clash(lab) -> None:
    uid, other = registered(lab, "a"), registered(lab, "b")
    path = f"/v1/overlords/vsphere/{uid}/pools"
    assert lab.tenant.get(path).json() == {"items": []}
    assert refusal(lab.tenant.get(f"/v1/overlords/vsphere/{NOBODY}/pools")) == (404, "ResourceNotFound")
    nonsense = {"metadata": {"name": "odd"}, "spec": {"pool": {"start": "10.0.0.9", "end": "10.0.0.1", "prefix": 99}}}
    assert lab.tenant.post(path, json=nonsense).status_code == 201
    pool_uid = lab.tenant.post(path, json=POOL).json()["uid"]
    assert refusal(lab.tenant.post(path, json=POOL)) == (409, "ResourceAlreadyExists")
    assert lab.tenant.post(f"/v1/overlords/vsphere/{other}/pools", json=POOL).status_code == 201
    odd, pool = lab.tenant.get(path).json()["items"]
    assert odd["status"] == {"inUse": False, "associatedClusters": [], "allottedIps": [], "availableIps": []}
    assert pool["spec"] == {"priavetGatewayUid": uid, "restrictToSingleCluster": True, "pool": {**POOL["spec"]["pool"], "subnet": ""}}
    assert pool["metadata"] == {"name": "pool-a", "uid": pool_uid}
    assert pool["status"]["availableIps"] == ["10.10.8.10", "10.10.8.11", "10.10.8.12"]


def test_pools_are_changed_and_deleted_by_their_own_gateway_only(lab) -> None:
    uid, other = registered(lab, "a"), registered(lab, "b")
    pool_uid = lab.tenant.post(f"/v1/overlords/vsphere/{uid}/pools", json=POOL).json()["uid"]
    changed = {"metadata": {"name": "pool-b"}, "spec": {"pool": {"subnet": "10.10.8.0/30", "gateway": "10.10.8.1", "prefix": 30}}}
    for method in ("PUT", "DELETE"):
        assert refusal(lab.tenant.request(method, f"/v1/overlords/vsphere/{other}/pools/{pool_uid}", json=changed)) == (404, "ResourceNotFound")
    assert lab.tenant.put(f"/v1/overlords/vsphere/{uid}/pools/{pool_uid}", json=changed).status_code == 204
    pool = lab.tenant.get(f"/v1/overlords/vsphere/{uid}/pools").json()["items"][0]
    assert (pool["metadata"]["name"], pool["spec"]["pool"]["start"], pool["spec"]["restrictToSingleCluster"]) == ("pool-b", "", False)
    assert pool["status"]["availableIps"] == ["10.10.8.2"]
    assert lab.tenant.delete(f"/v1/overlords/vsphere/{uid}/pools/{pool_uid}").status_code == 204
    assert lab.tenant.get(f"/v1/overlords/vsphere/{uid}/pools").json()["items"] == []


def test_a_pool_in_use_may_grow_but_not_lose_an_address_in_use_nor_be_deleted(seeded) -> None:
    uid = seeded.store.seeded[0]
    path = f"/v1/overlords/vsphere/{uid}/pools"
    pool = seeded.tenant.get(path).json()["items"][0]
    cluster_uid = seeded.store.overlords[uid]["cluster_uid"]
    assert pool["status"] == {"inUse": True, "associatedClusters": [cluster_uid], "allottedIps": ["10.10.8.10"], "availableIps": ["10.10.8.11", "10.10.8.12"]}
    same = {"metadata": {"name": "seed-pool"}, "spec": {key: pool["spec"][key] for key in ("pool", "restrictToSingleCluster")}}
    assert seeded.tenant.put(f"{path}/{pool['metadata']['uid']}", json=same).status_code == 204
    wider = copy.deepcopy(same)
    wider["spec"]["pool"]["end"] = "10.10.8.99"
    assert seeded.tenant.put(f"{path}/{pool['metadata']['uid']}", json=wider).status_code == 204
    moved = copy.deepcopy(wider)
    moved["spec"]["pool"]["start"] = "10.10.8.11"
    for answer in (seeded.tenant.put(f"{path}/{pool['metadata']['uid']}", json=moved), seeded.tenant.delete(f"{path}/{pool['metadata']['uid']}")):
        assert refusal(answer) == (400, "IpPoolInUse") and "seed-gw" in answer.json()["message"]
    kept = seeded.store.pools[pool["metadata"]["uid"]]["pool"]
    assert (kept["start"], kept["end"]) == ("10.10.8.10", "10.10.8.99")


def test_dns_mappings(lab) -> None:
    uid, path = registered(lab), "/v1/users/assets/vsphere/dnsMappings"
    spec = {"privateGatewayUid": uid, "datacenter": "dc-1", "network": "pg-k8s", "dnsName": "k8s.lab.local"}
    body = {"metadata": {"name": "k8s.lab.local"}, "spec": spec}
    made = lab.tenant.post(path, json=body).json()["uid"]
    assert lab.tenant.get(f"{path}/{made}").json()["spec"] == spec
    assert lab.tenant.get(path, params={"filters": f"spec.privateGatewayUid={uid}"}).json()["items"][0]["metadata"]["uid"] == made
    assert lab.tenant.get(path, params={"filters": f"spec.privateGatewayUid={NOBODY}"}).json()["items"] == []
    query = {"gatewayUid": uid, "datacenter": "dc-1", "network": "pg-k8s"}
    assert lab.tenant.get("/v1/users/assets/vsphere/dnsMapping", params=query).json()["metadata"]["uid"] == made
    assert refusal(lab.tenant.get("/v1/users/assets/vsphere/dnsMapping", params={**query, "network": "other"})) == (404, "ResourceNotFound")
    assert refusal(lab.tenant.get("/v1/users/assets/vsphere/dnsMapping", params={"gatewayUid": uid})) == (422, 602)
    assert refusal(lab.tenant.post(path, json=body)) == (409, "ResourceAlreadyExists")
    for change in ({"dnsName": "no domain"}, {"network": "other"}):
        assert refusal(lab.tenant.put(f"{path}/{made}", json={"spec": {**spec, **change}})) == (400, "InvalidRequest")
    assert refusal(lab.tenant.post(path, json={"spec": {**spec, "privateGatewayUid": NOBODY}})) == (404, "ResourceNotFound")
    assert lab.tenant.put(f"{path}/{made}", json={"spec": {**spec, "dnsName": "new.lab.local"}}).status_code == 204
    assert lab.tenant.get(f"{path}/{made}").json()["metadata"]["name"] == "new.lab.local"
    assert lab.tenant.delete(f"{path}/{made}").status_code == 204
    assert refusal(lab.tenant.get(f"{path}/{made}")) == (404, "ResourceNotFound")
