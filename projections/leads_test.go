package projections_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// meaning reads texts in a few words, so that a test says what it means.
var meaning = projections.Meaning{
	Text: func(s string) scoring.Text {
		t := scoring.Text{Intent: "other", Label: "neutral"}
		switch {
		case strings.Contains(s, "STOP"):
			t.Intent, t.Sentiment, t.Label = "opt_out", -0.3, "negative"
		case strings.Contains(s, "interested"):
			t.Intent, t.Sentiment, t.Label = "interested", 0.5, "positive"
		}
		var budget float64
		if _, err := fmt.Sscanf(s, "budget %g", &budget); err == nil {
			t.Preferences.BudgetMax = budget
		}
		return t
	},
	Preferences: func(fields map[string]any) (p scoring.Preferences) {
		if s, ok := fields["budget"].(string); ok {
			fmt.Sscanf(s, "%g-%g", &p.BudgetMin, &p.BudgetMax)
		}
		p.PropertyType, _ = fields["property_type"].(string)
		return p
	},
	Address: func(name string) string {
		address, _, _ := strings.Cut(name, " - ")
		return address
	},
}

// world is a ledger with the leads view following it.
type world struct {
	*testing.T
	log      *memlog.Log
	leads    projections.LeadsView
	outcomes projections.OutcomesView
	metrics  projections.MetricsView
	stop     func()
	n        int
}

func newWorld(t *testing.T) *world {
	w := &world{T: t}
	w.open(t.TempDir(), every()...)
	return w
}

// open follows the ledger, a new one at first, with the projections.
func (w *world) open(dir string, ps ...projections.Projection) {
	if w.log == nil {
		w.log = memlog.New(time.Now)
	}
	r, stop := start(w.T, dir, w.log, ps...)
	w.leads, w.stop = projections.LeadsView{Runner: r, Meaning: meaning}, stop
	w.outcomes = projections.OutcomesView{Runner: r, Meaning: meaning}
	w.metrics = projections.MetricsView{Runner: r}
}

// say appends a delivery in the seed's dialect, at some minutes past ten.
func (w *world) say(minute int, kind, data string) ledger.Entry {
	body := fmt.Sprintf(`{"type":%q,"timestamp":"1999-12-31T10:%02d:00Z","data":{"contact_id":"c1"%s}}`, kind, minute, data)
	return w.add(ledger.Draft{Kind: kind, Subject: "c1", Body: []byte(body), Meta: ledger.Meta{Scheme: "hmac"}})
}

func (w *world) own(kind string, body string) ledger.Entry {
	return w.add(ledger.Draft{Kind: kind, Subject: "c1", Body: []byte(body)})
}

func (w *world) add(d ledger.Draft) ledger.Entry {
	w.Helper()
	w.n++
	d.Key, d.Location = fmt.Sprint("k", w.n), "loc"
	got, err := w.log.Append(w.Context(), d)
	if err != nil {
		w.Fatal(err)
	}
	return got[0].Entry
}

func (w *world) lead() projections.Lead {
	w.Helper()
	head, _ := w.log.Head(w.Context())
	if err := w.leads.Wait(w.Context(), head.Seq); err != nil {
		w.Fatal(err)
	}
	for _, s := range w.leads.Runner.Status() {
		if err := w.leads.Runner.Wait(w.Context(), s.Name, head.Seq); err != nil {
			w.Fatal(err)
		}
		if parked, err := w.leads.Runner.Parked(s.Name); err != nil || len(parked) > 0 {
			w.Fatalf("%s parked %+v, %v", s.Name, parked, err)
		}
	}
	lead, ok, err := w.leads.Get("c1")
	if err != nil || !ok {
		w.Fatalf("Get = %v, %v", ok, err)
	}
	return lead
}

// inWorld runs f in fake time.
func inWorld(t *testing.T, f func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		f(w)
	})
}

const created = `,"first_name":"John","last_name":"Smith","email":"John@Example.com","phone":"+1-555-123-4567","source":"website",
	"custom_fields":{"budget":"300000-500000","timeline":"3 months","property_type":"single_family"}`

func TestLeadOfTheSeedsStory(t *testing.T) {
	inWorld(t, func(w *world) {
		first := w.say(1, "contact.created", created)
		w.say(2, "contact.updated", `,"updated_fields":{"phone":"+1-555-123-4568","custom_fields":{"budget":"400000-600000"}}`)
		w.say(3, "opportunity.created", `,"opportunity_id":"o1","name":"123 Main Street - Buyer","value":425000,"pipeline":"Real Estate Sales","status":"lead"`)
		w.say(4, "appointment.scheduled", `,"appointment_id":"a1","property_address":"123 Main Street","appointment_date":"2000-01-15T14:00:00Z","appointment_type":"property_tour"`)
		w.say(5, "message.received", `,"message_id":"m1","channel":"sms","content":"Hi, I'm very interested"`)
		w.say(6, "campaign.opened", `,"campaign_id":"camp","device":"mobile"`)
		lead := w.lead()
		for _, c := range []struct {
			what      string
			got, want any
		}{
			{"name", lead.Name, "John Smith"},
			{"phone", lead.Phone, "+1-555-123-4568"},
			{"status", lead.Status, projections.StatusTouring},
			{"budget", lead.Preferences.BudgetMax, 600000.0},
			{"type", lead.Preferences.PropertyType, "single_family"},
			{"type from", lead.Preferences.From["property_type"], ledger.FormatID(first.ID)},
			{"changes", len(lead.PreferenceChanges), 2},
			{"matches", fmt.Sprint(lead.PropertyMatches), "[{123 Main Street 425000}]"},
			{"deal", lead.Opportunities[0].PropertyAddress, "123 Main Street"},
			{"deal status", lead.Opportunities[0].Status, "open"},
			{"tour", lead.Appointments[0].Status, "scheduled"},
			{"in", lead.Engagement.MessagesIn, 1},
			{"intent", lead.Engagement.LastMessage.Intent, "interested"},
			{"opens", lead.Engagement.Opens, 1},
		} {
			if c.got != c.want {
				w.Errorf("%s = %v, want %v", c.what, c.got, c.want)
			}
		}
		if f := lead.Facts; len(f.Messages) != 1 || len(f.Opens) != 1 || f.PreferenceChanges != 2 || !f.HasEmail {
			w.Errorf("facts %+v", f)
		}
		moments, more, err := w.leads.Timeline("c1", 0, 4)
		if err != nil || !more || len(moments) != 4 || moments[1].Text != "Contact updated: budget, phone" {
			w.Errorf("timeline = %+v, %v, %v", moments, more, err)
		}
	})
}

// TestTimelineInWords: a person reads a lead's timeline, so no code stands in it.
func TestTimelineInWords(t *testing.T) {
	for _, tt := range []struct{ kind, body, want string }{
		{"effect.requested", `{"kind":"contact.update","fields":{"ai_score":50,"next_action":"Call now"}}`, "Asked GoHighLevel to set AI Score, Next Action"},
		{"effect.requested", `{"kind":"contact.update","fields":{"ai_score":50},"dry_run":true}`, "Asked GoHighLevel to set AI Score (dry run: not sent)"},
		{"effect.requested", `{"kind":"sequence.auto_response","via":"reply"}`, "Asked GoHighLevel to send the auto response message as a reply"},
		{"effect.requested", `{"kind":"sequence.welcome","via":"workflow:wf_1"}`, "Asked GoHighLevel to send the welcome message by a workflow"},
		{"effect.requested", `{"kind":"task.create"}`, "Asked GoHighLevel to make a task"},
		{"effect.delivered", `{"fields":{"churn_risk":0.12}}`, "GoHighLevel has Churn Risk"},
		{"opportunity.created", `,"opportunity_id":"o1","name":"9 Elm - Buyer","property_address":"9 Elm","value":425000`, "Opportunity created: 9 Elm - Buyer for $425,000"},
		{"opportunity.won", `,"opportunity_id":"o1","property_address":"9 Elm"`, "Opportunity won: 9 Elm"},
	} {
		inWorld(t, func(w *world) {
			if strings.HasPrefix(tt.kind, "effect.") {
				w.say(1, "contact.created", created)
				w.own(tt.kind, tt.body)
			} else {
				w.say(1, tt.kind, tt.body)
			}
			w.lead() // waits until all is folded
			moments, _, err := w.leads.Timeline("c1", 0, 9)
			if err != nil || moments[len(moments)-1].Text != tt.want {
				w.Errorf("%s %s reads %+v, %v; want %q", tt.kind, tt.body, moments, err, tt.want)
			}
		})
	}
}

func TestLeadIsNotScoredYet(t *testing.T) {
	inWorld(t, func(w *world) {
		w.say(1, "contact.created", created)
		check := func(want string) {
			w.Helper()
			raw, err := json.Marshal(w.lead())
			if err != nil || !strings.Contains(string(raw), want) {
				w.Errorf("lead = %s, %v; want %s", raw, err, want)
			}
		}
		check(`"score":null,"confidence":null,"confidence_basis":null,"quality":null,"win_probability":null,"churn_risk":null,"recommended_actions":[],"reasons":[]`)
		w.own("lead.scored", `{"score":62.5,"quality":"warm","as_of_seq":9,"recommended_actions":[{"action":"Call now"}]}`)
		w.own("lead.scored", `{"score":12,"quality":"cold","as_of_seq":3}`) // late, and knew less
		check(`"score":62.5,`)
		check(`"quality":"warm"`)
	})
}

func TestLeadStatus(t *testing.T) {
	type said struct{ kind, data string }
	const opp, tour = `,"opportunity_id":"o1"`, `,"appointment_id":"a1"`
	for _, tt := range []struct {
		want  projections.LeadStatus
		story []said
	}{
		{projections.StatusNew, nil},
		{projections.StatusEngaged, []said{{"message.received", `,"content":"hi"`}}},
		{projections.StatusEngaged, []said{{"campaign.clicked", ``}}},
		{projections.StatusEngaged, []said{{"opportunity.created", opp}}},
		{projections.StatusTouring, []said{{"appointment.scheduled", tour}}},
		{projections.StatusEngaged, []said{{"appointment.scheduled", tour}, {"appointment.cancelled", tour}}},
		{projections.StatusNegotiating, []said{{"opportunity.created", opp}, {"appointment.scheduled", tour}, {"appointment.completed", tour}}},
		{projections.StatusNegotiating, []said{{"opportunity.created", opp + `,"stage":"Offer made"`}}},
		{projections.StatusSold, []said{{"opportunity.won", opp}}},
		{projections.StatusLost, []said{{"appointment.scheduled", tour}, {"opportunity.lost", opp}}},
		{projections.StatusEngaged, []said{{"opportunity.lost", opp}, {"opportunity.updated", opp + `,"status":"open"`}}},
		{projections.StatusTouring, []said{{"opportunity.lost", opp}, {"appointment.scheduled", tour}}},
		{projections.StatusDeleted, []said{{"opportunity.won", opp}, {"contact.deleted", ``}}},
	} {
		t.Run(fmt.Sprint(tt.want, tt.story), func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.say(1, "contact.created", created)
				for i, s := range tt.story {
					w.say(2+i, s.kind, s.data)
				}
				if got := w.lead().Status; got != tt.want {
					w.Errorf("status after %v = %s, want %s", tt.story, got, tt.want)
				}
				total := w.funnel(projections.FunnelFilter{}).Total
				now := map[projections.LeadStatus]int{projections.StatusLost: total.Lost, projections.StatusDeleted: total.Deleted}
				for _, s := range total.Stages {
					now[s.Stage] = s.Now
				}
				if now[tt.want] != 1 {
					w.Errorf("funnel after %v = %v, want it %s", tt.story, now, tt.want)
				}
			})
		})
	}
}

func TestOptOut(t *testing.T) {
	inWorld(t, func(w *world) {
		check := func(want bool) {
			w.Helper()
			if lead := w.lead(); lead.OptedOut != want || lead.Facts.OptedOut != want {
				w.Errorf("opted out = %v, want %v", lead.OptedOut, want)
			}
		}
		w.say(1, "contact.created", created)
		check(false)
		w.say(2, "contact.updated", `,"updated_fields":{"dnd":true}`)
		check(true)
		w.say(3, "contact.updated", `,"updated_fields":{"dnd":false}`)
		check(false)
		w.say(4, "message.received", `,"content":"STOP"`)
		check(true)
		w.say(5, "contact.updated", `,"updated_fields":{"dnd":false}`)
		check(true) // only a person lifts the contact's own word
		w.own(projections.KindOptIn, `{}`)
		check(false)
		w.own(projections.KindOptOut, `{}`)
		check(true)
	})
}

func TestKnownAndAsked(t *testing.T) {
	inWorld(t, func(w *world) {
		w.say(1, "contact.created", created)
		w.own("effect.requested", `{"kind":"contact.update","fields":{"ai_score":50,"lead_quality":"warm"}}`)
		w.own("effect.requested", `{"kind":"contact.update","fields":{"ai_score":60}}`)
		w.own("effect.delivered", `{"attempt":1,"fields":{"ai_score":60}}`)
		lead := w.lead()
		if got, want := fmt.Sprint(lead.Asked, lead.Known), "map[ai_score:60 lead_quality:warm] map[ai_score:60]"; got != want {
			w.Errorf("asked and known = %s, want %s", got, want)
		}
		time.Sleep(time.Hour)
		body := `{"type":"contact.updated","timestamp":"2000-01-01T00:30:00Z","data":{"contact_id":"c1","updated_fields":{"custom_fields":{"ai_score":"10","budget":"300000-500000"}}}}`
		e := w.add(ledger.Draft{Kind: "contact.updated", Subject: "c1", Body: []byte(body)})
		if got, want := fmt.Sprint(w.lead().Known), "map[ai_score:10]"; got != want {
			w.Errorf("known after a person wrote = %s, want %s", got, want)
		}
		m, ok, err := w.leads.Moment("c1", e.Seq)
		if got, want := fmt.Sprint(m.Changed, ok, err), "map[custom_fields.ai_score:10] true <nil>"; got != want {
			w.Errorf("moment = %s, want %s", got, want)
		}
	})
}

func TestListOfLeads(t *testing.T) {
	inWorld(t, func(w *world) {
		for i := range 7 {
			contact := fmt.Sprint("c", i)
			body := fmt.Sprintf(`{"type":"contact.created","timestamp":"1999-12-31T10:0%d:00Z","data":{"contact_id":%q,"first_name":"Ann %d"}}`, i, contact, i)
			w.add(ledger.Draft{Kind: "contact.created", Subject: contact, Body: []byte(body)})
			if i > 1 {
				w.add(ledger.Draft{Kind: "lead.scored", Subject: contact, Body: fmt.Appendf(nil, `{"score":%d,"quality":"cold","as_of_seq":1}`, 10*((i*3)%7))})
			}
		}
		w.add(ledger.Draft{Kind: "contact.deleted", Subject: "c6", Body: []byte(`{"type":"contact.deleted","data":{"contact_id":"c6"}}`)})
		w.lead()
		least := 20.0
		for _, tt := range []struct {
			filter projections.LeadFilter
			want   string
		}{
			{projections.LeadFilter{}, "c5 c4 c3 c2 c1 c0"},
			{projections.LeadFilter{Sort: "score"}, "c2 c4 c3 c5 c1 c0"},
			{projections.LeadFilter{Sort: "score", MinScore: &least}, "c2 c4 c3"},
			{projections.LeadFilter{Quality: "cold"}, "c5 c4 c3 c2"},
			{projections.LeadFilter{Query: "ann 3"}, "c3"},
			{projections.LeadFilter{Status: "sold"}, ""},
		} {
			for _, limit := range []int{1, 2, 50} {
				var got []string
				for f := tt.filter; ; {
					f.Limit = limit
					page, next, err := w.leads.List(f)
					if err != nil || len(page) > limit {
						w.Fatal(len(page), err)
					}
					for _, lead := range page {
						got = append(got, lead.ContactID)
					}
					if next == "" {
						break
					}
					f.After = next
				}
				if got := strings.Join(got, " "); got != tt.want {
					w.Errorf("List(%+v) by %d = %q, want %q", tt.filter, limit, got, tt.want)
				}
			}
		}
	})
}

// TestReadmitted: one that is readmitted is no lead before something comes of it, which
// is when it begins; but that it was readmitted can be found.
func TestReadmitted(t *testing.T) {
	inWorld(t, func(w *world) {
		w.say(1, "contact.created", created)
		w.own(projections.KindForgotten, `{}`)
		w.own(projections.KindReadmitted, `{}`)
		head, _ := w.log.Head(w.Context())
		if err := w.leads.Wait(w.Context(), head.Seq); err != nil {
			w.Fatal(err)
		}
		if lead, ok, err := w.leads.Get("c1"); ok || err != nil {
			w.Errorf("a lead before anything came of it: %+v, %v", lead, err)
		}
		if list, _, err := w.leads.Timeline("c1", 0, 10); err != nil || len(list) == 0 {
			w.Errorf("its timeline: %+v, %v, want that it was readmitted", list, err)
		}
		w.say(2, "contact.updated", `,"updated_fields":{"phone":"+1-555-123-4568"}`)
		if lead := w.lead(); lead.Status != "new" || lead.Phone == "" {
			w.Errorf("after an event: %+v, want a new lead with its phone", lead)
		}
	})
}
