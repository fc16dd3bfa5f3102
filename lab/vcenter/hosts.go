// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const gib = int64(1) << 30

func (b *builder) addHost(cluster *object.ClusterComputeResource, spec *Host) (*simulator.HostSystem, error) {
	sim := b.w.reg.Get(cluster.Reference()).(*simulator.ClusterComputeResource)
	add := &types.AddHost_Task{This: sim.Self, Spec: types.HostConnectSpec{HostName: spec.Name}, AsConnected: true}
	result, fault := b.w.result(sim.AddHostTask(b.w.context(), add).(*methods.AddHost_TaskBody).Res.Returnval)
	if fault != nil {
		return nil, fmt.Errorf("%s", faultName(fault))
	}
	host := b.w.reg.Get(result.(ref)).(*simulator.HostSystem)
	b.specs[host.Self] = spec
	setHostCapacity(host, spec)
	b.setHostAddress(host, spec.Address)
	b.setHostTime(host, spec)
	return host, nil
}

func setHostCapacity(h *simulator.HostSystem, spec *Host) {
	packages := int16(2)
	if spec.Cores < 2 || spec.Cores%2 != 0 {
		packages = 1
	}
	memory := int64(spec.MemoryGiB * float64(gib))
	hw := h.Summary.Hardware
	hw.Vendor, hw.Model, hw.CpuModel = "Lab", "Lab ESX host", "Lab(R) CPU"
	hw.CpuMhz, hw.NumCpuPkgs, hw.NumCpuCores, hw.NumCpuThreads = spec.MHz, packages, spec.Cores, 2*spec.Cores
	hw.MemorySize = memory
	h.Hardware.MemorySize = memory
	h.Hardware.CpuInfo = types.HostCpuInfo{
		NumCpuPackages: packages, NumCpuCores: spec.Cores, NumCpuThreads: 2 * spec.Cores, Hz: int64(spec.MHz) * 1_000_000,
	}
	h.Hardware.SystemInfo.Vendor, h.Hardware.SystemInfo.Model = hw.Vendor, hw.Model
}

// setHostProduct comes after the last host of the compute cluster: adding one parses the others' versions, and vcsim knows
// none above 8.0.2.
func (b *builder) setHostProduct(h *simulator.HostSystem) {
	v := b.specs[h.Self]
	product := *h.Summary.Config.Product
	product.Version, product.ApiVersion, product.Build = v.Version, v.APIVersion, v.Build
	product.FullName = fmt.Sprintf("%s %s build-%s", product.Name, v.Version, v.Build)
	h.Summary.Config.Product = &product
	h.Config.Product = product
}

// setHostAddress gives the management interface vmk0 the host's own address; in vcsim all hosts have 127.0.0.1.
func (b *builder) setHostAddress(h *simulator.HostSystem, address string) {
	if address == "" {
		return
	}
	own := func(nics []types.HostVirtualNic) []types.HostVirtualNic {
		nics = slices.Clone(nics)
		for i := range nics {
			if nics[i].Device == "vmk0" {
				nics[i].Spec.Ip = &types.HostIpConfig{IpAddress: address, SubnetMask: "255.0.0.0"}
			}
		}
		return nics
	}
	selected := func(configs []types.VirtualNicManagerNetConfig) []types.VirtualNicManagerNetConfig {
		configs = slices.Clone(configs)
		for i := range configs {
			configs[i].CandidateVnic = own(configs[i].CandidateVnic)
		}
		return configs
	}
	h.Config.Network.Vnic = own(h.Config.Network.Vnic)
	if info := h.Config.VirtualNicManagerInfo; info != nil {
		info.NetConfig = selected(info.NetConfig)
	}
	if manager, ok := b.w.reg.Get(*h.ConfigManager.VirtualNicManager).(*simulator.HostVirtualNicManager); ok {
		manager.Info.NetConfig = selected(manager.Info.NetConfig)
	}
}

// setHostTime gives the host the time and service objects that vcsim lacks (vcsim answers ManagedObjectNotFound for both).
func (b *builder) setHostTime(h *simulator.HostSystem, spec *Host) {
	zone := types.HostDateTimeSystemTimeZone{Key: "UTC", Name: "UTC", Description: "UTC"}
	info := types.HostDateTimeInfo{TimeZone: zone, NtpConfig: &types.HostNtpConfig{Server: slices.Clone(spec.NTP)}}
	dts := &dateTimeSystem{clock: b.w.clock, host: spec}
	dts.Self = ref{Type: "HostDateTimeSystem", Value: "dateTimeSystem-" + h.Self.Value}
	dts.DateTimeInfo = info
	b.w.reg.Put(dts)
	h.ConfigManager.DateTimeSystem = &dts.Self
	h.Config.DateTimeInfo = &info

	services := &types.HostServiceInfo{}
	if h.Config.Service != nil {
		services.Service = slices.Clone(h.Config.Service.Service)
	}
	setService(services, types.HostService{
		Key: "ntpd", Label: "NTP Daemon", Running: *spec.NTPRunning, Policy: spec.NTPPolicy, Ruleset: []string{"ntpClient"},
	})
	h.Config.Service = services
	system := &mo.HostServiceSystem{ServiceInfo: *services}
	system.Self = ref{Type: "HostServiceSystem", Value: "serviceSystem-" + h.Self.Value}
	b.w.reg.Put(system)
	h.ConfigManager.ServiceSystem = &system.Self
}

func setService(info *types.HostServiceInfo, service types.HostService) {
	for i := range info.Service {
		if info.Service[i].Key == service.Key {
			info.Service[i] = service
			return
		}
	}
	info.Service = append(info.Service, service)
}

type dateTimeSystem struct {
	mo.HostDateTimeSystem
	clock *labClock
	host  *Host
}

// QueryDateTime is the lab's time plus the host's skew; a host that vCenter cannot reach has no answer.
func (d *dateTimeSystem) QueryDateTime(*types.QueryDateTime) soap.HasFault {
	body := new(methods.QueryDateTimeBody)
	switch d.host.State {
	case "disconnected":
		body.Fault_ = simulator.Fault("The host is not connected.", &types.HostNotConnected{})
	case "notResponding":
		body.Fault_ = simulator.Fault("The host does not respond.", &types.HostNotReachable{})
	default:
		skew := time.Duration(d.host.Skew * float64(time.Second))
		body.Res = &types.QueryDateTimeResponse{Returnval: d.clock.Now().Add(skew)}
	}
	return body
}

// setClusterFeatures switches DRS and HA, both on unless the site file says otherwise; vcsim ignores the creation spec.
func setClusterFeatures(c *simulator.ClusterComputeResource, spec Cluster) {
	on := func(p *bool) *bool { return types.NewBool(p == nil || *p) }
	config := c.ConfigurationEx.(*types.ClusterConfigInfoEx)
	config.DrsConfig.Enabled = on(spec.DRS)
	config.DrsConfig.DefaultVmBehavior = types.DrsBehaviorFullyAutomated
	config.DasConfig.Enabled = on(spec.HA)
	config.DasConfig.AdmissionControlEnabled = on(spec.HA)
}

func hostCapacity(hosts []*simulator.HostSystem) (mhz int32, memory int64, cores, threads int16) {
	for _, h := range hosts {
		hw := h.Summary.Hardware
		mhz += hw.CpuMhz * int32(hw.NumCpuCores)
		memory += hw.MemorySize
		cores += hw.NumCpuCores
		threads += hw.NumCpuThreads
	}
	return
}

func setClusterCapacity(c *simulator.ClusterComputeResource, hosts []*simulator.HostSystem) {
	mhz, memory, cores, threads := hostCapacity(hosts)
	s := c.Summary.GetComputeResourceSummary()
	s.TotalCpu, s.EffectiveCpu = mhz, mhz
	s.TotalMemory, s.EffectiveMemory = memory, memory>>20 // effectiveMemory is in MB, totalMemory in bytes
	s.NumCpuCores, s.NumCpuThreads = cores, threads
	s.NumHosts, s.NumEffectiveHosts = int32(len(hosts)), int32(len(hosts))
}

// setStates comes after everything that needs the hosts to be up.
func (b *builder) setStates(context.Context) error {
	for _, h := range b.hosts {
		spec := b.specs[h.Self]
		h.Runtime.InMaintenanceMode = spec.Maintenance
		h.Runtime.ConnectionState = types.HostSystemConnectionState(spec.State)
		h.Runtime.PowerState = types.HostSystemPowerState(spec.Power)
	}
	return nil
}

func (b *builder) addDatastores(ctx context.Context) error {
	for _, spec := range b.dc.Datastores {
		dir := filepath.Join(b.w.home(), b.dc.Name+"-"+spec.Name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		b.stores[spec.Name] = dir
		var mounted []*simulator.HostSystem
		for _, h := range b.hosts {
			if spec.Hosts.has(h.Name) {
				mounted = append(mounted, h)
			}
		}
		if len(mounted) == 0 {
			return fmt.Errorf("datastore %q is mounted on no host", spec.Name)
		}
		var self ref
		for _, h := range mounted {
			system, err := object.NewHostSystem(b.client, h.Self).ConfigManager().DatastoreSystem(ctx)
			if err != nil {
				return err
			}
			ds, err := system.CreateLocalDatastore(ctx, spec.Name, dir)
			if err != nil {
				return fmt.Errorf("datastore %q on %q: %w", spec.Name, h.Name, err)
			}
			if ds.Reference().Value != "" {
				self = ds.Reference()
			}
		}
		b.setDatastoreFacts(b.w.reg.Get(self).(*simulator.Datastore), spec, len(mounted))
	}
	return nil
}

func (b *builder) setDatastoreFacts(ds *simulator.Datastore, spec Datastore, hosts int) {
	capacity := int64(spec.CapacityGiB * float64(gib))
	free := capacity
	if spec.FreeGiB != nil {
		free = int64(*spec.FreeGiB * float64(gib))
	}
	ds.Summary.Type = orString(spec.Type, "VMFS")
	ds.Summary.Capacity, ds.Summary.FreeSpace = capacity, free
	ds.Summary.MultipleHostAccess = types.NewBool(hosts > 1)
	info := *ds.Info.GetDatastoreInfo()
	info.FreeSpace, info.MaxFileSize, info.MaxMemoryFileSize = free, 62<<40, 62<<40
	ds.Info = &types.VmfsDatastoreInfo{DatastoreInfo: info, Vmfs: &types.HostVmfsVolume{
		HostFileSystemVolume: types.HostFileSystemVolume{Type: "VMFS", Name: ds.Name, Capacity: capacity},
		BlockSizeMb:          1, MajorVersion: 6, Version: "6.82", Uuid: stableUUID("vmfs", ds.Self.Value),
	}}
	ds.Summary.MaintenanceMode = orString(spec.Maintenance, string(types.DatastoreSummaryMaintenanceModeStateNormal))
	ds.Summary.Accessible = false
	for i := range ds.Host {
		mount := &ds.Host[i].MountInfo
		mount.Path = "/vmfs/volumes/" + ds.Name
		if slices.Contains(spec.Lost, b.specs[ds.Host[i].Key].Name) {
			mount.Accessible = types.NewBool(false)
			mount.InaccessibleReason = string(types.HostMountInfoInaccessibleReasonAllPathsDown_Timeout)
			continue
		}
		ds.Summary.Accessible = true
	}
}

// home is the directory that holds the datastores' files.
func (w *world) home() string {
	for _, o := range w.reg.OptionManager().Setting {
		if v := o.GetOptionValue(); v.Key == "vcsim.home" {
			return v.Value.(string)
		}
	}
	return os.TempDir()
}
