// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"fmt"
	"log"
	"runtime/debug"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// hooks is the object that methods are redirected to which the lab implements itself. vcsim prefers the object of
// method.This over a handler that Registry.Handler returns, so a redirection rewrites method.This.
type hooks struct {
	mo.ExtensibleManagedObject
	w *world
}

func (h *hooks) Reference() ref { return h.Self }

// Lock and Unlock opt out of vcsim's lock per object: a call waiting for its machine must not hold up the others.
func (h *hooks) Lock() {}

func (h *hooks) Unlock() {}

func (w *world) installHooks() {
	w.hooks = &hooks{w: w}
	w.hooks.Self = hooksRef
	w.reg.Put(w.hooks)
	index, directory := &searchIndex{w: w}, &userDirectory{w: w}
	index.Self, directory.Self = standIns["SearchIndex"], standIns["UserDirectory"]
	w.reg.Put(index)
	w.reg.Put(directory)
	w.reg.Handler = w.handle
}

var redirected = map[string]bool{
	"ImportVApp": true, "CreateImportSpec": true, "RefreshDatastore": true, "CloneVM_Task": true, "ResetGuestInformation": true,
	"ExtractOvfEnvironment": true, "QueryUnownedFiles": true, "QueryFaultToleranceCompatibility": true, "AcquireTicket": true,
	"QueryChangedDiskAreas": true, "RenameSnapshot": true, "ReloadVirtualMachineFromPath_Task": true, "reloadVirtualMachineFromPath_Task": true,
	"UpdateVirtualMachineFiles_Task": true, "DeleteFile": true, "QueryVMotionCompatibility": true,
}

// standIns are called instead of the simulator's own objects of these types.
var standIns = map[string]ref{
	"SearchIndex":   {Type: "LabSearchIndex", Value: "lab-search-index"},
	"UserDirectory": {Type: "LabUserDirectory", Value: "lab-user-directory"},
}

// handle sees every decoded SOAP call before vcsim runs it.
func (w *world) handle(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	if login, ok := method.Body.(*types.Login); ok {
		if fault := w.admit(login); fault != nil {
			return nil, fault
		}
	}
	if ctx.Session == nil {
		return nil, nil
	}
	if ctx.Session.UserName != "" {
		w.notePrincipal(ctx.Session)
	}
	if method.This.Type == "HttpNfcLease" {
		w.expireLeases()
	}
	if fault := w.refuse(ctx, method); fault != nil {
		return nil, fault
	}
	if method.This.Type == "VirtualMachine" {
		w.dormant.write(method.This)
	}
	if fault := withoutGuest(method); fault != nil {
		return nil, fault
	}
	if fault := checkExtraConfig(method.Body); fault != nil {
		return nil, fault
	}
	if clone, ok := method.Body.(*types.CloneVM_Task); ok {
		w.placeClone(method.This, clone)
	}
	if own, ok := standIns[method.This.Type]; ok {
		method.This = own
		return w.reg.Get(own), nil
	}
	if redirected[method.Name] {
		method.This = w.hooks.Self
		return w.hooks, nil
	}
	return nil, nil
}

// handleStorage sees the calls of the storage policy service, whose privileges count on the root folder.
func (w *world) handleStorage(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	if ctx.Session == nil {
		return nil, nil
	}
	root := w.model.ServiceContent.RootFolder
	v := w.authz.viewer(ctx.Session.UserName)
	for _, r := range required[method.Name] {
		if !v.holds(root, r.privilege) {
			return nil, w.noPermission([]demand{{root, r.privilege}})
		}
	}
	return nil, nil
}

// settable are the paths of SET.* keys that vcsim's property update knows; any other ends its process.
var settable = map[string]bool{
	"SET.guest.ipAddress": true, "SET.guest.hostName": true, "SET.guest.toolsRunningStatus": true, "SET.guest.toolsStatus": true,
	"SET.guest.guestState": true, "ip0": true,
}

func checkExtraConfig(body any) types.BaseMethodFault {
	var spec *types.VirtualMachineConfigSpec
	switch b := body.(type) {
	case *types.ReconfigVM_Task:
		spec = &b.Spec
	case *types.CreateVM_Task:
		spec = &b.Config
	case *types.CloneVM_Task:
		spec = b.Spec.Config
	case *types.ImportVApp:
		if vm, ok := b.Spec.(*types.VirtualMachineImportSpec); ok {
			spec = &vm.ConfigSpec
		}
	}
	if spec == nil {
		return nil
	}
	for _, option := range spec.ExtraConfig {
		if option == nil {
			return &types.InvalidArgument{InvalidProperty: "extraConfig"}
		}
		v := option.GetOptionValue()
		_, isString := v.Value.(string)
		special := strings.HasPrefix(v.Key, "SET.") || v.Key == "ip0"
		if (special && (!settable[v.Key] || !isString)) || strings.HasPrefix(v.Key, "RUN.") {
			return &types.InvalidArgument{InvalidProperty: fmt.Sprintf("extraConfig[%q]", v.Key)}
		}
	}
	return nil
}

// placeClone chooses the clone's host as DRS would; vcsim takes the source's host even when the pool is in another
// compute cluster or that host is in maintenance.
func (w *world) placeClone(source ref, clone *types.CloneVM_Task) {
	location := &clone.Spec.Location
	vm, ok := w.reg.Get(source).(*simulator.VirtualMachine)
	if !ok || location.Host != nil {
		return
	}
	pool := location.Pool
	if pool == nil {
		pool = vm.ResourcePool
	}
	if pool == nil {
		return
	}
	var datastore string
	if location.Datastore != nil {
		datastore = w.objectName(*location.Datastore)
	} else {
		datastore = datastoreOf(vm.Config.Files.VmPathName)
	}
	location.Host = w.placeHost(*pool, datastore)
}

func datastoreOf(vmPath string) string {
	var p object.DatastorePath
	p.FromString(vmPath)
	return p.Datastore
}

// RefreshDatastore keeps the capacity of the site file; vcsim's own would set 1 TB for each mounting host.
func (h *hooks) RefreshDatastore(*types.RefreshDatastore) soap.HasFault {
	return &methods.RefreshDatastoreBody{Res: &types.RefreshDatastoreResponse{}}
}

// CreateImportSpec notes the declared file sizes for the lease to come, keeps property values out of extraConfig (vcsim
// puts them there too) and answers InvalidArgument for an OVF that vcsim panics on.
func (h *hooks) CreateImportSpec(ctx *simulator.Context, req *types.CreateImportSpec) (res soap.HasFault) {
	defer func() {
		if p := recover(); p != nil {
			log.Printf("panic in CreateImportSpec: %v\n%s", p, debug.Stack())
			res = &methods.CreateImportSpecBody{Fault_: simulator.Fault(fmt.Sprint(p), &types.InvalidArgument{InvalidProperty: "ovfDescriptor"})}
		}
	}()
	manager := h.w.reg.Get(req.This).(*simulator.OvfManager)
	body := manager.CreateImportSpec(ctx, req).(*methods.CreateImportSpecBody)
	if body.Res == nil {
		return body
	}
	if spec, ok := body.Res.Returnval.ImportSpec.(*types.VirtualMachineImportSpec); ok {
		spec.ConfigSpec.ExtraConfig = nil
	}
	h.w.leases.declare(body.Res.Returnval.FileItem)
	return body
}
