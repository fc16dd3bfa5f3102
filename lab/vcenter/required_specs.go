// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"reflect"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// text is a parameter of the call that is a string, "" when it has none of that name.
func text(body any, name string) string {
	field := reflect.ValueOf(body).Elem().FieldByName(strings.ToUpper(name[:1]) + name[1:])
	if field.IsValid() && field.Kind() == reflect.String {
		return field.String()
	}
	return ""
}

func createDemands(w *world, this ref, body any) []demand {
	switch b := body.(type) {
	case *types.CreateVM_Task:
		return w.newMachineDemands(this, &b.Config)
	case *types.CreateChildVM_Task:
		return w.newMachineDemands(this, &b.Config)
	}
	return nil
}

func importDemands(w *world, this ref, body any) []demand {
	b := body.(*types.ImportVApp)
	spec, ok := b.Spec.(*types.VirtualMachineImportSpec)
	if !ok {
		return nil
	}
	folder := this
	if b.Folder != nil {
		folder = *b.Folder
	}
	return w.newMachineDemands(folder, &spec.ConfigSpec)
}

// newMachineDemands is the list in the text of Folder.CreateVM_Task; what belongs to the new machine is asked of its folder.
func (w *world) newMachineDemands(folder ref, spec *types.VirtualMachineConfigSpec) []demand {
	var out []demand
	for _, c := range spec.DeviceChange {
		change := c.GetVirtualDeviceConfigSpec()
		switch privilege := devicePrivilege(change); privilege {
		case "VirtualMachine.Config.AddNewDisk", "VirtualMachine.Config.AddExistingDisk", "VirtualMachine.Config.RawDevice", "VirtualMachine.Config.HostUSBDevice":
			out = append(out, demand{folder, privilege})
		}
	}
	if len(spec.ExtraConfig) > 0 {
		out = append(out, demand{folder, "VirtualMachine.Config.AdvancedConfig"})
	}
	if spec.SwapPlacement != "" {
		out = append(out, demand{folder, "VirtualMachine.Config.SwapPlacement"})
	}
	if spec.ChangeTrackingEnabled != nil {
		out = append(out, demand{folder, "VirtualMachine.Config.ChangeTracking"})
	}
	if spec.Files != nil {
		out = append(out, w.onDatastore(folder, spec.Files.VmPathName, "Datastore.AllocateSpace")...)
	}
	return append(out, w.deviceDemands(folder, spec.DeviceChange)...)
}

// deviceDemands are those of disks that take space and of network adapters that are connected.
func (w *world) deviceDemands(near ref, changes []types.BaseVirtualDeviceConfigSpec) []demand {
	var out []demand
	for _, c := range changes {
		change := c.GetVirtualDeviceConfigSpec()
		if change.Operation == types.VirtualDeviceConfigSpecOperationRemove {
			continue
		}
		switch d := change.Device.(type) {
		case *types.VirtualDisk:
			if change.FileOperation != "" {
				out = append(out, w.onBackingDatastore(near, d)...)
			}
		case types.BaseVirtualEthernetCard:
			if network := w.networkOf(near, d.GetVirtualEthernetCard().Backing); network != nil {
				out = append(out, demand{*network, "Network.Assign"})
			}
		}
	}
	return out
}

func (w *world) onBackingDatastore(near ref, disk *types.VirtualDisk) []demand {
	backing, ok := disk.Backing.(types.BaseVirtualDeviceFileBackingInfo)
	if !ok {
		return nil
	}
	file := backing.GetVirtualDeviceFileBackingInfo()
	if file.Datastore != nil {
		return []demand{{*file.Datastore, "Datastore.AllocateSpace"}}
	}
	return w.onDatastore(near, file.FileName, "Datastore.AllocateSpace")
}

// networkOf is the network behind the backing of an adapter.
func (w *world) networkOf(near ref, backing types.BaseVirtualDeviceBackingInfo) *ref {
	switch b := backing.(type) {
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		for _, e := range w.reg.All("DistributedVirtualPortgroup") {
			if pg, ok := e.(*simulator.DistributedVirtualPortgroup); ok && pg.Key == b.Port.PortgroupKey {
				return &pg.Self
			}
		}
	case *types.VirtualEthernetCardNetworkBackingInfo:
		if b.Network != nil {
			return b.Network
		}
		if dc := w.datacenterOf(near); dc != nil {
			for _, r := range dc.Network {
				if w.objectName(r) == b.DeviceName {
					return &r
				}
			}
		}
	}
	return nil
}

func cloneDemands(w *world, this ref, body any) []demand {
	b := body.(*types.CloneVM_Task)
	source, ok := w.reg.Get(this).(*simulator.VirtualMachine)
	if !ok {
		return nil
	}
	kind := map[[2]bool]string{
		{false, false}: "Clone", {false, true}: "CreateTemplateFromVM", {true, false}: "DeployTemplate", {true, true}: "CloneTemplate",
	}[[2]bool{source.Config.Template, b.Spec.Template}]
	out := []demand{{this, "VirtualMachine.Provisioning." + kind}}
	if b.Spec.Customization != nil {
		out = append(out, demand{this, "VirtualMachine.Provisioning.Customize"})
	}
	location := &b.Spec.Location
	folder := b.Folder
	if location.Folder != nil {
		folder = *location.Folder
	}
	out = append(out, demand{folder, "VirtualMachine.Inventory.CreateFromExisting"})
	if location.Pool != nil && !b.Spec.Template {
		out = append(out, demand{*location.Pool, "Resource.AssignVMToPool"})
	}
	out = append(out, w.spaceDemands(source, location, true)...)
	out = append(out, w.deviceDemands(this, location.DeviceChange)...)
	if b.Spec.Config != nil {
		out = append(out, w.deviceDemands(this, b.Spec.Config.DeviceChange)...)
	}
	return out
}

// spaceDemands are on the datastores that get the machine or its disks; staying: where they are counts, too.
func (w *world) spaceDemands(vm *simulator.VirtualMachine, to *types.VirtualMachineRelocateSpec, staying bool) []demand {
	var out []demand
	if to.Datastore != nil {
		out = append(out, demand{*to.Datastore, "Datastore.AllocateSpace"})
	} else if staying {
		out = append(out, w.onDatastore(vm.Self, vm.Config.Files.VmPathName, "Datastore.AllocateSpace")...)
	}
	for _, d := range to.Disk {
		out = append(out, demand{d.Datastore, "Datastore.AllocateSpace"})
	}
	if !staying {
		here := w.datastoreNamed(vm.Self, datastoreOf(vm.Config.Files.VmPathName))
		kept := out[:0]
		for _, d := range out {
			if here == nil || d.on != *here {
				kept = append(kept, d)
			}
		}
		out = kept
	}
	return out
}

func relocateDemands(w *world, this ref, body any) []demand {
	b := body.(*types.RelocateVM_Task)
	vm, ok := w.reg.Get(this).(*simulator.VirtualMachine)
	if !ok {
		return nil
	}
	var out []demand
	if w.poweredOn(this) {
		out = append(out, demand{this, "Resource.HotMigrate"})
	}
	out = append(out, w.spaceDemands(vm, &b.Spec, false)...)
	if pool := b.Spec.Pool; pool != nil && (vm.ResourcePool == nil || *pool != *vm.ResourcePool) {
		out = append(out, demand{*pool, "Resource.AssignVMToPool"})
	}
	if folder := b.Spec.Folder; folder != nil && (vm.Parent == nil || *folder != *vm.Parent) {
		out = append(append(out, w.onBoth(this, "VirtualMachine.Inventory.Move")...), demand{*folder, "VirtualMachine.Inventory.Move"})
	}
	return append(out, w.deviceDemands(this, b.Spec.DeviceChange)...)
}

// disks are the machine's virtual disks by key.
func disks(vm *simulator.VirtualMachine) map[int32]*types.VirtualDisk {
	out := map[int32]*types.VirtualDisk{}
	for _, d := range object.VirtualDeviceList(vm.Config.Hardware.Device).SelectByType((*types.VirtualDisk)(nil)) {
		out[d.GetVirtualDevice().Key] = d.(*types.VirtualDisk)
	}
	return out
}
