package outbox_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/google/go-cmp/cmp"
)

const (
	first  = "ai_score lead_quality recommended_action score_confidence"
	scores = "ai_score churn_risk next_action updated_ai_score"
	won    = "ai_score churn_risk close_date next_action sale_price status updated_ai_score"
	lost   = "ai_score churn_risk next_action status updated_ai_score"
)

// What follows from each of the fourteen events, as CONTRACT section 6 has it.
func TestRules(t *testing.T) {
	tomorrow := func() string { return time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339) }
	tests := []struct {
		event    ghl.Type
		data     map[string]any
		fields   string // keys written; empty for none
		sequence string // kind and via; empty for none
	}{
		{ghl.ContactCreated, map[string]any{"first_name": "Jane", "email": "j@example.com"}, first, "sequence.welcome email"},
		{ghl.ContactUpdated, map[string]any{"updated_fields": map[string]any{"phone": "+1"}}, scores, ""},
		{ghl.ContactDeleted, nil, "", ""},
		{ghl.OpportunityCreated, map[string]any{"opportunity_id": "o1", "name": "x", "value": 1, "status": "lead"}, scores, ""},
		{ghl.OpportunityUpdated, map[string]any{"opportunity_id": "o1", "value": 2}, scores, ""},
		{ghl.OpportunityWon, map[string]any{"opportunity_id": "o1", "final_price": 425000, "close_date": "2026-02-15"}, won, "sequence.congratulations email"},
		{ghl.OpportunityLost, map[string]any{"opportunity_id": "o1", "reason": "Found different agent"}, lost, "sequence.re_engagement email"},
		{ghl.AppointmentScheduled, map[string]any{"appointment_id": "a1", "appointment_date": tomorrow()}, scores, "sequence.tour_confirmation email"},
		{ghl.AppointmentCompleted, map[string]any{"appointment_id": "a1", "feedback": "nice"}, scores, "sequence.follow_up email"},
		{ghl.AppointmentMissed, map[string]any{"appointment_id": "a1"}, scores, ""},
		{ghl.MessageReceived, map[string]any{"message_id": "m1", "channel": "sms", "content": "Hello there"}, scores, "sequence.auto_response reply"},
		{ghl.MessageSent, map[string]any{"message_id": "m2", "channel": "sms", "content": "Hello"}, scores, ""},
		{ghl.CampaignOpened, map[string]any{"campaign_id": "c1"}, scores, ""},
		{ghl.CampaignClicked, map[string]any{"campaign_id": "c1"}, scores, ""},
	}
	for _, tt := range tests {
		t.Run(string(tt.event), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.planner = func(c *outbox.PlannerConfig) { c.Mode = outbox.DryRun }
				w.start()
				defer func() { w.stop() }()
				e := w.add(tt.event, "contact_1", tt.data)
				synctest.Wait()
				fields, sequence := "", ""
				for _, r := range w.requests() {
					if r.Kind == outbox.UpdateContact {
						fields += strings.Join(slices.Sorted(maps.Keys(r.Fields)), " ")
						continue
					}
					sequence += r.Kind + " " + r.Via
				}
				if fields != tt.fields || sequence != tt.sequence {
					t.Errorf("asked for fields %q and sequence %q, want %q and %q", fields, sequence, tt.fields, tt.sequence)
				}
				feedback := len(w.entries(outbox.FeedbackRecorded)) == 1
				if want := tt.event == ghl.OpportunityWon || tt.event == ghl.OpportunityLost; feedback != want {
					t.Errorf("feedback recorded: %t, want %t", feedback, want)
				}
				if place, _ := w.pending.Place(); place != e.Seq {
					t.Errorf("planned up to %d, want %d", place, e.Seq)
				}
			})
		})
	}
}

// requests returns the body of every effect.requested.
func (w *world) requests() (rs []outbox.Request) {
	w.t.Helper()
	for _, e := range w.entries(outbox.Requested) {
		var r outbox.Request
		if err := json.Unmarshal(e.Body, &r); err != nil {
			w.t.Fatal(err)
		}
		r.Business = e.Key
		rs = append(rs, r)
	}
	return rs
}

// kinds returns the kind of every message and task that was asked for.
func (w *world) deeds() (kinds []string) {
	for _, r := range w.requests() {
		if r.Kind != outbox.UpdateContact {
			kinds = append(kinds, strings.TrimPrefix(r.Kind, "sequence."))
		}
	}
	return kinds
}

// One sequence for one matter, however many deliveries tell of it.
func TestSequencesGoOnce(t *testing.T) {
	at := func(days int) string {
		return time.Now().Add(time.Duration(days) * 24 * time.Hour).UTC().Format(time.RFC3339)
	}
	type event struct {
		kind ghl.Type
		data map[string]any
		wait time.Duration
	}
	opp := func(status string) map[string]any { return map[string]any{"opportunity_id": "o1", "status": status} }
	sms := func(id, text string) map[string]any {
		return map[string]any{"message_id": id, "channel": "sms", "content": text}
	}
	tests := []struct {
		name   string
		events func() []event
		want   []string
	}{
		{"a contact created twice", func() []event {
			return []event{{kind: ghl.ContactCreated, data: maps.Clone(jane)}, {kind: ghl.ContactCreated, data: maps.Clone(jane)}}
		}, []string{"welcome"}},
		{"a won deal told thrice", func() []event {
			return []event{{kind: ghl.OpportunityWon, data: opp("won")}, {kind: ghl.OpportunityUpdated, data: opp("won")}, {kind: ghl.OpportunityWon, data: opp("won")}}
		}, []string{"congratulations"}},
		{"a deal re-opened and won again", func() []event {
			return []event{
				{kind: ghl.OpportunityWon, data: opp("won"), wait: time.Minute}, {kind: ghl.OpportunityUpdated, data: opp("open"), wait: time.Minute},
				{kind: ghl.OpportunityWon, data: opp("won")},
			}
		}, []string{"congratulations", "congratulations"}},
		{"a tour moved", func() []event {
			a := func(days int) map[string]any {
				return map[string]any{"appointment_id": "a1", "appointment_date": at(days)}
			}
			return []event{{kind: ghl.AppointmentScheduled, data: a(2)}, {kind: ghl.AppointmentScheduled, data: a(2)}, {kind: ghl.AppointmentScheduled, data: a(3)}}
		}, []string{"tour_confirmation", "tour_confirmation"}},
		{"a talk is answered once in a day", func() []event {
			return []event{
				{kind: ghl.MessageReceived, data: sms("m1", "Hello")}, {kind: ghl.MessageReceived, data: sms("m2", "Are you there?"), wait: 23 * time.Hour},
				{kind: ghl.MessageReceived, data: sms("m3", "Well?"), wait: 2 * time.Hour}, {kind: ghl.MessageReceived, data: sms("m4", "So?")},
			}
		}, []string{"auto_response", "auto_response"}},
		{"STOP is not answered, nor is anything after it", func() []event {
			return []event{{kind: ghl.MessageReceived, data: sms("m1", "STOP")}, {kind: ghl.ContactCreated, data: maps.Clone(jane)}}
		}, nil},
		{"a call is not answered", func() []event {
			return []event{{kind: ghl.MessageReceived, data: map[string]any{"message_id": "m1", "channel": "call"}}}
		}, nil},
		{"no e-mail to one who has none", func() []event {
			return []event{{kind: ghl.ContactCreated, data: map[string]any{"first_name": "Jane", "phone": "+1555"}}}
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.start()
				defer func() { w.stop() }()
				for _, e := range tt.events() {
					w.add(e.kind, "contact_1", e.data)
					time.Sleep(e.wait)
				}
				synctest.Wait()
				if got := w.deeds(); cmp.Diff(got, tt.want) != "" {
					t.Errorf("asked for %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// Every built-in text reads well for a lead, and escapes what others wrote.
func TestTemplates(t *testing.T) {
	templates, err := outbox.ParseTemplates(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name := range outbox.DefaultSequences {
		for _, via := range []string{"email", "sms"} {
			m, err := templates.Compose(outbox.Request{Sequence: name, Via: via, Data: &outbox.Matter{
				Property: "1 <b>Main</b> St", Start: time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC),
			}}, lead("Jane"))
			text := m.Subject + m.HTML + m.Message
			if err != nil || !strings.Contains(text, "Jane") || strings.Contains(m.HTML, "<b>Main") || strings.Contains(text, "<no value>") {
				t.Errorf("%s by %s = %+v, %v; want Jane in it and the address escaped", name, via, m, err)
			}
		}
	}
}

// A text of one's own goes before the built-in one; a wrong one is named
// before anything is sent.
func TestOwnTemplates(t *testing.T) {
	tests := []struct {
		name, file, text string
		want             string // in the message, or in the error
		wrong            bool
	}{
		{"own text", "welcome.txt", "Hello {{.FirstName}}, own words", "Hello Jane, own words", false},
		{"own text of another sequence", "follow_up.txt", "own words", "thanks for getting in touch", false},
		{"not closed", "welcome.txt", "Hello {{.FirstName", "welcome.txt", true},
		{"a field that is not there", "welcome.txt", "Hello {{.Nickname}}", "welcome.txt", true},
		{"an e-mail without a subject", "welcome.email.html", "<p>Hello</p>", "welcome.email.html", true},
		{"an e-mail with a field that is not there", "welcome.email.html", "Subject: {{.Nickname}}\n<p>Hello</p>", "welcome.email.html", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			templates, err := outbox.ParseTemplates(fstest.MapFS{tt.file: {Data: []byte(tt.text)}}, nil)
			if tt.wrong {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error = %v, want it to name %s", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			m, err := templates.Compose(outbox.Request{Sequence: outbox.Welcome, Via: "sms"}, lead("Jane"))
			if err != nil || !strings.Contains(m.Message, tt.want) {
				t.Errorf("message = %+v, %v; want %q in it", m, err, tt.want)
			}
		})
	}
}
