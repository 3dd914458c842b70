package console

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	cookieName = "ghl_ledger"
	// sessionTime is how long a session lasts after its last request, and
	// sessionsKept how many there may be: the one longest unused goes first.
	sessionTime  = 8 * time.Hour
	sessionsKept = 200
)

// session is one signed-in browser.
type session struct {
	Role  string // admin or analyst
	token string
	used  time.Time
	said  notice
}

// notice is what the last act came to, shown once.
type notice struct {
	Text string
	Bad  bool
}

// sessions are kept in memory: a restart signs everybody out.
type sessions struct {
	now func() time.Time
	mu  sync.Mutex
	by  map[[32]byte]*session // by the hash of the cookie
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, by: map[[32]byte]*session{}}
}

// open begins a session and returns its cookie's value.
func (ss *sessions) open(role, token string) string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	value := hex.EncodeToString(b)
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.dropOld()
	ss.by[sha256.Sum256([]byte(value))] = &session{Role: role, token: token, used: ss.now()}
	return value
}

// dropOld ends what is over, and the one longest unused when there are too many.
func (ss *sessions) dropOld() {
	var oldest [32]byte
	var at time.Time
	for key, s := range ss.by {
		if ss.now().Sub(s.used) > sessionTime {
			delete(ss.by, key)
			continue
		}
		if at.IsZero() || s.used.Before(at) {
			oldest, at = key, s.used
		}
	}
	if len(ss.by) >= sessionsKept {
		delete(ss.by, oldest)
	}
}

// of returns the session of r.
func (ss *sessions) of(r *http.Request) (*session, bool) {
	key, ok := keyOf(r)
	if !ok {
		return nil, false
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s := ss.by[key]
	if s == nil || ss.now().Sub(s.used) > sessionTime {
		return nil, false
	}
	s.used = ss.now()
	return s, true
}

func (ss *sessions) close(r *http.Request) {
	if key, ok := keyOf(r); ok {
		ss.mu.Lock()
		defer ss.mu.Unlock()
		delete(ss.by, key)
	}
}

// say leaves a notice for the next page.
func (ss *sessions) say(s *session, text string, isBad bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s.said = notice{text, isBad}
}

// hear takes the notice that was left.
func (ss *sessions) hear(s *session) (n notice) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	n, s.said = s.said, n
	return n
}

func keyOf(r *http.Request) (key [32]byte, ok bool) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return key, false
	}
	return sha256.Sum256([]byte(c.Value)), true
}

// door asks for a token.
func (c *console) door(w http.ResponseWriter, r *http.Request, f signInForm) {
	c.render(w, &request{Request: r, c: c}, page{Name: "sign-in", Title: "Sign in", Data: f})
}

type signInForm struct {
	Back  string
	Error string
}

// signIn asks the API with the token, so that guessing is slowed down in one
// place, and opens a session if it is somebody's.
func (c *console) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 8<<10)
	token, to := strings.TrimSpace(r.PostFormValue("token")), safe(r.PostFormValue("back"))
	q := &request{Request: r, c: c, s: &session{token: token}}
	if err := q.get("/api/v1/ledger", nil, nil); err != nil {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(statusOf(err))
		c.door(w, r, signInForm{Back: to, Error: refusal(err)})
		return
	}
	setCookie(w, r, c.sessions.open(c.Role(token), token))
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func setCookie(w http.ResponseWriter, r *http.Request, value string) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: value, Path: "/console",
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: isSecure(r), MaxAge: int(sessionTime.Seconds()),
	})
}

// renew has the browser keep r's cookie for as long as the session now lasts:
// it would forget it eight hours after the sign-in, however much it is used.
func renew(w http.ResponseWriter, r *http.Request) {
	if old, err := r.Cookie(cookieName); err == nil {
		setCookie(w, r, old.Value)
	}
}

// refusal is what to do about a token that did not pass.
func refusal(err error) string {
	if statusOf(err) == http.StatusUnauthorized {
		return "That is not a token of this service. It is LEDGER_ADMIN_TOKEN or LEDGER_ANALYST_TOKEN in its .env."
	}
	return err.Error()
}

func (c *console) signOut(w http.ResponseWriter, r *http.Request) {
	c.sessions.close(r)
	http.SetCookie(w, &http.Cookie{Name: cookieName, Path: "/console", MaxAge: -1})
	http.Redirect(w, r, "/console", http.StatusSeeOther)
}

// isSecure reports whether the browser came by https, here or at a proxy.
func isSecure(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

// back is where the form of r was.
func back(r *http.Request) string { return safe(r.PostFormValue("back")) }

// safe returns a path of the console, whatever is asked for.
func safe(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Path != "/console" && !strings.HasPrefix(u.Path, "/console/") || strings.HasPrefix(u.Path, "/console/sign-") {
		return "/console"
	}
	return u.RequestURI()
}
