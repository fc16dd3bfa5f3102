// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"fmt"
	"net/http"
	"net/url"
	"path"

	"github.com/vmware/govmomi/simulator"
)

// serveFolder asks for the datastore's privileges before files are read or written under /folder: Datastore.Browse to read and
// Datastore.FileManagement to write, as the vSphere Security guide's "Datastore Privileges" describe them.
func (w *world) serveFolder(next http.HandlerFunc) http.HandlerFunc {
	return func(out http.ResponseWriter, r *http.Request) {
		needed := "Datastore.FileManagement"
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			needed = "Datastore.Browse"
		}
		user := w.sessionUser(sessionCookie(r))
		v := w.authz.viewer(user)
		for _, e := range w.reg.All("Datastore") {
			ds, ok := e.(*simulator.Datastore)
			if !ok || user == "" || !w.named(ds, r.URL.Query()) || v.holds(ds.Self, needed) {
				continue
			}
			http.Error(out, fmt.Sprintf("%s lacks the privilege %s on %s", user, needed, ds.Self), http.StatusForbidden)
			return
		}
		next(out, r)
	}
}

// named says whether the query's dsName and dcPath mean the datastore.
func (w *world) named(ds *simulator.Datastore, query url.Values) bool {
	dc := w.datacenterOf(ds.Self)
	return ds.Name == query.Get("dsName") && (query.Get("dcPath") == "" || dc != nil && dc.Name == path.Base(query.Get("dcPath")))
}
