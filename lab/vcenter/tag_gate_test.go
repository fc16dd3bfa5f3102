// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// restAs is a REST session of the user.
func (l *lab) restAs(name, password string) string {
	l.t.Helper()
	return l.s.world.Load().rest.create(l.s.world.Load().site.checkPassword(name, password).Name)
}

func tagRights(version string, root, object []string) func(*Site) {
	return func(s *Site) {
		s.VCenter.Version = version
		full := func(list []string) (out []string) {
			for _, p := range list {
				out = append(out, taggingPrivilege+p)
			}
			return out
		}
		s.VCenter.Roles = []SiteRole{{Name: "root", Privileges: full(root)}, {Name: "object", Privileges: full(object)}}
		s.VCenter.Permissions = []SitePermission{
			{Object: "/", Principal: otherName, Role: "root"}, {Object: "/dc-1", Principal: otherName, Role: "object"},
		}
	}
}

func TestTaggingAsksForPrivileges(t *testing.T) {
	for _, s := range spellings {
		for _, c := range []struct {
			name, version string
			root, object  []string
			want          string
		}{
			{"AttachTag on the object does not count", "8.0.3", nil, []string{"AttachTag", "ObjectAttachable"}, "AttachTag on Folder:group-d1"},
			{"ObjectAttachable on the object", "8.0.3", []string{"AttachTag", "ObjectAttachable"}, nil, "ObjectAttachable on Datacenter:"},
			{"both", "7.0.0", []string{"AttachTag"}, []string{"ObjectAttachable"}, ""},
			{"before ObjectAttachable", "6.7.0", []string{"AttachTag"}, nil, ""},
		} {
			t.Run(s.name+"/"+c.name, func(t *testing.T) {
				l := newLabWith(t, tagRights(c.version, c.root, c.object))
				admin := tagging{lab: l, spelling: s, session: l.restLogin()}
				tag := admin.tag(admin.category("zone", "SINGLE"), "a")
				dc, cluster := l.at("/dc-1"), l.at(pool)
				session := l.restAs(otherName, otherPassword)
				code, body := l.rest(session, "POST", s.path("tag-association", tag, "attach"), map[string]any{"object_id": object2(dc)})
				g := tagging{lab: l, spelling: s, session: session}
				bulk := g.value(g.must(200, "POST", s.path("tag-association", tag, "attach-tag-to-multiple-objects"),
					map[string]any{"object_ids": []any{object2(dc), object2(cluster)}})).(map[string]any)
				messages := fmt.Sprint(bulk["error_messages"])
				if c.want == "" {
					equal(t, "attach", code, g.empty())
					equal(t, "only the object that may not be read is named", strings.Count(messages, "default_message"), 1)
					equal(t, "it", strings.Contains(messages, "System.Read on ClusterComputeResource:"), true)
					return
				}
				equal(t, "attach", code, http.StatusForbidden)
				equal(t, "kind", s.errorKind(body), "unauthorized")
				equal(t, "message "+fmt.Sprint(body), strings.Contains(fmt.Sprint(body), c.want), true)
				equal(t, "bulk names it: "+messages, strings.Contains(messages, c.want), true)
			})
		}
	}
}

func TestTagsAndCategoriesAskOnTheRootFolder(t *testing.T) {
	for _, s := range spellings {
		for _, verb := range []string{"Create", "Edit", "Delete"} {
			for _, what := range []string{"Category", "Tag"} {
				l := newLabWith(t, tagRights("8.0.3", nil, []string{verb + what}))
				admin := tagging{lab: l, spelling: s, session: l.restLogin()}
				category := admin.category("zone", "SINGLE")
				id, body := category, map[string]any{"name": "new", "description": "", "cardinality": "SINGLE", "associable_types": []string{}, "category_id": category}
				if what == "Tag" {
					id = admin.tag(category, "a")
				}
				method, path, spec := "POST", s.path(strings.ToLower(what), "", ""), any(s.create(body))
				if verb != "Create" {
					method, path, spec = map[string]string{"Edit": "PATCH", "Delete": "DELETE"}[verb], s.path(strings.ToLower(what), id, ""), nil
				}
				if verb == "Edit" {
					spec = map[string]any{"description": "new"}
					if !s.api {
						spec = map[string]any{"update_spec": spec}
					}
				}
				session := l.restAs(otherName, otherPassword)
				code, answer := l.rest(session, method, path, spec)
				equal(t, s.name+" "+verb+what+" without", code, http.StatusForbidden)
				equal(t, "names it", strings.Contains(fmt.Sprint(answer), taggingPrivilege+verb+what+" on Folder:"), true)
				l.holding([]string{taggingPrivilege + verb + what})
				code, _ = l.rest(session, method, path, spec)
				equal(t, s.name+" "+verb+what+" with", code < 300, true)
			}
		}
	}
}

func TestTagReadsLeaveOutWhatMayNotBeRead(t *testing.T) {
	l := newLabWith(t, tagRights("8.0.3", nil, nil))
	s := spellings[1]
	admin := tagging{lab: l, spelling: s, session: l.restLogin()}
	tag := admin.tag(admin.category("zone", "SINGLE"), "a")
	dc, cluster := l.at("/dc-1"), l.at(pool)
	for _, r := range []ref{dc, cluster} {
		admin.must(204, "POST", s.path("tag-association", tag, "attach"), map[string]any{"object_id": object2(r)})
	}
	g := tagging{lab: l, spelling: s, session: l.restAs(otherName, otherPassword)}
	seen := g.must(200, "POST", s.path("tag-association", tag, "list-attached-objects"), nil).([]any)
	equal(t, "objects", fmt.Sprint(seen), fmt.Sprint([]any{map[string]any{"id": dc.Value, "type": dc.Type}}))
	g.refused("unauthorized", "POST", s.path("tag-association", "", "list-attached-tags"), map[string]any{"object_id": object2(cluster)})
	g.must(200, "POST", s.path("tag-association", "", "list-attached-tags-on-objects"), map[string]any{"object_ids": []any{object2(dc)}})
	g.refused("unauthorized", "POST", s.path("tag-association", "", "list-attached-tags-on-objects"),
		map[string]any{"object_ids": []any{object2(dc), object2(cluster)}})
}
