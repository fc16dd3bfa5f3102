// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
)

// server outlives resets: listeners, clock, journal, scripted faults, and the present world.
type server struct {
	site           *Site
	clock          *labClock
	cert           *tls.Certificate
	host           string // host:port of the TLS listener
	controlAddress string
	world          atomic.Pointer[world]
	journal        journal
	faults         faultScript
	hangs          hangs
	reset          sync.Mutex
}

type callKind int

const (
	kindSOAP callKind = iota
	kindREST
	kindNFC
	kindOther
)

// call is one request with what faults, hangs and the journal need to know of it.
type call struct {
	kind    callKind
	world   *world
	name    string // SOAP method or "VERB /path"
	url     string
	this    ref
	objects []string
	body    []byte
	soap    soapCall
	shape   *faultRule // throttle or short, for uploads
	entry   *entry
}

const maxSOAPBody = 64 << 20

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.clock.Now().Format(http.TimeFormat))
	c, err := s.describe(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out := &capture{ResponseWriter: w}
	next := func(w http.ResponseWriter, r *http.Request) { s.dispatch(c, w, r) }
	var status any
	switch rule := s.faults.pick(c); {
	case rule != nil:
		status = s.apply(rule, c, out, r, next)
	case c.kind == kindSOAP && s.hangs.matches(c) && c.world.soapSessionAlive(sessionCookie(r)):
		if c.name == "ImportVApp" {
			c.world.leases.holdNext()
			next(out, r)
			break
		}
		s.hold(c, out)
	default:
		next(out, r)
	}
	if status == nil {
		status = out.outcome()
	}
	s.journal.finish(c.entry, status, s.principalAfter(c, r))
}

// describe reads the request as far as needed to name it, and opens its journal entry.
func (s *server) describe(r *http.Request) (*call, error) {
	c := &call{world: s.world.Load(), url: r.URL.Path, name: r.Method + " " + r.URL.Path, kind: kindOther}
	e := entry{Method: r.Method, Path: r.URL.Path, Agent: r.UserAgent()}
	switch {
	case strings.HasPrefix(r.URL.Path, "/nfc/"):
		c.kind = kindNFC
		e.Write = r.Method != http.MethodGet && r.Method != http.MethodHead
		if l, up := c.world.findUpload(r.URL.Path); l != nil {
			c.objects = append(c.objects, l.vmName)
			if up != nil {
				c.objects = append(c.objects, up.Name)
			}
		}
	case strings.HasPrefix(r.URL.Path, "/rest/"), strings.HasPrefix(r.URL.Path, "/api/"), r.URL.Path == "/api":
		c.kind = kindREST
		action := orString(r.URL.Query().Get("~action"), r.URL.Query().Get("action"))
		e.Write = restWrites(r.Method, r.URL.Path, action)
		e.Principal = c.world.rest.user(restSessionID(r))
		if action != "" {
			e.Path += "?action=" + action
			c.name += "?action=" + action
		}
	case r.Method == http.MethodPost:
		body, err := io.ReadAll(io.LimitReader(r.Body, maxSOAPBody))
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		c.describeSOAP(body)
		e.Method, e.Path = c.name, c.this.Type+":"+c.this.Value
		e.Write = soapWrites(c.name)
		e.Principal = c.world.principal(sessionCookie(r))
	}
	c.entry = s.journal.add(e)
	return c, nil
}

func (c *call) describeSOAP(body []byte) {
	c.kind, c.body = kindSOAP, body
	c.soap = sniff(body)
	c.name, c.this = c.soap.Method, c.soap.This
	c.objects = append(c.objects, c.this.Value)
	if name := c.world.objectName(c.this); name != "" {
		c.objects = append(c.objects, name)
	}
	if c.soap.NewName != "" {
		c.objects = append(c.objects, c.soap.NewName)
	}
}

func (s *server) dispatch(c *call, w http.ResponseWriter, r *http.Request) {
	switch c.kind {
	case kindNFC:
		s.serveNFC(c, w, r)
	case kindREST:
		c.world.serveREST(w, r)
	default:
		s.serveSOAP(c, w, r)
	}
}

// serveSOAP runs the call in vcsim; a panic becomes a SystemError fault. vcsim does not release the object's lock then,
// so the object is entered into the registry anew, which gives it a new lock.
func (s *server) serveSOAP(c *call, w http.ResponseWriter, r *http.Request) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler {
			panic(p)
		}
		log.Printf("panic in %s on %s: %v\n%s", c.name, c.this, p, debug.Stack())
		if _, entity := c.world.reg.Get(c.this).(mo.Entity); entity {
			o := c.world.reg.Get(c.this)
			c.world.reg.Remove(c.world.context(), c.this)
			c.world.reg.Put(o)
		}
		writeFault(w, "SystemError", fmt.Sprintf("%s: %v", c.name, p), c.this)
	}()
	c.world.soap().ServeHTTP(w, r)
}

func sessionCookie(r *http.Request) string {
	if cookie, err := r.Cookie(soap.SessionCookieName); err == nil {
		return cookie.Value
	}
	return ""
}

// principalAfter names the user of a call whose session began with it.
func (s *server) principalAfter(c *call, r *http.Request) string {
	switch {
	case c.kind == kindSOAP && c.soap.User != "" && c.name == "Login":
		if user := s.site.findUser(c.soap.User); user != nil {
			return user.Name
		}
		return c.soap.User
	case c.kind == kindSOAP:
		return c.world.principal(sessionCookie(r))
	case c.kind == kindREST:
		if name, _, ok := r.BasicAuth(); ok {
			if user := s.site.findUser(name); user != nil {
				return user.Name
			}
			return name
		}
	}
	return ""
}

// capture remembers the status of an answer, and its body when that may hold a SOAP fault.
type capture struct {
	http.ResponseWriter
	status int
	fault  []byte
}

func (c *capture) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *capture) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	if c.status == http.StatusInternalServerError && len(c.fault) < 1<<16 {
		c.fault = append(c.fault, p...)
	}
	return c.ResponseWriter.Write(p)
}

func (c *capture) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *capture) outcome() any {
	if name := faultInAnswer(c.fault); name != "" {
		return name
	}
	if c.status == 0 {
		return "dropped"
	}
	return c.status
}
