// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"fmt"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// faultRule is one scripted fault: it fires on matching calls nth … nth+count-1 (count 0: on every one from nth on).
type faultRule struct {
	Method         string  `json:"method"` // glob over SOAP method names or "VERB /path"
	Object         string  `json:"object"` // glob over the names of the object, the new object or the lease's machine; or its id
	Nth            *int    `json:"nth"`
	Count          *int    `json:"count"`
	Kind           string  `json:"kind"`
	Fault          string  `json:"fault"`
	Message        string  `json:"message"`
	Seconds        float64 `json:"seconds"`
	Status         int     `json:"status"`
	BytesPerSecond int64   `json:"bytes_per_second"`
	AfterBytes     *int64  `json:"after_bytes"`

	seen   int
	method *regexp.Regexp
	object *regexp.Regexp
}

// faultKinds: "task-fault" (the task of a *_Task method fails) and "short" (an upload stores after_bytes, answers 200 and
// HttpNfcLeaseComplete does not complain) stand beside the kinds of the contract.
var faultKinds = []string{"fault", "delay", "drop-before", "drop-after-commit", "status", "throttle", "task-fault", "short"}

// glob compiles a pattern in which * and ? match any characters, / included.
func glob(pattern string) *regexp.Regexp {
	if pattern == "" {
		pattern = "*"
	}
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.ReplaceAll(strings.ReplaceAll(quoted, `\*`, `.*`), `\?`, `.`)
	return regexp.MustCompile(`(?s)^` + quoted + `$`)
}

func (r *faultRule) prepare() error {
	if r.Method == "" || !slices.Contains(faultKinds, r.Kind) {
		return fmt.Errorf("a fault needs a method and a kind out of %s; got method %q, kind %q", strings.Join(faultKinds, ", "), r.Method, r.Kind)
	}
	if (r.Kind == "fault" || r.Kind == "task-fault") && newFault(r.Fault) == nil {
		return fmt.Errorf("fault %q is no vim fault", r.Fault)
	}
	if r.Kind == "status" && (r.Status < 200 || r.Status > 599) {
		return fmt.Errorf("status %d is no HTTP status", r.Status)
	}
	r.method, r.object = glob(r.Method), glob(r.Object)
	return nil
}

func (r *faultRule) fires() bool {
	r.seen++
	nth, count := 1, 1
	if r.Nth != nil {
		nth = *r.Nth
	}
	if r.Count != nil {
		count = *r.Count
	}
	return r.seen >= nth && (count == 0 || r.seen < nth+count)
}

type faultScript struct {
	mu    sync.Mutex
	rules []*faultRule
}

func (s *faultScript) add(rules []*faultRule) error {
	for _, r := range rules {
		if err := r.prepare(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = append(s.rules, rules...)
	return nil
}

func (s *faultScript) clear() {
	s.mu.Lock()
	s.rules = nil
	s.mu.Unlock()
}

// pick counts the call on every matching rule and returns the first that fires.
func (s *faultScript) pick(c *call) *faultRule {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first *faultRule
	for _, r := range s.rules {
		if r.method.MatchString(c.name) && matchesAny(r.object, c.objects) && r.fires() && first == nil {
			first = r
		}
	}
	return first
}

func matchesAny(pattern *regexp.Regexp, names []string) bool {
	if pattern.MatchString("") {
		return true
	}
	return slices.ContainsFunc(names, pattern.MatchString)
}

// dropConnection closes the client's connection without an answer.
func dropConnection(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}

// pause waits real seconds, or until the client goes away.
func pause(r *http.Request, seconds float64) {
	timer := time.NewTimer(time.Duration(seconds * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

// discard is the answer that nobody reads.
type discard struct {
	header http.Header
	status int
	body   []byte
}

func (d *discard) Header() http.Header { return d.header }

func (d *discard) WriteHeader(status int) { d.status = status }

func (d *discard) Write(p []byte) (int, error) {
	d.body = append(d.body, p...)
	return len(p), nil
}

// restStatus gives the vAPI error of a vim fault's name.
func restStatus(fault string) (int, string) {
	switch fault {
	case "NotAuthenticated", "InvalidLogin":
		return http.StatusUnauthorized, "unauthenticated"
	case "NoPermission":
		return http.StatusForbidden, "unauthorized"
	case "NotFound", "ManagedObjectNotFound":
		return http.StatusNotFound, "not_found"
	case "AlreadyExists", "DuplicateName":
		return http.StatusBadRequest, "already_exists"
	case "InvalidArgument":
		return http.StatusBadRequest, "invalid_argument"
	case "ResourceInUse":
		return http.StatusBadRequest, "resource_in_use"
	}
	return http.StatusInternalServerError, "internal_server_error"
}

// apply plays the rule; next runs the call for real. It returns the status for the journal, nil when next's own counts.
func (s *server) apply(rule *faultRule, c *call, w http.ResponseWriter, r *http.Request, next http.HandlerFunc) any {
	switch rule.Kind {
	case "delay":
		pause(r, rule.Seconds)
		next(w, r)
	case "drop-before":
		dropConnection(w)
		return "dropped"
	case "drop-after-commit":
		rec := &discard{header: http.Header{}, status: http.StatusOK}
		next(rec, r)
		dropConnection(w)
		if name := faultInAnswer(rec.body); name != "" {
			return name
		}
		return rec.status
	case "status":
		w.WriteHeader(rule.Status)
	case "fault":
		s.applyFault(rule, c, w)
		return rule.Fault
	case "task-fault":
		if !strings.HasSuffix(c.name, "_Task") {
			s.applyFault(rule, c, w)
			return rule.Fault
		}
		s.failTask(rule, c, w)
	default:
		c.shape = rule
		next(w, r)
	}
	return nil
}

func (s *server) applyFault(rule *faultRule, c *call, w http.ResponseWriter) {
	message := orString(rule.Message, "scripted fault "+rule.Fault)
	if c.kind == kindSOAP {
		writeFault(w, rule.Fault, message, c.this)
		return
	}
	status, kind := restStatus(rule.Fault)
	writeVAPIError(w, strings.HasPrefix(path.Clean(c.url), "/api"), status, kind, message)
}
