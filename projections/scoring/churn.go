package scoring

import (
	"fmt"
	"time"
)

// churnFile is the cold-start estimate of churn as a card has it: the
// probability that the lead's deal is lost, or that nothing comes from the
// lead for 60 days.
type churnFile struct {
	Curve     []struct{ Days, Risk float64 } // by days since the lead last did something
	TourAhead float64                        `json:"tour_ahead"` // which part of the curve a tour ahead takes away, negative
	TourDone  float64                        `json:"tour_done"`
	Missed    float64                        `json:"missed_tour"`
	Cancelled float64                        `json:"cancelled_tour"`
	ToneBad   float64                        `json:"tone_bad"`
	Refused   float64
	OptedOut  float64 `json:"opted_out"` // at least
	Min, Max  float64
}

func (c *churnFile) validate(faults *faults) {
	for i, k := range c.Curve {
		at := fmt.Sprintf("churn.curve[%d]", i)
		faults.check(k.Risk >= 0 && k.Risk <= 1 && k.Days >= 0 && k.Days <= 3650, at, "want days 0 to 3650, risk 0 to 1")
		faults.check(i == 0 || k.Days > c.Curve[i-1].Days && k.Risk >= c.Curve[i-1].Risk, at, "want days to grow and risk not to fall")
	}
	faults.check(len(c.Curve) > 0, "churn.curve", "missing")
	for _, part := range []struct {
		name string
		x    float64
	}{
		{"tour_ahead", -c.TourAhead}, {"tour_done", -c.TourDone}, {"missed_tour", c.Missed},
		{"cancelled_tour", c.Cancelled}, {"tone_bad", c.ToneBad}, {"refused", c.Refused},
	} {
		faults.check(part.x >= 0 && part.x <= 1, "churn."+part.name, "points the wrong way, or more than 1")
	}
	faults.check(c.OptedOut >= 0.95 && c.OptedOut <= 1, "churn.opted_out", "want 0.95 to 1")
	faults.check(c.Min >= 0 && c.Min <= c.Max && c.Max <= 1, "churn.min", "want 0 <= min <= max <= 1")
}

// churnCurve is churnFile in hundredths.
type churnCurve struct {
	knots                                           []knot
	tourAhead, tourDone, missed, cancelled, toneBad centi
	refused, optedOut, min, max                     centi
}

type knot struct {
	after time.Duration
	risk  centi
}

func (c *churnFile) curve() churnCurve {
	curve := churnCurve{
		tourAhead: hundredths(c.TourAhead), tourDone: hundredths(c.TourDone), missed: hundredths(c.Missed),
		cancelled: hundredths(c.Cancelled), toneBad: hundredths(c.ToneBad), refused: hundredths(c.Refused),
		optedOut: hundredths(c.OptedOut), min: hundredths(c.Min), max: hundredths(c.Max),
	}
	for _, k := range c.Curve {
		curve.knots = append(curve.knots, knot{time.Duration(k.Days*24*3600) * time.Second, hundredths(k.Risk)})
	}
	return curve
}

// at is the risk after nothing was heard for age; it never falls with age.
func (c *churnCurve) at(age time.Duration) centi {
	before := c.knots[0]
	for _, k := range c.knots {
		if age < k.after {
			run := int64((k.after - before.after) / time.Second)
			if run <= 0 {
				return k.risk
			}
			return before.risk + centi(int64(k.risk-before.risk)*int64((age-before.after)/time.Second)/run)
		}
		before = k
	}
	return before.risk
}

// churnSum gathers a risk and its reasons.
type churnSum struct {
	risk    centi
	reasons []Reason
}

func (s *churnSum) add(code string, p centi, text, event string) {
	if p != 0 {
		s.risk += p
		s.reasons = append(s.reasons, Reason{Code: code, Points: p.float(), Text: text, EventID: event})
	}
}

// risk is the probability of churn and what it is made of: the points of the
// reasons add up to it, in hundredths. How a lead ended is not estimated.
func (c *churnCurve) risk(f *Facts) (centi, []Reason) {
	s := churnSum{reasons: make([]Reason, 0, 6)}
	end := f.outcome()
	switch {
	case f.Deleted:
		s.add("DELETED", 100, "The contact was deleted", f.DeletedBy)
	case end != nil && end.Status == "lost":
		s.add("LOST", 100, "The deal was lost", end.Event)
	case end != nil: // won: nothing is at risk
		s.reasons = append(s.reasons, Reason{Code: "WON", Text: "Closed a deal on " + day(end.At), EventID: end.Event})
	default:
		c.estimate(f, &s)
	}
	if f.OptedOut && s.risk < c.optedOut {
		s.add("OPT_OUT", c.optedOut-s.risk, "Asked for no more messages", f.OptedOutBy)
	}
	return s.risk, s.reasons
}

func (c *churnCurve) estimate(f *Facts, s *churnSum) {
	last, event := f.lastActivity()
	age := max(f.AsOf.Sub(last), 0)
	s.add("RECENCY", c.at(age), "Last heard from "+ago(age), event)
	if a := f.tourAhead(); a != nil {
		s.add("TOUR_AHEAD", c.tourAhead*c.at(age)/100, "A tour is ahead on "+day(a.when()), a.Event)
	}
	if a := f.newestWith("completed"); a != nil {
		s.add("TOUR_DONE", c.tourDone, "Has toured a property", a.Event)
	}
	if a := f.newestWith("missed"); a != nil {
		s.add("MISSED_TOUR", c.missed*centi(min(f.count("missed"), 2)), "Did not show up for a tour", a.Event)
	}
	if a := f.newestWith("cancelled"); a != nil {
		s.add("CANCELLED_TOUR", c.cancelled, "Cancelled a tour", a.Event)
	}
	if m := f.lastSpoken(); m != nil && m.Sentiment <= -0.3 {
		s.add("TONE_BAD", c.toneBad, "Sounded unhappy in the last message", m.Event)
	}
	if m := f.refusal(); m != nil {
		s.add("REFUSED", c.refused, "Turned us away in the last message", m.Event)
	}
	kept := max(c.min, min(s.risk, c.max))
	s.add(Cap, kept-s.risk, "A probability is never certain", event)
}
