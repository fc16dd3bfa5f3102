// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// bulkSite has n machines of two shapes in two folders and pools, and the same again as templates.
func bulkSite(t *testing.T, n int) string {
	t.Helper()
	site := map[string]any{}
	must(t, json.Unmarshal([]byte(usageSite), &site))
	dc := site["vcenter"].(map[string]any)["datacenters"].([]any)[0].(map[string]any)
	dc["folders"] = []string{"work", "work/deep"}
	var machines []any
	for i := range n {
		m := map[string]any{"name": fmt.Sprintf("w-%03d", i), "folder": "work", "compute_cluster": "cluster-1", "power": i%2 == 0, "cpus": 1, "memory_mib": 1024}
		if i%3 == 0 {
			m["folder"], m["resource_pool"] = "work/deep", "team/kept"
		}
		machines = append(machines, m)
	}
	for i := range 3 {
		machines = append(machines, map[string]any{"name": fmt.Sprintf("template-%d", i), "compute_cluster": "cluster-1", "template": true})
	}
	dc["virtual_machines"] = machines
	text, err := json.Marshal(site)
	must(t, err)
	return string(text)
}

func machineFacts(t *testing.T, c *govmomi.Client) map[string]mo.VirtualMachine {
	return gather(t, c, "VirtualMachine", func(v mo.VirtualMachine) string { return v.Name }, "parent", "resourcePool", "runtime", "config", "summary", "guest",
		"datastore", "network", "environmentBrowser", "layoutEx", "storage")
}

func TestMachinesInBulkAreOrdinaryObjects(t *testing.T) {
	l := newLabOf(t, bulkSite(t, 60))
	c := l.login()
	vms := machineFacts(t, c)
	equal(t, "machines", len(vms), 63)
	seen := map[string]string{}
	for name, vm := range vms {
		nics := object.VirtualDeviceList(vm.Config.Hardware.Device).SelectByType((*types.VirtualEthernetCard)(nil))
		disks := object.VirtualDeviceList(vm.Config.Hardware.Device).SelectByType((*types.VirtualDisk)(nil))
		equal(t, "disks of "+name, len(disks), 1)
		file := disks[0].GetVirtualDevice().Backing.(*types.VirtualDiskFlatVer2BackingInfo).FileName
		mac := nics[0].(types.BaseVirtualEthernetCard).GetVirtualEthernetCard().MacAddress
		ids := []string{vm.Self.Value, vm.Config.Uuid, vm.Config.InstanceUuid, vm.Config.Files.VmPathName, file, mac}
		for _, id := range ids {
			if other := seen[id]; other != "" {
				t.Errorf("%s has the id %s of %s", name, id, other)
			}
			seen[id] = name
		}
		equal(t, "path of "+name, vm.Config.Files.VmPathName, "[ds-shared-1] "+name+"/"+name+".vmx")
		equal(t, "disk of "+name, strings.HasPrefix(file, "[ds-shared-1] "+name+"/"), true)
		equal(t, "names of "+name, fmt.Sprint(vm.Config.Name, vm.Summary.Config.Name, vm.Summary.Vm.Value), fmt.Sprint(name, name, vm.Self.Value))
		equal(t, "summary's path of "+name, vm.Summary.Config.VmPathName, vm.Config.Files.VmPathName)
		equal(t, "summary's host of "+name, *vm.Summary.Runtime.Host, *vm.Runtime.Host)
		equal(t, "fault tolerance of "+name, vm.Runtime.FaultToleranceState, "notConfigured")
		for _, f := range vm.LayoutEx.File {
			equal(t, f.Name+" belongs to "+name, strings.Contains(f.Name, " "+name+"/"), true)
		}
	}
	state := l.ask("GET", "/state", nil)["datacenters"].([]any)[0].(map[string]any)["vms"].([]any)
	equal(t, "machines in the dump", len(state), 63)
	for _, each := range state {
		m := each.(map[string]any)
		if m["name"] == "w-033" {
			equal(t, "place of w-033", fmt.Sprintln(m["path"], m["compute_cluster"], m["resource_pool"], m["power"], m["networks"]),
				"/dc-1/vm/work/deep/w-033 cluster-1 team/kept off [VM Network]\n")
		}
		if m["name"] == "template-2" {
			equal(t, "template-2", fmt.Sprintln(m["template"], m["resource_pool"], m["path"]), "true  /dc-1/vm/template-2\n")
		}
	}
}

// TestReferencesOfMachinesInBulkGoBothWays also compares the figures with the running machines.
func TestReferencesOfMachinesInBulkGoBothWays(t *testing.T) {
	l := newLabOf(t, bulkSite(t, 60))
	c := l.login()
	vms := machineFacts(t, c)
	byRef := map[ref]mo.VirtualMachine{}
	for _, vm := range vms {
		byRef[vm.Self] = vm
	}
	count := func(what string, refs []ref, belongs func(mo.VirtualMachine) bool, want int) {
		t.Helper()
		equal(t, "machines of "+what, len(refs), want)
		for _, r := range refs {
			equal(t, what+" and its machine", belongs(byRef[r]), true)
		}
	}
	perHost := 0
	for name, h := range hostFacts(t, c, "vm") {
		perHost += len(h.Vm)
		count("host "+name, h.Vm, func(v mo.VirtualMachine) bool { return *v.Runtime.Host == h.Self }, len(h.Vm))
	}
	equal(t, "machines on hosts", perHost, 63)
	pools := gather(t, c, "ResourcePool", func(p mo.ResourcePool) string { return p.Name }, "vm", "runtime")
	count("pool kept", pools["kept"].Vm, func(v mo.VirtualMachine) bool { return *v.ResourcePool == pools["kept"].Self }, 20)
	count("the cluster's pool", pools["Resources"].Vm, func(v mo.VirtualMachine) bool { return *v.ResourcePool == pools["Resources"].Self }, 40)
	equal(t, "running machines in kept", pools["kept"].Runtime.Memory.OverallUsage/mib, 10*1024)
	equal(t, "running machines", pools["Resources"].Runtime.Memory.OverallUsage/mib, 30*1024)
	folders := gather(t, c, "Folder", func(f mo.Folder) string { return f.Name }, "childEntity")
	deep := slices.DeleteFunc(folders["deep"].ChildEntity, func(r ref) bool { return r.Type != "VirtualMachine" })
	count("folder deep", deep, func(v mo.VirtualMachine) bool { return *v.Parent == folders["deep"].Self }, 20)
	ds := gather(t, c, "Datastore", func(d mo.Datastore) string { return d.Name }, "vm", "summary")["ds-shared-1"]
	count("the datastore", ds.Vm, func(v mo.VirtualMachine) bool { return v.Datastore[0] == ds.Self }, 63)
	equal(t, "free GiB", ds.Summary.FreeSpace/gib, 1000-63*20)
}

func TestOperationsOnMachinesInBulk(t *testing.T) {
	l := newLabOf(t, bulkSite(t, 12))
	c := l.login()
	ctx := context.Background()
	before := machineFacts(t, c)
	run := func(what string) func(*object.Task, error) *types.TaskInfo {
		return func(task *object.Task, err error) *types.TaskInfo {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			info, err := task.WaitForResult(ctx)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			return info
		}
	}
	vm := l.machine(c, "w-010")
	option := []types.BaseOptionValue{&types.OptionValue{Key: "k", Value: "v"}}
	run("reconfigure")(vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{NumCPUs: 4, Annotation: "mine", ExtraConfig: option}))
	devices, err := vm.Device(ctx)
	must(t, err)
	disk := devices.SelectByType((*types.VirtualDisk)(nil))[0].(*types.VirtualDisk)
	disk.CapacityInKB *= 2
	must(t, vm.EditDevice(ctx, disk))
	controller, err := devices.FindSCSIController("")
	must(t, err)
	added := devices.CreateDisk(controller, ref{}, "")
	added.CapacityInKB = 1 << 20
	must(t, vm.AddDevice(ctx, added))
	run("snapshot")(vm.CreateSnapshot(ctx, "s", "", false, false))
	run("power off")(vm.PowerOff(ctx))
	run("power on")(vm.PowerOn(ctx))
	folder, err := l.finder(c).DefaultFolder(ctx)
	must(t, err)
	pool, err := l.finder(c).ResourcePool(ctx, "/dc-1/host/cluster-1/Resources/team")
	must(t, err)
	team := pool.Reference()
	where := types.VirtualMachineCloneSpec{PowerOn: true, Location: types.VirtualMachineRelocateSpec{Pool: &team}}
	run("clone")(l.machine(c, "w-008").Clone(ctx, folder, "clone-1", where))
	run("clone of a template")(l.machine(c, "template-2").Clone(ctx, folder, "clone-2", where))
	run("rename")(l.machine(c, "w-006").Rename(ctx, "renamed"))
	run("power off")(l.machine(c, "w-004").PowerOff(ctx))
	run("destroy")(l.machine(c, "w-004").Destroy(ctx))
	run("destroy of the model")(l.machine(c, "w-001").Destroy(ctx))
	run("power on after the model is gone")(l.machine(c, "w-003").PowerOn(ctx))
	after := machineFacts(t, c)
	changed := after["w-010"]
	equal(t, "the machine that was changed", fmt.Sprint(changed.Config.Hardware.NumCPU, changed.Config.Annotation, changed.Runtime.PowerState), "4minepoweredOn")
	equal(t, "its disks", len(object.VirtualDeviceList(changed.Config.Hardware.Device).SelectByType((*types.VirtualDisk)(nil))), 2)
	for _, name := range []string{"w-000", "w-002", "w-005", "w-011"} {
		a, _ := json.Marshal(before[name].Config)
		b, _ := json.Marshal(after[name].Config)
		equal(t, "config of the machine beside, "+name, string(b), string(a))
	}
	equal(t, "names", fmt.Sprint(after["w-004"].Name, after["w-001"].Name, after["renamed"].Name, after["clone-1"].Name), "renamedclone-1")
	equal(t, "clone of a template", after["clone-2"].Runtime.PowerState, types.VirtualMachinePowerStatePoweredOn)
}

func TestTwoMachinesOfOneNameAreRefused(t *testing.T) {
	site, err := siteOf(strings.Replace(bulkSite(t, 3), `"w-002"`, `"w-001"`, 1))
	must(t, err)
	if _, err = newWorld(site, &labClock{}, "127.0.0.1:1", nil); err == nil || !strings.Contains(err.Error(), `"w-001": there are two`) {
		t.Error(err)
	}
}
