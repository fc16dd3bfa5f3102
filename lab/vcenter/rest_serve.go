// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"io"
	"net/http"
	"strings"
	"time"
)

const maxRESTBody = 8 << 20

func (w *world) serveREST(out http.ResponseWriter, r *http.Request) {
	c := parseREST(r)
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRESTBody))
	if err != nil {
		c.refuse(out, invalid(err.Error()))
		return
	}
	c.body = body
	id := restSessionID(r)
	if c.path == "session" {
		w.serveSession(c, out, r, id)
		return
	}
	session := w.rest.get(id)
	if session == nil {
		c.refuse(out, &vapiError{http.StatusUnauthorized, "unauthenticated", "this method requires authentication"})
		return
	}
	if !strings.HasPrefix(c.path, "tagging/") {
		c.refuse(out, notFound("no such path: "+r.URL.Path))
		return
	}
	c.gate = w.tagGate(session.User)
	result, created, refusal := w.tags.serve(c)
	if refusal != nil {
		c.refuse(out, refusal)
		return
	}
	c.reply(out, result, created)
}

func (w *world) serveSession(c *restCall, out http.ResponseWriter, r *http.Request, id string) {
	if r.Method == http.MethodPost && c.action == "" {
		w.openSession(c, out, r)
		return
	}
	session := w.rest.get(id)
	if session == nil {
		c.refuse(out, &vapiError{http.StatusUnauthorized, "unauthenticated", "the session is not authenticated"})
		return
	}
	switch {
	case r.Method == http.MethodDelete:
		w.rest.drop(id)
		c.reply(out, nil, false)
	case r.Method == http.MethodGet || c.action == "get":
		c.reply(out, map[string]any{
			"user": session.User, "created_time": session.Created.Format(time.RFC3339Nano), "last_accessed_time": session.LastUsed.Format(time.RFC3339Nano),
		}, false)
	default:
		c.refuse(out, &vapiError{http.StatusMethodNotAllowed, "operation_not_found", "no such operation"})
	}
}

func (w *world) openSession(c *restCall, out http.ResponseWriter, r *http.Request) {
	name, password, _ := r.BasicAuth()
	user := w.site.checkPassword(name, password)
	if user == nil {
		c.refuse(out, &vapiError{http.StatusUnauthorized, "unauthenticated", "Authentication required."})
		return
	}
	id := w.rest.create(user.Name)
	cookiePath := "/rest"
	if c.api {
		cookiePath = "/api"
	}
	http.SetCookie(out, &http.Cookie{Name: restSessionHeader, Value: id, Path: cookiePath, Secure: true, HttpOnly: true})
	c.reply(out, id, true)
}
