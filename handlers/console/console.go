// Package console is the page for people. It shows what the API answers and
// does what the API does, as the role that signed in: it has no other source
// and no right of its own, so the two can't differ.
//
// It is rendered here, reads without JavaScript, and needs nothing from
// elsewhere: the policy of its pages lets a browser load from this origin only.
package console

import (
	"embed"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"time"
)

// Config is what the console is built of.
type Config struct {
	API    http.Handler              // the admin surface, under /api/v1 and /readyz
	Role   func(token string) string // admin, analyst, or "" for a token of nobody
	Now    func() time.Time          // time.Now where nil
	Logger *slog.Logger              // discards where nil
}

// policy is the content policy of every page: nothing but this origin, nothing
// inline.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

//go:embed static
var static embed.FS

// console answers under /console.
type console struct {
	Config
	sessions  *sessions
	templates map[string]*template.Template
}

// New returns the console, to be served under /console.
func New(c Config) http.Handler {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &console{Config: c, sessions: newSessions(c.Now), templates: parseTemplates()}
	return guarded(s.routes())
}

func (c *console) routes() http.Handler {
	m := http.NewServeMux()
	m.Handle("GET /console/static/", http.StripPrefix("/console/", cached(http.FileServerFS(static))))
	m.HandleFunc("POST /console/sign-in", c.signIn)
	m.HandleFunc("POST /console/sign-out", c.signOut)

	for _, path := range []string{"/console/{$}", "/console/sign-in", "/console/sign-out"} { // typed, or reloaded
		m.Handle("GET "+path, http.RedirectHandler("/console", http.StatusSeeOther))
	}

	c.page(m, "/console", c.overview)
	c.page(m, "/console/events", c.events)
	c.page(m, "/console/events/{id}", c.event)
	c.page(m, "/console/leads", c.leads)
	c.page(m, "/console/leads/{id}", c.lead)
	c.page(m, "/console/effects", c.effects)
	c.page(m, "/console/effects/{id}", c.effect)
	c.page(m, "/console/dead-letters", c.deadLetters)
	c.page(m, "/console/quarantine", c.quarantine)
	c.page(m, "/console/quarantine/{id}", c.quarantined)
	c.page(m, "/console/projections", c.projections)
	c.page(m, "/console/outcomes", c.outcomes)
	c.page(m, "/console/models", c.models)
	c.page(m, "/console/models/{id}", c.model)
	c.page(m, "/console/export", c.export)
	c.page(m, "/console/audit", c.audit)
	c.page(m, "/console/{rest...}", nowhere)

	c.act(m, "/console/act/{thing}/{id}/{verb}", c.actOnOne)
	c.act(m, "/console/bulk/effects", c.bulkEffects)
	c.act(m, "/console/sender/{verb}", c.turnSender)
	c.act(m, "/console/train", c.train)
	m.HandleFunc("GET /console/live", c.live)
	m.HandleFunc("GET /console/progress", c.progress)
	m.HandleFunc("GET /console/download", c.download)
	m.HandleFunc("GET /console/raw/{id}", c.raw)
	return m
}

// nowhere is what any other address shows.
func nowhere(q *request) (page, error) {
	return page{}, &problem{Status: http.StatusNotFound, Short: "Not found", Message: "The console has no page " + q.URL.Path + "."}
}

// guarded sets the headers of every answer and refuses posts of other origins.
func guarded(next http.Handler) http.Handler {
	protected := http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		protected.ServeHTTP(w, r)
	})
}

// cached lets a browser keep the console's own files for an hour.
func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := fs.Stat(static, r.URL.Path); err == nil {
			w.Header().Set("Cache-Control", "max-age=3600")
		}
		next.ServeHTTP(w, r)
	})
}

// view gathers what one page shows; its template bears the page's name.
type view func(q *request) (page, error)

// page serves a view to whoever is signed in.
func (c *console) page(m *http.ServeMux, path string, v view) {
	m.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		s, ok := c.sessions.of(r)
		if !ok {
			c.door(w, r, signInForm{Back: safe(r.URL.RequestURI())})
			return
		}
		renew(w, r)
		q := &request{Request: r, c: c, s: s}
		p, err := v(q)
		if err != nil {
			p = trouble(err)
		}
		c.render(w, q, p)
	})
}

// act serves a form's post: it does what it says, notes how that went and
// returns to where the form was.
func (c *console) act(m *http.ServeMux, path string, do func(q *request) (said string, err error)) {
	m.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		s, ok := c.sessions.of(r)
		if !ok {
			http.Redirect(w, r, back(r), http.StatusSeeOther) // where the sign-in is asked for
			return
		}
		q := &request{Request: r, c: c, s: s}
		said, err := do(q)
		if err != nil {
			said = err.Error()
		}
		c.sessions.say(s, said, err != nil)
		http.Redirect(w, r, back(r), http.StatusSeeOther)
	})
}
