// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"maps"
	"slices"
	"strings"
)

// canonical is the one spelling in which principals are compared: user@domain in lower case.
func canonical(name string) string {
	if domain, user, found := strings.Cut(name, `\`); found {
		name = user + "@" + domain
	}
	return strings.ToLower(name)
}

// domainForm is how vCenter answers with a principal: DOMAIN\user; a name without a domain stays as it is.
func domainForm(name string) string {
	user, domain := splitName(name)
	if domain == "" {
		return user
	}
	return strings.ToUpper(domain) + `\` + user
}

// splitName takes user@domain and DOMAIN\user apart; the domain is in lower case.
func splitName(name string) (user, domain string) {
	if domain, user, found := strings.Cut(name, `\`); found {
		return user, strings.ToLower(domain)
	}
	user, domain, _ = strings.Cut(name, "@")
	return user, strings.ToLower(domain)
}

func (s *Site) findGroup(name string) *Group {
	for i := range s.VCenter.Groups {
		if canonical(s.VCenter.Groups[i].Name) == canonical(name) {
			return &s.VCenter.Groups[i]
		}
	}
	return nil
}

func (g *Group) holds(member string) bool {
	return slices.ContainsFunc(g.Members, func(m string) bool { return canonical(m) == member })
}

// groupsOf are the groups that the user is in, directly or through other groups, in canonical spelling.
func (s *Site) groupsOf(user string) map[string]bool {
	found, fresh := map[string]bool{}, []string{canonical(user)}
	for len(fresh) > 0 {
		var next []string
		for i := range s.VCenter.Groups {
			g := &s.VCenter.Groups[i]
			name := canonical(g.Name)
			if !found[name] && slices.ContainsFunc(fresh, g.holds) {
				found[name] = true
				next = append(next, name)
			}
		}
		fresh = next
	}
	return found
}

// principalName spells a known user or group as the site file does, and any other name as it came.
func (s *Site) principalName(name string) string {
	if u := s.findUser(name); u != nil {
		return u.Name
	}
	if g := s.findGroup(name); g != nil {
		return g.Name
	}
	return name
}

func (s *Site) domains() []string {
	found := map[string]bool{}
	for _, u := range s.VCenter.Users {
		_, domain := splitName(u.Name)
		found[domain] = true
	}
	for _, g := range s.VCenter.Groups {
		_, domain := splitName(g.Name)
		found[domain] = true
	}
	delete(found, "")
	return slices.Sorted(maps.Keys(found))
}
