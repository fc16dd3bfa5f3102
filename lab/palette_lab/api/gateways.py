# SPDX-License-Identifier: GPL-3.0-or-later
"""Private cloud gateways, "overlords" (palette-api 2.1 to 2.3)."""

from __future__ import annotations

from palette_lab import errors, lists, views
from palette_lab.api import downloads, vcenter
from palette_lab.api.calls import Call, Reply, created, metadata_name, no_content, ok, route
from palette_lab.store import add_gateway_cluster, cluster_config_in_read_shape, placement_in_read_shape

SORT_FIELDS = {"clusterName", "clusterState", "environment", "healthState", "creationTimestamp", "lastModifiedTimestamp"}


def pairing_code(call: Call) -> Reply:
    """A new code each time; one use, 24 hours (palette-api 10, decision 4)."""
    cloud = call.query.get("cloudType") or "vsphere"
    if cloud != "vsphere":
        raise errors.refused("InvalidRequest", f"cloudType is '{cloud}': this Palette has installers for vsphere only")
    with call.store.lock:
        code = call.store.new_pairing_code()
        call.store.pairing_codes[code] = {"code": code, "created": call.store.now(), "used_by": ""}
    return ok({"pairingCode": code})


def ova_location(call: Call) -> Reply:
    if call.lab.ova is None:
        raise errors.ApiError(404, "ResourceNotFound", "No installer OVA is published on this Palette")
    return ok({"location": downloads.location(call.store.site)})


def list_overlords(call: Call) -> Reply:
    """Not paginated; ?name= is an exact match here."""
    name = call.query.get("name")
    with call.store.lock:
        items = [views.overlord(call.store, each) for each in call.store.overlords.values() if name in (None, "", each["name"])]
    return ok({"items": items})


def search_overlords(call: Call) -> Reply:
    def value_of(item: dict, name: str) -> object:
        return {"clusterName": item["metadata"]["name"], "name": item["metadata"]["name"], "clusterState": item["status"]["state"], "environment": "vsphere",
                "healthState": item["status"]["health"]["state"], "isDeleted": False, "creationTimestamp": item["metadata"]["creationTimestamp"],
                "lastModifiedTimestamp": item["metadata"]["lastModifiedTimestamp"]}[name]
    with call.store.lock:
        items = [views.overlord(call.store, each) for each in call.store.overlords.values()]
    return ok(lists.paginate(lists.search(items, call.body, value_of, SORT_FIELDS), call.query))


def get_overlord(call: Call) -> Reply:
    with call.store.lock:
        return ok(views.overlord(call.store, call.store.find("overlords", call.path["uid"])))


def put_metadata(call: Call) -> Reply:
    given = (call.body or {}).get("metadata") or {}
    with call.store.lock:
        record = call.store.find("overlords", call.path["uid"])
        name = metadata_name(call.body) or record["name"]
        if name != record["name"] and call.store.where("overlords", name=name):
            raise errors.refused("ResourceAlreadyExists", f"Private cloud gateway with name '{name}' already exists")
        record.update(name=name, modified=call.store.now())
        if "labels" in given:
            record["labels"] = dict(given["labels"])
        if "annotations" in given:
            record["annotations"] = {**given["annotations"], "cloudType": "vsphere", "scope": "tenant"}
    return no_content()


def delete_overlord(call: Call) -> Reply:
    """Refused while tenant clusters are there; the machines stay in vCenter (the page, Deleting a VMware Cloud Gateway)."""
    store = call.store
    with store.lock:
        record = call.store.find("overlords", call.path["uid"])
        if record["is_system"]:
            raise errors.refused("InvalidRequest", f"The system gateway '{record['name']}' cannot be deleted")
        users = sorted(each["name"] for each in store.where("clusters", overlord_uid=record["uid"], kind="tenant") if each["state"] != "Deleted")
        if users:
            raise errors.refused("OverlordInUse", f"Private cloud gateway '{record['name']}' has running clusters: {', '.join(users)}. "
                                 "Delete them and try again", {"clusters": users})
        if record["state"] != "Deleting":
            record.update(state="Deleting", deleted=store.now(), modified=store.now())
            post(call, {"type": "gateway.delete", "uid": record["uid"]})
    return ok({"msg": f"Private cloud gateway '{record['name']}' is being deleted"})


def reset_overlord(call: Call) -> Reply:
    with call.store.lock:
        record = call.store.find("overlords", call.path["uid"])
        if record["state"] not in ("Provisioning", "Pending"):
            raise errors.refused("InvalidRequest", f"Private cloud gateway '{record['name']}' is {record['state']}: "
                                 "only one that is being provisioned can be reset")
        post(call, {"type": "gateway.reset", "uid": record["uid"]})
    return ok({"msg": f"Private cloud gateway '{record['name']}' is being reset"})


def validate_account(call: Call) -> Reply:
    with call.store.lock:
        call.store.find("overlords", call.path["uid"])
    vcenter.checked(call, (call.body or {}).get("account"))
    return no_content()


def create_account(call: Call) -> Reply:
    """Names both the gateway and its cloud account."""
    store, body = call.store, call.body or {}
    with store.lock:
        call.store.find("overlords", call.path["uid"])
    shape = vcenter.checked(call, body.get("account"))
    with store.lock:
        record = call.store.find("overlords", call.path["uid"])
        if record["account_uid"]:
            raise errors.refused("ResourceAlreadyExists", f"Private cloud gateway '{record['name']}' has a cloud account already")
        name = body.get("name") or record["name"]
        if any(each["name"] == name and each["uid"] != record["uid"] for each in store.overlords.values()):
            raise errors.refused("ResourceAlreadyExists", f"Private cloud gateway with name '{name}' already exists")
        if any(each["name"] == name and each["annotations"]["scope"] == "tenant" for each in store.accounts.values()):
            raise errors.refused("ResourceAlreadyExists", f"Cloud account with name '{name}' already exists")
        account = store.add("accounts", name=name, annotations={"overlordUid": record["uid"], "scope": "tenant"},
                            shared=bool(body.get("shareWithProjects")), **shape)
        record.update(name=name, account_uid=account["uid"], modified=store.now())
    return created(account["uid"])


def update_account(call: Call) -> Reply:
    store, body = call.store, call.body or {}
    with store.lock:
        if not call.store.find("overlords", call.path["uid"])["account_uid"]:
            raise errors.not_found("CloudAccount of overlord", call.path["uid"])
    shape = vcenter.checked(call, body.get("account"))
    with store.lock:
        account = store.find("accounts", call.store.find("overlords", call.path["uid"])["account_uid"])
        account.update(shape, modified=store.now(), shared=bool(body.get("shareWithProjects")))
    return no_content()


def check_config(call: Call, record: dict, body: dict) -> dict:
    """The body, after the checks that the API makes before it stores one. The lock is held. Raises ApiError InvalidRequest."""
    if body.get("size") not in (1, 3):
        raise errors.refused("InvalidRequest", f"size is {body.get('size')}: a gateway has 1 or 3 nodes")
    sent = body.get("clusterConfig") or {}
    placements = sent.get("placements") or []
    if not placements:
        raise errors.refused("InvalidRequest", "clusterConfig.placements must name at least one placement")
    for number, placement in enumerate(placements):
        for name in ("datacenter", "cluster", "datastore"):
            if not placement.get(name):
                raise errors.refused("InvalidRequest", f"clusterConfig.placements[{number}].{name} must not be empty")
        check_pool(call, record, number, placement.get("network") or {}, bool(sent.get("staticIp")))
    for profile in body.get("clusterProfiles") or []:
        if profile.get("uid") != call.store.gateway_profile_uid:
            raise errors.refused("InvalidRequest", f"clusterProfiles names '{profile.get('uid')}', which is not the gateway's profile")
    return body


def check_pool(call: Call, record: dict, number: int, network: dict, static: bool) -> None:
    where = f"clusterConfig.placements[{number}].network"
    if not network.get("networkName"):
        raise errors.refused("InvalidRequest", f"{where}.networkName must not be empty")
    uid = network.get("parentPoolUid")
    if not uid:
        if static:
            raise errors.refused("InvalidRequest", f"{where}.parentPoolUid must name an IP pool, because staticIp is true")
        return
    pool = call.store.pools.get(uid)
    if pool is None or pool["overlord_uid"] != record["uid"]:
        raise errors.refused("InvalidRequest", f"{where}.parentPoolUid '{uid}' is not an IP pool of this gateway")


def configure(call: Call) -> Reply:
    """POST …/cloudconfig: from Pending only; provisioning starts. Returns the uid of the gateway's cluster."""
    store, body = call.store, call.body or {}
    with store.lock:
        record = call.store.find("overlords", call.path["uid"])
        if not record["account_uid"]:
            raise errors.refused("InvalidRequest", f"Private cloud gateway '{record['name']}' has no cloud account yet")
        if record["state"] != "Pending" or record["cluster_uid"]:
            raise errors.refused("ResourceAlreadyExists", f"Private cloud gateway '{record['name']}' is {record['state']} and has been configured already")
        cluster = add_gateway_cluster(store, record, check_config(call, record, body))
        record["state"] = "Provisioning"
        post(call, {"type": "gateway.configure", "uid": record["uid"]})
    return created(cluster["uid"])


def reconfigure(call: Call) -> Reply:
    """PUT …/cloudconfig: the whole config again; 1 to 3 nodes, never back. What does not differ starts nothing."""
    store, body = call.store, call.body or {}
    with store.lock:
        record = call.store.find("overlords", call.path["uid"])
        if not record["cluster_uid"]:
            raise errors.refused("InvalidRequest", f"Private cloud gateway '{record['name']}' has not been configured")
        check_config(call, record, body)
        if body["size"] < record["config"]["size"]:
            raise errors.refused("OverlordScaleDownForbidden", f"Private cloud gateway '{record['name']}' has {record['config']['size']} nodes "
                                 "and cannot be scaled down")
        if record["state"] != "Running":
            raise errors.refused("OverlordNotRunning", f"Private cloud gateway '{record['name']}' is {record['state']}, it must be Running")
        record.update(config=body, modified=store.now())
        apply_config(call, record)
        post(call, {"type": "gateway.update", "uid": record["uid"]})
    return no_content()


def apply_config(call: Call, record: dict) -> None:
    """The new config in the read shapes of the gateway's cluster; placements keep their uids by position. The lock is held."""
    config = call.store.cloudconfigs[call.store.clusters[record["cluster_uid"]]["config_uid"]]
    config["cluster_config"] = cluster_config_in_read_shape(record["config"])
    pool = config["pools"][0]
    before = [each["uid"] for each in pool["placements"]]
    sent = record["config"]["clusterConfig"]["placements"]
    pool["placements"] = [placement_in_read_shape(call.store, {**each, "uid": before[number] if number < len(before) else each.get("uid")})
                          for number, each in enumerate(sent)]
    pool.update(size=record["config"]["size"], minSize=record["config"]["size"], maxSize=record["config"]["size"])


def gateway_profile(call: Call) -> Reply:
    with call.store.lock:
        call.store.find("overlords", call.path["uid"])
        return ok(views.profile(call.store, call.store.profiles[call.store.gateway_profile_uid]))


def account_record(call: Call) -> dict:
    """A copy of the gateway's own cloud account, so that vCenter is asked without the lock."""
    with call.store.lock:
        record = call.store.find("overlords", call.path["uid"])
        if not record["account_uid"]:
            raise errors.refused("InvalidRequest", f"Private cloud gateway '{record['name']}' has no cloud account yet")
        return dict(call.store.find("accounts", record["account_uid"]))


def list_datacenters(call: Call) -> Reply:
    return ok(vcenter.datacenters(call, account_record(call)))


def list_resources(call: Call) -> Reply:
    return ok(vcenter.compute_cluster(call, account_record(call)))


def post(call: Call, event: dict) -> None:
    if call.lab.engine is not None:
        call.lab.engine.post(event)


ROUTES = [
    route("GET", "/v1/overlords/pairing/code", pairing_code, "overlord.create", "tenant", write=True),
    route("GET", "/v1/overlords/vsphere/ova", ova_location, "overlord.get"),
    route("GET", "/v1/overlords", list_overlords, "overlord.list"),
    route("POST", "/v1/dashboard/pcgs/search", search_overlords, "overlord.list", write=False),
    route("GET", "/v1/overlords/{uid}", get_overlord, "overlord.get"),
    route("DELETE", "/v1/overlords/{uid}", delete_overlord, "overlord.delete", "tenant"),
    route("PUT", "/v1/overlords/{uid}/metadata", put_metadata, "overlord.update", "tenant"),
    route("PUT", "/v1/overlords/{uid}/reset", reset_overlord, "overlord.update", "tenant"),
    route("POST", "/v1/overlords/vsphere/{uid}/account", create_account, "overlord.create", "tenant"),
    route("PUT", "/v1/overlords/vsphere/{uid}/account", update_account, "overlord.update", "tenant"),
    route("POST", "/v1/overlords/vsphere/{uid}/account/validate", validate_account, "cloudaccount.create", "any", write=False),
    route("POST", "/v1/overlords/vsphere/{uid}/cloudconfig", configure, "overlord.create", "tenant"),
    route("PUT", "/v1/overlords/vsphere/{uid}/cloudconfig", reconfigure, "overlord.update", "tenant"),
    route("GET", "/v1/overlords/vsphere/{uid}/clusterprofile", gateway_profile, "overlord.get"),
    route("GET", "/v1/overlords/vsphere/{uid}/properties/datacenters", list_datacenters, "overlord.get"),
    route("GET", "/v1/overlords/vsphere/{uid}/properties/computecluster/resources", list_resources, "overlord.get"),
]
