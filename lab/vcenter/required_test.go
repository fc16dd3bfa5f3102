// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// otherCalls is a context of a call by the service account.
func (l *lab) otherCalls() *simulator.Context {
	c := l.s.world.Load().context()
	c.Session = &simulator.Session{UserSession: types.UserSession{Key: "k", UserName: otherName}}
	return c
}

// holding gives the service account exactly these privileges on everything.
func (l *lab) holding(privileges []string) {
	l.t.Helper()
	m := l.s.world.Load().authz
	m.guard.Lock()
	defer m.guard.Unlock()
	if m.roleNamed("probe") == nil {
		m.put(m.w.model.ServiceContent.RootFolder, types.Permission{Principal: otherName, RoleId: m.addRole("probe", nil), Propagate: true})
	}
	roles := slices.Clone(m.RoleList)
	for i := range roles {
		if roles[i].Name == "probe" {
			roles[i].Privilege = sortedSet(append([]string{"System.Anonymous", "System.View"}, privileges...))
		}
	}
	m.changeRoles(roles)
}

func newCall(name string, this ref, row requirement, object ref) *simulator.Method {
	kind, ok := types.TypeFunc()(name)
	if !ok {
		return nil
	}
	body := reflect.New(kind)
	body.Elem().FieldByName("This").Set(reflect.ValueOf(this))
	if row.object != "this" {
		field := body.Elem().FieldByName(strings.ToUpper(row.object[:1]) + row.object[1:])
		switch field.Interface().(type) {
		case ref:
			field.Set(reflect.ValueOf(object))
		case *ref:
			field.Set(reflect.ValueOf(&object))
		case []ref:
			field.Set(reflect.ValueOf([]ref{object}))
		}
	}
	return &simulator.Method{Name: name, This: this, Body: body.Interface()}
}

func names(fault *types.NoPermission, at ref, privilege string) bool {
	return slices.ContainsFunc(fault.MissingPrivileges, func(p types.NoPermissionEntityPrivileges) bool {
		return p.Entity == at && slices.Contains(p.PrivilegeIds, privilege)
	})
}

// TestEveryRowRefuses: with all that a call needs but one row, the call is refused, and the refusal names the row.
func TestEveryRowRefuses(t *testing.T) {
	l := newLabWith(t, func(s *Site) { s.VCenter.Permissions = nil })
	w := l.s.world.Load()
	this, object := l.at(seeded), l.at("/dc-1/vm/spectro-templates")
	rows := 0
	for name, list := range required {
		for _, row := range list {
			if row.source == "" || len(strings.Split(row.privilege, ".")) < 2 {
				t.Errorf("%s: row %v is not whole", name, row)
			}
			call := newCall(name, this, row, object)
			if call == nil {
				if !strings.HasPrefix(name, "Pbm") {
					t.Errorf("%s is no method of the API", name)
				}
				continue
			}
			at := map[bool]ref{true: this, false: object}[row.object == "this"]
			demands := w.demands(call)
			if !slices.Contains(demands, demand{at, row.privilege}) {
				t.Errorf("%s does not demand %s on %s", name, row.privilege, row.object)
				continue
			}
			if row.privilege == "System.View" {
				continue
			}
			var others []string
			for _, d := range demands {
				if d.privilege != row.privilege {
					others = append(others, d.privilege)
				}
			}
			l.holding(others)
			fault, ok := w.refuse(l.otherCalls(), call).(*types.NoPermission)
			if !ok || fault.PrivilegeId != row.privilege || !names(fault, at, row.privilege) {
				t.Errorf("%s without %s: %+v", name, row.privilege, fault)
			}
			l.holding(append(others, row.privilege)) // also where the same privilege is asked for on two objects
			if fault := w.refuse(l.otherCalls(), call); fault != nil {
				t.Errorf("%s with all that it needs: %+v", name, fault)
			}
			rows++
		}
	}
	if rows < 150 {
		t.Errorf("only %d rows were tried", rows)
	}
}

func TestDemandsThatDependOnArguments(t *testing.T) {
	l := newLab(t)
	w := l.s.world.Load()
	vm, vmFolder, other := l.at(seeded), l.at(folder), l.at("/dc-1/vm/spectro-templates")
	store, second, net := l.at("/dc-1/datastore/ds-shared-1"), l.at("/dc-1/datastore/ds-local-1"), l.at("/dc-1/network/pg-k8s")
	key := w.reg.Get(net).(*simulator.DistributedVirtualPortgroup).Key
	card := &types.VirtualVmxnet3{}
	card.Backing = &types.VirtualEthernetCardDistributedVirtualPortBackingInfo{Port: types.DistributedVirtualSwitchPortConnection{PortgroupKey: key}}
	added := &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: card}
	disk := &types.VirtualDisk{}
	disk.Backing = &types.VirtualDiskFlatVer2BackingInfo{VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: "[ds-local-1]"}}
	newDisk := &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, FileOperation: "create", Device: disk}
	spec := types.VirtualMachineConfigSpec{
		Files: &types.VirtualMachineFileInfo{VmPathName: "[ds-shared-1]"}, DeviceChange: []types.BaseVirtualDeviceConfigSpec{added, newDisk},
		ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: "a", Value: "b"}},
	}
	root := l.at("/dc-1/host/cluster-1/Resources")
	newMachine := []demand{{vmFolder, "VirtualMachine.Config.AddNewDisk"}, {vmFolder, "VirtualMachine.Config.AdvancedConfig"},
		{store, "Datastore.AllocateSpace"}, {second, "Datastore.AllocateSpace"}, {net, "Network.Assign"}}
	for _, c := range []struct {
		method string
		this   ref
		body   any
		want   []demand
	}{
		{"CreateVM_Task", vmFolder, &types.CreateVM_Task{This: vmFolder, Config: spec, Pool: root},
			append([]demand{{vmFolder, "VirtualMachine.Inventory.Create"}, {root, "Resource.AssignVMToPool"}}, newMachine...)},
		{"ImportVApp", root, &types.ImportVApp{This: root, Spec: &types.VirtualMachineImportSpec{ConfigSpec: spec}, Folder: &vmFolder},
			append([]demand{{root, "VApp.Import"}, {vmFolder, "VApp.Import"}}, newMachine...)},
		{"Destroy_Task", vm, &types.Destroy_Task{This: vm},
			[]demand{{vm, "VirtualMachine.Inventory.Delete"}, {vmFolder, "VirtualMachine.Inventory.Delete"}}},
		{"MoveIntoFolder_Task", other, &types.MoveIntoFolder_Task{This: other, List: []ref{vm}},
			[]demand{{vm, "VirtualMachine.Inventory.Move"}, {vmFolder, "VirtualMachine.Inventory.Move"}, {other, "VirtualMachine.Inventory.Move"}}},
		{"RelocateVM_Task", vm, &types.RelocateVM_Task{This: vm, Spec: types.VirtualMachineRelocateSpec{Datastore: &second, Folder: &other, Pool: &root}},
			[]demand{{vm, "Resource.ColdMigrate"}, {vm, "Resource.HotMigrate"}, {second, "Datastore.AllocateSpace"}, {vm, "VirtualMachine.Inventory.Move"},
				{vmFolder, "VirtualMachine.Inventory.Move"}, {other, "VirtualMachine.Inventory.Move"}}},
		{"CloneVM_Task", vm, &types.CloneVM_Task{This: vm, Folder: other, Spec: types.VirtualMachineCloneSpec{Location: types.VirtualMachineRelocateSpec{Pool: &root}}},
			[]demand{{vm, "VirtualMachine.Provisioning.Clone"}, {other, "VirtualMachine.Inventory.CreateFromExisting"}, {root, "Resource.AssignVMToPool"},
				{store, "Datastore.AllocateSpace"}}},
		{"RegisterVM_Task", vmFolder, &types.RegisterVM_Task{This: vmFolder, Path: "[ds-shared-1] a/a.vmx"},
			[]demand{{vmFolder, "VirtualMachine.Inventory.Register"}, {store, "System.Read"}}},
	} {
		got := w.demands(&simulator.Method{Name: c.method, This: c.this, Body: c.body})[1:]
		for _, d := range append(slices.Clone(got), c.want...) {
			if slices.Contains(got, d) != slices.Contains(c.want, d) {
				t.Errorf("%s: demands %v, want %v", c.method, got, c.want)
				break
			}
		}
	}
}

func TestRefusalOverTheWire(t *testing.T) {
	l := newLabWith(t, grants(folder+" svc-palette PowerOnVMRole propagate"))
	c, err := l.tryLogin(otherName, otherPassword)
	must(t, err)
	vm := l.machine(l.login(), "seeded-1").Reference()
	_, err = l.asClient(c, vm).PowerOff(ctx)
	equal(t, "power off", faultOf(err), "NoPermission")
	_, err = l.asClient(c, vm).PowerOn(ctx)
	equal(t, "power on of a running machine", faultOf(err) != "NoPermission", true)
	for _, e := range l.ask("GET", "/journal", nil)["items"].([]any) {
		if e := e.(map[string]any); e["method"] == "PowerOffVM_Task" {
			equal(t, "principal in the journal", e["principal"].(string), otherName)
			equal(t, "status in the journal", e["status"].(string), "NoPermission")
		}
	}
	equal(t, "tasks begun", strings.Contains(strings.Join(l.taskNames(), " "), "PowerOffVM_Task"), false)
}

func TestLoginWithoutAnyPermission(t *testing.T) {
	l := newLabWith(t, func(s *Site) { s.VCenter.Permissions = nil })
	_, err := l.tryLogin(otherName, otherPassword)
	equal(t, "right password", faultOf(err), "NoPermission")
	_, err = l.tryLogin(otherName, "wrong")
	equal(t, "wrong password", faultOf(err), "InvalidLogin")
}
