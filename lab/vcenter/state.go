// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

type guestState struct {
	IP       string `json:"ip"`
	Hostname string `json:"hostname"`
	Tools    string `json:"tools"`
}

type machineState struct {
	Name         string            `json:"name"`
	Moid         string            `json:"moid"`
	Path         string            `json:"path"`
	Folder       string            `json:"folder"`
	Cluster      string            `json:"compute_cluster"`
	Host         string            `json:"host"`
	ResourcePool string            `json:"resource_pool"`
	Datastore    string            `json:"datastore"`
	Networks     []string          `json:"networks"`
	Power        string            `json:"power"`
	Template     bool              `json:"template"`
	CPUs         int32             `json:"cpus"`
	MemoryMiB    int32             `json:"memory_mib"`
	DisksGiB     []float64         `json:"disks_gib"`
	Guest        guestState        `json:"guest"`
	Annotation   string            `json:"annotation"`
	ExtraConfig  map[string]string `json:"extra_config"`
	Properties   map[string]string `json:"properties"`
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

var secretKey = regexp.MustCompile(`(?i)pass(word|wd)|secret|token|pairing|proxy|private|userdata|user-data|credential|api.?key`)

func hashed(value string) string {
	sum := sha256.Sum256([]byte(value))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func powerWord(state types.VirtualMachinePowerState) string {
	return strings.ToLower(strings.TrimPrefix(strings.TrimPrefix(string(state), "powered"), "Powered"))
}

// propertyKey is the key of a vApp property as propertyMapping spells it: class.id.instance without empty parts.
func propertyKey(p types.VAppPropertyInfo) string {
	key := p.Id
	if p.ClassId != "" {
		key = p.ClassId + "." + key
	}
	if p.InstanceId != "" {
		key += "." + p.InstanceId
	}
	return key
}

func properties(vm *simulator.VirtualMachine, clear bool) map[string]string {
	out := map[string]string{}
	if vm.Config.VAppConfig == nil {
		return out
	}
	for _, p := range vm.Config.VAppConfig.GetVmConfigInfo().Property {
		key, value := propertyKey(p), orString(p.Value, p.DefaultValue)
		if !clear && value != "" && (strings.HasPrefix(p.Type, "password") || secretKey.MatchString(key)) {
			value = hashed(value)
		}
		out[key] = value
	}
	return out
}

func guestOf(vm *simulator.VirtualMachine) guestState {
	g := guestState{Tools: "stopped"}
	if vm.Guest != nil {
		g.IP, g.Hostname = vm.Guest.IpAddress, vm.Guest.HostName
		if vm.Guest.ToolsRunningStatus == string(types.VirtualMachineToolsRunningStatusGuestToolsRunning) {
			g.Tools = "running"
		}
	}
	return g
}

// pathOf is the inventory path below the root folder; parts below the datacenter's fixed folder are in rest.
func (w *world) pathOf(r ref) (full, rest string) {
	var names []string
	for at := &r; at != nil; {
		e, ok := w.reg.Get(*at).(mo.Entity)
		if !ok || e.Entity().Parent == nil {
			break
		}
		names = append([]string{w.objectName(*at)}, names...)
		at = e.Entity().Parent
	}
	full = "/" + strings.Join(names, "/")
	if len(names) > 2 {
		rest = strings.Join(names[2:], "/")
	}
	return full, rest
}

func (w *world) machineState(vm *simulator.VirtualMachine) machineState {
	m := machineState{}
	m.Path, m.Folder = w.pathOf(vm.Self)
	if m.Folder = path.Dir(m.Folder); m.Folder == "." {
		m.Folder = ""
	}
	w.locked(vm, func() {
		m.Name, m.Moid, m.Power, m.Guest = vm.Name, vm.Self.Value, powerWord(vm.Runtime.PowerState), guestOf(vm)
		m.Template, m.CPUs, m.MemoryMiB, m.Annotation = vm.Config.Template, vm.Config.Hardware.NumCPU, vm.Config.Hardware.MemoryMB, vm.Config.Annotation
		m.Properties, m.ExtraConfig = properties(vm, false), extraConfig(vm)
		m.DisksGiB, m.Networks = []float64{}, []string{}
		for _, d := range object.VirtualDeviceList(vm.Config.Hardware.Device).SelectByType((*types.VirtualDisk)(nil)) {
			m.DisksGiB = append(m.DisksGiB, float64(d.(*types.VirtualDisk).CapacityInKB)/(1<<20))
		}
		for _, n := range vm.Network {
			m.Networks = append(m.Networks, w.objectName(n))
		}
		m.Datastore = datastoreOf(vm.Config.Files.VmPathName)
		if vm.Runtime.Host != nil {
			m.Host = w.objectName(*vm.Runtime.Host)
			if h, ok := w.reg.Get(*vm.Runtime.Host).(*simulator.HostSystem); ok {
				m.Cluster = w.objectName(*h.Parent)
			}
		}
		if vm.ResourcePool != nil {
			m.ResourcePool = w.poolPath(*vm.ResourcePool)
		}
	})
	slices.Sort(m.Networks)
	return m
}

// poolPath is the pool's path below its compute cluster's root pool, "" for the root pool itself.
func (w *world) poolPath(r ref) string {
	full, _ := w.pathOf(r)
	if _, below, found := strings.Cut(full, "/Resources/"); found {
		return below
	}
	return ""
}

func extraConfig(vm *simulator.VirtualMachine) map[string]string {
	out := map[string]string{}
	for _, option := range vm.Config.ExtraConfig {
		v := option.GetOptionValue()
		if v.Key == "govcsim" {
			continue
		}
		out[v.Key] = fmt.Sprint(v.Value)
		if secretKey.MatchString(v.Key) {
			out[v.Key] = hashed(out[v.Key])
		}
	}
	return out
}

// machines are all virtual machines, by path.
func (w *world) machines() []*simulator.VirtualMachine {
	var out []*simulator.VirtualMachine
	for _, e := range w.reg.All("VirtualMachine") {
		if vm, ok := e.(*simulator.VirtualMachine); ok && vm.Config != nil {
			out = append(out, vm)
		}
	}
	slices.SortFunc(out, func(a, b *simulator.VirtualMachine) int { return cmp.Compare(a.Self.Value, b.Self.Value) })
	return out
}

type installerState struct {
	Moid       string            `json:"moid"`
	Name       string            `json:"name"`
	Power      string            `json:"power"`
	Template   bool              `json:"template"`
	Properties map[string]string `json:"properties"`
	Guest      guestState        `json:"guest"`
}

// installers are the virtual machines that have an OVF product section, properties in the clear.
func (w *world) installers() []installerState {
	out := []installerState{}
	for _, vm := range w.machines() {
		if importing := w.leases.holds(vm.Self); importing {
			continue
		}
		w.locked(vm, func() {
			if vm.Config.VAppConfig == nil || len(vm.Config.VAppConfig.GetVmConfigInfo().Product) == 0 {
				return
			}
			out = append(out, installerState{
				Moid: vm.Self.Value, Name: vm.Name, Power: powerWord(vm.Runtime.PowerState), Template: vm.Config.Template,
				Properties: properties(vm, true), Guest: guestOf(vm),
			})
		})
	}
	return out
}

// holds says whether an open lease is still filling the virtual machine.
func (t *leaseTable) holds(vm ref) bool {
	for _, l := range t.all() {
		if l.machine() == vm {
			return true
		}
	}
	return false
}
