# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vCenter's AuthorizationManager: roles, privileges and permissions, read in bulk and written one at a time. PRIVATE to the collection."""
from __future__ import annotations

from dataclasses import dataclass

from ._errors import PlanRefused, VcenterDenied, VcenterFailure
from ._principal import same, spoken
from ._vsphere import vim

ADMINISTRATOR = -1
ALWAYS = ("System.Anonymous", "System.Read", "System.View")
MODIFY_ROLES, MODIFY_PERMISSIONS = "Authorization.ModifyRoles", "Authorization.ModifyPermissions"


@dataclass(frozen=True)
class Role:
    """privileges: frozenset of ids; label: its name in vCenter's user interface; built_in: nobody can change it."""

    id: int
    name: str
    privileges: frozenset
    label: str = ""
    built_in: bool = False

    @property
    def rights(self):
        """All that it gives: System privileges are in every role that somebody made (vSphere API, AuthorizationManager)."""
        return self.privileges if self.built_in else self.privileges.union(ALWAYS)


@dataclass(frozen=True)
class Permission:
    """What a principal has on one object (a managed object reference). A principal has one permission on an object at most."""

    object: object
    principal: str
    group: bool
    role_id: int
    propagate: bool

    def of(self, principal, group):
        return self.group == group and same(self.principal, principal)


def without_system(privileges):
    """Those that a role can have or not: the System ones are in every role (vSphere API, AuthorizationManager)."""
    return frozenset(privilege for privilege in privileges if not privilege.startswith("System."))


def role_from_api(role):
    described = getattr(role, "info", None)
    return Role(role.roleId, role.name, frozenset(role.privilege or ()), getattr(described, "label", None) or role.name, bool(role.system) or role.roleId < 0)


def read_roles(vsphere):
    """([Role], frozenset of the privilege ids that this vCenter knows). A server that lists no privileges has them in its role Administrator."""
    manager = vsphere.content.authorizationManager
    row = vsphere.get(manager, ("roleList", "privilegeList"))
    roles = [role_from_api(role) for role in row.get("roleList", [])]
    known = frozenset(privilege.privId for privilege in row.get("privilegeList", []))
    return roles, known or frozenset(privilege for role in roles if role.id == ADMINISTRATOR for privilege in role.privileges)


def find_role(roles, name):
    """The role of that name, or the one that vCenter's user interface calls so; None when there is none."""
    return next((role for role in roles if role.name == name), None) or next((role for role in roles if role.label == name), None)


def permission_from_api(permission):
    return Permission(permission.entity, permission.principal, bool(permission.group), permission.roleId, bool(permission.propagate))


def all_permissions(vsphere):
    """[Permission] of the whole inventory, in one call."""
    manager = vsphere.content.authorizationManager
    found = vsphere.call(manager.RetrieveAllPermissions, "reading all permissions", idempotent=True)
    return [permission_from_api(permission) for permission in found or [] if permission.entity is not None]


def permissions_on(vsphere, ref):
    """[Permission] that are defined on the object itself. Some servers leave the object out of the answer."""
    manager = vsphere.content.authorizationManager
    found = vsphere.call(lambda: manager.RetrieveEntityPermissions(ref, False), "reading the permissions of an object", vsphere.shown(ref), idempotent=True)
    return [Permission(ref, permission.principal, bool(permission.group), permission.roleId, bool(permission.propagate)) for permission in found or []
            if permission.entity in (None, ref)]


def permissions_of_role(vsphere, role):
    """[Permission] that use a role."""
    manager = vsphere.content.authorizationManager
    found = vsphere.call(lambda: manager.RetrieveRolePermissions(role.id), "reading the permissions that use a role", f"role {role.name}", idempotent=True)
    return [permission_from_api(permission) for permission in found or [] if permission.entity is not None]


def lacking_right(failure, privilege, where):
    """A refusal that says which right the account of the module itself lacks."""
    if failure.fault == "NoPermission":
        return VcenterDenied(failure.what, fault=failure.fault, where=failure.where, observed=failure.observed,
                             fix=f"run it as an administrator; the account needs {privilege} on {where}")
    return failure


def write(vsphere, function, what, where, privilege, on):
    """One call that changes the authorization. Raises VcenterFailure."""
    try:
        return vsphere.call(function, what, where)
    except VcenterFailure as failure:
        raise lacking_right(failure, privilege, on) from None


def add_role(vsphere, name, privileges):
    """The Role that was made. Its id is looked up: some servers answer with a wrong one."""
    manager = vsphere.content.authorizationManager
    write(vsphere, lambda: manager.AddAuthorizationRole(name, sorted(privileges)), f"adding role '{name}' failed", f"role {name}", MODIFY_ROLES, "/")
    return proven(vsphere, name, privileges)


def update_role(vsphere, role, privileges):
    """The Role with exactly these privileges, System ones aside."""
    manager = vsphere.content.authorizationManager
    write(vsphere, lambda: manager.UpdateAuthorizationRole(role.id, role.name, sorted(privileges)), f"changing role '{role.name}' failed",
          f"role {role.name}", MODIFY_ROLES, "/")
    return proven(vsphere, role.name, privileges)


def proven(vsphere, name, privileges):
    """The role as vCenter has it now. Raises VcenterFailure when that is not what was sent."""
    role = find_role(read_roles(vsphere)[0], name)
    have, want = without_system(role.privileges) if role else frozenset(), without_system(privileges)
    if role is None or have != want:
        raise VcenterFailure(f"vCenter did not take role '{name}' as it was given", fault="RoleDiffers", where=f"role {name}",
                             observed=f"missing: {', '.join(sorted(want - have)) or 'none'}; beyond: {', '.join(sorted(have - want)) or 'none'}",
                             fix="see the role in vCenter, then run again", changed_something=True)
    return role


def remove_role(vsphere, role):
    """Removes a role that nothing uses; vCenter refuses where something does."""
    manager = vsphere.content.authorizationManager
    try:
        write(vsphere, lambda: manager.RemoveAuthorizationRole(role.id, True), f"removing role '{role.name}' failed", f"role {role.name}", MODIFY_ROLES, "/")
    except VcenterFailure as failure:
        if failure.fault in ("RemoveFailed", "ResourceInUse"):
            raise PlanRefused(f"role '{role.name}' came into use meanwhile", where=f"role {role.name}", observed=failure.observed,
                              fix="run it again; it names the permissions that use the role") from None
        raise


def unknown_principal(failure, wanted, where):
    """The failure of a grant, told so that a principal that vCenter cannot find is seen."""
    if failure.fault != "UserNotFound":
        return failure
    kind = "group" if wanted.group else "user"
    return VcenterFailure(f"vCenter knows no {kind} '{wanted.principal}'", fault=failure.fault, where=where, observed=failure.observed,
                          expected=f"a {kind} of vCenter's single sign-on or of an identity source", fix="write it as name@domain or DOMAIN\\name, "
                          f"and see whether option group is right (it is {str(wanted.group).lower()})")


def set_permission(vsphere, wanted):
    """Gives one principal one role on one object. Everybody else's permissions there are compared before and after.

    vCenter merges by principal, so only this one is sent. Where a server replaces the whole list instead, the lost ones are given back, and the
    failure says so. Raises VcenterFailure.
    """
    manager, where = vsphere.content.authorizationManager, vsphere.shown(wanted.object)
    before = permissions_on(vsphere, wanted.object)

    def send(permissions):
        rows = [vim.AuthorizationManager.Permission(principal=each.principal, group=each.group, roleId=each.role_id, propagate=each.propagate)
                for each in permissions]
        try:
            write(vsphere, lambda: manager.SetEntityPermissions(wanted.object, rows), f"granting a role to {wanted.principal} failed", where,
                  MODIFY_PERMISSIONS, where)
        except VcenterFailure as failure:
            raise unknown_principal(failure, wanted, where) from None

    ours = next((each.principal for each in before if each.of(wanted.principal, wanted.group)), spoken(wanted.principal))
    mine = Permission(wanted.object, ours, wanted.group, wanted.role_id, wanted.propagate)
    send([mine])
    after = permissions_on(vsphere, wanted.object)
    lost = [each for each in before if not each.of(wanted.principal, wanted.group) and each not in after]
    if lost:
        send([*lost, mine])
        raise VcenterFailure("vCenter replaced the permissions of others instead of adding one", fault="PermissionsReplaced", where=where,
                             observed=f"lost and given back: {', '.join(sorted(each.principal for each in lost))}",
                             fix="see the permissions of the object; do not grant on this server by this module", changed_something=True)
    if not any(each.of(wanted.principal, wanted.group) and (each.role_id, each.propagate) == (wanted.role_id, wanted.propagate) for each in after):
        new = [each.principal for each in after if each not in before]
        raise VcenterFailure(f"vCenter did not take the permission of {wanted.principal}", fault="PermissionDiffers", where=where,
                             observed=f"it has one of {', '.join(sorted(new))} now" if new else "no such permission on the object",
                             fix="give the principal as vCenter shows it", changed_something=bool(new))


def remove_permission(vsphere, permission):
    """Takes the permission of one principal from one object; one that is gone already is fine."""
    manager, where = vsphere.content.authorizationManager, vsphere.shown(permission.object)
    try:
        write(vsphere, lambda: manager.RemoveEntityPermission(permission.object, permission.principal, permission.group),
              f"taking a role from {permission.principal} failed", where, MODIFY_PERMISSIONS, where)
    except VcenterFailure as failure:
        if failure.fault != "NotFound":
            raise
