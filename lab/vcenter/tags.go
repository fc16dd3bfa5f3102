// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
)

type category struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Cardinality string   `json:"cardinality"`
	Types       []string `json:"associable_types"`
	UsedBy      []string `json:"used_by"`
}

type tag struct {
	ID          string   `json:"id"`
	CategoryID  string   `json:"category_id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	UsedBy      []string `json:"used_by"`
}

type objectID struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// tagStore is vCenter's tagging service with its rules: unique names, cardinality, associable types, existing objects.
type tagStore struct {
	mu         sync.Mutex
	reg        *simulator.Registry
	seed       int64
	made       int
	categories map[string]*category
	tags       map[string]*tag
	attached   map[string]map[objectID]bool // tag id -> objects
}

func newTagStore(reg *simulator.Registry, seed int64) *tagStore {
	return &tagStore{
		reg: reg, seed: seed, categories: map[string]*category{}, tags: map[string]*tag{}, attached: map[string]map[objectID]bool{},
	}
}

func (s *tagStore) newID(kind string) string {
	s.made++
	return fmt.Sprintf("urn:vmomi:InventoryService%s:%s:GLOBAL", kind, stableUUID(kind, s.seed, s.made))
}

// forget drops the attachments of an object that left the inventory.
func (s *tagStore) forget(r ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, objects := range s.attached {
		delete(objects, objectID{r.Type, r.Value})
	}
}

func decode(body []byte, into any) *vapiError {
	if err := json.Unmarshal(body, into); err != nil {
		return invalid("the body is not the JSON that was expected: " + err.Error())
	}
	return nil
}

// spec decodes a create or update spec: /rest wraps it in its name, /api sends it bare.
func (c *restCall) spec(name string, into any) *vapiError {
	if c.api {
		return decode(c.body, into)
	}
	var wrapped map[string]json.RawMessage
	if e := decode(c.body, &wrapped); e != nil {
		return e
	}
	raw, ok := wrapped[name]
	if !ok {
		return invalid("the body has no " + name)
	}
	return decode(raw, into)
}

// serve runs one tagging call; created marks a result that /api answers with 201.
func (s *tagStore) serve(c *restCall) (result any, created bool, refusal *vapiError) {
	kind, id, _ := strings.Cut(strings.TrimPrefix(c.path, "tagging/"), "/")
	id = strings.TrimPrefix(id, "id:")
	if refusal = c.gate.manage(c); refusal != nil {
		return nil, false, refusal
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch kind {
	case "category":
		return s.serveCategory(c, id)
	case "tag":
		return s.serveTag(c, id)
	case "tag-association":
		if c.verb != "POST" {
			break
		}
		result, refusal = s.serveAssociation(c, id)
		return result, false, refusal
	}
	return nil, false, notFound("no such path: " + c.path)
}

func (s *tagStore) serveCategory(c *restCall, id string) (any, bool, *vapiError) {
	switch {
	case id == "" && c.verb == "GET":
		return sortedKeys(s.categories), false, nil
	case id == "" && c.verb == "POST" && c.action == "":
		result, refusal := s.createCategory(c)
		return result, true, refusal
	}
	found := s.categories[id]
	if found == nil {
		return nil, false, notFound("category " + id + " was not found")
	}
	switch c.verb {
	case "GET":
		return found, false, nil
	case "PATCH":
		return nil, false, s.updateCategory(c, found)
	case "DELETE":
		for _, tagID := range sortedKeys(s.tags) {
			if s.tags[tagID].CategoryID == id {
				delete(s.tags, tagID)
				delete(s.attached, tagID)
			}
		}
		delete(s.categories, id)
		return nil, false, nil
	}
	return nil, false, notFound("no such operation")
}

func cleanTypes(in []string) []string {
	out := []string{}
	for _, t := range in {
		out = append(out, strings.TrimPrefix(t, "urn:vim25:"))
	}
	return out
}

func (s *tagStore) categoryNamed(name, except string) bool {
	for id, c := range s.categories {
		if c.Name == name && id != except {
			return true
		}
	}
	return false
}

func alreadyExists(what, name string) *vapiError {
	return &vapiError{400, "already_exists", what + " " + name + " already exists"}
}

func (s *tagStore) createCategory(c *restCall) (any, *vapiError) {
	var spec category
	if e := c.spec("create_spec", &spec); e != nil {
		return nil, e
	}
	switch {
	case spec.Name == "":
		return nil, invalid("a category needs a name")
	case spec.Cardinality != "SINGLE" && spec.Cardinality != "MULTIPLE":
		return nil, invalid(fmt.Sprintf("cardinality %q is neither SINGLE nor MULTIPLE", spec.Cardinality))
	case s.categoryNamed(spec.Name, ""):
		return nil, alreadyExists("category", spec.Name)
	}
	spec.ID, spec.Types, spec.UsedBy = s.newID("Category"), cleanTypes(spec.Types), []string{}
	s.categories[spec.ID] = &spec
	return spec.ID, nil
}

// updateCategory follows vCenter: cardinality may only widen, associable types may only be added.
func (s *tagStore) updateCategory(c *restCall, found *category) *vapiError {
	var spec struct {
		Name        *string   `json:"name"`
		Description *string   `json:"description"`
		Cardinality *string   `json:"cardinality"`
		Types       *[]string `json:"associable_types"`
	}
	if e := c.spec("update_spec", &spec); e != nil {
		return e
	}
	if spec.Name != nil && s.categoryNamed(*spec.Name, found.ID) {
		return alreadyExists("category", *spec.Name)
	}
	if spec.Cardinality != nil && *spec.Cardinality != found.Cardinality && *spec.Cardinality != "MULTIPLE" {
		return invalid("cardinality can only become MULTIPLE")
	}
	if spec.Types != nil {
		for _, t := range found.Types {
			if !slices.Contains(cleanTypes(*spec.Types), t) {
				return invalid("associable types can only be added; " + t + " is missing")
			}
		}
		found.Types = cleanTypes(*spec.Types)
	}
	setIf(&found.Name, spec.Name)
	setIf(&found.Description, spec.Description)
	setIf(&found.Cardinality, spec.Cardinality)
	return nil
}

func setIf(into *string, value *string) {
	if value != nil {
		*into = *value
	}
}

func (s *tagStore) serveTag(c *restCall, id string) (any, bool, *vapiError) {
	switch {
	case id == "" && c.verb == "GET":
		return sortedKeys(s.tags), false, nil
	case id == "" && c.verb == "POST" && c.action == "":
		result, refusal := s.createTag(c)
		return result, true, refusal
	case c.action == "list-tags-for-category":
		result, refusal := s.tagsOfCategory(c, id)
		return result, false, refusal
	}
	found := s.tags[id]
	if found == nil {
		return nil, false, notFound("tag " + id + " was not found")
	}
	switch c.verb {
	case "GET":
		return found, false, nil
	case "PATCH":
		return nil, false, s.updateTag(c, found)
	case "DELETE":
		delete(s.tags, id)
		delete(s.attached, id)
		return nil, false, nil
	}
	return nil, false, notFound("no such operation")
}

func (s *tagStore) tagNamed(name, category, except string) bool {
	for id, t := range s.tags {
		if t.Name == name && t.CategoryID == category && id != except {
			return true
		}
	}
	return false
}

func (s *tagStore) createTag(c *restCall) (any, *vapiError) {
	var spec tag
	if e := c.spec("create_spec", &spec); e != nil {
		return nil, e
	}
	switch {
	case spec.Name == "":
		return nil, invalid("a tag needs a name")
	case s.categories[spec.CategoryID] == nil:
		return nil, notFound("category " + spec.CategoryID + " was not found")
	case s.tagNamed(spec.Name, spec.CategoryID, ""):
		return nil, alreadyExists("tag", spec.Name)
	}
	spec.ID, spec.UsedBy = s.newID("Tag"), []string{}
	s.tags[spec.ID] = &spec
	s.attached[spec.ID] = map[objectID]bool{}
	return spec.ID, nil
}

func (s *tagStore) updateTag(c *restCall, found *tag) *vapiError {
	var spec struct {
		Name        *string `json:"name"`
		Description *string `json:"description"`
	}
	if e := c.spec("update_spec", &spec); e != nil {
		return e
	}
	if spec.Name != nil && s.tagNamed(*spec.Name, found.CategoryID, found.ID) {
		return alreadyExists("tag", *spec.Name)
	}
	setIf(&found.Name, spec.Name)
	setIf(&found.Description, spec.Description)
	return nil
}

// tagsOfCategory takes the category from the path (/rest) or from the body (/api).
func (s *tagStore) tagsOfCategory(c *restCall, id string) (any, *vapiError) {
	if id == "" {
		var in struct {
			CategoryID string `json:"category_id"`
		}
		if e := decode(c.body, &in); e != nil {
			return nil, e
		}
		id = in.CategoryID
	}
	if s.categories[id] == nil {
		return nil, notFound("category " + id + " was not found")
	}
	out := []string{}
	for _, tagID := range sortedKeys(s.tags) {
		if s.tags[tagID].CategoryID == id {
			out = append(out, tagID)
		}
	}
	return out, nil
}
