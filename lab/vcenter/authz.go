// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	adminRole, viewRole, anonymousRole = int32(-1), int32(-3), int32(-4)
	noAccessRole, firstOwnRole         = int32(-5), int32(1001)
)

// rule is a permission with its principal in canonical spelling.
type rule struct {
	types.Permission
	who string
}

// authorization is the AuthorizationManager: roles, permissions merged per principal, effective privileges.
type authorization struct {
	mo.AuthorizationManager
	w        *world
	guard    sync.Mutex
	perms    map[ref][]rule
	nextRole int32
	known    map[string]bool // privilege ids; those of the system role Admin
	sets     map[string]privilegeSet
}

var systemPrivileges = []string{"System.Anonymous", "System.Read", "System.View"}

// since is the major version of vCenter that brought a privilege.
var since = map[string]int{"InventoryService.Tagging.ObjectAttachable": 7}

func (v *VCenter) lacks(privilege string) bool { return v.major() < since[privilege] }

func (v *VCenter) major() int {
	number, _, _ := strings.Cut(v.Version, ".")
	major, _ := strconv.Atoi(number)
	return major
}

func newAuthorization(w *world) *authorization {
	m := &authorization{w: w, perms: map[ref][]rule{}, nextRole: firstOwnRole, known: map[string]bool{}, sets: map[string]privilegeSet{}}
	m.Self = *w.model.ServiceContent.AuthorizationManager
	for _, r := range esx.RoleList {
		r.Privilege = slices.DeleteFunc(slices.Clone(r.Privilege), w.site.VCenter.lacks)
		m.RoleList = append(m.RoleList, r)
	}
	for _, id := range m.role(adminRole).Privilege {
		m.known[id] = true
		group, name, _ := strings.Cut(id, ".")
		m.PrivilegeList = append(m.PrivilegeList, types.AuthorizationPrivilege{PrivId: id, Name: name, PrivGroupName: group})
	}
	for _, u := range w.site.VCenter.Users {
		if u.Admin {
			m.put(w.model.ServiceContent.RootFolder, types.Permission{Principal: u.Name, RoleId: adminRole, Propagate: true})
		}
	}
	return m
}

// load makes the site's roles and permissions, once the inventory is there.
func (m *authorization) load() error {
	for _, r := range m.w.site.VCenter.Roles {
		if strings.TrimSpace(r.Name) == "" || m.roleNamed(r.Name) != nil {
			return fmt.Errorf("vcenter.roles: %q is empty or the name of a role that is there already", r.Name)
		}
		wanted := slices.DeleteFunc(slices.Clone(r.Privileges), m.w.site.VCenter.lacks)
		for _, id := range wanted {
			if !m.known[id] {
				return fmt.Errorf("vcenter.roles: %q has %q, which is no privilege of this vCenter", r.Name, id)
			}
		}
		m.addRole(r.Name, wanted)
	}
	for _, p := range m.w.site.VCenter.Permissions {
		role := m.roleNamed(p.Role)
		if role == nil {
			return fmt.Errorf("%s: there is no such role", p)
		}
		at, err := m.w.find(p.Object)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		if e := m.w.reg.Get(at).(mo.Entity); m.holder(e) != at {
			return fmt.Errorf("%s: this object always has the permissions of its parent, so set them there", p)
		}
		m.put(at, types.Permission{Principal: p.Principal, Group: p.Group, RoleId: role.RoleId, Propagate: p.Propagate})
	}
	return nil
}

func (m *authorization) role(id int32) *types.AuthorizationRole {
	for i := range m.RoleList {
		if m.RoleList[i].RoleId == id {
			return &m.RoleList[i]
		}
	}
	return nil
}

func (m *authorization) roleNamed(name string) *types.AuthorizationRole {
	for i := range m.RoleList {
		if m.RoleList[i].Name == name {
			return &m.RoleList[i]
		}
	}
	return nil
}

func (m *authorization) addRole(name string, privileges []string) int32 {
	role := types.AuthorizationRole{
		RoleId: m.nextRole, Name: name, Info: &types.Description{Label: name, Summary: name},
		Privilege: sortedSet(append(slices.Clone(systemPrivileges), privileges...)),
	}
	m.nextRole++
	m.changeRoles(append(slices.Clone(m.RoleList), role))
	return role.RoleId
}

func (m *authorization) changeRoles(roles []types.AuthorizationRole) {
	m.RoleList, m.sets = roles, map[string]privilegeSet{}
}

// checkRole is why a role cannot be made or changed so; a nil answer means that it can.
func (m *authorization) checkRole(name string, self int32, privileges []string, unknown types.BaseMethodFault) types.BaseMethodFault {
	if strings.TrimSpace(name) == "" {
		return &types.InvalidName{Name: name}
	}
	if r := m.roleNamed(name); r != nil && r.RoleId != self {
		return &types.AlreadyExists{Name: name}
	}
	for _, id := range privileges {
		if !m.known[id] {
			return unknown
		}
	}
	return nil
}

func (m *authorization) AddAuthorizationRole(r *types.AddAuthorizationRole) soap.HasFault {
	body := &methods.AddAuthorizationRoleBody{}
	m.guard.Lock()
	defer m.guard.Unlock()
	if fault := m.checkRole(r.Name, 0, r.PrivIds, &types.InvalidArgument{InvalidProperty: "privIds"}); fault != nil {
		body.Fault_ = simulator.Fault("", fault)
		return body
	}
	body.Res = &types.AddAuthorizationRoleResponse{Returnval: m.addRole(r.Name, r.PrivIds)}
	return body
}

// UpdateAuthorizationRole lets nobody put privileges into a role that he does not hold on the root folder.
func (m *authorization) UpdateAuthorizationRole(ctx *simulator.Context, r *types.UpdateAuthorizationRole) soap.HasFault {
	body := &methods.UpdateAuthorizationRoleBody{}
	fault := m.mayGrant(ctx, m.w.model.ServiceContent.RootFolder, r.PrivIds)
	m.guard.Lock()
	defer m.guard.Unlock()
	role := m.role(r.RoleId)
	switch {
	case role == nil:
		fault = &types.NotFound{}
	case role.System:
		fault = &types.InvalidArgument{InvalidProperty: "roleId"}
	case fault == nil:
		fault = m.checkRole(r.NewName, r.RoleId, r.PrivIds, &types.NotFound{})
	}
	if fault != nil {
		body.Fault_ = simulator.Fault("", fault)
		return body
	}
	roles := slices.Clone(m.RoleList)
	for i := range roles {
		if roles[i].RoleId == r.RoleId {
			roles[i].Name = r.NewName
			roles[i].Info = &types.Description{Label: r.NewName, Summary: r.NewName}
			roles[i].Privilege = sortedSet(append(slices.Clone(systemPrivileges), r.PrivIds...))
		}
	}
	m.changeRoles(roles)
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
		used = used || slices.ContainsFunc(list, func(p rule) bool { return p.RoleId == r.RoleId })
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
	m.changeRoles(slices.DeleteFunc(slices.Clone(m.RoleList), func(r types.AuthorizationRole) bool { return r.RoleId == id }))
	for e, list := range m.perms {
		m.perms[e] = slices.DeleteFunc(slices.Clone(list), func(p rule) bool { return p.RoleId == id })
	}
}

func sortedSet(in []string) []string {
	out := slices.Clone(in)
	slices.Sort(out)
	return slices.Compact(out)
}
