// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"cmp"
	"fmt"
	"slices"
)

type associationRequest struct {
	ObjectID  *objectID  `json:"object_id"`
	ObjectIDs []objectID `json:"object_ids"`
	TagIDs    []string   `json:"tag_ids"`
}

type batchResult struct {
	Success  bool          `json:"success"`
	Messages []vapiMessage `json:"error_messages"`
}

func (s *tagStore) serveAssociation(c *restCall, id string) (any, *vapiError) {
	var in associationRequest
	if len(c.body) > 0 {
		if e := decode(c.body, &in); e != nil {
			return nil, e
		}
	}
	if id != "" {
		return s.onTag(c, id, in)
	}
	switch c.action {
	case "list-attached-tags", "list-attachable-tags", "attach-multiple-tags-to-object", "detach-multiple-tags-from-object":
		return s.onObject(c, in)
	case "list-attached-objects-on-tags":
		return s.objectsOnTags(c.gate, in.TagIDs)
	case "list-attached-tags-on-objects":
		out := []any{}
		for _, o := range in.ObjectIDs {
			if e := s.readObject(c.gate, o); e != nil {
				return nil, e
			}
			out = append(out, map[string]any{"object_id": o, "tag_ids": s.tagsOn(o)})
		}
		return out, nil
	}
	return nil, notFound("no such operation: " + c.action)
}

func (s *tagStore) objectsOnTags(gate *tagGate, ids []string) (any, *vapiError) {
	out := []any{}
	for _, id := range ids {
		if s.tags[id] == nil {
			return nil, notFound("tag " + id + " was not found")
		}
		out = append(out, map[string]any{"tag_id": id, "object_ids": gate.readable(s.objectsOn(id))})
	}
	return out, nil
}

func (s *tagStore) onTag(c *restCall, id string, in associationRequest) (any, *vapiError) {
	if s.tags[id] == nil {
		return nil, notFound("tag " + id + " was not found")
	}
	switch c.action {
	case "list-attached-objects":
		return c.gate.readable(s.objectsOn(id)), nil
	case "attach-tag-to-multiple-objects":
		result := newBatch()
		for _, o := range in.ObjectIDs {
			result.note(s.attach(c.gate, id, o))
		}
		return result, nil
	case "detach-tag-from-multiple-objects":
		result := newBatch()
		for _, o := range in.ObjectIDs {
			result.note(s.detach(c.gate, id, o))
		}
		return result, nil
	case "attach", "detach":
		if in.ObjectID == nil {
			return nil, invalid("the body has no object_id")
		}
		if c.action == "attach" {
			return nil, s.attach(c.gate, id, *in.ObjectID)
		}
		return nil, s.detach(c.gate, id, *in.ObjectID)
	}
	return nil, notFound("no such operation: " + c.action)
}

func (s *tagStore) onObject(c *restCall, in associationRequest) (any, *vapiError) {
	if in.ObjectID == nil {
		return nil, invalid("the body has no object_id")
	}
	o := *in.ObjectID
	if e := s.readObject(c.gate, o); e != nil {
		return nil, e
	}
	switch c.action {
	case "list-attached-tags":
		return s.tagsOn(o), nil
	case "list-attachable-tags":
		out := []string{}
		for _, id := range sortedKeys(s.tags) {
			if s.attachable(id, o) == nil && !s.attached[id][o] {
				out = append(out, id)
			}
		}
		return out, nil
	}
	result := newBatch()
	for _, id := range in.TagIDs {
		if c.action == "attach-multiple-tags-to-object" {
			result.note(s.attach(c.gate, id, o))
		} else {
			result.note(s.detach(c.gate, id, o))
		}
	}
	return result, nil
}

func newBatch() *batchResult { return &batchResult{Success: true, Messages: []vapiMessage{}} }

func (b *batchResult) note(e *vapiError) {
	if e != nil {
		b.Success = false
		b.Messages = append(b.Messages, vapiMessage{Args: []string{}, Default: e.message, ID: "cis.tagging." + e.kind})
	}
}

func (s *tagStore) checkObject(o objectID) *vapiError {
	if s.reg.Get(ref{Type: o.Type, Value: o.ID}) == nil {
		return notFound(fmt.Sprintf("object %s:%s was not found", o.Type, o.ID))
	}
	return nil
}

// readObject finds out that the object is there and that the caller may read it.
func (s *tagStore) readObject(gate *tagGate, o objectID) *vapiError {
	if e := s.checkObject(o); e != nil {
		return e
	}
	return gate.read(o)
}

// attachable says why the tag cannot be on the object: unknown tag or object, wrong type, cardinality.
func (s *tagStore) attachable(id string, o objectID) *vapiError {
	t := s.tags[id]
	if t == nil {
		return notFound("tag " + id + " was not found")
	}
	if e := s.checkObject(o); e != nil {
		return e
	}
	c := s.categories[t.CategoryID]
	if len(c.Types) > 0 && !slices.Contains(c.Types, o.Type) {
		return invalid(fmt.Sprintf("tag %s of category %s cannot be attached to a %s", t.Name, c.Name, o.Type))
	}
	if c.Cardinality != "SINGLE" {
		return nil
	}
	for _, other := range s.tagsOn(o) {
		if other != id && s.tags[other].CategoryID == t.CategoryID {
			return invalid(fmt.Sprintf("%s:%s already has tag %s of category %s, whose cardinality is SINGLE", o.Type, o.ID, s.tags[other].Name, c.Name))
		}
	}
	return nil
}

func (s *tagStore) attach(gate *tagGate, id string, o objectID) *vapiError {
	if e := s.assignable(gate, id, o); e != nil {
		return e
	}
	if e := s.attachable(id, o); e != nil {
		return e
	}
	s.attached[id][o] = true
	return nil
}

func (s *tagStore) detach(gate *tagGate, id string, o objectID) *vapiError {
	if e := s.assignable(gate, id, o); e != nil {
		return e
	}
	delete(s.attached[id], o)
	return nil
}

// assignable: tag and object are there, and the caller may assign the one to the other.
func (s *tagStore) assignable(gate *tagGate, id string, o objectID) *vapiError {
	if s.tags[id] == nil {
		return notFound("tag " + id + " was not found")
	}
	if e := s.checkObject(o); e != nil {
		return e
	}
	return gate.assign(o)
}

func (s *tagStore) tagsOn(o objectID) []string {
	out := []string{}
	for _, id := range sortedKeys(s.tags) {
		if s.attached[id][o] {
			out = append(out, id)
		}
	}
	return out
}

func (s *tagStore) objectsOn(id string) []objectID {
	out := []objectID{}
	for o := range s.attached[id] {
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b objectID) int { return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID)) })
	return out
}
