// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"encoding/xml"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// Methods that the simulator lacks, for as much of them as a site without guests can answer.

func (h *hooks) machine(r ref) (*simulator.VirtualMachine, *soap.Fault) {
	vm, ok := h.w.reg.Get(r).(*simulator.VirtualMachine)
	if !ok {
		return nil, simulator.Fault("", &types.ManagedObjectNotFound{Obj: r})
	}
	return vm, nil
}

func (h *hooks) inState(r ref, wanted types.VirtualMachinePowerState) (*simulator.VirtualMachine, *soap.Fault) {
	vm, fault := h.machine(r)
	if fault == nil && vm.Runtime.PowerState != wanted {
		fault = simulator.Fault("", &types.InvalidPowerState{RequestedState: wanted, ExistingState: vm.Runtime.PowerState})
	}
	return vm, fault
}

// ResetGuestInformation forgets what the guest of a machine that is off has reported.
func (h *hooks) ResetGuestInformation(ctx *simulator.Context, req *types.ResetGuestInformation) soap.HasFault {
	body := &methods.ResetGuestInformationBody{}
	vm, fault := h.inState(req.This, types.VirtualMachinePowerStatePoweredOff)
	if fault != nil {
		body.Fault_ = fault
		return body
	}
	nothing, stopped := "", "stopped"
	ctx.WithLock(vm, func() { ctx.Update(vm, guestReport{IP: &nothing, Tools: &stopped}.changes(vm.Guest)) })
	body.Res = &types.ResetGuestInformationResponse{}
	return body
}

type ovfProperty struct {
	Key   string `xml:"oe:key,attr"`
	Value string `xml:"oe:value,attr"`
}

type ovfEnvironment struct {
	XMLName    xml.Name      `xml:"http://schemas.dmtf.org/ovf/environment/1 Environment"`
	Space      string        `xml:"xmlns:oe,attr"`
	Properties []ovfProperty `xml:"PropertySection>Property"`
}

// ExtractOvfEnvironment is what a running machine is told of its properties.
func (h *hooks) ExtractOvfEnvironment(ctx *simulator.Context, req *types.ExtractOvfEnvironment) soap.HasFault {
	body := &methods.ExtractOvfEnvironmentBody{}
	vm, fault := h.inState(req.This, types.VirtualMachinePowerStatePoweredOn)
	if fault != nil {
		body.Fault_ = fault
		return body
	}
	env := ovfEnvironment{Space: "http://schemas.dmtf.org/ovf/environment/1"}
	ctx.WithLock(vm, func() {
		values := properties(vm, true)
		for _, key := range sortedKeys(values) {
			env.Properties = append(env.Properties, ovfProperty{key, values[key]})
		}
	})
	raw, err := xml.Marshal(env)
	if err != nil {
		body.Fault_ = simulator.Fault(err.Error(), &types.SystemError{Reason: err.Error()})
		return body
	}
	body.Res = &types.ExtractOvfEnvironmentResponse{Returnval: string(raw)}
	return body
}

func (h *hooks) QueryUnownedFiles(*types.QueryUnownedFiles) soap.HasFault {
	return &methods.QueryUnownedFilesBody{Res: &types.QueryUnownedFilesResponse{}}
}

func (h *hooks) QueryFaultToleranceCompatibility(*types.QueryFaultToleranceCompatibility) soap.HasFault {
	return &methods.QueryFaultToleranceCompatibilityBody{Res: &types.QueryFaultToleranceCompatibilityResponse{}}
}

// AcquireTicket gives a ticket for a console that is not there.
func (h *hooks) AcquireTicket(req *types.AcquireTicket) soap.HasFault {
	body := &methods.AcquireTicketBody{}
	if _, fault := h.inState(req.This, types.VirtualMachinePowerStatePoweredOn); fault != nil {
		body.Fault_ = fault
		return body
	}
	body.Res = &types.AcquireTicketResponse{Returnval: types.VirtualMachineTicket{Ticket: randomHex(16), CfgFile: "/", Host: h.w.host}}
	return body
}

// QueryChangedDiskAreas answers that nothing changed.
func (h *hooks) QueryChangedDiskAreas(req *types.QueryChangedDiskAreas) soap.HasFault {
	body := &methods.QueryChangedDiskAreasBody{}
	vm, fault := h.machine(req.This)
	if fault != nil {
		body.Fault_ = fault
		return body
	}
	disk := disks(vm)[req.DeviceKey]
	if disk == nil {
		body.Fault_ = simulator.Fault("", &types.InvalidArgument{InvalidProperty: "deviceKey"})
		return body
	}
	body.Res = &types.QueryChangedDiskAreasResponse{Returnval: types.DiskChangeInfo{StartOffset: req.StartOffset, Length: capacity(disk) - req.StartOffset}}
	return body
}

// RenameSnapshot changes the entry in the machine's tree of snapshots.
func (h *hooks) RenameSnapshot(ctx *simulator.Context, req *types.RenameSnapshot) soap.HasFault {
	body := &methods.RenameSnapshotBody{}
	snapshot, ok := h.w.reg.Get(req.This).(*simulator.VirtualMachineSnapshot)
	if !ok {
		body.Fault_ = simulator.Fault("", &types.ManagedObjectNotFound{Obj: req.This})
		return body
	}
	vm, fault := h.machine(snapshot.Vm)
	if fault != nil {
		body.Fault_ = fault
		return body
	}
	ctx.WithLock(vm, func() {
		if vm.Snapshot == nil {
			return
		}
		info := *vm.Snapshot
		info.RootSnapshotList = renamed(info.RootSnapshotList, req)
		ctx.Update(vm, []types.PropertyChange{{Name: "snapshot", Val: &info}})
	})
	body.Res = &types.RenameSnapshotResponse{}
	return body
}

func renamed(tree []types.VirtualMachineSnapshotTree, req *types.RenameSnapshot) []types.VirtualMachineSnapshotTree {
	out := slices.Clone(tree)
	for i := range out {
		if out[i].Snapshot == req.This {
			out[i].Name = orString(req.Name, out[i].Name)
			out[i].Description = orString(req.Description, out[i].Description)
		}
		out[i].ChildSnapshotList = renamed(out[i].ChildSnapshotList, req)
	}
	return out
}

// ReloadVirtualMachineFromPathTask knows only the path where the machine is already.
func (h *hooks) ReloadVirtualMachineFromPathTask(ctx *simulator.Context, req *types.ReloadVirtualMachineFromPath_Task) soap.HasFault {
	body := &methods.ReloadVirtualMachineFromPath_TaskBody{}
	vm, fault := h.inState(req.This, types.VirtualMachinePowerStatePoweredOff)
	if fault != nil {
		body.Fault_ = fault
		return body
	}
	task := simulator.CreateTask(vm, "reloadFromPath", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		if vm.Config.Files.VmPathName != req.ConfigurationPath {
			return nil, &types.FileNotFound{FileFault: types.FileFault{File: req.ConfigurationPath}}
		}
		return nil, nil
	})
	body.Res = &types.ReloadVirtualMachineFromPath_TaskResponse{Returnval: task.Run(ctx)}
	return body
}

// UpdateVirtualMachineFilesTask finds no path to correct.
func (h *hooks) UpdateVirtualMachineFilesTask(ctx *simulator.Context, req *types.UpdateVirtualMachineFiles_Task) soap.HasFault {
	body := &methods.UpdateVirtualMachineFiles_TaskBody{}
	ds, ok := h.w.reg.Get(req.This).(*simulator.Datastore)
	if !ok {
		body.Fault_ = simulator.Fault("", &types.ManagedObjectNotFound{Obj: req.This})
		return body
	}
	task := simulator.CreateTask(ds, "updateVirtualMachineFiles", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		return types.UpdateVirtualMachineFilesResult{}, nil
	})
	body.Res = &types.UpdateVirtualMachineFiles_TaskResponse{Returnval: task.Run(ctx)}
	return body
}

// DeleteFile is the old way to remove a file of a datastore.
func (h *hooks) DeleteFile(ctx *simulator.Context, req *types.DeleteFile) soap.HasFault {
	body := &methods.DeleteFileBody{}
	at, _ := h.w.entityOf(req.This)
	call := &types.DeleteDatastoreFile_Task{Name: req.DatastorePath}
	if dc := h.w.datacenterOf(at); dc != nil {
		call.Datacenter = &dc.Self
	}
	res := h.w.reg.FileManager().DeleteDatastoreFileTask(ctx, call).(*methods.DeleteDatastoreFile_TaskBody)
	if res.Res == nil {
		body.Fault_ = res.Fault_
		return body
	}
	if _, fault := h.w.outcome(res.Res.Returnval); fault != nil {
		body.Fault_ = simulator.Fault("", fault)
		return body
	}
	body.Res = &types.DeleteFileResponse{}
	return body
}

// QueryVMotionCompatibility finds every host compatible.
func (h *hooks) QueryVMotionCompatibility(req *types.QueryVMotionCompatibility) soap.HasFault {
	res := &types.QueryVMotionCompatibilityResponse{}
	for _, host := range req.Host {
		res.Returnval = append(res.Returnval, types.HostVMotionCompatibility{Host: host, Compatibility: []string{"cpu", "software"}})
	}
	return &methods.QueryVMotionCompatibilityBody{Res: res}
}

// withoutGuest is the answer to every call of the guest operations' managers: no machine of the lab has a guest to ask, and the
// simulator would look for a container.
func withoutGuest(method *simulator.Method) types.BaseMethodFault {
	if strings.HasPrefix(method.This.Type, "Guest") && len(argument(method.Body, "vm")) > 0 {
		return &types.GuestOperationsUnavailable{}
	}
	return nil
}
