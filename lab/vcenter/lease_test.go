// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/ovf"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

const diskBytes = 1 << 20

var descriptor = fmt.Sprintf(`<?xml version="1.0"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
 xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
 xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
<References><File ovf:href="d.vmdk" ovf:id="f1" ovf:size="%d"/></References>
<DiskSection><Info/><Disk ovf:capacity="20" ovf:capacityAllocationUnits="byte * 2^30" ovf:diskId="d1" ovf:fileRef="f1"/></DiskSection>
<VirtualSystem ovf:id="i"><Info/><Name>i</Name><OperatingSystemSection ovf:id="94"><Info/></OperatingSystemSection>
<VirtualHardwareSection><Info/><System><vssd:ElementName>x</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID></System>
<Item><rasd:ElementName>c</rasd:ElementName><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType>
<rasd:VirtualQuantity>4</rasd:VirtualQuantity></Item>
<Item><rasd:ElementName>s</rasd:ElementName><rasd:InstanceID>3</rasd:InstanceID>
<rasd:ResourceSubType>lsilogic</rasd:ResourceSubType><rasd:ResourceType>6</rasd:ResourceType></Item>
<Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:ElementName>d</rasd:ElementName><rasd:HostResource>ovf:/disk/d1</rasd:HostResource>
<rasd:InstanceID>4</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
</VirtualHardwareSection>
<ProductSection><Info/><Product>P</Product>
<Property ovf:key="install.ip" ovf:type="string" ovf:userConfigurable="true"/>
<Property ovf:key="install.password" ovf:type="password" ovf:userConfigurable="true"/>
<Property ovf:key="install.dns" ovf:type="string" ovf:userConfigurable="true" ovf:value="8.8.8.8"/></ProductSection>
</VirtualSystem></Envelope>`, diskBytes)

type imported struct {
	*lab
	client *govmomi.Client
	ref    ref
	info   *types.HttpNfcLeaseInfo
	state  types.HttpNfcLeaseState
	fault  types.BaseMethodFault
}

// importOVF runs CreateImportSpec and ImportVApp and waits until the lease is no longer initializing.
func (l *lab) importOVF(c *govmomi.Client, name string, edit func(*types.VirtualMachineImportSpec)) *imported {
	l.t.Helper()
	i, err := l.beginImport(c, name, edit)
	must(l.t, err)
	i.settle()
	return i
}

func (l *lab) beginImport(c *govmomi.Client, name string, edit func(*types.VirtualMachineImportSpec)) (*imported, error) {
	l.t.Helper()
	return l.preparedImport(c, name, edit)()
}

// preparedImport asks for the import's specification; the function that it returns is ImportVApp alone.
func (l *lab) preparedImport(c *govmomi.Client, name string, edit func(*types.VirtualMachineImportSpec)) func() (*imported, error) {
	l.t.Helper()
	f := l.finder(c)
	pool, err := f.ResourcePool(ctx, "/dc-1/host/cluster-1/Resources")
	must(l.t, err)
	store, err := f.Datastore(ctx, "ds-shared-1")
	must(l.t, err)
	folder, err := f.Folder(ctx, "/dc-1/vm/palette")
	must(l.t, err)
	result, err := ovf.NewManager(c.Client).CreateImportSpec(ctx, descriptor, pool, store, &types.OvfCreateImportSpecParams{
		EntityName: name, PropertyMapping: []types.KeyValue{
			{Key: "install.ip", Value: "10.0.0.5"}, {Key: "install.password", Value: "s3cret"}, {Key: "no.such.key", Value: "x"}},
	})
	must(l.t, err)
	spec := result.ImportSpec.(*types.VirtualMachineImportSpec)
	if edit != nil {
		edit(spec)
	}
	return func() (*imported, error) {
		lease, err := pool.ImportVApp(ctx, spec, folder, nil)
		if err != nil {
			return nil, err
		}
		return &imported{lab: l, client: c, ref: lease.Reference()}, nil
	}
}

func (i *imported) read() mo.HttpNfcLease {
	i.t.Helper()
	var props mo.HttpNfcLease
	must(i.t, property.DefaultCollector(i.client.Client).RetrieveOne(ctx, i.ref, []string{"state", "info", "error"}, &props))
	return props
}

func (i *imported) settle() {
	i.t.Helper()
	for n := 0; ; n++ {
		props := i.read()
		if props.State != types.HttpNfcLeaseStateInitializing {
			i.state, i.info = props.State, props.Info
			if props.Error != nil {
				i.fault = props.Error.Fault
			}
			return
		}
		if n == 500 {
			i.t.Fatal("the lease stays initializing")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// outcome is the fault's name, or the state of a lease without one.
func (i *imported) outcome() string {
	if i.fault != nil {
		return faultName(i.fault)
	}
	return string(i.state)
}

func (i *imported) put(data []byte) (int, error) {
	i.t.Helper()
	request, err := http.NewRequest(http.MethodPut, i.info.DeviceUrl[0].Url, bytes.NewReader(data))
	must(i.t, err)
	res, err := i.http.Do(request)
	if err != nil {
		return 0, err
	}
	_ = res.Body.Close()
	return res.StatusCode, nil
}

func (i *imported) complete() error {
	_, err := methods.HttpNfcLeaseComplete(ctx, i.client.Client, &types.HttpNfcLeaseComplete{This: i.ref})
	return err
}

func (i *imported) abort() error {
	_, err := methods.HttpNfcLeaseAbort(ctx, i.client.Client, &types.HttpNfcLeaseAbort{This: i.ref})
	return err
}

func (i *imported) beat() error {
	_, err := methods.HttpNfcLeaseProgress(ctx, i.client.Client, &types.HttpNfcLeaseProgress{This: i.ref, Percent: 10})
	return err
}

func (i *imported) machineGone(name string) {
	i.t.Helper()
	_, err := object.NewVirtualMachine(i.client.Client, i.info.Entity).PowerState(ctx)
	equal(i.t, "the half-made machine", faultOf(err), "ManagedObjectNotFound")
	left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "govcsim-*", "dc-1-ds-shared-1", name+"*"))
	must(i.t, err)
	equal(i.t, "files left on the datastore", strings.Join(left, " "), "")
	equal(i.t, "lease object", faultOf(i.beat()), "ManagedObjectNotFound")
}

func (i *imported) received() float64 {
	i.t.Helper()
	lease := i.ask("GET", "/state", nil)["leases"].([]any)[0].(map[string]any)
	return lease["files"].([]any)[0].(map[string]any)["received"].(float64)
}

func TestImportKeepsPropertiesAndExtraConfig(t *testing.T) {
	l := newLab(t)
	c := l.login()
	i := l.importOVF(c, "installer-1", func(s *types.VirtualMachineImportSpec) {
		s.ConfigSpec.ExtraConfig = []types.BaseOptionValue{&types.OptionValue{Key: "palette.marker", Value: "run-1"}}
	})
	equal(t, "state", i.state, types.HttpNfcLeaseStateReady)
	url := i.info.DeviceUrl[0]
	equal(t, "thumbprint", url.SslThumbprint, thumbprint(l.s.cert))
	equal(t, "on our listener", strings.HasPrefix(url.Url, l.url+"/nfc/"), true)
	vm := object.NewVirtualMachine(c.Client, i.info.Entity)
	task, err := vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: "palette.beat", Value: "2"}}})
	must(t, err)
	must(t, task.Wait(ctx))
	equal(t, "not yet an installer", len(l.ask("GET", "/installers", nil)["list"].([]any)), 0)
	data := bytes.Repeat([]byte("x"), diskBytes)
	code, err := i.put(data)
	must(t, err)
	equal(t, "upload", code, 200)
	manifest, err := methods.HttpNfcLeaseGetManifest(ctx, c.Client, &types.HttpNfcLeaseGetManifest{This: i.ref})
	must(t, err)
	one, two := sha1.Sum(data), sha256.Sum256(data)
	equal(t, "sha1", manifest.Returnval[0].Sha1, hex.EncodeToString(one[:]))
	equal(t, "sha256", manifest.Returnval[0].Checksum, hex.EncodeToString(two[:]))
	must(t, i.complete())
	equal(t, "lease after completion", faultOf(i.beat()), "ManagedObjectNotFound")

	list := l.ask("GET", "/installers", nil)["list"].([]any)
	props := list[0].(map[string]any)["properties"].(map[string]any)
	equal(t, "properties in the clear", fmt.Sprint(props), "map[install.dns:8.8.8.8 install.ip:10.0.0.5 install.password:s3cret]")
	state := fmt.Sprint(l.ask("GET", "/state", nil))
	equal(t, "no secret in the state", strings.Contains(state, "s3cret"), false)
	equal(t, "its digest instead", strings.Contains(state, hashed("s3cret")), true)
	for _, want := range []string{"palette.marker:run-1", "palette.beat:2"} {
		equal(t, want, strings.Contains(state, want), true)
	}
	again := l.importOVF(c, "installer-1", nil)
	equal(t, "same name again", again.state, types.HttpNfcLeaseStateError)
	equal(t, "its fault", faultName(again.fault), "DuplicateName")
}

func TestLeaseAbort(t *testing.T) {
	l := newLab(t)
	i := l.importOVF(l.login(), "installer-1", nil)
	must(t, i.abort())
	i.machineGone("installer-1")
	equal(t, "aborted twice", faultOf(i.abort()), "ManagedObjectNotFound")
	stores := l.ask("GET", "/state", nil)["datacenters"].([]any)[0].(map[string]any)["datastores"].([]any)
	for _, s := range stores {
		if d := s.(map[string]any); d["name"] == "ds-shared-1" {
			equal(t, "free space", d["free"].(float64), d["capacity"].(float64)-20*float64(gib)) // the seeded machine's disk
		}
	}
}

func TestLeaseExpiresByTheLabsClockWithoutHeartbeat(t *testing.T) {
	l := newLab(t)
	i := l.importOVF(l.login(), "installer-1", nil)
	for _, offset := range []int{200, 400} {
		l.ask("POST", "/clock", map[string]any{"offset_seconds": offset})
		must(t, i.beat())
	}
	l.ask("POST", "/clock", map[string]any{"offset_seconds": 650})
	_, err := i.put(bytes.Repeat([]byte("x"), diskBytes))
	must(t, err)
	l.ask("POST", "/clock", map[string]any{"offset_seconds": 701})
	equal(t, "an upload is no heartbeat", faultOf(i.beat()), "ManagedObjectNotFound")
	i.machineGone("installer-1")
	code, err := i.put(nil)
	must(t, err)
	equal(t, "upload to an expired lease", code, 404)
}

func TestCompleteRefusesMissingBytes(t *testing.T) {
	l := newLab(t)
	i := l.importOVF(l.login(), "installer-1", nil)
	equal(t, "nothing uploaded", faultOf(i.complete()), "InvalidState")
	_, err := i.put([]byte("short"))
	must(t, err)
	equal(t, "received", i.received(), 5)
	err = i.complete()
	equal(t, "too little uploaded", faultOf(err), "InvalidState")
	equal(t, "says how little", strings.Contains(fmt.Sprint(err), fmt.Sprintf("5 of %d bytes", diskBytes)), true)
	_, err = i.put(bytes.Repeat([]byte("x"), diskBytes))
	must(t, err)
	must(t, i.complete())
}

func TestUploadFaults(t *testing.T) {
	l := newLab(t)
	i := l.importOVF(l.login(), "installer-1", nil)
	data := bytes.Repeat([]byte("x"), diskBytes)
	l.fault(map[string]any{"method": "PUT /nfc/*", "object": "installer-*", "kind": "throttle", "after_bytes": 300000})
	if code, err := i.put(data); err == nil {
		t.Errorf("the cut upload was answered with %d", code)
	}
	equal(t, "received before the cut", i.received(), 300000)
	l.fault(map[string]any{"method": "PUT /nfc/*", "kind": "throttle", "bytes_per_second": 4 * diskBytes})
	started := time.Now()
	_, err := i.put(data)
	must(t, err)
	if d := time.Since(started); d < 200*time.Millisecond || d > 5*time.Second {
		t.Errorf("a quarter of a second was expected, it took %s", d)
	}
	l.fault(map[string]any{"method": "PUT /nfc/*", "kind": "status", "status": 500})
	code, err := i.put(data)
	if err == nil {
		equal(t, "status", code, 500)
	}
	l.fault(map[string]any{"method": "PUT /nfc/*", "kind": "short", "after_bytes": 1000})
	code, err = i.put(data)
	must(t, err)
	equal(t, "short storage is answered well", code, 200)
	equal(t, "stored", i.received(), 1000)
	must(t, i.complete())
}

func TestAbortCutsARunningUpload(t *testing.T) {
	l := newLab(t)
	i := l.importOVF(l.login(), "installer-1", nil)
	reader, writer := io.Pipe()
	request, err := http.NewRequest(http.MethodPut, i.info.DeviceUrl[0].Url, reader)
	must(t, err)
	request.ContentLength = diskBytes
	ended := make(chan error, 1)
	go func() {
		res, err := l.http.Do(request)
		if err == nil {
			_ = res.Body.Close()
			err = fmt.Errorf("answered %d", res.StatusCode)
		}
		ended <- err
	}()
	_, _ = writer.Write(bytes.Repeat([]byte("x"), 1000))
	must(t, i.abort())
	_, _ = writer.Write(bytes.Repeat([]byte("x"), 1000))
	select {
	case err := <-ended:
		if strings.HasPrefix(err.Error(), "answered 2") {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the upload goes on after the abort")
	}
	_ = writer.Close()
	i.machineGone("installer-1")
}

func TestBrokenDescriptorIsRefused(t *testing.T) {
	l := newLab(t)
	c := l.login()
	f := l.finder(c)
	pool, err := f.ResourcePool(ctx, "/dc-1/host/cluster-1/Resources")
	must(t, err)
	store, err := f.Datastore(ctx, "ds-shared-1")
	must(t, err)
	for _, text := range []string{"<Envelope/>", "not XML", strings.Replace(descriptor, `ovf:fileRef="f1"`, "", 1)} {
		_, err := ovf.NewManager(c.Client).CreateImportSpec(ctx, text, pool, store, &types.OvfCreateImportSpecParams{EntityName: "x"})
		equal(t, "fault", faultOf(err), "InvalidArgument")
	}
}

func TestHangingAndFailingImports(t *testing.T) {
	l := newLab(t)
	c := l.login()
	l.ask("POST", "/hang", map[string]any{"method": "ImportVApp", "object": "stuck-*"})
	stuck, err := l.beginImport(c, "stuck-1", nil)
	must(t, err)
	equal(t, "another name is not held", l.importOVF(c, "free-1", nil).state, types.HttpNfcLeaseStateReady)
	equal(t, "held lease", stuck.read().State, types.HttpNfcLeaseStateInitializing)
	aborted, err := l.beginImport(c, "stuck-2", nil)
	must(t, err)
	must(t, aborted.abort())
	equal(t, "aborted while held", faultOf(aborted.beat()), "ManagedObjectNotFound")
	l.ask("POST", "/release", nil)
	stuck.settle()
	equal(t, "released lease", stuck.state, types.HttpNfcLeaseStateReady)

	l.fault(map[string]any{"method": "ImportVApp", "object": "poor-*", "kind": "fault", "fault": "InsufficientResourcesFault"})
	_, err = l.beginImport(c, "poor-1", nil)
	equal(t, "scripted fault", faultOf(err), "InsufficientResourcesFault")
}
