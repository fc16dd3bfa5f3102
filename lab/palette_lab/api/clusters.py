# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading clusters: object, status, dashboards, events, notifications, kubeconfig, node pools (palette-api 3, 5.2 to 5.6).
Creating tenant clusters is a later step: its routes are unknown.
"""

from __future__ import annotations

from typing import Callable

from palette_lab import errors, lists, views
from palette_lab.api.calls import Call, Reply, check_visible, is_visible, no_content, ok, route
from palette_lab.store import Store

SORT_FIELDS = {"clusterName", "clusterState", "environment", "healthState", "creationTimestamp", "lastModifiedTimestamp"}
PROPERTIES = [("clusterName", "string"), ("clusterState", "string"), ("environment", "string"), ("healthState", "string"), ("projectName", "string"),
              ("isDeleted", "bool")]
STATES = ["Unknown", "Pending", "Provisioning", "Running", "Deleting", "Deleted"]


def find_cluster(call: Call, uid: str) -> dict:
    """The lock is held. Raises ApiError ResourceNotFound, or OperationForbidden when it belongs to another scope."""
    record = call.store.find("clusters", uid)
    check_visible(call, record["annotations"], call.permission)
    return record


def shown(view: Callable[..., object]) -> Callable[[Call], Reply]:
    """A handler that answers with a view of the cluster of the path."""
    def handler(call: Call) -> Reply:
        with call.store.lock:
            return ok(view(call.store, find_cluster(call, call.path["uid"])))
    return handler


def status(store: Store, record: dict) -> dict:
    return {"status": {"state": record["state"]}}


def attached_profiles(store: Store, record: dict) -> dict:
    """v1SpectroClusterProfileList: the profile with the cluster's own packs."""
    profile = store.profiles[record["profile_uid"]]
    packs = [{"metadata": {"name": pack["name"], "uid": pack["uid"]},
              "spec": {"name": pack["name"], "layer": pack["layer"], "type": pack["type"], "version": pack["version"], "values": pack["values"],
                       "manifests": []}}
             for pack in record["packs"]]
    return {"profiles": [{"metadata": {"name": profile["name"], "uid": profile["uid"]},
                          "spec": {"cloudType": profile["cloud_type"], "type": profile["type"], "version": 1, "packs": packs}}]}


def profile_updates(store: Store, record: dict) -> dict:
    """Empty: no upgrade is offered yet."""
    return {"profiles": []}


def variables(store: Store, record: dict) -> list:
    return [{"profileUid": record["profile_uid"], "variables": []}]


def repave(store: Store, record: dict) -> dict:
    return {"metadata": {"name": record["name"], "uid": record["uid"]}, "spec": {"reasons": [], "source": "palette", "spectroClusterUid": record["uid"]},
            "status": {"state": "Approved", "message": "", "repaveTransitionTime": views.stamp(None)}}


def no_items(store: Store, record: dict) -> dict:
    return {"items": []}


def backup(call: Call) -> Reply:
    with call.store.lock:
        find_cluster(call, call.path["uid"])
    raise errors.ApiError(404, "BackupNotConfigured", "Backup is not configured on this cluster")


def compliance_scan(call: Call) -> Reply:
    with call.store.lock:
        find_cluster(call, call.path["uid"])
    raise errors.ApiError(404, "ResourceNotFound", "Compliance scan is not configured on this cluster")


def kubeconfig(call: Call) -> Reply:
    """An octet-stream file; ResourceNotFound until there is a control plane (palette-api 5.6)."""
    with call.store.lock:
        record = find_cluster(call, call.path["uid"])
        name, endpoint, ready = record["name"], record["endpoint"], record["state"] == "Running"
    if not endpoint or not ready:
        raise errors.ApiError(404, "ResourceNotFound", f"Kubeconfig of cluster '{name}' not found")
    text = (f"apiVersion: v1\nkind: Config\ncurrent-context: {name}\nclusters:\n- name: {name}\n  cluster:\n    server: https://{endpoint}:6443\n"
            f"contexts:\n- name: {name}\n  context: {{cluster: {name}, user: {name}-user}}\nusers:\n- name: {name}-user\n  user: {{}}\n")
    return Reply(200, content=text.encode(), media_type="application/octet-stream",
                 headers={"Content-Disposition": f'attachment; filename="{name}.kubeconfig"'})


def search(call: Call) -> Reply:
    """POST …/search with v1SearchFilterSummarySpec."""
    def value_of(item: dict, name: str) -> object:
        return {"clusterName": item["metadata"]["name"], "clusterState": item["status"]["state"], "environment": "vsphere",
                "healthState": item["status"]["health"]["state"], "isDeleted": item["status"]["state"] == "Deleted",
                "projectName": item["specSummary"]["projectMeta"]["name"], "creationTimestamp": item["metadata"]["creationTimestamp"],
                "lastModifiedTimestamp": item["metadata"]["lastModifiedTimestamp"]}[name]
    with call.store.lock:
        items = [views.cluster_summary(call.store, each) for each in call.store.clusters.values() if is_visible(call, each["annotations"])]
    return ok(lists.paginate(lists.search(items, call.body, value_of, SORT_FIELDS), call.query))


def search_schema(call: Call) -> Reply:
    return ok({"schema": {"properties": [{"name": name, "displayName": name, "type": kind, "hideDisplay": False,
                                          "enum": STATES if name == "clusterState" else []} for name, kind in PROPERTIES]}})


def metadata(call: Call) -> Reply:
    """Not paginated; deleted clusters are left out."""
    with call.store.lock:
        return ok({"items": [views.metadata(each) for each in call.store.clusters.values()
                             if each["state"] != "Deleted" and is_visible(call, each["annotations"])]})


def repave_status(call: Call) -> Reply:
    """All clusters are Approved until profiles of tenant clusters can change."""
    wanted = call.query.get("repaveState")
    with call.store.lock:
        items = [views.cluster_summary(call.store, each) for each in call.store.clusters.values() if is_visible(call, each["annotations"])]
    return ok(lists.paginate([each for each in items if wanted in (None, "", each["status"]["repave"]["state"])], call.query))


def check_kind(call: Call) -> None:
    if call.path["objectKind"] != "spectrocluster":
        raise errors.not_found(call.path["objectKind"], call.path["objectUid"])


def events(call: Call) -> Reply:
    """Newest first unless orderBy says otherwise."""
    check_kind(call)
    with call.store.lock:
        record = find_cluster(call, call.path["objectUid"])
        items = [views.event(call.store, record, each) for each in reversed(call.store.events.get(record["uid"], []))]
    return ok(lists.paginate(lists.select(items, call.query), call.query))


def notifications(call: Call) -> Reply:
    check_kind(call)
    done = call.query.get("isDone")
    with call.store.lock:
        record = find_cluster(call, call.path["objectUid"])
        items = [views.notification(call.store, each) for each in call.store.where("notifications", cluster_uid=record["uid"])
                 if done in (None, "") or each["done"] == (done.lower() == "true")]
    return ok(lists.paginate(lists.select(items, call.query), call.query))


def mark(key: str) -> Callable[[Call], Reply]:
    def handler(call: Call) -> Reply:
        with call.store.lock:
            record = call.store.find("notifications", call.path["uid"])
            find_cluster(call, record["cluster_uid"])
            record[key] = True
        return no_content()
    return handler


def find_config(call: Call) -> dict:
    record = call.store.find("cloudconfigs", call.path["configUid"])
    find_cluster(call, record["cluster_uid"])
    return record


def get_config(call: Call) -> Reply:
    with call.store.lock:
        return ok(views.cloudconfig(call.store, find_config(call)))


def pool_machines(call: Call, config: dict) -> list[dict]:
    """The lock is held. Raises ApiError ResourceNotFound for an unknown node pool."""
    name = call.path["machinePoolName"]
    if all(pool["name"] != name for pool in config["pools"]):
        raise errors.not_found("MachinePool", name)
    return [each for each in config["machines"].values() if each["pool"] == name]


def list_machines(call: Call) -> Reply:
    with call.store.lock:
        config = find_config(call)
        items = [views.machine(call.store, config, each) for each in pool_machines(call, config)]
    return ok(lists.paginate(lists.select(items, call.query), call.query))


def get_machine(call: Call) -> Reply:
    with call.store.lock:
        config = find_config(call)
        for each in pool_machines(call, config):
            if each["uid"] == call.path["machineUid"]:
                return ok(views.machine(call.store, config, each))
    raise errors.not_found("Machine", call.path["machineUid"])


CLUSTER = "/v1/spectroclusters/{uid}"
CONFIG = "/v1/cloudconfigs/vsphere/{configUid}"
ROUTES = [
    route("GET", CLUSTER, shown(views.cluster), "cluster.get"),
    route("GET", CLUSTER + "/status", shown(status), "cluster.get"),
    route("GET", CLUSTER + "/profiles", shown(attached_profiles), "cluster.get"),
    route("GET", CLUSTER + "/profileUpdates", shown(profile_updates), "cluster.get"),
    route("GET", CLUSTER + "/variables", shown(variables), "cluster.get"),
    route("GET", CLUSTER + "/repave/status", shown(repave), "cluster.get"),
    route("GET", CLUSTER + "/config/namespaces", shown(no_items), "cluster.get"),
    route("GET", CLUSTER + "/config/rbacs", shown(no_items), "cluster.get"),
    route("GET", CLUSTER + "/features/backup", backup, "cluster.get"),
    route("GET", CLUSTER + "/features/complianceScan", compliance_scan, "cluster.get"),
    route("GET", CLUSTER + "/assets/kubeconfig", kubeconfig, "cluster.get"),
    route("GET", CLUSTER + "/assets/adminKubeconfig", kubeconfig, "cluster.adminKubeconfigDownload"),
    route("GET", CLUSTER + "/assets/kubeconfigclient", kubeconfig, "cluster.get"),
    route("GET", "/v1/dashboard/spectroclusters/{uid}", shown(views.cluster_dashboard), "cluster.get"),
    route("GET", "/v1/dashboard/spectroclusters/{uid}/overview", shown(views.cluster_dashboard), "cluster.get"),
    route("POST", "/v1/dashboard/spectroclusters/search", search, "cluster.list", write=False),
    route("GET", "/v1/dashboard/spectroclusters/search/schema", search_schema, "cluster.list"),
    route("GET", "/v1/dashboard/spectroclusters/metadata", metadata, "cluster.list"),
    route("GET", "/v1/dashboard/spectroclusters/repaveStatus", repave_status, "cluster.list"),
    route("GET", "/v1/events/components/{objectKind}/{objectUid}", events, "cluster.get"),
    route("GET", "/v1/notifications/{objectKind}/{objectUid}", notifications, "cluster.get"),
    route("PATCH", "/v1/notifications/{uid}/ack", mark("ack"), "cluster.update"),
    route("PATCH", "/v1/notifications/{uid}/done", mark("done"), "cluster.update"),
    route("GET", CONFIG, get_config, "cluster.get"),
    route("GET", CONFIG + "/machinePools/{machinePoolName}/machines", list_machines, "cluster.get"),
    route("GET", CONFIG + "/machinePools/{machinePoolName}/machines/{machineUid}", get_machine, "cluster.get"),
]
