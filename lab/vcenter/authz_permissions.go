// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"cmp"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// put sets the principal's permission on the object, instead of one that he has there.
func (m *authorization) put(at ref, p types.Permission) {
	p.Entity, p.Principal = &at, domainForm(m.w.site.principalName(p.Principal))
	m.perms[at] = append(m.without(at, p.Principal, p.Group), rule{Permission: p, who: canonical(p.Principal)})
}

func (m *authorization) without(at ref, principal string, group bool) []rule {
	who := canonical(principal)
	return slices.DeleteFunc(slices.Clone(m.perms[at]), func(r rule) bool { return r.who == who && r.Group == group })
}

// forget drops the permissions of an object that left the inventory.
func (m *authorization) forget(r ref) {
	m.guard.Lock()
	delete(m.perms, r)
	m.guard.Unlock()
}

// mayGrant refuses a caller who does not himself hold on the object what he would give or take.
func (m *authorization) mayGrant(ctx *simulator.Context, at ref, privileges []string) types.BaseMethodFault {
	v := m.viewer(ctx.Session.UserName)
	if v.all {
		return nil
	}
	held := v.privileges(at)
	for _, id := range privileges {
		if !held[id] {
			return m.w.noPermission([]demand{{at, id}})
		}
	}
	return nil
}

func (m *authorization) mayGrantRoles(ctx *simulator.Context, at ref, ids ...int32) types.BaseMethodFault {
	for _, id := range ids {
		if r := m.role(id); r != nil && id != noAccessRole {
			if fault := m.mayGrant(ctx, at, r.Privilege); fault != nil {
				return fault
			}
		}
	}
	return nil
}

// settable refuses objects that have no permissions of their own.
func (m *authorization) settable(at ref) types.BaseMethodFault {
	e, ok := m.w.reg.Get(at).(mo.Entity)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: at}
	}
	if m.holder(e) != at {
		return &types.InvalidArgument{InvalidProperty: "entity"}
	}
	return nil
}

// checkPermission is why the permission cannot be set.
func (m *authorization) checkPermission(ctx *simulator.Context, at ref, p types.Permission) types.BaseMethodFault {
	known := m.w.site.findUser(p.Principal) != nil
	if p.Group {
		known = m.w.site.findGroup(p.Principal) != nil
	}
	switch {
	case m.role(p.RoleId) == nil:
		return &types.NotFound{}
	case p.RoleId == viewRole || p.RoleId == anonymousRole:
		return &types.InvalidArgument{InvalidProperty: "permission.roleId"}
	case !known:
		return &types.UserNotFound{Principal: p.Principal}
	}
	return m.mayGrantRoles(ctx, at, p.RoleId)
}

// change runs an edit of the permissions, and takes it back when nobody would be left with Admin on the root folder.
func (m *authorization) change(edit func() types.BaseMethodFault) types.BaseMethodFault {
	m.guard.Lock()
	defer m.guard.Unlock()
	before := map[ref][]rule{}
	for at, list := range m.perms {
		before[at] = slices.Clone(list)
	}
	fault := edit()
	for _, r := range m.perms[m.w.model.ServiceContent.RootFolder] {
		if r.RoleId == adminRole && r.Propagate {
			return fault
		}
	}
	m.perms = before
	return &types.AuthMinimumAdminPermission{}
}

// set applies permissions in their order and ends at the first that cannot be set, as the API reference says.
func (m *authorization) set(ctx *simulator.Context, at ref, list []types.Permission, replace bool) types.BaseMethodFault {
	if fault := m.settable(at); fault != nil {
		return fault
	}
	for i, p := range list {
		if fault := m.checkPermission(ctx, at, p); fault != nil {
			if done := m.change(func() types.BaseMethodFault { m.putAll(at, list[:i]); return nil }); done != nil {
				return done
			}
			return fault
		}
	}
	return m.change(func() types.BaseMethodFault {
		if replace {
			m.perms[at] = nil
		}
		m.putAll(at, list)
		return nil
	})
}

func (m *authorization) putAll(at ref, list []types.Permission) {
	for _, p := range list {
		m.put(at, p)
	}
}

func (m *authorization) SetEntityPermissions(ctx *simulator.Context, r *types.SetEntityPermissions) soap.HasFault {
	body := &methods.SetEntityPermissionsBody{}
	if fault := m.set(ctx, r.Entity, r.Permission, false); fault != nil {
		body.Fault_ = simulator.Fault("", fault)
		return body
	}
	body.Res = &types.SetEntityPermissionsResponse{}
	return body
}

func (m *authorization) ResetEntityPermissions(ctx *simulator.Context, r *types.ResetEntityPermissions) soap.HasFault {
	body := &methods.ResetEntityPermissionsBody{}
	if fault := m.set(ctx, r.Entity, r.Permission, true); fault != nil {
		body.Fault_ = simulator.Fault("", fault)
		return body
	}
	body.Res = &types.ResetEntityPermissionsResponse{}
	return body
}

func (m *authorization) RemoveEntityPermission(ctx *simulator.Context, r *types.RemoveEntityPermission) soap.HasFault {
	body := &methods.RemoveEntityPermissionBody{}
	fault := m.settable(r.Entity)
	if fault == nil {
		fault = m.removable(ctx, r)
	}
	if fault == nil {
		fault = m.change(func() types.BaseMethodFault {
			m.perms[r.Entity] = m.without(r.Entity, r.User, r.IsGroup)
			return nil
		})
	}
	if fault != nil {
		body.Fault_ = simulator.Fault("", fault)
		return body
	}
	body.Res = &types.RemoveEntityPermissionResponse{}
	return body
}

func (m *authorization) removable(ctx *simulator.Context, r *types.RemoveEntityPermission) types.BaseMethodFault {
	for _, p := range m.permissions() {
		if *p.Entity == r.Entity && p.Group == r.IsGroup && canonical(p.Principal) == canonical(r.User) {
			return m.mayGrantRoles(ctx, r.Entity, p.RoleId)
		}
	}
	return &types.NotFound{}
}

// MergePermissions gives all permissions of one role to another.
func (m *authorization) MergePermissions(ctx *simulator.Context, r *types.MergePermissions) soap.HasFault {
	body := &methods.MergePermissionsBody{}
	var fault types.BaseMethodFault
	switch {
	case m.role(r.SrcRoleId) == nil || m.role(r.DstRoleId) == nil:
		fault = &types.NotFound{}
	case r.DstRoleId == viewRole || r.DstRoleId == anonymousRole || r.DstRoleId == r.SrcRoleId:
		fault = &types.InvalidArgument{InvalidProperty: "dstRoleId"}
	default:
		fault = m.mayGrantRoles(ctx, m.w.model.ServiceContent.RootFolder, r.SrcRoleId, r.DstRoleId)
	}
	if fault == nil {
		fault = m.change(func() types.BaseMethodFault {
			for _, list := range m.perms {
				for i := range list {
					if list[i].RoleId == r.SrcRoleId {
						list[i].RoleId = r.DstRoleId
					}
				}
			}
			return nil
		})
	}
	if fault != nil {
		body.Fault_ = simulator.Fault("", fault)
		return body
	}
	body.Res = &types.MergePermissionsResponse{}
	return body
}

// permissions lists all permissions in a stable order.
func (m *authorization) permissions() []types.Permission {
	m.guard.Lock()
	defer m.guard.Unlock()
	var out []types.Permission
	for _, list := range m.perms {
		for _, r := range list {
			out = append(out, r.Permission)
		}
	}
	slices.SortFunc(out, func(a, b types.Permission) int {
		return cmp.Or(cmp.Compare(a.Entity.String(), b.Entity.String()), cmp.Compare(a.Principal, b.Principal))
	})
	return out
}
