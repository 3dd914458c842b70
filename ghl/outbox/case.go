package outbox

import (
	"math"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// Case is what a rule looks at: an event, the contact as the leads view has
// it, and what was asked for it before.
type Case struct {
	Entry  ledger.Entry
	Event  ghl.Event
	Lead   projections.Lead // its Score is the new one
	Before *scoring.Score   // the score before this event; nil for a first one

	Answered time.Time // when the contact was last answered automatically
	Change   string    // the entry that stands for the change of the opportunity's status that the event tells of
}

// Rule decides what follows from a case. Decide is pure.
type Rule struct {
	Name   string
	Decide func(Case) []Request
}

// eventTime is when ev happened. A time in the future counts as arrival, so a
// sender's clock cannot keep a message young.
func eventTime(e ledger.Entry, ev ghl.Event) time.Time {
	at := ev.Time
	if at.IsZero() {
		at = e.Occurred
	}
	if at.IsZero() || at.After(e.Arrived()) {
		return e.Arrived()
	}
	return at
}

// moved reports whether the new score says something else than the one before.
func (c Case) moved() bool {
	return c.Before == nil || differs(*c.Before, *c.Lead.Score, 0.005)
}

// differs reports whether two scores differ in tier or first action, or by at
// least so many points.
func differs(a, b scoring.Score, points float64) bool {
	return a.Quality != b.Quality || firstAction(a).Code != firstAction(b).Code || math.Abs(a.Value-b.Value) >= points
}

// turnedHot reports whether this event made the lead hot.
func (c Case) turnedHot() bool {
	return c.Lead.Score.Quality == scoring.Hot && (c.Before == nil || c.Before.Quality != scoring.Hot)
}

// silent reports whether nothing may be said to the contact about this event.
func (c Case) silent() bool {
	return c.Entry.Meta.Backfill || c.Lead.OptedOut || c.Lead.Status == projections.StatusDeleted
}

// unreachable reports whether the contact is known to lack what via needs. A
// contact of which only a change was seen, such as a new number, and neither
// how it was created nor its name, may have it at GoHighLevel: the rest of its
// history may come late.
func (c Case) unreachable(via string) bool {
	if !c.Lead.Introduced && c.Lead.Name == "" {
		return false
	}
	return via == viaEmail && c.Lead.Email == "" || via == viaSMS && c.Lead.Phone == ""
}

// appointment returns the event's appointment as the lead has it.
func (c Case) appointment() projections.LeadAppointment {
	if c.Event.Appointment == nil {
		return projections.LeadAppointment{}
	}
	for _, a := range c.Lead.Appointments {
		if a.ID == c.Event.Appointment.ID {
			return a
		}
	}
	return projections.LeadAppointment{ID: c.Event.Appointment.ID, Start: c.Event.Appointment.Start}
}

// opportunity returns the event's opportunity as the lead has it.
func (c Case) opportunity() projections.LeadOpportunity {
	if c.Event.Opportunity == nil {
		return projections.LeadOpportunity{}
	}
	for _, o := range c.Lead.Opportunities {
		if o.ID == c.Event.Opportunity.ID {
			return o
		}
	}
	return projections.LeadOpportunity{ID: c.Event.Opportunity.ID}
}

func firstAction(s scoring.Score) scoring.Action {
	if len(s.Actions) == 0 {
		return scoring.Action{}
	}
	return s.Actions[0]
}

func round2(x float64) float64 { return math.Round(x*100) / 100 }
