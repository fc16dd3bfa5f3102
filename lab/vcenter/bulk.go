// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// shape is what machines have in common that are copies of one another.
type shape struct {
	cpus               int32
	memory, disk       int64
	datastore, network string
	annotation         string
	on, template       bool
}

// copier makes virtual machines in bulk: the first of a shape is made by vcsim, the others are copies of it with an identity,
// a place and files of their own. vcsim's way takes the longer the more machines there are.
type copier struct {
	b      *builder
	models map[shape]*simulator.VirtualMachine
	names  map[ref]map[string]bool // by folder
	texts  map[string][]byte       // of the models' files
}

func newCopier(b *builder) *copier {
	return &copier{b: b, models: map[shape]*simulator.VirtualMachine{}, names: map[ref]map[string]bool{}, texts: map[string][]byte{}}
}

// add makes the machine, as a copy when it can be one.
func (c *copier) add(ctx context.Context, m *Machine) error {
	folder, pool := c.b.vmDirs[m.Folder], c.b.pools[path.Join(m.Cluster, m.ResourcePool)]
	if folder == nil || pool == nil {
		return fmt.Errorf("no folder %q or no resource pool %q", m.Folder, path.Join(m.Cluster, m.ResourcePool))
	}
	if err := c.take(folder.Reference(), m.Name); err != nil {
		return err
	}
	like := shape{m.CPUs, m.MemoryMiB, m.DiskGiB, m.Datastore, m.Network, m.Annotation, bool(m.Power), m.Template}
	if model := c.models[like]; model != nil && m.IP == "" {
		return c.copy(model, m, folder.Reference(), pool.Reference())
	}
	made, err := c.b.addMachine(ctx, *m, folder, pool)
	if err == nil && m.IP == "" {
		c.models[like] = c.b.w.reg.Get(made).(*simulator.VirtualMachine)
	}
	return err
}

func (c *copier) take(folder ref, name string) error {
	if c.names[folder] == nil {
		c.names[folder] = map[string]bool{}
	}
	if c.names[folder][name] {
		return errors.New("there are two of that name in the folder")
	}
	c.names[folder][name] = true
	return nil
}

func (c *copier) copy(model *simulator.VirtualMachine, m *Machine, folderRef, poolRef ref) error {
	w := c.b.w
	hostRef, err := c.b.machineHost(*m, poolRef)
	if err != nil {
		return err
	}
	host := w.reg.Get(hostRef).(*simulator.HostSystem)
	pool := w.reg.Get(poolRef).(*simulator.ResourcePool)
	folder := w.reg.Get(folderRef).(*simulator.Folder)
	vm := *model
	vm.Self, vm.DataSets = ref{}, map[string]*simulator.DataSet{}
	vm.Network, vm.Datastore = slices.Clone(model.Network), slices.Clone(model.Datastore)
	from, to := "["+m.Datastore+"] "+model.Name+"/", "["+m.Datastore+"] "+m.Name+"/"
	c.rename(&vm, m, func(file string) string {
		if rest, ours := strings.CutPrefix(file, from); ours {
			return to + strings.ReplaceAll(rest, model.Name+".", m.Name+".")
		}
		return file
	})
	vm.Runtime.Host = &hostRef
	vm.Summary.Runtime = vm.Runtime
	vm.EnvironmentBrowser = *w.reg.Get(*host.Parent).(*simulator.ClusterComputeResource).EnvironmentBrowser
	if !m.Template {
		vm.ResourcePool = &poolRef
		w.reg.PutEntity(folder, &vm)
		pool.Vm = append(pool.Vm, vm.Self)
	} else {
		w.reg.PutEntity(folder, &vm)
	}
	vm.Summary.Vm = &vm.Self
	folder.ChildEntity = append(folder.ChildEntity, vm.Self)
	host.Vm = append(host.Vm, vm.Self)
	for _, r := range vm.Datastore {
		ds := w.reg.Get(r).(*simulator.Datastore)
		ds.Vm = append(ds.Vm, vm.Self)
		ds.Summary.FreeSpace -= m.DiskGiB * gib
		ds.Info.GetDatastoreInfo().FreeSpace = ds.Summary.FreeSpace
	}
	w.usage.note(&vm.VirtualMachine)
	w.dormant.put(vm.Self, c.files(model, &vm))
	return nil
}

// rename gives the copy names, ids, files and devices of its own; `file` is a file's path on its datastore, moved.
func (c *copier) rename(vm *simulator.VirtualMachine, m *Machine, file func(string) string) {
	id := stableUUID("machine", c.b.dc.Name, m.Folder, m.Name)
	config := own(vm.Config)
	config.Name, config.Uuid, config.InstanceUuid = m.Name, id, stableUUID("instance", c.b.dc.Name, m.Folder, m.Name)
	config.CpuAllocation, config.MemoryAllocation = own(config.CpuAllocation), own(config.MemoryAllocation)
	config.BootOptions, config.Tools, config.LatencySensitivity = own(config.BootOptions), own(config.Tools), own(config.LatencySensitivity)
	config.ExtraConfig = slices.Clone(config.ExtraConfig)
	for _, f := range []*string{&config.Files.VmPathName, &config.Files.SnapshotDirectory, &config.Files.SuspendDirectory, &config.Files.LogDirectory} {
		*f = strings.TrimSuffix(file(*f+"/"), "/")
	}
	config.Hardware.Device = c.devices(config.Hardware.Device, id, file)
	vm.Config, vm.Name = config, m.Name
	summary := &vm.Summary.Config
	summary.Name, summary.Uuid, summary.InstanceUuid, summary.VmPathName = m.Name, id, config.InstanceUuid, config.Files.VmPathName
	vm.Guest, vm.Summary.Guest = own(vm.Guest), own(vm.Summary.Guest)
	vm.Storage, vm.Summary.Storage = own(vm.Storage), own(vm.Summary.Storage)
	vm.Layout, vm.LayoutEx = own(vm.Layout), own(vm.LayoutEx)
	vm.Layout.Disk = slices.Clone(vm.Layout.Disk)
	for i, disk := range vm.Layout.Disk {
		vm.Layout.Disk[i].DiskFile = slices.Clone(disk.DiskFile)
		for j := range disk.DiskFile {
			vm.Layout.Disk[i].DiskFile[j] = file(disk.DiskFile[j])
		}
	}
	vm.LayoutEx.File = slices.Clone(vm.LayoutEx.File)
	for i := range vm.LayoutEx.File {
		vm.LayoutEx.File[i].Name = file(vm.LayoutEx.File[i].Name)
	}
}

func own[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// devices copies the devices one level deep; what lies deeper is never changed in place.
func (c *copier) devices(devices []types.BaseVirtualDevice, id string, file func(string) string) []types.BaseVirtualDevice {
	out := make([]types.BaseVirtualDevice, len(devices))
	for i, device := range devices {
		fresh := reflect.New(reflect.TypeOf(device).Elem())
		fresh.Elem().Set(reflect.ValueOf(device).Elem())
		out[i] = fresh.Interface().(types.BaseVirtualDevice)
		d := out[i].GetVirtualDevice()
		d.Connectable = own(d.Connectable)
		if controller, ok := out[i].(types.BaseVirtualController); ok {
			v := controller.GetVirtualController()
			v.Device = slices.Clip(v.Device)
		}
		if card, ok := out[i].(types.BaseVirtualEthernetCard); ok {
			card.GetVirtualEthernetCard().MacAddress = macOf(id, i)
		}
		if disk, ok := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok {
			backing := own(disk)
			backing.FileName, backing.Uuid = file(disk.FileName), stableUUID(id, d.Key)
			d.Backing = backing
		}
	}
	return out
}

// macOf makes an address of VMware's prefix for a host's own choice out of a machine's id.
func macOf(id string, unit int) string {
	digits := strings.ReplaceAll(stableUUID(id, unit), "-", "")
	return "00:0c:29:" + digits[:2] + ":" + digits[2:4] + ":" + digits[4:6]
}
