package ghltest

import (
	"encoding/json"
	"slices"
	"time"
)

// Call is one request that reached the server, and what it was answered.
// Tokens are not kept.
type Call struct {
	N        int             `json:"n"` // 1, 2, 3, …
	At       time.Time       `json:"at"`
	Method   string          `json:"method"`
	Path     string          `json:"path"` // with its query
	Version  string          `json:"version,omitempty"`
	Location string          `json:"location_id,omitempty"`
	Contact  string          `json:"contact_id,omitempty"`
	Body     json.RawMessage `json:"body,omitempty"` // as JSON; null if it was none
	Status   int             `json:"status"`         // 0: no answer went out
	Answer   json.RawMessage `json:"answer,omitempty"`
	Taken    bool            `json:"taken"`           // it was done, whether or not the answer arrived
	Fault    string          `json:"fault,omitempty"` // what was planted
}

// Calls returns every call so far, oldest first.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Deed is something that was done and must not be done twice.
type Deed struct {
	Kind     string    `json:"kind"` // message, workflow, task
	ID       string    `json:"id,omitempty"`
	Location string    `json:"location_id"`
	Contact  string    `json:"contact_id"`
	Type     string    `json:"type,omitempty"` // of a message: SMS, Email, …
	Text     string    `json:"text"`           // what the contact or the user reads; a workflow's id
	At       time.Time `json:"at"`
}

// Deeds returns the messages, workflow starts and tasks so far, oldest first.
func (s *Server) Deeds() []Deed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deeds)
}

// Twice returns the deeds that had been done before: same kind, contact and text.
func (s *Server) Twice() (again []Deed) {
	type what struct{ kind, contact, text string }
	seen := map[what]bool{}
	for _, d := range s.Deeds() {
		k := what{d.Kind, d.Contact, d.Text}
		if seen[k] {
			again = append(again, d)
		}
		seen[k] = true
	}
	return again
}

// record keeps a call and tells it.
func (s *Server) record(c Call) {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.mu.Lock()
	c.N = len(s.calls) + 1
	s.calls = append(s.calls, c)
	s.mu.Unlock()
	if s.o.OnCall != nil {
		s.o.OnCall(c)
	}
}
