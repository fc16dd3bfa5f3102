// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"reflect"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// traversal follows the selections of one filter. vcsim follows them without end where they go in a circle (a compute
// cluster's host's network's host), which overflows its stack; vCenter looks at an object once for each selection.
type traversal struct {
	ctx    *simulator.Context
	reader *reader // nil when everything may be read
	named  map[string]*types.TraversalSpec
	done   map[step]bool
	listed map[ref]bool
	found  []types.ObjectSpec
}

type step struct {
	at   ref
	spec *types.TraversalSpec
}

// flattened are the filters with every object that their selections reach as an object of its own, in the order of the way.
func flattened(ctx *simulator.Context, r *reader, filters []types.PropertyFilterSpec) ([]types.PropertyFilterSpec, types.BaseMethodFault) {
	out := make([]types.PropertyFilterSpec, len(filters))
	for i, filter := range filters {
		t := &traversal{ctx: ctx, reader: r, named: map[string]*types.TraversalSpec{}, done: map[step]bool{}, listed: map[ref]bool{}}
		for _, o := range filter.ObjectSet {
			t.name(o.SelectSet)
		}
		for _, o := range filter.ObjectSet {
			if len(o.SelectSet) == 0 || o.Skip == nil || !*o.Skip || t.object(o.Obj) == nil {
				t.list(o.Obj)
			}
			if fault := t.follow(o.Obj, o.SelectSet); fault != nil {
				return nil, fault
			}
		}
		filter.ObjectSet = t.found
		out[i] = filter
	}
	return out, nil
}

func (t *traversal) name(selections []types.BaseSelectionSpec) {
	for _, s := range selections {
		if spec, ok := s.(*types.TraversalSpec); ok {
			if spec.Name != "" {
				t.named[spec.Name] = spec
			}
			t.name(spec.SelectSet)
		}
	}
}

func (t *traversal) list(at ref) {
	if !t.listed[at] {
		t.listed[at] = true
		t.found = append(t.found, types.ObjectSpec{Obj: at})
	}
}

func (t *traversal) follow(at ref, selections []types.BaseSelectionSpec) types.BaseMethodFault {
	for _, s := range selections {
		spec, ok := s.(*types.TraversalSpec)
		if !ok {
			if spec = t.named[s.GetSelectionSpec().Name]; spec == nil {
				return &types.InvalidArgument{InvalidProperty: "undefined TraversalSpec name"}
			}
		}
		if t.done[step{at, spec}] {
			continue
		}
		t.done[step{at, spec}] = true
		for _, next := range t.targets(at, spec.Path) {
			if spec.Skip == nil || !*spec.Skip {
				t.list(next)
			}
			if fault := t.follow(next, spec.SelectSet); fault != nil {
				return fault
			}
		}
	}
	return nil
}

// targets are the objects that a property refers to and that are there; none where the object has no such property or the
// caller may not read it.
func (t *traversal) targets(at ref, path string) []ref {
	if t.reader != nil && t.reader.entity(at) && !t.reader.holds(at, propertyPrivilege(at.Type, path)) {
		return nil
	}
	object := t.object(at)
	if object == nil {
		return nil
	}
	var refs []ref
	t.ctx.WithLock(at, func() { refs = references(managed(object), strings.Split(path, ".")) })
	var out []ref
	for _, r := range refs {
		if t.object(r) != nil && (t.reader == nil || !t.reader.hidden(r)) {
			out = append(out, r)
		}
	}
	return out
}

func (t *traversal) object(at ref) mo.Reference {
	if t.ctx.Session == nil {
		return t.ctx.Map.Get(at)
	}
	return t.ctx.Session.Get(at)
}

// managed is the part of a simulator's object that govmomi's package mo describes: its first field, at some depth.
func managed(object mo.Reference) reflect.Value {
	if inner, ok := object.(interface{ Get() mo.Reference }); ok {
		object = inner.Get()
	}
	value := reflect.ValueOf(object)
	for {
		for value.Kind() == reflect.Pointer {
			value = value.Elem()
		}
		if value.Kind() != reflect.Struct || value.NumField() == 0 || strings.HasSuffix(value.Type().PkgPath(), "/vim25/mo") {
			return value
		}
		value = value.Field(0)
	}
}

func references(value reflect.Value, path []string) []ref {
	for value.Kind() == reflect.Pointer || value.Kind() == reflect.Interface {
		if value.IsNil() {
			return nil
		}
		value = value.Elem()
	}
	if len(path) > 0 {
		if value.Kind() != reflect.Struct {
			return nil
		}
		field := value.FieldByName(strings.ToUpper(path[0][:1]) + path[0][1:])
		if !field.IsValid() {
			return nil
		}
		return references(field, path[1:])
	}
	switch v := value.Interface().(type) {
	case ref:
		return []ref{v}
	case []ref:
		return append([]ref(nil), v...)
	}
	return nil
}
