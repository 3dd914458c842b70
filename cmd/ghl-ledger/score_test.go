package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
)

// TestIntegrationExamples plays the three examples of the guide against the
// service: what GoHighLevel is told equals what the API shows, every reason
// names the event behind it, and no code stands where a person reads.
func TestIntegrationExamples(t *testing.T) {
	sandbox := ghltest.New(ghltest.Options{})
	server := httptest.NewServer(sandbox)
	t.Cleanup(func() { server.Close(); sandbox.Close() })
	p := newProcess(t, map[string]string{
		"GHL_API_BASE_URL": server.URL, "GHL_API_KEY": "pit-of-the-tests", "GHL_LOCATION_ID": "loc_1",
	})
	p.start()

	created := p.tell("contact.created", data{
		"contact_id": "contact_xxx", "first_name": "John", "last_name": "Smith", "email": "john@example.com", "phone": "+1-555-123-4567",
		"source": "website", "custom_fields": data{"budget": "300000-500000", "timeline": "3 months", "property_type": "single_family"},
	})
	first := p.scored(created)
	first.check(t, sandbox, map[string]any{
		"ai_score": first.Score, "score_confidence": first.Confidence, "lead_quality": first.Quality, "recommended_action": first.Actions[0].Action,
	})

	tour := time.Now().Add(5 * 24 * time.Hour).UTC().Format(time.RFC3339)
	booked := p.scored(p.tell("appointment.scheduled", data{
		"appointment_id": "apt_xxx", "contact_id": "contact_xxx", "property_address": "123 Main Street", "appointment_date": tour, "appointment_type": "property_tour",
	}))
	booked.check(t, sandbox, map[string]any{
		"ai_score": booked.Score, "updated_ai_score": booked.Score, "churn_risk": booked.Churn, "next_action": "Prepare for tour",
	})
	if booked.Score <= first.Score || booked.Churn >= first.Churn || booked.Trend != "rising" {
		t.Errorf("after the booking score %v, churn %v, %s; before %v, %v", booked.Score, booked.Churn, booked.Trend, first.Score, first.Churn)
	}

	won := p.scored(p.tell("opportunity.won", data{
		"opportunity_id": "opp_xxx", "contact_id": "contact_xxx", "property_address": "123 Main Street", "final_price": 425000, "close_date": "2026-02-15",
	}))
	won.check(t, sandbox, map[string]any{
		"status": "sold", "sale_price": 425000.0, "close_date": "2026-02-15", "updated_ai_score": won.Score, "churn_risk": 0.0,
		"next_action": won.Actions[0].Action,
	})
	if won.Status != "sold" || won.Actions[0].Action != "Ask for a review" {
		t.Errorf("the lead's status is %q, what to do %+v", won.Status, won.Actions)
	}
	for i, want := range []float64{60, 72, 76} {
		if got := [...]scoredLead{first, booked, won}[i].Score; got != want {
			t.Errorf("example %d scores %v, want %v: a change of the card changes what people are told", i+1, got, want)
		}
	}
	p.explained(t, 3)
	p.shown(t)
}

// tell delivers an event that happens now and returns its id.
func (p *process) tell(kind string, d data) string {
	p.t.Helper()
	body, err := json.Marshal(map[string]any{"type": kind, "timestamp": time.Now().UTC().Format(time.RFC3339Nano), "data": d})
	if err != nil {
		p.t.Fatal(err)
	}
	got, err := p.deliver(body)
	if err != nil || got.Data.EventID == "" {
		p.t.Fatalf("%s: %+v, %v", kind, got, err)
	}
	return got.Data.EventID
}

// scoredLead is a lead as far as its score is concerned.
type scoredLead struct {
	Status     string
	Score      float64
	Confidence float64
	Quality    string
	Trend      string
	Churn      float64 `json:"churn_risk"`
	Actions    []struct {
		Action  string
		Due     time.Time
		Because []string
	} `json:"recommended_actions"`
	Reasons []struct {
		Points float64
		Text   string
		Code   string
		Event  string `json:"event_id"`
	}
}

// scored returns the lead once it was scored for the event and GoHighLevel was told.
func (p *process) scored(event string) (lead scoredLead) {
	p.t.Helper()
	p.until(p.waitTime, "told of "+event, func() bool {
		var told struct{ Status string }
		return p.get("/api/v1/events/"+event, &told) == 200 && told.Status == "delivered"
	})
	if status := p.get("/api/v1/leads/contact_xxx?wait="+event, &lead); status != 200 || len(lead.Actions) == 0 {
		p.t.Fatalf("the lead: %d %+v", status, lead)
	}
	return lead
}

var code = regexp.MustCompile(`[a-z]_[a-z]|^[A-Z_]{4,}$|%!|\{`)

func (l scoredLead) check(t *testing.T, sandbox *ghltest.Server, want map[string]any) {
	t.Helper()
	sum := 40.0
	for _, r := range l.Reasons {
		sum += r.Points
		if r.Text == "" || code.MatchString(r.Text) || r.Event == "" {
			t.Errorf("reason %+v: want a text for people, and its event", r)
		}
	}
	if math.Abs(sum-l.Score) > 1e-6 {
		t.Errorf("40 and the reasons are %v, the score is %v", sum, l.Score)
	}
	for _, a := range l.Actions {
		if code.MatchString(a.Action) || len(a.Because) == 0 || a.Due.IsZero() || code.MatchString(strings.Join(a.Because, " ")) {
			t.Errorf("action %+v: want its reasons and when it is due, in words", a)
		}
	}
	c, _ := sandbox.Contact("contact_xxx")
	for name, v := range want {
		if got := c.Fields[name]; fmt.Sprint(got) != fmt.Sprint(v) {
			t.Errorf("GoHighLevel has %s %v, the API says %v", name, got, v)
		}
	}
}

// ids are what a person copies and no one reads: of events and contacts.
var ids = regexp.MustCompile(`(evt|contact|loc|apt|opp)_\w+`)

func inWords(s string) string { return ids.ReplaceAllString(s, "") }

// shown checks that the pages on which a person reads the lead show no code.
func (p *process) shown(t *testing.T) {
	t.Helper()
	cmd := exec.Command("ghl-ledger", "leads", "show", "contact_xxx")
	cmd.Dir, cmd.Env = p.dir, append(p.env, "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("leads show: %v: %s", err, out)
	}
	if code.MatchString(inWords(string(out))) || strings.Contains(string(out), "card:") {
		t.Errorf("leads show shows a code:\n%s", out)
	}
	for _, m := range list[struct{ Text string }](p, "/api/v1/leads/contact_xxx/timeline") {
		if m.Text == "" || code.MatchString(inWords(m.Text)) {
			t.Errorf("the timeline shows a code: %q", m.Text)
		}
	}
}

// explained checks the history as a person asks for it.
func (p *process) explained(t *testing.T, scores int) {
	t.Helper()
	history := list[struct {
		Cause     string
		CauseText string `json:"cause_text"`
		Delta     *float64
		Scored    *struct{ Score float64 }
	}](p, "/api/v1/leads/contact_xxx/scores")
	if len(history) != scores {
		t.Fatalf("%d scores in the history, want %d", len(history), scores)
	}
	for _, h := range history {
		if d := h.Delta; d != nil && *d != math.Round(*d*100)/100 {
			t.Errorf("a score moved by %v: want two decimals", *d)
		}
		if h.Cause == "" || h.CauseText == "" || code.MatchString(h.CauseText) || h.Scored == nil {
			t.Errorf("a score that does not say what moved it: %+v", h)
		}
	}
	cmd := exec.Command("ghl-ledger", "leads", "explain", "contact_xxx")
	cmd.Dir, cmd.Env = p.dir, append(p.env, "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("leads explain: %v: %s", err, out)
	}
	t.Logf("leads explain:\n%s", out)
	if !strings.Contains(string(out), "by the built-in points card (version ") || strings.Contains(string(out), "card:") || code.MatchString(inWords(string(out))) {
		t.Errorf("leads explain shows a code, or no model in words")
	}
	for _, h := range history {
		if !strings.Contains(string(out), h.Cause) || !strings.Contains(string(out), fmt.Sprint(h.Scored.Score)) {
			t.Errorf("leads explain does not show %s with %v", h.Cause, h.Scored.Score)
		}
	}
}
