// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

func (s *server) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /journal", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"items": s.journal.list()})
	})
	mux.HandleFunc("DELETE /journal", answer(func(*http.Request) (any, error) { s.journal.clear(); return nil, nil }))
	mux.HandleFunc("GET /state", answer(func(*http.Request) (any, error) { return s.world.Load().state(), nil }))
	mux.HandleFunc("GET /installers", answer(func(*http.Request) (any, error) { return s.world.Load().installers(), nil }))
	mux.HandleFunc("POST /guest", answer(s.setGuest))
	mux.HandleFunc("POST /clock", answer(s.setClock))
	mux.HandleFunc("POST /reset", answer(func(*http.Request) (any, error) { return nil, s.resetWorld() }))
	mux.HandleFunc("POST /faults", answer(s.addFaults))
	mux.HandleFunc("DELETE /faults", answer(func(*http.Request) (any, error) { s.faults.clear(); return nil, nil }))
	mux.HandleFunc("POST /hang", answer(s.addHang))
	mux.HandleFunc("POST /release", answer(func(*http.Request) (any, error) { return map[string]int{"released": s.release()}, nil }))
	mux.HandleFunc("POST /revoke-sessions", answer(func(*http.Request) (any, error) { s.world.Load().revokeSessions(); return nil, nil }))
	return mux
}

// answer writes the result as JSON ({"ok": true} for nil), an error as 400 {"error"}.
func answer(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		result, err := f(r)
		switch {
		case err != nil:
			writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		case result == nil:
			writeJSON(w, http.StatusOK, map[string]bool{"ok": true})
		default:
			writeJSON(w, http.StatusOK, result)
		}
	}
}

func readJSON(r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 8<<20))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func (s *server) setClock(r *http.Request) (any, error) {
	var in struct {
		Offset *float64 `json:"offset_seconds"`
	}
	if err := readJSON(r, &in); err != nil {
		return nil, err
	}
	if in.Offset == nil {
		return nil, fmt.Errorf("the body has no offset_seconds")
	}
	s.clock.setOffset(time.Duration(*in.Offset * float64(time.Second)))
	s.world.Load().expireLeases()
	return map[string]any{"now": s.clock.Now().Format(time.RFC3339Nano)}, nil
}

// addFaults takes one rule or a list of them.
func (s *server) addFaults(r *http.Request) (any, error) {
	var raw json.RawMessage
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 8<<20)).Decode(&raw); err != nil {
		return nil, err
	}
	var rules []*faultRule
	if err := json.Unmarshal(raw, &rules); err != nil {
		one := &faultRule{}
		if json.Unmarshal(raw, one) != nil {
			return nil, fmt.Errorf("a list of faults was expected: %w", err)
		}
		rules = []*faultRule{one}
	}
	if err := s.faults.add(rules); err != nil {
		return nil, err
	}
	return map[string]int{"added": len(rules)}, nil
}

func (s *server) addHang(r *http.Request) (any, error) {
	rule := &hangRule{}
	if err := readJSON(r, rule); err != nil {
		return nil, err
	}
	return nil, s.hangs.add(rule)
}

// resetWorld builds the site anew and swaps it in; the listeners, the clock's offset and open connections stay.
func (s *server) resetWorld() error {
	s.reset.Lock()
	defer s.reset.Unlock()
	fresh, err := newWorld(s.site, s.clock, s.host, s.cert)
	if err != nil {
		return err
	}
	s.faults.clear()
	s.hangs.take()
	if old := s.world.Swap(fresh); old != nil {
		old.close()
	}
	s.journal.clear()
	return nil
}

type guestReport struct {
	Moid     string  `json:"moid"`
	IP       *string `json:"ip"`
	Hostname *string `json:"hostname"`
	Tools    *string `json:"tools"`
}

// setGuest changes what the guest OS reports; absent fields stay as they are.
func (s *server) setGuest(r *http.Request) (any, error) {
	var in guestReport
	if err := readJSON(r, &in); err != nil {
		return nil, err
	}
	w := s.world.Load()
	vm, ok := w.reg.Get(ref{Type: "VirtualMachine", Value: in.Moid}).(*simulator.VirtualMachine)
	if !ok {
		return nil, fmt.Errorf("no virtual machine %q", in.Moid)
	}
	if in.Tools != nil && *in.Tools != "running" && *in.Tools != "stopped" {
		return nil, fmt.Errorf("tools is %q, neither running nor stopped", *in.Tools)
	}
	ctx := w.context()
	ctx.WithLock(vm, func() { ctx.Update(vm, in.changes(vm.Guest)) })
	return nil, nil
}

func (g guestReport) changes(guest *types.GuestInfo) []types.PropertyChange {
	var out []types.PropertyChange
	set := func(path string, value any) {
		out = append(out, types.PropertyChange{Name: path, Val: value})
	}
	if g.IP != nil {
		set("guest.ipAddress", *g.IP)
		set("summary.guest.ipAddress", *g.IP)
		if len(guest.Net) > 0 {
			nets := append([]types.GuestNicInfo(nil), guest.Net...)
			nets[0].IpAddress = nil
			if *g.IP != "" {
				nets[0].IpAddress = []string{*g.IP}
			}
			set("guest.net", nets)
		}
	}
	if g.Hostname != nil {
		set("guest.hostName", *g.Hostname)
		set("summary.guest.hostName", *g.Hostname)
	}
	if g.Tools != nil {
		running, status, state := types.VirtualMachineToolsRunningStatusGuestToolsNotRunning, types.VirtualMachineToolsStatusToolsNotRunning, "notRunning"
		if *g.Tools == "running" {
			running, status, state = types.VirtualMachineToolsRunningStatusGuestToolsRunning, types.VirtualMachineToolsStatusToolsOk, "running"
		}
		set("guest.toolsRunningStatus", string(running))
		set("summary.guest.toolsRunningStatus", string(running))
		set("guest.toolsStatus", status)
		set("summary.guest.toolsStatus", status)
		set("guest.guestState", state)
	}
	return out
}
