package ghltest

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
)

// done is a success.
func done(status int, body any) answer { return answer{status, http.Header{}, body} }

// refuse is a refusal in GoHighLevel's form: message is a string for most, an
// array where fields are at fault.
func refuse(status int, message string) answer {
	return answer{status, http.Header{}, map[string]any{
		"statusCode": status, "message": message, "error": http.StatusText(status), "traceId": "sandbox",
	}}
}

func invalid(faults ...string) answer {
	a := refuse(http.StatusUnprocessableEntity, "")
	a.body.(map[string]any)["message"] = faults
	return a
}

// enter checks who calls, and sets the location that x is about.
func (s *Server) enter(x *exchange) (answer, bool) {
	token := bearer(x.r)
	if !s.knows(token) {
		return refuse(http.StatusUnauthorized, "Invalid token: access token is invalid"), false
	}
	switch x.Version {
	case "2021-07-28", "2021-04-15", "v3":
	case "":
		return refuse(http.StatusUnauthorized, "version header was not found."), false
	default:
		return refuse(http.StatusUnauthorized, "version header is invalid"), false
	}
	x.at = s.locations[x.Location]
	if x.at == nil && len(s.o.Locations) == 0 {
		x.at = s.settle(Location{ID: x.Location, Fields: anywhere()})
	}
	if x.at == nil || !s.opens(token, x.at) {
		return refuse(http.StatusForbidden, "The token does not have access to this location."), false
	}
	return answer{}, true
}

// anyToken reports whether no token was named, so that all are as good.
func (s *Server) anyToken() bool {
	for _, l := range s.locations {
		if l.token != "" {
			return false
		}
	}
	return s.o.Token == ""
}

func (s *Server) knows(token string) bool {
	if token == "" {
		return false
	}
	if s.anyToken() || same(token, s.o.Token) {
		return true
	}
	for _, l := range s.locations {
		if same(token, l.token) {
			return true
		}
	}
	return false
}

func (s *Server) opens(token string, l *location) bool {
	return s.anyToken() || same(token, s.o.Token) || same(token, l.token)
}

// home is the location of a call that names none: its contact's, its token's,
// or the first. Where any location will do, a token's is the one it last named.
func (s *Server) home(contact, token string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.contacts[contact]; c != nil {
		return c.Location
	}
	for _, l := range s.o.Locations {
		if same(token, l.Token) {
			return l.ID
		}
	}
	if len(s.o.Locations) > 0 {
		return s.o.Locations[0].ID
	}
	return first(s.named[token], "location_1")
}

// naming remembers which location a token names.
func (s *Server) naming(token, location string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.named[token] = location
}

func same(token, known string) bool {
	return known != "" && subtle.ConstantTimeCompare([]byte(token), []byte(known)) == 1
}

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func unescape(part string) string {
	s, err := url.PathUnescape(part)
	if err != nil {
		return part
	}
	return s
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
