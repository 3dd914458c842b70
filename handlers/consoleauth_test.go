package handlers_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/handlers/console"
)

// openWithConsole is openWithViews with the console on the same listener.
func openWithConsole(t *testing.T) *door {
	return openWithViews(t, func(deps *handlers.Deps) {
		deps.Console = console.New(console.Config{API: handlers.Admin(*deps), Role: func(token string) string {
			return string(handlers.RoleOf(token, adminToken, analystToken))
		}})
	})
}

// signedIn is a browser that signed in with a token; with none it did not.
func (d *door) signedIn(t *testing.T, token string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	if token == "" {
		return c
	}
	resp, err := c.PostForm(d.base+"/console/sign-in", url.Values{"token": {token}, "back": {"/console"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return c
}

func page(t *testing.T, c *http.Client, u string) string {
	t.Helper()
	resp, err := c.Get(u)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestConsoleAuthorization: who did not sign in sees nothing, the analyst sees
// all and changes nothing, the administrator acts.
func TestConsoleAuthorization(t *testing.T) {
	d := openWithConsole(t)
	d.get("/api/v1/leads/contact_1?wait=" + d.signed(created).at("data.event_id").(string))
	for _, who := range []struct {
		name, token string
		sees, acts  bool
	}{{"none", "", false, false}, {"wrong", wrongToken, false, false}, {"analyst", analystToken, true, false}, {"admin", adminToken, true, true}} {
		c := d.signedIn(t, who.token)
		for _, path := range []string{"/console/leads", "/console/leads/contact_1", "/console/events?q=john", "/console/progress"} {
			text := page(t, c, d.base+path)
			if sees := strings.Contains(text, "john@example.com") || strings.Contains(text, "John<") || strings.Contains(text, `href="/console/leads/contact_1"`) || strings.Contains(text, `"generation"`); sees != who.sees {
				t.Errorf("%s sees %s: %v", who.name, path, sees)
			}
		}
		before := len(d.kinds())
		resp, err := c.PostForm(d.base+"/console/act/leads/contact_1/opt-out", url.Values{"back": {"/console"}})
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if acts := slices.Contains(d.kinds()[before:], "audit.leads.opt_out"); acts != who.acts {
			t.Errorf("%s acts: %v", who.name, acts)
		}
	}
}

// TestSignInIsThrottled: guessing at the console is slowed down as at the API.
func TestSignInIsThrottled(t *testing.T) {
	d := openWithConsole(t)
	last := 0
	for range 12 {
		resp, err := http.PostForm(d.base+"/console/sign-in", url.Values{"token": {wrongToken}})
		if err != nil {
			t.Fatal(err)
		}
		last = resp.StatusCode
		_ = resp.Body.Close()
	}
	if last != 429 {
		t.Errorf("the twelfth wrong token is answered %d, want 429", last)
	}
	if strings.Contains(d.logs.String(), wrongToken) {
		t.Error("the log holds the token")
	}
}

// TestBareAddress: who types the admin listener's address alone is led to the
// console, and asked to sign in.
func TestBareAddress(t *testing.T) {
	d := openWithConsole(t)
	if text := page(t, http.DefaultClient, d.base+"/"); !strings.Contains(text, `name="token"`) {
		t.Errorf("/ shows %s", text)
	}
}
