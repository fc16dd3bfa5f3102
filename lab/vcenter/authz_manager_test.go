// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

func TestRoles(t *testing.T) {
	l := newLab(t)
	m := object.NewAuthorizationManager(l.login().Client)
	id, err := m.AddRole(ctx, "one", []string{powerOn})
	must(t, err)
	roles, err := m.RoleList(ctx)
	must(t, err)
	equal(t, "role", fmt.Sprint(roles.ById(id).Privilege), "[System.Anonymous System.Read System.View "+powerOn+"]")
	for name, c := range map[string]struct {
		err  func() error
		want string
	}{
		"same name":        {func() error { _, err := m.AddRole(ctx, "one", nil); return err }, "AlreadyExists"},
		"no name":          {func() error { _, err := m.AddRole(ctx, " ", nil); return err }, "InvalidName"},
		"unknown":          {func() error { _, err := m.AddRole(ctx, "two", []string{"No.Such"}); return err }, "InvalidArgument"},
		"update unknown":   {func() error { return m.UpdateRole(ctx, id, "one", []string{"No.Such"}) }, "NotFound"},
		"update no role":   {func() error { return m.UpdateRole(ctx, 4711, "x", nil) }, "NotFound"},
		"update system":    {func() error { return m.UpdateRole(ctx, adminRole, "x", nil) }, "InvalidArgument"},
		"update to a name": {func() error { return m.UpdateRole(ctx, id, "ReadOnly", nil) }, "AlreadyExists"},
		"remove system":    {func() error { return m.RemoveRole(ctx, noAccessRole, false) }, "InvalidArgument"},
		"remove no role":   {func() error { return m.RemoveRole(ctx, 4711, false) }, "NotFound"},
	} {
		equal(t, name, faultOf(c.err()), c.want)
	}
	must(t, m.SetEntityPermissions(ctx, l.at(pool), []types.Permission{{Principal: otherName, RoleId: id}}))
	equal(t, "remove used", faultOf(m.RemoveRole(ctx, id, true)), "RemoveFailed")
	must(t, m.UpdateRole(ctx, id, "renamed", []string{snapshot}))
	equal(t, "changed role counts at once", l.may(pool), "CreateSnapshot View")
	must(t, m.RemoveRole(ctx, id, false))
	equal(t, "permissions go with the role", l.may(pool), "")
}

func TestPermissionsAreRefusedAsDocumented(t *testing.T) {
	l := newLab(t)
	c := l.login()
	m := object.NewAuthorizationManager(c.Client)
	set := func(path string, p types.Permission) string {
		return faultOf(m.SetEntityPermissions(ctx, l.at(path), []types.Permission{p}))
	}
	for name, got := range map[string][2]string{
		"unknown role":          {set(pool, types.Permission{Principal: otherName, RoleId: 4711}), "NotFound"},
		"unknown user":          {set(pool, types.Permission{Principal: "nobody@vsphere.local", RoleId: -2}), "UserNotFound"},
		"unknown group":         {set(pool, types.Permission{Principal: otherName, Group: true, RoleId: -2}), "UserNotFound"},
		"role View":             {set(pool, types.Permission{Principal: otherName, RoleId: viewRole}), "InvalidArgument"},
		"folder of datacenter":  {set("/dc-1/vm", types.Permission{Principal: otherName, RoleId: -2}), "InvalidArgument"},
		"root pool":             {set(pool+"/Resources", types.Permission{Principal: otherName, RoleId: -2}), "InvalidArgument"},
		"the last Admin":        {set("/", types.Permission{Principal: adminName, RoleId: -2, Propagate: true}), "AuthMinimumAdminPermission"},
		"remove the last Admin": {faultOf(m.RemoveEntityPermission(ctx, l.at("/"), adminName, false)), "AuthMinimumAdminPermission"},
		"remove what is not":    {faultOf(m.RemoveEntityPermission(ctx, l.at(pool), otherName, false)), "NotFound"},
	} {
		equal(t, name, got[0], got[1])
	}
	equal(t, "the last Admin is there still", len(mustList(m.RetrieveEntityPermissions(ctx, l.at("/"), false))), 1)
	reset := func(list ...types.Permission) error {
		_, err := methods.ResetEntityPermissions(ctx, c.Client, &types.ResetEntityPermissions{This: m.Reference(), Entity: l.at(folder), Permission: list})
		return err
	}
	must(t, reset(types.Permission{Principal: adminName, RoleId: -2}))
	equal(t, "reset replaces", l.may(folder), "")
	must(t, reset())
	equal(t, "reset to nothing", len(mustList(m.RetrieveEntityPermissions(ctx, l.at(folder), false))), 0)
}

func mustList[T any](list []T, err error) []T {
	if err != nil {
		panic(err)
	}
	return list
}

func TestNobodyGrantsWhatHeLacks(t *testing.T) {
	l := newLabWith(t, func(s *Site) {
		s.VCenter.Users = append(s.VCenter.Users, User{Name: "third@vsphere.local", Password: "x"})
		s.VCenter.Roles = []SiteRole{
			{Name: "granter", Privileges: []string{powerOn, "Authorization.ModifyPermissions", "Authorization.ModifyRoles", "Authorization.ReassignRolePermissions"}},
			{Name: "on", Privileges: []string{powerOn}}, {Name: "shot", Privileges: []string{snapshot}},
		}
		s.VCenter.Permissions = []SitePermission{{Object: "/", Principal: otherName, Role: "granter", Propagate: true}}
	})
	m := object.NewAuthorizationManager(l.other().Client)
	roles, err := m.RoleList(ctx)
	must(t, err)
	on, shot := roles.ByName("on").RoleId, roles.ByName("shot").RoleId
	grant := func(role int32) error {
		return m.SetEntityPermissions(ctx, l.at(pool), []types.Permission{{Principal: "third@vsphere.local", RoleId: role}})
	}
	must(t, grant(on))
	equal(t, "a role with more", faultOf(grant(shot)), "NoPermission")
	equal(t, "a privilege into a role", faultOf(m.UpdateRole(ctx, on, "on", []string{snapshot})), "NoPermission")
	_, err = methods.MergePermissions(ctx, l.other().Client, &types.MergePermissions{This: m.Reference(), SrcRoleId: on, DstRoleId: shot})
	equal(t, "merge into a role with more", faultOf(err), "NoPermission")
	_, err = methods.MergePermissions(ctx, l.login().Client, &types.MergePermissions{This: m.Reference(), SrcRoleId: on, DstRoleId: shot})
	must(t, err)
	equal(t, "merged", l.s.world.Load().authz.effective("third@vsphere.local", l.at(pool))[snapshot], true)
}

func TestPermissionsThatAreSeen(t *testing.T) {
	l := newLabWith(t, grants(folder+" svc-palette ReadOnly propagate", pool+" [SnapShotGroup] NoAccess"))
	m := object.NewAuthorizationManager(l.other().Client)
	all := mustList(m.RetrieveAllPermissions(ctx))
	equal(t, "on objects in sight: the root's and the folder's", len(all), 2)
	_, err := m.RetrieveEntityPermissions(ctx, l.at("/dc-1"), false)
	equal(t, "of an object that may only be viewed", faultOf(err), "NoPermission")
	inherited := mustList(m.RetrieveEntityPermissions(ctx, l.at(folder), true))
	equal(t, "inherited", len(inherited), 2)
	admin := object.NewAuthorizationManager(l.login().Client)
	equal(t, "administrator", len(mustList(admin.RetrieveAllPermissions(ctx))), 3)
}

func TestPrivilegeCalls(t *testing.T) {
	l := newLabWith(t, grants(folder+" svc-palette PowerOnVMRole propagate"))
	c := l.login()
	m := object.NewAuthorizationManager(c.Client)
	manager, err := methods.HasUserPrivilegeOnEntities(ctx, c.Client, &types.HasUserPrivilegeOnEntities{
		This: m.Reference(), Entities: []ref{l.at(folder), l.at(pool), m.Reference()}, UserName: `VSPHERE.LOCAL\svc-palette`, PrivId: []string{powerOn, snapshot, "No.Such"},
	})
	must(t, err)
	var got []string
	for _, e := range manager.Returnval {
		for _, p := range e.PrivAvailability {
			got = append(got, fmt.Sprintf("%s:%t", p.PrivId[strings.LastIndex(p.PrivId, ".")+1:], p.IsGranted))
		}
	}
	equal(t, "user", strings.Join(got, " "), "PowerOn:true CreateSnapshot:false Such:false PowerOn:false CreateSnapshot:false Such:false PowerOn:false CreateSnapshot:false Such:false")
	_, err = m.HasUserPrivilegeOnEntities(ctx, []ref{l.at(folder)}, "nobody@vsphere.local", []string{powerOn})
	equal(t, "unknown user", faultOf(err), "NotFound")
	_, err = m.FetchUserPrivilegeOnEntities(ctx, []ref{{Type: "Folder", Value: "none"}}, otherName)
	equal(t, "unknown object", faultOf(err), "ManagedObjectNotFound")
	fetched, err := m.FetchUserPrivilegeOnEntities(ctx, []ref{l.at(folder)}, otherName)
	must(t, err)
	equal(t, "fetched", len(fetched[0].Privileges), 4)
	other := l.other()
	own, err := other.SessionManager.UserSession(ctx)
	must(t, err)
	for key, want := range map[string]string{own.Key: "[true false]", "no-such-session": "[false false]"} {
		has, err := methods.HasPrivilegeOnEntity(ctx, other.Client, &types.HasPrivilegeOnEntity{
			This: m.Reference(), Entity: l.at(folder), SessionId: key, PrivId: []string{powerOn, snapshot},
		})
		must(t, err)
		equal(t, "session "+key, fmt.Sprint(has.Returnval), want)
	}
	_, err = object.NewAuthorizationManager(other.Client).HasUserPrivilegeOnEntities(ctx, []ref{l.at(pool)}, otherName, []string{powerOn})
	equal(t, "on an object out of sight", faultOf(err), "NoPermission")
}

func TestUserDirectory(t *testing.T) {
	l := newLabWith(t, grants(folder+" svc-palette PowerOnVMRole propagate"))
	search := func(r types.RetrieveUserGroups) string {
		r.This = *l.login().ServiceContent.UserDirectory
		res, err := methods.RetrieveUserGroups(ctx, l.login().Client, &r)
		if err != nil {
			return faultOf(err)
		}
		var out []string
		for _, found := range res.Returnval {
			_, name, _ := strings.Cut(found.GetUserSearchResult().Principal, `\`)
			out = append(out, name)
		}
		return strings.Join(out, " ")
	}
	const domain = "VSPHERE.local"
	for name, c := range map[string]struct {
		ask  types.RetrieveUserGroups
		want string
	}{
		"users":               {types.RetrieveUserGroups{Domain: domain, FindUsers: true}, "administrator svc-palette"},
		"groups":              {types.RetrieveUserGroups{Domain: domain, FindGroups: true}, "PowerOnVMGroup SnapShotGroup outer inner"},
		"part of a name":      {types.RetrieveUserGroups{Domain: domain, SearchStr: "PALETTE", FindUsers: true, FindGroups: true}, "svc-palette"},
		"not exactly":         {types.RetrieveUserGroups{Domain: domain, SearchStr: "palette", ExactMatch: true, FindUsers: true}, ""},
		"exactly":             {types.RetrieveUserGroups{Domain: domain, SearchStr: "SVC-palette", ExactMatch: true, FindUsers: true}, "svc-palette"},
		"groups of a user":    {types.RetrieveUserGroups{Domain: domain, BelongsToUser: otherName, FindUsers: true, FindGroups: true}, "PowerOnVMGroup SnapShotGroup inner"},
		"direct members only": {types.RetrieveUserGroups{Domain: domain, BelongsToGroup: "outer@vsphere.local", FindUsers: true, FindGroups: true}, "inner"},
		"no such domain":      {types.RetrieveUserGroups{Domain: "other", FindUsers: true}, "NotFound"},
		"no such group":       {types.RetrieveUserGroups{Domain: domain, BelongsToGroup: "x", FindUsers: true}, "NotFound"},
		"no such user":        {types.RetrieveUserGroups{Domain: domain, BelongsToUser: "x", FindGroups: true}, "NotFound"},
		"without a domain":    {types.RetrieveUserGroups{FindUsers: true, FindGroups: true}, ""},
	} {
		equal(t, name, search(c.ask), c.want)
	}
	_, err := methods.RetrieveUserGroups(ctx, l.other().Client, &types.RetrieveUserGroups{This: *l.login().ServiceContent.UserDirectory, FindUsers: true})
	equal(t, "without ModifyPermissions", faultOf(err), "NoPermission")
}
