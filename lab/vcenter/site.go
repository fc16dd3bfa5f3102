// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Site is the part of site.json that vCenter reads (lab/README.md, "site.json").
type Site struct {
	VCenter  VCenter  `json:"vcenter"`
	TLS      TLSFiles `json:"tls"`
	Settings struct {
		Seed int64 `json:"seed"`
	} `json:"settings"`
}

type TLSFiles struct {
	CA          string `json:"ca"`
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
}

type VCenter struct {
	Version     string       `json:"version"`
	Build       string       `json:"build"`
	APIVersion  string       `json:"api_version"`
	Listen      string       `json:"listen"`
	Control     string       `json:"control"`
	Users       []User       `json:"users"`
	Datacenters []Datacenter `json:"datacenters"`
	HashUploads *bool        `json:"hash_uploads"`

	Groups      []Group          `json:"groups"`
	Roles       []SiteRole       `json:"roles"`
	Permissions []SitePermission `json:"permissions"`
}

const hashLimit = 256 << 20

// hashes says whether an upload of that length gets SHA-1 and SHA-256 in HttpNfcLeaseGetManifest: as hash_uploads says, and
// without it only up to 256 MiB, because hashing doubles the time of an upload. Length -1: unknown.
func (v *VCenter) hashes(length int64) bool {
	if v.HashUploads != nil {
		return *v.HashUploads
	}
	return length <= hashLimit
}

type User struct {
	Name     string `json:"name"`
	Password string `json:"password"`
	Admin    bool   `json:"admin"`
}

type Datacenter struct {
	Name       string      `json:"name"`
	Folders    []string    `json:"folders"`
	Datastores []Datastore `json:"datastores"`
	Networks   []string    `json:"networks"`
	Switches   []Switch    `json:"distributed_switches"`
	Clusters   []Cluster   `json:"compute_clusters"`
	Machines   []Machine   `json:"virtual_machines"`
}

type Datastore struct {
	Name        string   `json:"name"`
	CapacityGiB float64  `json:"capacity_gib"`
	FreeGiB     *float64 `json:"free_gib"`
	Type        string   `json:"type"`
	Hosts       NameSet  `json:"hosts"`
	Lost        []string `json:"inaccessible_on"` // hosts that have it mounted and cannot reach it
	Maintenance string   `json:"maintenance"`     // normal, enteringMaintenance or inMaintenance
}

// NameSet is the string "all" or a list of names.
type NameSet struct {
	All   bool
	Names []string
}

func (n *NameSet) UnmarshalJSON(raw []byte) error {
	var word string
	if json.Unmarshal(raw, &word) == nil {
		if word != "all" {
			return fmt.Errorf("%q is neither \"all\" nor a list of names", word)
		}
		n.All = true
		return nil
	}
	return json.Unmarshal(raw, &n.Names)
}

func (n *NameSet) has(name string) bool { return n.All || slices.Contains(n.Names, name) }

type Switch struct {
	Name       string      `json:"name"`
	PortGroups []PortGroup `json:"port_groups"`
}

type PortGroup struct {
	Name string `json:"name"`
	VLAN int32  `json:"vlan"`
}

type Cluster struct {
	Name          string `json:"name"`
	ResourcePools []Pool `json:"resource_pools"`
	Hosts         []Host `json:"hosts"`
	DRS           *bool  `json:"drs"`
	HA            *bool  `json:"ha"`
}

// Pool is a path below the cluster's own pool, alone or with allocations: limits without a value are unlimited.
type Pool struct {
	Path              string `json:"path"`
	CPULimit          *int64 `json:"cpu_limit_mhz"`
	MemoryLimit       *int64 `json:"memory_limit_mib"`
	CPUReservation    int64  `json:"cpu_reservation_mhz"`
	MemoryReservation int64  `json:"memory_reservation_mib"`
	Expandable        *bool  `json:"expandable"`
}

func (p *Pool) UnmarshalJSON(raw []byte) error {
	if json.Unmarshal(raw, &p.Path) == nil {
		return nil
	}
	type plain Pool
	return json.Unmarshal(raw, (*plain)(p))
}

// Host is an ESXi host. Without versions it has vCenter's.
type Host struct {
	Name        string   `json:"name"`
	Address     string   `json:"address"` // of its management interface
	Cores       int16    `json:"cores"`
	MHz         int32    `json:"mhz"`
	MemoryGiB   float64  `json:"memory_gib"`
	NTP         []string `json:"ntp"`
	NTPRunning  *bool    `json:"ntp_running"` // whether ntpd runs; by default when there are servers
	NTPPolicy   string   `json:"ntp_policy"`  // on, off or automatic; by default on when there are servers
	Skew        float64  `json:"skew_seconds"`
	State       string   `json:"state"` // connected, disconnected or notResponding
	Power       string   `json:"power"` // poweredOn, poweredOff, standBy or unknown
	Maintenance bool     `json:"maintenance"`
	Networks    *NameSet `json:"networks"` // networks and port groups that it has; all by default
	Version     string   `json:"version"`
	Build       string   `json:"build"`
	APIVersion  string   `json:"api_version"`
}

func (h *Host) hasNetwork(name string) bool { return h.Networks == nil || h.Networks.has(name) }

type Machine struct {
	Name         string  `json:"name"`
	Folder       string  `json:"folder"`
	Cluster      string  `json:"compute_cluster"`
	ResourcePool string  `json:"resource_pool"`
	Host         string  `json:"host"`
	Datastore    string  `json:"datastore"`
	Network      string  `json:"network"`
	CPUs         int32   `json:"cpus"`
	MemoryMiB    int64   `json:"memory_mib"`
	DiskGiB      int64   `json:"disk_gib"`
	IP           string  `json:"ip"`
	Power        Powered `json:"power"`
	Template     bool    `json:"template"`
	Annotation   string  `json:"annotation"`
}

// Powered is true for true, "on" and "poweredOn": YAML 1.1 readers turn a bare on into true.
type Powered bool

func (p *Powered) UnmarshalJSON(raw []byte) error {
	word := strings.ToLower(strings.Trim(string(raw), `"`))
	switch word {
	case "true", "on", "poweredon":
		*p = true
	case "false", "off", "poweredoff", "null", "":
		*p = false
	default:
		return fmt.Errorf("virtual machine power: %s is neither on nor off", raw)
	}
	return nil
}

func loadSite(path string) (*Site, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	site := &Site{}
	if err := json.Unmarshal(raw, site); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	site.fillDefaults()
	if err := site.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return site, nil
}

func orString(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

func (s *Site) fillDefaults() {
	v := &s.VCenter
	v.Version = orString(v.Version, "8.0.3")
	v.Build = orString(v.Build, "24022515")
	v.APIVersion = orString(v.APIVersion, "8.0.3.0")
	v.Listen = orString(v.Listen, "127.0.0.1:0")
	v.Control = orString(v.Control, "127.0.0.1:0")
	for d := range v.Datacenters {
		dc := &v.Datacenters[d]
		if len(dc.Networks) == 0 {
			dc.Networks = []string{"VM Network"}
		}
		for c := range dc.Clusters {
			for h := range dc.Clusters[c].Hosts {
				dc.Clusters[c].Hosts[h].fillDefaults(v)
			}
		}
		for m := range dc.Machines {
			dc.Machines[m].fillDefaults(dc)
		}
	}
}

func (h *Host) fillDefaults(v *VCenter) {
	if h.Cores == 0 {
		h.Cores = 32
	}
	if h.MHz == 0 {
		h.MHz = 2600
	}
	if h.MemoryGiB == 0 {
		h.MemoryGiB = 256
	}
	if h.NTPRunning == nil {
		running := len(h.NTP) > 0
		h.NTPRunning = &running
	}
	if h.NTPPolicy == "" {
		h.NTPPolicy = "off"
		if len(h.NTP) > 0 {
			h.NTPPolicy = "on"
		}
	}
	h.State = orString(h.State, "connected")
	if h.Power == "" {
		h.Power = "poweredOn"
		if h.State != "connected" {
			h.Power = "unknown"
		}
	}
	h.Version, h.Build, h.APIVersion = orString(h.Version, v.Version), orString(h.Build, v.Build), orString(h.APIVersion, v.APIVersion)
}

// up says whether the host can run virtual machines.
func (h *Host) up() bool { return h.State == "connected" && h.Power == "poweredOn" && !h.Maintenance }

func (m *Machine) fillDefaults(dc *Datacenter) {
	if m.CPUs == 0 {
		m.CPUs = 2
	}
	if m.MemoryMiB == 0 {
		m.MemoryMiB = 4096
	}
	if m.DiskGiB == 0 {
		m.DiskGiB = 20
	}
	if m.Datastore == "" && len(dc.Datastores) > 0 {
		m.Datastore = dc.Datastores[0].Name
	}
	m.Network = orString(m.Network, dc.Networks[0])
}

func (s *Site) check() error {
	if len(s.VCenter.Users) == 0 {
		return errors.New("vcenter.users is empty: nobody could log in")
	}
	for _, u := range s.VCenter.Users {
		if u.Name == "" || u.Password == "" {
			return fmt.Errorf("vcenter.users: %q needs a name and a password", u.Name)
		}
	}
	if err := s.checkAccess(); err != nil {
		return err
	}
	for _, dc := range s.VCenter.Datacenters {
		if err := dc.check(); err != nil {
			return fmt.Errorf("datacenter %q: %w", dc.Name, err)
		}
	}
	return nil
}

func (d *Datacenter) check() error {
	hosts, clusters := map[string]bool{}, map[string]bool{}
	for _, c := range d.Clusters {
		clusters[c.Name] = true
		for _, h := range c.Hosts {
			if hosts[h.Name] {
				return fmt.Errorf("host %q is listed twice", h.Name)
			}
			hosts[h.Name] = true
			if err := h.check(); err != nil {
				return fmt.Errorf("host %q: %w", h.Name, err)
			}
		}
	}
	for _, ds := range d.Datastores {
		for _, name := range slices.Concat(ds.Hosts.Names, ds.Lost) {
			if !hosts[name] {
				return fmt.Errorf("datastore %q is mounted on %q, which is no host here", ds.Name, name)
			}
		}
		if err := oneOf("maintenance", ds.Maintenance, "", "normal", "enteringMaintenance", "inMaintenance"); err != nil {
			return fmt.Errorf("datastore %q: %w", ds.Name, err)
		}
	}
	for _, m := range d.Machines {
		if !clusters[m.Cluster] {
			return fmt.Errorf("virtual machine %q is on %q, which is no compute cluster here", m.Name, m.Cluster)
		}
	}
	return nil
}

func (h *Host) check() error {
	return errors.Join(
		oneOf("state", h.State, "connected", "disconnected", "notResponding"),
		oneOf("power", h.Power, "poweredOn", "poweredOff", "standBy", "unknown"),
		oneOf("ntp_policy", h.NTPPolicy, "on", "off", "automatic"),
	)
}

func oneOf(what, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s is %q, not one of %q", what, value, allowed)
}
