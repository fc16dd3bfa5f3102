# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Noun vcenter_permission: the roles of one user or group on objects of the inventory. PRIVATE to the collection.

The page: "VMware Cloud Account Permissions". Other principals are never touched.
"""
from __future__ import annotations

from . import _authorization as authorization
from ._change import Unresolved
from ._errors import InputRefused
from ._inventory import split_path
from ._permission_plan import KIND, Held, fields, left_alone, name_of, plan_absent, plan_present, wanted_fields
from ._principal import same
from ._privileges import GRANTS, READ_ONLY
from ._run import Noun, run
from ._specs import placements_option, spec
from ._touched import OPTION_KINDS, complex_entities, read_tree, touched
from ._vsphere import Vsphere, path_of, type_name, vcenter_connection

LIBRARIES = ("pyVmomi",)
TYPES = ("Folder", "Datacenter", "ClusterComputeResource", "HostSystem", "ResourcePool", "Datastore", "Network", "DistributedVirtualPortgroup",
         "DistributedVirtualSwitch", "VirtualMachine")
SPEC = spec({
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "principal": {"type": "str", "required": True},
    "group": {"type": "bool", "default": False},
    "grants": {"type": "list", "elements": "dict", "options": {
        "object": {"type": "str"},
        "type": {"type": "str", "choices": list(TYPES)},
        "name": {"type": "str"},
        "role": {"type": "str", "required": True},
        "propagate": {"type": "bool", "default": True},
    }, "required_one_of": [("object", "name")], "mutually_exclusive": [("object", "name")], "required_by": {"name": ("type",)}},
    "placements": placements_option(required=False),
    "roles": {"type": "dict", "options": {"root": {"type": "str", "required": True}, "spectro": {"type": "str", "required": True}}},
    "assignment": {"type": "str", "choices": list(GRANTS), "default": "page"},
    "replace": {"type": "bool", "default": False},
    "exact": {"type": "bool", "default": False},
}, palette=False, vcenter=True, mutually_exclusive=[("grants", "placements")], required_one_of=[("grants", "placements")],
    required_by={"placements": ("roles",), "roles": ("placements",)})


def from_params(params):
    """The options, checked. Raises InputRefused."""
    if not params["principal"].strip():
        raise InputRefused("the principal is empty", where="option principal", fix="give a user or group as name@domain or DOMAIN\\name")
    given = "grants" if params["grants"] is not None else "placements"
    if not params[given]:
        raise InputRefused(f"{given} is empty", where=f"option {given}", fix="list at least one")
    for option in ("replace", "exact"):
        if params[option] and params["state"] == "absent":
            raise InputRefused(f"{option} is for state present", where=f"option {option}", fix="leave it out; absent removes just what is listed")
    for number, grant in enumerate(params["grants"] or []):
        if not (grant["object"] or grant["name"] or "").strip():
            raise InputRefused("the object of a grant is empty", where=f"option grants[{number}]", fix="give its inventory path, such as /dc-1/vm/palette")
    keys = ("state", "principal", "group", "grants", "placements", "roles", "assignment", "replace", "exact")
    return {**{key: params[key] for key in keys}, "session_user": params["username"]}


def connect(params, context):
    return Vsphere(vcenter_connection(params), context)


def listed(vsphere, desired):
    """(Tree, [{path, moid, type, ref, role, propagate}]) of explicit grants; an object that does not exist has no ref. Raises InputRefused."""
    trees = [read_tree(vsphere)]

    def look(grant, number):
        for tree in trees:
            found = matching(tree, grant)
            if len(found) > 1:
                raise InputRefused("the name means several objects", where=f"option grants[{number}].name",
                                   observed=", ".join(sorted(tree.path(node.moid) for node in found)), fix="give the path in object instead")
            if found:
                return tree.object(found[0].moid, None)
        return None

    def resolve(grant, number):
        found = look(grant, number)
        if found is None and len(trees) == 1:
            trees.append(read_tree(vsphere, machines=True))
            found = look(grant, number)
        text = grant["object"] or grant["name"]
        return {**(found or {"path": text, "moid": None, "type": None, "ref": None}), "role": grant["role"], "propagate": grant["propagate"],
                "where": f"option grants[{number}]"}

    entries = [resolve(grant, number) for number, grant in enumerate(desired["grants"])]
    return trees[-1], entries


def matching(tree, grant):
    """Nodes of the tree that a grant means."""
    if grant["object"] is not None:
        wanted = split_path(grant["object"])
        return [node for node in tree.nodes.values() if (not wanted or node.name == wanted[-1]) and names_of(tree, node) == wanted
                and (grant["type"] is None or alike(node.type, grant["type"]))]
    return [node for node in tree.nodes.values() if node.name == grant["name"] and alike(node.type, grant["type"])]


def names_of(tree, node):
    """The names on the way from below the root folder to an object; [] for the root folder."""
    names = []
    while node is not None and node.parent is not None:
        names.append(node.name)
        node = tree.nodes.get(node.parent)
    return names[::-1]


def alike(kind, wanted):
    """Whether an object's type is the wanted one, or one of its makers' own kinds of it."""
    return kind == wanted or kind.endswith(wanted) or (wanted == "ClusterComputeResource" and kind == "ComputeResource")


def expanded(vsphere, desired, context):
    """As `listed`, of placements and an assignment."""
    tree = read_tree(vsphere)
    objects, problems = touched(vsphere, desired["placements"], tree=tree)
    names = {**desired["roles"], READ_ONLY: "ReadOnly"}
    entries = []
    for grant in GRANTS[desired["assignment"]]:
        wanted = {"role": names[grant["role"]], "propagate": grant["propagate"], "where": "option placements"}
        entries += [{**each, **wanted} for each in objects if each["kind"] == grant["kind"]]
    for problem in problems:
        entries += missing(problem, desired, names, context)
    parts = complex_entities(tree)
    kept = [entry for entry in entries if entry["moid"] not in parts]
    for entry in entries:
        if entry["moid"] in parts:
            context.warn(f"{entry['path']} takes its permissions from the object above it; no role is granted on it")
    return tree, kept


def missing(problem, desired, names, context):
    """The grant on an object that a placement names and that does not exist: [] or [entry]. Raises InputRefused for a name that means several."""
    if problem["observed"].startswith("several"):
        raise InputRefused(problem["title"], where=problem["where"], observed=problem["observed"], fix=problem["fix"])
    kind = "switch" if problem["id"] == "switch_readable" else OPTION_KINDS[problem["where"].rsplit(".", 1)[-1]]
    found = [{"path": problem["name"], "moid": None, "type": None, "ref": None, "where": problem["where"], "role": names[grant["role"]],
              "propagate": grant["propagate"]} for grant in GRANTS[desired["assignment"]] if grant["kind"] == kind]
    if not found:
        context.warn(f"{problem['title']} ({problem['where']}: {problem['name']}); no role is granted on it")
    return found


def refuse_unfit(tree, entries):
    """Raises InputRefused for grants on objects that cannot have one, and for two grants on one object."""
    seen, parts = {}, complex_entities(tree)
    for entry in entries:
        if entry["moid"] in parts:
            raise InputRefused("vCenter takes no permissions on this object", where=f"{entry['where']}: {entry['path']}",
                               fix=f"grant the role on {tree.path(parts[entry['moid']])}, with propagation")
        other = seen.setdefault(entry["moid"] or entry["path"], entry)
        if wanted_fields(other) != wanted_fields(entry):
            raise InputRefused("a principal has one role on an object, and two are listed", where=f"{other['where']} and {entry['where']}",
                               observed=f"{other['role']} and {entry['role']} on {entry['path']}", fix="list one role that has both")
    return list(seen.values())


def observe(vsphere, desired, context):
    """{grants, surplus: [Held], own, role, object: Unresolved or None}. What `exact` is going to take away is not inherited from."""
    tree, entries = listed(vsphere, desired) if desired["grants"] is not None else expanded(vsphere, desired, context)
    entries = sorted(refuse_unfit(tree, entries), key=lambda entry: entry["path"])
    roles, _known = authorization.read_roles(vsphere)
    by_id = {role.id: role for role in roles}
    mine = [each for each in authorization.all_permissions(vsphere) if each.of(desired["principal"], desired["group"])]
    trails = vsphere.ancestry([each.object for each in mine])
    held = {each.object: Held(by_id.get(each.role_id, authorization.Role(each.role_id, f"role {each.role_id}", frozenset())), each,
                              tree.path(each.object._GetMoId()) if each.object._GetMoId() in tree.nodes else path_of(
                                  trails[each.object], vsphere.content.rootFolder)) for each in mine}
    wanted = {entry["ref"] for entry in entries}
    staying = {ref: each for ref, each in held.items() if ref in wanted or not desired["exact"]}
    for entry in entries:
        entry["want"] = authorization.find_role(roles, entry["role"])
        entry["role"] = entry["want"].name if entry["want"] else entry["role"]
        entry["have"], entry["inherited"] = held.get(entry["ref"]), inherited(tree, staying, entry["moid"])
    surplus = sorted((each for ref, each in held.items() if ref not in wanted), key=lambda each: each.path)
    observed = {"grants": entries, "surplus": surplus, "own": not desired["group"] and same(desired["principal"], desired["session_user"])}
    report(desired, observed, context)
    return observed


def inherited(tree, held, key):
    """What an object inherits of the principal's permissions, or None. A virtual machine has its folder's and its resource pool's (a template: its host's)
    together."""
    node = tree.nodes.get(key)
    ways = [nearest(tree, held, above) for above in (node.parent, node.pool) if above] if node else []
    found = [way for number, way in enumerate(ways) if way is not None and way not in ways[:number]]
    if len(found) < 2:
        return found[0] if found else None
    one, other = found
    both = authorization.Role(one.role.id, f"{one.role.name} and {other.role.name}", one.role.rights | other.role.rights)
    return Held(both, one.permission, f"{one.path} and {other.path}")


def nearest(tree, held, key):
    """The permission that propagates of the object or of the nearest one above it, or None."""
    node = tree.nodes.get(key)
    while node is not None:
        found = held.get(node.ref)
        if found is not None and found.permission.propagate:
            return found
        node = tree.nodes.get(node.parent)
    return None


def report(desired, observed, context):
    """Warnings, and what is missing as Unresolved."""
    missing_role = next((entry["role"] for entry in observed["grants"] if entry["want"] is None), None)
    missing_object = next((entry for entry in observed["grants"] if entry["ref"] is None), None)
    if desired["state"] == "absent":
        for entry in observed["grants"]:
            if entry["ref"] is None:
                context.warn(f"there is no object {entry['path']} ({entry['where']}), so there is no permission on it")
            elif entry["have"] is not None and entry["have"].role.name != entry["role"]:
                context.warn(f"on {entry['path']} the principal has role {entry['have'].role.name}, not {entry['role']}; it is left as it is")
        return
    observed["role"] = Unresolved("role", missing_role) if missing_role else None
    observed["object"] = Unresolved("object", f"{missing_object['path']} ({missing_object['where']})") if missing_object else None
    for text in left_alone(observed["grants"], desired["replace"]):
        context.warn(text)
    if observed["surplus"] and not desired["exact"]:
        shown = ", ".join(f"{each.path} ({each.role.name})" for each in observed["surplus"])
        context.warn(f"{desired['principal']} has roles on other objects, too: {shown}; exact: true takes them away")


def plan(desired, observed):
    """[] | create | update | delete of single permissions. Raises PlanRefused."""
    return plan_present(desired, observed) if desired["state"] == "present" else plan_absent(desired, observed)


def apply(vsphere, desired, observed, change, context):
    """One permission."""
    def named(path):
        return name_of(desired["principal"], path) == change.name

    grant = next((grant for grant in observed["grants"] if named(grant["path"])), None)
    if change.verb == "delete":
        held = grant["have"] if grant is not None else next(held for held in observed["surplus"] if named(held.path))
        authorization.remove_permission(vsphere, held.permission)
        return
    principal = grant["have"].permission.principal if grant["have"] else desired["principal"]
    authorization.set_permission(vsphere, authorization.Permission(grant["ref"], principal, desired["group"], grant["want"].id, grant["propagate"]))


def row(path, kind, moid, values):
    return {"object": path, "type": kind, "moid": moid, **values}


def held_row(held):
    ref = held.permission.object
    return row(held.path, type_name(ref), ref._GetMoId(), fields(held))


def present(observed):
    """{permissions: on the listed objects, surplus: on others}"""
    return {"permissions": [held_row(grant["have"]) for grant in observed["grants"] if grant["have"]],
            "surplus": [held_row(held) for held in observed["surplus"]]}


def predict(desired, observed, changes):
    planned = {change.name: change for change in changes}
    found = {"permissions": [], "surplus": [held_row(held) for held in observed["surplus"] if name_of(desired["principal"], held.path) not in planned]}
    for grant in observed["grants"]:
        change = planned.get(name_of(desired["principal"], grant["path"]))
        values = {**(fields(grant["have"]) if grant["have"] else {}), **((change.after or {}) if change else {})}
        if values and not (change and change.after is None):
            found["permissions"].append(row(grant["path"], grant["type"], grant["moid"], values))
    return found


NOUN = Noun(KIND, from_params, connect, observe, plan, apply, present, predict=predict)


def execute(params, context):
    return run(NOUN, params, context)
