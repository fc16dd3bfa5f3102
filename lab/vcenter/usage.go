// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// mhzPerCPU is what a virtual CPU of a running machine uses in the lab; its memory it uses wholly.
const mhzPerCPU = 200

// load is what a running virtual machine takes: MHz and bytes.
type load struct {
	host, pool        ref
	cpu, memory       int64
	cpuKept, ramKept  int64 // its own reservations
	fromPool, hasHost bool
}

// usage keeps the figures of hosts, resource pools and compute clusters in step with the virtual machines. vcsim leaves
// them as they were made. They follow within moments, as vCenter's own do within half a minute.
type usage struct {
	w       *world
	mu      sync.Mutex
	running map[ref]load
	wake    chan struct{}
}

func newUsage(w *world) *usage {
	return &usage{w: w, running: map[ref]load{}, wake: make(chan struct{}, 1)}
}

// touch asks for new figures.
func (u *usage) touch() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// follow renews the figures when asked to, until the world ends.
func (u *usage) follow() {
	for {
		select {
		case <-u.w.done:
			return
		case <-u.wake:
			u.settle()
		}
	}
}

// note takes over what a machine demands now; the caller holds its lock, or nobody else knows it yet.
func (u *usage) note(vm *mo.VirtualMachine) {
	now, on := demandOf(vm)
	u.mu.Lock()
	before, was := u.running[vm.Self]
	if on {
		u.running[vm.Self] = now
	} else {
		delete(u.running, vm.Self)
	}
	u.mu.Unlock()
	if on != was || now != before {
		u.touch()
	}
}

func (u *usage) forget(vm ref) {
	u.mu.Lock()
	_, was := u.running[vm]
	delete(u.running, vm)
	u.mu.Unlock()
	if was {
		u.touch()
	}
}

func demandOf(vm *mo.VirtualMachine) (load, bool) {
	if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn || vm.Config == nil {
		return load{}, false
	}
	d := load{cpu: int64(vm.Config.Hardware.NumCPU) * mhzPerCPU, memory: int64(vm.Config.Hardware.MemoryMB) << 20}
	if d.hasHost = vm.Runtime.Host != nil; d.hasHost {
		d.host = *vm.Runtime.Host
	}
	if d.fromPool = vm.ResourcePool != nil; d.fromPool {
		d.pool = *vm.ResourcePool
	}
	if a := vm.Config.CpuAllocation; a != nil && a.Reservation != nil {
		d.cpuKept = *a.Reservation
	}
	if a := vm.Config.MemoryAllocation; a != nil && a.Reservation != nil {
		d.ramKept = *a.Reservation << 20
	}
	return d, true
}

// settle computes all figures anew. It holds one object's lock at a time.
func (u *usage) settle() {
	onHost, inPool := map[ref]load{}, map[ref]load{}
	u.mu.Lock()
	for _, d := range u.running {
		if d.hasHost {
			onHost[d.host] = onHost[d.host].plus(d)
		}
		if d.fromPool {
			inPool[d.pool] = inPool[d.pool].plus(d)
		}
	}
	u.mu.Unlock()
	for _, e := range u.w.reg.All("ClusterComputeResource") {
		if cluster, ok := e.(*simulator.ClusterComputeResource); ok {
			u.settleCluster(cluster, onHost, inPool)
		}
	}
}

func (d load) plus(o load) load {
	d.cpu, d.memory, d.cpuKept, d.ramKept = d.cpu+o.cpu, d.memory+o.memory, d.cpuKept+o.cpuKept, d.ramKept+o.ramKept
	return d
}

func (u *usage) settleCluster(cluster *simulator.ClusterComputeResource, onHost, inPool map[ref]load) {
	var hosts []ref
	var root *ref
	u.w.locked(cluster, func() {
		hosts = append(hosts, cluster.Host...)
		root = cluster.ResourcePool
	})
	var mhz int32
	var memory int64
	up := int32(0)
	for _, r := range hosts {
		if host, ok := u.w.reg.Get(r).(*simulator.HostSystem); ok && u.settleHost(host, onHost[r]) {
			up++
			mhz += hostMHz(host)
			memory += host.Summary.Hardware.MemorySize
		}
	}
	u.w.locked(cluster, func() {
		s := cluster.Summary.GetComputeResourceSummary()
		if s.EffectiveCpu == mhz && s.EffectiveMemory == memory>>20 && s.NumEffectiveHosts == up {
			return
		}
		changed := *cluster.Summary.(*types.ClusterComputeResourceSummary)
		changed.EffectiveCpu, changed.EffectiveMemory, changed.NumEffectiveHosts = mhz, memory>>20, up
		u.w.context().Update(cluster, []types.PropertyChange{{Name: "summary", Val: &changed}})
	})
	if root == nil {
		return
	}
	if tree := u.poolTree(*root, inPool); tree != nil {
		tree.cpu.limit, tree.memory.limit = int64(mhz), memory
		tree.cpu.reservation, tree.memory.reservation = int64(mhz), memory
		tree.demandUpwards()
		tree.shareDownwards(nil)
		u.publish(tree)
	}
}

func hostMHz(h *simulator.HostSystem) int32 {
	return h.Summary.Hardware.CpuMhz * int32(h.Summary.Hardware.NumCpuCores)
}

// settleHost sets the host's usage, its own share included, and says whether it can run virtual machines.
func (u *usage) settleHost(h *simulator.HostSystem, taken load) (up bool) {
	u.w.locked(h, func() {
		rt := h.Runtime
		up = rt.ConnectionState == types.HostSystemConnectionStateConnected && rt.PowerState == types.HostSystemPowerStatePoweredOn && !rt.InMaintenanceMode
		total := h.Summary.Hardware.MemorySize >> 20
		stats := h.Summary.QuickStats
		stats.OverallCpuUsage = min(hostMHz(h)/50+int32(taken.cpu), hostMHz(h))
		stats.OverallMemoryUsage = int32(min(total/20+taken.memory>>20, total))
		if stats != h.Summary.QuickStats {
			u.w.context().Update(h, []types.PropertyChange{{Name: "summary.quickStats", Val: stats}})
		}
	})
	return up
}
