// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// relay passes inventory changes to the root property collector of one session. vcsim registers that collector as a
// listener under its managed object id, which is the same in all sessions: of several sessions that wait, which is what
// pyvmomi's WaitForTask does, only the last would hear of changes and the others would wait for ever.
type relay struct {
	self ref
	pc   *simulator.PropertyCollector
}

func relayRef(sessionKey string) ref { return ref{Type: "LabRelay", Value: sessionKey} }

func (r *relay) Reference() ref { return r.self }

// listening is false without filters: nobody waits, and changes would only pile up.
func (r *relay) listening() bool { return len(r.pc.Filter) > 0 }

func (r *relay) PutObject(ctx *simulator.Context, o mo.Reference) {
	if r.listening() {
		r.pc.PutObject(ctx, o)
	}
}

func (r *relay) UpdateObject(ctx *simulator.Context, o mo.Reference, changes []types.PropertyChange) {
	if r.listening() {
		r.pc.UpdateObject(ctx, o, changes)
	}
}

func (r *relay) RemoveObject(ctx *simulator.Context, o ref) {
	if r.listening() {
		r.pc.RemoveObject(ctx, o)
	}
}

func (pc *propertyCollector) WaitForUpdatesEx(ctx *simulator.Context, r *types.WaitForUpdatesEx) soap.HasFault {
	defer pc.listen(ctx, r.Version)()
	res := pc.PropertyCollector.WaitForUpdatesEx(ctx, r)
	if body := res.(*methods.WaitForUpdatesExBody); body.Res != nil {
		if reader := readerOf(ctx); reader != nil {
			reader.updates(body.Res.Returnval)
		}
	}
	return res
}

func (pc *propertyCollector) WaitForUpdates(ctx *simulator.Context, r *types.WaitForUpdates) soap.HasFault {
	defer pc.listen(ctx, r.Version)()
	res := pc.PropertyCollector.WaitForUpdates(ctx, r)
	if body := res.(*methods.WaitForUpdatesBody); body.Res != nil {
		if reader := readerOf(ctx); reader != nil {
			reader.updates(&body.Res.Returnval)
		}
	}
	return res
}

// listen registers the session's relay before the first collection, so that no change is missed; the returned function
// takes vcsim's own registration back.
func (pc *propertyCollector) listen(ctx *simulator.Context, version string) func() {
	if version != "" {
		return func() {}
	}
	ctx.Map.AddHandler(&relay{self: relayRef(ctx.Session.Key), pc: &pc.PropertyCollector})
	return func() { ctx.Map.RemoveHandler(&pc.PropertyCollector) }
}

// dropRelays forgets the relays of sessions that are over.
func (w *world) dropRelays() {
	alive := map[string]bool{}
	for _, s := range w.soapSessions() {
		alive[s.Key] = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for key := range w.principals {
		if !alive[key] {
			w.reg.RemoveHandler(&relay{self: relayRef(key)})
			delete(w.principals, key)
		}
	}
}
