# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions on objects compared with what the profiles need: verdicts, findings, what passed. Pure. PRIVATE to the collection."""
from __future__ import annotations

import re
from dataclasses import dataclass, field

from ._finding import at, finding, passed, place
from ._permissions import verdict
from ._privileges import READ_ONLY, ROLE_TITLES, SECTIONS, granted_by, label, required, roles

EVALUATED, CONFIRMED, CONTRADICTED = "evaluated", "evaluated, confirmed by vCenter", "vCenter's own check, which the evaluation contradicts"
ASKED = "vCenter's own check"
MACHINES = ("virtual_machine", "template")
WORDS = {"root": "root folder", "compute_cluster": "compute cluster", "resource_pool": "resource pool", "folder": "VM folder", "switch": "distributed switch",
         "template_folder": "image template folder", "virtual_machine": "virtual machine"}
SHOWN = 10


@dataclass(frozen=True)
class Needs:
    """What the profiles need. wanted: {kind: {privilege: [rows]}}. any_of: {privilege: ids that do in its place}. allowed: {kind: ids that are no surplus}."""

    profiles: tuple
    assignment: str
    wanted: dict
    any_of: dict
    allowed: dict


def needs(profiles):
    """Needs of profiles. Rows of one privilege on one kind are one need, and so are those that another needed privilege satisfies."""
    assignment = "vendor_current" if "vendor_current" in profiles and "page" not in profiles else "page"
    wanted, any_of, granted = {}, {}, {**roles(profiles), READ_ONLY: [], "": []}
    for kind, rows in required(profiles).items():
        names = {row["privilege"] for row in rows if not row["any_of"]}
        wanted[kind] = {}
        for row in rows:
            stands_for = next((other for other in row["any_of"] if other in names), row["privilege"])
            wanted[kind].setdefault(stands_for, []).append(row)
            if row["any_of"] and stands_for == row["privilege"]:
                any_of[stands_for] = row["any_of"]
    allowed = {kind: {each for privilege in [*granted[granted_by(kind, assignment)[0]], *wanted[kind]] for each in (privilege, *any_of.get(privilege, ()))}
               for kind in wanted}
    return Needs(tuple(profiles), assignment, wanted, any_of, allowed)


def asked(needs_, kind, known):
    """Sorted ids that vCenter is to be asked for on objects of a kind."""
    return sorted(known.intersection(each for privilege in needs_.wanted[kind] for each in (privilege, *needs_.any_of.get(privilege, ()))))


@dataclass
class Group:
    """Objects of one kind with the same verdict. via: Grants that decide."""

    kind: str
    evidence: str
    granted: tuple
    missing: tuple
    surplus: tuple
    absent: tuple
    via: tuple
    objects: list = field(default_factory=list)


def grouped(needs_, judged, known):
    """[Group] of [(object, Decision, evidence)]."""
    groups, cache = {}, {}
    for thing, decision, evidence in judged:
        key = (thing["kind"], evidence, decision)
        if key not in cache:
            kind, wanted = thing["kind"], needs_.wanted[thing["kind"]]
            found = verdict(decision, wanted, needs_.any_of, known, needs_.allowed[kind])
            cache[key] = groups.setdefault((kind, evidence, found, decision.via), Group(kind, evidence, *found, decision.via))
        cache[key].objects.append(thing)
    return list(groups.values())


def holder(path):
    return path.rsplit("/", 1)[0] or "/"


def held_at(group):
    """Places to report on: each object, but virtual machines and templates by the folder that they are in. [(path, moid, type, [objects])]"""
    if group.kind not in MACHINES:
        return [(thing["path"], thing["moid"], thing["type"], [thing]) for thing in group.objects]
    folders = {}
    for thing in group.objects:
        folders.setdefault((holder(thing["path"]), thing["parent"] or ""), []).append(thing)
    return [(path, key, "Folder", things) for (path, key), things in folders.items()]


def role_text(via, path_of):
    """Which permissions decide, in words."""
    if not via:
        return "no permission reaches it"
    return "; ".join(f"role {grant.role} of {grant.principal} on {path_of(grant.object)}" + (" (propagated)" if grant.propagate else "") for grant in via)


def grant_place(kind, path, assignment):
    """(role key, where to grant it, propagate) that gives an object at a path its rights."""
    role, on, propagate = granted_by(kind, assignment)
    if on != kind and kind in MACHINES:
        return role, path, propagate
    if kind == "host" and on != kind:
        return role, holder(path), propagate
    if kind == "resource_pool" and on != kind:
        return role, re.sub("/Resources(/.*)?$", "", path), propagate
    return role, path, propagate


def fix_text(principal, group, path, privilege, assignment):
    role, where, propagate = grant_place(group.kind, path, assignment)
    how = "with" if propagate else "without"
    if role == READ_ONLY:
        return f"grant the {ROLE_TITLES[role]} to {principal} on {where}, {how} propagation"
    return f"add {label(privilege)} ({privilege}) to the {ROLE_TITLES[role]}, and grant that role to {principal} on {where} {how} propagation"


def section(rows):
    """The heading of the page that the most official of the rows stands under."""
    row = min(rows, key=lambda each: ("page", "vendor_current", "collection").index(each["profile"]))
    if row["profile"] != "collection":
        return SECTIONS[row["role"]]
    return "Zone Tagging" if "Tagging" in row["group"] else "Creating a VMware Cloud Gateway"


def extent(group, things):
    """What the finding is about, where it is about several."""
    if group.kind not in MACHINES:
        return ""
    there, kind = sum(1 for thing in things if thing["moid"]), group.kind.replace("_", " ")
    parts = [f"{there} of kind {kind} here"] if there else []
    return "on " + " and ".join(parts + ([f"each {kind} to be made here"] if there < len(things) else []))


def lacks(groups):
    """[(group, privilege, path, moid, type, [objects])]: what is missing at each place, machines in one folder together whatever decides on each."""
    found = {}
    for group in groups:
        places = held_at(group) if group.missing else ()
        for path, key, type_, things in places:
            for privilege in group.missing:
                found.setdefault((group.kind, privilege, path), (group, privilege, path, key, type_, []))[-1].extend(things)
    return list(found.values())


def missing_findings(needs_, groups, principal, path_of):
    """One finding for each missing privilege and place."""
    for group, privilege, path, key, type_, things in lacks(groups):
        rows = needs_.wanted[group.kind][privilege]
        severity = "error" if any(row["basis"] == "vmware" for row in rows) else "warning"
        demanded = [{"profile": row["profile"], "role": row["role"], "step": row["step"], "note": row["note"]} for row in rows]
        seen = ", ".join(part for part in ("not granted", extent(group, things), role_text(group.via, path_of)) if part)
        yield finding("privilege_missing", severity, f"{label(privilege)} is missing", at({"path": path, "moid": key, "type": type_}), seen,
                      f"{label(privilege)} ({privilege})", fix_text(principal, group, path, privilege, needs_.assignment), section(rows), group.evidence,
                      place(path, key, type_), path=path, moid=key, type=type_, label=label(privilege), privilege=privilege, kind=group.kind,
                      required_by=demanded, count=len(things))


def surplus_findings(groups, path_of):
    """One piece of advice for each set of deciding roles that holds more than is asked for."""
    found = {}
    for group in groups:
        if group.surplus:
            names = tuple(sorted({grant.role for grant in group.via}))
            found.setdefault((names, group.surplus), []).append(group)
    for (names, surplus), members in found.items():
        first = members[0]
        where = ", ".join(sorted({path_of(grant.object) for group in members for grant in group.via})[:SHOWN])
        listed = ", ".join(f"{label(each)} ({each})" if label(each) != each else each for each in surplus[:SHOWN])
        kinds = ", ".join(sorted({WORDS.get(group.kind, group.kind) for group in members}))
        yield finding("privilege_surplus", "advice", f"role {' and '.join(names) or '?'} holds {len(surplus)} privileges that no profile asks for", where,
                      listed + (f" and {len(surplus) - SHOWN} more" if len(surplus) > SHOWN else ""), f"what the profiles ask for on: {kinds}",
                      "take them out of the role, if nothing else needs them", "VMware Cloud Account Permissions", first.evidence, None, surplus=list(surplus),
                      roles=list(names))


def propagation_findings(groups, path_of):
    """Advice on distributed switches whose read-only permission propagates: the page asks for one that does not."""
    for group in groups:
        loose = [grant for grant in group.via if grant.propagate] if group.kind == "switch" and not group.missing else []
        for thing in group.objects if loose else ():
            yield finding("switch_propagates", "advice", "the permission on the distributed switch propagates", at(thing), role_text(loose, path_of),
                          "ReadOnly without propagation", "grant ReadOnly on the switch without propagation", "VMware Cloud Account Permissions",
                          group.evidence, place(thing["path"], thing["moid"], thing["type"]), path=thing["path"], moid=thing["moid"], type=thing["type"])


def disagreement_findings(differences):
    """Warnings where vCenter's answer is not the evaluation's. differences: [(object, privileges only evaluated as held, only vCenter says are held)]."""
    found = {}
    for thing, ours, theirs in differences:
        found.setdefault((thing["kind"], tuple(sorted(ours)), tuple(sorted(theirs))), []).append(thing)
    for (kind, ours, theirs), things in found.items():
        thing, more = things[0], f" and {len(things) - 1} more" if len(things) > 1 else ""
        said = [f"held by evaluation, not by vCenter: {', '.join(ours)}"] if ours else []
        said += [f"held by vCenter, not by evaluation: {', '.join(theirs)}"] if theirs else []
        yield finding("verdicts_differ", "warning", f"vCenter and the evaluation of its permissions differ on a {WORDS.get(kind, kind)}", at(thing) + more,
                      "; ".join(said), "the same answer twice", "vCenter's answer counts; look for global permissions, and for groups and permissions that "
                      "the session cannot see", "VMware Cloud Account Permissions", CONTRADICTED, place(thing["path"], thing["moid"], thing["type"]),
                      path=thing["path"], moid=thing["moid"], type=thing["type"], evaluated=list(ours), vcenter=list(theirs),
                      objects=[place(each["path"], each["moid"], each["type"]) for each in things])


def administrator_findings(principal):
    """Advice where the principal may do everything: then nothing is shown about least privilege."""
    yield finding("least_privilege_not_shown", "advice", "the principal is an administrator", "/", f"{principal} holds every privilege on every object",
                  "the page's two roles", "audit the account that is given to Palette, or grant it the roles instead of Administrator",
                  "VMware Cloud Account Permissions", EVALUATED, place("/"))


def passes(groups):
    """What is as it should be: one entry for each place."""
    for group in groups:
        if not group.missing and group.granted:
            for path, key, type_, things in held_at(group):
                yield passed("privileges_granted", f"{len(group.granted)} privileges on a {WORDS.get(group.kind, group.kind)}",
                             at({"path": path, "moid": key, "type": type_}), ", ".join(part for part in ("all granted", extent(group, things)) if part),
                             "VMware Cloud Account Permissions", group.evidence, place(path, key, type_), kind=group.kind)


def as_verdicts(needs_, groups, path_of):
    """The result's `verdicts`, sorted by kind and path."""
    found = []
    for group in groups:
        objects = sorted((place(thing["path"], thing["moid"], thing["type"]) for thing in group.objects), key=lambda each: each["path"])
        via = [{"object": path_of(grant.object), "principal": grant.principal, "role": grant.role, "propagate": grant.propagate} for grant in group.via]
        found.append({"kind": group.kind, "role": granted_by(group.kind, needs_.assignment)[0], "granted": list(group.granted), "missing": list(group.missing),
                      "surplus": list(group.surplus), "not_applicable": list(group.absent), "via": via, "method": group.evidence, "objects": objects})
    return sorted(found, key=lambda each: (each["kind"], each["objects"][0]["path"], each["missing"]))
