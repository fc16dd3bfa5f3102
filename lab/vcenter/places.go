// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func (w *world) importFolder(req *types.ImportVApp) (*simulator.Folder, bool) {
	if req.Folder != nil {
		f, ok := w.reg.Get(*req.Folder).(*simulator.Folder)
		return f, ok && slices.Contains(f.ChildType, "VirtualMachine")
	}
	dc := w.datacenterOf(req.This)
	if dc == nil {
		return nil, false
	}
	f, ok := w.reg.Get(dc.VmFolder).(*simulator.Folder)
	return f, ok
}

func (w *world) datacenterOf(r ref) *simulator.Datacenter {
	for at := &r; at != nil; {
		o := w.reg.Get(*at)
		if dc, ok := o.(*simulator.Datacenter); ok {
			return dc
		}
		e, ok := o.(mo.Entity)
		if !ok {
			return nil
		}
		at = e.Entity().Parent
	}
	return nil
}

// destroyMachine removes a machine that is off, and its folder on the datastore. Imports wait: the name is free before the folder is gone.
func (w *world) destroyMachine(r ref) {
	w.leases.imports.Lock()
	defer w.leases.imports.Unlock()
	vm, ok := w.reg.Get(r).(*simulator.VirtualMachine)
	if !ok {
		return
	}
	var file object.DatastorePath
	file.FromString(vm.Config.Files.VmPathName)
	dir := w.datastoreDir(r, file.Datastore)
	ctx := w.context()
	var body soap.HasFault
	ctx.WithLock(vm, func() { body = vm.DestroyTask(ctx, &types.Destroy_Task{This: r}) })
	if res := body.(*methods.Destroy_TaskBody).Res; res != nil {
		w.reg.Get(res.Returnval).(*simulator.Task).Wait()
	}
	if dir != "" && path.Dir(file.Path) != "." {
		_ = os.RemoveAll(filepath.Join(dir, path.Dir(file.Path)))
	}
}

// awaitRemovals returns when nothing removes machines or files any more. vcsim frees a machine's name first, and its task
// VirtualMachine.destroy may end before the task that removes the folder.
func (w *world) awaitRemovals() {
	for _, o := range w.reg.AllReference("Task") {
		task, ok := o.(*simulator.Task)
		if ok && slices.Contains([]string{"VirtualMachine.destroy", "FileManager.deleteDatastoreFile"}, task.Info.DescriptionId) {
			task.Wait()
		}
	}
}

func (w *world) datastoreDir(vm ref, name string) string {
	dc := w.datacenterOf(vm)
	if dc == nil {
		return ""
	}
	if ds, ok := w.reg.FindByName(name, dc.Datastore).(*simulator.Datastore); ok {
		return ds.Summary.Url
	}
	return ""
}
