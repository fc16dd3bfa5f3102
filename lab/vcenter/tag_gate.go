// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"fmt"
	"net/http"
	"strings"
)

const taggingPrivilege = "InventoryService.Tagging."

// tagGate answers what the caller of a tagging request may do. Tags and categories are no children of the inventory: the vSphere
// Security guide ("Permissions on Tag Objects") says that a privilege on them counts when held globally or on the tag itself and
// not when held on the object that gets the tag. The lab has no global permissions; the root folder stands for them.
type tagGate struct {
	*viewer
	user string
	root ref
	old  bool // before ObjectAttachable
}

func (w *world) tagGate(user string) *tagGate {
	return &tagGate{w.authz.viewer(user), user, w.model.ServiceContent.RootFolder, w.site.VCenter.lacks(taggingPrivilege + "ObjectAttachable")}
}

func (g *tagGate) need(at ref, privilege string) *vapiError {
	if g.holds(at, privilege) {
		return nil
	}
	return &vapiError{http.StatusForbidden, "unauthorized", fmt.Sprintf("%s lacks the privilege %s on %s:%s", g.user, privilege, at.Type, at.Value)}
}

// assign is for attaching and detaching: AttachTag for the tag, and to read the object and ObjectAttachable on it.
func (g *tagGate) assign(o objectID) *vapiError {
	at := ref{Type: o.Type, Value: o.ID}
	if e := g.need(g.root, taggingPrivilege+"AttachTag"); e != nil {
		return e
	}
	if e := g.need(at, "System.Read"); e != nil || g.old {
		return e
	}
	return g.need(at, taggingPrivilege+"ObjectAttachable")
}

func (g *tagGate) read(o objectID) *vapiError {
	return g.need(ref{Type: o.Type, Value: o.ID}, "System.Read")
}

// readable leaves out the objects that the caller may not read.
func (g *tagGate) readable(list []objectID) []objectID {
	out := []objectID{}
	for _, o := range list {
		if g.read(o) == nil {
			out = append(out, o)
		}
	}
	return out
}

// manage is for making, changing and removing a tag or a category.
func (g *tagGate) manage(c *restCall) *vapiError {
	kind, _, _ := strings.Cut(strings.TrimPrefix(c.path, "tagging/"), "/")
	what := map[string]string{"category": "Category", "tag": "Tag"}[kind]
	verb := map[string]string{"POST": "Create", "PATCH": "Edit", "DELETE": "Delete"}[c.verb]
	if what == "" || verb == "" || c.action != "" {
		return nil
	}
	return g.need(g.root, taggingPrivilege+verb+what)
}
