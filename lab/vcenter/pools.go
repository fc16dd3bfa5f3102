// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// resource is CPU (MHz) or memory (bytes) of one pool.
type resource struct {
	limit       int64 // -1: none
	reservation int64
	expandable  bool
	used        int64 // by the machines in the pool and below
	keptForVMs  int64 // reserved by the pool's own machines
	keptBelow   int64 // reserved by its machines and its child pools
	most        int64 // what the pool could use at most
	unreserved  int64
}

// poolNode is a pool with its children, while figures are computed.
type poolNode struct {
	pool        *simulator.ResourcePool
	children    []*poolNode
	cpu, memory resource
}

func (u *usage) poolTree(r ref, inPool map[ref]load) *poolNode {
	pool, ok := u.w.reg.Get(r).(*simulator.ResourcePool)
	if !ok {
		return nil
	}
	n := &poolNode{pool: pool}
	var below []ref
	u.w.locked(pool, func() {
		n.cpu, n.memory = allocated(pool.Config.CpuAllocation, 0), allocated(pool.Config.MemoryAllocation, 20)
		below = append(below, pool.ResourcePool.ResourcePool...)
	})
	taken := inPool[r]
	n.cpu.used, n.cpu.keptForVMs = taken.cpu, taken.cpuKept
	n.memory.used, n.memory.keptForVMs = taken.memory, taken.ramKept
	for _, c := range below {
		if child := u.poolTree(c, inPool); child != nil {
			n.children = append(n.children, child)
		}
	}
	return n
}

func allocated(a types.ResourceAllocationInfo, shift int) resource {
	r := resource{limit: -1}
	if a.Limit != nil && *a.Limit >= 0 {
		r.limit = *a.Limit << shift
	}
	if a.Reservation != nil {
		r.reservation = *a.Reservation << shift
	}
	r.expandable = a.ExpandableReservation != nil && *a.ExpandableReservation
	return r
}

// demandUpwards sums usage and reservations from the leaves.
func (n *poolNode) demandUpwards() {
	n.cpu.keptBelow, n.memory.keptBelow = n.cpu.keptForVMs, n.memory.keptForVMs
	for _, c := range n.children {
		c.demandUpwards()
		n.cpu.add(&c.cpu)
		n.memory.add(&c.memory)
	}
}

func (r *resource) add(child *resource) {
	r.used += child.used
	kept := child.reservation
	if child.expandable {
		kept = max(kept, child.keptBelow)
	}
	r.keptBelow += kept
}

// shareDownwards says what each pool may use and reserve, within its limit and its parent's.
func (n *poolNode) shareDownwards(parent *poolNode) {
	if parent == nil {
		n.cpu.within(nil)
		n.memory.within(nil)
	} else {
		n.cpu.within(&parent.cpu)
		n.memory.within(&parent.memory)
	}
	for _, c := range n.children {
		c.shareDownwards(n)
	}
}

func (r *resource) within(parent *resource) {
	r.most, r.unreserved = r.limit, max(r.reservation-r.keptBelow, 0)
	if parent != nil {
		if r.limit < 0 || r.limit > parent.most {
			r.most = parent.most
		}
		if r.expandable {
			r.unreserved += parent.unreserved
		}
	}
	r.unreserved = max(min(r.unreserved, r.most-r.keptBelow), 0)
	r.used = min(r.used, r.most)
}

func (r *resource) shown() types.ResourcePoolResourceUsage {
	return types.ResourcePoolResourceUsage{
		ReservationUsed: r.keptBelow, ReservationUsedForVm: r.keptForVMs, UnreservedForPool: r.unreserved, UnreservedForVm: r.unreserved,
		OverallUsage: r.used, MaxUsage: r.most,
	}
}

// publish writes the figures into the pools whose figures changed.
func (u *usage) publish(n *poolNode) {
	cpu, memory := n.cpu.shown(), n.memory.shown()
	u.w.locked(n.pool, func() {
		if n.pool.Runtime.Cpu == cpu && n.pool.Runtime.Memory == memory {
			return
		}
		runtime := types.ResourcePoolRuntimeInfo{Cpu: cpu, Memory: memory, OverallStatus: types.ManagedEntityStatusGreen}
		changes := []types.PropertyChange{{Name: "runtime", Val: runtime}}
		if s := n.pool.Summary.GetResourcePoolSummary(); s != nil {
			summary := *s
			summary.Name, summary.Runtime, summary.Config = n.pool.Name, runtime, n.pool.Config
			changes = append(changes, types.PropertyChange{Name: "summary", Val: &summary})
		}
		u.w.context().Update(n.pool, changes)
	})
	for _, c := range n.children {
		u.publish(c)
	}
}

// allocate sets the limits and reservations of a pool of the site file.
func (p *Pool) allocate(config *types.ResourceConfigSpec) {
	limit := func(value *int64) *int64 {
		if value == nil {
			return types.NewInt64(-1)
		}
		return types.NewInt64(*value)
	}
	config.CpuAllocation.Limit, config.MemoryAllocation.Limit = limit(p.CPULimit), limit(p.MemoryLimit)
	config.CpuAllocation.Reservation, config.MemoryAllocation.Reservation = types.NewInt64(p.CPUReservation), types.NewInt64(p.MemoryReservation)
	for _, a := range []*types.ResourceAllocationInfo{&config.CpuAllocation, &config.MemoryAllocation} {
		a.ExpandableReservation = types.NewBool(p.Expandable == nil || *p.Expandable)
	}
}

// allocateRoot gives a compute cluster's own pool the cluster's whole capacity; vcsim's has that of one small host.
func allocateRoot(pool *simulator.ResourcePool, hosts []*simulator.HostSystem) {
	mhz, memory, _, _ := hostCapacity(hosts)
	whole := func(amount int64, shares int32) types.ResourceAllocationInfo {
		return types.ResourceAllocationInfo{
			Reservation: types.NewInt64(amount), Limit: types.NewInt64(amount), ExpandableReservation: types.NewBool(true),
			Shares: &types.SharesInfo{Shares: shares, Level: types.SharesLevelNormal},
		}
	}
	pool.Config = types.ResourceConfigSpec{
		Entity: &pool.Self, CpuAllocation: whole(int64(mhz), 4000), MemoryAllocation: whole(memory>>20, 163840),
	}
}
