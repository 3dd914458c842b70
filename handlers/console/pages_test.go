package console_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestSending: the overview says that nothing is sent, and why.
func TestSending(t *testing.T) {
	for _, tt := range []struct{ sender, shows string }{
		{`{"mode":"live","paused":false}`, "Sending is on"},
		{`{"mode":"live","paused":true}`, "Sending is paused"},
		{`{"mode":"live","paused":false,"no_key":true}`, "No GHL_API_KEY: nothing is sent, it is held"},
		{`{"mode":"dry-run","paused":false,"no_key":true}`, "Dry run: nothing is sent"},
		{`{"mode":"dry-run","paused":false}`, "Dry run: nothing is sent"},
		{`{"mode":"dry-run","paused":true}`, "Dry run: nothing is sent"},
		{`{"mode":"off","paused":false}`, "Effects are off: nothing is sent"},
	} {
		b := openOn(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/v1/sender" {
				_, _ = io.WriteString(w, tt.sender)
				return
			}
			api().ServeHTTP(w, r)
		}), time.Now)
		b.signIn(token)
		if _, body := b.get("/console"); !strings.Contains(body, tt.shows) || strings.Count(body, "Sending is")+strings.Count(body, "nothing is sent") != 1 {
			t.Errorf("%s: want %q alone in\n%s", tt.sender, tt.shows, body)
		}
	}
}

// TestMistypedAddress: what is no page leads to one, or is told as a page.
func TestMistypedAddress(t *testing.T) {
	b := open(t, time.Now)
	b.signIn(token)
	for _, tt := range []struct {
		path, shows string
		status      int
	}{
		{"/console/", "<h1>Overview", 200},
		{"/console/sign-in", "<h1>Overview", 200},
		{"/console/sign-out", "<h1>Overview", 200},
		{"/console/nosuch", "The console has no page /console/nosuch.", 404},
		{"/console/events/", "The console has no page /console/events/.", 404},
	} {
		if status, body := b.get(tt.path); status != tt.status || !strings.Contains(body, tt.shows) || !strings.Contains(body, "Sign out") {
			t.Errorf("%s = %d, want %d and %q in\n%s", tt.path, status, tt.status, tt.shows, body)
		}
	}
}
