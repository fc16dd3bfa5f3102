# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Noun dns_mapping: the search domain of a network whose nodes get their addresses by DHCP. PRIVATE to the collection.

API edge: v1VsphereDnsMapping, tenant scope. Gateway, datacenter and network identify a mapping and cannot change; its name is that of the domain.
"""
from __future__ import annotations

from ._change import Change, Unresolved, update
from ._errors import InputRefused, PlanRefused
from ._gateway_config import domain
from ._gateway_object import find_gateway
from ._palette import Palette, connection
from ._run import Noun, run
from ._specs import spec

KIND = "dns_mapping"
MAPPINGS = "/v1/users/assets/vsphere/dnsMappings"
LIBRARIES = ("requests", "netaddr")
SPEC = spec({
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "gateway": {"type": "str", "required": True},
    "datacenter": {"type": "str", "required": True},
    "network": {"type": "str", "required": True},
    "dns_name": {"type": "str"},
}, required_if=[("state", "present", ("dns_name",))])


def from_params(params):
    """{state, gateway, datacenter, network, dns_name}. Raises InputRefused."""
    for key in ("gateway", "datacenter", "network"):
        if not params[key].strip():
            raise InputRefused(f"the {key} is empty", where=f"option {key}", fix="give its name")
    if params["state"] == "present":
        domain(params["dns_name"], "option dns_name")
    return {key: params[key] for key in ("state", "gateway", "datacenter", "network", "dns_name")}


def connect(params, context):
    return Palette(connection(params), context)


def from_api(item):
    """v1VsphereDnsMapping -> {uid, gateway_uid, datacenter, network, dns_name}"""
    spec_ = item.get("spec") or {}
    return {"uid": (item.get("metadata") or {}).get("uid"), "gateway_uid": spec_.get("privateGatewayUid"), "datacenter": spec_.get("datacenter"),
            "network": spec_.get("network"), "dns_name": spec_.get("dnsName")}


def to_api(desired, gateway_uid):
    return {"metadata": {"name": desired["dns_name"]},
            "spec": {"privateGatewayUid": gateway_uid, "datacenter": desired["datacenter"], "network": desired["network"], "dnsName": desired["dns_name"]}}


def mappings(palette, gateway_uid, desired):
    """All mappings of the gateway's network, sorted by uid; the filter's semantics are not documented, so equality is checked here."""
    items = palette.get(MAPPINGS, query={"filters": f"spec.privateGatewayUid={gateway_uid}"}).get("items") or []
    place = (gateway_uid, desired["datacenter"], desired["network"])
    found = [each for each in map(from_api, items) if (each["gateway_uid"], each["datacenter"], each["network"]) == place]
    return sorted(found, key=lambda each: each["uid"])


def observe(palette, desired, context):
    """{gateway: gateway or Unresolved, mappings: those of the network}"""
    gateway = find_gateway(palette, desired["gateway"])
    return {"gateway": gateway, "mappings": [] if isinstance(gateway, Unresolved) else mappings(palette, gateway["uid"], desired)}


def plan(desired, observed):
    """Create, rename or delete the one mapping of gateway, datacenter and network."""
    name, found = f"{desired['datacenter']}/{desired['network']}", observed["mappings"]
    if len(found) > 1:
        raise PlanRefused(f"network '{name}' has {len(found)} DNS mappings", where=f"gateway {desired['gateway']}",
                          observed=", ".join(f"{each['dns_name']} ({each['uid']})" for each in found), expected="one",
                          fix="delete the ones that are not meant in Palette")
    if desired["state"] == "absent":
        return [Change("delete", KIND, name, {"dns_name": each["dns_name"]}, None) for each in found]
    if not found:
        return [Change("create", KIND, name, None, {"dns_name": desired["dns_name"]})]
    return update(KIND, name, found[0], {"dns_name": desired["dns_name"]})


def apply(palette, desired, observed, change, context):
    gateway_uid = observed["gateway"]["uid"]
    if change.verb == "create":
        def find():
            return next((each["uid"] for each in mappings(palette, gateway_uid, desired)), None)
        palette.create(MAPPINGS, to_api(desired, gateway_uid), find)
    elif change.verb == "update":
        palette.put(f"{MAPPINGS}/{observed['mappings'][0]['uid']}", to_api(desired, gateway_uid))
    else:
        palette.delete(f"{MAPPINGS}/{observed['mappings'][0]['uid']}")


def present(observed):
    """The mapping with its gateway's name, or None."""
    return {**observed["mappings"][0], "gateway": observed["gateway"]["name"]} if observed["mappings"] else None


def predict(desired, observed, changes):
    have = present(observed)
    for change in changes:
        place = {key: desired[key] for key in ("gateway", "datacenter", "network")}
        have = None if change.after is None else {**(have or place), **change.after}
    return have


NOUN = Noun(KIND, from_params, connect, observe, plan, apply, present, predict=predict)


def execute(params, context):
    return run(NOUN, params, context)
