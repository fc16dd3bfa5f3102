# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the places that a gateway is to use exist, as its own account sees them. PRIVATE to the collection."""
from __future__ import annotations

from ._errors import PlanRefused
from ._placement_info import datacenter_from_api, resources_from_api

NAMED = (("datastore", "datastores"), ("network", "networks"))
NAMED_OR_PATH = (("resource_pool", "resource_pools"),)


def offered(palette, properties, placements):
    """What the account sees at these placements. properties: path of the gateway's properties.

    Returns {datacenters: names, places: {datacenter: {folders, compute_clusters: {name: {datastores, networks, resource_pools} or None where no
    placement names it}}}}.
    """
    items = palette.get(f"{properties}/datacenters").get("items") or []
    found = {item["name"]: item for item in map(datacenter_from_api, items)}
    seen = {}
    for place in placements:
        item = found.get(place["datacenter"])
        if item is None:
            continue
        entry = seen.setdefault(item["name"], {"folders": item["folders"], "compute_clusters": dict.fromkeys(item["compute_clusters"])})
        if entry["compute_clusters"].get(place["compute_cluster"], {}) is None:
            query = {"datacenter": place["datacenter"], "computecluster": place["compute_cluster"]}
            entry["compute_clusters"][place["compute_cluster"]] = resources_from_api(palette.get(f"{properties}/computecluster/resources", query=query))
    return {"datacenters": sorted(found), "places": seen}


def listed(name, names):
    """Whether a list of names or inventory paths has it; which of the two Palette gives is not documented."""
    return any(each == name or each.endswith(f"/{name}") or name.endswith(f"/{each}") for each in names)


def refuse_unknown(placements, seen):
    """Raises PlanRefused for the first place that does not exist; placements as in the options."""
    for number, place in enumerate(placements):
        def refused(key, names, inside, number=number, place=place):
            return PlanRefused(f"there is no {key.replace('_', ' ')} '{place[key]}' {inside}, as the gateway's account sees it",
                               where=f"option placements[{number}].{key}", expected=f"one of: {', '.join(names) or 'none'}",
                               fix="correct the name, or give the account the rights to see it")
        entry = seen["places"].get(place["datacenter"])
        if entry is None:
            raise refused("datacenter", seen["datacenters"], "in vCenter")
        resources = entry["compute_clusters"].get(place["compute_cluster"])
        if resources is None:
            raise refused("compute_cluster", sorted(entry["compute_clusters"]), f"in {place['datacenter']}")
        for key, names in NAMED:
            if place[key] not in resources[names]:
                raise refused(key, resources[names], f"in {place['compute_cluster']}")


def doubtful(placements, seen):
    """Warnings for folders and resource pools that are not in the lists: whether those hold all paths is not documented, so they are not refused."""
    for number, place in enumerate(placements):
        entry = seen["places"].get(place["datacenter"]) or {"folders": [], "compute_clusters": {}}
        resources = entry["compute_clusters"].get(place["compute_cluster"]) or {}
        lists = [("folder", entry["folders"])] + [(key, resources.get(names, [])) for key, names in NAMED_OR_PATH]
        for key, names in lists:
            if not listed(place[key], names):
                yield f"placements[{number}].{key} '{place[key]}' is not among those that the gateway's account lists: {', '.join(names) or 'none'}"
