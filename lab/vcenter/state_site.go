// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
)

type datacenterState struct {
	Name          string         `json:"name"`
	VMs           []machineState `json:"vms"`
	Folders       []string       `json:"folders"`
	ResourcePools []string       `json:"resource_pools"`
	Networks      []string       `json:"networks"`
	Hosts         []hostState    `json:"hosts"`
	Datastores    []storeState   `json:"datastores"`
}

type hostState struct {
	Name        string `json:"name"`
	Cluster     string `json:"compute_cluster"`
	Maintenance bool   `json:"maintenance"`
}

type storeState struct {
	Name     string `json:"name"`
	Capacity int64  `json:"capacity"`
	Free     int64  `json:"free"`
	Hosts    int    `json:"hosts"`
}

// state is the canonical dump: every list sorted, equal inventories give equal dumps but for ids.
func (w *world) state() map[string]any {
	centers := []*datacenterState{}
	byName := map[string]*datacenterState{}
	for _, e := range w.reg.All("Datacenter") {
		d := &datacenterState{
			Name: e.Entity().Name, VMs: []machineState{}, Folders: []string{}, ResourcePools: []string{}, Networks: []string{},
			Hosts: []hostState{}, Datastores: []storeState{},
		}
		centers, byName[d.Name] = append(centers, d), d
	}
	slices.SortFunc(centers, func(a, b *datacenterState) int { return cmp.Compare(a.Name, b.Name) })
	for _, vm := range w.machines() {
		m := w.machineState(vm)
		if d := byName[strings.SplitN(strings.TrimPrefix(m.Path, "/"), "/", 2)[0]]; d != nil {
			d.VMs = append(d.VMs, m)
		}
	}
	for _, e := range w.reg.All("") {
		w.addEntity(byName, e)
	}
	for _, d := range centers {
		d.sort()
	}
	tagging := w.tags.dump(w)
	return map[string]any{
		"datacenters": centers, "tag_categories": tagging.Categories, "tags": tagging.Tags, "attachments": tagging.Attachments,
		"roles": w.roleDump(), "permissions": w.permissionDump(), "groups": w.groupDump(),
		"sessions": map[string]int{"soap": len(w.soapSessions()), "rest": w.rest.count()}, "leases": w.leaseDump(),
	}
}

func (w *world) addEntity(byName map[string]*datacenterState, e mo.Entity) {
	full, rest := w.pathOf(e.Reference())
	parts := strings.SplitN(strings.TrimPrefix(full, "/"), "/", 3)
	d := byName[parts[0]]
	if d == nil {
		return
	}
	switch x := e.(type) {
	case *simulator.Folder:
		if len(parts) == 3 && parts[1] == "vm" {
			d.Folders = append(d.Folders, rest)
		}
	case *simulator.ResourcePool:
		if below := w.poolPath(x.Self); below != "" {
			d.ResourcePools = append(d.ResourcePools, w.objectName(x.Owner)+"/"+below)
		}
	case *mo.Network, *simulator.DistributedVirtualPortgroup:
		d.Networks = append(d.Networks, rest)
	case *simulator.HostSystem:
		w.locked(x, func() {
			d.Hosts = append(d.Hosts, hostState{Name: x.Name, Cluster: w.objectName(*x.Parent), Maintenance: x.Runtime.InMaintenanceMode})
		})
	case *simulator.Datastore:
		w.locked(x, func() {
			d.Datastores = append(d.Datastores, storeState{Name: x.Name, Capacity: x.Summary.Capacity, Free: x.Summary.FreeSpace, Hosts: len(x.Host)})
		})
	}
}

func (d *datacenterState) sort() {
	slices.SortFunc(d.VMs, func(a, b machineState) int { return cmp.Compare(a.Path, b.Path) })
	slices.Sort(d.Folders)
	slices.Sort(d.ResourcePools)
	slices.Sort(d.Networks)
	slices.SortFunc(d.Hosts, func(a, b hostState) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(d.Datastores, func(a, b storeState) int { return cmp.Compare(a.Name, b.Name) })
}

type attachmentState struct {
	Tag    string `json:"tag"`
	Object string `json:"object"`
	Moid   string `json:"moid"`
}

type tagState struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Category    string `json:"category"`
	Description string `json:"description"`
}

type taggingState struct {
	Categories  []category
	Tags        []tagState
	Attachments []attachmentState
}

// dump names tags as category/tag and objects as Type:path.
func (s *tagStore) dump(w *world) taggingState {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := taggingState{Categories: []category{}, Tags: []tagState{}, Attachments: []attachmentState{}}
	for _, c := range s.categories {
		out.Categories = append(out.Categories, *c)
	}
	for id, t := range s.tags {
		name := s.categories[t.CategoryID].Name
		out.Tags = append(out.Tags, tagState{ID: id, Name: t.Name, Category: name, Description: t.Description})
		for o := range s.attached[id] {
			full, _ := w.pathOf(ref{Type: o.Type, Value: o.ID})
			out.Attachments = append(out.Attachments, attachmentState{Tag: name + "/" + t.Name, Object: o.Type + ":" + full, Moid: o.ID})
		}
	}
	slices.SortFunc(out.Categories, func(a, b category) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Tags, func(a, b tagState) int {
		return cmp.Or(cmp.Compare(a.Category, b.Category), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(out.Attachments, func(a, b attachmentState) int {
		return cmp.Or(cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Object, b.Object))
	})
	return out
}

// roleDump lists the roles that somebody made; the system's own never change.
func (w *world) roleDump() []map[string]any {
	w.authz.guard.Lock()
	defer w.authz.guard.Unlock()
	out := []map[string]any{}
	for _, r := range w.authz.RoleList {
		if r.RoleId >= firstOwnRole {
			out = append(out, map[string]any{"id": r.RoleId, "name": r.Name, "privileges": sortedSet(r.Privilege)})
		}
	}
	slices.SortFunc(out, func(a, b map[string]any) int { return cmp.Compare(a["name"].(string), b["name"].(string)) })
	return out
}

// groupDump lists the groups of the identity source with their members.
func (w *world) groupDump() []map[string]any {
	out := []map[string]any{}
	for _, g := range w.site.VCenter.Groups {
		out = append(out, map[string]any{"name": g.Name, "members": sortedSet(g.Members)})
	}
	slices.SortFunc(out, func(a, b map[string]any) int { return cmp.Compare(a["name"].(string), b["name"].(string)) })
	return out
}

func (w *world) permissionDump() []map[string]any {
	out := []map[string]any{}
	for _, p := range w.authz.permissions() {
		full, _ := w.pathOf(*p.Entity)
		name := ""
		if r := w.authz.role(p.RoleId); r != nil {
			name = r.Name
		}
		out = append(out, map[string]any{
			"entity": p.Entity.Type + ":" + full, "principal": w.site.principalName(p.Principal), "group": p.Group, "role": name, "propagate": p.Propagate,
		})
	}
	slices.SortFunc(out, func(a, b map[string]any) int {
		return cmp.Or(cmp.Compare(a["entity"].(string), b["entity"].(string)), cmp.Compare(a["principal"].(string), b["principal"].(string)))
	})
	return out
}

func (w *world) leaseDump() []map[string]any {
	out := []map[string]any{}
	for _, l := range w.leases.all() {
		l.guard.Lock()
		files := []upload{}
		for _, u := range l.uploads {
			files = append(files, *u)
		}
		out = append(out, map[string]any{"id": l.Self.Value, "name": l.vmName, "vm": l.vm.Value, "state": l.State, "files": files})
		l.guard.Unlock()
	}
	return out
}
