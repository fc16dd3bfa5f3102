// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// userDirectory searches the site's users and groups. The simulator's own stays in the registry, where the simulator wants it.
type userDirectory struct {
	mo.UserDirectory
	w *world
}

// RetrieveUserGroups needs Authorization.ModifyPermissions on any object.
func (d *userDirectory) RetrieveUserGroups(ctx *simulator.Context, r *types.RetrieveUserGroups) soap.HasFault {
	body := &methods.RetrieveUserGroupsBody{}
	m := d.w.authz
	const needed = "Authorization.ModifyPermissions"
	if !m.viewer(ctx.Session.UserName).all && !m.anywhere(ctx.Session.UserName, needed) {
		body.Fault_ = simulator.Fault("", d.w.noPermission([]demand{{d.w.model.ServiceContent.RootFolder, needed}}))
		return body
	}
	if !d.known(r) {
		body.Fault_ = simulator.Fault("", &types.NotFound{})
		return body
	}
	body.Res = &types.RetrieveUserGroupsResponse{Returnval: d.search(r)}
	return body
}

// known: the domain, the group and the user that the search names exist.
func (d *userDirectory) known(r *types.RetrieveUserGroups) bool {
	domain := r.Domain == ""
	for _, name := range d.w.site.domains() {
		domain = domain || strings.EqualFold(name, r.Domain)
	}
	return domain && (r.BelongsToGroup == "" || d.w.site.findGroup(r.BelongsToGroup) != nil) &&
		(r.BelongsToUser == "" || d.w.site.findUser(r.BelongsToUser) != nil)
}

func (d *userDirectory) search(r *types.RetrieveUserGroups) []types.BaseUserSearchResult {
	var out []types.BaseUserSearchResult
	site := d.w.site
	if r.FindUsers && r.BelongsToUser == "" {
		for _, u := range site.VCenter.Users {
			if matches(r, u.Name) && d.inGroup(r, u.Name) {
				out = append(out, &types.UserSearchResult{Principal: domainForm(u.Name), FullName: fullName(u.Name)})
			}
		}
	}
	if r.FindGroups {
		for i := range site.VCenter.Groups {
			g := &site.VCenter.Groups[i]
			if matches(r, g.Name) && d.inGroup(r, g.Name) && (r.BelongsToUser == "" || g.holds(canonical(r.BelongsToUser))) {
				out = append(out, &types.UserSearchResult{Principal: domainForm(g.Name), FullName: fullName(g.Name), Group: true})
			}
		}
	}
	return out
}

// inGroup: membership is the direct one only.
func (d *userDirectory) inGroup(r *types.RetrieveUserGroups, member string) bool {
	return r.BelongsToGroup == "" || d.w.site.findGroup(r.BelongsToGroup).holds(canonical(member))
}

func fullName(name string) string {
	user, domain := splitName(name)
	return strings.TrimSpace(user + " " + domain)
}

// matches compares the search string with the login name, in each of its spellings, and the full name. Without a domain the
// search is for users and groups that have none.
func matches(r *types.RetrieveUserGroups, name string) bool {
	user, domain := splitName(name)
	if !strings.EqualFold(domain, r.Domain) {
		return false
	}
	wanted := strings.ToLower(r.SearchStr)
	for _, text := range []string{user, canonical(name), domainForm(name), fullName(name)} {
		text = strings.ToLower(text)
		if text == wanted || !r.ExactMatch && strings.Contains(text, wanted) {
			return true
		}
	}
	return false
}
