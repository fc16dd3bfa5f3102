# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A vCenter with regions and zones as plain data, beginning with the documentation's example: dc-1 with cluster-1, cluster-2 and cluster-3."""
from __future__ import annotations

import copy

from ansible_collections.palette.vmware.plugins.module_utils import _zone_options as options
from ansible_collections.palette.vmware.plugins.module_utils import _zone_state as states

DATACENTER, CLUSTER = "Datacenter", "ClusterComputeResource"
DC, CLUSTERS = "Datacenter:datacenter-1", [f"{CLUSTER}:domain-c{number}" for number in (1, 2, 3)]
CATEGORIES = {"region": "k8s-region", "zone": "k8s-zone"}
PAGE = [{"datacenter": "dc-1", "region": "region1",
         "zones": [{"compute_cluster": f"cluster-{number}", "zone": f"az{number}"} for number in (1, 2, 3)]}]


def regions(*names, region="region1", datacenter="dc-1"):
    """The example's compute clusters, in order, with these zones; None leaves one out."""
    return [{"datacenter": datacenter, "region": region,
             "zones": [{"compute_cluster": f"cluster-{number}", "zone": name} for number, name in enumerate(names, 1) if name]}]


def thing(kind, moid, names, datacenter=None, above=(), region=(), zone=()):
    return {"type": kind, "id": moid, "path": "/" + "/".join(names), "names": list(names), "datacenter": datacenter, "above": list(above),
            "region": sorted(region), "zone": sorted(zone)}


def site(region=("region1",), zones=(("az1",), ("az2",), ("az3",))):
    """Objects of the example with these tags."""
    found = {DC: thing(DATACENTER, "datacenter-1", ["dc-1"], DC, region=region)}
    for number, tags in enumerate(zones, 1):
        found[CLUSTERS[number - 1]] = thing(CLUSTER, f"domain-c{number}", ["dc-1", "host", f"cluster-{number}"], DC, zone=tags)
    return found


def category(level, cardinality="SINGLE", types=None):
    return {"id": f"c-{level}", "name": CATEGORIES[level], "cardinality": cardinality, "types": [options.LEVELS[level].kind] if types is None else list(types)}


def desire(given=None, state="present", **more):
    """What from_params makes of these options."""
    params = {"state": state, "regions": given, "datacenters": None, "region_category": "k8s-region", "zone_category": "k8s-zone",
              "detach_misplaced": False, "purge_unused": False, **more}
    return options.from_params(copy.deepcopy(params))


def observe(desired, objects, categories=None, tags=None, namesakes=None):
    """The state that reading these objects gives; tags: further ones that no object has."""
    objects = copy.deepcopy(objects)
    known = {level: {name: f"t-{level}-{name}" for entry in objects.values() for name in entry[level]} for level in options.LEVELS}
    for level, names in (tags or {}).items():
        known[level].update({name: f"t-{level}-{name}" for name in names})
    given = {level: category(level) for level in options.LEVELS} if categories is None else {"region": None, "zone": None, **categories}
    listing = states.Listing(desired, objects)
    return {"categories": given, "namesakes": {"region": [], "zone": [], **(namesakes or {})}, "tags": known, "objects": objects,
            "listed": listing.listed, "problems": listing.problems, **{f"missing {number}": each for number, each in enumerate(listing.missing)}}
