package projections_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// seen is what is to be seen of a contact after an event, and just before it.
type seen struct {
	event     ledger.Entry
	before    projections.Lead
	lead      projections.Lead
	outcomes  []projections.Outcome
	funnel    projections.FunnelPart
	campaigns []projections.CampaignStats
	moment    projections.Moment
	entries   []ledger.Entry // that the event caused
	effects   []string       // requested because of it
}

// caused are the kinds that the event caused.
func (s seen) caused(kind string) (n int) {
	for _, e := range s.entries {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

func (s seen) asked(effect string) bool {
	return slices.ContainsFunc(s.effects, func(e string) bool { return strings.HasPrefix(e, effect) })
}

// scored reports whether the event made a new score.
func scored(s seen) any {
	return s.caused("lead.scored") == 1 && s.lead.ScoredAs == uint64(s.event.Seq)
}

// asks is one line of an event's "Processing" list, and what shows it.
type asks struct {
	what string
	show func(seen) any
	want any
}

func fields(names string) func(seen) any {
	return func(s seen) any { return s.asked("contact.update " + names) }
}

func sequence(name string) func(seen) any {
	return func(s seen) any { return s.asked("sequence." + name) }
}

const (
	scores     = "ai_score,churn_risk,next_action,updated_ai_score"
	contact    = "contact.created"
	theContact = `,"first_name":"John","last_name":"Smith","email":"john@example.com","phone":"+1-555-123-4567","source":"website",
		"custom_fields":{"budget":"300000-500000","timeline":"3 months","property_type":"single_family"}`
	theDeal = `,"opportunity_id":"o1","name":"123 Main Street - Buyer","value":425000,"pipeline":"Real Estate Sales","status":"lead"`
	theTour = `,"appointment_id":"a1","property_address":"123 Main Street","appointment_date":"2000-01-15T14:00:00Z","appointment_type":"property_tour"`
)

// processing is the seed's "Processing" list of each of its events, and
// CONTRACT section 6 of those for which it has none.
var processing = []struct {
	event  ghl.Type
	before [][2]string // what happened until then: kind and data
	data   string
	asks   []asks
}{
	{ghl.ContactCreated, nil, theContact, []asks{
		{"create lead", func(s seen) any { return fmt.Sprint(s.lead.Name, " ", s.lead.Email, " ", s.lead.Status) }, "John Smith john@example.com new"},
		{"run initial scoring", scored, true},
		{"extract initial preferences", func(s seen) any {
			return fmt.Sprint(s.lead.Preferences.BudgetMin, s.lead.Preferences.BudgetMax, *s.lead.Preferences.TimelineMonths, s.lead.Preferences.PropertyType)
		}, "300000 500000 3single_family"},
		{"send welcome sequence", sequence("welcome"), true},
		{"update GHL contact", fields("ai_score,lead_quality,recommended_action,score_confidence"), true},
	}},
	{ghl.ContactUpdated, [][2]string{{contact, theContact}, {"opportunity.created", `,"opportunity_id":"o9","name":"7 Oak Lane - Seller","value":550000`}},
		`,"updated_fields":{"phone":"+1-555-123-4568","custom_fields":{"budget":"400000-600000"}}`, []asks{
			{"update lead profile", func(s seen) any { return s.lead.Phone }, "+1-555-123-4568"},
			{"re-run scoring with new data", scored, true},
			{"identify preference changes", func(s seen) any {
				return fmt.Sprint(s.lead.PreferenceChanges[0].Field, s.lead.PreferenceChanges[0].Before, s.lead.PreferenceChanges[0].After)
			}, "budget_min300000 400000"},
			{"update property matches", func(s seen) any { return fmt.Sprint(s.before.PropertyMatches, s.lead.PropertyMatches) }, "[] [{7 Oak Lane 550000}]"},
			{"update GHL contact", fields(scores), true},
		}},
	{ghl.ContactDeleted, [][2]string{{contact, theContact}}, ``, []asks{
		{"tombstone", func(s seen) any { return s.lead.Status }, projections.StatusDeleted},
		{"nothing is sent any more", func(s seen) any { return len(s.effects) }, 0},
	}},
	{ghl.OpportunityCreated, [][2]string{{contact, theContact}}, theDeal, []asks{
		{"link opportunity to lead", func(s seen) any { return s.lead.Opportunities[0].ID }, "o1"},
		{"extract property details", func(s seen) any { return s.lead.Opportunities[0].PropertyAddress }, "123 Main Street"},
		{"update lead properties", func(s seen) any { return fmt.Sprint(s.lead.PropertyMatches) }, "[{123 Main Street 425000}]"},
		{"track conversion funnel", func(s seen) any { return fmt.Sprint(s.funnel.Deals.Open, s.funnel.Deals.OpenValue) }, "1 425000"},
		{"update GHL contact", fields(scores), true},
	}},
	{ghl.OpportunityUpdated, [][2]string{{contact, theContact}, {"opportunity.created", theDeal}}, `,"opportunity_id":"o1","value":430000,"stage":"Offer made","status":"open"`, []asks{
		{"value taken", func(s seen) any { return s.lead.Opportunities[0].Value }, 430000.0},
		{"funnel moves", func(s seen) any { return fmt.Sprint(s.before.Status, " ", s.lead.Status, " ", s.funnel.Stages[3].Now) }, "engaged negotiating 1"},
		{"rescored", scored, true},
		{"update GHL contact", fields(scores), true},
	}},
	{ghl.OpportunityWon, [][2]string{{contact, theContact}, {"opportunity.created", theDeal}},
		`,"opportunity_id":"o1","property_address":"123 Main Street","final_price":425000,"close_date":"2026-02-15"`, []asks{
			{"record successful outcome", func(s seen) any { return s.outcomes[0].Outcome + " " + s.outcomes[0].OutcomeType }, "won property_purchased"},
			{"update lead status to sold", func(s seen) any { return s.lead.Status }, projections.StatusSold},
			{"log transaction details", func(s seen) any {
				return fmt.Sprint(s.outcomes[0].PropertyAddress, " ", *s.outcomes[0].FinalPrice, " ", s.outcomes[0].CloseDate)
			}, "123 Main Street 425000 2026-02-15"},
			{"feedback to the model", func(s seen) any { return s.caused("feedback.recorded") }, 1},
			{"trigger celebration email", sequence("congratulations"), true},
			{"update GHL contact", func(s seen) any {
				return s.asked("contact.update ai_score,churn_risk,close_date,next_action,sale_price,status,updated_ai_score")
			}, true},
		}},
	{ghl.OpportunityLost, [][2]string{{contact, theContact}, {"opportunity.created", theDeal}},
		`,"opportunity_id":"o1","reason":"Found different agent","closed_date":"2026-01-10"`, []asks{
			{"record churn outcome", func(s seen) any { return s.outcomes[0].OutcomeType + " " + s.outcomes[0].CloseDate }, "churned 2026-01-10"},
			{"analyze why lost", func(s seen) any { return s.outcomes[0].ReasonCategory }, "other_agent"},
			{"update churn models", func(s seen) any { return fmt.Sprint(s.caused("feedback.recorded"), " ", s.lead.Score.ChurnRisk) }, "1 1"},
			{"trigger re-engagement sequence", sequence("re_engagement"), true},
			{"lead lost", func(s seen) any { return s.lead.Status }, projections.StatusLost},
			{"update GHL contact", fields("ai_score,churn_risk,next_action,status,updated_ai_score"), true},
		}},
	{ghl.AppointmentScheduled, [][2]string{{contact, theContact}}, theTour, []asks{
		{"record tour scheduling", func(s seen) any {
			a := s.lead.Appointments[0]
			return fmt.Sprint(a.ID, " ", a.Status, " ", a.Start.Format(time.RFC3339), " ", a.Type, " ", a.PropertyAddress)
		}, "a1 scheduled 2000-01-15T14:00:00Z property_tour 123 Main Street"},
		{"strong positive signal for lead scoring", func(s seen) any { return s.lead.Score.Value-s.before.Score.Value >= 10 }, true},
		{"update lead status", func(s seen) any { return s.lead.Status }, projections.StatusTouring},
		{"adjust churn probability", func(s seen) any { return s.lead.Score.ChurnRisk < s.before.Score.ChurnRisk }, true},
		{"send tour confirmation", sequence("tour_confirmation"), true},
		{"update GHL contact", fields(scores), true},
	}},
	{ghl.AppointmentCompleted, [][2]string{{contact, theContact}, {"appointment.scheduled", theTour}},
		`,"appointment_id":"a1","duration_minutes":45,"feedback":"Very interested in property"`, []asks{
			{"record tour completion", func(s seen) any {
				return fmt.Sprint(s.lead.Appointments[0].Status, " ", s.lead.Appointments[0].DurationMinutes)
			}, "completed 45"},
			{"extract feedback sentiment", func(s seen) any { return s.lead.Appointments[0].Sentiment > 0.2 }, true},
			{"update engagement metrics", scored, true},
			{"trigger follow-up sequence", sequence("follow_up"), true},
			{"update GHL contact", fields(scores), true},
		}},
	{ghl.AppointmentMissed, [][2]string{{contact, theContact}, {"appointment.scheduled", theTour}}, `,"appointment_id":"a1"`, []asks{
		{"recorded", func(s seen) any { return s.lead.Appointments[0].Status }, "missed"},
		{"show rate down", func(s seen) any { return s.lead.Score.Value < s.before.Score.Value }, true},
		{"its sequence is off until somebody turns it on", sequence("missed_tour"), false},
		{"update GHL contact", fields(scores), true},
	}},
	{ghl.MessageReceived, [][2]string{{contact, theContact}},
		`,"message_id":"m1","channel":"sms","content":"Hi, I'm very interested in the property on Main Street. We could go up to $650,000","response_time_ms":120`, []asks{
			{"record message received", func(s seen) any { return s.lead.Engagement.LastMessage.EventID == ledger.FormatID(s.event.ID) }, true},
			{"analyze sentiment", func(s seen) any { return s.lead.Engagement.LastMessage.SentimentLabel }, "positive"},
			{"extract intent signals", func(s seen) any { return s.lead.Engagement.LastMessage.Intent }, "interested"},
			{"preferences from text", func(s seen) any { return s.lead.Preferences.BudgetMax }, 650000.0},
			{"trigger automatic response", sequence("auto_response"), true},
			{"update engagement metrics", func(s seen) any { return fmt.Sprint(s.lead.Engagement.MessagesIn, s.lead.Status) }, "1engaged"},
			{"update GHL contact", fields(scores), true},
		}},
	{ghl.MessageSent, [][2]string{{contact, theContact}}, `,"message_id":"m2","channel":"sms","content":"Thank you"`, []asks{
		{"engagement", func(s seen) any { return s.lead.Engagement.MessagesOut }, 1},
		{"nothing goes out where the score did not move", func(s seen) any {
			return (len(s.effects) > 0) == (s.lead.Score.Value != s.before.Score.Value)
		}, true},
	}},
	{ghl.CampaignOpened, [][2]string{{contact, theContact}}, `,"campaign_id":"spring","open_time":"2026-01-10T16:00:00Z","device":"mobile"`, []asks{
		{"record email engagement", func(s seen) any { return fmt.Sprint(s.campaigns[0].CampaignID, s.campaigns[0].Opens) }, "spring1"},
		{"update engagement score", func(s seen) any { return s.lead.Score.Value > s.before.Score.Value && scored(s) == true }, true},
		{"note interaction for ML learning", func(s seen) any { return s.moment.Kind + ": " + s.moment.Text }, "campaign.opened: E-mail opened"},
		{"update behavioral features", func(s seen) any { return fmt.Sprint(s.lead.Engagement.Opens, len(s.lead.Facts.Opens)) }, "1 1"},
		{"update GHL contact", fields(scores), true},
	}},
	{ghl.CampaignClicked, [][2]string{{contact, theContact}}, `,"campaign_id":"spring"`, []asks{
		{"engagement", func(s seen) any { return fmt.Sprint(s.lead.Engagement.Clicks, s.campaigns[0].Clicks, s.lead.Status) }, "1 1engaged"},
		{"update GHL contact", fields(scores), true},
	}},
}

// Each of the fourteen events does what the seed asks, and there is a place to
// see it.
func TestProcessing(t *testing.T) {
	var covered []ghl.Type
	for _, tt := range processing {
		covered = append(covered, tt.event)
		t.Run(string(tt.event), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := process(t, tt.before, tt.event, tt.data)
				t.Logf("%d things asked for; caused: %d entries, effects %q", len(tt.asks), len(s.entries), s.effects)
				for _, a := range tt.asks {
					if got := a.show(s); got != a.want {
						t.Errorf("%s: got %v, want %v\neffects %q", a.what, got, a.want, s.effects)
					}
				}
			})
		})
	}
	if !slices.Equal(covered, ghl.SeedTypes) {
		t.Errorf("the table has %v, want %v", covered, ghl.SeedTypes)
	}
}

// process has everything that follows the ledger answer the story, and returns
// what is to be seen of its last event.
func process(t *testing.T, before [][2]string, event ghl.Type, data string) (s seen) {
	w := &world{T: t}
	w.open(t.TempDir(), append(everyFor(projections.Meaning{}), outbox.Pending{})...)
	defer w.stop()
	w.leads.Meaning, w.outcomes.Meaning = projections.Meaning{}, projections.Meaning{}
	defer w.plan()()
	for i, b := range before {
		w.say(i, b[0], b[1])
		synctest.Wait()
		time.Sleep(time.Minute)
	}
	if len(before) > 0 {
		s.before = w.lead()
	}
	s.event = w.say(len(before), string(event), data)
	synctest.Wait()
	s.lead = w.lead()
	s.outcomes = w.outcomesOf(projections.OutcomeFilter{})
	s.funnel = w.funnel(projections.FunnelFilter{}).Total
	s.campaigns, _ = w.outcomes.Campaigns("loc")
	s.moment, _, _ = w.leads.Moment("c1", s.event.Seq)
	for e, err := range w.log.Read(t.Context(), s.event.Cursor()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Cause == s.event.ID {
			s.entries = append(s.entries, e)
			s.effects = append(s.effects, effectIn(e)...)
		}
	}
	return s
}

// effectIn says in words what e asks of GoHighLevel: its kind and fields.
func effectIn(e ledger.Entry) []string {
	var r outbox.Request
	if e.Kind != outbox.Requested || json.Unmarshal(e.Body, &r) != nil {
		return nil
	}
	return []string{r.Kind + " " + strings.Join(slices.Sorted(maps.Keys(r.Fields)), ",")}
}

// plan runs the planner until it is stopped.
func (w *world) plan() (stop func()) {
	planner := outbox.NewPlanner(outbox.PlannerConfig{
		Log: w.log, Pending: outbox.PendingView{Views: w.leads.Runner}, Leads: w.leads, Scorer: scoring.DefaultCard(),
		Rules: outbox.Rules(outbox.RulesConfig{ReadText: scoring.ReadText}), Roll: w.leads,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- planner.Run(ctx) }()
	return func() {
		w.Helper()
		cancel()
		if err := <-done; err != nil {
			w.Error(err)
		}
	}
}
