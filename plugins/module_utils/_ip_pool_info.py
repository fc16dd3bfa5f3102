# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Noun ip_pool_info: the IP pools of a gateway and how full they are. PRIVATE to the collection."""
from __future__ import annotations

from ._address import address, network, span
from ._change import Unresolved
from ._errors import ParentMissing
from ._gateway_object import find_gateway
from ._ip_pool_object import pools_of
from ._palette import Palette, connection
from ._specs import spec

LIBRARIES = ("requests", "netaddr")
SPEC = spec({"gateway": {"type": "str", "required": True}, "name": {"type": "str"}})


def size(pool):
    """How many addresses the pool's range or subnet spans (int), or None where Palette gives neither; nothing is enumerated."""
    if pool["subnet"]:
        return network(pool["subnet"], "").size
    if pool["start"] and pool["end"]:
        return span(address(pool["start"], ""), address(pool["end"], ""), "").size
    return None


def sized(pool):
    """The pool with size, allotted_count and available_count beside its fields."""
    return {**pool, "size": size(pool), "allotted_count": len(pool["allotted"]), "available_count": len(pool["available"])}


def execute(params, context):
    """{changed, ip_pools, warnings}. Raises ParentMissing when there is no such gateway, PaletteFailure."""
    with Palette(connection(params), context) as palette:
        gateway = find_gateway(palette, params["gateway"])
        if isinstance(gateway, Unresolved):
            raise ParentMissing(f"there is no gateway '{gateway.name}' whose pools could be read", where="option gateway",
                                fix="correct the name; palette.vmware.gateway_info lists the gateways")
        found = [sized(pool) for pool in pools_of(palette, gateway["uid"]) if params["name"] in (None, pool["name"])]
        return {"changed": False, "ip_pools": found, "warnings": context.warnings}
