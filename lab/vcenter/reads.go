// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// viewable are the properties of entities for which the API reference asks System.View; all others need System.Read.
var viewable = map[string][]string{
	"":       {"parent", "name", "customValue", "value", "availableField", "effectiveRole", "declaredAlarmState", "triggeredAlarmState", "tag"},
	"Folder": {"childType", "childEntity", "namespace"}, "StoragePod": {"childType", "childEntity", "namespace"},
	"Datacenter":             {"vmFolder", "hostFolder", "datastoreFolder", "networkFolder", "configuration"},
	"ComputeResource":        {"resourcePool", "host", "datastore", "network", "environmentBrowser"},
	"ClusterComputeResource": {"resourcePool", "host", "datastore", "network", "environmentBrowser"},
	"ResourcePool":           {"owner", "resourcePool", "vm", "namespace"},
	"VirtualApp":             {"owner", "resourcePool", "vm", "namespace"},
	"VirtualMachine":         {"datastore", "network"},
	"HostSystem":             {"datastore", "network", "datastoreBrowser"},
}

func propertyPrivilege(kind, path string) string {
	name, _, _ := strings.Cut(path, ".")
	name, _, _ = strings.Cut(name, "[")
	if slices.Contains(viewable[""], name) || slices.Contains(viewable[kind], name) {
		return "System.View"
	}
	return "System.Read"
}

// reader filters what the property collector has collected for one call.
type reader struct {
	*viewer
	w *world
}

var hooksRef = ref{Type: "LabHooks", Value: "lab-hooks"}

// readerOf is nil when everything may be read: for administrators, for the lab's own calls and before a login.
func readerOf(ctx *simulator.Context) *reader {
	h, ok := ctx.Map.Get(hooksRef).(*hooks)
	if !ok || ctx.Session == nil {
		return nil
	}
	v := h.w.authz.viewer(ctx.Session.UserName)
	if v.all {
		return nil
	}
	return &reader{v, h.w}
}

func (r *reader) entity(at ref) bool {
	_, ok := r.w.reg.Get(at).(mo.Entity)
	return ok
}

func (r *reader) hidden(at ref) bool { return r.entity(at) && !r.sees(at) }

// content takes from an object's properties what the caller may not read, and references to what he does not see.
func (r *reader) content(o *types.ObjectContent) {
	entity := r.entity(o.Obj)
	kept := o.PropSet[:0]
	for _, p := range o.PropSet {
		if needed := propertyPrivilege(o.Obj.Type, p.Name); entity && !r.holds(o.Obj, needed) {
			o.MissingSet = append(o.MissingSet, r.missing(o.Obj, p.Name, needed))
			continue
		}
		p.Val = r.value(p.Val)
		kept = append(kept, p)
	}
	o.PropSet = kept
}

func (r *reader) missing(at ref, path, privilege string) types.MissingProperty {
	return types.MissingProperty{Path: path, Fault: types.LocalizedMethodFault{Fault: r.w.noPermission([]demand{{at, privilege}})}}
}

func (r *reader) value(value types.AnyType) types.AnyType {
	switch list := value.(type) {
	case types.ArrayOfManagedObjectReference:
		return types.ArrayOfManagedObjectReference{ManagedObjectReference: r.seen(list.ManagedObjectReference)}
	case *types.ArrayOfManagedObjectReference:
		return &types.ArrayOfManagedObjectReference{ManagedObjectReference: r.seen(list.ManagedObjectReference)}
	}
	return value
}

func (r *reader) seen(list []ref) []ref {
	return slices.DeleteFunc(slices.Clone(list), r.hidden)
}

// objects leaves out what the caller does not see.
func (r *reader) objects(list []types.ObjectContent) []types.ObjectContent {
	out := list[:0]
	for i := range list {
		if !r.hidden(list[i].Obj) {
			r.content(&list[i])
			out = append(out, list[i])
		}
	}
	return out
}

// start refuses a call that names an object which its caller does not see.
func (r *reader) start(specs []types.PropertyFilterSpec) types.BaseMethodFault {
	for _, s := range specs {
		for _, o := range s.ObjectSet {
			if r.hidden(o.Obj) {
				return r.w.noPermission([]demand{{o.Obj, "System.View"}})
			}
		}
	}
	return nil
}

// pages hold what is left of answers that were cut at maxObjects; the simulator's own come before the filter, and keep unset properties.
var pages sync.Map

type page struct {
	size    int32
	objects []types.ObjectContent
}

func (p page) cut() ([]types.ObjectContent, string) {
	if p.size <= 0 || len(p.objects) <= int(p.size) {
		return p.objects, ""
	}
	token := "lab-" + randomHex(16)
	pages.Store(token, page{p.size, p.objects[p.size:]})
	return p.objects[:p.size], token
}

func (pc *propertyCollector) RetrievePropertiesEx(ctx *simulator.Context, req *types.RetrievePropertiesEx) soap.HasFault {
	r := readerOf(ctx)
	if r != nil {
		if fault := r.start(req.SpecSet); fault != nil {
			return &methods.RetrievePropertiesExBody{Fault_: simulator.Fault("", fault)}
		}
	}
	flat, fault := flattened(ctx, r, req.SpecSet)
	if fault != nil {
		return &methods.RetrievePropertiesExBody{Fault_: simulator.Fault("", fault)}
	}
	whole := *req
	whole.SpecSet, whole.Options.MaxObjects = flat, 0
	body := pc.PropertyCollector.RetrievePropertiesEx(ctx, &whole).(*methods.RetrievePropertiesExBody)
	if body.Res == nil || body.Res.Returnval == nil {
		return body
	}
	found := body.Res.Returnval
	if r != nil {
		found.Objects = r.objects(found.Objects)
	}
	found.Objects, found.Token = page{req.Options.MaxObjects, found.Objects}.cut()
	if len(found.Objects) == 0 {
		body.Res.Returnval = nil
	}
	return body
}

func (pc *propertyCollector) RetrieveProperties(ctx *simulator.Context, req *types.RetrieveProperties) soap.HasFault {
	inner := pc.RetrievePropertiesEx(ctx, &types.RetrievePropertiesEx{This: req.This, SpecSet: req.SpecSet}).(*methods.RetrievePropertiesExBody)
	body := &methods.RetrievePropertiesBody{Fault_: inner.Fault_}
	if inner.Res != nil {
		body.Res = &types.RetrievePropertiesResponse{}
		if inner.Res.Returnval != nil {
			body.Res.Returnval = inner.Res.Returnval.Objects
		}
	}
	return body
}

func (pc *propertyCollector) ContinueRetrievePropertiesEx(ctx *simulator.Context, req *types.ContinueRetrievePropertiesEx) soap.HasFault {
	kept, ours := pages.LoadAndDelete(req.Token)
	if !ours {
		return pc.PropertyCollector.ContinueRetrievePropertiesEx(ctx, req)
	}
	res := &types.ContinueRetrievePropertiesExResponse{}
	res.Returnval.Objects, res.Returnval.Token = kept.(page).cut()
	return &methods.ContinueRetrievePropertiesExBody{Res: res}
}

func (pc *propertyCollector) CancelRetrievePropertiesEx(_ *simulator.Context, req *types.CancelRetrievePropertiesEx) soap.HasFault {
	pages.Delete(req.Token)
	return &methods.CancelRetrievePropertiesExBody{Res: &types.CancelRetrievePropertiesExResponse{}}
}

// mayFetch reads the object and the property out of a request whose type is internal to govmomi.
func (pc *propertyCollector) mayFetch(ctx *simulator.Context, req any) types.BaseMethodFault {
	r := readerOf(ctx)
	if r == nil {
		return nil
	}
	fields := reflect.ValueOf(req).Elem()
	at, path := fields.FieldByName("This").Interface().(ref), fields.FieldByName("Prop").String()
	if !r.entity(at) {
		return nil
	}
	for _, needed := range []string{"System.View", propertyPrivilege(at.Type, path)} {
		if !r.holds(at, needed) {
			return r.w.noPermission([]demand{{at, needed}})
		}
	}
	return nil
}

// fetched leaves references to what the caller does not see out of the property.
func (pc *propertyCollector) fetched(ctx *simulator.Context, res soap.HasFault) soap.HasFault {
	r := readerOf(ctx)
	if r == nil || res.Fault() != nil {
		return res
	}
	answer := reflect.ValueOf(res).Elem().FieldByName("Res")
	if answer.IsValid() && !answer.IsNil() {
		value := answer.Elem().FieldByName("Returnval")
		if filtered := r.value(value.Interface()); filtered != nil {
			value.Set(reflect.ValueOf(filtered))
		}
	}
	return res
}

// updates filters what WaitForUpdates would tell; a change of a property that may not be read is left out.
func (r *reader) updates(set *types.UpdateSet) {
	if set == nil {
		return
	}
	for i := range set.FilterSet {
		kept := set.FilterSet[i].ObjectSet[:0]
		for _, u := range set.FilterSet[i].ObjectSet {
			if r.hidden(u.Obj) {
				continue
			}
			if r.entity(u.Obj) {
				u.ChangeSet = slices.DeleteFunc(u.ChangeSet, func(c types.PropertyChange) bool { return !r.holds(u.Obj, propertyPrivilege(u.Obj.Type, c.Name)) })
			}
			for j := range u.ChangeSet {
				u.ChangeSet[j].Val = r.value(u.ChangeSet[j].Val)
			}
			kept = append(kept, u)
		}
		set.FilterSet[i].ObjectSet = kept
	}
}
