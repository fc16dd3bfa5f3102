# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about the permissions of one principal: nothing that it has is taken away unless that is asked for. Pure. PRIVATE to the collection.

vCenter: a principal has one permission, that is one role, on an object; it counts instead of what the object inherits for that principal.
A grant is a dict: path, moid, type, ref; role, propagate (wanted); want (Role, None while it does not exist); have (Held or None); inherited (Held or None).
"""
from __future__ import annotations

from collections import namedtuple

from ._change import Change
from ._errors import PlanRefused
from ._privileges import some

KIND = "vcenter_permission"

# role: Role; permission: Permission; path: of the object that it is defined on.
Held = namedtuple("Held", "role permission path")


def name_of(principal, path):
    return f"{principal} on {path}"


def fields(held):
    return {"role": held.role.name, "propagate": held.permission.propagate}


def wanted_fields(grant):
    return {"role": grant["role"], "propagate": grant["propagate"]}


def loss(grant, wanted_rights):
    """What the principal loses on an object by a grant, in words; '' when it loses nothing that it keeps nowhere.

    wanted_rights: all that the grants of this run give together; an inherited right that one of them gives where it belongs is no loss.
    """
    have, inherited, want = grant["have"], grant["inherited"], grant["want"]
    if have is not None:
        if not have.role.privileges:
            return f"the denial by role {have.role.name}"
        lost = have.role.rights - want.rights
        narrowed = have.permission.propagate and not grant["propagate"]
        return "; ".join(part for part in (some(lost), f"what role {have.role.name} gives below the object" if narrowed else "") if part)
    if inherited is None:
        return ""
    return some(inherited.role.rights - want.rights - wanted_rights)


def covered(grant):
    """Whether the principal has all of it already: by a permission on the object that reaches as far, or by one that it inherits there."""
    held = grant["have"] or grant["inherited"]
    reaches = grant["have"] is None or grant["have"].permission.propagate or not grant["propagate"]
    return held is not None and reaches and bool(held.role.privileges) and held.role.rights >= grant["want"].rights


def settled(grant):
    """Whether the permission is there just as it is wanted."""
    return grant["have"] is not None and fields(grant["have"]) == wanted_fields(grant)


def left_alone(grants, replace):
    """Warnings: grants for which the principal has another role with all that is wanted, so that nothing is done."""
    for grant in grants:
        held = grant["have"] or grant["inherited"]
        if not replace and not settled(grant) and grant["want"] is not None and covered(grant) and held.role.id != grant["want"].id:
            where = "there" if grant["have"] else f"from {held.path}"
            yield (f"on {grant['path']} the principal has role {held.role.name} {where}{' (with propagation)' * held.permission.propagate}, which includes all "
                   f"of {grant['role']}; it is left as it is (replace: true changes it)")


def change_for(grant, principal, replace, wanted_rights):
    """(Change or None, refusal in words or '') of one grant."""
    have, name = grant["have"], name_of(principal, grant["path"])
    if settled(grant):
        return None, ""
    if grant["want"] is not None and not replace and covered(grant):
        return None, ""
    lost = loss(grant, wanted_rights) if grant["want"] is not None else ""
    if lost and not replace:
        held = have or grant["inherited"]
        return None, f"{grant['path']}: has role {held.role.name}" + ("" if have else f" from {held.path}") + f", would lose {lost}"
    reason = f"takes away {lost}" if lost else ""
    if have is None:
        return Change("create", KIND, name, None, wanted_fields(grant), reason), ""
    before, after = fields(have), wanted_fields(grant)
    keys = [key for key in ("role", "propagate") if before[key] != after[key]]
    return Change("update", KIND, name, {key: before[key] for key in keys}, {key: after[key] for key in keys}, reason), ""


def plan_present(desired, observed):
    """[Change] for what should be there, the objects nearest to the root first. Raises PlanRefused once, with all that would be taken away."""
    grants, principal = observed["grants"], desired["principal"]
    wanted_rights = frozenset().union(*(grant["want"].rights for grant in grants if grant["want"] is not None))
    judged = [change_for(grant, principal, desired["replace"], wanted_rights) for grant in grants]
    refused = [words for _change, words in judged if words]
    if refused:
        raise PlanRefused(f"{principal} has other roles, and would lose rights by these grants", where="; ".join(refused),
                          expected="on each object one role that has all that the principal needs there",
                          fix="grant a role that has both, or say replace: true")
    changes = [change for change, _words in judged if change is not None]
    if desired["exact"]:
        changes += [Change("delete", KIND, name_of(principal, held.path), fields(held), None, "exact: true") for held in observed["surplus"]]
    return refuse_own(desired, observed, changes)


def plan_absent(desired, observed):
    """[Change] for listed permissions that are there with the listed role; another role on the object is not what was listed."""
    changes = [Change("delete", KIND, name_of(desired["principal"], grant["path"]), fields(grant["have"]), None) for grant in observed["grants"]
               if grant["have"] is not None and grant["have"].role.name == grant["role"]]
    return refuse_own(desired, observed, changes)


def refuse_own(desired, observed, changes):
    """The changes. Raises PlanRefused when the run would take rights from the account that it works with."""
    taking = [change for change in changes if change.verb == "delete" or change.reason.startswith("takes away")]
    if observed["own"] and taking:
        raise PlanRefused(f"{desired['principal']} is the account that this run works with; rights are not taken from it", where="option principal",
                          observed="; ".join(f"{change.verb} {change.name}" for change in taking), fix="run it as another administrator")
    return changes
