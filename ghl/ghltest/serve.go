package ghltest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const maxBody = 1 << 20

// exchange is a call under way.
type exchange struct {
	Call
	r      *http.Request
	fields map[string]any // of the body
	at     *location
}

// answer is what goes back.
type answer struct {
	status int
	header http.Header
	body   any
}

// received is told, where a ResponseWriter wants to know, that the request has
// arrived: not so if there was no connection.
type received interface{ received() }

// ServeHTTP answers as GoHighLevel does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/sandbox") {
		s.desk.ServeHTTP(w, r)
		return
	}
	x := s.open(r)
	f := s.strike(x.Call)
	x.Fault = f.String()
	if in, ok := w.(received); ok && f.Cut != CutConnect {
		in.received()
	}
	if f.Cut == CutConnect || f.Cut == CutBefore {
		s.record(x.Call)
		panic(http.ErrAbortHandler)
	}
	a := s.take(x, f)
	body, err := json.Marshal(a.body)
	if err != nil {
		panic(fmt.Sprintf("ghltest: %v", err)) // a fault of ours
	}
	x.Answer, x.Status = body, a.status
	if f.Cut == CutAfter {
		x.Status = 0
	}
	s.record(x.Call)
	wait(r, f.Latency)
	if f.Cut == CutAfter {
		panic(http.ErrAbortHandler)
	}
	send(w, a, body, f.Cut == CutBody)
}

// open reads a request.
func (s *Server) open(r *http.Request) *exchange {
	x := &exchange{r: r}
	x.At, x.Method, x.Path, x.Version = s.o.Now(), r.Method, r.URL.RequestURI(), r.Header.Get("Version")
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err == nil && json.Unmarshal(body, &x.fields) == nil {
		x.Body = body
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.place(x)
	return x
}

// place finds which location and contact a call is about: GoHighLevel names
// them now in the path, now in the query, now in the body, and mostly not.
func (s *Server) place(x *exchange) {
	q := x.r.URL.Query()
	parts := strings.Split(strings.Trim(x.r.URL.EscapedPath(), "/"), "/")
	text := func(name string) string { v, _ := x.fields[name].(string); return v }
	switch {
	case parts[0] == "contacts" && len(parts) > 1 && parts[1] != "search":
		x.Contact = unescape(parts[1])
	case parts[0] == "locations" && len(parts) > 1:
		x.Location = unescape(parts[1])
	}
	x.Contact = first(x.Contact, text("contactId"))
	x.Location = first(x.Location, q.Get("locationId"), q.Get("location_id"), text("locationId"))
	if x.Location == "" {
		x.Location = s.home(x.Contact, bearer(x.r))
		return
	}
	s.naming(bearer(x.r), x.Location)
}

// take does what is asked, or refuses it.
func (s *Server) take(x *exchange, f Fault) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := s.enter(x); !ok {
		return a
	}
	header := http.Header{}
	wait := x.at.window.take(s.o.Limit, x.At)
	x.at.window.tell(s.o.Limit, header)
	a := s.handle(x, f, wait)
	maps.Copy(header, a.header)
	a.header = header
	return a
}

// handle is take within the limits.
func (s *Server) handle(x *exchange, f Fault, wait time.Duration) answer {
	if wait > 0 {
		a := refuse(http.StatusTooManyRequests, "Too Many Requests")
		a.header.Set("Retry-After", seconds(wait))
		return a
	}
	if f.Status != 0 {
		a := refuse(f.Status, first(f.Message, http.StatusText(f.Status)))
		if f.RetryAfter > 0 {
			a.header.Set("Retry-After", seconds(f.RetryAfter))
		}
		return a
	}
	if x.Body == nil && x.Method != http.MethodGet && x.Method != http.MethodDelete {
		return refuse(http.StatusBadRequest, "Unexpected end of JSON input")
	}
	a := s.route(x)
	x.Taken = a.status < 300
	return a
}

// route finds who handles x.
func (s *Server) route(x *exchange) answer {
	in := &into{x: x, header: http.Header{}}
	s.api.ServeHTTP(in, x.r)
	if in.answer == nil { // the router's own answer: no such path, or a redirect to a cleaner one
		return refuse(http.StatusNotFound, fmt.Sprintf("Cannot %s %s", x.Method, x.r.URL.Path))
	}
	return *in.answer
}

// into carries an exchange through net/http's router to its handler, and the
// answer back. What the router itself writes is dropped.
type into struct {
	x      *exchange
	answer *answer
	header http.Header
}

func (in *into) Header() http.Header         { return in.header }
func (in *into) Write(b []byte) (int, error) { return len(b), nil }
func (in *into) WriteHeader(int)             {}

// on makes a handler of h. The router sets the path's values.
func on(h func(*exchange) answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in := w.(*into)
		in.x.r = r
		a := h(in.x)
		in.answer = &a
	})
}

func wait(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

// send writes an answer, or only its first half.
func send(w http.ResponseWriter, a answer, body []byte, half bool) {
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(a.status)
	if half {
		body = body[:len(body)/2]
	}
	_, _ = w.Write(body) // a client that went away is no concern of ours
	if half {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}
