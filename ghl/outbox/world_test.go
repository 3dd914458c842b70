package outbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/oklog/ulid/v2"
)

const location = "location_1"

// meaning is how texts are read.
var meaning = projections.Meaning{
	Text: scoring.ReadText, Preferences: scoring.ReadPreferences, Address: scoring.PropertyAddress,
}

// world is a ledger with everything that follows it, and a GoHighLevel that
// does as a test wants. Everything but the ledger and the folder of views can
// be stopped and started again.
type world struct {
	t      *testing.T
	log    *memlog.Log
	dir    string
	ghl    *fakeGHL
	alerts alerts
	began  time.Time
	n      int

	fold    projections.Projection      // the pending view's
	planner func(*outbox.PlannerConfig) // changes to the configuration
	courier func(*outbox.CourierConfig)

	runner  *projections.Runner
	pending outbox.PendingView
	leads   projections.LeadsView
	stop    func()          // set while running
	ended   <-chan struct{} // a room has ended
}

func newWorld(t *testing.T) *world {
	return &world{t: t, log: memlog.New(time.Now), dir: t.TempDir(), ghl: newFakeGHL(), began: time.Now(), fold: outbox.Pending{}}
}

// start runs the views, the planner and the courier.
func (w *world) start() {
	w.t.Helper()
	runner, err := projections.NewRunner(filepath.Join(w.dir, "views"), w.log,
		projections.Options{Logger: slog.New(slog.DiscardHandler)}, w.fold, projections.NewLeads(meaning), projections.Models{})
	if err != nil {
		w.t.Fatalf("after %s: %v", w.since(), err)
	}
	w.runner = runner
	w.pending = outbox.PendingView{Views: runner}
	w.leads = projections.LeadsView{Runner: runner, Meaning: meaning}
	plan := outbox.PlannerConfig{
		Log: w.log, Pending: w.pending, Leads: w.leads, Scorer: fakeScorer{}, Rules: outbox.Rules(outbox.RulesConfig{ReadText: scoring.ReadText}),
	}
	if w.planner != nil {
		w.planner(&plan)
	}
	templates, err := outbox.ParseTemplates(nil, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	carry := outbox.CourierConfig{
		Log: w.log, Pending: w.pending, Leads: w.leads, Contacts: w.ghl, Deeds: w.ghl, Templates: templates, Alerter: &w.alerts,
	}
	if w.courier != nil {
		w.courier(&carry)
	}
	w.run(runner, runner.Run, outbox.NewPlanner(plan).Run, outbox.NewCourier(carry).Run)
}

// run runs the rooms until stop. A room that ends with an error ends them all,
// as the service does.
func (w *world) run(runner *projections.Runner, rooms ...func(context.Context) error) {
	ctx, cancel := context.WithCancel(w.t.Context())
	w.ended = ctx.Done()
	var running sync.WaitGroup
	for _, room := range rooms {
		running.Go(func() {
			defer cancel()
			if err := room(ctx); err != nil && !errors.Is(err, errPlanted) {
				w.t.Errorf("after %s a room ended: %v", w.since(), err)
			}
		})
	}
	w.stop = func() {
		cancel()
		running.Wait()
		if err := runner.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

// errPlanted is a fault that a test asked for.
var errPlanted = fmt.Errorf("planted: %w", ledger.ErrDoubt)

// live lets the world run for so long, and starts it again whenever a room
// ends, as an operator's supervisor does.
func (w *world) live(d time.Duration, between func()) {
	end := time.After(d)
	for {
		select {
		case <-w.ended:
			w.stop()
			between()
			w.start()
		case <-end:
			synctest.Wait()
			return
		}
	}
}

func (w *world) since() time.Duration { return time.Since(w.began) }

// add appends an event in the seed's dialect.
func (w *world) add(kind ghl.Type, contact string, data map[string]any) ledger.Entry {
	w.t.Helper()
	w.n++
	return w.append(seed(kind, contact, fmt.Sprintf("delivery_%d", w.n), data))
}

func seed(kind ghl.Type, contact, id string, data map[string]any) ledger.Draft {
	if data == nil {
		data = map[string]any{}
	}
	data["contact_id"] = contact
	body, err := json.Marshal(map[string]any{
		"type": kind, "timestamp": time.Now().UTC().Format(time.RFC3339Nano), "webhookId": id, "data": data,
	})
	if err != nil {
		panic(err)
	}
	return ledger.Draft{
		Kind: string(kind), Key: "wh:" + id, Subject: contact, Location: location, Occurred: time.Now(),
		Meta: ledger.Meta{Scheme: "hmac", Dialect: "seed"}, Body: body,
	}
}

func (w *world) append(d ledger.Draft) ledger.Entry {
	w.t.Helper()
	answers, err := w.log.Append(w.t.Context(), d)
	if err != nil {
		w.t.Fatal(err)
	}
	return answers[0].Entry
}

// entries returns the ledger's entries of the given kinds, or all.
func (w *world) entries(kinds ...string) (es []ledger.Entry) {
	w.t.Helper()
	for e, err := range w.log.Read(w.t.Context(), ledger.Cursor{}) {
		if err != nil {
			w.t.Fatal(err)
		}
		if len(kinds) == 0 || slices.Contains(kinds, e.Kind) {
			es = append(es, e)
		}
	}
	return es
}

// effects returns every effect, oldest first.
func (w *world) effects() []outbox.Effect {
	w.t.Helper()
	es, _, err := w.pending.List(outbox.Filter{Limit: 10_000})
	if err != nil {
		w.t.Fatal(err)
	}
	return es
}

// states returns the state of every effect, as kind:state.
func (w *world) states() (all []string) {
	for _, e := range w.effects() {
		all = append(all, e.Kind+":"+string(e.State))
	}
	return all
}

type alerts struct {
	mu  sync.Mutex
	all []outbox.Alert
}

func (a *alerts) Alert(alert outbox.Alert) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, alert)
}

func (a *alerts) list() []outbox.Alert {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.all)
}

// call is one call that reached the fake GoHighLevel.
type call struct {
	At      time.Duration
	What    string // update, message, workflow, task
	Contact string
	Fields  map[string]any
	Message ghl.OutMessage
	Err     error
}

// fakeGHL takes calls and refuses those that a test wants refused.
type fakeGHL struct {
	began time.Time

	mu      sync.Mutex
	calls   []call
	refuse  func(c call) error // nil takes all
	lose    func(c call) error // an answer that got lost after the call was taken
	missing []string           // keys of fields that do not exist
}

func newFakeGHL() *fakeGHL { return &fakeGHL{began: time.Now()} }

func (g *fakeGHL) take(location string, c call) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.At = time.Since(g.began)
	if g.refuse != nil {
		c.Err = g.refuse(c)
	}
	g.calls = append(g.calls, c)
	if c.Err == nil && g.lose != nil {
		return g.lose(c)
	}
	return c.Err
}

// refusing changes what is refused, while calls may be under way.
func (g *fakeGHL) refusing(f func(call) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refuse = f
}

// taken returns the calls that were not refused.
func (g *fakeGHL) taken(what string) (cs []call) {
	for _, c := range g.tried(what) {
		if c.Err == nil {
			cs = append(cs, c)
		}
	}
	return cs
}

// tried returns the calls of a sort, or all.
func (g *fakeGHL) tried(what string) (cs []call) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.calls {
		if what == "" || c.What == what {
			cs = append(cs, c)
		}
	}
	return cs
}

func (g *fakeGHL) UpdateContact(_ context.Context, location, contact string, fields []ghl.FieldValue) error {
	values := map[string]any{}
	for _, f := range fields {
		values[f.ID[len("id_"):]] = f.Value
	}
	return g.take(location, call{What: "update", Contact: contact, Fields: values})
}

func (g *fakeGHL) Fields(context.Context, string) (map[string]ghl.Definition, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	defs := map[string]ghl.Definition{}
	for _, d := range ghl.OurFields {
		if !slices.Contains(g.missing, d.Key) {
			d.ID = "id_" + d.Key
			defs[d.Key] = d
		}
	}
	return defs, nil
}

func (g *fakeGHL) RefreshFields(ctx context.Context, location string) (map[string]ghl.Definition, error) {
	return g.Fields(ctx, location)
}

func (g *fakeGHL) SendMessage(_ context.Context, location string, m ghl.OutMessage) (string, error) {
	return "msg_1", g.take(location, call{What: "message", Contact: m.ContactID, Message: m})
}

func (g *fakeGHL) StartWorkflow(_ context.Context, location, contact, workflow string) error {
	return g.take(location, call{What: "workflow", Contact: contact})
}

func (g *fakeGHL) CreateTask(_ context.Context, location, contact string, t ghl.Task) error {
	return g.take(location, call{What: "task", Contact: contact})
}

// status is GoHighLevel's refusal with a status, 0 for no answer.
func status(code int, written bool) error {
	return &ghl.APIError{Method: "PUT", Path: "/contacts/x", Status: code, Message: "no", Written: written, Err: errors.New("reset")}
}

// fakeScorer gives ten points a message.
type fakeScorer struct{}

func (fakeScorer) Score(f scoring.Facts) scoring.Score {
	s := scoring.Score{Value: 40 + 10*float64(len(f.Messages)), Confidence: 0.3, Quality: scoring.Warm, ChurnRisk: 0.5}
	if s.Value >= 65 {
		s.Quality = scoring.Hot
	}
	s.Actions = []scoring.Action{{Action: "Call now", Code: "call_now"}}
	return s
}

// risingScorer gives every lead the same score, which a test may change.
type risingScorer struct {
	mu    sync.Mutex
	value float64
}

func (r *risingScorer) set(v float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.value = v
}

func (r *risingScorer) Score(scoring.Facts) scoring.Score {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := fakeScorer{}.Score(scoring.Facts{})
	s.Value = r.value
	if s.Value >= 65 {
		s.Quality = scoring.Hot
	}
	return s
}

// act does to an effect what a person would, and waits for what follows.
func (w *world) act(e outbox.Effect, act func(outbox.Acts, context.Context, ulid.ULID, string) (outbox.Effect, error)) {
	w.t.Helper()
	id, err := ledger.ParseID(e.ID)
	if err == nil {
		_, err = act(outbox.Acts{Log: w.log, Pending: w.pending}, w.t.Context(), id, "ann")
	}
	if err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
}
