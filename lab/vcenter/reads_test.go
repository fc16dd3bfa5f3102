// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

func (l *lab) asClient(c *govmomi.Client, vm ref) *object.VirtualMachine {
	return object.NewVirtualMachine(c.Client, vm)
}

// taskNames are the methods of all tasks that there were.
func (l *lab) taskNames() []string {
	var out []string
	for _, o := range l.s.world.Load().reg.AllReference("Task") {
		var task mo.Task
		if property.DefaultCollector(l.login().Client).RetrieveOne(ctx, o.Reference(), []string{"info.name"}, &task) == nil {
			out = append(out, task.Info.Name)
		}
	}
	return out
}

func (l *lab) other() *govmomi.Client {
	l.t.Helper()
	c, err := l.tryLogin(otherName, otherPassword)
	must(l.t, err)
	return c
}

// all are the names of the objects that the client's container view of the whole inventory shows.
func (l *lab) all(c *govmomi.Client) []string {
	l.t.Helper()
	v, err := view.NewManager(c.Client).CreateContainerView(ctx, c.ServiceContent.RootFolder, []string{"ManagedEntity"}, true)
	must(l.t, err)
	var found []mo.ManagedEntity
	must(l.t, v.Retrieve(ctx, []string{"ManagedEntity"}, []string{"name"}, &found))
	var names []string
	for _, e := range found {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return names
}

func TestWhatIsHiddenIsLeftOut(t *testing.T) {
	l := newLabWith(t, grants(folder+"/gateways svc-palette ReadOnly", "/dc-1/datastore/ds-shared-1 svc-palette ReadOnly"))
	c := l.other()
	equal(t, "seen", fmt.Sprint(l.all(c)), "[datastore dc-1 ds-shared-1 gateways palette vm]")
	pc := property.DefaultCollector(c.Client)
	var f mo.Folder
	must(t, pc.RetrieveOne(ctx, l.at("/dc-1/vm"), []string{"childEntity"}, &f))
	equal(t, "references to what is hidden", fmt.Sprint(f.ChildEntity), fmt.Sprint([]ref{l.at(folder)}))
	err := pc.RetrieveOne(ctx, l.at("/dc-1/host/cluster-1"), []string{"name"}, &mo.ManagedEntity{})
	equal(t, "named although hidden", faultOf(err), "NoPermission")
	for path, want := range map[string]bool{"/dc-1/vm/palette/gateways": true, "/dc-1/host/cluster-1": false, "/dc-1/vm/palette/seeded-1": false} {
		found, err := object.NewSearchIndex(c.Client).FindByInventoryPath(ctx, path)
		must(t, err)
		equal(t, "search for "+path, found != nil, want)
	}
	equal(t, "administrator sees more", len(l.all(l.login())) > 20, true)
}

func TestAncestorsMayBeViewedOnly(t *testing.T) {
	l := newLabWith(t, grants(folder+" svc-palette ReadOnly propagate"))
	c := l.other()
	res, err := property.DefaultCollector(c.Client).RetrieveProperties(ctx, types.RetrieveProperties{SpecSet: []types.PropertyFilterSpec{{
		PropSet:   []types.PropertySpec{{Type: "Datacenter", PathSet: []string{"name", "vmFolder", "datastore"}}},
		ObjectSet: []types.ObjectSpec{{Obj: l.at("/dc-1")}},
	}}})
	must(t, err)
	content := res.Returnval[0]
	equal(t, "what may be viewed", len(content.PropSet), 2)
	equal(t, "what needs System.Read", content.MissingSet[0].Path, "datastore")
	fault := content.MissingSet[0].Fault.Fault.(*types.NoPermission)
	equal(t, "privilege", fault.PrivilegeId, "System.Read")
	equal(t, "object", *fault.Object, l.at("/dc-1"))
	equal(t, "the privilege calls do not count it", l.may("/dc-1"), "")
}

func TestPagesAndUpdatesAreFiltered(t *testing.T) {
	l := newLabWith(t, grants(folder+" svc-palette ReadOnly propagate", "/dc-1 svc-palette ReadOnly"))
	c := l.other()
	v, err := view.NewManager(c.Client).CreateContainerView(ctx, c.ServiceContent.RootFolder, nil, true)
	must(t, err)
	skip := true
	filter := types.PropertyFilterSpec{
		PropSet: []types.PropertySpec{{Type: "ManagedEntity", PathSet: []string{"name"}}},
		ObjectSet: []types.ObjectSpec{{Obj: v.Reference(), Skip: &skip, SelectSet: []types.BaseSelectionSpec{
			&types.TraversalSpec{Type: "ContainerView", Path: "view", Skip: new(bool)},
		}}},
	}
	pc := c.ServiceContent.PropertyCollector
	res, err := methods.RetrievePropertiesEx(ctx, c.Client, &types.RetrievePropertiesEx{
		This: pc, SpecSet: []types.PropertyFilterSpec{filter}, Options: types.RetrieveOptions{MaxObjects: 3},
	})
	must(t, err)
	seen, token := len(res.Returnval.Objects), res.Returnval.Token
	for token != "" {
		equal(t, "size of a page at most", seen%3, 0)
		next, err := methods.ContinueRetrievePropertiesEx(ctx, c.Client, &types.ContinueRetrievePropertiesEx{This: pc, Token: token})
		must(t, err)
		seen, token = seen+len(next.Returnval.Objects), next.Returnval.Token
	}
	equal(t, "objects on all pages", seen, len(l.all(c)))
	_, err = methods.CreateFilter(ctx, c.Client, &types.CreateFilter{This: pc, Spec: filter})
	must(t, err)
	updates, err := methods.WaitForUpdatesEx(ctx, c.Client, &types.WaitForUpdatesEx{This: pc})
	must(t, err)
	equal(t, "objects in the first update", len(updates.Returnval.FilterSet[0].ObjectSet), seen)
}

func TestFilesOfADatastoreAskForItsPrivileges(t *testing.T) {
	l := newLab(t)
	l.holding([]string{"Datastore.Browse"})
	c := l.other()
	store := object.NewDatastore(c.Client, l.at("/dc-1/datastore/ds-shared-1"))
	store.InventoryPath, store.DatacenterPath = "/dc-1/datastore/ds-shared-1", "/dc-1"
	write := func() error { return store.Upload(ctx, strings.NewReader("text"), "file.txt", nil) }
	equal(t, "write without FileManagement", strings.Contains(fmt.Sprint(write()), "403"), true)
	l.holding([]string{"Datastore.Browse", "Datastore.FileManagement"})
	must(t, write())
	read := func() error {
		body, _, err := store.Download(ctx, "file.txt", nil)
		if err == nil {
			err = body.Close()
		}
		return err
	}
	must(t, read())
	l.holding([]string{"Datastore.FileManagement"})
	equal(t, "read without Browse", strings.Contains(fmt.Sprint(read()), "403"), true)
}
