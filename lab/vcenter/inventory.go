// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// builder carries what later steps of one datacenter need from earlier ones.
type builder struct {
	w        *world
	client   *vim25.Client
	dc       *Datacenter
	object   *object.Datacenter
	folders  *object.DatacenterFolders
	hosts    []*simulator.HostSystem
	specs    map[ref]*Host
	clusters map[string]*object.ClusterComputeResource
	pools    map[string]*object.ResourcePool // "cluster/pool/child"; "cluster" is the root pool
	vmDirs   map[string]*object.Folder
	networks map[string]ref
	stores   map[string]string // directory by datastore
}

func (w *world) buildInventory(ctx context.Context) error {
	client, err := vim25.NewClient(ctx, w.model.Service)
	if err != nil {
		return err
	}
	root := object.NewRootFolder(client)
	for i := range w.site.VCenter.Datacenters {
		dc := &w.site.VCenter.Datacenters[i]
		obj, err := root.CreateDatacenter(ctx, dc.Name)
		if err != nil {
			return fmt.Errorf("datacenter %q: %w", dc.Name, err)
		}
		b := &builder{
			w: w, client: client, dc: dc, object: obj, clusters: map[string]*object.ClusterComputeResource{},
			pools: map[string]*object.ResourcePool{}, vmDirs: map[string]*object.Folder{}, networks: map[string]ref{},
			specs: map[ref]*Host{}, stores: map[string]string{},
		}
		if err := b.build(ctx); err != nil {
			return fmt.Errorf("datacenter %q: %w", dc.Name, err)
		}
	}
	return nil
}

func (b *builder) build(ctx context.Context) error {
	var err error
	if b.folders, err = b.object.Folders(ctx); err != nil {
		return err
	}
	b.addNetworks()
	steps := []func(context.Context) error{b.addClusters, b.addSwitches, b.addDatastores, b.addFolders, b.setStates, b.addMachines}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// addNetworks names the datacenter's first network, which vcsim always makes, and adds the others.
func (b *builder) addNetworks() {
	reg := b.w.reg
	dc := reg.Get(b.object.Reference()).(*simulator.Datacenter)
	folder := reg.Get(b.folders.NetworkFolder.Reference()).(*simulator.Folder)
	for i, name := range b.dc.Networks {
		var net *mo.Network
		if i == 0 {
			net = reg.Get(dc.Network[0]).(*mo.Network)
		} else {
			net = &mo.Network{}
			reg.PutEntity(folder, net)
			folder.ChildEntity = append(folder.ChildEntity, net.Self)
			dc.Network = append(dc.Network, net.Self)
		}
		net.Name = name
		net.Entity().Name = name
		net.Summary = &types.NetworkSummary{Network: &net.Self, Name: name, Accessible: true}
		b.networks[name] = net.Self
	}
}

func (b *builder) addClusters(ctx context.Context) error {
	for _, spec := range b.dc.Clusters {
		cluster, err := b.folders.HostFolder.CreateCluster(ctx, spec.Name, types.ClusterConfigSpecEx{})
		if err != nil {
			return fmt.Errorf("compute cluster %q: %w", spec.Name, err)
		}
		b.clusters[spec.Name] = cluster
		var hosts []*simulator.HostSystem
		for i := range spec.Hosts {
			host, err := b.addHost(cluster, &spec.Hosts[i])
			if err != nil {
				return fmt.Errorf("host %q: %w", spec.Hosts[i].Name, err)
			}
			hosts = append(hosts, host)
		}
		for _, h := range hosts {
			b.setHostProduct(h)
		}
		b.hosts = append(b.hosts, hosts...)
		sim := b.w.reg.Get(cluster.Reference()).(*simulator.ClusterComputeResource)
		setClusterFeatures(sim, spec)
		b.attachStandardNetworks(sim, hosts)
		setClusterCapacity(sim, hosts)
		if err := b.addPools(ctx, spec, cluster, hosts); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) attachStandardNetworks(cluster *simulator.ClusterComputeResource, hosts []*simulator.HostSystem) {
	var refs []ref
	for _, name := range b.dc.Networks {
		refs = append(refs, b.networks[name])
	}
	for _, h := range hosts {
		h.Network = nil
		for i, r := range refs {
			if !b.specs[h.Self].hasNetwork(b.dc.Networks[i]) {
				continue
			}
			h.Network = append(h.Network, r)
			net := b.w.reg.Get(r).(*mo.Network)
			net.Host = append(net.Host, h.Self)
		}
	}
	b.gatherNetworks(cluster, refs)
}

// gatherNetworks sets a compute cluster's networks: those that at least one of its hosts has, in the given order.
func (b *builder) gatherNetworks(cluster *simulator.ClusterComputeResource, order []ref) {
	seen := map[ref]bool{}
	for _, r := range cluster.Host {
		for _, net := range b.w.reg.Get(r).(*simulator.HostSystem).Network {
			seen[net] = true
		}
	}
	cluster.Network = slices.DeleteFunc(unique(order), func(r ref) bool { return !seen[r] })
}

func (b *builder) addPools(ctx context.Context, spec Cluster, cluster *object.ClusterComputeResource, hosts []*simulator.HostSystem) error {
	root, err := cluster.ResourcePool(ctx)
	if err != nil {
		return err
	}
	b.pools[spec.Name] = root
	allocateRoot(b.w.reg.Get(root.Reference()).(*simulator.ResourcePool), hosts)
	for _, p := range spec.ResourcePools {
		key := spec.Name
		for _, name := range strings.Split(p.Path, "/") {
			parent := b.pools[key]
			key = path.Join(key, name)
			if b.pools[key] != nil {
				continue
			}
			child, err := parent.Create(ctx, name, types.DefaultResourceConfigSpec())
			if err != nil {
				return fmt.Errorf("resource pool %q: %w", key, err)
			}
			b.pools[key] = child
		}
		p.allocate(&b.w.reg.Get(b.pools[key].Reference()).(*simulator.ResourcePool).Config)
	}
	return nil
}

func (b *builder) addFolders(ctx context.Context) error {
	b.vmDirs[""] = b.folders.VmFolder
	for _, p := range b.dc.Folders {
		key := ""
		for _, name := range strings.Split(p, "/") {
			parent := b.vmDirs[key]
			key = path.Join(key, name)
			if b.vmDirs[key] != nil {
				continue
			}
			child, err := parent.CreateFolder(ctx, name)
			if err != nil {
				return fmt.Errorf("folder %q: %w", key, err)
			}
			b.vmDirs[key] = child
		}
	}
	return nil
}

func (b *builder) addSwitches(ctx context.Context) error {
	for _, spec := range b.dc.Switches {
		create := types.DVSCreateSpec{ConfigSpec: &types.VMwareDVSConfigSpec{MaxMtu: 1500}}
		create.ConfigSpec.GetDVSConfigSpec().Name = spec.Name
		task, err := b.folders.NetworkFolder.CreateDVS(ctx, create)
		if err != nil {
			return err
		}
		info, err := task.WaitForResult(ctx)
		if err != nil {
			return fmt.Errorf("distributed switch %q: %w", spec.Name, err)
		}
		dvs := object.NewDistributedVirtualSwitch(b.client, info.Result.(ref))
		if err := b.joinHosts(ctx, dvs, spec); err != nil {
			return fmt.Errorf("distributed switch %q: %w", spec.Name, err)
		}
		for _, pg := range spec.PortGroups {
			if err := b.addPortGroup(ctx, dvs, pg); err != nil {
				return fmt.Errorf("port group %q: %w", pg.Name, err)
			}
		}
	}
	return nil
}

// joinHosts leaves out the hosts that have none of the switch's port groups.
func (b *builder) joinHosts(ctx context.Context, dvs *object.DistributedVirtualSwitch, spec Switch) error {
	config := &types.DVSConfigSpec{}
	for _, h := range b.hosts {
		has := func(pg PortGroup) bool { return b.specs[h.Self].hasNetwork(pg.Name) }
		if len(spec.PortGroups) > 0 && !slices.ContainsFunc(spec.PortGroups, has) {
			continue
		}
		config.Host = append(config.Host, types.DistributedVirtualSwitchHostMemberConfigSpec{
			Operation: string(types.ConfigSpecOperationAdd), Host: h.Self,
		})
	}
	task, err := dvs.Reconfigure(ctx, config)
	if err != nil {
		return err
	}
	return task.Wait(ctx)
}

// addPortGroup also takes the port group from the switch's hosts that do not have it, and removes the duplicates that
// vcsim puts into the clusters' network lists, one per host.
func (b *builder) addPortGroup(ctx context.Context, dvs *object.DistributedVirtualSwitch, pg PortGroup) error {
	vlan := &types.VmwareDistributedVirtualSwitchVlanIdSpec{VlanId: pg.VLAN}
	task, err := dvs.AddPortgroup(ctx, []types.DVPortgroupConfigSpec{{
		Name: pg.Name, Type: string(types.DistributedVirtualPortgroupPortgroupTypeEarlyBinding), NumPorts: 8,
		AutoExpand: types.NewBool(true), DefaultPortConfig: &types.VMwareDVSPortSetting{Vlan: vlan},
	}})
	if err != nil {
		return err
	}
	if err := task.Wait(ctx); err != nil {
		return err
	}
	folder := b.w.reg.Get(b.folders.NetworkFolder.Reference()).(*simulator.Folder)
	group := b.w.reg.FindByName(pg.Name, folder.ChildEntity).(*simulator.DistributedVirtualPortgroup)
	b.networks[pg.Name] = group.Self
	for _, h := range b.hosts {
		if !b.specs[h.Self].hasNetwork(pg.Name) {
			simulator.RemoveReference(&h.Network, group.Self)
			simulator.RemoveReference(&group.Host, h.Self)
		}
	}
	for _, c := range b.clusters {
		cluster := b.w.reg.Get(c.Reference()).(*simulator.ClusterComputeResource)
		b.gatherNetworks(cluster, cluster.Network)
	}
	return nil
}

func unique(refs []ref) []ref {
	var out []ref
	for _, r := range refs {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}
