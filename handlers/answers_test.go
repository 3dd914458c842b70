package handlers_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// TestAlertsAreListed: what operators were alerted of.
func TestAlertsAreListed(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	d := open(t, func(deps *handlers.Deps) {
		deps.Alerts = func() []handlers.Raised {
			return []handlers.Raised{{Group: "backup", Severity: "high", Title: "backup", Text: "no room", Count: 2, First: at, Last: at}}
		}
	})
	if got := d.get("/api/v1/alerts"); got.status != 200 || !strings.Contains(got.text, "no room") {
		t.Errorf("alerts: %d %s", got.status, got.text)
	}
}

// copies writes copies that are known again.
type copies struct{}

func (copies) Backup(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, "the ledger")
	return err
}

func (copies) BackupKeys(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, "the keys")
	return err
}

// TestCopies: a copy is audited before a byte of it goes out.
func TestCopies(t *testing.T) {
	d := open(t, func(deps *handlers.Deps) { deps.Backup = copies{} })
	for path, want := range map[string]string{"/api/v1/backup": "the ledger", "/api/v1/backup/keys": "the keys"} {
		if got := d.get(path); got.status != 200 || got.text != want {
			t.Errorf("%s: %d %q, want %q", path, got.status, got.text, want)
		}
	}
	if kinds := strings.Join(d.kinds(), " "); strings.Count(kinds, "audit.backup") != 2 {
		t.Errorf("the ledger has %s", kinds)
	}
}

// forgetter notes whom it is told to forget.
type forgetter struct {
	before            func() // its turn comes
	forgotten, people []string
}

func (f *forgetter) Forget(ctx context.Context, say func(context.Context) ([]projections.Lead, error)) error {
	if f.before != nil {
		f.before()
	}
	leads, err := say(ctx)
	if err != nil {
		return err
	}
	for _, l := range leads {
		f.people = append(f.people, handlers.PeopleOf(l)...)
	}
	for _, l := range leads {
		f.forgotten = append(f.forgotten, l.ContactID)
	}
	return nil
}

func (f *forgetter) Readmit(ctx context.Context, contact string, say func(context.Context, bool) error) error {
	n := len(f.forgotten)
	f.forgotten = slices.DeleteFunc(f.forgotten, func(c string) bool { return c == contact })
	return say(ctx, len(f.forgotten) < n)
}

// TestForget: the entry that says so is there, and the data is asked to go.
func TestForget(t *testing.T) {
	f := &forgetter{}
	d := openWithViews(t, func(deps *handlers.Deps) { deps.Forget = f })
	d.get("/api/v1/leads/contact_1?wait=" + d.signed(created).at("data.event_id").(string))
	got := d.post("/api/v1/leads/contact_1/forget", `{"reason":"asked us to"}`)
	if got.status != 200 || got.at("forgotten") != true || len(f.forgotten) != 1 {
		t.Errorf("forget: %d %s; forgotten %v", got.status, got.text, f.forgotten)
	}
}

// TestForgetNewAddress: an address that came before its word was kept is one of the
// contact's, too.
func TestForgetNewAddress(t *testing.T) {
	f := &forgetter{}
	d := openWithViews(t, func(deps *handlers.Deps) { deps.Forget = f })
	d.get("/api/v1/leads/contact_1?wait=" + d.signed(created).at("data.event_id").(string))
	f.before = func() {
		moved := strings.ReplaceAll(renamed, `"first_name":"Jon"`, `"email":"new@example.com"`)
		d.get("/api/v1/leads/contact_1?wait=" + d.signed(moved).at("data.event_id").(string))
	}
	if got := d.post("/api/v1/leads/contact_1/forget", "{}"); got.status != 200 || !slices.Contains(f.people, "new@example.com") || !slices.Contains(f.people, "john@example.com") {
		t.Errorf("forget: %d %s; by %v", got.status, got.text, f.people)
	}
}

// TestReadmit: also a contact that only the ledger knows to be forgotten.
func TestReadmit(t *testing.T) {
	f := &forgetter{forgotten: []string{"contact_1", "contact_2"}}
	d := openWithViews(t, func(deps *handlers.Deps) { deps.Forget = f })
	d.get("/api/v1/leads/contact_1?wait=" + d.signed(created).at("data.event_id").(string))
	for _, tt := range []struct {
		contact string
		status  int
		already any
	}{{"contact_1", 200, nil}, {"contact_1", 200, true}, {"contact_2", 200, nil}, {"contact_9", 404, nil}} {
		got := d.post("/api/v1/leads/"+tt.contact+"/readmit", `{"reason":"signed up again"}`)
		if got.status != tt.status || got.at("already") != tt.already {
			t.Errorf("readmit %s: %d %s, want %d", tt.contact, got.status, got.text, tt.status)
		}
	}
	if kinds := strings.Join(d.kinds(), " "); strings.Count(kinds, "audit.leads.readmit") != 3 {
		t.Errorf("the ledger has %s", kinds)
	}
}

// TestForgetReadmitted: one that was readmitted can be forgotten again, although it is
// no lead before something comes of it.
func TestForgetReadmitted(t *testing.T) {
	f := &forgetter{}
	d := openWithViews(t, func(deps *handlers.Deps) { deps.Forget = f })
	d.get("/api/v1/leads/contact_1?wait=" + d.signed(created).at("data.event_id").(string))
	for _, act := range []string{"forget", "readmit", "forget", "readmit"} {
		got := d.post("/api/v1/leads/contact_1/"+act, `{"reason":"asked us to"}`)
		if got.status != 200 || got.at("already") != nil {
			t.Errorf("%s: %d %s", act, got.status, got.text)
		}
		d.synced(act)
	}
	if got := d.get("/api/v1/leads/contact_1"); got.status != 404 {
		t.Errorf("before anything came of it: %d %s", got.status, got.text)
	}
	// Its word to be left alone is forgotten, too: who knows of it says so before
	// anything can be sent.
	if got := d.post("/api/v1/leads/contact_1/opt-out", `{"reason":"said STOP before"}`); got.status != 200 || got.at("opted_out") != true || got.at("already") != nil {
		t.Errorf("opt-out: %d %s", got.status, got.text)
	}
	d.synced("opt-out")
	if got := d.get("/api/v1/leads/contact_1"); got.status != 404 {
		t.Errorf("after the opt-out: %d %s, want no lead: it has done nothing yet", got.status, got.text)
	}
	d.get("/api/v1/leads/contact_1?wait=" + d.signed(renamed).at("data.event_id").(string))
	if got := d.get("/api/v1/leads/contact_1"); got.at("opted_out") != true {
		t.Errorf("after the next event: %d %s", got.status, got.text)
	}
}

// TestReadmitOptedOut: whoever readmits a contact can say that it is not to be written
// to, and nothing comes between the two. Of one that is forgotten, that cannot be said.
func TestReadmitOptedOut(t *testing.T) {
	f := &forgetter{}
	d := openWithViews(t, func(deps *handlers.Deps) { deps.Forget = f })
	d.get("/api/v1/leads/contact_1?wait=" + d.signed(created).at("data.event_id").(string))
	d.post("/api/v1/leads/contact_1/forget", `{"reason":"asked us to"}`)
	d.synced("forget")
	for _, act := range []string{"opt-out", "opt-in"} {
		if got := d.post("/api/v1/leads/contact_1/"+act, "{}"); got.status != 409 || !strings.Contains(got.text, "readmit it first") {
			t.Errorf("%s of one that is forgotten: %d %s", act, got.status, got.text)
		}
	}
	if got := d.post("/api/v1/leads/contact_1/readmit", `{"reason":"signed up again","opt_out":true}`); got.status != 200 {
		t.Errorf("readmit: %d %s", got.status, got.text)
	}
	d.get("/api/v1/leads/contact_1?wait=" + d.signed(renamed).at("data.event_id").(string))
	if got := d.get("/api/v1/leads/contact_1"); got.at("opted_out") != true {
		t.Errorf("after the next event: %d %s", got.status, got.text)
	}
	if kinds := strings.Join(d.kinds(), " "); !strings.Contains(kinds, "audit.leads.readmit audit.leads.opt_out") {
		t.Errorf("the ledger has %s", kinds)
	}
}

// TestRescore: a dry run says what would change, a real one is asked for in the
// ledger.
func TestRescore(t *testing.T) {
	d := openWithViews(t, func(deps *handlers.Deps) {
		deps.Rescorer = outbox.Rescore{Roll: deps.Leads, Scorer: scoring.DefaultCard()}
	})
	d.get("/api/v1/leads/contact_1?wait=" + d.signed(created).at("data.event_id").(string))
	if got := d.post("/api/v1/rescore", `{"dry_run":true}`); got.status != 200 || got.at("leads") != 1.0 || got.at("audit_id") != nil {
		t.Errorf("dry run: %d %s", got.status, got.text)
	}
	if got := d.post("/api/v1/rescore", `{"location_id":"location_1"}`); got.status != 202 || got.at("audit_id") == nil {
		t.Errorf("rescore: %d %s", got.status, got.text)
	}
}

// TestRelease: what is held is shown with its reason and goes when a person
// says so.
func TestRelease(t *testing.T) {
	d := openWithViews(t)
	d.get("/api/v1/leads/contact_1?wait=" + d.signed(created).at("data.event_id").(string))
	d.synced("effects")
	id := idsOf(d.get("/api/v1/effects?state=pending"))[0]
	effect, _ := ledger.ParseID(id)
	_, err := d.log.Append(t.Context(), ledger.Draft{Kind: outbox.Held, Key: "held:" + id, Subject: "contact_1", Location: "location_1",
		Cause: effect, Body: []byte(`{"error":"a field is missing"}`)})
	if err != nil {
		t.Fatal(err)
	}
	d.synced("effects")
	if got := d.get("/api/v1/effects/" + id); got.at("state") != "held" {
		t.Fatalf("the effect: %d %s", got.status, got.text)
	}
	if got := d.post("/api/v1/effects/"+id+"/release", ""); got.status != 200 || got.at("state") != "pending" {
		t.Errorf("release: %d %s", got.status, got.text)
	}
}

// TestGenerations builds a view beside the one that serves: looked at and
// thrown away, then taken, then taken back.
func TestGenerations(t *testing.T) {
	d := openWithViews(t)
	d.get("/api/v1/leads/contact_1?wait=" + d.signed(created).at("data.event_id").(string))
	const leads = "/api/v1/projections/leads/"
	turn := func(act string) {
		t.Helper()
		if got := d.post(leads+act, ""); got.status != 202 {
			t.Fatalf("%s: %d %s", act, got.status, got.text)
		}
	}
	turn("preview")
	d.untilView(t, "leads", func(v map[string]any) bool {
		return v["rebuild"] != nil && v["rebuild"].(map[string]any)["ready"] == true
	})
	if got := d.get(leads + "diff"); got.status != 200 || got.at("changed") != 0.0 {
		t.Errorf("diff: %d %s", got.status, got.text)
	}
	turn("discard")
	d.untilView(t, "leads", func(v map[string]any) bool { return v["rebuild"] == nil })
	turn("preview")
	d.untilView(t, "leads", func(v map[string]any) bool {
		return v["rebuild"] != nil && v["rebuild"].(map[string]any)["ready"] == true
	})
	var before any
	d.untilView(t, "leads", func(v map[string]any) bool { before = v["generation"]; return true })
	turn("accept")
	d.untilView(t, "leads", func(v map[string]any) bool { return v["generation"] != before && v["rebuild"] == nil })
	d.untilView(t, "leads", func(v map[string]any) bool { before = v["generation"]; return true })
	// The generation before can be had again once its last reader has left it.
	d.untilView(t, "leads", func(map[string]any) bool { return d.post(leads+"rollback", "").status == 202 })
	d.untilView(t, "leads", func(v map[string]any) bool { return v["generation"] != before })
}

// untilView returns once a view is as it should be.
func (d *door) untilView(t *testing.T, name string, is func(map[string]any) bool) {
	t.Helper()
	var last any
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		for _, v := range d.get("/api/v1/projections").at("data").([]any) {
			if view := v.(map[string]any); view["name"] == name {
				if last = view; is(view) {
					return
				}
			}
		}
	}
	t.Fatalf("the view %s stays %v", name, last)
}

// TestLedgerAndSender: where the ledger ends, and a sender that goes on again.
func TestLedgerAndSender(t *testing.T) {
	d := openWithViews(t)
	d.signed(created)
	if got := d.get("/api/v1/ledger"); got.status != 200 || got.at("seq") == 0.0 || got.at("oldest") == nil {
		t.Errorf("ledger: %d %s", got.status, got.text)
	}
	for act, want := range map[string]bool{"pause": true, "resume": false} {
		if got := d.post("/api/v1/sender/"+act, ""); got.status != 200 || got.at("paused") != want {
			t.Errorf("%s: %d %s", act, got.status, got.text)
		}
	}
	if got := d.do(d.request("GET", "/openapi.json", "")); got.status != 200 || got.at("openapi") == nil {
		t.Errorf("openapi.json: %d", got.status)
	}
}
