// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

const usageSite = `{"vcenter": {
 "users": [{"name": "administrator@vsphere.local", "password": "lab-admin", "admin": true}, {"name": "svc-palette@vsphere.local", "password": "lab-svc"}],
 "datacenters": [{"name": "dc-1", "datastores": [{"name": "ds-shared-1", "capacity_gib": 1000, "hosts": "all"}],
   "compute_clusters": [{"name": "cluster-1",
     "resource_pools": ["palette",
                        {"path": "palette/small", "cpu_limit_mhz": 3000, "memory_limit_mib": 6144, "memory_reservation_mib": 1024, "expandable": false},
                        {"path": "team/kept", "cpu_reservation_mhz": 10000, "memory_reservation_mib": 20480}],
     "hosts": [{"name": "a", "cores": 10, "mhz": 2000, "memory_gib": 64}, {"name": "b", "cores": 10, "mhz": 2000, "memory_gib": 64}]}],
   "virtual_machines": [
     {"name": "one", "compute_cluster": "cluster-1", "resource_pool": "palette/small", "host": "a", "cpus": 4, "memory_mib": 4096, "power": true},
     {"name": "two", "compute_cluster": "cluster-1", "resource_pool": "palette", "host": "a", "cpus": 2, "memory_mib": 2048, "power": true},
     {"name": "three", "compute_cluster": "cluster-1", "host": "b", "cpus": 8, "memory_mib": 8192}]}]}}`

func poolFacts(t *testing.T, c *govmomi.Client) map[string]mo.ResourcePool {
	return gather(t, c, "ResourcePool", func(p mo.ResourcePool) string { return p.Name }, "runtime", "config", "summary")
}

func figures(u types.ResourcePoolResourceUsage, unit int64) string {
	return fmt.Sprintf("most %d used %d kept %d unreserved %d", u.MaxUsage/unit, u.OverallUsage/unit, u.ReservationUsed/unit, u.UnreservedForVm/unit)
}

// eventually waits for a value that follows within moments.
func eventually(t *testing.T, what string, got func() string, want string) {
	t.Helper()
	last := ""
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if last = got(); last == want {
			return
		}
	}
	t.Errorf("%s: got %s, want %s", what, last, want)
}

const mib = int64(1) << 20

func TestPoolsCountTheirMachines(t *testing.T) {
	c := newLabOf(t, usageSite).login()
	pools := poolFacts(t, c)
	for name, want := range map[string][2]string{
		"Resources": {"most 40000 used 1200 kept 10000 unreserved 30000", "most 131072 used 6144 kept 21504 unreserved 109568"},
		"palette":   {"most 40000 used 1200 kept 0 unreserved 30000", "most 131072 used 6144 kept 1024 unreserved 109568"},
		"small":     {"most 3000 used 800 kept 0 unreserved 0", "most 6144 used 4096 kept 0 unreserved 1024"},
		"team":      {"most 40000 used 0 kept 10000 unreserved 30000", "most 131072 used 0 kept 20480 unreserved 109568"},
		"kept":      {"most 40000 used 0 kept 0 unreserved 40000", "most 131072 used 0 kept 0 unreserved 130048"},
	} {
		p := pools[name]
		equal(t, "CPU of "+name, figures(p.Runtime.Cpu, 1), want[0])
		equal(t, "memory of "+name, figures(p.Runtime.Memory, mib), want[1])
		equal(t, "summary of "+name, p.Summary.GetResourcePoolSummary().Runtime.Memory, p.Runtime.Memory)
		equal(t, "name in the summary", p.Summary.GetResourcePoolSummary().Name, name)
	}
	config := pools["small"].Config
	equal(t, "limits", fmt.Sprint(*config.CpuAllocation.Limit, *config.MemoryAllocation.Limit, *config.MemoryAllocation.ExpandableReservation), "3000 6144 false")
	equal(t, "no limit", *pools["palette"].Config.CpuAllocation.Limit, -1)
	equal(t, "the cluster's own pool", *pools["Resources"].Config.CpuAllocation.Limit, 40000)
}

func TestFiguresFollowTheMachines(t *testing.T) {
	l := newLabOf(t, usageSite)
	c := l.login()
	ctx := context.Background()
	used := func(name string) func() string {
		return func() string { p := poolFacts(t, c)[name]; return figures(p.Runtime.Memory, mib) }
	}
	stats := func() string {
		out := ""
		for _, name := range []string{"a", "b"} {
			s := hostFacts(t, c, "summary.quickStats")[name].Summary.QuickStats
			out += fmt.Sprint(s.OverallCpuUsage, " ", s.OverallMemoryUsage, "; ")
		}
		return out
	}
	equal(t, "hosts", stats(), "1600 9420; 400 3276; ")
	run := func(task *object.Task, err error) {
		t.Helper()
		must(t, err)
		must(t, task.Wait(ctx))
	}
	run(l.machine(c, "three").PowerOn(ctx))
	eventually(t, "hosts with another machine", stats, "1600 9420; 2000 11468; ")
	run(l.machine(c, "one").Reconfigure(ctx, types.VirtualMachineConfigSpec{MemoryMB: 5120}))
	eventually(t, "pool after memory was added", used("small"), "most 6144 used 5120 kept 0 unreserved 1024")
	folder, err := l.finder(c).DefaultFolder(ctx)
	must(t, err)
	pool, err := l.finder(c).ResourcePool(ctx, "/dc-1/host/cluster-1/Resources/team")
	must(t, err)
	team := pool.Reference()
	run(l.machine(c, "two").Clone(ctx, folder, "four", types.VirtualMachineCloneSpec{PowerOn: true, Location: types.VirtualMachineRelocateSpec{Pool: &team}}))
	eventually(t, "pool of a clone", used("team"), "most 131072 used 2048 kept 20480 unreserved 109568")
	run(l.machine(c, "four").PowerOff(ctx))
	run(l.machine(c, "four").Destroy(ctx))
	eventually(t, "pool after the clone is gone", used("team"), "most 131072 used 0 kept 20480 unreserved 109568")
	host, err := l.finder(c).HostSystem(ctx, "b")
	must(t, err)
	run(host.EnterMaintenanceMode(ctx, 0, false, nil))
	effective := func() string {
		clusters := gather(t, c, "ClusterComputeResource", func(c mo.ClusterComputeResource) string { return c.Name }, "summary")
		s := clusters["cluster-1"].Summary.GetComputeResourceSummary()
		return fmt.Sprint(s.NumHosts, s.NumEffectiveHosts, s.TotalCpu, s.EffectiveCpu, s.EffectiveMemory)
	}
	eventually(t, "cluster with a host in maintenance", effective, "2 1 40000 20000 65536")
	eventually(t, "its pools", used("palette"), "most 65536 used 7168 kept 1024 unreserved 44032")
}

func TestAPoolThatAClientMakesHasFigures(t *testing.T) {
	l := newLabOf(t, usageSite)
	c := l.login()
	parent, err := l.finder(c).ResourcePool(context.Background(), "/dc-1/host/cluster-1/Resources/palette/small")
	must(t, err)
	_, err = parent.Create(context.Background(), "made", types.DefaultResourceConfigSpec())
	must(t, err)
	eventually(t, "figures", func() string { p := poolFacts(t, c)["made"]; return figures(p.Runtime.Memory, mib) }, "most 6144 used 0 kept 0 unreserved 1024")
}
