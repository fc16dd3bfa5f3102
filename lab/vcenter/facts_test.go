// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

const factsSite = `{"vcenter": {
 "version": "6.7.0", "build": "13007421", "api_version": "6.7.1",
 "users": [{"name": "administrator@vsphere.local", "password": "lab-admin", "admin": true}, {"name": "svc-palette@vsphere.local", "password": "lab-svc"}],
 "datacenters": [{"name": "dc-1",
   "datastores": [
     {"name": "ds-shared", "capacity_gib": 1000, "hosts": "all", "inaccessible_on": ["b"], "maintenance": "enteringMaintenance"},
     {"name": "ds-lost", "capacity_gib": 1000, "hosts": ["b"], "inaccessible_on": ["b"]}],
   "networks": ["VM Network", "storage"],
   "distributed_switches": [{"name": "vds-1", "port_groups": [{"name": "pg-a"}, {"name": "pg-b"}]}, {"name": "vds-2", "port_groups": [{"name": "pg-c"}]}],
   "compute_clusters": [
    {"name": "cluster-1", "hosts": [
      {"name": "a", "address": "127.1.1.1", "ntp": ["ntp.lab.local"]},
      {"name": "b", "address": "127.1.1.2", "ntp": ["ntp.lab.local"], "ntp_running": false, "ntp_policy": "automatic", "skew_seconds": 90,
       "networks": ["storage", "pg-a"], "version": "6.5.0", "build": "5973321"},
      {"name": "c", "address": "127.1.1.3", "state": "disconnected"},
      {"name": "d", "state": "notResponding", "networks": "all"},
      {"name": "e", "power": "standBy", "maintenance": true}]},
    {"name": "cluster-2", "hosts": [{"name": "f", "networks": ["VM Network"]}]}]}]}}`

// gather reads properties of every object of one kind, by name.
func gather[T any](t *testing.T, c *govmomi.Client, kind string, name func(T) string, paths ...string) map[string]T {
	t.Helper()
	ctx := context.Background()
	v, err := view.NewManager(c.Client).CreateContainerView(ctx, c.ServiceContent.RootFolder, []string{kind}, true)
	must(t, err)
	var list []T
	must(t, v.Retrieve(ctx, []string{kind}, append(paths, "name"), &list))
	out := map[string]T{}
	for _, o := range list {
		out[name(o)] = o
	}
	return out
}

func hostFacts(t *testing.T, c *govmomi.Client, paths ...string) map[string]mo.HostSystem {
	return gather(t, c, "HostSystem", func(h mo.HostSystem) string { return h.Name }, paths...)
}

func TestHostsHaveTheirOwnFacts(t *testing.T) {
	l := newLabOf(t, factsSite)
	c := l.login()
	hosts := hostFacts(t, c, "runtime", "config.network.vnic", "config.virtualNicManagerInfo.netConfig", "config.product", "config.service.service",
		"config.dateTimeInfo.ntpConfig.server", "summary.config.product", "summary.runtime")
	equal(t, "hosts", len(hosts), 6)
	equal(t, "address of a", hosts["a"].Config.Network.Vnic[0].Spec.Ip.IpAddress, "127.1.1.1")
	equal(t, "address of c", hosts["c"].Config.Network.Vnic[0].Spec.Ip.IpAddress, "127.1.1.3")
	for _, config := range hosts["b"].Config.VirtualNicManagerInfo.NetConfig {
		if config.NicType == "management" {
			at := slices.IndexFunc(config.CandidateVnic, func(n types.HostVirtualNic) bool { return n.Key == config.SelectedVnic[0] })
			equal(t, "management address of b", config.CandidateVnic[at].Spec.Ip.IpAddress, "127.1.1.2")
		}
	}
	equal(t, "version of a", hosts["a"].Config.Product.Version, "6.7.0")
	equal(t, "version of b", fmt.Sprint(hosts["b"].Summary.Config.Product.Version, hosts["b"].Config.Product.Build), "6.5.05973321")
	states := map[string]string{}
	for name, h := range hosts {
		states[name] = fmt.Sprint(h.Runtime.ConnectionState, " ", h.Runtime.PowerState, " ", h.Summary.Runtime.InMaintenanceMode)
	}
	equal(t, "state of a", states["a"], "connected poweredOn false")
	equal(t, "state of c", states["c"], "disconnected unknown false")
	equal(t, "state of d", states["d"], "notResponding unknown false")
	equal(t, "state of e", states["e"], "connected standBy true")
	for name, want := range map[string]string{"a": "[ntp.lab.local] true on", "b": "[ntp.lab.local] false automatic", "c": "[] false off"} {
		h := hosts[name]
		at := slices.IndexFunc(h.Config.Service.Service, func(s types.HostService) bool { return s.Key == "ntpd" })
		ntpd := h.Config.Service.Service[at]
		equal(t, "time of "+name, fmt.Sprintf("%v %v %s", h.Config.DateTimeInfo.NtpConfig.Server, ntpd.Running, ntpd.Policy), want)
	}
	clusters := gather(t, c, "ClusterComputeResource", func(c mo.ClusterComputeResource) string { return c.Name }, "summary")
	s := clusters["cluster-1"].Summary.GetComputeResourceSummary()
	equal(t, "hosts of cluster-1", s.NumHosts, 5)
	equal(t, "effective hosts of cluster-1", s.NumEffectiveHosts, 2)
	equal(t, "effective CPU", s.EffectiveCpu, 2*32*2600)
	equal(t, "total CPU", s.TotalCpu, 5*32*2600)
}

func TestTimeOfAHostIsTheLabsTimePlusItsSkew(t *testing.T) {
	l := newLabOf(t, factsSite)
	c := l.login()
	l.ask("POST", "/clock", map[string]any{"offset_seconds": 7200})
	hosts := hostFacts(t, c, "configManager.dateTimeSystem")
	query := func(name string) (time.Duration, string) {
		now, err := methods.GetCurrentTime(context.Background(), c.Client)
		must(t, err)
		res, err := methods.QueryDateTime(context.Background(), c.Client, &types.QueryDateTime{This: *hosts[name].ConfigManager.DateTimeSystem})
		if err != nil {
			return 0, faultOf(err)
		}
		return res.Returnval.Sub(*now).Round(time.Second), ""
	}
	for name, want := range map[string]time.Duration{"a": 0, "b": 90 * time.Second} {
		skew, fault := query(name)
		equal(t, "fault of "+name, fault, "")
		equal(t, "skew of "+name, skew, want)
	}
	_, fault := query("c")
	equal(t, "fault of the disconnected host", fault, "HostNotConnected")
	_, fault = query("d")
	equal(t, "fault of the host that does not respond", fault, "HostNotReachable")
}

func TestANetworkMayBeMissingOnAHost(t *testing.T) {
	l := newLabOf(t, factsSite)
	c := l.login()
	hosts := hostFacts(t, c, "network")
	nets := gather(t, c, "Network", func(n mo.Network) string { return n.Name }, "host")
	names := map[types.ManagedObjectReference]string{}
	for name, n := range nets {
		names[n.Self] = name
	}
	for host, want := range map[string][]string{
		"a": {"VM Network", "storage", "pg-a", "pg-b", "pg-c"}, "b": {"storage", "pg-a"}, "d": {"VM Network", "storage", "pg-a", "pg-b", "pg-c"}, "f": {"VM Network"},
	} {
		var got []string
		for _, r := range hosts[host].Network {
			if !strings.Contains(names[r], "DVUplinks") {
				got = append(got, names[r])
			}
			equal(t, host+" in the hosts of "+names[r], slices.Contains(nets[names[r]].Host, hosts[host].Self), true)
		}
		equal(t, "networks of "+host, fmt.Sprint(got), fmt.Sprint(want))
	}
	for name, count := range map[string]int{"VM Network": 5, "storage": 5, "pg-a": 5, "pg-b": 4, "pg-c": 4} {
		equal(t, "hosts of "+name, len(nets[name].Host), count)
	}
	clusters := gather(t, c, "ClusterComputeResource", func(c mo.ClusterComputeResource) string { return c.Name }, "network")
	var second []string
	for _, r := range clusters["cluster-2"].Network {
		second = append(second, names[r])
	}
	equal(t, "networks of cluster-2", fmt.Sprint(second), "[VM Network]")
}

func TestADatastoreMayBeLostOnAHost(t *testing.T) {
	l := newLabOf(t, factsSite)
	c := l.login()
	stores := gather(t, c, "Datastore", func(d mo.Datastore) string { return d.Name }, "host", "summary")
	hosts := hostFacts(t, c, "datastore")
	shared := stores["ds-shared"]
	equal(t, "accessible", shared.Summary.Accessible, true)
	equal(t, "maintenance", shared.Summary.MaintenanceMode, "enteringMaintenance")
	equal(t, "mounts", len(shared.Host), 6)
	for _, mount := range shared.Host {
		equal(t, "mount is reached", *mount.MountInfo.Accessible, mount.Key != hosts["b"].Self)
	}
	equal(t, "a datastore that nobody reaches", stores["ds-lost"].Summary.Accessible, false)
	equal(t, "it is still mounted", slices.Contains(hosts["b"].Datastore, stores["ds-lost"].Self), true)
}

func TestAboutIsTheSitesVersion(t *testing.T) {
	l := newLabOf(t, factsSite)
	about := l.login().ServiceContent.About
	equal(t, "about", fmt.Sprint(about.Version, " ", about.Build, " ", about.ApiVersion, " ", about.FullName),
		"6.7.0 13007421 6.7.1 VMware vCenter Server 6.7.0 build-13007421")
}

func TestWrongFactsAreRefused(t *testing.T) {
	for text, words := range map[string]string{
		`{"name": "a", "state": "gone"}`:    `host "a": state is "gone"`,
		`{"name": "a", "power": "asleep"}`:  `host "a": power is "asleep"`,
		`{"name": "a", "networks": "some"}`: `"some" is neither "all" nor a list`,
	} {
		_, err := siteOf(`{"vcenter": {"users": [{"name": "u", "password": "p"}], "datacenters": [
			{"name": "d", "compute_clusters": [{"name": "c", "hosts": [` + text + `]}]}]}}`)
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
