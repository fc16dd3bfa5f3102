# SPDX-License-Identifier: GPL-3.0-or-later
"""IP pools of a gateway (palette-api 2.4). The API stores what it is given; whether a range makes sense is the client's care."""

from __future__ import annotations

from palette_lab import errors, views
from palette_lab.api.calls import Call, Reply, created, metadata_name, no_content, ok, route


def list_pools(call: Call) -> Reply:
    with call.store.lock:
        uid = call.store.find("overlords", call.path["uid"])["uid"]
        return ok({"items": [views.pool(call.store, each) for each in call.store.where("pools", overlord_uid=uid)]})


def pool_fields(call: Call, overlord_uid: str, own_uid: str) -> dict:
    """name, restrict and pool of the body. The lock is held. Raises ApiError for a missing or a taken name."""
    name, spec = metadata_name(call.body), (call.body or {}).get("spec") or {}
    if not name or "pool" not in spec:
        raise errors.refused("InvalidRequest", "metadata.name and spec.pool of an IP pool must be given")
    if any(each["name"] == name and each["uid"] != own_uid for each in call.store.where("pools", overlord_uid=overlord_uid)):
        raise errors.refused("ResourceAlreadyExists", f"IP pool with name '{name}' already exists on this gateway")
    given = spec["pool"]
    nameserver = given.get("nameserver") or {}
    shape = {key: given.get(key) or "" for key in ("start", "end", "subnet", "gateway")}
    shape.update(prefix=int(given.get("prefix") or 0),
                 nameserver={"addresses": list(nameserver.get("addresses") or []), "search": list(nameserver.get("search") or [])})
    return {"name": name, "restrict": bool(spec.get("restrictToSingleCluster")), "pool": shape}


def find_pool(call: Call) -> dict:
    """The pool of the path, which must be the gateway's own. The lock is held."""
    call.store.find("overlords", call.path["uid"])
    record = call.store.find("pools", call.path["poolUid"])
    if record["overlord_uid"] != call.path["uid"]:
        raise errors.not_found("IpPool", call.path["poolUid"])
    return record


def check_unused(call: Call, record: dict, what: str) -> None:
    clusters = views.pool_clusters(call.store, record)
    if clusters or record["allotted"]:
        names = [call.store.clusters[uid]["name"] for uid in clusters]
        raise errors.refused("IpPoolInUse", f"IP pool '{record['name']}' cannot be {what}, it is in use by: {', '.join(names) or 'allotted addresses'}",
                             {"clusters": names})


def create_pool(call: Call) -> Reply:
    with call.store.lock:
        overlord = call.store.find("overlords", call.path["uid"])
        return created(call.store.add("pools", overlord_uid=overlord["uid"], **pool_fields(call, overlord["uid"], ""))["uid"])


def update_pool(call: Call) -> Reply:
    """A full replace; refused when an address in use would fall out of the pool."""
    with call.store.lock:
        record = find_pool(call)
        fields = pool_fields(call, record["overlord_uid"], record["uid"])
        if not all(views.holds(fields["pool"], address) for address in record["allotted"]):
            check_unused(call, record, "changed")
        record.update(fields)
    return no_content()


def delete_pool(call: Call) -> Reply:
    with call.store.lock:
        record = find_pool(call)
        check_unused(call, record, "deleted")
        del call.store.pools[record["uid"]]
    return no_content()


ROUTES = [
    route("GET", "/v1/overlords/vsphere/{uid}/pools", list_pools, "overlord.get"),
    route("POST", "/v1/overlords/vsphere/{uid}/pools", create_pool, "overlord.update", "tenant"),
    route("PUT", "/v1/overlords/vsphere/{uid}/pools/{poolUid}", update_pool, "overlord.update", "tenant"),
    route("DELETE", "/v1/overlords/vsphere/{uid}/pools/{poolUid}", delete_pool, "overlord.update", "tenant"),
]
