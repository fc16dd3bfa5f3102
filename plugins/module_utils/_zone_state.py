# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Region and zone tags as they are, and the changes that lead to what is wanted. All pure. PRIVATE to the collection.

A state is {categories: {level: {id, name, cardinality, types} or None}, namesakes: {level: [names]}, tags: {level: {name: id}}, objects: {key: object},
listed: what the options mean, problems: [Problem]}. An object is {type, id, path, names, datacenter, above, region: [tags], zone: [tags]}: all datacenters
and compute clusters, and whatever else has a tag of the two categories. A tag is always known by its category and its name.
"""
from __future__ import annotations

import copy

from ._change import Change, Unresolved
from ._errors import InputRefused
from ._inventory import path_text, pick, split_path
from ._zone_options import LEVELS, Problem

CATEGORY, TAG, ATTACHMENT = "tag_category", "tag", "tag_attachment"


def of_kind(objects, kind):
    return {key: entry for key, entry in objects.items() if entry["type"] == kind and entry["id"]}


def below(entry, datacenter):
    """The names of a compute cluster's path below the datacenter's hosts, where the datacenter is an object."""
    return entry["names"][len(datacenter["names"]) + 1:]


def pick_cluster(objects, datacenter, text, where):
    """Key of a compute cluster by name, by path below the datacenter's hosts, or by its whole path; or Unresolved. Raises InputRefused."""
    inside = {key: entry for key, entry in of_kind(objects, LEVELS["zone"].kind).items() if entry["datacenter"] == datacenter}
    prefix = [*objects[datacenter]["names"], "host"]
    parts = split_path(text)
    if parts[:len(prefix)] == prefix and len(parts) > len(prefix):
        whole = [key for key, entry in inside.items() if entry["names"] == parts]
        if whole:
            return whole[0]
    return pick({key: below(entry, objects[datacenter]) for key, entry in inside.items()}, text, "compute_cluster", where)


class Listing:
    """The options' names turned into keys of objects. missing: [Unresolved]; problems: of names that mean several objects or one object twice."""

    def __init__(self, desired, objects):
        self.objects, self.strict = objects, desired["state"] != "validated"
        self.missing, self.problems, self._taken = [], [], {}
        datacenters = of_kind(objects, LEVELS["region"].kind)
        names = {key: entry["names"] for key, entry in datacenters.items()}
        wanted = desired["regions"] or [{"datacenter": text, "region": None, "zones": None} for text in desired["datacenters"]]
        options = "regions[{}].datacenter" if desired["regions"] else "datacenters[{}]"
        if not wanted:
            wanted = [{"datacenter": path_text(names[key]), "region": None, "zones": None} for key in sorted(names, key=lambda key: names[key])]
        self.listed = [self._datacenter(entry, names, options.format(number), number) for number, entry in enumerate(wanted)]

    def _datacenter(self, entry, names, option, number):
        key = self._key(lambda: pick(names, entry["datacenter"], "datacenter", f"option {option}"), "datacenter", entry["datacenter"], option)
        zones = entry["zones"]
        if zones is None:
            inside = [each for each in of_kind(self.objects, LEVELS["zone"].kind).values() if each["datacenter"] == key]
            zones = [{"compute_cluster": path_text(below(each, self.objects[key])), "zone": None} for each in sorted(inside, key=lambda each: each["path"])]
        return {"datacenter": entry["datacenter"], "key": key, "region": entry["region"], "option": option,
                "zones": [self._cluster(key, entry["datacenter"], zone, f"regions[{number}].zones[{place}].compute_cluster")
                          for place, zone in enumerate(zones)]}

    def _cluster(self, datacenter, name, zone, option):
        text = zone["compute_cluster"]

        def look():
            if not self.objects[datacenter]["id"]:
                return Unresolved("compute_cluster", text)
            return pick_cluster(self.objects, datacenter, text, f"option {option}")
        return {"compute_cluster": text, "key": self._key(look, "compute_cluster", f"{name}/{text}", option), "zone": zone["zone"], "option": option}

    def _key(self, look, what, name, option):
        """The key that look() finds; for an object that is not there, that of a stand-in without id."""
        try:
            found = look()
        except InputRefused as failure:
            if self.strict:
                raise
            self.problems.append(Problem("object_ambiguous", failure.what, failure.where, failure.observed, "one object", failure.fix))
            found = None
        if isinstance(found, Unresolved):
            self.missing.append(Unresolved(what, name))
        if not isinstance(found, str):
            found = f"{what}:{name}"
            kind = LEVELS["region" if what == "datacenter" else "zone"].kind
            self.objects[found] = {"type": kind, "id": "", "path": name, "names": [name], "datacenter": None, "above": [], "region": [], "zone": []}
        elif self._taken.setdefault(found, option) != option:
            problem = Problem("object_listed_twice", f"two names mean one {what}", f"option {option}", self.objects[found]["path"],
                              "each object once", f"remove it here, or from {self._taken[found]}")
            if self.strict:
                raise problem.refusal()
            self.problems.append(problem)
        return found


def wanted(listed):
    """[(level, key, value)] of the listed objects."""
    found = []
    for entry in listed:
        found.append(("region", entry["key"], entry["region"]))
        found += [("zone", zone["key"], zone["zone"]) for zone in entry["zones"]]
    return found


def in_scope(entry, datacenters, everything):
    """Whether the object is in one of the datacenters or above one. everything: all datacenters are meant, so one whose place is unknown counts too."""
    return entry["datacenter"] in datacenters or bool(set(entry["above"]) & datacenters) or everything


def misplaced(state):
    """[(level, key, tag)] of tags in scope that are on an object of the wrong type."""
    datacenters = {entry["key"] for entry in state["listed"]}
    everything = set(of_kind(state["objects"], LEVELS["region"].kind)) <= datacenters
    return [(level.name, key, tag) for key, entry in sorted(state["objects"].items()) for level in LEVELS.values() for tag in entry[level.name]
            if entry["type"] != level.kind and in_scope(entry, datacenters, everything)]


def spelled_otherwise(names, name):
    """Those of the names that differ from this one only by case."""
    return sorted(each for each in names if each != name and each.casefold() == name.casefold())


def grouped(desired, state, verb, triples):
    """One Change for each tag out of [(level, key, tag)]; objects are named by their paths."""
    found = {}
    for level, key, tag in triples:
        found.setdefault((level, tag), set()).add(state["objects"][key]["path"])
    changes = []
    for (level, tag), paths in sorted(found.items()):
        category = desired["categories"][level]
        some, none = ({"category": category, "tag": tag, "objects": objects} for objects in (sorted(paths), []))
        before, after = (none, some) if verb == "attach" else (some, none)
        changes.append(Change(verb, ATTACHMENT, f"{category}/{tag}", before, after))
    return changes


def category_changes(desired, state):
    """Categories that are missing are made, associable types added. What cannot be changed is left to be found."""
    for level in LEVELS.values():
        name, found = desired["categories"][level.name], state["categories"][level.name]
        if not any(each == level.name for each, _key, _value in wanted(state["listed"])):
            continue
        if found is None and not state["namesakes"][level.name]:
            yield Change("create", CATEGORY, name, None, {"cardinality": "SINGLE", "associable_types": [level.kind]})
        elif found and found["types"] and level.kind not in found["types"]:
            yield Change("update", CATEGORY, name, {"associable_types": found["types"]}, {"associable_types": sorted([*found["types"], level.kind])},
                         f"tags of it could not be attached to a {level.object}")


def tag_changes(desired, state):
    for level, value in sorted({(level, value) for level, _key, value in wanted(state["listed"])}):
        if value not in state["tags"][level] and not spelled_otherwise(state["tags"][level], value):
            category = desired["categories"][level]
            yield Change("create", TAG, f"{category}/{value}", None, {"category": category, "tag": value})


def changes_to_present(desired, state):
    """Categories, tags, then old values off, then new values on: a category of cardinality SINGLE takes no second tag."""
    listed = wanted(state["listed"])
    off = [(level, key, tag) for level, key, value in listed for tag in state["objects"][key][level] if tag != value]
    off += misplaced(state) if desired["detach_misplaced"] else []
    on = [(level, key, value) for level, key, value in listed if value not in state["objects"][key][level]]
    return [*category_changes(desired, state), *tag_changes(desired, state), *grouped(desired, state, "detach", off),
            *grouped(desired, state, "attach", on)]


def changes_to_absent(desired, state):
    """The listed objects' tags of both categories go; with purge_unused, so do these tags where nothing has them, and categories without tags."""
    listed = wanted(state["listed"])
    off = sorted({(level, key, tag) for _level, key, _value in listed for level in LEVELS for tag in state["objects"][key][level]})
    changes = grouped(desired, state, "detach", off)
    if not desired["purge_unused"]:
        return changes
    after = applied(desired, state, changes)
    for level in LEVELS:
        category = desired["categories"][level]
        used = {tag for entry in after["objects"].values() for tag in entry[level]}
        ours = {tag for each, _key, tag in off if each == level} | {value for each, _key, value in listed if each == level}
        gone = sorted((ours - used) & set(after["tags"][level]))
        changes += [Change("delete", TAG, f"{category}/{tag}", {"category": category, "tag": tag}, None, "nothing has it") for tag in gone]
        if after["categories"][level] and set(after["tags"][level]) == set(gone):
            found = after["categories"][level]
            changes.append(Change("delete", CATEGORY, category, {"cardinality": found["cardinality"], "associable_types": found["types"]}, None,
                                  "it has no tags"))
    return changes


def applied(desired, state, changes):
    """The state after the changes."""
    after = {**state, "categories": dict(state["categories"]), "tags": {level: dict(tags) for level, tags in state["tags"].items()},
             "objects": copy.deepcopy(state["objects"])}
    levels = {name: level for level, name in desired["categories"].items()}
    for change in changes:
        data = change.after or change.before
        level = levels[change.name if change.kind == CATEGORY else data["category"]]
        if change.kind == CATEGORY:
            old = after["categories"][level] or {"id": None, "name": change.name}
            types = data["associable_types"]
            after["categories"][level] = None if change.after is None else {"cardinality": "SINGLE", **old, **data, "types": types}
            if change.after is None:
                after["tags"][level] = {}
        elif change.kind == TAG and change.after:
            after["tags"][level][data["tag"]] = None
        elif change.kind == TAG:
            del after["tags"][level][data["tag"]]
        else:
            paths = {*change.before["objects"], *change.after["objects"]}
            for entry in after["objects"].values():
                if entry["path"] in paths:
                    rest = set(entry[level]) - {data["tag"]}
                    entry[level] = sorted(rest | {data["tag"]}) if change.verb == "attach" else sorted(rest)
    return after


def only(names):
    """The one name, or None where there are none or several."""
    return names[0] if len(names) == 1 else None


def view(state):
    """{regions: the listed objects with what they have, table: rows region, zone -> compute clusters, as Kubernetes sees them}"""
    objects, regions = state["objects"], []
    for entry in state["listed"]:
        zones = [{"compute_cluster": zone["compute_cluster"], "path": path_of(objects[zone["key"]]), "zone": only(objects[zone["key"]]["zone"])}
                 for zone in entry["zones"]]
        found = objects[entry["key"]]
        regions.append({"datacenter": entry["datacenter"], "path": path_of(found), "region": only(found["region"]), "zones": zones})
    return {"regions": regions, "table": table(state)}


def path_of(entry):
    return entry["path"] if entry["id"] else None


def table(state):
    """[{region, zone, labels, compute_clusters: [paths]}]: a node in one of these compute clusters gets these labels; a value that is missing or
    not the only one gives none. All compute clusters of the listed datacenters are in it."""
    rows, datacenters = {}, {entry["key"] for entry in state["listed"]}
    for entry in of_kind(state["objects"], LEVELS["zone"].kind).values():
        if entry["datacenter"] in datacenters:
            pair = (only(state["objects"][entry["datacenter"]]["region"]), only(entry["zone"]))
            rows.setdefault(pair, []).append(entry["path"])
    return [{"region": region, "zone": zone, "compute_clusters": sorted(paths),
             "labels": {LEVELS[level].label: value for level, value in (("region", region), ("zone", zone)) if value}}
            for (region, zone), paths in sorted(rows.items(), key=lambda row: [value or "" for value in row[0]])]
