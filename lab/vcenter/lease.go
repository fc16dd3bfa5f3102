// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"fmt"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// leaseTimeout is vCenter's default: a lease without HttpNfcLeaseProgress for that long ends; uploads do not extend it.
const leaseTimeout = 300 * time.Second

// upload counts what arrived for one file of a lease.
type upload struct {
	Key      string `json:"key"`
	Name     string `json:"name"`
	Declared int64  `json:"declared"` // size in the OVF, 0 when it names none
	Sent     int64  `json:"sent"`     // Content-Length of the last request, -1 when it had none
	Received int64  `json:"received"`
	Whole    bool   `json:"whole"` // the last request was read to its end
	excused  bool   // a scripted fault shortened it: HttpNfcLeaseComplete says nothing
	capacity int64
	sha1     string
	sha256   string
}

type lease struct {
	mo.HttpNfcLease
	w        *world
	vmName   string
	vm       ref
	guard    sync.Mutex // of vm, beat and the uploads
	beat     time.Time
	uploads  []*upload
	token    string // of the upload URLs
	gate     <-chan struct{}
	made     chan struct{} // closed when the virtual machine was made, or could not be
	closed   chan struct{} // closed when the lease ended
	closeOne sync.Once
}

func (l *lease) close() { l.closeOne.Do(func() { close(l.closed) }) }

type leaseTable struct {
	mu       sync.Mutex
	imports  sync.Mutex // one creation at a time: the check for a taken name and the creation belong together
	byID     map[string]*lease
	declared map[string]int64 // OvfFileItem.deviceId -> bytes
	hold     int              // so many of the next imports stay initializing until released
	stuck    []chan struct{}
}

func newLeaseTable() *leaseTable {
	return &leaseTable{byID: map[string]*lease{}, declared: map[string]int64{}}
}

func (t *leaseTable) declare(items []types.OvfFileItem) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, item := range items {
		t.declared[item.DeviceId] = item.Size
	}
}

func (t *leaseTable) declaredSize(importKey string) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.declared[importKey]
}

func (t *leaseTable) holdNext() {
	t.mu.Lock()
	t.hold++
	t.mu.Unlock()
}

// gate is what an import waits for before it makes its machine: nothing, or the release of a hang.
func (t *leaseTable) gate() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	gate := make(chan struct{})
	if t.hold > 0 {
		t.hold--
		t.stuck = append(t.stuck, gate)
	} else {
		close(gate)
	}
	return gate
}

func (t *leaseTable) release() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.stuck)
	for _, gate := range t.stuck {
		close(gate)
	}
	t.stuck, t.hold = nil, 0
	return n
}

// byToken finds the lease of an upload URL.
func (t *leaseTable) byToken(token string) *lease {
	for _, l := range t.all() {
		if l.token == token {
			return l
		}
	}
	return nil
}

func (t *leaseTable) all() []*lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []*lease
	for _, id := range sortedKeys(t.byID) {
		out = append(out, t.byID[id])
	}
	return out
}

// take removes the lease from the table; the caller that gets true ends it.
func (t *leaseTable) take(l *lease) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[l.Self.Value] != l {
		return false
	}
	delete(t.byID, l.Self.Value)
	return true
}

func (t *leaseTable) closeAll() {
	for _, l := range t.all() {
		l.close()
	}
}

func (h *hooks) ImportVApp(ctx *simulator.Context, req *types.ImportVApp) soap.HasFault {
	body := new(methods.ImportVAppBody)
	w := h.w
	spec, ok := req.Spec.(*types.VirtualMachineImportSpec)
	if !ok || spec.ConfigSpec.Files == nil {
		body.Fault_ = simulator.Fault("", &types.InvalidArgument{InvalidProperty: "spec"})
		return body
	}
	if _, ok := w.poolOwner(req.This); !ok {
		body.Fault_ = simulator.Fault("", &types.ManagedObjectNotFound{Obj: req.This})
		return body
	}
	folder, ok := w.importFolder(req)
	if !ok {
		body.Fault_ = simulator.Fault("", &types.InvalidArgument{InvalidProperty: "folder"})
		return body
	}
	l := &lease{
		w: w, vmName: spec.ConfigSpec.Name, beat: w.clock.Now(), token: stableUUID(randomHex(16)),
		made: make(chan struct{}), closed: make(chan struct{}), gate: w.leases.gate(),
	}
	l.Self = ref{Type: "HttpNfcLease", Value: fmt.Sprintf("session[%s]%s", randomHex(8), randomHex(8))}
	l.State = types.HttpNfcLeaseStateInitializing
	w.leases.mu.Lock()
	w.leases.byID[l.Self.Value] = l
	w.leases.mu.Unlock()
	w.reg.Put(l)
	go l.create(ctx.Session, folder, req, spec)
	body.Res = &types.ImportVAppResponse{Returnval: l.Self}
	return body
}

// create makes the virtual machine and turns the lease ready, or into its error state.
func (l *lease) create(session *simulator.Session, folder *simulator.Folder, req *types.ImportVApp, spec *types.VirtualMachineImportSpec) {
	select {
	case <-l.gate:
	case <-l.closed:
		close(l.made)
		return
	}
	vm, fault := l.createMachine(session, folder, req, spec)
	if vm != nil {
		l.guard.Lock()
		l.vm = *vm
		l.guard.Unlock()
	}
	close(l.made)
	if fault == nil {
		l.ready()
		return
	}
	l.update([]types.PropertyChange{
		{Name: "error", Val: types.LocalizedMethodFault{Fault: fault, LocalizedMessage: fmt.Sprintf("%s: %s", l.vmName, faultName(fault))}},
		{Name: "state", Val: types.HttpNfcLeaseStateError},
	})
}

func (l *lease) machine() ref {
	l.guard.Lock()
	defer l.guard.Unlock()
	return l.vm
}

func (l *lease) createMachine(
	session *simulator.Session, folder *simulator.Folder, req *types.ImportVApp, spec *types.VirtualMachineImportSpec,
) (*ref, types.BaseMethodFault) {
	if fault := checkProperties(spec); fault != nil {
		return nil, fault
	}
	l.w.leases.imports.Lock()
	defer l.w.leases.imports.Unlock()
	if taken := l.w.reg.FindByName(spec.ConfigSpec.Name, folder.ChildEntity); taken != nil {
		return nil, &types.DuplicateName{Name: spec.ConfigSpec.Name, Object: taken.Reference()}
	}
	l.w.awaitRemovals()
	host := req.Host
	if host == nil {
		if host = l.w.placeHost(req.This, datastoreOf(spec.ConfigSpec.Files.VmPathName)); host == nil {
			return nil, &types.NoCompatibleHost{}
		}
	}
	ctx := l.w.context()
	ctx.Session = session
	res := folder.CreateVMTask(ctx, &types.CreateVM_Task{This: folder.Self, Config: spec.ConfigSpec, Pool: req.This, Host: host})
	task := l.w.reg.Get(res.(*methods.CreateVM_TaskBody).Res.Returnval).(*simulator.Task)
	task.Wait()
	if task.Info.Error != nil {
		return nil, task.Info.Error.Fault
	}
	vm := task.Info.Result.(ref)
	return &vm, nil
}

// checkProperties refuses a value for a property that the OVF does not let the user set, as vCenter does.
func checkProperties(spec *types.VirtualMachineImportSpec) types.BaseMethodFault {
	vapp, ok := spec.ConfigSpec.VAppConfig.(*types.VAppConfigSpec)
	if !ok {
		return nil
	}
	for _, p := range vapp.Property {
		if p.Info == nil || (p.Info.UserConfigurable != nil && *p.Info.UserConfigurable) {
			continue
		}
		if p.Info.Value != "" && p.Info.Value != p.Info.DefaultValue {
			return &types.NotUserConfigurableProperty{VAppPropertyFault: types.VAppPropertyFault{
				Id: p.Info.Id, Category: p.Info.Category, Label: p.Info.Label, Type: p.Info.Type,
			}}
		}
	}
	return nil
}

func (l *lease) ready() {
	vm, ok := l.w.reg.Get(l.machine()).(*simulator.VirtualMachine)
	if !ok {
		return // the lease was aborted meanwhile
	}
	var devices object.VirtualDeviceList
	l.w.locked(vm, func() { devices = slices.Clone(vm.Config.Hardware.Device) })
	count := map[string]int{}
	info := &types.HttpNfcLeaseInfo{Lease: l.Self, Entity: vm.Self, LeaseTimeout: int32(leaseTimeout / time.Second)}
	for _, d := range devices {
		backing, ok := d.GetVirtualDevice().Backing.(types.BaseVirtualDeviceFileBackingInfo)
		if !ok {
			continue
		}
		var file object.DatastorePath
		file.FromString(backing.GetVirtualDeviceFileBackingInfo().FileName)
		name, kind := path.Base(file.Path), devices.Type(d)
		n := count[kind]
		count[kind]++
		disk, isDisk := d.(*types.VirtualDisk)
		url := types.HttpNfcLeaseDeviceUrl{
			Key: fmt.Sprintf("/%s/%s:%d", vm.Self.Value, kind, n), ImportKey: fmt.Sprintf("/%s/%s:%d", l.vmName, kind, n),
			Url:           fmt.Sprintf("https://%s/nfc/%s/%s", l.w.host, l.token, name),
			SslThumbprint: thumbprint(l.w.cert), Disk: types.NewBool(isDisk), TargetId: name,
		}
		up := &upload{Key: url.Key, Name: name, Declared: l.w.leases.declaredSize(url.ImportKey)}
		if isDisk {
			info.TotalDiskCapacityInKB += disk.CapacityInKB
			up.capacity = disk.CapacityInBytes
		}
		info.DeviceUrl = append(info.DeviceUrl, url)
		l.guard.Lock()
		l.uploads = append(l.uploads, up)
		l.guard.Unlock()
	}
	l.touch()
	l.update([]types.PropertyChange{{Name: "info", Val: info}, {Name: "state", Val: types.HttpNfcLeaseStateReady}})
}

func (l *lease) update(changes []types.PropertyChange) {
	ctx := l.w.context()
	ctx.WithLock(l, func() { ctx.Update(l, changes) })
}

func (l *lease) touch() {
	l.guard.Lock()
	l.beat = l.w.clock.Now()
	l.guard.Unlock()
}

func (l *lease) expired() bool {
	l.guard.Lock()
	defer l.guard.Unlock()
	return l.w.clock.Now().Sub(l.beat) > leaseTimeout
}

// watchLeases ends leases whose time is over on the lab's clock, and tidies up after sessions that are over.
func (w *world) watchLeases() {
	tick, minute := time.NewTicker(200*time.Millisecond), time.NewTicker(time.Minute)
	defer tick.Stop()
	defer minute.Stop()
	for {
		select {
		case <-w.done:
			return
		case <-minute.C:
			w.dropRelays()
		case <-tick.C:
			w.expireLeases()
		}
	}
}

func (w *world) expireLeases() {
	for _, l := range w.leases.all() {
		if l.expired() && w.leases.take(l) {
			l.drop()
		}
	}
}

// drop ends the lease without success: uploads are cut, the lease object and the half-made virtual machine are gone.
func (l *lease) drop() {
	l.close()
	l.w.reg.Remove(l.w.context(), l.Self)
	<-l.made
	if vm := l.machine(); vm.Value != "" {
		l.w.destroyMachine(vm)
	}
}
