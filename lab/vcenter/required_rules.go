// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// rules are the methods whose demands depend on their arguments. Their texts in vSphere's API reference are the source, but
// for UnregisterVM, whose parent the table "Edit Inventory Privileges" of the vSphere Security guide adds.
var rules = map[string]func(w *world, this ref, body any) []demand{
	"Destroy_Task":                   destroyDemands,
	"Rename_Task":                    renameDemands,
	"UnregisterVM":                   unregisterDemands,
	"MoveIntoFolder_Task":            moveDemands,
	"MoveIntoResourcePool":           moveIntoPoolDemands,
	"RegisterVM_Task":                registerDemands,
	"CreateVM_Task":                  createDemands,
	"CreateChildVM_Task":             createDemands,
	"ImportVApp":                     importDemands,
	"CloneVM_Task":                   cloneDemands,
	"RelocateVM_Task":                relocateDemands,
	"MigrateVM_Task":                 migrateDemands,
	"ReconfigVM_Task":                reconfigDemands,
	"AcquireTicket":                  ticketDemands,
	"RetrieveUserGroups":             nil, // see UserDirectory: the privilege counts on any object
	"SearchDatastore_Task":           browseDemands,
	"SearchDatastoreSubFolders_Task": browseDemands,
	"MakeDirectory":                  fileDemands,
	"DeleteDatastoreFile_Task":       fileDemands,
	"MoveDatastoreFile_Task":         fileDemands,
	"CopyDatastoreFile_Task":         fileDemands,
	"CreateVirtualDisk_Task":         fileDemands,
	"DeleteVirtualDisk_Task":         fileDemands,
	"MoveVirtualDisk_Task":           fileDemands,
	"CopyVirtualDisk_Task":           fileDemands,
	"ExtendVirtualDisk_Task":         fileDemands,
	"QueryVirtualDiskUuid":           fileDemands,
	"SetVirtualDiskUuid":             fileDemands,
}

// byKind names the privilege for each kind of object.
var (
	destroyPrivilege = map[string]string{
		"VirtualMachine": "VirtualMachine.Inventory.Delete", "Folder": "Folder.Delete", "StoragePod": "Folder.Delete",
		"Datacenter": "Datacenter.Delete", "ResourcePool": "Resource.DeletePool", "VirtualApp": "VApp.Delete",
		"ComputeResource": "Host.Inventory.DeleteCluster", "ClusterComputeResource": "Host.Inventory.DeleteCluster",
		"HostSystem": "Host.Inventory.RemoveHostFromCluster", "Datastore": "Datastore.Delete", "Network": "Network.Delete",
		"DistributedVirtualSwitch": "DVSwitch.Delete", "VmwareDistributedVirtualSwitch": "DVSwitch.Delete",
		"DistributedVirtualPortgroup": "DVPortgroup.Delete",
	}
	renamePrivilege = map[string]string{
		"VirtualMachine": "VirtualMachine.Config.Rename", "Folder": "Folder.Rename", "StoragePod": "Folder.Rename",
		"Datacenter": "Datacenter.Rename", "ResourcePool": "Resource.RenamePool", "VirtualApp": "VApp.Rename",
		"ComputeResource": "Host.Inventory.RenameCluster", "ClusterComputeResource": "Host.Inventory.RenameCluster",
		"Datastore": "Datastore.Rename", "Network": "Network.Config", "DistributedVirtualSwitch": "DVSwitch.Modify",
		"VmwareDistributedVirtualSwitch": "DVSwitch.Modify", "DistributedVirtualPortgroup": "DVPortgroup.Modify",
	}
	movePrivilege = map[string]string{
		"VirtualMachine": "VirtualMachine.Inventory.Move", "Folder": "Folder.Move", "StoragePod": "Folder.Move", "Datacenter": "Datacenter.Move",
		"ComputeResource": "Host.Inventory.MoveCluster", "ClusterComputeResource": "Host.Inventory.MoveCluster", "Datastore": "Datastore.Move",
		"Network": "Network.Move", "DistributedVirtualSwitch": "DVSwitch.Move", "VmwareDistributedVirtualSwitch": "DVSwitch.Move",
		"DistributedVirtualPortgroup": "Network.Move",
	}
)

func (w *world) parentOf(r ref) *ref {
	if e, ok := w.reg.Get(r).(mo.Entity); ok {
		return e.Entity().Parent
	}
	return nil
}

// onBoth demands the privilege on the object and on its parent.
func (w *world) onBoth(r ref, privilege string) []demand {
	if privilege == "" {
		return nil
	}
	out := []demand{{r, privilege}}
	if p := w.parentOf(r); p != nil {
		out = append(out, demand{*p, privilege})
	}
	return out
}

func destroyDemands(w *world, this ref, _ any) []demand {
	return w.onBoth(this, destroyPrivilege[this.Type])
}

func renameDemands(_ *world, this ref, _ any) []demand {
	if p := renamePrivilege[this.Type]; p != "" {
		return []demand{{this, p}}
	}
	return nil
}

func unregisterDemands(w *world, this ref, _ any) []demand {
	return w.onBoth(this, "VirtualMachine.Inventory.Unregister")
}

func moveDemands(w *world, this ref, body any) []demand {
	var out []demand
	for _, item := range body.(*types.MoveIntoFolder_Task).List {
		if item.Type == "HostSystem" {
			out = append(out, demand{this, "Host.Inventory.AddStandaloneHost"}, demand{item, "Host.Inventory.MoveHost"})
			if p := w.parentOf(item); p != nil {
				out = append(out, demand{*p, "Host.Inventory.EditCluster"})
			}
		} else if p := movePrivilege[item.Type]; p != "" {
			out = append(append(out, w.onBoth(item, p)...), demand{this, p})
		}
	}
	return out
}

func moveIntoPoolDemands(w *world, this ref, body any) []demand {
	var out []demand
	for _, item := range body.(*types.MoveIntoResourcePool).List {
		if item.Type == "VirtualMachine" {
			out = append(out, demand{item, "Resource.AssignVMToPool"}, demand{this, "Resource.AssignVMToPool"})
			continue
		}
		out = append(append(out, w.onBoth(item, "Resource.MovePool")...), demand{this, "Resource.MovePool"})
	}
	return out
}

func registerDemands(w *world, this ref, body any) []demand {
	return w.onDatastore(this, body.(*types.RegisterVM_Task).Path, "System.Read")
}

func ticketDemands(_ *world, this ref, body any) []demand {
	switch body.(*types.AcquireTicket).TicketType {
	case "mks", "webmks":
		return []demand{{this, "VirtualMachine.Interact.ConsoleInteract"}}
	case "device":
		return []demand{{this, "VirtualMachine.Interact.DeviceConnection"}}
	case "guestControl":
		return []demand{{this, "VirtualMachine.Interact.GuestControl"}}
	}
	return nil
}

func migrateDemands(w *world, this ref, _ any) []demand {
	if w.poweredOn(this) {
		return []demand{{this, "Resource.HotMigrate"}}
	}
	return []demand{{this, "Resource.ColdMigrate"}}
}

func (w *world) poweredOn(r ref) bool {
	vm, ok := w.reg.Get(r).(*simulator.VirtualMachine)
	return ok && vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn
}

// datastoreNamed looks the name up in the datacenter of the object, and in all of them for an object outside of one.
func (w *world) datastoreNamed(near ref, name string) *ref {
	if name == "" {
		return nil
	}
	if dc := w.datacenterOf(near); dc != nil {
		if ds, ok := w.reg.FindByName(name, dc.Datastore).(*simulator.Datastore); ok {
			return &ds.Self
		}
		return nil
	}
	for _, e := range w.reg.All("Datastore") {
		if e.Entity().Name == name {
			r := e.Reference()
			return &r
		}
	}
	return nil
}

// onDatastore demands the privilege on the datastore of a path such as "[ds-1] a/b".
func (w *world) onDatastore(near ref, path, privilege string) []demand {
	var p object.DatastorePath
	if !p.FromString(path) {
		return nil
	}
	if ds := w.datastoreNamed(near, p.Datastore); ds != nil {
		return []demand{{*ds, privilege}}
	}
	return nil
}

func browseDemands(w *world, this ref, body any) []demand {
	path := ""
	switch b := body.(type) {
	case *types.SearchDatastore_Task:
		path = b.DatastorePath
	case *types.SearchDatastoreSubFolders_Task:
		path = b.DatastorePath
	}
	return w.onDatastore(this, path, "Datastore.Browse")
}

// fileDemands are those of the file and virtual disk managers: every datastore that a call names.
func fileDemands(w *world, this ref, body any) []demand {
	near := func(datacenter string) ref {
		if refs := argument(body, datacenter); len(refs) > 0 {
			return refs[0]
		}
		return this
	}
	var out []demand
	for _, p := range [][2]string{{"name", "datacenter"}, {"sourceName", "sourceDatacenter"}, {"destinationName", "destinationDatacenter"},
		{"destName", "destDatacenter"}} {
		out = append(out, w.onDatastore(near(p[1]), text(body, p[0]), "Datastore.FileManagement")...)
	}
	return out
}
