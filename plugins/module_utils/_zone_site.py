# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Region and zone tags of a vCenter: read in bulk, written tag by tag. PRIVATE to the collection."""
from __future__ import annotations

from dataclasses import dataclass, field

from ._denied import KINDS, denied, privileges_in
from ._errors import PlanRefused, VcenterFailure
from ._inventory import decoded, path_text
from ._tagging import ATTACH, Tagging
from ._vsphere import Vsphere, label, vim
from ._zone_options import LEVELS
from ._zone_state import CATEGORY, TAG, Listing, spelled_otherwise, wanted

UNSEEN = ("ManagedObjectNotFound", "NoPermission")


@dataclass
class Site:
    """Both sessions, and what was read that does not change in a run. rows: {ref: {name, parent}} of the inventory; known: {tag id: tag};
    ids: of categories by level, of tags by (level, name); written: whether this run has written."""

    vsphere: Vsphere
    tagging: Tagging
    rows: dict = field(default_factory=dict)
    known: dict = field(default_factory=dict)
    ids: dict = field(default_factory=dict)
    written: bool = False


def bare(kind):
    """'Datacenter' of 'urn:vim25:Datacenter'; vCenter answers with either."""
    return kind.rsplit(":", 1)[-1]


def read_inventory(site):
    """Names and parents of all folders, datacenters and compute resources; three calls, once in a run."""
    for kind in (vim.Folder, vim.Datacenter, vim.ComputeResource) if not site.rows else ():
        site.rows.update(site.vsphere.below(site.vsphere.content.rootFolder, kind, ("name", "parent")))


def reference(site, target):
    """The managed object that a tagged object is, or None for what is not of the inventory."""
    kind = getattr(vim, target["type"], None) or getattr(vim.dvs, target["type"], None)
    return kind(target["id"], site.vsphere.stub) if isinstance(kind, type) and issubclass(kind, vim.ManagedEntity) else None


def read_others(site, refs):
    """Names and parents of further objects and of what is above them. What is gone or may not be read stays without a path."""
    unknown = {ref for ref in refs if ref not in site.rows}
    while unknown:
        try:
            found = site.vsphere.read(unknown, ("name", "parent"), strict=False)
        except VcenterFailure as failure:
            if failure.fault not in UNSEEN:
                raise
            found = {ref: row_of(site, ref) for ref in unknown}
        site.rows.update({ref: found.get(ref) or {} for ref in unknown})
        unknown = {row["parent"] for row in found.values() if row.get("parent")} - set(site.rows)


def row_of(site, ref):
    try:
        return site.vsphere.read([ref], ("name", "parent"), strict=False).get(ref, {})
    except VcenterFailure as failure:
        if failure.fault not in UNSEEN:
            raise
        return {}


def chain(site, ref):
    """The object and what is above it, below the root folder; nearest first."""
    found = []
    while ref in site.rows and ref != site.vsphere.content.rootFolder:
        found.append(ref)
        ref = site.rows[ref].get("parent")
    return found


def described(site, ref):
    """An object of the state, without tags."""
    line, root = chain(site, ref), site.vsphere.content.rootFolder
    names = [decoded(site.rows[each].get("name") or label(each)) for each in line][::-1]
    rooted = ref == root or site.rows[line[-1]].get("parent") == root
    home = next((label(each) for each in line if isinstance(each, vim.Datacenter)), None)
    above = [] if home else sorted(label(each) for each in site.rows if isinstance(each, vim.Datacenter) and (ref == root or ref in chain(site, each)))
    path = "/" + path_text(names) if rooted else label(ref)
    return {"type": label(ref).split(":")[0], "id": ref._GetMoId(), "path": path, "names": names, "datacenter": home, "above": above,
            "region": [], "zone": []}


def read_categories(site, desired):
    """(categories by level, names that differ only by case by level); an id of each that is there is kept."""
    found = site.tagging.categories()
    categories, namesakes = {}, {}
    for level, name in desired["categories"].items():
        exact = next((each for each in found if each["name"] == name), None)
        categories[level] = exact and {"id": exact["id"], "name": name, "cardinality": exact["cardinality"],
                                       "types": sorted(bare(kind) for kind in exact.get("associable_types") or [])}
        namesakes[level] = spelled_otherwise([each["name"] for each in found], name)
        site.ids[level] = exact["id"] if exact else None
    return categories, namesakes


def read_tags(site, level):
    """{name: id} of a level's category."""
    found = {tag["name"]: tag["id"] for tag in site.tagging.tags(site.ids[level], site.known)} if site.ids[level] else {}
    site.ids.update({(level, name): tag_id for name, tag_id in found.items()})
    return found


def read(site, desired):
    """The state (see _zone_state), and each object that is not there as an Unresolved of its own."""
    read_inventory(site)
    categories, namesakes = read_categories(site, desired)
    tags = {level: read_tags(site, level) for level in LEVELS}
    owners = {tag_id: (level, name) for level, found in tags.items() for name, tag_id in found.items()}
    attached = site.tagging.objects_on(sorted(owners)) if owners else {}
    objects = {label(ref): described(site, ref) for ref in list(site.rows) if isinstance(ref, (vim.Datacenter, vim.ClusterComputeResource))}
    others = {f"{target['type']}:{target['id']}": target for targets in attached.values() for target in targets}
    refs = {key: reference(site, target) for key, target in others.items() if key not in objects}
    read_others(site, [ref for ref in refs.values() if ref is not None and ref != site.vsphere.content.rootFolder])
    for key, ref in refs.items():
        target = others[key]
        objects[key] = described(site, ref) if ref is not None else {
            "type": target["type"], "id": target["id"], "path": key, "names": [], "datacenter": None, "above": [], "region": [], "zone": []}
    for tag_id, targets in attached.items():
        level, name = owners[tag_id]
        for target in targets:
            entry = objects[f"{target['type']}:{target['id']}"]
            entry[level] = sorted({*entry[level], name})
    listing = Listing(desired, objects)
    missing = {f"missing {number}": entry for number, entry in enumerate(listing.missing)}
    return {"categories": categories, "namesakes": namesakes, "tags": tags, "objects": objects, "listed": listing.listed, "problems": listing.problems,
            **missing}


def observe(site, desired, _context):
    """The state; after this run's writes it is also compared with what is wanted (faults C06)."""
    state = read(site, desired)
    if site.written and desired["state"] == "present":
        confirm(desired, state)
    return state


def confirm(desired, state):
    """Raises ZONE_CONFLICT when an object has another value than the one that this run has just attached."""
    lost = [(level, state["objects"][key], value) for level, key, value in wanted(state["listed"]) if state["objects"][key][level] != [value]]
    if lost:
        raise conflict([(entry["path"], f"{desired['categories'][level]} {value}", ", ".join(entry[level])) for level, entry, value in lost])


def conflict(rows):
    """rows: [(path, what this run wanted, what is there)]"""
    return PlanRefused("another run or person has tagged the object meanwhile", where=", ".join(path for path, _want, _have in rows),
                       observed="; ".join(have or "no tag" for _path, _want, have in rows), expected="; ".join(want for _path, want, _have in rows),
                       fix="agree on one value, then run again", code="ZONE_CONFLICT", retriable=True)


def apply(site, desired, observed, change, _context):
    """Makes one change: one write. What is there already, made by another run, is taken when it is as wanted."""
    site.written = True
    levels = {name: level for level, name in desired["categories"].items()}
    data = change.after or change.before
    level = levels[change.name if change.kind == CATEGORY else data["category"]]
    if change.kind == CATEGORY:
        change_category(site, desired, level, change)
    elif change.kind == TAG and change.verb == "create":
        create_tag(site, level, data["tag"])
    elif change.kind == TAG:
        refuse_used(site, [site.ids[level, data["tag"]]], change)
        site.tagging.delete_tag(site.ids[level, data["tag"]])
    else:
        attach_or_detach(site, desired, observed, level, change)


def change_category(site, desired, level, change):
    if change.verb == "update":
        site.tagging.update_category(site.ids[level], associable_types=change.after["associable_types"])
    elif change.verb == "delete":
        refuse_used(site, site.tagging.tag_ids(site.ids[level]), change)
        site.tagging.delete_category(site.ids[level])
    else:
        text = f"{level}s of Kubernetes nodes: tags of this category belong on {LEVELS[level].object}s"
        try:
            site.ids[level] = site.tagging.create_category(change.name, "SINGLE", [LEVELS[level].kind], text)
        except VcenterFailure as failure:
            found = read_categories(site, desired)[0][level] if failure.fault == "AlreadyExists" else None
            if found is None:
                raise
            if found["cardinality"] != "SINGLE" or (found["types"] and LEVELS[level].kind not in found["types"]):
                raise conflict([(f"tag category {change.name}", f"SINGLE, {LEVELS[level].kind}",
                                 f"{found['cardinality']}, {', '.join(found['types'])}")]) from failure


def create_tag(site, level, name):
    try:
        tag_id = site.tagging.create_tag(name, site.ids[level], f"{level} {name}")
    except VcenterFailure as failure:
        if failure.fault != "AlreadyExists" or name not in read_tags(site, level):
            raise
        return
    site.ids[level, name] = tag_id
    site.known[tag_id] = {"id": tag_id, "name": name}


def refuse_used(site, tag_ids, change):
    """Deleting detaches without asking, so it is looked at once more."""
    used = [f"{target['type']}:{target['id']}" for targets in site.tagging.objects_on(tag_ids).values() for target in targets]
    if used or (change.kind == CATEGORY and tag_ids):
        raise conflict([(f"{change.kind.replace('_', ' ')} {change.name}", "unused", ", ".join(sorted(used)) or f"{len(tag_ids)} tags")])


def attach_or_detach(site, desired, observed, level, change):
    """One call for all objects of a tag. What the server refuses is looked up, because it does not say which objects it means (faults C10)."""
    data = change.after
    tag_id, paths = site.ids[level, data["tag"]], {*change.before["objects"], *data["objects"]}
    targets = {(entry["type"], entry["id"]): entry["path"] for entry in observed["objects"].values() if entry["path"] in paths and (
        change.verb == "attach" or data["tag"] in entry[level])}
    call = site.tagging.attach_to_all if change.verb == "attach" else site.tagging.detach_from_all
    said = call(tag_id, [{"type": kind, "id": moid} for kind, moid in targets])
    if not said:
        return
    have = site.tagging.attached([{"type": kind, "id": moid} for kind, moid in targets])
    failed = {pair: path for pair, path in targets.items() if (tag_id in have.get(pair, [])) != (change.verb == "attach")}
    if not failed:
        return
    taken = {pair: other_tags(site, level, have.get(pair, [])) for pair in failed} if change.verb == "attach" else {}
    conflicts = [(failed[pair], f"{desired['categories'][level]} {data['tag']}", ", ".join(names)) for pair, names in sorted(taken.items()) if names]
    failure = conflict(conflicts) if conflicts else not_everywhere(site, change, failed, said)
    failure.changed_something = len(failed) < len(targets)
    raise failure


def not_everywhere(site, change, failed, said):
    """The failure of a call that was refused for some objects. failed: {(type, id): path}; said: the server's messages."""
    what, words = f"{change.verb}ing tag '{change.name}'", sorted({message.get("default_message") or "" for message in said})
    ids = [str(message.get("id")) for message in said]
    if not privileges_in(words) and not any("unauthorized" in each for each in ids):
        return VcenterFailure(f"{what} failed for some objects", where=", ".join(sorted(failed.values())), observed="; ".join(filter(None, words)) or ids[0],
                              fix="see whether the objects are still there, then run again", retriable=True)
    privileges = privileges_in(words) or list(ATTACH)
    of_tags = [each for each in privileges if each == ATTACH[0]]
    lacking = [("/", "root", of_tags)] if of_tags else []
    lacking += [(site.tagging.name({"type": kind, "id": moid}), KINDS.get(kind, ""), [each for each in privileges if each not in of_tags])
                for kind, moid in sorted(failed) if set(privileges) - set(of_tags)]
    return denied(what, "", lacking)


def other_tags(site, level, tag_ids):
    """Names of those of the tags that are of the level's category."""
    names = {tag_id: name for name, tag_id in read_tags(site, level).items()}
    return sorted(names[tag_id] for tag_id in tag_ids if tag_id in names)
