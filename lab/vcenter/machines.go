// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"fmt"
	"path"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

func (b *builder) addMachines(ctx context.Context) error {
	c := newCopier(b)
	for i := range b.dc.Machines {
		m := &b.dc.Machines[i]
		if err := c.add(ctx, m); err != nil {
			return fmt.Errorf("virtual machine %q: %w", m.Name, err)
		}
	}
	return nil
}

func (b *builder) addMachine(ctx context.Context, m Machine, folder *object.Folder, pool *object.ResourcePool) (ref, error) {
	host, err := b.machineHost(m, pool.Reference())
	if err != nil {
		return ref{}, err
	}
	spec, err := b.machineSpec(ctx, m)
	if err != nil {
		return ref{}, err
	}
	task, err := folder.CreateVM(ctx, spec, pool, object.NewHostSystem(b.client, host))
	if err != nil {
		return ref{}, err
	}
	info, err := task.WaitForResult(ctx)
	if err != nil {
		return ref{}, err
	}
	made := info.Result.(ref)
	vm := object.NewVirtualMachine(b.client, made)
	if m.Template {
		in := b.w.reg.Get(pool.Reference()).(*simulator.ResourcePool)
		simulator.RemoveReference(&in.Vm, made) // vcsim leaves a template in its pool
		return made, vm.MarkAsTemplate(ctx)
	}
	if !m.Power {
		return made, nil
	}
	if task, err = vm.PowerOn(ctx); err == nil {
		err = task.Wait(ctx)
	}
	return made, err
}

func (b *builder) machineHost(m Machine, pool ref) (ref, error) {
	if m.Host != "" {
		for _, h := range b.hosts {
			if h.Name == m.Host {
				return h.Self, nil
			}
		}
		return ref{}, fmt.Errorf("no host %q", m.Host)
	}
	host := b.w.placeHost(pool, m.Datastore)
	if host == nil {
		return ref{}, fmt.Errorf("no host of %q mounts datastore %q", m.Cluster, m.Datastore)
	}
	return *host, nil
}

func (b *builder) machineSpec(ctx context.Context, m Machine) (types.VirtualMachineConfigSpec, error) {
	spec := types.VirtualMachineConfigSpec{
		Name: m.Name, GuestId: string(types.VirtualMachineGuestOsIdentifierUbuntu64Guest), NumCPUs: m.CPUs, MemoryMB: m.MemoryMiB,
		Annotation: m.Annotation, Files: &types.VirtualMachineFileInfo{VmPathName: "[" + m.Datastore + "]"},
	}
	net, ok := b.networks[m.Network]
	if !ok {
		return spec, fmt.Errorf("no network %q", m.Network)
	}
	backing, err := b.nicBacking(ctx, net)
	if err != nil {
		return spec, err
	}
	var devices object.VirtualDeviceList
	scsi, err := devices.CreateSCSIController("pvscsi")
	if err != nil {
		return spec, err
	}
	devices = append(devices, scsi)
	disk := devices.CreateDisk(scsi.(types.BaseVirtualController), ref{}, "["+m.Datastore+"] "+path.Join(m.Name, "disk1.vmdk"))
	disk.CapacityInKB = m.DiskGiB << 20
	nic, err := devices.CreateEthernetCard("vmxnet3", backing)
	if err != nil {
		return spec, err
	}
	devices = append(devices, disk, nic)
	spec.DeviceChange, err = devices.ConfigSpec(types.VirtualDeviceConfigSpecOperationAdd)
	if m.IP != "" {
		spec.ExtraConfig = append(spec.ExtraConfig, &types.OptionValue{Key: "SET.guest.ipAddress", Value: m.IP})
	}
	return spec, err
}

func (b *builder) nicBacking(ctx context.Context, net ref) (types.BaseVirtualDeviceBackingInfo, error) {
	if net.Type == "DistributedVirtualPortgroup" {
		return object.NewDistributedVirtualPortgroup(b.client, net).EthernetCardBackingInfo(ctx)
	}
	info := &types.VirtualEthernetCardNetworkBackingInfo{Network: &net}
	info.DeviceName = b.w.reg.Get(net).(*mo.Network).Name
	return info, nil
}

// placeHost picks, as DRS would, a host of the pool's compute cluster that is up and mounts the datastore: the one with
// the fewest virtual machines, the first in the cluster's order among equals. Nil: there is none.
func (w *world) placeHost(pool ref, datastore string) *ref {
	owner, ok := w.poolOwner(pool)
	if !ok {
		return nil
	}
	cluster, ok := w.reg.Get(owner).(*simulator.ClusterComputeResource)
	if !ok {
		return nil
	}
	var best *ref
	fewest := 0
	for _, r := range cluster.Host {
		h, ok := w.reg.Get(r).(*simulator.HostSystem)
		if !ok || h.Runtime.InMaintenanceMode || h.Runtime.ConnectionState != types.HostSystemConnectionStateConnected {
			continue
		}
		if ds, ok := w.reg.FindByName(datastore, h.Datastore).(*simulator.Datastore); !ok || !reaches(h.Self, ds) {
			continue
		}
		if best == nil || len(h.Vm) < fewest {
			best, fewest = &h.Self, len(h.Vm)
		}
	}
	if best == nil {
		return nil
	}
	found := *best
	return &found
}

// reaches says whether the host can use the datastore, which it may have mounted and lost.
func reaches(host ref, ds *simulator.Datastore) bool {
	for _, mount := range ds.Host {
		if mount.Key == host {
			return mount.MountInfo.Accessible == nil || *mount.MountInfo.Accessible
		}
	}
	return false
}

func (w *world) poolOwner(pool ref) (ref, bool) {
	switch p := w.reg.Get(pool).(type) {
	case *simulator.ResourcePool:
		return p.Owner, true
	case *simulator.VirtualApp:
		return p.Owner, true
	}
	return ref{}, false
}
