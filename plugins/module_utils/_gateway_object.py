# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway as plain data, and how Palette is asked for it. PRIVATE to the collection.

API edge: Palette calls a gateway an overlord (Palette API v1, operations v1Overlords*). All of it is tenant scope.
"""
from __future__ import annotations

from ._change import Unresolved
from ._errors import PlanRefused

GATEWAYS = "/v1/overlords"
SYSTEM_GATEWAY = "System Private Gateway"
PENDING, PROVISIONING, RUNNING, DELETING = "Pending", "Provisioning", "Running", "Deleting"
GONE = ("Deleted",)


def from_api(item):
    """v1Overlord -> gateway: dict of uid, name, labels, state, health, ip_address (of the installer), account_uid, cluster_uid, system, update_available."""
    metadata, spec, status = (item.get(key) or {} for key in ("metadata", "spec", "status"))
    return {
        "uid": metadata.get("uid"),
        "name": metadata.get("name"),
        "labels": metadata.get("labels") or {},
        "state": status.get("state"),
        "health": (status.get("health") or {}).get("state"),
        "ip_address": spec.get("ipAddress") or None,
        "account_uid": spec.get("cloudAccountUid") or None,
        "cluster_uid": spec.get("spectroClusterUid") or None,
        "system": bool(spec.get("isSystem")),
        "update_available": bool((status.get("notifications") or {}).get("isAvailable")),
    }


def gateways(palette):
    """All gateways of the tenant, as from_api gives them, sorted by name (the list is not paginated)."""
    items = palette.get(GATEWAYS).get("items") or []
    return sorted((gateway for gateway in map(from_api, items) if gateway["state"] not in GONE), key=lambda gateway: (gateway["name"] or "", gateway["uid"]))


def find_gateway(palette, name):
    """The gateway of exactly that name that is there to stay, or Unresolved. Raises PlanRefused for two of that name.

    The filter's semantics are not documented, so equality is checked here.
    """
    items = palette.get(GATEWAYS, query={"name": name}).get("items") or []
    found = [gateway for gateway in map(from_api, items) if gateway["name"] == name and gateway["state"] not in (*GONE, DELETING)]
    if len(found) > 1:
        raise PlanRefused(f"Palette has {len(found)} gateways named '{name}'", where="option gateway",
                          observed=", ".join(sorted(each["uid"] for each in found)), expected="one", fix="rename or delete all but one in the console")
    return found[0] if found else Unresolved("gateway", name)
