package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/handlers"
)

// TestProfiles: an administrator takes profiles of a running service.
func TestProfiles(t *testing.T) {
	d := open(t)
	for _, tt := range []struct {
		path   string
		status int
		begins string
	}{
		{"/debug/pprof/", 200, "<html>"},
		{"/debug/pprof/heap", 200, "\x1f\x8b"},
		{"/debug/pprof/allocs?gc=1", 200, "\x1f\x8b"},
		{"/debug/pprof/goroutine?debug=1", 200, "goroutine profile:"},
		{"/debug/pprof/profile?seconds=1", 200, "\x1f\x8b"},
		{"/debug/pprof/trace?seconds=1", 200, "go 1."},
		{"/debug/pprof/profile?seconds=301", 400, ""},
		{"/debug/pprof/profile?seconds=-1", 400, ""},
		{"/debug/pprof/cmdline", 404, ""}, // flags may bear secrets
		{"/debug/pprof/nothing", 404, ""},
	} {
		got := d.do(d.request("GET", tt.path, "", "Authorization", "Bearer "+adminToken))
		if got.status != tt.status || !strings.HasPrefix(got.text, tt.begins) {
			t.Errorf("%s: %d %.40q, want %d %q…", tt.path, got.status, got.text, tt.status, tt.begins)
		}
		if tt.status == 200 && got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept: %v", tt.path, got.header)
		}
	}
}

// TestPublicSurface: what is for people is not on the listener that the world
// reaches.
func TestPublicSurface(t *testing.T) {
	public := handlers.Public(handlers.Deps{})
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/vars", "/metrics", "/openapi.json", "/console", "/api/v1/leads"} {
		rec := httptest.NewRecorder()
		public.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		if rec.Code != http.StatusNotFound {
			t.Errorf("%s on the public listener: %d %s", path, rec.Code, rec.Body)
		}
	}
}
