# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Noun vcenter_role: a role of vCenter and the privileges in it. PRIVATE to the collection.

The page: "Privileges Under Root-Level Role", "Privileges Under the Spectro Role". A role may hold more than is wanted; that is reported, and removed
only with `exact`. Roles that came with vCenter are never touched, and a role in use is never removed.
"""
from __future__ import annotations

from difflib import get_close_matches

from . import _authorization as authorization
from ._change import Change
from ._errors import InputRefused, PlanRefused
from ._privileges import PROFILES, roles, some
from ._run import Noun, run
from ._specs import spec
from ._vsphere import Vsphere, vcenter_connection

KIND = "vcenter_role"
LIBRARIES = ("pyVmomi",)
SPEC = spec({
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str", "required": True},
    "privileges": {"type": "list", "elements": "str", "default": []},
    "profiles": {"type": "list", "elements": "str", "choices": list(PROFILES), "default": []},
    "part": {"type": "str", "choices": ["root", "spectro"]},
    "exact": {"type": "bool", "default": False},
}, palette=False, vcenter=True)


def from_params(params):
    """{state, name, listed: privileges that the user wrote, profiled: those of the profiles, exact}. Raises InputRefused."""
    name = params["name"]
    if not name.strip() or name != name.strip():
        raise InputRefused("the name of the role is empty or begins or ends with a space", where="option name", observed=repr(name), fix="correct the name")
    listed = [privilege.strip() for privilege in params["privileges"]]
    if params["profiles"] and params["part"] is None:
        raise InputRefused("a profile has two roles", where="option part", expected="root or spectro", fix="say in part which of the two this role is")
    if params["part"] is not None and not params["profiles"]:
        raise InputRefused("part says which role of a profile is meant, and no profile is given", where="option profiles",
                           expected=", ".join(PROFILES), fix="give profiles, or leave part out")
    profiled = roles(params["profiles"])[params["part"]] if params["profiles"] else []
    if params["state"] == "present" and not listed and not profiled:
        raise InputRefused("nothing is said of what the role should hold", where="options privileges, profiles", fix="give privileges, or profiles and part")
    return {"state": params["state"], "name": name, "listed": authorization.without_system(listed), "profiled": authorization.without_system(profiled),
            "exact": params["exact"]}


def connect(params, context):
    return Vsphere(vcenter_connection(params), context)


def observe(vsphere, desired, context):
    """{role: Role or None, known, listed, wanted, not_applicable: of the profiles, unknown to this vCenter; surplus; used: where, for absent only}"""
    found, known = authorization.read_roles(vsphere)
    role = authorization.find_role(found, desired["name"])
    have = authorization.without_system(role.privileges) if role else frozenset()
    wanted = desired["listed"] | (desired["profiled"] & known)
    observed = {"role": role, "known": known, "wanted": wanted, "not_applicable": desired["profiled"] - known, "surplus": have - wanted, "used": []}
    if desired["state"] == "absent":
        if role is not None and not role.built_in:
            observed["used"] = sorted(f"{each.principal} on {vsphere.shown(each.object)}" for each in authorization.permissions_of_role(vsphere, role))
        return observed
    if observed["not_applicable"]:
        context.warn(f"this vCenter does not know {some(observed['not_applicable'])}; left out of role '{desired['name']}'")
    if observed["surplus"] and not desired["exact"]:
        context.warn(f"role '{desired['name']}' holds more than is wanted: {some(observed['surplus'])}; exact: true removes it")
    return observed


def refuse_unknown(desired, known):
    """Raises InputRefused for privileges that the user wrote and this vCenter does not know."""
    unknown = sorted(desired["listed"] - known)
    if unknown:
        nearest = {privilege: get_close_matches(privilege, sorted(known), 3, 0.5) for privilege in unknown}
        raise InputRefused(f"this vCenter does not know {'these privileges' if len(unknown) > 1 else 'this privilege'}", where="option privileges",
                           observed=", ".join(unknown),
                           expected="; ".join(f"for {privilege} perhaps {', '.join(near)}" for privilege, near in nearest.items() if near) or "privilege IDs",
                           fix="write privileges by their IDs, such as VirtualMachine.Config.AddNewDisk")


def plan(desired, observed):
    """[] | create | update | delete. Raises InputRefused, PlanRefused."""
    role, name = observed["role"], desired["name"]
    if desired["state"] == "absent":
        return plan_absent(role, name, observed["used"])
    refuse_unknown(desired, observed["known"])
    if role is None:
        return [Change("create", KIND, name, None, {"privileges": sorted(observed["wanted"])})]
    have = authorization.without_system(role.privileges)
    added, removed = observed["wanted"] - have, observed["surplus"] if desired["exact"] else frozenset()
    if not added and not removed:
        return []
    if role.built_in:
        raise PlanRefused(f"role '{name}' came with vCenter and is not changed", where=f"role {role.name} ({role.id})",
                          observed=f"without {some(added)}" if added else f"with {some(removed)}", fix="choose another name")
    reason = "; ".join(part for part in (f"adds {some(added)}" if added else "", f"removes {some(removed)}" if removed else "") if part)
    return [Change("update", KIND, name, {"privileges": sorted(have)}, {"privileges": sorted((have | added) - removed)}, reason)]


def plan_absent(role, name, used):
    if role is None:
        return []
    if role.built_in:
        raise PlanRefused(f"role '{name}' came with vCenter and is not removed", where=f"role {role.name} ({role.id})", fix="choose another name")
    if used:
        raise PlanRefused(f"role '{name}' is in use", where=f"role {role.name} ({role.id})", observed="; ".join(used),
                          fix="take it from them first (palette.vmware.vcenter_permission with state: absent)")
    return [Change("delete", KIND, name, {"privileges": sorted(authorization.without_system(role.privileges))}, None)]


def apply(vsphere, desired, observed, change, context):
    if change.verb == "create":
        authorization.add_role(vsphere, change.name, change.after["privileges"])
    elif change.verb == "update":
        authorization.update_role(vsphere, observed["role"], change.after["privileges"])
    else:
        authorization.remove_role(vsphere, observed["role"])


def present(observed):
    """The role in the result; None when there is none."""
    role = observed["role"]
    return shown(role.name, role.id, authorization.without_system(role.privileges), observed) if role else None


def shown(name, number, privileges, observed):
    return {"name": name, "id": number, "privileges": sorted(privileges), "surplus": sorted(privileges - observed["wanted"]),
            "not_applicable": sorted(observed["not_applicable"])}


def predict(desired, observed, changes):
    if not changes:
        return present(observed)
    if changes[0].after is None:
        return None
    role = observed["role"]
    return shown(desired["name"], role.id if role else None, frozenset(changes[0].after["privileges"]), observed)


NOUN = Noun(KIND, from_params, connect, observe, plan, apply, present, predict=predict)


def execute(params, context):
    return run(NOUN, params, context)
