# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Noun ip_pool: a block of addresses linked to a gateway. PRIVATE to the collection."""
from __future__ import annotations

from . import _ip_pool_object as pools
from ._change import Change, Unresolved, update
from ._errors import InputRefused, PlanRefused
from ._gateway_object import find_gateway
from ._palette import Palette, connection
from ._run import Noun, run
from ._specs import spec

KIND = "ip_pool"
LIBRARIES = ("requests", "netaddr")
SPEC = spec({
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "gateway": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "start": {"type": "str"},
    "end": {"type": "str"},
    "subnet": {"type": "str"},
    "prefix": {"type": "str"},
    "network_gateway": {"type": "str"},
    "name_servers": {"type": "list", "elements": "str"},
    "search_domains": {"type": "list", "elements": "str"},
    "restrict_to_single_cluster": {"type": "bool"},
}, vcenter=True, required_if=[("state", "present", ("network_gateway",))])


def from_params(params):
    if not params["gateway"].strip():
        raise InputRefused("the pool has no gateway", where="option gateway", expected="the name of a private cloud gateway",
                           fix="set it (role ip_pools: ip_pools_gateway or gateway_name)")
    return {"state": params["state"], "gateway": params["gateway"], "pool": pools.from_params(params), "prefix_given": params["prefix"] is not None}


def connect(params, context):
    return Palette(connection(params), context)


def observe(palette, desired, context):
    """{gateway: gateway or Unresolved, pool: pool or None}"""
    gateway = find_gateway(palette, desired["gateway"])
    pool = None
    if not isinstance(gateway, Unresolved):
        pool = next((pool for pool in pools.pools_of(palette, gateway["uid"]) if pool["name"] == desired["pool"]["name"]), None)
    if pool is None and desired["state"] == "present" and "subnet" in desired["pool"]:
        context.warn("Palette starts a subnet pool at the subnet's first address, often the network gateway's; a range (start, end) is exact")
    return {"gateway": gateway, "pool": pool}


def plan(desired, observed):
    """Create, update (only fields that were set), or delete; addresses in use are never dropped (page: IP Address Management)."""
    wanted, have, name = desired["pool"], observed["pool"], desired["pool"]["name"]
    if desired["state"] == "absent":
        if have is None:
            return []
        refuse_loss(have, have["allotted"] or have["clusters"], f"IP pool '{name}' is in use and cannot be deleted")
        return [Change("delete", KIND, name, decided(have), None)]
    if have is None:
        return [Change("create", KIND, name, None, decided({**dict.fromkeys(pools.DECIDED), **wanted}))]
    changes = update(KIND, name, have, over(desired, have))
    if changes and not {"start", "end", "subnet"}.isdisjoint(changes[0].after):
        refuse_loss(have, pools.outside(wanted, have["allotted"]), f"IP pool '{name}' cannot be changed: addresses in use would fall out of it")
    return changes


def over(desired, have):
    """The fields that a pool which exists should have: the form (range or subnet) that is not wanted goes; a prefix that was not given stays."""
    fields = {key: value for key, value in desired["pool"].items() if key != "name"}
    if "subnet" not in fields and have["subnet"]:
        fields["subnet"] = None
    if "subnet" in fields and not have["subnet"] and fields["subnet"]:
        fields.update(start=None, end=None)
    if fields.get("subnet") and fields["subnet"] == have["subnet"] and not desired["prefix_given"]:
        del fields["prefix"]
    return fields


def decided(pool):
    return {key: pool[key] for key in pools.DECIDED if pool[key] is not None}


def refuse_loss(have, addresses, what):
    """Raises PlanRefused naming what is in use (addresses, at most 20, where Palette lists any) and the clusters that hold it."""
    if addresses:
        shown = ", ".join(addresses[:20]) + (f" and {len(addresses) - 20} more" if len(addresses) > 20 else "")
        raise PlanRefused(what, where=f"IP pool {have['name']} ({have['uid']})",
                          observed=f"{shown}; used by clusters {', '.join(have['clusters']) or 'unknown'}",
                          expected="none of its addresses in use", fix="delete those clusters, or give them another pool, first")


def apply(palette, desired, observed, change, context):
    gateway, have = observed["gateway"]["uid"], observed["pool"]
    if change.verb == "create":
        def find():
            return next((pool["uid"] for pool in pools.pools_of(palette, gateway) if pool["name"] == change.name), None)
        palette.create(pools.pools_path(gateway), pools.to_api(None, desired["pool"]), find)
    elif change.verb == "update":
        palette.put(pools.pools_path(gateway, have["uid"]), pools.to_api(have, {"name": change.name, **over(desired, have)}))
    else:
        palette.delete(pools.pools_path(gateway, have["uid"]))


def present(observed):
    return observed["pool"]


NOUN = Noun(KIND, from_params, connect, observe, plan, apply, present)


def execute(params, context):
    return run(NOUN, params, context)
