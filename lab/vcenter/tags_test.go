// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// spelling is how one of the two REST APIs says the same things.
type spelling struct {
	name string
	api  bool
	base string
}

var spellings = []spelling{{"rest", false, "/rest/com/vmware/cis/tagging/"}, {"api", true, "/api/cis/tagging/"}}

func (s spelling) path(kind, id, action string) string {
	p := s.base + kind
	if id != "" {
		if !s.api {
			id = "id:" + id
		}
		p += "/" + id
	}
	if action != "" {
		if s.api {
			return p + "?action=" + action
		}
		return p + "?~action=" + action
	}
	return p
}

func (s spelling) create(spec map[string]any) map[string]any {
	if s.api {
		return spec
	}
	return map[string]any{"create_spec": spec}
}

func (s spelling) value(body any) any {
	if s.api {
		return body
	}
	return body.(map[string]any)["value"]
}

func (s spelling) errorKind(body any) string {
	m := body.(map[string]any)
	if s.api {
		if len(m["messages"].([]any)) == 0 {
			return "no messages"
		}
		return strings.ToLower(m["error_type"].(string))
	}
	if len(m["value"].(map[string]any)["messages"].([]any)) == 0 {
		return "no messages"
	}
	return strings.TrimPrefix(m["type"].(string), "com.vmware.vapi.std.errors.")
}

type tagging struct {
	*lab
	spelling
	session string
}

func (g tagging) must(status int, method, path string, body any) any {
	g.t.Helper()
	code, out := g.rest(g.session, method, path, body)
	if code != status {
		g.t.Fatalf("%s %s: status %d, want %d: %v", method, path, code, status, out)
	}
	return out
}

func (g tagging) refused(kind, method, path string, body any) {
	g.t.Helper()
	code, out := g.rest(g.session, method, path, body)
	if code < 400 || out == nil {
		g.t.Fatalf("%s %s: status %d, want %s", method, path, code, kind)
	}
	equal(g.t, method+" "+path, g.errorKind(out), kind)
}

func (g tagging) created() int {
	if g.api {
		return http.StatusCreated
	}
	return http.StatusOK
}

func (g tagging) empty() int {
	if g.api {
		return http.StatusNoContent
	}
	return http.StatusOK
}

func (g tagging) category(name, cardinality string, kinds ...string) string {
	g.t.Helper()
	spec := g.create(map[string]any{"name": name, "description": "", "cardinality": cardinality, "associable_types": append([]string{}, kinds...)})
	return g.value(g.must(g.created(), "POST", g.path("category", "", ""), spec)).(string)
}

func (g tagging) tag(category, name string) string {
	g.t.Helper()
	spec := g.create(map[string]any{"name": name, "description": "", "category_id": category})
	return g.value(g.must(g.created(), "POST", g.path("tag", "", ""), spec)).(string)
}

func object2(r ref) map[string]string { return map[string]string{"type": r.Type, "id": r.Value} }

func TestTagRulesInBothSpellings(t *testing.T) {
	for _, s := range spellings {
		t.Run(s.name, func(t *testing.T) {
			l := newLab(t)
			g := tagging{lab: l, spelling: s, session: l.restLogin()}
			vm := l.machine(l.login(), "seeded-1").Reference()
			other := ref{Type: "VirtualMachine", Value: "vm-99999"}
			datacenter := ref{Type: "Datacenter", Value: "datacenter-1"}
			if l.s.world.Load().reg.Get(datacenter) == nil {
				datacenter = l.s.world.Load().datacenterOf(vm).Self
			}
			if list := g.value(g.must(200, "GET", g.path("category", "", ""), nil)); fmt.Sprint(list) != "[]" {
				t.Errorf("empty list: %v", list)
			}
			g.refused("invalid_argument", "POST", g.path("category", "", ""), g.create(map[string]any{"name": "x", "cardinality": "WHATEVER"}))
			single := g.category("region", "SINGLE", "VirtualMachine")
			g.refused("already_exists", "POST", g.path("category", "", ""), g.create(map[string]any{"name": "region", "cardinality": "SINGLE"}))
			g.refused("not_found", "POST", g.path("tag", "", ""), g.create(map[string]any{"name": "x", "category_id": "urn:none"}))
			east, west := g.tag(single, "east"), g.tag(single, "west")
			g.refused("already_exists", "POST", g.path("tag", "", ""), g.create(map[string]any{"name": "east", "category_id": single}))
			g.refused("not_found", "GET", g.path("tag", "urn:none", ""), nil)
			g.refused("not_found", "GET", g.path("category", "urn:none", ""), nil)

			attach := func(tag string) string { return g.path("tag-association", tag, "attach") }
			g.refused("not_found", "POST", attach("urn:none"), map[string]any{"object_id": object2(vm)})
			g.refused("not_found", "POST", attach(east), map[string]any{"object_id": object2(other)})
			g.refused("invalid_argument", "POST", attach(east), map[string]any{"object_id": object2(datacenter)})
			g.must(g.empty(), "POST", attach(east), map[string]any{"object_id": object2(vm)})
			g.must(g.empty(), "POST", attach(east), map[string]any{"object_id": object2(vm)})
			g.refused("invalid_argument", "POST", attach(west), map[string]any{"object_id": object2(vm)})

			bulk := g.value(g.must(200, "POST", g.path("tag-association", "", "attach-multiple-tags-to-object"),
				map[string]any{"object_id": object2(vm), "tag_ids": []string{west}})).(map[string]any)
			equal(t, "bulk attach against SINGLE", bulk["success"].(bool), false)
			equal(t, "bulk messages", len(bulk["error_messages"].([]any)), 1)
			bulk = g.value(g.must(200, "POST", g.path("tag-association", west, "attach-tag-to-multiple-objects"),
				map[string]any{"object_ids": []any{object2(vm), object2(other), object2(datacenter)}})).(map[string]any)
			equal(t, "bulk attach of one tag", len(bulk["error_messages"].([]any)), 3)

			tags := g.value(g.must(200, "POST", g.path("tag-association", "", "list-attached-tags"), map[string]any{"object_id": object2(vm)}))
			equal(t, "attached tags", fmt.Sprint(tags), "["+east+"]")
			objects := g.value(g.must(200, "POST", g.path("tag-association", "", "list-attached-objects-on-tags"),
				map[string]any{"tag_ids": []string{east, west}})).([]any)
			equal(t, "objects on east", len(objects[0].(map[string]any)["object_ids"].([]any)), 1)
			equal(t, "objects on west", len(objects[1].(map[string]any)["object_ids"].([]any)), 0)
			g.must(g.empty(), "DELETE", g.path("category", single, ""), nil)
			g.refused("not_found", "GET", g.path("tag", east, ""), nil)
		})
	}
}

func TestTagsOfRemovedObjectAndCategoryListing(t *testing.T) {
	l := newLab(t)
	g := tagging{lab: l, spelling: spellings[1], session: l.restLogin()}
	c := l.login()
	vm := l.machine(c, "seeded-1")
	many := g.category("zone", "MULTIPLE")
	a, b := g.tag(many, "a"), g.tag(many, "b")
	listed := g.must(200, "POST", g.path("tag", "", "list-tags-for-category"), map[string]any{"category_id": many}).([]any)
	equal(t, "tags of category", len(listed), 2)
	bulk := g.must(200, "POST", g.path("tag-association", "", "attach-multiple-tags-to-object"),
		map[string]any{"object_id": object2(vm.Reference()), "tag_ids": []string{a, b}}).(map[string]any)
	equal(t, "bulk attach", bulk["success"].(bool), true)
	equal(t, "attachments in the state", len(l.ask("GET", "/state", nil)["attachments"].([]any)), 2)
	l.remove(vm)
	equal(t, "attachments after removal", len(l.ask("GET", "/state", nil)["attachments"].([]any)), 0)
}

func TestRESTSessions(t *testing.T) {
	for _, s := range spellings {
		t.Run(s.name, func(t *testing.T) {
			l := newLab(t)
			path := "/rest/com/vmware/cis/session"
			if s.api {
				path = "/api/session"
			}
			code, body := l.rest("", "POST", path, nil)
			equal(t, "no credentials", code, 401)
			equal(t, "error", s.errorKind(body), "unauthenticated")
			code, body = l.rest("nonsense", "GET", s.path("category", "", ""), nil)
			equal(t, "unknown session", code, 401)
			equal(t, "error", s.errorKind(body), "unauthenticated")
			id := l.restLogin()
			code, body = l.rest(id, "GET", path, nil)
			equal(t, "own session", code, 200)
			equal(t, "user", s.value(body).(map[string]any)["user"].(string), adminName)
			code, _ = l.rest(id, "DELETE", path, nil)
			equal(t, "logout below 300", code < 300, true)
			code, _ = l.rest(id, "GET", s.path("category", "", ""), nil)
			equal(t, "after logout", code, 401)
			code, body = l.rest(l.restLogin(), "GET", "/api/vcenter/nothing", nil)
			equal(t, "unknown path", code, 404)
			equal(t, "JSON body", body.(map[string]any)["error_type"].(string), "NOT_FOUND")
		})
	}
}
