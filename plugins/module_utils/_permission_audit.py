# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""permission_audit: what a principal may do, compared with what is needed, on every object that a run touches. Changes nothing. PRIVATE to the collection."""
from __future__ import annotations

from dataclasses import dataclass

from . import _audit_verdicts as verdicts
from ._authorization import ADMINISTRATOR, all_permissions
from ._errors import VcenterDenied, VcenterFailure
from ._finding import ordered, ready
from ._light import bound, namespace, value_of
from ._permissions import NOTHING, Decision, Evaluation, Grant, closure
from ._principal import parts, spoken
from ._privileges import PROFILES, rows
from ._specs import placements_option, spec
from ._touched import at_placements, complex_entities, moid, parents, read_tree, to_be_made, whole
from ._vsphere import Vsphere, vcenter_connection

LIBRARIES = ("pyVmomi",)
SPEC = spec({
    "principal": {"type": "str"},
    "placements": placements_option(required=False),
    "profiles": {"type": "list", "elements": "str", "choices": list(PROFILES), "default": ["page", "collection"]},
    "scope": {"type": "str", "choices": ["placements", "all"], "default": "placements"},
    "confirm": {"type": "bool", "default": True},
}, palette=False, vcenter=True, required_if=[("scope", "placements", ("placements",))])
BATCH = 500
REFUSALS = ("NoPermission", "NotSupported", "InvalidArgument", "MethodNotFound", "NotFound", "UserNotFound", "NotImplemented")


@dataclass(frozen=True)
class Ground:
    """All that was read. objects: those to judge; coming: those that a run will make. grants: [Grant], or None when permissions cannot be read."""

    principal: str
    session: str
    own: bool
    known: frozenset
    tree: object
    objects: list
    coming: list
    grants: list
    groups: tuple
    problems: list


def identity(vsphere, params):
    """(principal, key of the session, whether the principal is the session's own user)"""
    row = vsphere.get(vsphere.content.sessionManager, ("currentSession.userName", "currentSession.key"))
    me = row.get("currentSession.userName") or vsphere.connection.username
    own = not params["principal"] or parts(params["principal"]) in (parts(me), parts(vsphere.connection.username))
    return me if own else spoken(params["principal"]), row.get("currentSession.key"), own


def searched(vsphere, domain, group, **wanted):
    """{parts(): name} of users or groups directly in a group, by one search of the directory. A name that comes without a domain has the searched one.

    Whether the group is to be named with its domain the API does not say, so both are tried.
    """
    directory = vsphere.content.userDirectory
    for spelling in (spoken(group), spoken(group).rpartition("\\")[2]):
        call = {"domain": domain, "searchStr": "", "belongsToGroup": spelling, "belongsToUser": None, "exactMatch": False, **wanted}
        try:
            found = vsphere.call(lambda: directory.RetrieveUserGroups(**call), "asking who is in a group",  # pylint: disable=cell-var-from-loop
                                 idempotent=True)
            break
        except VcenterFailure as failure:
            if failure.fault not in ("NotFound", "UserNotFound"):
                raise
            found = []
    names = [each.principal for each in found or []]
    return {(parts(name)[0], parts(name)[1] or domain.casefold()): name for name in names}


def members(vsphere, group, user):
    """(whether the user is directly in the group, {parts(): group} directly in it)"""
    (my_name, my_domain), bare = parts(user), spoken(user).rpartition("\\")[2]
    inside = searched(vsphere, my_domain, group, searchStr=bare, exactMatch=True, findUsers=True, findGroups=False)
    return (my_name, my_domain) in inside, searched(vsphere, parts(group)[1], group, findUsers=False, findGroups=True)


def groups_of(vsphere, grants, user, context):
    """Names of the groups with permissions that the user is in, directly or by other groups."""
    named = {parts(grant.principal): grant.principal for grant in grants if grant.group}
    direct, holds, waiting = set(), {}, dict(named)
    try:
        while waiting:
            key, group = waiting.popitem()
            if key not in holds:
                inside, nested = members(vsphere, group, user)
                direct.update([key] if inside else [])
                holds[key] = set(nested)
                waiting.update(nested)
    except VcenterFailure as failure:
        context.warn(f"who is in which group cannot be read ({failure.observed or failure.what}): permissions of groups are left out of the evaluation")
    member_of = {}
    for key, nested in holds.items():
        for inner in nested:
            member_of.setdefault(inner, set()).add(key)
    return tuple(sorted(named[key] for key in closure(member_of, direct) if key in named))


def read_grants(vsphere, roles, context):
    """[Grant] of everybody, or None when the session may not read them. roles: of read_roles."""
    try:
        permissions, refused = all_permissions(vsphere), "" if roles else "no roles are shown"
    except VcenterDenied as failure:
        permissions, refused = [], failure.observed
    if refused:
        context.warn(f"permissions cannot be read ({refused}): vCenter is asked about each object instead, and says nothing about what propagates")
        return None
    return [Grant(moid(each.object), each.principal, each.group, *roles.get(each.role_id, (f"#{each.role_id}", frozenset())), each.propagate)
            for each in permissions]


def read_roles(vsphere):
    """({id: (name, privileges)}, ids that this vCenter knows). A server that lists no privileges has them in its role Administrator; where a session may read
    neither, all ids of the profiles are taken as known."""
    values, ns = value_of(vsphere, vsphere.content.authorizationManager, ("roleList", "privilegeList"))
    roles = {int(role.findtext(ns + "roleId")): (role.findtext(ns + "name"), frozenset(each.text for each in role.iterfind(ns + "privilege")))
             for role in values.get("roleList", ())}
    known = frozenset(each.findtext(ns + "privId") for each in values.get("privilegeList", ()))
    return roles, known or roles.get(ADMINISTRATOR, ("", frozenset()))[1] or frozenset(row["privilege"] for row in rows(PROFILES))


def survey(vsphere, params, context):
    """Ground: everything in a handful of calls."""
    principal, session, own = identity(vsphere, params)
    roles, known = read_roles(vsphere)
    grants = read_grants(vsphere, roles, context)
    tree = read_tree(vsphere, machines=params["scope"] == "all")
    kinds, resolved, problems = at_placements(vsphere, tree, params["placements"] or [])
    kinds = whole(tree, kinds) if params["scope"] == "all" else kinds
    groups = groups_of(vsphere, grants, principal, context) if grants else ()
    return Ground(principal, session, own, known, tree, [tree.object(key, kind) for key, kind in kinds.items()], to_be_made(tree, resolved), grants, groups,
                  problems)


def ask(vsphere, ground, refs, privileges):
    """{id: {privilege: bool}}: vCenter's own answer for objects."""
    manager, found = bound(vsphere, vsphere.content.authorizationManager), {}
    own = ground.own and ground.session and ground.grants is None
    for start in range(0, len(refs), BATCH):
        part = refs[start:start + BATCH]
        answer = vsphere.call(lambda: manager.HasPrivilegeOnEntities(part, ground.session, privileges) if own  # pylint: disable=cell-var-from-loop
                              else manager.HasUserPrivilegeOnEntities(part, ground.principal, privileges),  # pylint: disable=cell-var-from-loop
                              "asking for privileges on objects", idempotent=True)
        ns = namespace(answer)
        for row in answer:
            found[row.findtext(ns + "entity")] = {each.findtext(ns + "privId"): each.findtext(ns + "isGranted") in ("true", "1")
                                                  for each in row.iterfind(ns + "privAvailability")}
    return found


def answers(vsphere, ground, needs, objects):
    """{id: {privilege: bool}} of objects, one call for all of a kind, about what is needed there only."""
    found = {}
    for kind in sorted({thing["kind"] for thing in objects}):
        privileges = verdicts.asked(needs, kind, ground.known)
        if privileges:
            found.update(ask(vsphere, ground, [thing["ref"] for thing in objects if thing["kind"] == kind], privileges))
    return found


def evaluated(ground):
    """[(object, Decision, evidence)] by roles and permissions alone."""
    rules = Evaluation(ground.grants, ground.principal, ground.groups, parents(ground.tree), complex_entities(ground.tree))
    return ([(thing, rules.decide(thing["moid"]), verdicts.EVALUATED) for thing in ground.objects]
            + [(thing, rules.made_in(thing["parents"]), verdicts.EVALUATED) for thing in ground.coming])


def confirmed(judged, said):
    """(judged with vCenter's word where it spoke, differences as disagreement_findings takes them). said: {id: {privilege: bool}}. Pure."""
    final, differences = [], []
    for thing, decision, evidence in judged:
        told = said.get(thing["moid"])
        if told is not None:
            theirs = {privilege for privilege, granted in told.items() if granted}
            ours = decision.privileges.intersection(told)
            evidence = verdicts.CONFIRMED
            if ours != theirs:
                differences.append((thing, ours - theirs, theirs - ours))
                decision, evidence = Decision((decision.privileges - ours) | theirs, decision.via), verdicts.CONTRADICTED
        final.append((thing, decision, evidence))
    return final, differences


def told(vsphere, ground, needs):
    """[(object, Decision, evidence)] by vCenter's answers alone; what is to be made is asked for at its folder."""
    said = answers(vsphere, ground, needs, ground.objects)
    return [*((thing, held(said.get(thing["moid"])), verdicts.ASKED) for thing in ground.objects), *foretold(vsphere, ground, needs)]


def foretold(vsphere, ground, needs):
    """[(object, Decision, evidence)] of what is to be made, by vCenter's answers about the folder that it comes to."""
    for thing in ground.coming:
        folder, privileges = ground.tree.nodes[thing["parents"][0]].ref, verdicts.asked(needs, thing["kind"], ground.known)
        yield thing, held(ask(vsphere, ground, [folder], privileges).get(thing["parents"][0])), f"{verdicts.ASKED}, on the folder"


def doubted(vsphere, ground, needs, judged):
    """(judged, differences) of an evaluation that vCenter contradicts on other objects: it is asked about machines, too (global permissions, and groups that
    the session cannot read, count on them as well)."""
    machines = [thing for thing in ground.objects if thing["kind"] in verdicts.MACHINES]
    final, differences = confirmed([each for each in judged if each[0]["moid"]], answers(vsphere, ground, needs, machines))
    return [*final, *foretold(vsphere, ground, needs)], differences


def held(answer):
    return Decision(frozenset(privilege for privilege, granted in answer.items() if granted), ()) if answer else NOTHING


def judge(vsphere, params, ground, needs, context):
    """(judged, differences, method)"""
    if ground.grants is None:
        return told(vsphere, ground, needs), [], verdicts.ASKED
    judged = evaluated(ground)
    if not params["confirm"]:
        return judged, [], verdicts.EVALUATED
    try:
        said = answers(vsphere, ground, needs, [thing for thing in ground.objects if thing["kind"] not in verdicts.MACHINES])
    except VcenterFailure as failure:
        if failure.fault not in REFUSALS:
            raise
        context.warn(f"vCenter does not confirm the evaluation ({failure.observed or failure.what})")
        return judged, [], verdicts.EVALUATED
    judged, differences = confirmed(judged, said)
    if differences:
        judged, more = doubted(vsphere, ground, needs, judged)
        differences += more
    return judged, differences, verdicts.CONFIRMED


def report(params, ground, needs, judged, differences, method):
    """The module's result. Pure."""
    path_of, groups = ground.tree.path, verdicts.grouped(needs, judged, ground.known)
    boss = bool(judged) and all(ground.known <= decision.privileges for _thing, decision, _evidence in judged)
    for group in groups if boss else ():
        group.surplus = ()
    findings = [*ground.problems, *verdicts.missing_findings(needs, groups, ground.principal, path_of)]
    findings += verdicts.disagreement_findings(differences)
    findings += verdicts.administrator_findings(ground.principal) if boss else verdicts.surplus_findings(groups, path_of)
    findings += [] if boss else verdicts.propagation_findings(groups, path_of)
    total = {name: sum(len(getattr(group, name)) * len(group.objects) for group in groups) for name in ("granted", "missing", "surplus")}
    counts = {"objects": len(ground.objects), "to_be_made": len(ground.coming), **total,
              "not_applicable": len({each for group in groups for each in group.absent}),
              "confirmed_objects": sum(1 for group in groups if group.evidence != verdicts.EVALUATED for thing in group.objects if thing["moid"]),
              "disagreements": len(differences)}
    audit = {"principal": ground.principal, "groups": list(ground.groups), "profiles": list(params["profiles"]), "scope": params["scope"], "method": method,
             "administrator": boss, "counts": counts, "verdicts": verdicts.as_verdicts(needs, groups, path_of)}
    return {"permission_audit": audit, "findings": ordered(findings), "passed": list(verdicts.passes(groups)), "ready": ready(findings)}


def audited(vsphere, params, context):
    """{permission_audit, findings, passed, ready} through a session that is there."""
    needs = verdicts.needs([name for name in PROFILES if name in params["profiles"]])
    ground = survey(vsphere, params, context)
    return report(params, ground, needs, *judge(vsphere, params, ground, needs, context))


def execute(params, context):
    """{changed, permission_audit, findings, passed, ready, warnings}. Raises InputRefused, VcenterFailure."""
    with Vsphere(vcenter_connection(params), context) as vsphere:
        return {"changed": False, **audited(vsphere, params, context), "warnings": context.warnings}
