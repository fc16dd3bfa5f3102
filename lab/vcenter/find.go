// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
)

// children are the objects one level below in the inventory tree.
func (w *world) children(r ref) []ref {
	switch x := w.reg.Get(r).(type) {
	case *simulator.Folder:
		return x.ChildEntity
	case *simulator.Datacenter:
		return []ref{x.VmFolder, x.HostFolder, x.DatastoreFolder, x.NetworkFolder}
	case *simulator.ClusterComputeResource:
		return append([]ref{*x.ResourcePool}, x.Host...)
	case *mo.ComputeResource:
		return append([]ref{*x.ResourcePool}, x.Host...)
	case *simulator.ResourcePool:
		return x.ResourcePool.ResourcePool
	case *simulator.StoragePod:
		return x.ChildEntity
	}
	return nil
}

// find is the object of an inventory path such as /dc-1/host/cluster-1; "/" is the root folder.
func (w *world) find(path string) (ref, error) {
	at, walked := w.model.ServiceContent.RootFolder, ""
	if !strings.HasPrefix(path, "/") {
		return at, fmt.Errorf("%q is no inventory path; it begins with /, as /dc-1/host/cluster-1 does", path)
	}
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' }) {
		var names []string
		next := ref{}
		for _, child := range w.children(at) {
			names = append(names, w.objectName(child))
			if w.objectName(child) == name {
				next = child
			}
		}
		if next == (ref{}) {
			return at, fmt.Errorf("there is no %q in %s/; there are %s", name, walked, strings.Join(names, ", "))
		}
		at, walked = next, walked+"/"+name
	}
	return at, nil
}

// entityOf is the entity whose permissions apply to an object: the object itself, the machine of a snapshot, the host of one
// of its systems, the datastore of a browser; entity is false for service-wide objects, for which the root folder stands.
func (w *world) entityOf(r ref) (at ref, entity bool) {
	switch x := w.reg.Get(r).(type) {
	case mo.Entity:
		return r, true
	case *simulator.VirtualMachineSnapshot:
		return x.Vm, true
	case nil:
		return r, false
	}
	switch {
	case r.Type == "HostDatastoreBrowser":
		for _, e := range w.reg.All("Datastore") {
			if ds, ok := e.(*simulator.Datastore); ok && ds.Browser == r {
				return ds.Self, true
			}
		}
	case strings.HasPrefix(r.Type, "Host") || r.Type == "IscsiManager":
		for _, e := range w.reg.All("HostSystem") {
			if host, ok := e.(*simulator.HostSystem); ok && manages(host, r) {
				return host.Self, true
			}
		}
	}
	return w.model.ServiceContent.RootFolder, false
}

// manages says whether the object is one of the host's systems.
func manages(host *simulator.HostSystem, r ref) bool {
	config := reflect.ValueOf(host.ConfigManager)
	for i := range config.NumField() {
		if system, ok := config.Field(i).Interface().(*ref); ok && system != nil && *system == r {
			return true
		}
	}
	return false
}
