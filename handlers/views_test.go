package handlers_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/learning"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// openWithViews is open with the real views and the real planner behind it.
func openWithViews(t *testing.T, change ...func(*handlers.Deps)) *door {
	t.Helper()
	var synced func(path string)
	wire := func(deps *handlers.Deps) {
		meaning := projections.Meaning{Text: scoring.ReadText, Preferences: scoring.ReadPreferences, Address: scoring.PropertyAddress}
		quiet := slog.New(slog.DiscardHandler)
		runner, err := projections.NewRunner(t.TempDir(), deps.Log, projections.Options{Logger: quiet}, outbox.Pending{},
			projections.NewLeads(meaning), projections.NewOutcomes(meaning), projections.Metrics{}, projections.Models{})
		if err != nil {
			t.Fatal(err)
		}
		deps.Leads = projections.LeadsView{Runner: runner, Meaning: meaning}
		deps.Effects = outbox.PendingView{Views: runner}
		deps.Acts = outbox.Acts{Log: deps.Log, Pending: deps.Effects}
		deps.Tasks = outbox.NewTasks(deps.Acts, 0, quiet)
		deps.Outcomes = projections.OutcomesView{Runner: runner, Meaning: meaning}
		deps.Metrics = projections.MetricsView{Runner: runner}
		deps.Projections = runner
		models := projections.NewModelsView(runner)
		deps.Learning = learning.New(learning.Config{Log: deps.Log, Models: models, Rows: noRows{}, Leads: deps.Leads, Logger: quiet})
		planner := outbox.NewPlanner(outbox.PlannerConfig{
			Log: deps.Log.(ledger.Log), Pending: deps.Effects, Leads: deps.Leads, Models: models, Roll: deps.Leads,
			Rules: outbox.Rules(outbox.RulesConfig{ReadText: scoring.ReadText}),
		})
		run(t, runner.Run, planner.Run, deps.Learning.Run)
		synced = func(path string) {
			ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
			defer stop()
			for _, view := range runner.Status() {
				if err := runner.Sync(ctx, view.Name); err != nil {
					t.Fatalf("%s before %s: %v", view.Name, path, err)
				}
			}
		}
	}
	d := open(t, append([]func(*handlers.Deps){wire}, change...)...)
	d.synced = synced
	return d
}

// run runs the rooms until the test ends.
func run(t *testing.T, rooms ...func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, room := range rooms {
		wg.Go(func() {
			if err := room(ctx); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("a room ended: %v", err)
			}
		})
	}
	t.Cleanup(func() { stop(); wg.Wait() })
}

// TestLeadAfterWait: with wait the lead is there, scored, as soon as its event is.
func TestLeadAfterWait(t *testing.T) {
	d := openWithViews(t)
	id := d.signed(created).at("data.event_id").(string)
	got := d.get("/api/v1/leads/contact_1?wait=" + id)
	if got.status != 200 || got.at("email") != "john@example.com" || got.at("score") == nil || len(got.at("recommended_actions").([]any)) == 0 {
		t.Errorf("lead: %d %s", got.status, got.text)
	}
	if list := d.get("/api/v1/leads?sort=score"); len(list.at("data").([]any)) != 1 {
		t.Errorf("list: %s", list.text)
	}
	if line := d.get("/api/v1/leads/contact_1/timeline"); !strings.Contains(line.text, "contact.created") {
		t.Errorf("timeline: %s", line.text)
	}
	scores := d.get("/api/v1/leads/contact_1/scores")
	items := scores.at("data").([]any)
	if len(items) != 1 || items[0].(map[string]any)["cause"] != id || items[0].(map[string]any)["cause_kind"] != "contact.created" {
		t.Errorf("scores: %s", scores.text)
	}
	events := d.get("/api/v1/events?contact_id=contact_1")
	for _, kind := range []string{"contact.created", "lead.scored", "effect.requested"} {
		if !strings.Contains(events.text, `"kind":"`+kind+`"`) {
			t.Errorf("events of the contact lack %s: %s", kind, events.text)
		}
	}
}

func TestLeadRefusals(t *testing.T) {
	d := openWithViews(t)
	for path, status := range map[string]int{
		"/api/v1/leads/nobody": 404, "/api/v1/leads/nobody/scores": 404, "/api/v1/leads/a%2Fb": 404, "/api/v1/leads/nobody/timeline": 404,
		"/api/v1/leads?quality=tepid": 400, "/api/v1/leads?min_score=x": 400, "/api/v1/leads?after=!": 400,
		"/api/v1/leads?status=gone": 400, "/api/v1/effects?state=lost": 400, "/api/v1/effects/evt_0": 404,
		"/api/v1/leads/nobody?wait=evt_01ARZ3NDEKTSV4RRFFQ69G5FAV": 404,
	} {
		if got := d.get(path); got.status != status || got.at("code") == nil {
			t.Errorf("%s: %d %s, want %d", path, got.status, got.text, status)
		}
	}
}

// TestEffects: a dead letter is found, retried and discarded, each of it audited.
func TestEffects(t *testing.T) {
	d := openWithViews(t)
	id := d.signed(created).at("data.event_id").(string)
	d.get("/api/v1/leads/contact_1?wait=" + id)
	d.synced("effects") // wait is for the leads view; the others may lag
	effects := idsOf(d.get("/api/v1/effects?state=pending"))
	if len(effects) == 0 {
		t.Fatal("nothing is pending")
	}
	d.die(effects[0])
	dead := d.get("/api/v1/effects?state=dead")
	if len(idsOf(dead)) != 1 || !strings.Contains(dead.text, "needs_investigation") {
		t.Fatalf("dead: %s", dead.text)
	}
	if got := d.get("/api/v1/effects?state=dead&group=error"); !strings.Contains(got.text, `"count":1`) {
		t.Errorf("groups: %s", got.text)
	}
	if got := d.get("/api/v1/events/" + id); got.at("status") != "failed" {
		t.Errorf("the event's status is %v", got.at("status"))
	}
	if got := d.post("/api/v1/effects/"+effects[0]+"/release", ""); got.status != 409 {
		t.Errorf("release what is not held: %d %s", got.status, got.text)
	}
	if got := d.post("/api/v1/effects/"+effects[0]+"/retry", ""); got.status != 200 || got.at("state") != "pending" {
		t.Errorf("retry: %d %s", got.status, got.text)
	}
	if got := d.post("/api/v1/effects/"+effects[0]+"/discard", ""); got.status != 400 {
		t.Errorf("discard without a reason: %d %s", got.status, got.text)
	}
	if got := d.post("/api/v1/effects/"+effects[0]+"/discard", `{"reason":"a test"}`); got.at("state") != "discarded" {
		t.Errorf("discard: %d %s", got.status, got.text)
	}
	if got := len(idsOf(d.get("/api/v1/audit"))); got != 3 {
		t.Errorf("%d audit entries, want 3", got)
	}
}

// die appends the receipt of an effect's last try.
func (d *door) die(effect string) {
	d.t.Helper()
	id, err := ledger.ParseID(effect)
	if err != nil {
		d.t.Fatal(err)
	}
	got, err := d.log.Append(d.t.Context(), ledger.Draft{Kind: outbox.Dead, Key: "dead:" + effect, Subject: "contact_1", Location: "location_1",
		Cause: id, Body: []byte(`{"error":"HTTP 503","status":"needs_investigation"}`)})
	if err != nil {
		d.t.Fatal(err)
	}
	d.get("/api/v1/leads/contact_1?wait=" + ledger.FormatID(got[0].Entry.ID))
	d.synced("effects") // wait is for the leads view
}

func TestOptOutAndSender(t *testing.T) {
	d := openWithViews(t)
	d.get("/api/v1/leads/contact_1?wait=" + d.signed(created).at("data.event_id").(string))
	for _, tt := range []struct {
		act  string
		want bool
	}{{"opt-out", true}, {"opt-in", false}} {
		got := d.post("/api/v1/leads/contact_1/"+tt.act, `{"reason":"said so"}`)
		id, _ := got.at("audit_id").(string)
		if lead := d.get("/api/v1/leads/contact_1?wait=" + id); lead.at("opted_out") != tt.want {
			t.Errorf("after %s: %d %s; opted_out %v", tt.act, got.status, got.text, lead.at("opted_out"))
		}
	}
	dnd := d.signed(`{"type":"contact.updated","data":{"contact_id":"contact_1","dnd":true}}`).at("data.event_id").(string)
	d.get("/api/v1/leads/contact_1?wait=" + dnd)
	for _, tt := range []struct {
		act          string
		out, already any
	}{{"opt-out", true, true}, {"opt-in", true, nil}} { // DND outlasts it
		if got := d.post("/api/v1/leads/contact_1/"+tt.act, ""); got.at("opted_out") != tt.out || got.at("already") != tt.already {
			t.Errorf("%s of one with DND: %s, want opted_out %v, already %v", tt.act, got.text, tt.out, tt.already)
		}
	}
	d.post("/api/v1/sender/pause", `{"location_id":"location_1"}`)
	if got := d.post("/api/v1/sender/pause", `{"location_id":"elsewhere"}`); got.status != 400 {
		t.Errorf("pause another location: %d", got.status)
	}
	got := d.post("/api/v1/sender/pause", "")
	d.get("/api/v1/leads/contact_1?wait=" + got.at("audit_id").(string))
	if got := d.get("/api/v1/sender"); got.status != 200 {
		t.Errorf("sender: %d %s", got.status, got.text)
	}
}

// TestBacklog: what waits to go out, and since when, is told to people and to
// what watches.
func TestBacklog(t *testing.T) {
	d := openWithViews(t)
	id := d.signed(created).at("data.event_id").(string)
	d.get("/api/v1/leads/contact_1?wait=" + id)
	d.synced("the sender") // wait is for the leads view
	got := d.get("/api/v1/sender")
	if got.at("states.pending") != 1.0 || got.at("oldest_pending_at") == nil || got.at("paused") != false || got.at("mode") != "live" || !strings.Contains(got.text, `"resting":[]`) {
		t.Errorf("sender: %d %s", got.status, got.text)
	}
	text := d.do(d.request("GET", "/metrics", "")).text
	for _, want := range []string{
		`ghl_ledger_effects{state="pending"} 1`, `ghl_ledger_effects{state="dead"} 0`,
		`ghl_ledger_effects_oldest_pending_seconds `, `ghl_ledger_effects_pending{location="location_1"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics have no %s", want)
		}
	}
}

// TestKeyless: who asks what keeps effects is told of locations without a key.
func TestKeyless(t *testing.T) {
	for _, tt := range []struct{ locations, keys, want string }{
		{"a b", "a b", `"keyless":[],"no_key":false`},
		{"a b", "a", `"keyless":["b"],"no_key":false`},
		{"a b", "", `"keyless":["a","b"],"no_key":true`},
		{"", "", `"keyless":[],"no_key":true`},
	} {
		d := openWithViews(t, func(deps *handlers.Deps) {
			deps.Locations = strings.Fields(tt.locations)
			deps.HasKey = func(location string) bool { return slices.Contains(strings.Fields(tt.keys), location) }
		})
		if got := d.get("/api/v1/sender"); !strings.Contains(got.text, tt.want) {
			t.Errorf("locations %q, keys of %q: %s, want %s", tt.locations, tt.keys, got.text, tt.want)
		}
	}
}

func TestRebuild(t *testing.T) {
	d := openWithViews(t)
	d.signed(created)
	if got := d.post("/api/v1/projections/leads/rebuild", ""); got.status != 202 || got.at("name") != "leads" {
		t.Errorf("rebuild: %d %s", got.status, got.text)
	}
	if got := d.post("/api/v1/projections/nothing/rebuild", ""); got.status != 404 {
		t.Errorf("rebuild of nothing: %d", got.status)
	}
	list := d.get("/api/v1/projections")
	if len(list.at("data").([]any)) != 5 {
		t.Errorf("projections: %s", list.text)
	}
}

// TestFigures: what the views count is there to be read.
func TestFigures(t *testing.T) {
	d := openWithViews(t)
	for _, path := range []string{"/api/v1/outcomes", "/api/v1/funnel?by=source", "/api/v1/campaigns", "/api/v1/metrics?by=minute", "/api/v1/tasks"} {
		if got := d.get(path); got.status != 200 {
			t.Errorf("%s: %d %v", path, got.status, got.body)
		}
	}
	for path, want := range map[string]string{
		"/api/v1/metrics?by=year": "by: want minute", "/api/v1/outcomes?outcome=maybe": "outcome: want one of",
		"/api/v1/funnel?since=soon": "since: want a time", "/api/v1/outcomes?won=1": "won: not a parameter",
	} {
		got := d.get(path)
		if message, _ := got.at("message").(string); got.status != 400 || !strings.Contains(message, want) {
			t.Errorf("%s: %d %v, want %q", path, got.status, got.body, want)
		}
	}
}

// TestManyEffects: a dry run counts and does nothing; what is asked for then is
// a task, audited, that can be watched and cancelled.
func TestManyEffects(t *testing.T) {
	d := openWithViews(t)
	id := d.signed(created).at("data.event_id").(string)
	d.get("/api/v1/leads/contact_1?wait=" + id)
	d.synced("effects")
	discard := `{"action":"discard","state":"pending","reason":"a test"`
	if got := d.post("/api/v1/effects", discard+`,"dry_run":true}`); got.status != 200 || got.at("count") != 1.0 {
		t.Errorf("dry run: %d %v", got.status, got.body)
	}
	if got := d.post("/api/v1/effects", `{"action":"discard"}`); got.status != 400 {
		t.Errorf("discard without a reason: %d %v", got.status, got.body)
	}
	got := d.post("/api/v1/effects", discard+`}`)
	if got.status != 202 || got.at("total") != 1.0 {
		t.Fatalf("task: %d %v", got.status, got.body)
	}
	task := "/api/v1/tasks/" + got.at("id").(string)
	if got := d.get(task); got.status != 200 {
		t.Errorf("%s: %d %v", task, got.status, got.body)
	}
	if got := d.post(task+"/cancel", ""); got.status != 200 || got.at("state") != "cancelled" {
		t.Errorf("cancel: %d %v", got.status, got.body)
	}
	if got := d.get("/api/v1/tasks/task_none"); got.status != 404 {
		t.Errorf("no such task: %d", got.status)
	}
}
