// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

const restSessionHeader = "vmware-api-session-id"

type restSession struct {
	User     string
	Created  time.Time
	LastUsed time.Time
}

type restSessions struct {
	mu    sync.Mutex
	clock *labClock
	byID  map[string]*restSession
}

func newRestSessions(clock *labClock) *restSessions {
	return &restSessions{clock: clock, byID: map[string]*restSession{}}
}

func (t *restSessions) create(user string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	id, now := randomHex(16), t.clock.Now()
	t.byID[id] = &restSession{User: user, Created: now, LastUsed: now}
	return id
}

// get returns the session and notes its use; nil when there is none of that id.
func (t *restSessions) get(id string) *restSession {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.byID[id]
	if !ok {
		return nil
	}
	s.LastUsed = t.clock.Now()
	copied := *s
	return &copied
}

func (t *restSessions) user(id string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s, ok := t.byID[id]; ok {
		return s.User
	}
	return ""
}

func (t *restSessions) drop(id string) {
	t.mu.Lock()
	delete(t.byID, id)
	t.mu.Unlock()
}

func (t *restSessions) clear() {
	t.mu.Lock()
	t.byID = map[string]*restSession{}
	t.mu.Unlock()
}

func (t *restSessions) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byID)
}

func restSessionID(r *http.Request) string {
	if id := r.Header.Get(restSessionHeader); id != "" {
		return id
	}
	if cookie, err := r.Cookie(restSessionHeader); err == nil {
		return cookie.Value
	}
	return ""
}

// vapiError is a refusal in the words of vAPI: kind is a com.vmware.vapi.std.errors name.
type vapiError struct {
	status  int
	kind    string
	message string
}

func notFound(message string) *vapiError {
	return &vapiError{http.StatusNotFound, "not_found", message}
}

func invalid(message string) *vapiError {
	return &vapiError{http.StatusBadRequest, "invalid_argument", message}
}

type vapiMessage struct {
	Args    []string `json:"args"`
	Default string   `json:"default_message"`
	ID      string   `json:"id"`
}

// writeVAPIError answers in the shape of /api ({error_type, messages}) or of /rest ({type, value: {messages}}).
func writeVAPIError(w http.ResponseWriter, api bool, status int, kind, message string) {
	messages := []vapiMessage{{Args: []string{}, Default: message, ID: "com.vmware.lab." + kind}}
	var body any
	if api {
		body = map[string]any{"error_type": strings.ToUpper(kind), "messages": messages}
	} else {
		body = map[string]any{"type": "com.vmware.vapi.std.errors." + kind, "value": map[string]any{"messages": messages}}
	}
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}

// restCall is one REST request: api says which of the two spellings it uses.
type restCall struct {
	api    bool
	verb   string
	path   string // below /rest/com/vmware/cis/ or /api/cis/, "session" included
	action string
	body   []byte
	gate   *tagGate
}

// reply writes a result: bare with 201 or 204 in /api, wrapped in value with 200 in /rest. nil is "no content".
func (c *restCall) reply(w http.ResponseWriter, result any, created bool) {
	switch {
	case c.api && result == nil:
		w.WriteHeader(http.StatusNoContent)
	case c.api && created:
		writeJSON(w, http.StatusCreated, result)
	case c.api:
		writeJSON(w, http.StatusOK, result)
	case result == nil:
		w.WriteHeader(http.StatusOK)
	default:
		writeJSON(w, http.StatusOK, map[string]any{"value": result})
	}
}

func (c *restCall) refuse(w http.ResponseWriter, e *vapiError) {
	writeVAPIError(w, c.api, e.status, e.kind, e.message)
}

func parseREST(r *http.Request) *restCall {
	c := &restCall{verb: r.Method}
	q := r.URL.Query()
	switch {
	case strings.HasPrefix(r.URL.Path, "/rest/com/vmware/cis/"):
		c.path, c.action = strings.TrimPrefix(r.URL.Path, "/rest/com/vmware/cis/"), q.Get("~action")
	case r.URL.Path == "/api/session":
		c.api, c.path, c.action = true, "session", q.Get("action")
	case strings.HasPrefix(r.URL.Path, "/api/cis/"):
		c.api, c.path, c.action = true, strings.TrimPrefix(r.URL.Path, "/api/cis/"), q.Get("action")
	default:
		c.api = strings.HasPrefix(r.URL.Path, "/api")
	}
	return c
}
