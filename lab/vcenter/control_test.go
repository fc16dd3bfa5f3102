// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

func userinfo() *url.Userinfo { return url.UserPassword(adminName, adminPassword) }

func (l *lab) fault(rule map[string]any) {
	l.t.Helper()
	l.ask("POST", "/faults", []map[string]any{rule})
}

func (l *lab) journal() []map[string]any {
	l.t.Helper()
	var out []map[string]any
	for _, i := range l.ask("GET", "/journal", nil)["items"].([]any) {
		out = append(out, i.(map[string]any))
	}
	return out
}

func (l *lab) power(vm *object.VirtualMachine) types.VirtualMachinePowerState {
	l.t.Helper()
	state, err := vm.PowerState(ctx)
	must(l.t, err)
	return state
}

func TestFaultKinds(t *testing.T) {
	l := newLab(t)
	c := l.login()
	vm := l.machine(c, "seeded-1")
	off := func() error {
		task, err := vm.PowerOff(ctx)
		if err == nil {
			err = task.Wait(ctx)
		}
		return err
	}
	for _, name := range []string{"InsufficientResourcesFault", "ResourceInUse", "NoPermission", "InvalidState"} {
		l.fault(map[string]any{"method": "PowerOff*", "object": "seeded-?", "kind": "fault", "fault": name})
		equal(t, "scripted fault", faultOf(off()), name)
	}
	l.fault(map[string]any{"method": "PowerOffVM_Task", "kind": "task-fault", "fault": "InsufficientResourcesFault"})
	equal(t, "failing task", faultOf(off()), "InsufficientResourcesFault")
	l.fault(map[string]any{"method": "PowerOffVM_Task", "object": "another", "kind": "fault", "fault": "InvalidState"})
	l.fault(map[string]any{"method": "PowerOffVM_Task", "kind": "status", "status": 503})
	if err := off(); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("status: %v", err)
	}
	equal(t, "nothing was done", l.power(vm), types.VirtualMachinePowerStatePoweredOn)
	l.fault(map[string]any{"method": "PowerOffVM_Task", "kind": "drop-before"})
	if err := off(); err == nil {
		t.Error("drop-before: the call succeeded")
	}
	equal(t, "nothing was done before the drop", l.power(vm), types.VirtualMachinePowerStatePoweredOn)
	l.fault(map[string]any{"method": "PowerOffVM_Task", "kind": "drop-after-commit"})
	if err := off(); err == nil {
		t.Error("drop-after-commit: the call succeeded")
	}
	for i := 0; l.power(vm) != types.VirtualMachinePowerStatePoweredOff; i++ {
		if i == 500 {
			t.Fatal("drop-after-commit: the call was not carried out")
		}
		time.Sleep(10 * time.Millisecond)
	}
	l.fault(map[string]any{"method": "CurrentTime", "kind": "delay", "seconds": 0.3})
	started := time.Now()
	_, err := methods.GetCurrentTime(ctx, c.Client)
	must(t, err)
	equal(t, "delayed", time.Since(started) >= 300*time.Millisecond, true)
}

func TestFaultCountsAndChecks(t *testing.T) {
	l := newLab(t)
	c := l.login()
	l.fault(map[string]any{"method": "CurrentTime", "nth": 2, "count": 2, "kind": "fault", "fault": "NotAuthenticated"})
	var got []string
	for range 4 {
		_, err := methods.GetCurrentTime(ctx, c.Client)
		got = append(got, faultOf(err))
	}
	equal(t, "second and third call", strings.Join(got, ","), ",NotAuthenticated,NotAuthenticated,")
	l.fault(map[string]any{"method": "CurrentTime", "count": 0, "kind": "fault", "fault": "InvalidState"})
	l.ask("DELETE", "/faults", nil)
	_, err := methods.GetCurrentTime(ctx, c.Client)
	must(t, err)
	l.fault(map[string]any{"method": "GET /api/*", "kind": "fault", "fault": "NotAuthenticated"})
	code, _ := l.rest(l.restLogin(), "GET", "/api/cis/tagging/tag", nil)
	equal(t, "fault on REST", code, 401)
	for _, bad := range []string{`[{"method": "x", "kind": "nonsense"}]`, `[{"method": "x", "kind": "fault", "fault": "NoSuchFault"}]`, `[{"kind": "delay"}]`} {
		res, err := http.Post(l.control+"/faults", "application/json", strings.NewReader(bad))
		must(t, err)
		res.Body.Close()
		equal(t, bad, res.StatusCode, 400)
	}
}

func TestHangAndRelease(t *testing.T) {
	l := newLab(t)
	c := l.login()
	vm := l.machine(c, "seeded-1")
	off, err := vm.PowerOff(ctx)
	must(t, err)
	must(t, off.Wait(ctx))
	l.ask("POST", "/hang", map[string]any{"method": "Destroy_Task", "object": "seeded-*"})
	task, err := vm.Destroy(ctx)
	must(t, err)
	var props mo.Task
	must(t, task.Properties(ctx, task.Reference(), []string{"info"}, &props))
	equal(t, "held task", props.Info.State, types.TaskInfoStateRunning)
	equal(t, "readable meanwhile", l.power(vm), types.VirtualMachinePowerStatePoweredOff)
	released := l.ask("POST", "/release", nil)
	equal(t, "released", released["released"].(float64), 1)
	must(t, task.Wait(ctx))
	_, err = vm.PowerState(ctx)
	equal(t, "after release", faultOf(err), "ManagedObjectNotFound")
	equal(t, "no session of the lab is left", l.ask("GET", "/state", nil)["sessions"].(map[string]any)["soap"].(float64), 1)
}

func TestHangReleasesAFailure(t *testing.T) {
	l := newLab(t)
	vm := l.machine(l.login(), "seeded-1")
	l.ask("POST", "/hang", map[string]any{"method": "PowerOn*"})
	task, err := vm.PowerOn(ctx)
	must(t, err)
	l.ask("POST", "/release", nil)
	equal(t, "power on of a running machine", faultOf(task.Wait(ctx)), "InvalidPowerState")
}

func TestJournalTellsWritesFromReads(t *testing.T) {
	l := newLab(t)
	c := l.login()
	vm := l.machine(c, "seeded-1")
	id := l.restLogin()
	g := tagging{lab: l, spelling: spellings[0], session: id}
	l.ask("DELETE", "/journal", nil)
	l.power(vm)
	_, err := vm.PowerOn(ctx)
	must(t, err)
	_, err = vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: "SET.x", Value: ""}}})
	equal(t, "refused", faultOf(err), "InvalidArgument")
	g.category("journal", "SINGLE")
	_, _ = l.rest(id, "GET", g.path("category", "", ""), nil)
	_, _ = l.rest(id, "POST", g.path("tag-association", "", "list-attached-tags"), map[string]any{"object_id": object2(vm.Reference())})
	_, err = l.tryLogin(adminName, "wrong")
	equal(t, "wrong password", faultOf(err), "InvalidLogin")
	writes, logins := []string{}, 0
	for _, i := range l.journal() {
		if i["write"].(bool) {
			writes = append(writes, i["method"].(string))
			equal(t, "principal of "+i["method"].(string), i["principal"].(string), adminName)
		}
		switch i["method"] {
		case "ReconfigVM_Task":
			equal(t, "status of a refused call", i["status"].(string), "InvalidArgument")
			equal(t, "path", i["path"].(string), "VirtualMachine:"+vm.Reference().Value)
		case "Login":
			logins++
			equal(t, "status of a refused login", i["status"].(string), "InvalidLogin")
			equal(t, "login is no write", i["write"].(bool), false)
		}
		if strings.Contains(i["path"].(string), "wrong") {
			t.Error("a password is in the journal")
		}
	}
	equal(t, "writes", strings.Join(writes, " "), "PowerOnVM_Task ReconfigVM_Task POST")
	equal(t, "logins", logins, 1)
}

func TestClassification(t *testing.T) {
	reads := []string{"RetrievePropertiesEx", "HasPrivilegeOnEntities", "FetchUserPrivilegeOnEntities", "QueryConfigOption", "FindByInventoryPath",
		"CheckCompatibility_Task", "CurrentTime", "WaitForUpdatesEx", "CreateContainerView", "DestroyView", "CreateFilter", "DestroyPropertyFilter",
		"CreateImportSpec", "ParseDescriptor", "HttpNfcLeaseGetManifest", "SessionIsActive", "HttpNfcLeaseProgress", "Login", "Logout", "TerminateSession",
		"SearchDatastoreSubFolders_Task"}
	writes := []string{"PowerOnVM_Task", "CloneVM_Task", "CreateFolder", "ImportVApp", "HttpNfcLeaseComplete", "HttpNfcLeaseAbort", "SetEntityPermissions",
		"AddAuthorizationRole", "Destroy_Task", "ReconfigVM_Task", "CreateResourcePool", "MoveIntoFolder_Task", "CancelTask", "MarkAsTemplate"}
	for _, m := range reads {
		equal(t, m, soapWrites(m), false)
	}
	for _, m := range writes {
		equal(t, m, soapWrites(m), true)
	}
}

func TestGuestAndInstallers(t *testing.T) {
	l := newLab(t)
	c := l.login()
	vm := l.machine(c, "seeded-1")
	equal(t, "no installers", len(l.ask("GET", "/installers", nil)["list"].([]any)), 0)
	l.ask("POST", "/guest", map[string]any{"moid": vm.Reference().Value, "ip": "10.1.1.1", "hostname": "h", "tools": "running"})
	var props mo.VirtualMachine
	must(t, vm.Properties(ctx, vm.Reference(), []string{"guest", "summary"}, &props))
	equal(t, "ip", props.Guest.IpAddress+" "+props.Summary.Guest.IpAddress+" "+props.Guest.Net[0].IpAddress[0], "10.1.1.1 10.1.1.1 10.1.1.1")
	equal(t, "tools", props.Guest.ToolsRunningStatus, "guestToolsRunning")
	l.ask("POST", "/guest", map[string]any{"moid": vm.Reference().Value, "ip": ""})
	must(t, vm.Properties(ctx, vm.Reference(), []string{"guest"}, &props))
	equal(t, "cleared ip", props.Guest.IpAddress, "")
	equal(t, "host name stays", props.Guest.HostName, "h")
}

func TestSessionsWaitForChangesAtTheSameTime(t *testing.T) {
	l := newLab(t)
	clients := []*govmomi.Client{l.login(), l.login(), l.login()}
	vm := l.machine(clients[0], "seeded-1").Reference()
	for _, c := range clients {
		root := c.ServiceContent.PropertyCollector
		_, err := methods.CreateFilter(ctx, c.Client, &types.CreateFilter{This: root, Spec: types.PropertyFilterSpec{
			ObjectSet: []types.ObjectSpec{{Obj: vm}}, PropSet: []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"guest.hostName"}}},
		}})
		must(t, err)
		_, err = methods.WaitForUpdatesEx(ctx, c.Client, &types.WaitForUpdatesEx{This: root})
		must(t, err)
	}
	l.ask("POST", "/guest", map[string]any{"moid": vm.Value, "hostname": "changed"})
	for i, c := range clients {
		res, err := methods.WaitForUpdatesEx(ctx, c.Client, &types.WaitForUpdatesEx{
			This: c.ServiceContent.PropertyCollector, Version: "-", Options: &types.WaitOptions{MaxWaitSeconds: types.NewInt32(5)},
		})
		must(t, err)
		if res.Returnval == nil || len(res.Returnval.FilterSet) == 0 {
			t.Errorf("session %d heard of no change", i+1)
		}
	}
}
