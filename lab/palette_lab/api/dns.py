# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS mappings for DHCP clusters (palette-api 2.6)."""

from __future__ import annotations

import re

from palette_lab import errors, lists, views
from palette_lab.api.calls import Call, Reply, created, no_content, ok, route

DOMAIN = re.compile(r"^([a-zA-Z0-9-]+\.)+[a-zA-Z]{2,}$")


def list_mappings(call: Call) -> Reply:
    """Not paginated."""
    with call.store.lock:
        items = [views.dns_mapping(each) for each in call.store.dns_mappings.values()]
    return ok({"items": lists.select(items, call.query)})


def look_up(call: Call) -> Reply:
    """The one mapping of gateway, datacenter and network."""
    for name in ("gatewayUid", "datacenter", "network"):
        if not call.query.get(name):
            raise errors.RouterError(422, 602, f"{name} in query is required")
    gateway, datacenter, network = (call.query[name] for name in ("gatewayUid", "datacenter", "network"))
    with call.store.lock:
        found = call.store.where("dns_mappings", gateway_uid=gateway, datacenter=datacenter, network=network)
        if not found:
            raise errors.ApiError(404, "ResourceNotFound", f"DNS mapping of network '{network}' in '{datacenter}' not found")
        return ok(views.dns_mapping(found[0]))


def fields_of(call: Call, own_uid: str) -> dict:
    """The record's fields out of the body. The lock is held. Raises ApiError."""
    spec = (call.body or {}).get("spec") or {}
    fields = {"gateway_uid": spec.get("privateGatewayUid", ""), "datacenter": spec.get("datacenter", ""), "network": spec.get("network", ""),
              "dns_name": spec.get("dnsName", "")}
    call.store.find("overlords", fields["gateway_uid"])
    if not DOMAIN.match(fields["dns_name"]):
        raise errors.refused("InvalidRequest", f"spec.dnsName is '{fields['dns_name']}', which is not a domain name")
    place = {key: fields[key] for key in ("gateway_uid", "datacenter", "network")}
    if any(each["uid"] != own_uid for each in call.store.where("dns_mappings", **place)):
        raise errors.refused("ResourceAlreadyExists", f"Network '{fields['network']}' in '{fields['datacenter']}' has a DNS mapping already")
    return fields


def create_mapping(call: Call) -> Reply:
    with call.store.lock:
        return created(call.store.add("dns_mappings", **fields_of(call, ""))["uid"])


def get_mapping(call: Call) -> Reply:
    with call.store.lock:
        return ok(views.dns_mapping(call.store.find("dns_mappings", call.path["uid"])))


def update_mapping(call: Call) -> Reply:
    """Only the name can change."""
    with call.store.lock:
        record = call.store.find("dns_mappings", call.path["uid"])
        fields = fields_of(call, record["uid"])
        for key in ("gateway_uid", "datacenter", "network"):
            if fields[key] != record[key]:
                raise errors.refused("InvalidRequest", f"{key} of a DNS mapping cannot be changed from '{record[key]}' to '{fields[key]}'")
        record.update(dns_name=fields["dns_name"], modified=call.store.now())
    return no_content()


def delete_mapping(call: Call) -> Reply:
    with call.store.lock:
        del call.store.dns_mappings[call.store.find("dns_mappings", call.path["uid"])["uid"]]
    return no_content()


ROUTES = [
    route("GET", "/v1/users/assets/vsphere/dnsMappings", list_mappings, "dnsMapping.list"),
    route("GET", "/v1/users/assets/vsphere/dnsMapping", look_up, "dnsMapping.get"),
    route("POST", "/v1/users/assets/vsphere/dnsMappings", create_mapping, "dnsMapping.create", "tenant"),
    route("GET", "/v1/users/assets/vsphere/dnsMappings/{uid}", get_mapping, "dnsMapping.get"),
    route("PUT", "/v1/users/assets/vsphere/dnsMappings/{uid}", update_mapping, "dnsMapping.update", "tenant"),
    route("DELETE", "/v1/users/assets/vsphere/dnsMappings/{uid}", delete_mapping, "dnsMapping.delete", "tenant"),
]
