package handlers_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/handlers"
)

// TestRolesOfRoutes says which role a route needs without asking the routes:
// TestAuthorization takes a route's word for it, so a route that gave its role
// away would pass there.
func TestRolesOfRoutes(t *testing.T) {
	open := map[string]bool{
		"POST /webhooks/ghl": true, "POST /webhooks/ghl/workflow/:type": true, "POST /webhooks/ghl/workflow/:type/:token": true,
		"GET /webhooks/ghl/verify": true, "POST /webhooks/ghl/verify": true, "GET /webhooks/ghl/health": true,
		"GET /healthz": true, "GET /readyz": true, "GET /metrics": true,
		"GET /openapi.json": true,
	}
	// Reading these is an administrator's: whole copies and their keys.
	secret := map[string]bool{"GET /api/v1/backup": true, "GET /api/v1/backup/keys": true}
	for _, r := range handlers.Routes() {
		name, want := r.Method+" "+r.Path, handlers.Administrator
		switch {
		case open[name]:
			want = handlers.Nobody
		case r.Method == "GET" && strings.HasPrefix(r.Path, "/api/v1/") && !secret[name]:
			want = handlers.Analyst
		}
		if r.Role != want {
			t.Errorf("%s needs %q, want %q", name, r.Role, want)
		}
	}
}

// TestStreamAsksForAToken is the route that TestAuthorization leaves out, since
// a stream that is let through does not end.
func TestStreamAsksForAToken(t *testing.T) {
	d := open(t)
	for name, header := range map[string]string{"none": "", "wrong": "Bearer " + strings.Repeat("x", 40)} {
		req := d.request("GET", "/api/v1/stream", "")
		if header != "" {
			req.Header.Set("Authorization", header)
		}
		if got := d.do(req.WithContext(within(t))); got.status != 401 {
			t.Errorf("stream as %s: %d %s, want 401", name, got.status, got.text)
		}
	}
}

// within is a context that ends a stream which was let through after all.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	t.Cleanup(cancel)
	return ctx
}
