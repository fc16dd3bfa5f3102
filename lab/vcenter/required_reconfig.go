// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"reflect"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// specPrivilege is what vim.vm.ConfigSpec says of each of its fields ("Reconfigure privilege"), without "VirtualMachine.Config.".
// The reference names Rename for annotation there, and Annotation in the text of ReconfigVM_Task, which is what vCenter asks for.
var specPrivilege = map[string]string{
	"Name": "Rename", "Annotation": "Annotation", "ExtraConfig": "AdvancedConfig", "SwapPlacement": "SwapPlacement", "ManagedBy": "ManagedBy",
	"ChangeTrackingEnabled": "ChangeTracking", "MaxMksConnections": "MksControl", "GuestAutoLockEnabled": "MksControl",
	"NumCPUs": "CPUCount", "CpuHotAddEnabled": "CPUCount", "CpuHotRemoveEnabled": "CPUCount", "NumCoresPerSocket": "CPUCount",
	"MemoryMB": "Memory", "MemoryHotAddEnabled": "Memory",
	"CpuAllocation": "Resource", "MemoryAllocation": "Resource", "LatencySensitivity": "Resource", "CpuAffinity": "Resource",
	"MemoryAffinity": "Resource", "NetworkShaper": "Resource", "MemoryReservationLockedToMax": "Resource",
	"CreateDate": "Settings", "Uuid": "Settings", "InstanceUuid": "Settings", "LocationId": "Settings", "GuestId": "Settings",
	"AlternateGuestName": "Settings", "Files": "Settings", "Tools": "Settings", "Flags": "Settings", "ConsolePreferences": "Settings",
	"PowerOpInfo": "Settings", "RebootPowerOff": "Settings", "CpuFeatureMask": "Settings", "BootOptions": "Settings",
	"NestedHVEnabled": "Settings", "VPMCEnabled": "Settings", "ScheduledHardwareUpgradeInfo": "UpgradeVirtualHardware",
	"NpivNodeWorldWideName": "Settings", "NpivPortWorldWideName": "Settings", "NpivWorldWideNameType": "Settings",
	"NpivTemporaryDisabled": "Settings", "NpivWorldWideNameOp": "Settings",
}

func reconfigDemands(w *world, this ref, body any) []demand {
	vm, ok := w.reg.Get(this).(*simulator.VirtualMachine)
	if !ok {
		return nil
	}
	spec := &body.(*types.ReconfigVM_Task).Spec
	var out []demand
	fields := reflect.ValueOf(spec).Elem()
	for i := range fields.NumField() {
		if p := specPrivilege[fields.Type().Field(i).Name]; p != "" && !fields.Field(i).IsZero() {
			out = append(out, demand{this, "VirtualMachine.Config." + p})
		}
	}
	out = append(out, vappDemands(this, spec)...)
	for _, c := range spec.DeviceChange {
		for _, p := range changePrivileges(vm, c.GetVirtualDeviceConfigSpec()) {
			out = append(out, demand{this, p})
		}
	}
	out = append(out, w.deviceDemands(this, spec.DeviceChange)...)
	return append(out, w.extendDemands(vm, spec.DeviceChange)...)
}

// vappDemands: values of properties and the ways to get addresses are the instance's configuration, all else the application's.
func vappDemands(this ref, spec *types.VirtualMachineConfigSpec) []demand {
	application := spec.VAppConfigRemoved != nil && *spec.VAppConfigRemoved
	instance := false
	if spec.VAppConfig != nil {
		v := spec.VAppConfig.GetVmConfigSpec()
		application = application || len(v.Product)+len(v.Eula)+len(v.OvfSection)+len(v.OvfEnvironmentTransport) > 0 || v.InstallBootRequired != nil || v.InstallBootStopDelay != 0
		for _, p := range v.Property {
			app, inst := propertyDemands(p)
			application, instance = application || app, instance || inst
		}
		if ip := v.IpAssignment; ip != nil {
			application = application || len(ip.SupportedAllocationScheme)+len(ip.SupportedIpProtocol) > 0
			instance = instance || ip.IpAllocationPolicy != "" || ip.IpProtocol != ""
		}
	}
	var out []demand
	if application {
		out = append(out, demand{this, "VApp.ApplicationConfig"})
	}
	if instance {
		out = append(out, demand{this, "VApp.InstanceConfig"})
	}
	return out
}

func propertyDemands(p types.VAppPropertySpec) (application, instance bool) {
	if p.Operation != types.ArrayUpdateOperationEdit || p.Info == nil {
		return true, p.Info != nil && p.Info.Value != ""
	}
	rest := *p.Info
	rest.Key, rest.Value = 0, ""
	return !reflect.DeepEqual(rest, types.VAppPropertyInfo{}), p.Info.Value != ""
}

// devicePrivilege is the privilege for adding the device, or for removing it.
func devicePrivilege(c *types.VirtualDeviceConfigSpec) string {
	removing := c.Operation == types.VirtualDeviceConfigSpecOperationRemove
	switch d := c.Device.(type) {
	case *types.VirtualDisk:
		switch {
		case isRaw(d):
			return "VirtualMachine.Config.RawDevice"
		case removing:
			return "VirtualMachine.Config.RemoveDisk"
		case c.FileOperation != "":
			return "VirtualMachine.Config.AddNewDisk"
		}
		return "VirtualMachine.Config.AddExistingDisk"
	case *types.VirtualSCSIPassthrough:
		return "VirtualMachine.Config.RawDevice"
	case *types.VirtualUSB:
		if isHostUSB(d) {
			return "VirtualMachine.Config.HostUSBDevice"
		}
	}
	return "VirtualMachine.Config.AddRemoveDevice"
}

func isRaw(d *types.VirtualDisk) bool {
	switch d.Backing.(type) {
	case *types.VirtualDiskRawDiskMappingVer1BackingInfo, *types.VirtualDiskRawDiskVer2BackingInfo, *types.VirtualDiskPartitionedRawDiskVer2BackingInfo:
		return true
	}
	return false
}

func isHostUSB(d *types.VirtualUSB) bool {
	switch d.Backing.(type) {
	case *types.VirtualUSBUSBBackingInfo, *types.VirtualUSBRemoteHostBackingInfo:
		return true
	}
	return false
}

// changePrivileges are the privileges for one change of a device; an edit that enlarges a disk is no change of its settings.
func changePrivileges(vm *simulator.VirtualMachine, c *types.VirtualDeviceConfigSpec) []string {
	if c.Operation != types.VirtualDeviceConfigSpecOperationEdit {
		out := []string{devicePrivilege(c)}
		if d, ok := c.Device.(*types.VirtualDisk); ok && d.Shares != nil && c.Operation == types.VirtualDeviceConfigSpecOperationAdd {
			out = append(out, "VirtualMachine.Config.Resource")
		}
		return out
	}
	switch d := c.Device.(type) {
	case *types.VirtualDisk:
		switch {
		case isRaw(d):
			return []string{"VirtualMachine.Config.RawDevice"}
		case extends(vm, d):
			return []string{"VirtualMachine.Config.DiskExtend"}
		case sharesChange(vm, d):
			return []string{"VirtualMachine.Config.Resource"}
		}
	case *types.VirtualSCSIPassthrough:
		return []string{"VirtualMachine.Config.RawDevice"}
	case *types.VirtualUSB:
		if isHostUSB(d) {
			return []string{"VirtualMachine.Config.HostUSBDevice"}
		}
	case *types.VirtualCdrom:
		return []string{"VirtualMachine.Interact.SetCDMedia"}
	case *types.VirtualFloppy:
		return []string{"VirtualMachine.Interact.SetFloppyMedia"}
	}
	return []string{"VirtualMachine.Config.EditDevice"}
}

func capacity(d *types.VirtualDisk) int64 {
	if d.CapacityInBytes > 0 {
		return d.CapacityInBytes
	}
	return d.CapacityInKB << 10
}

func extends(vm *simulator.VirtualMachine, d *types.VirtualDisk) bool {
	old := disks(vm)[d.Key]
	return old != nil && max(d.CapacityInBytes, d.CapacityInKB<<10) > capacity(old)
}

func sharesChange(vm *simulator.VirtualMachine, d *types.VirtualDisk) bool {
	old := disks(vm)[d.Key]
	return old != nil && d.Shares != nil && !reflect.DeepEqual(d.Shares, old.Shares)
}

// extendDemands: a disk that grows takes space where it is.
func (w *world) extendDemands(vm *simulator.VirtualMachine, changes []types.BaseVirtualDeviceConfigSpec) []demand {
	var out []demand
	for _, c := range changes {
		change := c.GetVirtualDeviceConfigSpec()
		if d, ok := change.Device.(*types.VirtualDisk); ok && change.Operation == types.VirtualDeviceConfigSpecOperationEdit && extends(vm, d) {
			out = append(out, w.onBackingDatastore(vm.Self, disks(vm)[d.Key])...)
		}
	}
	return out
}
