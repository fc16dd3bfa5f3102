// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"fmt"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// lookup gives the privileges of one user on object after object; the root folder stands in for an object that is no entity.
type lookup struct {
	m *authorization
	s *subject
}

func (l *lookup) on(at ref) (privilegeSet, types.BaseMethodFault) {
	switch l.m.w.reg.Get(at).(type) {
	case nil:
		return nil, &types.ManagedObjectNotFound{Obj: at}
	case mo.Entity:
	default:
		at = l.m.w.model.ServiceContent.RootFolder
	}
	l.m.guard.Lock()
	defer l.m.guard.Unlock()
	return l.m.union(l.m.rolesOn(at, l.s, false)), nil
}

// ofSession is the lookup for the user of a session; the user of a session that is not there has no privilege.
func (m *authorization) ofSession(ctx *simulator.Context, key string) *lookup {
	if key == ctx.Session.Key {
		return &lookup{m, m.subject(ctx.Session.UserName)}
	}
	return &lookup{m, m.subject(m.w.sessionUser(key))}
}

// EntityPrivilegesXML is the answer of HasPrivilegeOnEntities and HasUserPrivilegeOnEntities, written by hand: of thousands of
// objects with a hundred privileges each, only few differ.
type EntityPrivilegesXML struct {
	Inner string `xml:",innerxml"`
}

type hasPrivilegesBody struct {
	Res    *EntityPrivilegesXML `xml:"HasPrivilegeOnEntitiesResponse,omitempty"`
	Fault_ *soap.Fault          `xml:"http://schemas.xmlsoap.org/soap/envelope/ Fault,omitempty"`
}

func (b *hasPrivilegesBody) Fault() *soap.Fault { return b.Fault_ }

type hasUserPrivilegesBody struct {
	Res    *EntityPrivilegesXML `xml:"HasUserPrivilegeOnEntitiesResponse,omitempty"`
	Fault_ *soap.Fault          `xml:"http://schemas.xmlsoap.org/soap/envelope/ Fault,omitempty"`
}

func (b *hasUserPrivilegesBody) Fault() *soap.Fault { return b.Fault_ }

func (l *lookup) availability(entities []ref, ids []string) (*EntityPrivilegesXML, types.BaseMethodFault) {
	var out strings.Builder
	written := map[string]string{}
	for _, e := range entities {
		set, fault := l.on(e)
		if fault != nil {
			return nil, fault
		}
		key := fmt.Sprintf("%p", set)
		if _, ok := written[key]; !ok {
			written[key] = privilegesXML(set, ids)
		}
		fmt.Fprintf(&out, `<returnval><entity type="%s">%s</entity>%s</returnval>`, escape(e.Type), escape(e.Value), written[key])
	}
	return &EntityPrivilegesXML{Inner: out.String()}, nil
}

func privilegesXML(set privilegeSet, ids []string) string {
	var out strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&out, "<privAvailability><privId>%s</privId><isGranted>%t</isGranted></privAvailability>", escape(id), set[id])
	}
	return out.String()
}

func (m *authorization) HasPrivilegeOnEntities(ctx *simulator.Context, r *types.HasPrivilegeOnEntities) soap.HasFault {
	out, fault := m.ofSession(ctx, r.SessionId).availability(r.Entity, r.PrivId)
	if fault != nil {
		return &hasPrivilegesBody{Fault_: simulator.Fault("", fault)}
	}
	return &hasPrivilegesBody{Res: out}
}

type hasPrivilegeBody struct {
	Res    *EntityPrivilegesXML `xml:"HasPrivilegeOnEntityResponse,omitempty"`
	Fault_ *soap.Fault          `xml:"http://schemas.xmlsoap.org/soap/envelope/ Fault,omitempty"`
}

func (b *hasPrivilegeBody) Fault() *soap.Fault { return b.Fault_ }

// HasPrivilegeOnEntity is written by hand, too: govmomi's answer would leave out every false.
func (m *authorization) HasPrivilegeOnEntity(ctx *simulator.Context, r *types.HasPrivilegeOnEntity) soap.HasFault {
	set, fault := m.ofSession(ctx, r.SessionId).on(r.Entity)
	if fault != nil {
		return &hasPrivilegeBody{Fault_: simulator.Fault("", fault)}
	}
	var out strings.Builder
	for _, id := range r.PrivId {
		fmt.Fprintf(&out, "<returnval>%t</returnval>", set[id])
	}
	return &hasPrivilegeBody{Res: &EntityPrivilegesXML{Inner: out.String()}}
}

func (m *authorization) HasUserPrivilegeOnEntities(r *types.HasUserPrivilegeOnEntities) soap.HasFault {
	if m.w.site.findUser(r.UserName) == nil {
		return &hasUserPrivilegesBody{Fault_: simulator.Fault("", &types.NotFound{})}
	}
	l := &lookup{m, m.subject(r.UserName)}
	out, fault := l.availability(r.Entities, r.PrivId)
	if fault != nil {
		return &hasUserPrivilegesBody{Fault_: simulator.Fault("", fault)}
	}
	return &hasUserPrivilegesBody{Res: out}
}

func (m *authorization) FetchUserPrivilegeOnEntities(r *types.FetchUserPrivilegeOnEntities) soap.HasFault {
	body := &methods.FetchUserPrivilegeOnEntitiesBody{}
	if m.w.site.findUser(r.UserName) == nil {
		body.Fault_ = simulator.Fault("", &types.NotFound{})
		return body
	}
	l := &lookup{m, m.subject(r.UserName)}
	res := &types.FetchUserPrivilegeOnEntitiesResponse{}
	for _, e := range r.Entities {
		set, fault := l.on(e)
		if fault != nil {
			body.Fault_ = simulator.Fault("", fault)
			return body
		}
		res.Returnval = append(res.Returnval, types.UserPrivilegeResult{Entity: e, Privileges: sortedKeys(set)})
	}
	body.Res = res
	return body
}

// visible are the permissions on objects that the caller sees.
func (m *authorization) visible(ctx *simulator.Context) []types.Permission {
	v := m.viewer(ctx.Session.UserName)
	var out []types.Permission
	for _, p := range m.permissions() {
		if v.sees(*p.Entity) {
			out = append(out, p)
		}
	}
	return out
}

func (m *authorization) RetrieveAllPermissions(ctx *simulator.Context, _ *types.RetrieveAllPermissions) soap.HasFault {
	return &methods.RetrieveAllPermissionsBody{Res: &types.RetrieveAllPermissionsResponse{Returnval: m.visible(ctx)}}
}

func (m *authorization) RetrieveRolePermissions(ctx *simulator.Context, r *types.RetrieveRolePermissions) soap.HasFault {
	body := &methods.RetrieveRolePermissionsBody{}
	if m.role(r.RoleId) == nil {
		body.Fault_ = simulator.Fault("", &types.NotFound{})
		return body
	}
	body.Res = &types.RetrieveRolePermissionsResponse{}
	for _, p := range m.visible(ctx) {
		if p.RoleId == r.RoleId {
			body.Res.Returnval = append(body.Res.Returnval, p)
		}
	}
	return body
}

// RetrieveEntityPermissions names, for an object whose permissions are its parent's, the parent as the object that defines them.
func (m *authorization) RetrieveEntityPermissions(r *types.RetrieveEntityPermissions) soap.HasFault {
	body := &methods.RetrieveEntityPermissionsBody{}
	e, ok := m.w.reg.Get(r.Entity).(mo.Entity)
	if !ok {
		body.Fault_ = simulator.Fault("", &types.ManagedObjectNotFound{Obj: r.Entity})
		return body
	}
	top := m.holder(e)
	wanted := map[ref]bool{top: true}
	if r.Inherited {
		m.addAncestors(top, wanted)
	}
	body.Res = &types.RetrieveEntityPermissionsResponse{}
	for _, p := range m.permissions() {
		if wanted[*p.Entity] && (*p.Entity == top || p.Propagate) {
			body.Res.Returnval = append(body.Res.Returnval, p)
		}
	}
	return body
}

func (m *authorization) addAncestors(at ref, into map[ref]bool) {
	if e, ok := m.w.reg.Get(at).(mo.Entity); ok {
		for _, p := range m.parents(e) {
			into[p] = true
			m.addAncestors(p, into)
		}
	}
}
