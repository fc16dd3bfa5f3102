// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"strings"
	"sync"
	"time"
)

// entry is one call that was received; status is an HTTP status or the name of a SOAP fault.
type entry struct {
	Time      int64  `json:"t"`
	Method    string `json:"method"`
	Path      string `json:"path"`
	Status    any    `json:"status"`
	Write     bool   `json:"write"`
	Principal string `json:"principal"`
	Agent     string `json:"agent"`
}

// journal keeps calls in the order in which they were received; real time, so that two servers' journals can be merged.
type journal struct {
	mu    sync.Mutex
	items []*entry
}

func (j *journal) add(e entry) *entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	e.Time = time.Now().UnixNano()
	j.items = append(j.items, &e)
	return &e
}

func (j *journal) finish(e *entry, status any, principal string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e.Status = status
	if principal != "" {
		e.Principal = principal
	}
}

func (j *journal) list() []entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]entry, 0, len(j.items))
	for _, e := range j.items {
		out = append(out, *e)
	}
	return out
}

func (j *journal) clear() {
	j.mu.Lock()
	j.items = nil
	j.mu.Unlock()
}

var readPrefixes = []string{
	"Retrieve", "ContinueRetrieve", "CancelRetrieve", "Has", "Fetch", "Query", "Find", "Check", "Current", "WaitFor", "CancelWaitFor", "Search",
	"Read", "List", "Get", "Validate", "Estimate", "PbmQuery", "PbmRetrieve", "PbmFetch", "PbmCheck",
}

var readMethods = map[string]bool{
	"CreateContainerView": true, "CreateListView": true, "CreateInventoryView": true, "DestroyView": true, "ModifyListView": true,
	"ResetListView": true, "OpenInventoryViewFolder": true, "CreateFilter": true, "DestroyPropertyFilter": true, "CreatePropertyCollector": true,
	"DestroyPropertyCollector": true, "CreateImportSpec": true, "CreateDescriptor": true, "ParseDescriptor": true, "ValidateHost": true,
	"HttpNfcLeaseGetManifest": true, "HttpNfcLeaseProgress": true, "SessionIsActive": true, "Login": true, "LoginByToken": true, "Logout": true,
	"TerminateSession": true, "CreateCollectorForTasks": true, "CreateCollectorForEvents": true, "DestroyCollector": true, "RewindCollector": true,
	"ResetCollector": true, "SetCollectorPageSize": true, "AcquireCloneTicket": true, "CloneSession": true, "BrowseDiagnosticLog": true,
	"RefreshDatastore": true, "PlaceVm": true, "RecommendHostsForVm": true,
}

// soapWrites says whether the SOAP method can change something on the server; a request without a method cannot.
func soapWrites(method string) bool {
	if method == "" || readMethods[method] {
		return false
	}
	for _, p := range readPrefixes {
		if strings.HasPrefix(method, p) {
			return false
		}
	}
	return true
}

// restWrites: GET, session calls and the list-* actions of tagging read; everything else writes.
func restWrites(verb, path, action string) bool {
	if verb == "GET" || verb == "HEAD" || strings.HasSuffix(path, "/session") {
		return false
	}
	return !strings.HasPrefix(action, "list-") && action != "get"
}
