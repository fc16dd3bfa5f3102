# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Noun gateway_info: the private cloud gateways of the tenant. PRIVATE to the collection."""
from __future__ import annotations

from . import _gateway_status as status
from ._gateway_object import gateways
from ._ip_pool_object import pools_of
from ._palette import Palette, connection
from ._specs import spec

LIBRARIES = ("requests", "netaddr")
SPEC = spec({
    "name": {"type": "str"},
    "gather": {"type": "list", "elements": "str", "choices": ["nodes", "events", "pools"], "default": []},
})


def described(palette, gateway, gather):
    """The gateway with the conditions of its own cluster, and what `gather` names."""
    own = status.cluster(palette, gateway)
    found = {**gateway, "conditions": own["conditions"] if own else []}
    if "nodes" in gather:
        found["nodes"] = status.nodes(palette, own)
    if "events" in gather:
        found["events"] = status.all_events(palette, gateway)
    if "pools" in gather:
        found["pools"] = [pool["name"] for pool in pools_of(palette, gateway["uid"])]
    return found


def execute(params, context):
    """{changed, gateways: [gateway], warnings}, sorted by name; a name that no gateway has gives an empty list."""
    with Palette(connection(params), context) as palette:
        wanted = [each for each in gateways(palette) if params["name"] in (None, each["name"])]
        return {"changed": False, "gateways": [described(palette, each, params["gather"]) for each in wanted], "warnings": context.warnings}
