// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"fmt"
	"log"
	"reflect"
	"runtime/debug"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// installFixes replaces the vcsim singletons whose answers pyvmomi cannot read or that differ from vCenter's.
func (w *world) installFixes() {
	content := w.model.ServiceContent
	si := w.reg.Get(ref{Type: "ServiceInstance", Value: "ServiceInstance"}).(*simulator.ServiceInstance)
	si.Content.About.InstanceUuid = stableUUID("instance", w.site.Settings.Seed)
	w.reg.Put(&serviceInstance{ServiceInstance: *si, clock: w.clock})

	pc := &propertyCollector{}
	pc.Self = content.PropertyCollector
	w.reg.Put(pc)

	w.authz = newAuthorization(w)
	w.reg.Put(w.authz)
	w.reg.UserDirectory().DomainList = w.site.domains()
	if guests, ok := w.reg.Get(*content.GuestOperationsManager).(*simulator.GuestOperationsManager); ok {
		guests.AliasManager = &ref{Type: "GuestAliasManager", Value: "guestOperationsAliasManager"}
	}
	w.reg.AddHandler(&fixer{w: w})
}

type serviceInstance struct {
	simulator.ServiceInstance
	clock *labClock
}

func (s *serviceInstance) CurrentTime(*types.CurrentTime) soap.HasFault {
	return &methods.CurrentTimeBody{Res: &types.CurrentTimeResponse{Returnval: s.clock.Now()}}
}

// propertyCollector corrects Fetch of an unset property: vcsim answers with a RetrievePropertiesEx body, which pyvmomi
// turns into AttributeError or KeyError; vCenter answers an empty FetchResponse, which pyvmomi reads as None. vcsim's
// request type is internal to govmomi, hence any and reflection. Sessions copy this type by reflection: no own fields.
type propertyCollector struct{ simulator.PropertyCollector }

type FetchResponse struct {
	Returnval types.AnyType `xml:"returnval,omitempty,typeattr"`
}

type fetchBody struct {
	Res    *FetchResponse `xml:"FetchResponse,omitempty"`
	Fault_ *soap.Fault    `xml:"http://schemas.xmlsoap.org/soap/envelope/ Fault,omitempty"`
}

func (b *fetchBody) Fault() *soap.Fault { return b.Fault_ }

func (pc *propertyCollector) Fetch(ctx *simulator.Context, req any) soap.HasFault {
	if fault := pc.mayFetch(ctx, req); fault != nil {
		return &fetchBody{Fault_: simulator.Fault("", fault)}
	}
	method := reflect.ValueOf(&pc.PropertyCollector).MethodByName("Fetch")
	res := method.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(req)})[0].Interface().(soap.HasFault)
	if _, unset := res.(*methods.RetrievePropertiesExBody); unset && res.Fault() == nil {
		return &fetchBody{Res: &FetchResponse{}}
	}
	return pc.fetched(ctx, res)
}

// fixer sees every object that enters the inventory.
type fixer struct{ w *world }

func (f *fixer) Reference() ref { return ref{Type: "LabFixer", Value: "lab-fixer"} }

// UpdateObject clears what the guest reported when its virtual machine goes off, as vCenter does; vcsim keeps it.
func (f *fixer) UpdateObject(ctx *simulator.Context, o mo.Reference, changes []types.PropertyChange) {
	vm, ok := o.(*mo.VirtualMachine)
	if !ok || vm.Guest == nil {
		return
	}
	f.w.usage.note(vm)
	for _, c := range changes {
		if c.Name == "runtime.powerState" && c.Val == types.VirtualMachinePowerStatePoweredOff {
			nothing, stopped := "", "stopped"
			ctx.Update(vm, guestReport{IP: &nothing, Tools: &stopped}.changes(vm.Guest))
		}
	}
}

func (f *fixer) RemoveObject(_ *simulator.Context, r ref) {
	f.w.usage.forget(r)
	f.w.tags.forget(r)
	f.w.authz.forget(r)
}

func (f *fixer) PutObject(_ *simulator.Context, o mo.Reference) {
	switch x := o.(type) {
	case *simulator.VirtualMachine:
		setRuntimeEnums(x)
	case *simulator.Task:
		f.w.guardTask(x)
	case *simulator.ResourcePool:
		f.w.usage.touch()
	}
}

// setRuntimeEnums fills two enums that vcsim leaves empty and pyvmomi cannot parse.
func setRuntimeEnums(vm *simulator.VirtualMachine) {
	for _, rt := range []*types.VirtualMachineRuntimeInfo{&vm.Runtime, &vm.Summary.Runtime} {
		rt.FaultToleranceState = types.VirtualMachineFaultToleranceStateNotConfigured
		rt.RecordReplayState = types.VirtualMachineRecordReplayStateInactive
	}
}

// taskMethods gives the method of a task, which vcsim names in its own way; pyvmomi's WaitForTask fails on a name that is
// no method.
var taskMethods = map[string]string{
	"PowerOn": "PowerOnVM_Task", "PowerOff": "PowerOffVM_Task", "Suspend": "SuspendVM_Task", "Reset": "ResetVM_Task",
	"ReconfigVm": "ReconfigVM_Task", "CloneVm": "CloneVM_Task", "CreateVm": "CreateVM_Task", "Destroy": "Destroy_Task",
	"Rename": "Rename_Task", "MoveIntoFolder": "MoveIntoFolder_Task", "RelocateVm": "RelocateVM_Task", "CreateDVS": "CreateDVS_Task",
	"ReconfigureCluster": "ReconfigureComputeResource_Task", "AddDVPortgroup": "AddDVPortgroup_Task", "CustomizeVm": "CustomizeVM_Task",
	"EnterMaintenanceMode": "EnterMaintenanceMode_Task", "ExitMaintenanceMode": "ExitMaintenanceMode_Task",
}

// guardTask turns a panic of the task into a failed task (it would end the process), and names the task's entity
// (vcsim puts the managed object id there) and its method.
func (w *world) guardTask(t *simulator.Task) {
	if name := t.Info.Name; !strings.HasSuffix(name, "_Task") {
		t.Info.Name = taskMethods[name]
	}
	if t.Info.Entity != nil {
		if name := w.objectName(*t.Info.Entity); name != "" {
			t.Info.EntityName = name
		}
	}
	run := t.Execute
	if run == nil {
		return
	}
	t.Execute = func(t *simulator.Task) (res types.AnyType, fault types.BaseMethodFault) {
		defer func() {
			if p := recover(); p != nil {
				log.Printf("panic in task %s: %v\n%s", t.Info.Name, p, debug.Stack())
				res, fault = nil, &types.SystemError{Reason: fmt.Sprintf("%s: %v", t.Info.Name, p)}
			}
		}()
		defer w.usage.touch()
		return run(t)
	}
}

// objectName is the inventory name of the object, "" when it has none.
func (w *world) objectName(r ref) string {
	switch x := w.reg.Get(r).(type) {
	case *mo.Network:
		return x.Name
	case *simulator.DistributedVirtualPortgroup:
		return x.Name
	case *simulator.DistributedVirtualSwitch:
		return x.Name
	case *lease:
		return x.vmName
	case mo.Entity:
		return x.Entity().Name
	}
	return ""
}
