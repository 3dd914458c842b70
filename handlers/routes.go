package handlers

import (
	"net/http"
	"net/url"
	"time"

	"github.com/julienschmidt/httprouter"
)

const (
	webhookPath = "/webhooks/ghl"
	apiPath     = "/api/v1"
)

// Public returns what GoHighLevel and load balancers reach: webhooks and health.
func Public(d Deps) http.Handler {
	d = d.withDefaults()
	s := newSurface(d)
	s.public()
	return observed(d, "public", opaque(s.router))
}

// Admin returns what operators and analysts reach: the API, metrics, profiles
// and the console.
func Admin(d Deps) http.Handler {
	d = d.withDefaults()
	s := newSurface(d)
	s.admin()
	return observed(d, "admin", opaque(s.router))
}

// Both returns the two on one listener.
func Both(d Deps) http.Handler {
	d = d.withDefaults()
	s := newSurface(d)
	s.public()
	s.admin()
	return observed(d, "both", opaque(s.router))
}

func (s *surface) public() {
	h := &webhooks{Deps: s.deps, senders: newLimiter(s.deps.Rate), locations: newShares(s.deps.Rate.times(4)),
		strangers: newShares(s.deps.Rate.part(4))}
	o := &ops{s.deps}
	s.handle("POST", webhookPath, h.receive)
	s.handle("POST", webhookPath+"/workflow/:type", h.receive)
	s.handle("POST", webhookPath+"/workflow/:type/:token", h.receive)
	s.handle("GET", webhookPath+"/verify", o.verify)
	s.handle("POST", webhookPath+"/verify", o.verify)
	s.handle("GET", webhookPath+"/health", o.health)
	s.probes(o)
}

func (s *surface) probes(o *ops) {
	if found, _, _ := s.router.Lookup("GET", "/healthz"); found == nil {
		s.handle("GET", "/healthz", o.alive)
		s.handle("GET", "/readyz", o.ready)
	}
}

func (s *surface) admin() {
	a := newAPI(s.deps)
	s.probes(&ops{s.deps})
	s.handle("GET", "/metrics", a.metrics)
	s.handle("GET", "/openapi.json", a.openAPI)
	s.guarded("GET", "/debug/pprof/", Administrator, a.profiles)
	s.guarded("GET", "/debug/pprof/:profile", Administrator, a.profile)
	s.overLeads(a)
	s.overEvents(a)
	s.overEffects(a)
	s.overQuarantine(a)
	s.overViews(a)
	s.overModels(a)
	if c := s.deps.Console; c != nil {
		s.router.Handler("GET", "/", http.RedirectHandler("/console", http.StatusSeeOther)) // who types the address alone
		s.router.Handler("GET", "/console", c)
		s.router.Handler("GET", "/console/*path", c)
		s.router.Handler("POST", "/console/*path", c)
	}
}

func (s *surface) overLeads(a *api) {
	s.read("/leads", a.leads)
	s.read("/leads/:contact_id", a.lead)
	s.read("/leads/:contact_id/timeline", a.timeline)
	s.read("/leads/:contact_id/scores", a.scores)
	s.guarded("POST", apiPath+"/leads/:contact_id/forget", Administrator, unhurried(encoded(http.StatusOK, a.forget)))
	s.guarded("POST", apiPath+"/leads/:contact_id/readmit", Administrator, unhurried(encoded(http.StatusOK, a.readmit)))
	s.act("/leads/:contact_id/opt-out", a.optOut)
	s.act("/leads/:contact_id/opt-in", a.optIn)
	s.act("/leads/:contact_id/feedback", a.feedback)
	s.act("/rescore", a.rescore)

	s.act("/reconcile", a.reconcile)
	s.read("/reconcile", a.reconciles)
	s.read("/reconcile/:id", a.reconciled)
}

func (s *surface) overEvents(a *api) {
	s.read("/events", a.events)
	s.read("/events/:id", a.event)
	s.stream("/events/:id/raw", a.raw)
	s.stream("/stream", a.stream)
	s.stream("/export", a.export)
	s.read("/audit", a.audits)
	s.stream("/ledger", a.ledger)
	s.read("/alerts", a.alerts)
	s.guarded("GET", apiPath+"/backup", Administrator, a.backup)
	s.guarded("GET", apiPath+"/backup/keys", Administrator, a.backupKeys)
}

func (s *surface) overEffects(a *api) {
	s.read("/effects", a.effects)
	s.read("/effects/:id", a.effect)
	s.act("/effects", a.actOnMany)
	s.act("/effects/:id/retry", a.retry)
	s.act("/effects/:id/release", a.release)
	s.act("/effects/:id/discard", a.discard)
	s.read("/tasks", a.tasks)
	s.read("/tasks/:id", a.task)
	s.act("/tasks/:id/cancel", a.cancelTask)
	s.read("/sender", a.sender)
	s.act("/sender/pause", a.pause)
	s.act("/sender/resume", a.resume)
}

func (s *surface) overQuarantine(a *api) {
	s.read("/quarantine", a.quarantine)
	s.read("/quarantine/:id", a.quarantined)
	s.act("/quarantine", a.settleQuarantined)
	s.act("/quarantine/:id/admit", a.admitQuarantined)
	s.act("/quarantine/:id/discard", a.discardQuarantined)
}

func (s *surface) overViews(a *api) {
	s.read("/projections", a.projections)
	s.act("/projections/:name/rebuild", a.rebuild)
	s.act("/projections/:name/preview", a.preview)
	s.stream("/projections/:name/diff", unhurried(encoded(http.StatusOK, a.diff)))
	s.act("/projections/:name/accept", a.accept)
	s.act("/projections/:name/discard", a.discardView)
	s.act("/projections/:name/rollback", a.rollback)

	s.read("/outcomes", a.outcomes)
	s.read("/funnel", a.funnel)
	s.read("/campaigns", a.campaigns)
	s.read("/metrics", a.eventMetrics)
}

func (s *surface) overModels(a *api) {
	s.read("/models", a.models)
	s.act("/models", a.makeModel)
	s.read("/models/:id", a.model)
	s.act("/models/:id/promote", a.promote)
	s.act("/models/:id/rollback", a.rollBackModel)
	s.act("/models/:id/evaluate", a.evaluate)
	s.read("/trainings", a.trainings)
	s.read("/trainings/:id", a.training)
}

// endpoint answers one request, or returns why not.
type endpoint func(w http.ResponseWriter, r *http.Request, p httprouter.Params) error

// answer is an endpoint that returns what is to be sent as JSON.
type answer func(r *http.Request, p httprouter.Params) (any, error)

// Route is one way in, and who may take it.
type Route struct {
	Method, Path string
	Role         Role // Nobody: no token is asked for
}

// Routes returns the whole surface, in the order of this file.
func Routes() []Route {
	s := newSurface(Deps{}.withDefaults())
	s.public()
	s.admin()
	return s.routes
}

// surface is a router under construction.
type surface struct {
	deps   Deps
	router *httprouter.Router
	gate   *gate
	routes []Route

	origins *http.CrossOriginProtection // a page of another site changes nothing here
}

func newSurface(d Deps) *surface {
	r := httprouter.New()
	r.RedirectTrailingSlash, r.RedirectFixedPath, r.HandleOPTIONS = false, false, false
	r.NotFound = refusal(&notFound)
	r.MethodNotAllowed = refusal(&methodNotAllowed)
	return &surface{deps: d, router: r, gate: newGate(d), origins: http.NewCrossOriginProtection()}
}

func refusal(p *Problem) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { refuse(w, r, p) })
}

// handle adds a route that anybody may call.
func (s *surface) handle(method, path string, e endpoint) { s.add(method, path, Nobody, e) }

func (s *surface) add(method, path string, need Role, e endpoint) {
	s.routes = append(s.routes, Route{method, path, need})
	s.router.Handle(method, path, func(w http.ResponseWriter, r *http.Request, p httprouter.Params) {
		noteOf(r).route = path
		err := unescape(p)
		if err == nil {
			err = e(w, r, p)
		}
		if err != nil {
			refuse(w, r, err)
		}
	})
}

// read adds a route of the API that either role may get.
func (s *surface) read(path string, a answer) { s.stream(path, encoded(http.StatusOK, a)) }

// stream is read for what is not one JSON object.
func (s *surface) stream(path string, e endpoint) { s.guarded("GET", apiPath+path, Analyst, e) }

// act adds a route of the API that changes something: for the administrator.
// What it answers is 200, or what an accepted says.
func (s *surface) act(path string, a answer) {
	s.guarded("POST", apiPath+path, Administrator, encoded(http.StatusOK, a))
}

// guarded adds a route for whoever has the role, from no page of another site.
func (s *surface) guarded(method, path string, need Role, e endpoint) {
	s.add(method, path, need, func(w http.ResponseWriter, r *http.Request, p httprouter.Params) error {
		if s.origins.Check(r) != nil {
			return &crossOrigin
		}
		if _, err := s.gate.enter(r, need); err != nil {
			return err
		}
		return e(w, r, p)
	})
}

// accepted is an answer whose work goes on: 202.
type accepted struct{ any }

func encoded(status int, a answer) endpoint {
	return func(w http.ResponseWriter, r *http.Request, p httprouter.Params) error {
		v, err := a(r, p)
		if err != nil {
			return err
		}
		status := status
		if later, ok := v.(accepted); ok {
			v, status = later.any, http.StatusAccepted
		}
		writeJSON(w, status, v)
		return nil
	}
}

// unhurried is an endpoint that reads all there is, which takes longer than an
// answer may.
func unhurried(e endpoint) endpoint {
	return func(w http.ResponseWriter, r *http.Request, p httprouter.Params) error {
		// A server without deadlines has none to lift. That of the body stays.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
		return e(w, r, p)
	}
}

// opaque has the router match the path as it was sent: an id with an escaped
// slash stays one segment, and nothing is a path by way of dots.
func opaque(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := *r
		sent.URL = &url.URL{Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery}
		next.ServeHTTP(w, &sent)
	})
}

// unescape turns the matched segments back into what they mean, in place.
func unescape(p httprouter.Params) error {
	for i := range p {
		v, err := url.PathUnescape(p[i].Value)
		if err != nil {
			return &notFound
		}
		p[i].Value = v
	}
	return nil
}
