package outbox_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// told is one delivery of a contact's history: when it happened, in minutes of
// the day, and the sequence that it begins, by what that is about.
type told struct {
	minute   int
	dialect  ghl.Dialect
	kind     string // the sender's name of it
	fields   string
	sequence string
}

// history is told in both dialects, as when an app and a gateway both send:
// what happened once comes up to three times, each time in other words. The
// tour is moved, one deal is won, re-opened and lost, another one is won.
var history = []told{
	{1, ghl.Seed, "contact.created", `"first_name":"Ada","last_name":"Lee","email":"ada@example.com","source":"website","custom_fields":{"budget":"300000-500000"}`, "welcome:c1"},
	{1, ghl.Flat, "ContactCreate", `"id":"c1","firstName":"Ada","lastName":"Lee","email":"ada@example.com","phone":"+15550001","source":"website"`, "welcome:c1"},
	{3, ghl.Seed, "contact.updated", `"updated_fields":{"phone":"+15550009"}`, ""},
	{4, ghl.Flat, "ContactUpdate", `"id":"c1","firstName":"Ada","lastName":"Lee","email":"ada.lee@example.com","phone":"+15550001","tags":["vip"]`, ""},
	{5, ghl.Seed, "contact.updated", `"updated_fields":{"email":"lee@example.com","custom_fields":{"budget":"400000-600000","timeline":"3 months"}}`, ""},
	{6, ghl.Seed, "opportunity.created", `"opportunity_id":"o1","name":"12 Elm Street - Buyer","value":425000,"status":"lead"`, ""},
	{6, ghl.Flat, "OpportunityCreate", `"id":"o1","contactId":"c1","name":"12 Elm Street - Buyer","monetaryValue":425000,"status":"open"`, ""},
	{10, ghl.Seed, "opportunity.won", `"opportunity_id":"o1","property_address":"12 Elm Street","final_price":430000`, "congratulations:o1"},
	{10, ghl.Flat, "OpportunityUpdate", `"id":"o1","contactId":"c1","monetaryValue":430000,"status":"won"`, ""},
	{10, ghl.Flat, "OpportunityStatusUpdate", `"id":"o1","contactId":"c1","monetaryValue":430000,"status":"won"`, "congratulations:o1"},
	{12, ghl.Flat, "OpportunityStatusUpdate", `"id":"o1","contactId":"c1","monetaryValue":430000,"status":"open"`, ""},
	{14, ghl.Seed, "opportunity.lost", `"opportunity_id":"o1","reason":"Found another agent"`, "re_engagement:o1"},
	{14, ghl.Flat, "OpportunityStatusUpdate", `"id":"o1","contactId":"c1","monetaryValue":430000,"status":"lost"`, "re_engagement:o1"},
	{9, ghl.Flat, "OpportunityCreate", `"id":"o2","contactId":"c1","name":"7 Oak Road","monetaryValue":300000,"status":"open"`, ""},
	{11, ghl.Seed, "opportunity.won", `"opportunity_id":"o2","property_address":"7 Oak Road","final_price":310000`, "congratulations:o2"},
	{11, ghl.Flat, "OpportunityStatusUpdate", `"id":"o2","contactId":"c1","monetaryValue":310000,"status":"won"`, "congratulations:o2"},
	{7, ghl.Seed, "appointment.scheduled", `"appointment_id":"a1","property_address":"12 Elm Street","appointment_date":"2036-01-15T14:00:00Z"`, "tour_confirmation:a1:2036-01-15T14:00:00Z"},
	{7, ghl.Flat, "AppointmentCreate", `"appointment":{"id":"a1","contactId":"c1","appointmentStatus":"confirmed","startTime":"2036-01-15T19:30:00+05:30"}`, "tour_confirmation:a1:2036-01-15T14:00:00Z"},
	{8, ghl.Flat, "AppointmentUpdate", `"appointment":{"id":"a1","contactId":"c1","appointmentStatus":"confirmed","startTime":"2036-01-16T14:00:00Z"}`, "tour_confirmation:a1:2036-01-16T14:00:00Z"},
	{8, ghl.Seed, "appointment.scheduled", `"appointment_id":"a1","appointment_date":"2036-01-16T14:00:00Z"`, "tour_confirmation:a1:2036-01-16T14:00:00Z"},
	{13, ghl.Seed, "appointment.completed", `"appointment_id":"a1","feedback":"very interested","duration_minutes":45`, "follow_up:a1"},
	{13, ghl.Flat, "AppointmentUpdate", `"appointment":{"id":"a1","contactId":"c1","appointmentStatus":"showed","startTime":"2036-01-16T14:00:00Z"}`, "follow_up:a1"},
	{9, ghl.Seed, "message.received", `"message_id":"m1","channel":"sms","content":"I'm interested, my budget is 450000"`, "auto_response:m1"},
	{9, ghl.Flat, "InboundMessage", `"contactId":"c1","messageId":"m1","messageType":"SMS","body":"I'm interested, my budget is 450000"`, "auto_response:m1"},
	{15, ghl.Seed, "message.sent", `"message_id":"m2","channel":"sms","content":"Thank you"`, ""},
	{15, ghl.Seed, "campaign.clicked", `"campaign_id":"k1"`, ""},
	{16, ghl.Flat, "LCEmailStats", `"webhookPayload":{"event":"opened","recipient":"ada@example.com"}`, ""},
}

// body is what the sender posts; begun is the start of the day.
func (d told) body(begun time.Time) []byte {
	at := begun.Add(time.Duration(d.minute) * time.Minute).Format("2006-01-02T15:04:05.000Z07:00")
	if d.dialect == ghl.Seed {
		return fmt.Appendf(nil, `{"type":%q,"timestamp":%q,"data":{"contact_id":"c1",%s}}`, d.kind, at, d.fields)
	}
	return fmt.Appendf(nil, `{"type":%q,"locationId":%q,"timestamp":%q,%s}`, d.kind, location, at, d.fields)
}

// order is an order of the history's deliveries, by number, some repeated.
func orderOf(t *rapid.T, chosen []int) []int {
	again := rapid.SliceOfN(rapid.SampledFrom(chosen), 0, len(chosen)).Draw(t, "repeated")
	return rapid.Permutation(append(again, chosen...)).Draw(t, "order")
}

// The deliveries of a contact's history, in any order and any number of times,
// make the same lead and the same outcomes, and begin each sequence once.
func TestPermutedHistory(t *testing.T) {
	if !long {
		_ = flag.Set("rapid.checks", "6") // each check keeps two ledgers on the disk
	}
	rapid.Check(t, func(r *rapid.T) {
		every := make([]int, len(history))
		for i := range every {
			every[i] = i
		}
		chosen := rapid.SliceOfNDistinct(rapid.SampledFrom(every), len(every)/2, len(every), rapid.ID).Draw(r, "deliveries")
		if rapid.Bool().Draw(r, "all") {
			chosen = every
		}
		batch := rapid.SampledFrom([]int{1, 1, 3, 100}).Draw(r, "at once")
		straight := inOrder(chosen)
		want, wantBegun := live(t, straight, 1)
		got, begun := live(t, orderOf(r, chosen), batch)
		if diff := cmp.Diff(want, got); diff != "" {
			r.Fatalf("in another order (-in order +permuted):\n%s", diff)
		}
		for _, b := range []map[string]int{wantBegun, begun} {
			if diff := cmp.Diff(due(chosen), b); diff != "" {
				r.Fatalf("sequences (-want +begun):\n%s", diff)
			}
		}
	})
}

// inOrder sorts deliveries as they happened; history is so within a minute.
func inOrder(chosen []int) (sorted []int) {
	for minute := range 60 {
		for i, d := range history {
			for _, c := range chosen {
				if c == i && d.minute == minute {
					sorted = append(sorted, i)
				}
			}
		}
	}
	return sorted
}

// due is how often each sequence should begin: once.
func due(chosen []int) map[string]int {
	all := map[string]int{}
	for _, i := range chosen {
		if s := history[i].sequence; s != "" {
			all[s] = 1
		}
	}
	return all
}

// live delivers the history in that order to a ledger on the disk, so many
// deliveries at once, and returns what is known in the end and what began.
func live(t *testing.T, order []int, batch int) (known string, begun map[string]int) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		log, err := boltlog.Open(filepath.Join(dir, "ledger"), boltlog.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		runner, err := projections.NewRunner(filepath.Join(dir, "views"), log, projections.Options{Logger: slog.New(slog.DiscardHandler)},
			outbox.Pending{}, projections.NewLeads(meaning), projections.NewOutcomes(meaning))
		if err != nil {
			t.Fatal(err)
		}
		defer runner.Close()
		leads := projections.LeadsView{Runner: runner, Meaning: meaning}
		planner := outbox.NewPlanner(outbox.PlannerConfig{
			Log: log, Pending: outbox.PendingView{Views: runner}, Leads: leads, Scorer: scoring.DefaultCard(),
			Rules: outbox.Rules(outbox.RulesConfig{ReadText: scoring.ReadText}),
		})
		ctx, stop := context.WithCancel(t.Context())
		var rooms sync.WaitGroup
		rooms.Go(func() { _ = runner.Run(ctx) })
		rooms.Go(func() { _ = planner.Run(ctx) })
		defer rooms.Wait()
		defer stop()
		begunAt := time.Now().UTC()
		time.Sleep(time.Hour)
		for n := 0; len(order) > 0; order = order[n:] {
			n = min(batch, len(order))
			deliver(t, log, order[:n], begunAt)
			time.Sleep(time.Second)
			synctest.Wait()
		}
		known, begun = knownOf(t, leads, projections.OutcomesView{Runner: runner, Meaning: meaning}), begunIn(t, log)
	})
	return known, begun
}

// deliver appends deliveries as the webhook does.
func deliver(t *testing.T, log ledger.Appender, numbers []int, begun time.Time) {
	t.Helper()
	var drafts []ledger.Draft
	for _, i := range numbers {
		body := history[i].body(begun)
		ev, err := ghl.ParseEvent(body, "")
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		drafts = append(drafts, ledger.Draft{Kind: string(ev.Type), Key: ghl.DeliveryKey(ev, body), Subject: ev.ContactID, Location: location,
			Occurred: ev.Time, Body: body, Person: ev.Address, Meta: ledger.Meta{Scheme: "hmac", Dialect: string(ev.Dialect)}})
	}
	if _, err := log.Append(t.Context(), drafts...); err != nil {
		t.Fatal(err)
	}
}

// knownOf is the lead and its outcomes, without what tells of the order of
// arrival and without the tier, whose hysteresis does too: it depends on the
// score before.
func knownOf(t *testing.T, leads projections.LeadsView, outcomes projections.OutcomesView) string {
	t.Helper()
	lead, ok, err := leads.Get("c1")
	if err != nil || !ok || lead.Score == nil {
		t.Fatalf("no scored lead: %+v, %v", lead, err)
	}
	ends, _, err := outcomes.List(projections.OutcomeFilter{})
	if err != nil {
		t.Fatal(err)
	}
	score := *lead.Score
	lead.AsOf, lead.Score, lead.Facts.Quality = "", nil, ""
	raw, err := json.MarshalIndent([]any{lead, lead.Facts, ends, score.Value, score.Confidence, score.ChurnRisk, score.Reasons}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return withoutIDs(string(raw))
}

// begunIn counts the sequences that were asked for, by what they are about.
func begunIn(t *testing.T, log ledger.Reader) map[string]int {
	t.Helper()
	begun := map[string]int{}
	for e, err := range log.Read(t.Context(), ledger.Cursor{}) {
		if err != nil {
			t.Fatal(err)
		}
		var r outbox.Request
		if e.Kind != outbox.Requested {
			continue
		}
		if err := json.Unmarshal(e.Body, &r); err != nil {
			t.Fatal(err)
		}
		if name, ok := strings.CutPrefix(e.Key, "sequence."); ok {
			if r.Sequence == outbox.Congratulations || r.Sequence == outbox.ReEngagement {
				name = name[:strings.LastIndex(name, ":")] // without the entry that changed the status
			}
			begun[name]++
		}
	}
	return begun
}

var eventID = regexp.MustCompile(`evt_[0-9A-Z]{26}`)

// withoutIDs leaves out which entry said something: of two that say the same,
// the one that came first.
func withoutIDs(s string) string { return eventID.ReplaceAllString(s, "evt_") }
