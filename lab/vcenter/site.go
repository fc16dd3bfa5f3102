// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
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
	Hosts       HostSet  `json:"hosts"`
}

// HostSet is the string "all" or a list of host names.
type HostSet struct {
	All   bool
	Names []string
}

func (h *HostSet) UnmarshalJSON(raw []byte) error {
	var word string
	if json.Unmarshal(raw, &word) == nil {
		if word != "all" {
			return fmt.Errorf("datastore hosts: %q is neither \"all\" nor a list of host names", word)
		}
		h.All = true
		return nil
	}
	return json.Unmarshal(raw, &h.Names)
}

type Switch struct {
	Name       string      `json:"name"`
	PortGroups []PortGroup `json:"port_groups"`
}

type PortGroup struct {
	Name string `json:"name"`
	VLAN int32  `json:"vlan"`
}

type Cluster struct {
	Name          string   `json:"name"`
	ResourcePools []string `json:"resource_pools"`
	Hosts         []Host   `json:"hosts"`
	DRS           *bool    `json:"drs"`
	HA            *bool    `json:"ha"`
}

type Host struct {
	Name        string   `json:"name"`
	Cores       int16    `json:"cores"`
	MHz         int32    `json:"mhz"`
	MemoryGiB   float64  `json:"memory_gib"`
	NTP         []string `json:"ntp"`
	Maintenance bool     `json:"maintenance"`
}

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
				dc.Clusters[c].Hosts[h].fillDefaults()
			}
		}
		for m := range dc.Machines {
			dc.Machines[m].fillDefaults(dc)
		}
	}
}

func (h *Host) fillDefaults() {
	if h.Cores == 0 {
		h.Cores = 32
	}
	if h.MHz == 0 {
		h.MHz = 2600
	}
	if h.MemoryGiB == 0 {
		h.MemoryGiB = 256
	}
}

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
		}
	}
	for _, ds := range d.Datastores {
		for _, name := range ds.Hosts.Names {
			if !hosts[name] {
				return fmt.Errorf("datastore %q is mounted on %q, which is no host here", ds.Name, name)
			}
		}
	}
	for _, m := range d.Machines {
		if !clusters[m.Cluster] {
			return fmt.Errorf("virtual machine %q is on %q, which is no compute cluster here", m.Name, m.Cluster)
		}
	}
	return nil
}
