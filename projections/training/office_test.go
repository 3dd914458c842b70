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
// much they want to buy, and so does what becomes of them. In the second year
// the market may be another.
type office struct {
	*rand.Rand
	start  time.Time
	market market
	odds   odds // of the newest lead, which nobody in the office knows
}

// market is what becomes of the market of an office.
type market int

const (
	stays      market = iota
	cools             // half way, over night
	coolsSlow         // from the ninth month to the eighteenth
	turnsRound        // half way, over night: another source is good, and budgets mean something else
)

// worth is what a market makes of a lead.
type worth struct {
	base, timeline, budget float64
	source                 map[string]float64
}

// The markets that there are: as it was, cool, and turned round.
var worths = [3]worth{
	{-1.3, 0.14, 0.3, map[string]float64{"referral": 1.4, "website": 0.2, "zillow": -0.6, "facebook": -0.8, "import": -1.6}},
	{-1.8, 0.17, 0.3, map[string]float64{"referral": 1.2, "website": 0.1, "zillow": -0.3, "facebook": -0.7, "import": -1.5}},
	{-1.3, 0.22, 0.8, map[string]float64{"referral": 0.8, "website": -0.6, "zillow": 0.9, "facebook": -0.2, "import": -1.2}},
}

// odds are the log odds of a win in each of worths.
type odds [len(worths)]float64

// chance is that of a win in a market some months after the start, and in the
// market as it was.
func (m market) chance(z odds, months float64) (now, was float64) {
	share, to := 0.0, 1
	switch {
	case m == coolsSlow:
		share = max(0, min((months-9)/9, 1))
	case m != stays && months > 12:
		share = 1
	}
	if m == turnsRound {
		to = 2
	}
	return sigmoid(z[0] + share*(z[to]-z[0])), sigmoid(z[0])
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

func newOffice(seed uint64) *office {
	return &office{Rand: rand.New(rand.NewPCG(seed, 7)), start: time.Date(2024, 1, 1, 9, 0, 0, 0, time.UTC)}
}

// after is how many months a time is after the office's start.
func (o *office) after(at time.Time) float64 {
	whole := (at.Year()-o.start.Year())*12 + int(at.Month()-o.start.Month())
	return float64(whole) + float64(at.Sub(o.start.AddDate(0, whole, 0)))/float64(30*24*time.Hour)
}

// lead is one lead: as it was known some days after it came, and its end.
func (o *office) lead(i int, came time.Time) (training.Row, scoring.Facts) {
	want := o.NormFloat64()
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
	o.odds = oddsOf(f, want, months)
	if chance, _ := o.market.chance(o.odds, o.after(came)); o.Float64() < chance {
		row.Y, row.Known = 1, f.AsOf.Add(time.Duration(soonest+o.IntN(latest-soonest))*24*time.Hour)
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

// A win is known some days after its row, any of these as likely.
const soonest, latest = 5, 85

func oddsOf(f scoring.Facts, want, months float64) (z odds) {
	for i, w := range worths {
		z[i] = w.base + 1.5*want + w.source[f.Source] - w.timeline*(months-6)
		if f.BudgetMax > 0 {
			z[i] += w.budget
		}
		for _, a := range f.Appointments {
			if a.Status == "completed" {
				z[i] += 0.8
			}
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
