// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const adminRole, firstOwnRole = int32(-1), int32(1001)

// authorization is the AuthorizationManager: roles, permissions merged per principal, effective privileges.
type authorization struct {
	mo.AuthorizationManager
	w        *world
	guard    sync.Mutex
	perms    map[ref][]types.Permission
	nextRole int32
	known    map[string]bool // privilege ids; those of the system role Admin
}

var systemPrivileges = []string{"System.Anonymous", "System.Read", "System.View"}

func newAuthorization(w *world) *authorization {
	m := &authorization{w: w, perms: map[ref][]types.Permission{}, nextRole: firstOwnRole, known: map[string]bool{}}
	m.Self = *w.model.ServiceContent.AuthorizationManager
	m.RoleList = slices.Clone(esx.RoleList)
	for _, id := range m.role(adminRole).Privilege {
		m.known[id] = true
		group, name, _ := strings.Cut(id, ".")
		m.PrivilegeList = append(m.PrivilegeList, types.AuthorizationPrivilege{PrivId: id, Name: name, PrivGroupName: group})
	}
	root := w.model.ServiceContent.RootFolder
	for _, u := range w.site.VCenter.Users {
		if u.Admin {
			m.perms[root] = append(m.perms[root], types.Permission{Entity: &root, Principal: u.Name, RoleId: adminRole, Propagate: true})
		}
	}
	return m
}

func (m *authorization) role(id int32) *types.AuthorizationRole {
	for i := range m.RoleList {
		if m.RoleList[i].RoleId == id {
			return &m.RoleList[i]
		}
	}
	return nil
}

// forget drops the permissions of an object that left the inventory.
func (m *authorization) forget(r ref) {
	m.guard.Lock()
	delete(m.perms, r)
	m.guard.Unlock()
}

// effective are the user's privileges on the entity: the nearest entity upwards that has a permission of the user
// decides; an ancestor's permission counts only when it propagates.
func (m *authorization) effective(user string, entity ref) map[string]bool {
	m.guard.Lock()
	defer m.guard.Unlock()
	for at, own := &entity, true; at != nil; own = false {
		granted := map[string]bool{}
		decided := false
		for _, p := range m.perms[*at] {
			if !p.Group && strings.EqualFold(p.Principal, user) && (own || p.Propagate) {
				decided = true
				if r := m.role(p.RoleId); r != nil {
					for _, id := range r.Privilege {
						granted[id] = true
					}
				}
			}
		}
		if decided {
			return granted
		}
		e, ok := m.w.reg.Get(*at).(mo.Entity)
		if !ok {
			break
		}
		at = e.Entity().Parent
	}
	return map[string]bool{}
}

func (m *authorization) AddAuthorizationRole(r *types.AddAuthorizationRole) soap.HasFault {
	body := &methods.AddAuthorizationRoleBody{}
	m.guard.Lock()
	defer m.guard.Unlock()
	if fault := m.checkRole(r.Name, 0, r.PrivIds); fault != nil {
		body.Fault_ = simulator.Fault("", fault)
		return body
	}
	role := types.AuthorizationRole{
		RoleId: m.nextRole, Name: r.Name, Info: &types.Description{Label: r.Name, Summary: r.Name},
		Privilege: sortedSet(append(slices.Clone(systemPrivileges), r.PrivIds...)),
	}
	m.nextRole++
	m.RoleList = append(slices.Clone(m.RoleList), role)
	body.Res = &types.AddAuthorizationRoleResponse{Returnval: role.RoleId}
	return body
}

func (m *authorization) checkRole(name string, self int32, privileges []string) types.BaseMethodFault {
	for _, r := range m.RoleList {
		if r.Name == name && r.RoleId != self {
			return &types.AlreadyExists{Name: name}
		}
	}
	for _, id := range privileges {
		if !m.known[id] {
			return &types.InvalidArgument{InvalidProperty: "privIds"}
		}
	}
	return nil
}

func (m *authorization) UpdateAuthorizationRole(r *types.UpdateAuthorizationRole) soap.HasFault {
	body := &methods.UpdateAuthorizationRoleBody{}
	m.guard.Lock()
	defer m.guard.Unlock()
	role := m.role(r.RoleId)
	var fault types.BaseMethodFault
	switch {
	case role == nil:
		fault = &types.NotFound{}
	case role.System:
		fault = &types.InvalidArgument{InvalidProperty: "roleId"}
	default:
		fault = m.checkRole(r.NewName, r.RoleId, r.PrivIds)
	}
	if fault != nil {
		body.Fault_ = simulator.Fault("", fault)
		return body
	}
	roles := slices.Clone(m.RoleList)
	for i := range roles {
		if roles[i].RoleId == r.RoleId {
			roles[i].Name = r.NewName
			roles[i].Privilege = sortedSet(append(slices.Clone(systemPrivileges), r.PrivIds...))
		}
	}
	m.RoleList = roles
	body.Res = &types.UpdateAuthorizationRoleResponse{}
	return body
}

func (m *authorization) RemoveAuthorizationRole(r *types.RemoveAuthorizationRole) soap.HasFault {
	body := &methods.RemoveAuthorizationRoleBody{}
	m.guard.Lock()
	defer m.guard.Unlock()
	role := m.role(r.RoleId)
	used := false
	for _, list := range m.perms {
		for _, p := range list {
			used = used || p.RoleId == r.RoleId
		}
	}
	switch {
	case role == nil:
		body.Fault_ = simulator.Fault("", &types.NotFound{})
	case role.System:
		body.Fault_ = simulator.Fault("", &types.InvalidArgument{InvalidProperty: "roleId"})
	case used && r.FailIfUsed:
		body.Fault_ = simulator.Fault("", &types.RemoveFailed{})
	default:
		m.dropRole(r.RoleId)
		body.Res = &types.RemoveAuthorizationRoleResponse{}
	}
	return body
}

func (m *authorization) dropRole(id int32) {
	m.RoleList = slices.DeleteFunc(slices.Clone(m.RoleList), func(r types.AuthorizationRole) bool { return r.RoleId == id })
	for e, list := range m.perms {
		m.perms[e] = slices.DeleteFunc(list, func(p types.Permission) bool { return p.RoleId == id })
	}
}

func samePrincipal(p types.Permission, name string, group bool) bool {
	return strings.EqualFold(p.Principal, name) && p.Group == group
}

func (m *authorization) SetEntityPermissions(r *types.SetEntityPermissions) soap.HasFault {
	body := &methods.SetEntityPermissionsBody{}
	m.guard.Lock()
	defer m.guard.Unlock()
	for _, p := range r.Permission {
		if m.role(p.RoleId) == nil {
			body.Fault_ = simulator.Fault("", &types.NotFound{})
			return body
		}
		if !p.Group && m.w.site.findUser(p.Principal) == nil {
			body.Fault_ = simulator.Fault("", &types.UserNotFound{Principal: p.Principal})
			return body
		}
	}
	for _, p := range r.Permission {
		entity := r.Entity
		p.Entity = &entity
		kept := slices.DeleteFunc(slices.Clone(m.perms[entity]), func(q types.Permission) bool { return samePrincipal(q, p.Principal, p.Group) })
		m.perms[entity] = append(kept, p)
	}
	body.Res = &types.SetEntityPermissionsResponse{}
	return body
}

func (m *authorization) RemoveEntityPermission(r *types.RemoveEntityPermission) soap.HasFault {
	body := &methods.RemoveEntityPermissionBody{}
	m.guard.Lock()
	defer m.guard.Unlock()
	before := m.perms[r.Entity]
	kept := slices.DeleteFunc(slices.Clone(before), func(p types.Permission) bool { return samePrincipal(p, r.User, r.IsGroup) })
	if len(kept) == len(before) {
		body.Fault_ = simulator.Fault("", &types.NotFound{})
		return body
	}
	m.perms[r.Entity] = kept
	body.Res = &types.RemoveEntityPermissionResponse{}
	return body
}

// permissions lists all permissions in a stable order.
func (m *authorization) permissions() []types.Permission {
	m.guard.Lock()
	defer m.guard.Unlock()
	var out []types.Permission
	for _, list := range m.perms {
		out = append(out, list...)
	}
	slices.SortFunc(out, func(a, b types.Permission) int {
		return cmp.Or(cmp.Compare(a.Entity.String(), b.Entity.String()), cmp.Compare(a.Principal, b.Principal))
	})
	return out
}

func sortedSet(in []string) []string {
	out := slices.Clone(in)
	slices.Sort(out)
	return slices.Compact(out)
}
