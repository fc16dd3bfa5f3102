// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

var ctx = context.Background()

func (l *lab) remove(vm *object.VirtualMachine) {
	l.t.Helper()
	if task, err := vm.PowerOff(ctx); err == nil {
		_ = task.Wait(ctx) // already off
	}
	task, err := vm.Destroy(ctx)
	must(l.t, err)
	must(l.t, task.Wait(ctx))
}

func TestInventoryOfTheSiteFile(t *testing.T) {
	l := newLab(t)
	c := l.login()
	f := l.finder(c)
	pc := property.DefaultCollector(c.Client)
	equal(t, "about", c.ServiceContent.About.Version+" "+c.ServiceContent.About.ApiVersion, "8.0.3 8.0.3.0")
	centers, err := f.DatacenterList(ctx, "*")
	must(t, err)
	equal(t, "datacenters", len(centers), 2)
	for _, p := range []string{"palette", "palette/gateways", "spectro-templates"} {
		_, err := f.Folder(ctx, "/dc-1/vm/"+p)
		must(t, err)
	}
	_, err = f.ResourcePool(ctx, "/dc-1/host/cluster-1/Resources/palette/gateways")
	must(t, err)

	hosts, err := f.HostSystemList(ctx, "*/*")
	must(t, err)
	facts := map[string]mo.HostSystem{}
	for _, h := range hosts {
		var host mo.HostSystem
		must(t, pc.RetrieveOne(ctx, h.Reference(), nil, &host))
		facts[host.Name] = host
	}
	equal(t, "hosts", strings.Join(sortedKeys(facts), " "), "c1-esx-1 c1-esx-2 c2-esx-1")
	one, two := facts["c1-esx-1"], facts["c1-esx-2"]
	equal(t, "cores", one.Summary.Hardware.NumCpuCores, int16(32))
	equal(t, "memory", two.Hardware.MemorySize, 128*gib)
	equal(t, "maintenance", one.Runtime.InMaintenanceMode && !two.Runtime.InMaintenanceMode, true)
	equal(t, "ntp", strings.Join(one.Config.DateTimeInfo.NtpConfig.Server, ","), "ntp.lab.local")
	equal(t, "no ntp", len(two.Config.DateTimeInfo.NtpConfig.Server), 0)
	var system mo.HostDateTimeSystem
	must(t, pc.RetrieveOne(ctx, *one.ConfigManager.DateTimeSystem, []string{"dateTimeInfo"}, &system))
	equal(t, "ntp of dateTimeSystem", system.DateTimeInfo.NtpConfig.Server[0], "ntp.lab.local")
	for name, want := range map[string]bool{"c1-esx-1": true, "c1-esx-2": false} {
		for _, s := range facts[name].Config.Service.Service {
			if s.Key == "ntpd" {
				equal(t, "ntpd of "+name, s.Running, want)
			}
		}
	}
}

func TestClusterCapacity(t *testing.T) {
	l := newLab(t)
	c := l.login()
	cluster, err := l.finder(c).ClusterComputeResource(ctx, "cluster-1")
	must(t, err)
	pc := property.DefaultCollector(c.Client)
	var compute mo.ClusterComputeResource
	must(t, pc.RetrieveOne(ctx, cluster.Reference(), []string{"summary", "datastore", "network"}, &compute))
	summary := compute.Summary.GetComputeResourceSummary()
	equal(t, "total cpu", summary.TotalCpu, int32(32*2600+16*2000))
	equal(t, "effective cpu", summary.EffectiveCpu, int32(16*2000))
	equal(t, "networks of the cluster", len(compute.Network), 4)
	equal(t, "datastores of the cluster", len(compute.Datastore), 2)
}

func TestDatastoresNetworksAndMachines(t *testing.T) {
	l := newLab(t)
	c := l.login()
	f := l.finder(c)
	pc := property.DefaultCollector(c.Client)
	mounts := map[string]int{"ds-shared-1": 3, "ds-local-1": 1}
	for name, want := range mounts {
		d, err := f.Datastore(ctx, name)
		must(t, err)
		var ds mo.Datastore
		must(t, pc.RetrieveOne(ctx, d.Reference(), nil, &ds))
		equal(t, name+" mounts", len(ds.Host), want)
		equal(t, name+" shared", *ds.Summary.MultipleHostAccess, want > 1)
	}
	n, err := f.Network(ctx, "pg-k8s")
	must(t, err)
	var pg mo.DistributedVirtualPortgroup
	must(t, pc.RetrieveOne(ctx, n.Reference(), []string{"config"}, &pg))
	vlan := pg.Config.DefaultPortConfig.(*types.VMwareDVSPortSetting).Vlan.(*types.VmwareDistributedVirtualSwitchVlanIdSpec)
	equal(t, "vlan", vlan.VlanId, int32(110))
	_, err = f.Network(ctx, "storage")
	must(t, err)

	var vm mo.VirtualMachine
	must(t, pc.RetrieveOne(ctx, l.machine(c, "seeded-1").Reference(), []string{"summary", "runtime", "guest", "snapshot"}, &vm))
	equal(t, "power", vm.Runtime.PowerState, types.VirtualMachinePowerStatePoweredOn)
	equal(t, "address", vm.Guest.IpAddress, "10.0.0.9")
	equal(t, "enum that pyvmomi needs", vm.Summary.Runtime.FaultToleranceState, types.VirtualMachineFaultToleranceStateNotConfigured)
	var host mo.HostSystem
	must(t, pc.RetrieveOne(ctx, *vm.Runtime.Host, []string{"name"}, &host))
	equal(t, "placed on the host that is up", host.Name, "c1-esx-2")
}

func TestUsers(t *testing.T) {
	l := newLab(t)
	for _, u := range [][2]string{{adminName, adminPassword}, {"ADMINISTRATOR@VSPHERE.LOCAL", adminPassword}, {`vsphere.local\svc-palette`, otherPassword}} {
		c, err := l.tryLogin(u[0], u[1])
		must(t, err)
		session, err := c.SessionManager.UserSession(ctx)
		must(t, err)
		if want := domainForm(l.s.site.findUser(u[0]).Name); session.UserName != want {
			t.Errorf("user of the session is %q, want %q", session.UserName, want)
		}
	}
	for _, u := range [][2]string{{adminName, otherPassword}, {"nobody@vsphere.local", adminPassword}, {adminName, ""}, {internalUser, ""}} {
		if _, err := l.tryLogin(u[0], u[1]); faultOf(err) != "InvalidLogin" {
			t.Errorf("%s/%s: %v", u[0], u[1], err)
		}
	}
}

func TestRolesAndPermissions(t *testing.T) {
	l := newLab(t)
	c := l.login()
	m := object.NewAuthorizationManager(c.Client)
	folder, err := l.finder(c).Folder(ctx, "/dc-1/vm/palette")
	must(t, err)
	below, err := l.finder(c).Folder(ctx, "/dc-1/vm/palette/gateways")
	must(t, err)
	first, err := m.AddRole(ctx, "one", []string{"Folder.Create"})
	must(t, err)
	second, err := m.AddRole(ctx, "two", []string{"Folder.Delete"})
	must(t, err)
	equal(t, "role ids differ", first != second && first > 0, true)
	_, err = m.AddRole(ctx, "one", nil)
	equal(t, "same role again", faultOf(err), "AlreadyExists")
	_, err = m.AddRole(ctx, "three", []string{"Nonsense.Priv"})
	equal(t, "unknown privilege", faultOf(err), "InvalidArgument")
	grant := func(user string, role int32, spread bool) error {
		return m.SetEntityPermissions(ctx, folder.Reference(), []types.Permission{{Principal: user, RoleId: role, Propagate: spread}})
	}
	equal(t, "unknown role", faultOf(grant(otherName, 4711, true)), "NotFound")
	must(t, grant(otherName, first, true))
	must(t, grant(adminName, second, false))
	list, err := m.RetrieveEntityPermissions(ctx, folder.Reference(), false)
	must(t, err)
	equal(t, "permissions are merged by principal", len(list), 2)
	all, err := m.RetrieveAllPermissions(ctx)
	must(t, err)
	equal(t, "all permissions", len(all), 3)
	has, err := m.FetchUserPrivilegeOnEntities(ctx, []ref{below.Reference()}, otherName)
	must(t, err)
	equal(t, "inherited privilege", slices.Contains(has[0].Privileges, "Folder.Create"), true)
	has, err = m.FetchUserPrivilegeOnEntities(ctx, []ref{below.Reference()}, adminName)
	must(t, err)
	equal(t, "a permission that does not propagate leaves the ancestor's in force", len(has[0].Privileges) > 400, true)
	must(t, m.RemoveEntityPermission(ctx, folder.Reference(), otherName, false))
	equal(t, "removed twice", faultOf(m.RemoveEntityPermission(ctx, folder.Reference(), otherName, false)), "NotFound")
	equal(t, "system role", faultOf(m.RemoveRole(ctx, adminRole, false)), "InvalidArgument")
}

func TestExtraConfigGuard(t *testing.T) {
	l := newLab(t)
	c := l.login()
	vm := l.machine(c, "seeded-1")
	bad := []types.OptionValue{
		{Key: "SET.guest.nonsense", Value: "x"}, {Key: "SET.guest.ipAddress", Value: int32(5)}, {Key: "ip0", Value: true},
		{Key: "SET.config.name", Value: "x"}, {Key: "RUN.container", Value: "nginx"},
	}
	for _, option := range bad {
		spec := types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{&option}}
		_, err := vm.Reconfigure(ctx, spec)
		equal(t, "reconfigure with "+option.Key, faultOf(err), "InvalidArgument")
		folder, err := l.finder(c).Folder(ctx, "/dc-1/vm")
		must(t, err)
		_, err = vm.Clone(ctx, folder, "clone", types.VirtualMachineCloneSpec{Config: &spec})
		equal(t, "clone with "+option.Key, faultOf(err), "InvalidArgument")
	}
	good := &types.OptionValue{Key: "SET.guest.hostName", Value: "node-1"}
	task, err := vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{good}})
	must(t, err)
	must(t, task.Wait(ctx))
	var props mo.VirtualMachine
	must(t, vm.Properties(ctx, vm.Reference(), []string{"guest"}, &props))
	equal(t, "host name", props.Guest.HostName, "node-1")
}

func TestBadReferencesDoNotEndTheProcess(t *testing.T) {
	l := newLab(t)
	c := l.login()
	vm := l.machine(c, "seeded-1")
	_, err := methods.ReconfigureComputeResource_Task(ctx, c.Client, &types.ReconfigureComputeResource_Task{
		This: vm.Reference(), Spec: &types.ClusterConfigSpecEx{},
	})
	equal(t, "method that the object does not have", faultOf(err), "MethodNotFound")
	missing := ref{Type: "HostSystem", Value: "host-none"}
	task, err := vm.Relocate(ctx, types.VirtualMachineRelocateSpec{Host: &missing}, types.VirtualMachineMovePriorityDefaultPriority)
	if err == nil {
		err = task.Wait(ctx)
	}
	equal(t, "task that panics in vcsim", faultOf(err), "SystemError")
	// vcsim converts the missing folder to a Datastore without looking and panics
	_, err = methods.CreateImportSpec(ctx, c.Client, &types.CreateImportSpec{
		This: *c.ServiceContent.OvfManager, OvfDescriptor: descriptor, ResourcePool: missing, Datastore: missing,
		Cisp: &types.OvfCreateImportSpecParams{EntityName: "x"},
	})
	equal(t, "call that panics in vcsim", faultOf(err), "InvalidArgument")
	_, err = methods.CreateClusterEx(ctx, c.Client, &types.CreateClusterEx{This: vm.Reference(), Name: "x"})
	equal(t, "another", faultOf(err), "MethodNotFound")
	var props mo.VirtualMachine
	must(t, vm.Properties(ctx, vm.Reference(), []string{"name"}, &props))
	equal(t, "still readable", props.Name, "seeded-1")
}

func TestClone(t *testing.T) {
	l := newLab(t)
	c := l.login()
	vm := l.machine(c, "seeded-1")
	folder, err := l.finder(c).Folder(ctx, "/dc-1/vm/palette")
	must(t, err)
	pool, err := l.finder(c).ResourcePool(ctx, "/dc-1/host/cluster-2/Resources")
	must(t, err)
	target := pool.Reference()
	spec := types.VirtualMachineCloneSpec{
		Location: types.VirtualMachineRelocateSpec{Pool: &target}, PowerOn: true,
		Config: &types.VirtualMachineConfigSpec{Annotation: "made here", NumCPUs: 8, ExtraConfig: []types.BaseOptionValue{
			&types.OptionValue{Key: "SET.guest.ipAddress", Value: "10.0.0.77"}}},
	}
	task, err := vm.Clone(ctx, folder, "node-1", spec)
	must(t, err)
	must(t, task.Wait(ctx))
	var props mo.VirtualMachine
	node := l.machine(c, "node-1")
	must(t, node.Properties(ctx, node.Reference(), nil, &props))
	equal(t, "annotation", props.Config.Annotation, "made here")
	equal(t, "address", props.Guest.IpAddress, "10.0.0.77")
	equal(t, "host of the pool's cluster", l.s.world.Load().objectName(*props.Runtime.Host), "c2-esx-1")
	equal(t, "enum that pyvmomi needs", props.Runtime.RecordReplayState, types.VirtualMachineRecordReplayStateInactive)
	task, err = node.PowerOff(ctx)
	must(t, err)
	must(t, task.Wait(ctx))
	must(t, node.Properties(ctx, node.Reference(), nil, &props))
	equal(t, "address after power off", props.Guest.IpAddress, "")
	task, err = vm.Clone(ctx, folder, "node-1", spec)
	must(t, err)
	equal(t, "same name again", faultOf(task.Wait(ctx)), "DuplicateName")
}

func TestClockIsShownEverywhere(t *testing.T) {
	l := newLab(t)
	c := l.login()
	l.ask("POST", "/clock", map[string]any{"offset_seconds": 86400})
	now, err := methods.GetCurrentTime(ctx, c.Client)
	must(t, err)
	if d := now.Sub(time.Now()); d < 86390*time.Second || d > 86410*time.Second {
		t.Errorf("CurrentTime is off by %s", d)
	}
	res, err := l.http.Get(l.url + "/sdk/vimServiceVersions.xml")
	must(t, err)
	res.Body.Close()
	date, err := http.ParseTime(res.Header.Get("Date"))
	must(t, err)
	if d := date.Sub(time.Now()); d < 86390*time.Second || d > 86410*time.Second {
		t.Errorf("Date is off by %s", d)
	}
}

func TestResetBuildsTheSameSiteAndStateIsStable(t *testing.T) {
	l := newLab(t)
	before := l.ask("GET", "/state", nil)
	if again := l.ask("GET", "/state", nil); !reflect.DeepEqual(before, again) {
		t.Error("two dumps of the same state differ")
	}
	c := l.login()
	l.remove(l.machine(c, "seeded-1"))
	g := tagging{lab: l, spelling: spellings[0], session: l.restLogin()}
	g.category("x", "SINGLE")
	l.ask("POST", "/faults", []map[string]any{{"method": "*", "kind": "drop-before", "count": 0}})
	l.ask("POST", "/reset", nil)
	_, err := methods.GetCurrentTime(ctx, c.Client)
	equal(t, "old session", faultOf(err), "NotAuthenticated")
	if after := l.ask("GET", "/state", nil); !reflect.DeepEqual(before, after) {
		t.Errorf("state after reset differs:\n%v\n%v", before, after)
	}
	equal(t, "journal after reset", len(l.ask("GET", "/journal", nil)["items"].([]any)), 1)
	l.machine(l.login(), "seeded-1")
	var homes []string
	entries, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "govcsim-*"))
	must(t, err)
	homes = append(homes, entries...)
	equal(t, "folders of datastores", fmt.Sprint(len(homes)), "1")
}

func TestRevokeSessions(t *testing.T) {
	l := newLab(t)
	c := l.login()
	id := l.restLogin()
	l.ask("POST", "/revoke-sessions", nil)
	_, err := methods.GetCurrentTime(ctx, c.Client)
	equal(t, "SOAP session", faultOf(err), "NotAuthenticated")
	code, _ := l.rest(id, "GET", "/api/session", nil)
	equal(t, "REST session", code, 401)
	if soap.IsSoapFault(err) {
		must(t, c.SessionManager.Login(ctx, userinfo()))
	}
}
