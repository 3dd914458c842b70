package scoring_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC)

// ages are times before noon, in minutes.
var ages = rapid.IntRange(0, 200*24*60)

func drawAgo(t *rapid.T, name string) time.Time {
	return noon.Add(-time.Duration(ages.Draw(t, name)) * time.Minute)
}

// event ids are drawn apart, so that no two facts share one.
func drawFacts(t *rapid.T) scoring.Facts {
	n := 0
	event := func() string { n++; return fmt.Sprintf("evt_%03d", n) }
	f := scoring.Facts{
		AsOf: noon, Created: noon.AddDate(0, 0, -200), CreatedBy: event(), PreferencesBy: event(),
		Source:   rapid.SampledFrom([]string{"", "website", "referral", "Purchased List", "unheard of"}).Draw(t, "source"),
		HasEmail: rapid.Bool().Draw(t, "email"), HasPhone: rapid.Bool().Draw(t, "phone"),
		BudgetMax:    rapid.SampledFrom([]float64{0, 400_000}).Draw(t, "budget"),
		PropertyType: rapid.SampledFrom([]string{"", "condo"}).Draw(t, "type"),
		Quality:      rapid.SampledFrom([]string{"", scoring.Hot, scoring.Warm, scoring.Cold}).Draw(t, "tier before"),
	}
	if rapid.Bool().Draw(t, "timeline known") {
		m := rapid.Float64Range(0, 48).Draw(t, "months")
		f.TimelineMonths = &m
	}
	for range rapid.IntRange(0, 5).Draw(t, "messages") {
		f.Messages = append(f.Messages, scoring.Message{
			At: drawAgo(t, "said"), Inbound: rapid.Bool().Draw(t, "inbound"), Event: event(), Machine: rapid.IntRange(0, 9).Draw(t, "machine") == 0,
			Intent: rapid.SampledFrom(scoring.Intents()).Draw(t, "intent"), Sentiment: rapid.Float64Range(-1, 1).Draw(t, "tone"),
		})
	}
	slices.SortFunc(f.Messages, func(a, b scoring.Message) int { return a.At.Compare(b.At) })
	for i := range rapid.IntRange(0, 4).Draw(t, "appointments") {
		f.Appointments = append(f.Appointments, drawAppointment(t, fmt.Sprintf("apt_%d", i), event()))
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "deals") {
		f.Opportunities = append(f.Opportunities, scoring.Opportunity{
			ID: fmt.Sprintf("opp_%d", i), Status: rapid.SampledFrom([]string{"open", "won", "lost"}).Draw(t, "status"),
			Value: 300_000, At: drawAgo(t, "since"), Event: event(),
		})
	}
	for range rapid.IntRange(0, 4).Draw(t, "opens") {
		f.Opens = append(f.Opens, scoring.Touch{At: drawAgo(t, "opened"), Event: event()})
	}
	if rapid.IntRange(0, 5).Draw(t, "opted out") == 0 {
		f.OptedOut, f.OptedOutBy = true, event()
	}
	return f
}

func drawAppointment(t *rapid.T, id, event string) scoring.Appointment {
	a := scoring.Appointment{
		ID: id, Event: event, Booked: drawAgo(t, "booked"),
		Status: rapid.SampledFrom([]string{"scheduled", "completed", "missed", "cancelled"}).Draw(t, "status"),
	}
	a.Start = a.Booked.Add(time.Duration(rapid.IntRange(0, 30*24).Draw(t, "hours ahead")) * time.Hour)
	if a.Status != "scheduled" {
		a.Ended = a.Booked.Add(time.Duration(rapid.IntRange(0, int(noon.Sub(a.Booked)/time.Minute)).Draw(t, "ended")) * time.Minute)
		a.Sentiment = rapid.Float64Range(-1, 1).Draw(t, "feedback")
	}
	return a
}

// drawCard is the built-in card or one that a person may have made of it: the
// promises hold for every card that is accepted.
func drawCard(t *rapid.T) *scoring.Card {
	if rapid.Bool().Draw(t, "built-in card") {
		return scoring.DefaultCard()
	}
	var card map[string]any
	if err := json.Unmarshal(scoring.DefaultCardJSON(), &card); err != nil {
		t.Fatal(err)
	}
	signals := card["signals"].(map[string]any)
	for _, code := range slices.Sorted(maps.Keys(signals)) {
		s := signals[code].(map[string]any)
		factor := rapid.Float64Range(0, 2).Draw(t, code)
		for _, field := range []string{"points", "cap"} {
			if p, ok := s[field].(float64); ok {
				s[field] = math.Round(p * factor)
			}
		}
	}
	data, err := json.Marshal(card)
	if err != nil {
		t.Fatal(err)
	}
	c, err := scoring.ParseCard(data)
	if err != nil {
		t.Skip(err)
	}
	return c
}

// laws are the promises of a score: each compares the score of some facts with
// that of the same facts and one thing more.
var laws = []struct {
	name  string
	also  func(*rapid.T, *scoring.Facts)
	holds func(before, after scoring.Score) bool
}{
	{"booking a tour never lowers the score nor raises churn", bookTour, func(b, a scoring.Score) bool {
		return a.Value >= b.Value && a.ChurnRisk <= b.ChurnRisk
	}},
	{"a missed tour never raises the score", missTour, func(b, a scoring.Score) bool { return a.Value <= b.Value }},
	{"an opt-out never raises the score, and churn is near certain",
		func(_ *rapid.T, f *scoring.Facts) { f.OptedOut, f.OptedOutBy = true, "evt_out" },
		func(b, a scoring.Score) bool { return a.Value <= b.Value && a.ChurnRisk >= 0.95 }},
	{"time alone never raises the score", pass, func(b, a scoring.Score) bool { return a.Value <= b.Value }},
	{"a refusal never raises the score nor lowers churn", refuse, func(b, a scoring.Score) bool {
		return a.Value <= b.Value && a.ChurnRisk >= b.ChurnRisk
	}},
}

func bookTour(t *rapid.T, f *scoring.Facts) {
	ahead := time.Duration(rapid.IntRange(1, 60*24).Draw(t, "tour in hours")) * time.Hour
	f.Appointments = append(f.Appointments, scoring.Appointment{ID: "new", Status: "scheduled", Booked: f.AsOf, Start: f.AsOf.Add(ahead), Event: "evt_tour"})
}

// missTour has a tour that was ahead reported missed.
func missTour(t *rapid.T, f *scoring.Facts) {
	for i := range f.Appointments {
		if a := &f.Appointments[i]; a.Status == "scheduled" {
			a.Status, a.Ended, a.Event = "missed", f.AsOf, "evt_missed"
			return
		}
	}
	f.Appointments = append(f.Appointments, scoring.Appointment{ID: "new", Status: "missed", Booked: drawAgo(t, "booked"), Ended: f.AsOf, Event: "evt_missed"})
}

func pass(t *rapid.T, f *scoring.Facts) {
	f.AsOf = f.AsOf.Add(time.Duration(rapid.IntRange(1, 400*24*60).Draw(t, "minutes")) * time.Minute)
}

func refuse(t *rapid.T, f *scoring.Facts) {
	intent := rapid.SampledFrom([]string{scoring.NotInterested, scoring.OtherAgent, scoring.WrongNumber, scoring.OptOut}).Draw(t, "refusal")
	f.Messages = append(f.Messages, scoring.Message{At: f.AsOf, Inbound: true, Intent: intent, Sentiment: -0.4, Event: "evt_no"})
}

func TestLaws(t *testing.T) {
	for _, law := range laws {
		t.Run(law.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				card, f := drawCard(t), drawFacts(t)
				before := card.Score(f)
				law.also(t, &f)
				if after := card.Score(f); !law.holds(before, after) {
					t.Fatalf("score %.2f, churn %.2f before; %.2f, %.2f after: %+v\nbecause %+v", before.Value, before.ChurnRisk, after.Value, after.ChurnRisk, f, after.Reasons)
				}
			})
		})
	}
}

// TestReasonsAddUp: base plus reasons is the score, in hundredths, and every
// reason names an event.
func TestReasonsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		card, f := drawCard(t), drawFacts(t)
		s := card.Score(f)
		if got := 4000 + cents(t, s.Reasons); got != cent(s.Value) || s.Value < 0 || s.Value > 100 {
			t.Fatalf("40 and the reasons are %d, the score is %.2f: %+v", got, s.Value, s.Reasons)
		}
		if got := cents(t, s.ChurnReasons); got != cent(s.ChurnRisk) || s.ChurnRisk < 0 || s.ChurnRisk > 1 {
			t.Fatalf("the churn reasons are %d, the risk is %.2f: %+v", got, s.ChurnRisk, s.ChurnReasons)
		}
		checkActions(t, f, s)
	})
}

func cent(x float64) int { return int(math.Round(x * 100)) }

func cents(t *rapid.T, reasons []scoring.Reason) int {
	sum := 0
	for _, r := range reasons {
		sum += cent(r.Points)
		if r.Text == "" || r.EventID == "" {
			t.Fatalf("a reason without text or event: %+v", r)
		}
	}
	return sum
}

// checkActions: there is something to do, it is said why and until when, and a
// lead that opted out is left alone.
func checkActions(t *rapid.T, f scoring.Facts, s scoring.Score) {
	if len(s.Actions) == 0 || f.OptedOut && (len(s.Actions) > 1 || s.Actions[0].Code != scoring.DoNotContact) {
		t.Fatalf("actions %+v of a lead that opted out: %v", s.Actions, f.OptedOut)
	}
	for _, a := range s.Actions {
		if a.Action == "" || len(a.Because) == 0 || a.Due.IsZero() {
			t.Fatalf("action without a text, a reason or a time: %+v", a)
		}
	}
}

// TestHysteresis: a tier is not left for less than the card says.
func TestHysteresis(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFacts(t)
		s := scoring.DefaultCard().Score(f)
		f.Quality = s.Quality
		if again := scoring.DefaultCard().Score(f); again.Quality != s.Quality {
			t.Fatalf("the same facts are %s, then %s", s.Quality, again.Quality)
		}
		f.Quality = scoring.Hot
		if kept := scoring.DefaultCard().Score(f); s.Value >= 62 && kept.Quality != scoring.Hot {
			t.Fatalf("%.2f was hot and is %s", s.Value, kept.Quality)
		}
	})
}
