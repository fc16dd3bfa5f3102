# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What region and zone tags may be called, and what is wanted of them. All pure. PRIVATE to the collection.

Sources: the documentation's "Naming conventions for vSphere Region and Zone Tags" and "Zone Tagging"; a tag becomes the value of a Kubernetes label, which
has 63 characters at most.
"""
from __future__ import annotations

import re
from dataclasses import dataclass

from ._errors import InputRefused

VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
VALUE_LENGTH = 63
RULE = f"1 to {VALUE_LENGTH} characters out of A-Z a-z 0-9 - _ . with a letter or a digit at both ends"
ZONES, NAMES = "Zone Tagging", "Naming conventions for vSphere Region and Zone Tags"


@dataclass(frozen=True)
class Level:
    """kind: type of the objects that carry the tag. option: of the object's name. label: what Kubernetes calls the value on a node."""

    name: str
    kind: str
    option: str
    object: str
    label: str


LEVELS = {
    "region": Level("region", "Datacenter", "datacenter", "datacenter", "topology.kubernetes.io/region"),
    "zone": Level("zone", "ClusterComputeResource", "compute_cluster", "compute cluster", "topology.kubernetes.io/zone"),
}


@dataclass(frozen=True)
class Problem:
    """Something that is wrong in the options themselves. check: id of the finding that it becomes when nothing is to be changed."""

    check: str
    title: str
    where: str
    observed: str
    expected: str
    fix: str
    section: str = ZONES

    def refusal(self):
        return InputRefused(self.title, where=self.where, observed=self.observed, expected=self.expected, fix=self.fix)


def valid(value):
    """Whether a tag may be called so: the documentation's expression on the whole text, which would let an empty one pass."""
    return bool(value) and len(value) <= VALUE_LENGTH and VALUE.fullmatch(value) is not None


def suggestion(value):
    """A name like this one that is valid, or ''."""
    near = re.sub(r"[^A-Za-z0-9._-]+", "-", value).strip("-_.")[:VALUE_LENGTH].rstrip("-_.")
    return near if valid(near) else ""


def naming_fix(value):
    return f"for instance {suggestion(value)}" if suggestion(value) else "choose another name"


def from_params(params):
    """{state, categories: {region, zone}, regions, datacenters, detach_misplaced, purge_unused, problems}. Raises InputRefused.

    regions: [{datacenter, region, zones: [{compute_cluster, zone}]}]. problems: [Problem] of the values, which only state present is refused for.
    """
    categories = {level: params[f"{level}_category"] for level in LEVELS}
    regions = [{**entry, "zones": list(entry.get("zones") or [])} for entry in params["regions"] or []]
    datacenters = list(params["datacenters"] or [])
    refuse_names(categories, regions, datacenters)
    if regions and datacenters:
        raise InputRefused("regions and datacenters both say what is looked at", where="options regions, datacenters",
                           fix="give datacenters only where no regions are given")
    if not regions and params["state"] != "validated":
        raise InputRefused("no region is given", where="option regions", fix="list the datacenters with their regions and zones")
    desired = {"state": params["state"], "categories": categories, "regions": regions, "datacenters": datacenters,
               "detach_misplaced": params["detach_misplaced"], "purge_unused": params["purge_unused"]}
    desired["problems"] = [] if params["state"] == "absent" else [*value_problems(regions), *list_problems(regions)]
    if params["state"] == "present" and desired["problems"]:
        raise desired["problems"][0].refusal()
    return desired


def refuse_names(categories, regions, datacenters):
    """Raises InputRefused for empty names, and for categories that are one."""
    given = [(f"{level}_category", name) for level, name in categories.items()]
    given += [(f"datacenters[{number}]", name) for number, name in enumerate(datacenters)]
    for number, entry in enumerate(regions):
        given += [(f"regions[{number}].datacenter", entry["datacenter"])]
        given += [(f"regions[{number}].zones[{place}].compute_cluster", zone["compute_cluster"]) for place, zone in enumerate(entry["zones"])]
    for option, name in given:
        if not name.strip().strip("/"):
            raise InputRefused("a name is empty", where=f"option {option}", observed=name, fix="give the name or the path")
    if categories["region"].casefold() == categories["zone"].casefold():
        raise InputRefused("regions and zones need a tag category each", where="options region_category, zone_category", observed=categories["zone"],
                           fix="give two names that differ by more than case")


def values(regions):
    """[(level, option, value)] in order."""
    found = []
    for number, entry in enumerate(regions):
        found.append(("region", f"regions[{number}].region", entry["region"]))
        found += [("zone", f"regions[{number}].zones[{place}].zone", zone["zone"]) for place, zone in enumerate(entry["zones"])]
    return found


def value_problems(regions):
    """Values that are no valid names, and values of one level that differ only by case."""
    spelled = {}
    for level, option, value in values(regions):
        if not valid(value):
            yield Problem("tag_name", f"the {level}'s name is no valid tag", f"option {option}", value or "nothing", RULE, naming_fix(value), NAMES)
        other = spelled.setdefault((level, value.casefold()), value)
        if other != value:
            yield Problem("tag_name_case", f"two {level}s differ only by case", f"option {option}", f"{value} and {other}", "one spelling",
                          f"write {other} in both places, or choose another name", NAMES)


def list_problems(regions):
    """Objects that are listed twice, and zones that are not unique within their region."""
    datacenters, zones = {}, {}
    for number, entry in enumerate(regions):
        where = f"option regions[{number}]"
        if datacenters.setdefault(entry["datacenter"], number) != number:
            yield Problem("object_listed_twice", "a datacenter has exactly one region and is listed twice", f"{where}.datacenter", entry["datacenter"],
                          "each datacenter once", f"put its zones into regions[{datacenters[entry['datacenter']]}]")
        clusters = {}
        for place, zone in enumerate(entry["zones"]):
            if clusters.setdefault(zone["compute_cluster"], place) != place:
                yield Problem("object_listed_twice", "a compute cluster has exactly one zone and is listed twice", f"{where}.zones[{place}].compute_cluster",
                              zone["compute_cluster"], "each compute cluster once", f"remove it here, or from zones[{clusters[zone['compute_cluster']]}]")
            other = zones.setdefault((entry["region"], zone["zone"]), f"{entry['datacenter']}/{zone['compute_cluster']}")
            if other != f"{entry['datacenter']}/{zone['compute_cluster']}":
                yield Problem("zone_not_unique", f"zone '{zone['zone']}' is not unique within region '{entry['region']}'", f"{where}.zones[{place}].zone",
                              f"{other} and {entry['datacenter']}/{zone['compute_cluster']}", "a zone of its own for each compute cluster of a region",
                              "choose another zone for one of them")
