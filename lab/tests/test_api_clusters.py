# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway's own cluster over HTTP, and the installer OVA."""

from __future__ import annotations

import pytest

from palette_lab import ova

NOBODY = "f" * 24


def cluster_of(lab) -> dict:
    return lab.store.clusters[lab.store.overlords[lab.store.seeded[0]]["cluster_uid"]]


def test_the_cluster_and_its_dashboards_agree(seeded) -> None:
    uid = cluster_of(seeded)["uid"]
    full = seeded.tenant.get(f"/v1/spectroclusters/{uid}?includeNonSpectroLabels=false&resolvePackValues=false").json()
    assert full["status"]["state"] == "Running" and full["status"]["apiEndpoints"] == [{"host": "10.10.8.11", "port": 6443}]
    assert seeded.tenant.get(f"/v1/spectroclusters/{uid}/status").json() == {"status": {"state": "Running"}}
    for path in (f"/v1/dashboard/spectroclusters/{uid}", f"/v1/dashboard/spectroclusters/{uid}/overview"):
        overview = seeded.tenant.get(path).json()
        assert overview["status"]["health"]["state"] == "Healthy" and overview["status"]["notifications"]["isAvailable"] is False
        assert overview["spec"]["cloudConfig"]["machinePools"][0]["healthy"] == 1
    assert [each["uid"] for each in seeded.tenant.get("/v1/dashboard/spectroclusters/metadata").json()["items"]] == [uid]
    assert seeded.tenant.get(f"/v1/spectroclusters/{uid}/profileUpdates").json() == {"profiles": []}
    assert seeded.tenant.get(f"/v1/spectroclusters/{uid}/variables").json()[0]["variables"] == []
    assert seeded.tenant.get(f"/v1/spectroclusters/{uid}/repave/status").json()["status"]["state"] == "Approved"
    assert seeded.tenant.get(f"/v1/spectroclusters/{uid}/profiles").json()["profiles"][0]["metadata"]["name"] == "gateway-profile"
    for what in ("namespaces", "rbacs"):
        assert seeded.tenant.get(f"/v1/spectroclusters/{uid}/config/{what}").json() == {"items": []}
    assert seeded.tenant.get(f"/v1/spectroclusters/{uid}/features/backup").json()["code"] == "BackupNotConfigured"
    assert seeded.tenant.get(f"/v1/spectroclusters/{uid}/features/complianceScan").json()["code"] == "ResourceNotFound"


def test_the_sdks_search_finds_it_by_name(seeded) -> None:
    body = {"filter": {"conjunction": "and", "filterGroups": [
        {"conjunction": "and", "filters": [
            {"condition": {"string": {"match": {"conjunction": "or", "values": ["nested"]}, "negation": True, "operator": "eq"}}, "property": "environment",
             "type": "string"},
            {"condition": {"bool": {}}, "property": "isDeleted", "type": "bool"}]},
        {"conjunction": "and", "filters": [
            {"condition": {"string": {"match": {"conjunction": "or", "values": ["seed-gw"]}, "operator": "eq"}}, "property": "clusterName",
             "type": "string"}]}]}, "sort": None}
    found = seeded.tenant.post("/v1/dashboard/spectroclusters/search", json=body).json()
    assert [each["metadata"]["name"] for each in found["items"]] == ["seed-gw"] and found["listmeta"]["count"] == 1
    cluster_of(seeded)["state"] = "Deleted"
    assert seeded.tenant.post("/v1/dashboard/spectroclusters/search", json=body).json()["items"] == []
    odd = {"filter": {"filterGroups": [{"filters": [{"property": "colour", "condition": {"bool": {}}}]}]}}
    assert seeded.tenant.post("/v1/dashboard/spectroclusters/search", json=odd).json()["code"] == "InvalidRequest"
    names = {each["name"] for each in seeded.tenant.get("/v1/dashboard/spectroclusters/search/schema").json()["schema"]["properties"]}
    assert {"clusterName", "clusterState", "environment", "isDeleted"} <= names
    assert len(seeded.tenant.get("/v1/dashboard/spectroclusters/repaveStatus?repaveState=Pending").json()["items"]) == 0


def test_a_cluster_of_another_scope_is_forbidden_not_missing(seeded) -> None:
    own = seeded.store.add("clusters", name="p", kind="tenant", config_uid="", annotations={"scope": "project", "projectUid": seeded.project_uid()})
    answer = seeded.tenant.get(f"/v1/spectroclusters/{own['uid']}")
    assert answer.status_code == 403
    assert answer.json()["message"] == "Operation 'cluster.get' is forbidden. Verify the user has 'cluster.get' permission"
    assert seeded.tenant.get(f"/v1/spectroclusters/{own['uid']}/status", headers={"ProjectUid": seeded.project_uid("team-a")}).status_code == 403
    assert seeded.project.get(f"/v1/spectroclusters/{own['uid']}/status", headers={"ProjectUid": seeded.project_uid()}).status_code == 200
    assert seeded.tenant.get(f"/v1/spectroclusters/{NOBODY}").status_code == 404


def test_kubeconfigs_are_files_and_missing_until_the_cluster_runs(seeded) -> None:
    cluster = cluster_of(seeded)
    for name in ("kubeconfig", "adminKubeconfig", "kubeconfigclient"):
        answer = seeded.tenant.get(f"/v1/spectroclusters/{cluster['uid']}/assets/{name}?frp=true")
        assert answer.headers["content-type"] == "application/octet-stream" and b"server: https://10.10.8.11:6443" in answer.content
        assert "seed-gw.kubeconfig" in answer.headers["content-disposition"]
    cluster["state"] = "Provisioning"
    answer = seeded.tenant.get(f"/v1/spectroclusters/{cluster['uid']}/assets/kubeconfig")
    assert (answer.status_code, answer.json()["code"]) == (404, "ResourceNotFound")


def test_events_are_paged_newest_first(seeded) -> None:
    uid = cluster_of(seeded)["uid"]
    for number in range(60):
        seeded.store.add_event(uid, "Reason", f"m-{number}", "Error" if number == 7 else "Normal")
    page = seeded.tenant.get(f"/v1/events/components/spectrocluster/{uid}").json()
    assert (len(page["items"]), page["items"][0]["message"], page["listmeta"]["count"]) == (50, "m-59", 61)
    rest = seeded.tenant.get(f"/v1/events/components/spectrocluster/{uid}", params={"continue": page["listmeta"]["continue"]}).json()
    assert rest["items"][-1]["reason"] == "ImageResolved" and rest["listmeta"]["continue"] == ""
    bad = seeded.tenant.get(f"/v1/events/components/spectrocluster/{uid}", params={"filters": "severity=Error"}).json()["items"]
    assert [(each["message"], each["source"]["component"], each["involvedObject"]["uid"]) for each in bad] == [("m-7", "palette", uid)]


def test_notifications_are_acknowledged_and_done(seeded) -> None:
    uid = cluster_of(seeded)["uid"]
    note = seeded.store.add("notifications", cluster_uid=uid, name="NotificationPackUpdate", type="NotificationPackUpdate",
                            action_type="NotifyActionPacksUpdate", message="kubernetes 1.31.4 -> 1.32.1")["uid"]
    path = f"/v1/notifications/spectrocluster/{uid}"
    assert seeded.tenant.get(f"/v1/overlords/{seeded.store.seeded[0]}").json()["status"]["notifications"]["isAvailable"] is True
    assert seeded.tenant.get(f"{path}?isDone=false").json()["items"][0]["action"]["ack"] is False
    assert seeded.viewer.patch(f"/v1/notifications/{note}/ack").status_code == 403
    assert seeded.tenant.patch(f"/v1/notifications/{note}/ack").status_code == 204
    assert seeded.tenant.get(f"{path}?isDone=false").json()["items"][0]["action"]["ack"] is True
    assert seeded.tenant.patch(f"/v1/notifications/{note}/done").status_code == 204
    assert seeded.tenant.get(f"{path}?isDone=false").json()["items"] == []
    assert len(seeded.tenant.get(f"{path}?isDone=true").json()["items"]) == 1 == len(seeded.tenant.get(path).json()["items"])
    assert seeded.tenant.get(f"/v1/overlords/{seeded.store.seeded[0]}").json()["status"]["notifications"]["isAvailable"] is False
    assert seeded.tenant.patch(f"/v1/notifications/{NOBODY}/done").status_code == 404


def test_node_pools_and_machines(seeded) -> None:
    base = f"/v1/cloudconfigs/vsphere/{cluster_of(seeded)['config_uid']}"
    account = seeded.tenant.get(base).json()["spec"]["cloudAccountRef"]["uid"]
    assert account == seeded.store.overlords[seeded.store.seeded[0]]["account_uid"]
    machines = seeded.tenant.get(f"{base}/machinePools/cp-pool/machines").json()
    machine = machines["items"][0]
    assert machines["listmeta"]["count"] == 1 and machine["status"]["addresses"] == [{"type": "InternalIP", "address": "10.10.8.10"}]
    assert machine["status"]["ready"] is True and machine["spec"]["placement"]["cluster"] == "cluster-1"
    assert seeded.tenant.get(f"{base}/machinePools/cp-pool/machines/{machine['metadata']['uid']}").json() == machine
    for path in ("/machinePools/none/machines", f"/machinePools/cp-pool/machines/{NOBODY}"):
        assert seeded.tenant.get(base + path).json()["code"] == "ResourceNotFound"
    assert seeded.tenant.get(f"/v1/cloudconfigs/vsphere/{NOBODY}").status_code == 404


def test_the_ova_is_where_the_api_says(lab) -> None:
    location = lab.tenant.get("/v1/overlords/vsphere/ova").json()["location"]
    assert location == f"https://{lab.store.site['palette']['listen']}/lab-ova/palette-installer.ova"
    expected = ova.open_ova("palette-installer.ova", 1, 1)
    path = "/lab-ova/palette-installer.ova"
    whole = lab.anonymous.get(path)
    assert whole.status_code == 200 and whole.headers["etag"] == expected.etag and whole.headers["accept-ranges"] == "bytes"
    assert whole.content == b"".join(expected.iterate(0, expected.size))
    head = lab.anonymous.head(path)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(expected.size), b"")
    assert lab.anonymous.get("/lab-ova/other.ova").status_code == 404
    assert lab.anonymous.post(path).status_code == 405
    assert lab.anonymous.get(path, headers={"If-None-Match": expected.etag}).status_code == 304
    entries = [entry for entry in lab.journal() if entry["path"] == path]
    assert [entry["write"] for entry in entries if entry["method"] != "POST"] == [False] * 3


@pytest.mark.parametrize(("asked", "status", "first", "length"), [
    ("bytes=0-9", 206, 0, 10), ("bytes=100-", 206, 100, None), ("bytes=-5", 206, -5, 5), ("bytes=5-5", 206, 5, 1), ("bytes=9-5", 200, 0, None),
    ("bytes=0-1,4-5", 200, 0, None), ("lines=0-1", 200, 0, None), ("bytes=0-999999999", 206, 0, None)])
def test_ranges_of_the_ova(lab, asked: str, status: int, first: int, length: int | None) -> None:
    whole = lab.anonymous.get("/lab-ova/palette-installer.ova").content
    answer = lab.anonymous.get("/lab-ova/palette-installer.ova", headers={"Range": asked})
    begin = first % len(whole)
    expected = whole[begin:begin + length] if length else whole[begin:]
    assert (answer.status_code, answer.content) == (status, expected)
    if status == 206:
        assert answer.headers["content-range"] == f"bytes {begin}-{begin + len(expected) - 1}/{len(whole)}"


def test_a_range_past_the_end_and_a_range_of_an_older_file(lab) -> None:
    path = "/lab-ova/palette-installer.ova"
    size = int(lab.anonymous.head(path).headers["content-length"])
    past = lab.anonymous.get(path, headers={"Range": f"bytes={size}-"})
    assert (past.status_code, past.headers["content-range"]) == (416, f"bytes */{size}")
    assert lab.anonymous.get(path, headers={"Range": "bytes=0-1", "If-Range": '"other"'}).status_code == 200
