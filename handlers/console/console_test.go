package console_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
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
		switch {
		case r.URL.Path == "/api/v1/export" && r.FormValue("dataset") == "long":
			for {
				if _, err := io.WriteString(w, `{"long":1}`+"\n"); err != nil {
					panic(http.ErrAbortHandler) // as the API does when nobody reads on
				}
			}
		case r.URL.Path == "/api/v1/export" && r.FormValue("dataset") == "broken":
			_, _ = io.WriteString(w, `{"broken":1}`+"\n")
			panic(http.ErrAbortHandler)
		case r.URL.Path == "/api/v1/export" && r.FormValue("dataset") == "events":
			_, _ = io.WriteString(w, `{"seq":1}`+"\n")
		case r.URL.Path == "/api/v1/export":
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"Bad parameter","message":"dataset: want one of them","code":"bad_parameter"}`)
		default:
			_, _ = io.WriteString(w, `{"data":[],"next":null}`)
		}
	})
}

// browser follows redirects and keeps cookies.
type browser struct {
	t   *testing.T
	url string
	http.Client
}

func open(t *testing.T, now func() time.Time) *browser { return openOn(t, api(), now) }

func openOn(t *testing.T, api http.Handler, now func() time.Time) *browser {
	s := httptest.NewServer(console.New(console.Config{API: api, Now: now, Role: func(got string) string {
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

// TestCookieLasts: the browser keeps the cookie as long as the session lasts,
// which is eight hours after its last use.
func TestCookieLasts(t *testing.T) {
	b := open(t, time.Now)
	b.signIn(token)
	r, err := b.Get(b.url + "/console/audit")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if got := r.Cookies(); len(got) != 1 || got[0].MaxAge != 8*3600 || !got[0].HttpOnly || got[0].SameSite != http.SameSiteStrictMode {
		t.Errorf("a page sets %v, want the cookie for eight hours more", got)
	}
}

// TestDownload: an export is a file, its refusal a page.
func TestDownload(t *testing.T) {
	b := open(t, time.Now)
	b.signIn(token)
	for _, tt := range []struct {
		dataset, file, says string
		status              int
	}{
		{"events", `attachment; filename="events.jsonl"`, `{"seq":1}`, 200},
		{"nothing", "", "dataset: want one of them", 400},
	} {
		r, err := b.Get(b.url + "/console/download?format=jsonl&dataset=" + tt.dataset)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if r.StatusCode != tt.status || r.Header.Get("Content-Disposition") != tt.file || !strings.Contains(string(text), tt.says) {
			t.Errorf("%s: %d, file %q, %s", tt.dataset, r.StatusCode, r.Header.Get("Content-Disposition"), text)
		}
		if isPage := strings.HasPrefix(r.Header.Get("Content-Type"), "text/html"); isPage != (tt.status != 200) {
			t.Errorf("%s is a page: %v", tt.dataset, isPage)
		}
	}
}

// TestPreview: the first rows of an export that would go on, and no part of one
// that broke.
func TestPreview(t *testing.T) {
	b := open(t, time.Now)
	b.signIn(token)
	if status, body := b.get("/console/export?dataset=long"); status != 200 || strings.Count(body, "long&#34;:1") != 10 {
		t.Errorf("a long one: %d with %d rows", status, strings.Count(body, "long&#34;:1"))
	}
	if status, body := b.get("/console/export?dataset=broken"); status != 500 || !strings.Contains(body, "Cut off") {
		t.Errorf("a broken one: %d", status)
	}
}

// TestMoreKeepsTheFilter: on every page, the next one is of the same list.
func TestMoreKeepsTheFilter(t *testing.T) {
	full := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("group") != "" || r.URL.Path == "/api/v1/sender" || r.URL.Path == "/api/v1/funnel" {
			_, _ = io.WriteString(w, `{"data":[{"kind":"contact.update","error":"no & such = field","count":60}],"next":null}`)
			return
		}
		_, _ = io.WriteString(w, `{"data":[{"id":"evt_1","contact_id":"c"}],"next":"evt_5"}`)
	})
	b := openOn(t, full, time.Now)
	b.signIn(token)
	link := regexp.MustCompile(`<a class="next" href="([^"]*)"`)
	for page, filters := range map[string]string{
		"dead-letters": "kind contact_id error", "effects": "state kind contact_id location_id", "events": "kind contact_id location_id since until q",
		"leads": "q quality status min_score sort", "quarantine": "state", "outcomes": "outcome reason_category", "audit": "",
	} {
		want := url.Values{}
		for name := range strings.FieldsSeq(filters) {
			want.Set(name, "a & b="+name)
		}
		_, body := b.get("/console/" + page + "?" + want.Encode())
		want.Set("after", "evt_5")
		found := link.FindStringSubmatch(body)
		if found == nil {
			t.Errorf("%s has no More", page)
			continue
		}
		u, err := url.Parse(html.UnescapeString(found[1]))
		if err != nil || u.Query().Encode() != want.Encode() {
			t.Errorf("%s: More leads to %s, want %s", page, found[1], want.Encode())
		}
		if page == "dead-letters" && !strings.Contains(html.UnescapeString(body), `?error=no+%26+such+%3D+field&kind=contact.update"`) {
			t.Errorf("%s: the link of a cause does not name it: %s", page, body)
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
