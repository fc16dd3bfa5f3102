// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// CloneVMTask clones and then applies the parts of CloneSpec.config that vcsim drops; a clone that cannot be finished or
// powered on is removed, as vCenter does and vcsim does not.
func (h *hooks) CloneVMTask(ctx *simulator.Context, req *types.CloneVM_Task) soap.HasFault {
	body := new(methods.CloneVM_TaskBody)
	source, ok := h.w.reg.Get(req.This).(*simulator.VirtualMachine)
	if !ok {
		body.Fault_ = simulator.Fault("", &types.ManagedObjectNotFound{Obj: req.This})
		return body
	}
	if _, ok := h.w.reg.Get(req.Folder).(*simulator.Folder); !ok {
		body.Fault_ = simulator.Fault("", &types.ManagedObjectNotFound{Obj: req.Folder})
		return body
	}
	task := simulator.CreateTask(source, "cloneVm", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		return h.w.cloneMachine(ctx, source, req)
	})
	body.Res = &types.CloneVM_TaskResponse{Returnval: task.Run(ctx)}
	return body
}

func (w *world) cloneMachine(ctx *simulator.Context, source *simulator.VirtualMachine, req *types.CloneVM_Task) (types.AnyType, types.BaseMethodFault) {
	inner := *req
	inner.Spec.PowerOn = false
	res := source.CloneVMTask(ctx, &inner).(*methods.CloneVM_TaskBody)
	if res.Res == nil {
		return nil, res.Fault_.VimFault().(types.BaseMethodFault)
	}
	result, fault := w.outcome(res.Res.Returnval)
	if fault != nil {
		return nil, fault
	}
	clone := w.reg.Get(result.(ref)).(*simulator.VirtualMachine)
	if fault = w.finishClone(ctx, clone, req); fault != nil {
		w.destroyMachine(clone.Self)
		return nil, fault
	}
	return clone.Self, nil
}

// outcome waits for a task and returns its result or its fault.
func (w *world) outcome(r ref) (types.AnyType, types.BaseMethodFault) {
	task := w.reg.Get(r).(*simulator.Task)
	task.Wait()
	if task.Info.Error != nil {
		return nil, task.Info.Error.Fault
	}
	return task.Info.Result, nil
}

// result is outcome without its patience: vcsim's Wait looks every 10 ms, too seldom for many short tasks.
func (w *world) result(r ref) (types.AnyType, types.BaseMethodFault) {
	task := w.reg.Get(r).(*simulator.Task)
	for running := true; running; {
		w.locked(task, func() {
			running = task.Info.State == types.TaskInfoStateRunning || task.Info.State == types.TaskInfoStateQueued
		})
		if running {
			time.Sleep(100 * time.Microsecond)
		}
	}
	return w.outcome(r)
}

func (w *world) finishClone(ctx *simulator.Context, clone *simulator.VirtualMachine, req *types.CloneVM_Task) types.BaseMethodFault {
	if config := req.Spec.Config; config != nil && (config.Annotation != "" || config.VAppConfig != nil && !req.Spec.Template) {
		rest := types.VirtualMachineConfigSpec{Annotation: config.Annotation}
		if !req.Spec.Template {
			rest.VAppConfig = config.VAppConfig
		}
		res := clone.ReconfigVMTask(ctx, &types.ReconfigVM_Task{This: clone.Self, Spec: rest}).(*methods.ReconfigVM_TaskBody)
		if _, fault := w.outcome(res.Res.Returnval); fault != nil {
			return fault
		}
	}
	if !req.Spec.PowerOn || req.Spec.Template {
		return nil
	}
	res := clone.PowerOnVMTask(ctx, &types.PowerOnVM_Task{This: clone.Self}).(*methods.PowerOnVM_TaskBody)
	if res.Res == nil {
		return res.Fault_.VimFault().(types.BaseMethodFault)
	}
	_, fault := w.outcome(res.Res.Returnval)
	return fault
}
