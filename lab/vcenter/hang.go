// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"bytes"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// hangRule holds *_Task methods (the task stays running) and ImportVApp (the lease stays initializing).
type hangRule struct {
	Method string `json:"method"`
	Object string `json:"object"`
	method *regexp.Regexp
	object *regexp.Regexp
}

// heldTask is a task that stays running until it is released; then the request is carried out.
type heldTask struct {
	world   *world
	task    *simulator.Task
	method  string
	request []byte
	path    string
}

type hangs struct {
	mu    sync.Mutex
	rules []*hangRule
	held  []*heldTask
	count int
}

func (h *hangs) add(rule *hangRule) error {
	if rule.Method == "" {
		return fmt.Errorf("a hang needs a method, for example Destroy_Task")
	}
	rule.method, rule.object = glob(rule.Method), glob(rule.Object)
	h.mu.Lock()
	h.rules = append(h.rules, rule)
	h.mu.Unlock()
	return nil
}

func (h *hangs) matches(c *call) bool {
	if !strings.HasSuffix(c.name, "_Task") && c.name != "ImportVApp" {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.rules {
		if r.method.MatchString(c.name) && matchesAny(r.object, c.objects) {
			return true
		}
	}
	return false
}

func (h *hangs) next() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count++
	return h.count
}

func (h *hangs) take() []*heldTask {
	h.mu.Lock()
	defer h.mu.Unlock()
	held := h.held
	h.held, h.rules = nil, nil
	return held
}

// newTask registers a task of the lab's own in state running.
func (s *server) newTask(w *world, c *call) *simulator.Task {
	entity := c.this
	task := &simulator.Task{}
	task.Self = ref{Type: "Task", Value: fmt.Sprintf("task-lab-%d", s.hangs.next())}
	verb := strings.TrimSuffix(c.name, "_Task")
	now := w.clock.Now()
	task.Info = types.TaskInfo{
		Key: task.Self.Value, Task: task.Self, Name: c.name, Entity: &entity, EntityName: w.objectName(entity),
		DescriptionId: entity.Type + "." + strings.ToLower(verb[:1]) + verb[1:], State: types.TaskInfoStateRunning,
		Cancelable: true, Reason: &types.TaskReasonUser{UserName: c.entry.Principal}, QueueTime: now, StartTime: &now,
	}
	w.reg.Put(task)
	return task
}

func (w *world) finishTask(task *simulator.Task, result types.AnyType, fault types.BaseMethodFault, message string) {
	changes := []types.PropertyChange{{Name: "info.completeTime", Val: time.Now()}}
	if fault != nil {
		changes = append(changes, types.PropertyChange{Name: "info.error", Val: types.LocalizedMethodFault{Fault: fault, LocalizedMessage: message}},
			types.PropertyChange{Name: "info.state", Val: types.TaskInfoStateError})
	} else {
		changes = append(changes, types.PropertyChange{Name: "info.result", Val: result},
			types.PropertyChange{Name: "info.state", Val: types.TaskInfoStateSuccess})
	}
	w.reg.AtomicUpdate(w.context(), task, changes)
}

func (s *server) failTask(rule *faultRule, c *call, w http.ResponseWriter) {
	task := s.newTask(c.world, c)
	c.world.finishTask(task, nil, newFault(rule.Fault), orString(rule.Message, "scripted fault "+rule.Fault))
	writeTask(w, c.name, task.Self)
}

// hold answers with a task that stays running.
func (s *server) hold(c *call, w http.ResponseWriter) {
	task := s.newTask(c.world, c)
	s.hangs.mu.Lock()
	s.hangs.held = append(s.hangs.held, &heldTask{world: c.world, task: task, method: c.name, request: c.body, path: c.url})
	s.hangs.mu.Unlock()
	writeTask(w, c.name, task.Self)
}

// release forgets the hang rules and carries out the held requests; it returns their number.
func (s *server) release() int {
	held := s.hangs.take()
	for _, h := range held {
		if h.world == s.world.Load() && h.task.Info.State == types.TaskInfoStateRunning {
			h.run()
		}
	}
	return len(held) + s.world.Load().leases.release()
}

var taskInAnswer = regexp.MustCompile(`type="Task"[^>]*>([^<]+)<`)

// run replays the request in a session of the lab's own, since the client's may have ended, and copies the outcome.
func (h *heldTask) run() {
	w := h.world
	login := w.sessionCall("Login", "<userName>"+internalUser+"</userName><password>"+w.internal+"</password>")
	cookies := w.post(h.path, login, nil).Result().Cookies()
	answer := w.post(h.path, h.request, cookies).Body.Bytes()
	defer w.post(h.path, w.sessionCall("Logout", ""), cookies)
	if m := taskInAnswer.FindSubmatch(answer); m != nil {
		if task, ok := w.reg.Get(ref{Type: "Task", Value: string(m[1])}).(*simulator.Task); ok {
			task.Wait()
			if e := task.Info.Error; e != nil {
				w.finishTask(h.task, nil, e.Fault, e.LocalizedMessage)
			} else {
				w.finishTask(h.task, task.Info.Result, nil, "")
			}
			return
		}
	}
	name := faultInAnswer(answer)
	fault := newFault(name)
	if fault == nil {
		fault = &types.SystemError{Reason: name}
	}
	log.Printf("held %s ended with %q", h.method, name)
	w.finishTask(h.task, nil, fault, name)
}

// sessionCall is the request of a SessionManager method.
func (w *world) sessionCall(method, arguments string) []byte {
	body := fmt.Sprintf(`<%s xmlns="urn:vim25"><_this type="SessionManager">%s</_this>%s</%s>`,
		method, w.reg.SessionManager().Self.Value, arguments, method)
	return []byte(fmt.Sprintf(envelope, body))
}

func (w *world) post(path string, body []byte, cookies []*http.Cookie) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	for _, c := range cookies {
		if c.Name == soap.SessionCookieName {
			request.AddCookie(c)
		}
	}
	rec := httptest.NewRecorder()
	w.soap().ServeHTTP(rec, request)
	return rec
}
