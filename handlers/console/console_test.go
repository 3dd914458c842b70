package console_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/handlers/console"
)

const token = "token-of-the-administrator-0123456789"

// api is an API that knows one token and one list.
func api() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":"Unauthorized","message":"no","code":"unauthorized"}`)
			return
		}
		_, _ = io.WriteString(w, `{"data":[],"next":null}`)
	})
}

// browser follows redirects and keeps cookies.
type browser struct {
	t   *testing.T
	url string
	http.Client
}

func open(t *testing.T, now func() time.Time) *browser {
	s := httptest.NewServer(console.New(console.Config{API: api(), Now: now, Role: func(got string) string {
		if got == token {
			return "admin"
		}
		return ""
	}}))
	t.Cleanup(s.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, url: s.URL, Client: http.Client{Jar: jar}}
}

func (b *browser) get(path string) (status int, body string) {
	b.t.Helper()
	r, err := b.Get(b.url + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if got := r.Header.Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'none'") || strings.Contains(got, "unsafe") {
		b.t.Errorf("%s has the policy %q", path, got)
	}
	return r.StatusCode, string(text)
}

func (b *browser) signIn(with string) (status int, body string) {
	b.t.Helper()
	r, err := b.PostForm(b.url+"/console/sign-in", url.Values{"token": {with}, "back": {"/console/audit"}})
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Body.Close()
	text, _ := io.ReadAll(r.Body)
	return r.StatusCode, string(text)
}

func TestSignIn(t *testing.T) {
	now := time.Now()
	b := open(t, func() time.Time { return now })
	if status, body := b.get("/console/audit"); status != 200 || !strings.Contains(body, `name="token"`) || strings.Contains(body, "Sign out") {
		t.Errorf("without a session: %d %s", status, body)
	}
	if status, body := b.signIn("wrong"); status != 401 || !strings.Contains(body, "not a token of this service") || strings.Contains(body, "wrong") {
		t.Errorf("a wrong token: %d %s", status, body)
	}
	if status, body := b.signIn(token); status != 200 || !strings.Contains(body, "Nobody has acted yet") {
		t.Errorf("the right token: %d %s", status, body)
	}
	now = now.Add(9 * time.Hour)
	if _, body := b.get("/console/audit"); !strings.Contains(body, `name="token"`) {
		t.Error("a session lasts longer than it is used")
	}
}

func TestSignOut(t *testing.T) {
	b := open(t, time.Now)
	b.signIn(token)
	if _, err := b.PostForm(b.url+"/console/sign-out", nil); err != nil {
		t.Fatal(err)
	}
	if _, body := b.get("/console/audit"); !strings.Contains(body, `name="token"`) {
		t.Error("signed out, and still in")
	}
}

// TestCookie: scripts can't read it, other sites can't use it.
func TestCookie(t *testing.T) {
	b := open(t, time.Now)
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := b.PostForm(b.url+"/console/sign-in", url.Values{"token": {token}, "back": {"https://elsewhere.example/"}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if got := r.Header.Get("Location"); got != "/console" {
		t.Errorf("signing in leads to %q", got)
	}
	for _, c := range r.Cookies() {
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/console" {
			t.Errorf("cookie %+v", c)
		}
	}
}

// TestOtherOrigins: a form of another site does nothing here.
func TestOtherOrigins(t *testing.T) {
	b := open(t, time.Now)
	b.signIn(token)
	for _, path := range []string{"/console/act/effects/evt_1/retry", "/console/bulk/effects", "/console/sender/pause", "/console/sign-in", "/console/sign-out"} {
		r, err := http.NewRequest(http.MethodPost, b.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", "https://elsewhere.example")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		answer, err := b.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusForbidden {
			t.Errorf("POST %s of another origin is answered %d", path, answer.StatusCode)
		}
	}
}

// TestEmptyPages: each list says what to do next where there is nothing.
func TestEmptyPages(t *testing.T) {
	b := open(t, time.Now)
	b.signIn(token)
	for _, path := range []string{"", "/events", "/leads", "/effects", "/dead-letters", "/quarantine", "/projections", "/outcomes", "/models", "/export", "/audit"} {
		status, body := b.get("/console" + path)
		if status != 200 || !strings.Contains(body, `class="empty"`) {
			t.Errorf("/console%s: %d without an empty state", path, status)
		}
	}
}
