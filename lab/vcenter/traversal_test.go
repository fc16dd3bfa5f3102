// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"context"
	"testing"

	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// round follows compute cluster -> host -> network -> host and host -> parent, which both go in a circle.
func round(start ref) types.RetrievePropertiesEx {
	onward := []types.BaseSelectionSpec{&types.SelectionSpec{Name: "networks"}, &types.SelectionSpec{Name: "up"}}
	hosts := &types.TraversalSpec{SelectionSpec: types.SelectionSpec{Name: "hosts"}, Type: "ComputeResource", Path: "host", SelectSet: onward}
	networks := &types.TraversalSpec{SelectionSpec: types.SelectionSpec{Name: "networks"}, Type: "HostSystem", Path: "network",
		SelectSet: []types.BaseSelectionSpec{&types.SelectionSpec{Name: "back"}}}
	back := &types.TraversalSpec{SelectionSpec: types.SelectionSpec{Name: "back"}, Type: "Network", Path: "host", SelectSet: onward}
	up := &types.TraversalSpec{SelectionSpec: types.SelectionSpec{Name: "up"}, Type: "HostSystem", Path: "parent",
		SelectSet: []types.BaseSelectionSpec{&types.SelectionSpec{Name: "hosts"}}}
	yes := true
	return types.RetrievePropertiesEx{SpecSet: []types.PropertyFilterSpec{{
		ObjectSet: []types.ObjectSpec{{Obj: start, Skip: &yes, SelectSet: []types.BaseSelectionSpec{hosts, networks, back, up}}},
		PropSet:   []types.PropertySpec{{Type: "HostSystem", PathSet: []string{"name"}}, {Type: "Network", PathSet: []string{"name"}}},
	}}}
}

func hostsAndNetworks(t *testing.T, c *vim25.Client, req types.RetrievePropertiesEx) []string {
	t.Helper()
	req.This = c.ServiceContent.PropertyCollector
	res, err := methods.RetrievePropertiesEx(context.Background(), c, &req)
	must(t, err)
	var out []string
	for _, o := range res.Returnval.Objects {
		out = append(out, o.PropSet[0].Val.(string))
	}
	return out
}

func TestSelectionsThatGoInACircleEnd(t *testing.T) {
	l := newLab(t)
	c := l.login().Client
	seen := map[string]int{}
	for _, name := range hostsAndNetworks(t, c, round(l.at("/dc-1/host/cluster-1"))) {
		seen[name]++
	}
	for _, name := range []string{"c1-esx-1", "c1-esx-2", "c2-esx-1", "VM Network"} {
		equal(t, name, seen[name], 1)
	}
}

func TestASelectionOfUnknownNameIsRefused(t *testing.T) {
	l := newLab(t)
	c := l.login().Client
	req := round(l.at("/dc-1/host/cluster-1"))
	req.SpecSet[0].ObjectSet[0].SelectSet = []types.BaseSelectionSpec{&types.SelectionSpec{Name: "nosuch"}}
	req.This = c.ServiceContent.PropertyCollector
	_, err := methods.RetrievePropertiesEx(context.Background(), c, &req)
	_, refused := soap.ToSoapFault(err).VimFault().(types.InvalidArgument)
	equal(t, "InvalidArgument", refused, true)
}

func TestAMissingStartIsAFault(t *testing.T) {
	l := newLab(t)
	c := l.login().Client
	req := round(ref{Type: "ClusterComputeResource", Value: "domain-c99999"})
	req.This = c.ServiceContent.PropertyCollector
	_, err := methods.RetrievePropertiesEx(context.Background(), c, &req)
	_, missing := soap.ToSoapFault(err).VimFault().(types.ManagedObjectNotFound)
	equal(t, "ManagedObjectNotFound", missing, true)
}
