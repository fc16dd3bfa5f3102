// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	powerOn  = "VirtualMachine.Interact.PowerOn"
	snapshot = "VirtualMachine.State.CreateSnapshot"
)

// grants is a site with the roles of the vSphere Security guide's examples; its lines are "object principal role [propagate]",
// a principal in brackets is a group.
func grants(lines ...string) func(*Site) {
	return func(s *Site) {
		s.VCenter.Groups = []Group{
			{Name: "PowerOnVMGroup@vsphere.local", Members: []string{"svc-palette@vsphere.local"}},
			{Name: "SnapShotGroup@vsphere.local", Members: []string{`VSPHERE.LOCAL\SVC-PALETTE`}},
			{Name: "outer@vsphere.local", Members: []string{"inner@vsphere.local"}},
			{Name: "inner@vsphere.local", Members: []string{"svc-palette@vsphere.local", "outer@vsphere.local"}},
		}
		s.VCenter.Roles = []SiteRole{{Name: "PowerOnVMRole", Privileges: []string{powerOn}}, {Name: "SnapShotRole", Privileges: []string{snapshot}}}
		s.VCenter.Permissions = nil
		for _, line := range lines {
			f := strings.Fields(line)
			group := strings.HasPrefix(f[1], "[")
			s.VCenter.Permissions = append(s.VCenter.Permissions, SitePermission{
				Object: f[0], Principal: strings.Trim(f[1], "[]") + "@vsphere.local", Group: group, Role: f[2], Propagate: len(f) > 3,
			})
		}
	}
}

func (l *lab) at(path string) ref {
	l.t.Helper()
	w := l.s.world.Load()
	if name, ok := strings.CutPrefix(path, "vm:"); ok {
		return w.reg.FindByName(name, vmRefs(w)).Reference()
	}
	r, err := w.find(path)
	must(l.t, err)
	return r
}

func vmRefs(w *world) []ref {
	var out []ref
	for _, vm := range w.machines() {
		out = append(out, vm.Self)
	}
	return out
}

// may lists which of the two privileges the service account has on the object.
func (l *lab) may(path string) string {
	l.t.Helper()
	set := l.s.world.Load().authz.effective(otherName, l.at(path))
	var out []string
	for _, p := range []string{powerOn, snapshot, "System.View"} {
		if set[p] {
			out = append(out, p[strings.LastIndex(p, ".")+1:])
		}
	}
	return strings.Join(out, " ")
}

const seeded, folder, pool = "vm:seeded-1", "/dc-1/vm/palette", "/dc-1/host/cluster-1"

func TestEvaluation(t *testing.T) {
	for name, c := range map[string]struct {
		grants []string
		want   map[string]string
	}{
		"example 1: groups on one object are united": {
			[]string{folder + " [PowerOnVMGroup] PowerOnVMRole propagate", folder + " [SnapShotGroup] SnapShotRole propagate"},
			map[string]string{folder: "PowerOn CreateSnapshot View", seeded: "PowerOn CreateSnapshot View", folder + "/gateways": "PowerOn CreateSnapshot View", "/dc-1/vm": ""},
		},
		"example 2: the child's permission overrides, also of another group": {
			[]string{folder + " [PowerOnVMGroup] PowerOnVMRole propagate", folder + "/gateways [SnapShotGroup] SnapShotRole"},
			map[string]string{seeded: "PowerOn View", folder + "/gateways": "CreateSnapshot View"},
		},
		"example 3: the user's own permission overrides that of his groups": {
			[]string{folder + " [PowerOnVMGroup] PowerOnVMRole propagate", folder + " svc-palette NoAccess propagate"},
			map[string]string{folder: "", seeded: ""},
		},
		"a group's permission on the child overrides the user's on the parent": {
			[]string{folder + " svc-palette PowerOnVMRole propagate", folder + "/gateways [SnapShotGroup] SnapShotRole propagate"},
			map[string]string{folder: "PowerOn View", folder + "/gateways": "CreateSnapshot View"},
		},
		"without propagation only the object itself": {
			[]string{"/ svc-palette PowerOnVMRole", "/dc-1/host/cluster-1 svc-palette SnapShotRole"},
			map[string]string{"/": "PowerOn View", "/dc-1": "", pool: "CreateSnapshot View", "/dc-1/host/cluster-1/c1-esx-1": "", seeded: ""},
		},
		"a permission that does not propagate hides nothing that comes from above": {
			[]string{"/ svc-palette PowerOnVMRole propagate", folder + " svc-palette SnapShotRole"},
			map[string]string{folder: "CreateSnapshot View", folder + "/gateways": "PowerOn View"},
		},
		"the folders of a datacenter and a root pool are one with their parent": {
			[]string{"/dc-1 svc-palette PowerOnVMRole", "/dc-1/host/cluster-1 svc-palette SnapShotRole"},
			map[string]string{"/dc-1/vm": "PowerOn View", "/dc-1/network": "PowerOn View", "/dc-1/datastore": "PowerOn View", folder: "",
				"/dc-1/host/cluster-1/Resources": "CreateSnapshot View", "/dc-1/host/cluster-1/Resources/palette": ""},
		},
		"a machine adds what comes from its folder and from its pool": {
			[]string{folder + " svc-palette PowerOnVMRole propagate", pool + " svc-palette SnapShotRole propagate"},
			map[string]string{seeded: "PowerOn CreateSnapshot View", folder: "PowerOn View"},
		},
		"no access on the one side takes nothing from the other": {
			[]string{folder + " svc-palette NoAccess propagate", pool + " svc-palette SnapShotRole propagate"},
			map[string]string{seeded: "CreateSnapshot View", folder: ""},
		},
		"no access in between": {
			[]string{"/ svc-palette PowerOnVMRole propagate", folder + " svc-palette NoAccess propagate"},
			map[string]string{"/dc-1/vm/spectro-templates": "PowerOn View", folder: "", folder + "/gateways": "", seeded: "PowerOn View"},
		},
		"groups in groups, and in each other": {
			[]string{folder + " [outer] PowerOnVMRole propagate"},
			map[string]string{folder: "PowerOn View"},
		},
		"a switch's permission does not reach its port groups, which are its siblings": {
			[]string{"/dc-1/network/vds-1 svc-palette PowerOnVMRole propagate"},
			map[string]string{"/dc-1/network/vds-1": "PowerOn View", "/dc-1/network/pg-k8s": ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLabWith(t, grants(c.grants...))
			for path, want := range c.want {
				equal(t, path, l.may(path), want)
			}
		})
	}
}

func TestNamesOfPrincipals(t *testing.T) {
	l := newLabWith(t, grants(folder+" svc-palette PowerOnVMRole propagate"))
	m := l.s.world.Load().authz
	for _, name := range []string{"svc-palette@vsphere.local", "SVC-Palette@VSPHERE.local", `VSPHERE.LOCAL\svc-palette`, `vsphere.local\SVC-PALETTE`} {
		equal(t, name, m.effective(name, l.at(folder))[powerOn], true)
	}
	for _, name := range []string{"svc-palette", "svc-palette@other.local", ""} {
		equal(t, name, len(m.effective(name, l.at(folder))), 0)
	}
	authz := object.NewAuthorizationManager(l.login().Client)
	all, err := authz.RetrieveAllPermissions(ctx)
	must(t, err)
	var names []string
	for _, p := range all {
		names = append(names, p.Principal)
	}
	slices.Sort(names)
	equal(t, "principals", fmt.Sprint(names), `[VSPHERE.LOCAL\administrator VSPHERE.LOCAL\svc-palette]`)
	must(t, authz.RemoveEntityPermission(ctx, l.at(folder), "SVC-palette@vsphere.LOCAL", false))
	equal(t, "after removal", l.may(folder), "")
}

func TestSiteAccessIsChecked(t *testing.T) {
	for text, words := range map[string]string{
		`{"groups": [{"name": "g@x", "members": ["nobody@x"]}]}`:                                    `member "nobody@x" of "g@x" is neither`,
		`{"groups": [{"name": "a@x", "members": []}]}`:                                              `"a@x" is there already, as a user`,
		`{"groups": [{"name": "", "members": []}]}`:                                                 `a group has no name`,
		`{"roles": [{"name": "r"}, {"name": "r"}]}`:                                                 `"r" is empty or twice there`,
		`{"permissions": [{"object": "/", "principal": "a@x", "group": true, "role": "ReadOnly"}]}`: `"a@x" is no group of the site`,
		`{"roles": [{"name": "Admin"}]}`:                                                            `"Admin" is empty or the name of a role`,
		`{"roles": [{"name": "r", "privileges": ["No.Such"]}]}`:                                     `"r" has "No.Such", which is no privilege`,
		`{"permissions": [{"object": "/", "principal": "a@x", "role": "none"}]}`:                    `there is no such role`,
		`{"permissions": [{"object": "dc", "principal": "a@x", "role": "ReadOnly"}]}`:               `"dc" is no inventory path`,
		`{"permissions": [{"object": "/dc-1/vm/none", "principal": "a@x", "role": "ReadOnly"}]}`:    `there is no "none" in /dc-1/vm/; there are one`,
		`{"permissions": [{"object": "/dc-1/vm", "principal": "a@x", "role": "ReadOnly"}]}`:         `this object always has the permissions of its parent`,
	} {
		site := &Site{}
		must(t, json.Unmarshal([]byte(`{"users": [{"name": "a@x", "password": "b"}], "datacenters": [{"name": "dc-1", "folders": ["one"]}]}`), &site.VCenter))
		must(t, json.Unmarshal([]byte(text), &site.VCenter))
		site.fillDefaults()
		err := site.check()
		if err == nil {
			var w *world
			if w, err = newWorld(site, &labClock{}, "127.0.0.1:1", nil); err == nil {
				w.close()
			}
		}
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: got %v, want %q", text, err, words)
		}
	}
}

func TestOldVCenterDoesNotKnowObjectAttachable(t *testing.T) {
	l := newLabWith(t, func(s *Site) {
		s.VCenter.Version = "6.7.0"
		s.VCenter.Roles = []SiteRole{{Name: "r", Privileges: []string{taggingPrivilege + "AttachTag", taggingPrivilege + "ObjectAttachable"}}}
	})
	m := l.s.world.Load().authz
	known := slices.ContainsFunc(m.PrivilegeList, func(p types.AuthorizationPrivilege) bool { return p.PrivId == taggingPrivilege+"ObjectAttachable" })
	equal(t, "in the list", known, false)
	equal(t, "in Admin", slices.Contains(m.role(adminRole).Privilege, taggingPrivilege+"ObjectAttachable"), false)
	equal(t, "in the site's role", len(m.roleNamed("r").Privilege), 4)
}
