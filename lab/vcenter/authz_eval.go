// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"fmt"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
)

type privilegeSet map[string]bool

// subject is whom permissions are evaluated for; names are canonical.
type subject struct {
	user   string
	groups map[string]bool
}

func (m *authorization) subject(user string) *subject {
	return &subject{user: canonical(user), groups: m.w.site.groupsOf(user)}
}

// applicable are the roles that the object's own permissions give the subject: those of the user alone when there is one of
// his own, those of all his groups together otherwise. inherited: only what propagates counts.
func (m *authorization) applicable(at ref, s *subject, inherited bool) (roles []int32, found bool) {
	for _, r := range m.perms[at] {
		switch {
		case inherited && !r.Propagate:
		case !r.Group && r.who == s.user:
			return []int32{r.RoleId}, true
		case r.Group && s.groups[r.who]:
			roles = append(roles, r.RoleId)
		}
	}
	return roles, len(roles) > 0
}

// holder is the object whose permissions are the entity's own. The four folders of a datacenter, the root resource pool and a
// stand-alone host always have those of their parent, propagated or not.
func (m *authorization) holder(e mo.Entity) ref {
	self := e.Reference()
	parent := e.Entity().Parent
	if parent == nil {
		return self
	}
	switch self.Type {
	case "Folder":
		if parent.Type == "Datacenter" {
			return *parent
		}
	case "ResourcePool":
		if parent.Type != "ResourcePool" && parent.Type != "VirtualApp" {
			return *parent
		}
	case "HostSystem":
		if parent.Type == "ComputeResource" {
			return *parent
		}
	}
	return self
}

// parents are the objects that an entity inherits from: a virtual machine has two, its folder and its resource pool (a
// template, which has no pool, its host).
func (m *authorization) parents(e mo.Entity) []ref {
	var out []ref
	if p := e.Entity().Parent; p != nil {
		out = append(out, *p)
	}
	if vm, ok := e.(*simulator.VirtualMachine); ok {
		switch {
		case vm.ResourcePool != nil:
			out = append(out, *vm.ResourcePool)
		case vm.Runtime.Host != nil:
			out = append(out, *vm.Runtime.Host)
		}
	}
	return out
}

// rolesOn are the roles that decide what the subject may do with the object. The nearest object upwards with a permission
// that applies decides; what comes from two parents is added.
func (m *authorization) rolesOn(at ref, s *subject, inherited bool) []int32 {
	for {
		e, ok := m.w.reg.Get(at).(mo.Entity)
		if !ok {
			return nil
		}
		if top := m.holder(e); top != at {
			at = top
			continue
		}
		if roles, found := m.applicable(at, s, inherited); found {
			return roles
		}
		inherited = true
		above := m.parents(e)
		if len(above) == 0 {
			return nil
		}
		if len(above) > 1 {
			return append(m.rolesOn(above[0], s, true), m.rolesOn(above[1], s, true)...)
		}
		at = above[0]
	}
}

// union is what the roles grant together; the set is shared and must not be changed.
func (m *authorization) union(roles []int32) privilegeSet {
	slices.Sort(roles)
	roles = slices.Compact(roles)
	key := fmt.Sprint(roles)
	if set, ok := m.sets[key]; ok {
		return set
	}
	set := privilegeSet{}
	for _, id := range roles {
		if r := m.role(id); r != nil && id != noAccessRole {
			for _, p := range r.Privilege {
				set[p] = true
			}
		}
	}
	m.sets[key] = set
	return set
}

// viewer answers for one call what its caller may do and see. The caller of the lab's own, and administrators, may all.
type viewer struct {
	m     *authorization
	s     *subject
	all   bool
	above map[ref]bool // ancestors of objects on which the caller has a permission
}

func (m *authorization) viewer(user string) *viewer {
	if user == "" || user == internalUser {
		return &viewer{m: m, all: true}
	}
	if u := m.w.site.findUser(user); u != nil && u.Admin {
		return &viewer{m: m, all: true}
	}
	return &viewer{m: m, s: m.subject(user)}
}

// effective are the user's privileges on the object, by permissions alone.
func (m *authorization) effective(user string, at ref) privilegeSet {
	m.guard.Lock()
	defer m.guard.Unlock()
	return m.union(m.rolesOn(at, m.subject(user), false))
}

func (v *viewer) privileges(at ref) privilegeSet {
	v.m.guard.Lock()
	defer v.m.guard.Unlock()
	return v.m.union(v.m.rolesOn(at, v.s, false))
}

// holds says whether the caller has the privilege on the object; ancestors of what he has a permission on may be viewed.
func (v *viewer) holds(at ref, privilege string) bool {
	if v.all || v.privileges(at)[privilege] {
		return true
	}
	return privilege == "System.View" && v.ancestors()[at]
}

func (v *viewer) sees(at ref) bool { return v.holds(at, "System.View") }

func (v *viewer) ancestors() map[ref]bool {
	if v.above != nil {
		return v.above
	}
	v.m.guard.Lock()
	defer v.m.guard.Unlock()
	v.above = map[ref]bool{}
	for at := range v.m.perms {
		if roles, found := v.m.applicable(at, v.s, false); found && v.m.union(roles)["System.View"] {
			v.climb(at)
		}
	}
	return v.above
}

func (v *viewer) climb(at ref) {
	e, ok := v.m.w.reg.Get(at).(mo.Entity)
	if !ok {
		return
	}
	for _, p := range v.m.parents(e) {
		if !v.above[p] {
			v.above[p] = true
			v.climb(p)
		}
	}
}

// granted says whether the user has a permission anywhere that shows him something.
func (m *authorization) granted(user string) bool { return m.anywhere(user, "System.View") }

// anywhere says whether some permission of the user's grants the privilege.
func (m *authorization) anywhere(user, privilege string) bool {
	m.guard.Lock()
	defer m.guard.Unlock()
	s := m.subject(user)
	for at := range m.perms {
		if roles, found := m.applicable(at, s, false); found && m.union(roles)[privilege] {
			return true
		}
	}
	return false
}
