# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with region and zone tags, as findings. All pure; a state is that of _zone_state. PRIVATE to the collection."""
from __future__ import annotations

from ._errors import PlanRefused
from ._finding import at, finding, ordered, passed, place
from ._zone_options import LEVELS, NAMES, RULE, ZONES, naming_fix, valid
from ._zone_state import misplaced, of_kind, spelled_otherwise, wanted

VCENTER, OPTIONS = "vCenter", "options"


def judge(desired, state):
    """(findings, passed) of a state, against the documentation's rules and, where regions are given, against these."""
    checks = (option_findings, category_findings, object_findings, misplaced_findings, uniqueness_findings, spelling_findings)
    seen = [entry for check in checks for entry in check(desired, state)]
    return ordered([entry for entry in seen if "severity" in entry]), sorted(
        (entry for entry in seen if "severity" not in entry), key=lambda entry: (entry["where"], entry["id"]))


def on(entry):
    return place(entry["path"], entry["id"], entry["type"])


def option_findings(desired, state):
    for problem in [*desired["problems"], *state["problems"]]:
        yield finding(problem.check, "error", problem.title, problem.where, problem.observed, problem.expected, problem.fix, problem.section, OPTIONS)
    ambiguous = {problem.where for problem in state["problems"] if problem.check == "object_ambiguous"}
    for entry in state["listed"]:
        unknown = [("datacenter", entry)] if not state["objects"][entry["key"]]["id"] else []
        unknown += [("compute_cluster", zone) for zone in entry["zones"] if not unknown and not state["objects"][zone["key"]]["id"]]
        for what, missing in unknown:
            if f"option {missing['option']}" not in ambiguous:
                yield finding("object_missing", "error", f"the {what.replace('_', ' ')} does not exist", f"option {missing['option']}", missing[what],
                              "its name, or its path", "correct the name", ZONES, VCENTER)


def category_findings(desired, state):
    levels = {level for level, _key, _value in wanted(state["listed"])}
    for level in LEVELS.values():
        if level.name not in levels:
            continue
        name, found = desired["categories"][level.name], state["categories"][level.name]
        place_ = f"tag category {name}"
        others = ", ".join(state["namesakes"][level.name])
        if others:
            yield finding("tag_category_case", "warning" if found else "error", "there is a tag category whose name differs only by case", place_, others, name,
                          f"rename that category in vCenter, or give its name in option {level.name}_category", ZONES, VCENTER)
        if found is None:
            yield finding("tag_category_missing", "error", f"the tag category of the {level.name}s does not exist", place_, "no such category",
                          f"a category {name} with cardinality SINGLE for {level.kind}", "create it, or run zone_tags with state present", ZONES, VCENTER)
            continue
        yield from category_form(level, found, place_)


def category_form(level, found, place_):
    """Cardinality and associable types of a category that exists. An empty list of types stands for all."""
    good = True
    if found["cardinality"] != "SINGLE":
        good = False
        yield finding("tag_category_cardinality", "error", "several tags of the category can be on one object", place_, found["cardinality"], "SINGLE",
                      "delete the category and let it be created anew, or name another one; vCenter cannot make it SINGLE again", ZONES, VCENTER)
    if found["types"] and level.kind not in found["types"]:
        good = False
        yield finding("tag_category_types", "error", f"tags of the category cannot be attached to a {level.object}", place_, ", ".join(found["types"]),
                      level.kind, f"add {level.kind} to the category's associable types, or run zone_tags with state present", ZONES, VCENTER)
    elif found["types"] != [level.kind]:
        yield finding("tag_category_wide", "advice", "tags of the category can be attached to objects that they do not belong on", place_,
                      ", ".join(found["types"]) or "all types", level.kind,
                      "nothing has to be done; only a category that is created anew can be narrower", ZONES, VCENTER)
    if good:
        yield passed("tag_category", f"the tag category of the {level.name}s", place_,
                     f"{found['cardinality']}, {', '.join(found['types']) or 'all types'}", ZONES, VCENTER)


def object_findings(desired, state):
    """Every datacenter has exactly one region, every compute cluster exactly one zone: the wanted one, or a valid one where none is said."""
    values = {(level, key): value for level, key, value in wanted(state["listed"])}
    datacenters = {entry["key"] for entry in state["listed"]}
    for level in LEVELS.values():
        for key, entry in sorted(of_kind(state["objects"], level.kind).items()):
            if (level.name, key) in values:
                yield from one_object(desired, level, entry, values[level.name, key], "error", "error")
            elif entry["datacenter"] in datacenters and level.name == "zone":
                yield from one_object(desired, level, entry, None, "advice", "warning")


def one_object(desired, level, entry, value, lacking, wrong):
    """lacking, wrong: severities, which are lower for a compute cluster that is not listed."""
    category, names = desired["categories"][level.name], entry[level.name]
    title, spot, have = f"the {level.object} has ", at(on(entry)), ", ".join(names)
    expected = f"{category} {value}" if value else f"exactly one tag of category {category}"
    more = {"section": ZONES, "evidence": VCENTER, "on": on(entry)}
    if not names:
        yield finding(f"{level.name}_missing", lacking, f"{title}no {level.name}", spot, f"no tag of category {category}", expected,
                      "attach one, or list it in option regions of zone_tags with state present", **more)
    elif len(names) > 1:
        yield finding(f"{level.name}_not_single", wrong, f"{title}several {level.name}s", spot, f"{category}: {have}", expected,
                      "detach all but one, or list it in option regions of zone_tags with state present", **more)
    elif value and names != [value]:
        yield finding(f"{level.name}_differs", "error", f"{title}another {level.name} than wanted", spot, f"{category} {have}", expected,
                      "run zone_tags with state present, or correct the option", **more)
    elif valid(names[0]):
        yield passed(level.name, f"the {level.object}'s {level.name}", spot, f"{category} {have}", ZONES, VCENTER, on(entry), label={level.label: have})
    for name in names:
        if not valid(name):
            yield finding("tag_name", wrong, f"the {level.name}'s name is no valid tag", spot, f"{category} {name}", RULE, naming_fix(name), NAMES, VCENTER,
                          on(entry))


def misplaced_findings(desired, state):
    found = misplaced(state)
    for level, key, tag in found:
        entry, category = state["objects"][key], desired["categories"][level]
        yield finding("tag_misplaced", "error", f"a {level} is on an object that is no {LEVELS[level].object}", at(on(entry)), f"{category} {tag}",
                      f"tags of category {category} on objects of type {LEVELS[level].kind} only",
                      "detach it, or run zone_tags with state present and detach_misplaced", ZONES, VCENTER, on(entry))
    if not found and any(state["categories"].values()):
        yield passed("tag_placement", "regions and zones on the right objects", "tag categories " + ", ".join(desired["categories"].values()),
                     "none on another type of object", ZONES, VCENTER)


def uniqueness_findings(desired, state):
    """A zone is one compute cluster of a region; all datacenters of vCenter count, but only what a listed one has part in is told."""
    objects, listed, zones = state["objects"], {key for _level, key, _value in wanted(state["listed"])}, {}
    for key, entry in sorted(of_kind(objects, LEVELS["zone"].kind).items()):
        for region in objects[entry["datacenter"]]["region"] if entry["datacenter"] else []:
            for zone in entry["zone"]:
                zones.setdefault((region, zone), []).append(key)
    for (region, zone), keys in sorted(zones.items()):
        if len(keys) > 1 and set(keys) & listed:
            yield finding("zone_not_unique", "error", f"zone '{zone}' is not unique within region '{region}'", at(on(objects[keys[0]])),
                          ", ".join(sorted(objects[key]["path"] for key in keys)), "a zone of its own for each compute cluster of a region",
                          "attach another zone to all but one of them", ZONES, VCENTER, on(objects[keys[0]]))
    for region in sorted({region for region, _zone in zones}):
        pairs = {zone: keys for (each, zone), keys in zones.items() if each == region}
        if all(len(keys) == 1 for keys in pairs.values()) and listed & {keys[0] for keys in pairs.values()}:
            yield passed("zone_uniqueness", "zones unique within a region", f"region {region}", ", ".join(sorted(pairs)), ZONES, VCENTER)


def spelling_findings(desired, state):
    """Tags of one category that differ only by case: those that are used, or that are wanted and not there."""
    for level in LEVELS:
        category, tags = desired["categories"][level], state["tags"][level]
        used = {tag for entry in state["objects"].values() for tag in entry[level]}
        asked = {value for each, _key, value in wanted(state["listed"]) if each == level and value}
        for name in sorted(used | asked):
            others = spelled_otherwise(tags, name)
            if others and name not in tags:
                yield finding("tag_case", "error", f"there is a {level} whose name differs only by case", f"tag category {category}", ", ".join(others), name,
                              f"write {others[0]}, or rename that tag in vCenter", NAMES, VCENTER)
            elif [other for other in others if other > name or other not in used | asked]:
                yield finding("tag_case", "warning", f"{level}s differ only by case", f"tag category {category}", ", ".join(sorted([name, *others])),
                              "one spelling", "rename or remove the one that is not meant", NAMES, VCENTER)


def refuse_what_remains(desired, after):
    """Raises PlanRefused for what would still be wrong after the changes, with every such object."""
    left = [entry for entry in judge(desired, after)[0] if entry["severity"] == "error" and entry["id"] != "object_missing"]
    if not left:
        return
    first = left[0]
    if len(left) == 1:
        raise PlanRefused(first["title"], where=first["where"], observed=first["observed"], expected=first["expected"], fix=first["fix"])
    raise PlanRefused(f"{len(left)} things stand in the way of the regions and zones", where="; ".join(f"{entry['where']}: {entry['title']}" for entry in left),
                      observed="; ".join(entry["observed"] for entry in left), expected="; ".join(sorted({entry["expected"] for entry in left})),
                      fix="; ".join(dict.fromkeys(entry["fix"] for entry in left)))
