// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"crypto/subtle"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// findUser knows a user by name in any case, as user@domain or DOMAIN\user.
func (s *Site) findUser(name string) *User {
	name = canonical(name)
	for i := range s.VCenter.Users {
		if canonical(s.VCenter.Users[i].Name) == name {
			return &s.VCenter.Users[i]
		}
	}
	return nil
}

// checkPassword returns the user, or nil when the name or the password is wrong.
func (s *Site) checkPassword(name, password string) *User {
	user := s.findUser(name)
	if user == nil || subtle.ConstantTimeCompare([]byte(user.Password), []byte(password)) != 1 {
		return nil
	}
	return user
}

func (w *world) validLogin(login *types.Login) bool {
	if login.UserName == internalUser {
		return login.Password == w.internal
	}
	return w.site.checkPassword(login.UserName, login.Password) != nil
}

// admit spells the name as vCenter does in its sessions, and refuses a user who has no permission anywhere, as SessionManager.Login
// says.
func (w *world) admit(login *types.Login) types.BaseMethodFault {
	user := w.site.checkPassword(login.UserName, login.Password)
	if user == nil {
		return nil
	}
	login.UserName = domainForm(user.Name)
	if !user.Admin && !w.authz.granted(user.Name) {
		return w.noPermission([]demand{{w.model.ServiceContent.RootFolder, "System.View"}})
	}
	return nil
}

func (w *world) notePrincipal(session *simulator.Session) {
	w.mu.Lock()
	w.principals[session.Key] = w.site.principalName(session.UserName)
	w.mu.Unlock()
}

func (w *world) principal(sessionKey string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.principals[sessionKey]
}

// sessionUser knows the user of a session that has made no call yet, too.
func (w *world) sessionUser(key string) string {
	if name := w.principal(key); name != "" {
		return name
	}
	for _, s := range w.soapSessions() {
		if s.Key == key {
			return w.site.principalName(s.UserName)
		}
	}
	return ""
}

// soapSessions lists the live SOAP sessions, without the lab's own.
func (w *world) soapSessions() []types.UserSession {
	view := &simulator.Session{Registry: simulator.NewRegistry(), Map: w.reg}
	manager := view.Get(w.reg.SessionManager().Self).(*simulator.SessionManager)
	var out []types.UserSession
	for _, s := range manager.SessionList {
		if s.UserName != internalUser {
			out = append(out, s)
		}
	}
	return out
}

func (w *world) soapSessionAlive(key string) bool {
	for _, s := range w.soapSessions() {
		if s.Key == key {
			return true
		}
	}
	return false
}

// revokeSessions ends every SOAP and REST session.
func (w *world) revokeSessions() {
	ctx := w.context()
	ctx.Session = &simulator.Session{UserSession: types.UserSession{Key: "lab"}, Registry: simulator.NewRegistry(), Map: w.reg}
	for _, s := range w.soapSessions() {
		w.reg.SessionManager().TerminateSession(ctx, &types.TerminateSession{SessionId: []string{s.Key}})
	}
	w.rest.clear()
	w.dropRelays()
}
