// SPDX-License-Identifier: GPL-3.0-or-later

package main

import "fmt"

// Group is a group of the identity source; members are names of users and of other groups.
type Group struct {
	Name    string   `json:"name"`
	Members []string `json:"members"`
}

type SiteRole struct {
	Name       string   `json:"name"`
	Privileges []string `json:"privileges"`
}

// SitePermission grants a role on the object of an inventory path ("/" is the root folder).
type SitePermission struct {
	Object    string `json:"object"`
	Principal string `json:"principal"`
	Group     bool   `json:"group"`
	Role      string `json:"role"`
	Propagate bool   `json:"propagate"`
}

func (p SitePermission) String() string {
	return fmt.Sprintf("vcenter.permissions: %s for %s on %s", p.Role, p.Principal, p.Object)
}

// checkAccess finds what is wrong with groups, roles and permissions without knowing the inventory.
func (s *Site) checkAccess() error {
	seen := map[string]string{}
	for _, u := range s.VCenter.Users {
		seen[canonical(u.Name)] = "user"
	}
	for _, g := range s.VCenter.Groups {
		name := canonical(g.Name)
		if g.Name == "" {
			return fmt.Errorf("vcenter.groups: a group has no name")
		}
		if kind := seen[name]; kind != "" {
			return fmt.Errorf("vcenter.groups: %q is there already, as a %s; names of users and groups are different", g.Name, kind)
		}
		seen[name] = "group"
	}
	for _, g := range s.VCenter.Groups {
		for _, m := range g.Members {
			if seen[canonical(m)] == "" {
				return fmt.Errorf("vcenter.groups: member %q of %q is neither a user nor a group of the site", m, g.Name)
			}
		}
	}
	roles := map[string]bool{}
	for _, r := range s.VCenter.Roles {
		if r.Name == "" || roles[r.Name] {
			return fmt.Errorf("vcenter.roles: %q is empty or twice there; every role has a name of its own", r.Name)
		}
		roles[r.Name] = true
	}
	for _, p := range s.VCenter.Permissions {
		kind := map[bool]string{false: "user", true: "group"}[p.Group]
		if seen[canonical(p.Principal)] != kind {
			return fmt.Errorf("%s: %q is no %s of the site (group: %v)", p, p.Principal, kind, p.Group)
		}
	}
	return nil
}
