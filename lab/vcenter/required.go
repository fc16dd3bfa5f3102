// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	_ "embed"
	"reflect"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

//go:embed required.txt
var requiredRows string

// requirement is one row of required.txt.
type requirement struct {
	object    string // this, or a parameter of the method
	privilege string
	source    string
}

var required = readRequired(requiredRows)

func readRequired(rows string) map[string][]requirement {
	out := map[string][]requirement{}
	for _, line := range strings.Split(rows, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cell := strings.Split(line, "\t")
		out[cell[0]] = append(out[cell[0]], requirement{cell[1], cell[2], cell[3]})
	}
	return out
}

// demand is a privilege that a call needs on an object.
type demand struct {
	on        ref
	privilege string
}

// demands are what a call needs, in the order in which vCenter is asked for it: to see the object, then the rows of the
// method, then what its arguments add.
func (w *world) demands(method *simulator.Method) []demand {
	this, entity := w.entityOf(method.This)
	var out []demand
	if entity {
		out = append(out, demand{this, "System.View"})
	}
	for _, r := range required[method.Name] {
		if r.object == "this" {
			if entity || !strings.HasPrefix(r.privilege, "System.") {
				out = append(out, demand{this, r.privilege})
			}
			continue
		}
		for _, object := range argument(method.Body, r.object) {
			if at, entity := w.entityOf(object); entity || !strings.HasPrefix(r.privilege, "System.") {
				out = append(out, demand{at, r.privilege})
			}
		}
	}
	if add := rules[method.Name]; add != nil {
		out = append(out, add(w, this, method.Body)...)
	}
	return out
}

// argument gives the objects in a parameter of the call, none when it is unset.
func argument(body any, name string) []ref {
	field := reflect.ValueOf(body).Elem().FieldByName(strings.ToUpper(name[:1]) + name[1:])
	if !field.IsValid() {
		return nil
	}
	switch x := field.Interface().(type) {
	case ref:
		return []ref{x}
	case *ref:
		if x != nil {
			return []ref{*x}
		}
	case []ref:
		return x
	}
	return nil
}

// refuse is the NoPermission of a call whose caller lacks something that it needs, nil when he lacks nothing. Objects that do
// not exist are left to the call itself.
func (w *world) refuse(ctx *simulator.Context, method *simulator.Method) types.BaseMethodFault {
	v := w.authz.viewer(ctx.Session.UserName)
	if v.all {
		return nil
	}
	var missing []demand
	for _, d := range w.demands(method) {
		if w.reg.Get(d.on) != nil && !v.holds(d.on, d.privilege) {
			missing = append(missing, d)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return w.noPermission(missing)
}

// noPermission names the first missing privilege as vCenter always did, and all of them as it does since a patch of 7.0 U3, here since 8.
func (w *world) noPermission(missing []demand) types.BaseMethodFault {
	fault := &types.NoPermission{Object: &missing[0].on, PrivilegeId: missing[0].privilege}
	if w.site.VCenter.major() < 8 {
		return fault
	}
	at := map[ref]int{}
	for _, d := range missing {
		i, seen := at[d.on]
		if !seen {
			i = len(fault.MissingPrivileges)
			at[d.on] = i
			fault.MissingPrivileges = append(fault.MissingPrivileges, types.NoPermissionEntityPrivileges{Entity: d.on})
		}
		list := &fault.MissingPrivileges[i].PrivilegeIds
		*list = sortedSet(append(*list, d.privilege))
	}
	return fault
}
