// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func (m *authorization) availability(user string, entities []ref, ids []string) []types.EntityPrivilege {
	var out []types.EntityPrivilege
	for _, e := range entities {
		granted := m.effective(user, e)
		p := types.EntityPrivilege{Entity: e}
		for _, id := range ids {
			p.PrivAvailability = append(p.PrivAvailability, types.PrivilegeAvailability{PrivId: id, IsGranted: granted[id]})
		}
		out = append(out, p)
	}
	return out
}

func (m *authorization) HasPrivilegeOnEntities(ctx *simulator.Context, r *types.HasPrivilegeOnEntities) soap.HasFault {
	out := m.availability(ctx.Session.UserName, r.Entity, r.PrivId)
	return &methods.HasPrivilegeOnEntitiesBody{Res: &types.HasPrivilegeOnEntitiesResponse{Returnval: out}}
}

func (m *authorization) HasPrivilegeOnEntity(ctx *simulator.Context, r *types.HasPrivilegeOnEntity) soap.HasFault {
	granted := m.effective(ctx.Session.UserName, r.Entity)
	var out []bool
	for _, id := range r.PrivId {
		out = append(out, granted[id])
	}
	return &methods.HasPrivilegeOnEntityBody{Res: &types.HasPrivilegeOnEntityResponse{Returnval: out}}
}

func (m *authorization) HasUserPrivilegeOnEntities(r *types.HasUserPrivilegeOnEntities) soap.HasFault {
	body := &methods.HasUserPrivilegeOnEntitiesBody{}
	if m.w.site.findUser(r.UserName) == nil {
		body.Fault_ = simulator.Fault("", &types.NotFound{})
		return body
	}
	body.Res = &types.HasUserPrivilegeOnEntitiesResponse{Returnval: m.availability(r.UserName, r.Entities, r.PrivId)}
	return body
}

func (m *authorization) FetchUserPrivilegeOnEntities(r *types.FetchUserPrivilegeOnEntities) soap.HasFault {
	var out []types.UserPrivilegeResult
	for _, e := range r.Entities {
		out = append(out, types.UserPrivilegeResult{Entity: e, Privileges: sortedKeys(m.effective(r.UserName, e))})
	}
	return &methods.FetchUserPrivilegeOnEntitiesBody{Res: &types.FetchUserPrivilegeOnEntitiesResponse{Returnval: out}}
}

func (m *authorization) RetrieveAllPermissions(*types.RetrieveAllPermissions) soap.HasFault {
	return &methods.RetrieveAllPermissionsBody{Res: &types.RetrieveAllPermissionsResponse{Returnval: m.permissions()}}
}

func (m *authorization) RetrieveRolePermissions(r *types.RetrieveRolePermissions) soap.HasFault {
	body := &methods.RetrieveRolePermissionsBody{}
	if m.role(r.RoleId) == nil {
		body.Fault_ = simulator.Fault("", &types.NotFound{})
		return body
	}
	body.Res = &types.RetrieveRolePermissionsResponse{}
	for _, p := range m.permissions() {
		if p.RoleId == r.RoleId {
			body.Res.Returnval = append(body.Res.Returnval, p)
		}
	}
	return body
}

func (m *authorization) RetrieveEntityPermissions(r *types.RetrieveEntityPermissions) soap.HasFault {
	body := &methods.RetrieveEntityPermissionsBody{}
	if m.w.reg.Get(r.Entity) == nil {
		body.Fault_ = simulator.Fault("", &types.ManagedObjectNotFound{Obj: r.Entity})
		return body
	}
	body.Res = &types.RetrieveEntityPermissionsResponse{}
	all := m.permissions()
	for at, own := &r.Entity, true; at != nil; own = false {
		for _, p := range all {
			if *p.Entity == *at && (own || p.Propagate) {
				body.Res.Returnval = append(body.Res.Returnval, p)
			}
		}
		e, ok := m.w.reg.Get(*at).(mo.Entity)
		if !ok || !r.Inherited {
			break
		}
		at = e.Entity().Parent
	}
	return body
}
