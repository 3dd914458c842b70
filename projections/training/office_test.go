package training_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
)

// office makes up the leads of an office, seeded: what they do depends on how
// much they want to buy, and so does what becomes of them. Half way the market
// turns: it cools, or another source is good and budgets mean something else.
type office struct {
	*rand.Rand
	start    time.Time
	turn     time.Time
	reversed bool    // the market turns round, where it else cools
	chance   float64 // of the newest lead, which nobody in the office knows
}

func newOffice(seed uint64) *office {
	start := time.Date(2024, 1, 1, 9, 0, 0, 0, time.UTC)
	return &office{Rand: rand.New(rand.NewPCG(seed, 7)), start: start, turn: start.AddDate(1, 0, 0)}
}

// lead is one lead: as it was known some days after it came, and its end.
func (o *office) lead(i int, came time.Time) (training.Row, scoring.Facts) {
	want := o.NormFloat64()
	turned := came.After(o.turn)
	f := scoring.Facts{
		Created: came, AsOf: came.Add(time.Duration(1+o.IntN(20)) * 24 * time.Hour), CreatedBy: fmt.Sprintf("evt_%d", i), PreferencesBy: fmt.Sprintf("evt_%d", i),
		HasEmail: o.Float64() < 0.8, HasPhone: o.Float64() < 0.6, Completeness: o.Float64(),
		Source: []string{"referral", "website", "zillow", "facebook", "import"}[o.IntN(5)],
	}
	if o.Float64() < 0.6 {
		f.BudgetMin, f.BudgetMax = 250_000, 300_000+float64(o.IntN(8))*50_000
	}
	months := 1 + o.Float64()*14
	if o.Float64() < 0.7 {
		f.TimelineMonths = &months
	}
	o.behave(&f, want)
	row := training.Row{
		Lead: fmt.Sprintf("contact_%06d", i), AsOf: f.AsOf, Event: f.CreatedBy, X: scoring.FeaturesOf(f), Source: f.Source,
	}
	s := scoring.DefaultCard().Score(f)
	row.Points, row.Tier = s.Value, s.Quality
	row.Known = f.AsOf.Add(training.Horizon)
	o.chance = 1 / (1 + math.Exp(-o.truth(f, want, months, turned)))
	if o.Float64() < o.chance {
		row.Y, row.Known = 1, f.AsOf.Add(time.Duration(5+o.IntN(80))*24*time.Hour)
	}
	return row, f
}

// behave has a lead do more the more it wants.
func (o *office) behave(f *scoring.Facts, want float64) {
	at := func() time.Time { return f.Created.Add(time.Duration(o.Float64() * float64(f.AsOf.Sub(f.Created)))) }
	eager := 1 / (1 + math.Exp(-2*want))
	for range o.IntN(4) {
		m := scoring.Message{At: at(), Inbound: o.Float64() < 0.3+0.5*eager, Channel: "sms", Intent: scoring.Other, Event: "evt_m"}
		switch x := o.Float64(); {
		case x < 0.35*eager:
			m.Intent, m.Sentiment = scoring.TourRequest, 0.3
		case x < 0.5*eager:
			m.Intent = scoring.FinancingQuestion
		case x > 1-0.1*(1-eager):
			m.Intent, m.Sentiment = scoring.NotInterested, -0.4
		}
		f.Messages = append(f.Messages, m)
	}
	if o.Float64() < 0.6*eager {
		a := scoring.Appointment{ID: "a", Booked: at(), Event: "evt_a", Status: []string{"scheduled", "completed", "completed", "missed"}[o.IntN(4)]}
		a.Start, a.Ended = a.Booked.AddDate(0, 0, 3), a.Booked.AddDate(0, 0, 3)
		if a.Status == "scheduled" {
			a.Ended = time.Time{}
		} else if a.Ended.After(f.AsOf) {
			a.Ended = f.AsOf
		}
		a.Sentiment = 0.6 * (o.Float64()*2 - 1 + want/2)
		a.Sentiment = max(-1, min(a.Sentiment, 1))
		f.Appointments = append(f.Appointments, a)
	}
	for range o.IntN(3) {
		f.Opens = append(f.Opens, scoring.Touch{At: at(), Event: "evt_o"})
	}
}

// truth is the log odds of a win, which nobody in the office knows.
func (o *office) truth(f scoring.Facts, want, months float64, turned bool) float64 {
	source := map[string]float64{"referral": 1.4, "website": 0.2, "zillow": -0.6, "facebook": -0.8, "import": -1.6}[f.Source]
	timeline, budget := 0.14, 0.3
	base := -1.3
	switch {
	case turned && !o.reversed: // it cools
		source = map[string]float64{"referral": 1.2, "website": 0.1, "zillow": -0.3, "facebook": -0.7, "import": -1.5}[f.Source]
		base, timeline = -1.8, 0.17
	case turned:
		source = map[string]float64{"referral": 0.8, "website": -0.6, "zillow": 0.9, "facebook": -0.2, "import": -1.2}[f.Source]
		timeline, budget = 0.22, 0.8
	}
	z := base + 1.5*want + source - timeline*(months-6)
	if f.BudgetMax > 0 {
		z += budget
	}
	for _, a := range f.Appointments {
		if a.Status == "completed" {
			z += 0.8
		}
	}
	return z
}

// month makes n leads that come within the month.
func (o *office) month(m, n, from int) (rows []training.Row, facts []scoring.Facts) {
	for i := range n {
		came := o.start.AddDate(0, m, 0).Add(time.Duration(o.IntN(28*24)) * time.Hour)
		row, f := o.lead(from+i, came)
		rows, facts = append(rows, row), append(facts, f)
	}
	return rows, facts
}
