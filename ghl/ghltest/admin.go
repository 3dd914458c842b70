package ghltest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// deskHelp is the answer to GET /sandbox.
const deskHelp = `A GoHighLevel of our own. Beside its API:

GET    /sandbox/calls?after=N       every call: what was asked, what was answered
GET    /sandbox/deeds               messages, workflow starts, tasks, and those done twice
GET    /sandbox/contacts/CONTACT    what is held of a contact
PUT    /sandbox/contacts/CONTACT    {"location_id":"…","properties":{"firstName":"Ann"},"custom_fields":{"budget":"500000"}}
POST   /sandbox/faults              {"status":503,"every":3} makes calls fail; also
                                    method path location_id contact_id, fraction times,
                                    message retry_after cut (connect before after body) latency
DELETE /sandbox/faults              heals them all
`

// faultForm is a Fault as JSON.
type faultForm struct {
	Method     string  `json:"method"`
	Path       string  `json:"path"`
	Location   string  `json:"location_id"`
	Contact    string  `json:"contact_id"`
	Every      int     `json:"every"`
	Fraction   float64 `json:"fraction"`
	Times      int     `json:"times"`
	Status     int     `json:"status"`
	Message    string  `json:"message"`
	RetryAfter string  `json:"retry_after"`
	Cut        Cut     `json:"cut"`
	Latency    string  `json:"latency"`
}

func (f faultForm) fault() (Fault, error) {
	retry, err := duration(f.RetryAfter)
	if err != nil {
		return Fault{}, fmt.Errorf("retry_after: %w", err)
	}
	latency, err := duration(f.Latency)
	if err != nil {
		return Fault{}, fmt.Errorf("latency: %w", err)
	}
	switch f.Cut {
	case "", CutConnect, CutBefore, CutAfter, CutBody:
	default:
		return Fault{}, fmt.Errorf("cut %q: want connect, before, after or body", f.Cut)
	}
	if f.Status != 0 && (f.Status < 300 || f.Status > 599) {
		return Fault{}, fmt.Errorf("status %d: want 300 to 599", f.Status)
	}
	return Fault{
		Method: f.Method, Path: f.Path, Location: f.Location, Contact: f.Contact,
		Every: f.Every, Fraction: f.Fraction, Times: f.Times,
		Status: f.Status, Message: f.Message, RetryAfter: retry, Cut: f.Cut, Latency: latency,
	}, nil
}

func duration(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	return time.ParseDuration(text)
}

func (s *Server) deskRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sandbox", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, deskHelp) })
	mux.HandleFunc("GET /sandbox/calls", s.deskCalls)
	mux.HandleFunc("GET /sandbox/deeds", func(w http.ResponseWriter, _ *http.Request) {
		show(w, http.StatusOK, map[string]any{"data": list(s.Deeds()), "twice": list(s.Twice())})
	})
	mux.HandleFunc("GET /sandbox/contacts/{contact}", s.deskContact)
	mux.HandleFunc("PUT /sandbox/contacts/{contact}", s.deskPut)
	mux.HandleFunc("POST /sandbox/faults", s.deskFault)
	mux.HandleFunc("DELETE /sandbox/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.Heal()
		show(w, http.StatusOK, map[string]any{"healed": true})
	})
	return mux
}

func (s *Server) deskCalls(w http.ResponseWriter, r *http.Request) {
	calls := s.Calls()
	after := min(max(0, number(r.URL.Query().Get("after"), 0)), len(calls))
	show(w, http.StatusOK, map[string]any{"data": list(calls[after:])})
}

func (s *Server) deskContact(w http.ResponseWriter, r *http.Request) {
	c, ok := s.Contact(r.PathValue("contact"))
	if !ok {
		show(w, http.StatusNotFound, map[string]any{"error": "no such contact"})
		return
	}
	show(w, http.StatusOK, map[string]any{
		"id": c.ID, "location_id": c.Location, "properties": c.Properties, "custom_fields": c.Fields,
		"added_at": c.Added, "updated_at": c.Updated,
	})
}

// deskPut makes a contact that no webhook told of, for what is read back.
func (s *Server) deskPut(w http.ResponseWriter, r *http.Request) {
	var form struct {
		Location   string         `json:"location_id"`
		Properties map[string]any `json:"properties"`
		Fields     map[string]any `json:"custom_fields"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&form); err != nil {
		show(w, http.StatusBadRequest, map[string]any{"error": err.Error()})
		return
	}
	s.Put(Contact{ID: r.PathValue("contact"), Location: form.Location, Properties: form.Properties, Fields: form.Fields})
	s.deskContact(w, r)
}

func (s *Server) deskFault(w http.ResponseWriter, r *http.Request) {
	var form faultForm
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields() // a fault that is misspelt would choose every call
	err := d.Decode(&form)
	f, ferr := form.fault()
	if err == nil {
		err = ferr
	}
	if err != nil {
		show(w, http.StatusBadRequest, map[string]any{"error": err.Error()})
		return
	}
	s.Fault(f)
	show(w, http.StatusCreated, map[string]any{"planted": f.String()})
}

func show(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that went away is no concern of ours
}

// list is a slice that JSON shows as [] where it is empty.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
