package training

import (
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// Target is what a model foretells.
type Target string

// The targets.
const (
	Win   Target = ""                  // a deal is won within 90 days
	Churn Target = scoring.TargetChurn // a deal is lost, or nothing comes from the lead, within 60 days
)

// Silence is how long nothing must come from a lead that is gone.
const Silence = 60 * 24 * time.Hour

// What a card says of the targets.
func (t Target) String() string {
	if t == Churn {
		return "lost, or silent for 60 days"
	}
	return "won within 90 days"
}

// came is what became of a lead of which the target came true.
func (t Target) came() string {
	if t == Churn {
		return "lost or silent"
	}
	return "won"
}

func (t Target) horizon() time.Duration {
	if t == Churn {
		return Silence
	}
	return Horizon
}

// fates is what became of the leads, as far as the ledger tells.
type fates struct {
	target    Target
	ends      map[string][]end
	heard     map[string][]word // what came from a lead; of Churn alone
	forgotten map[string]ledger.Seq
	now       time.Time // arrival of the newest entry
}

// word is something that a lead did.
type word struct{ at, known time.Time }

// end is a deal of a lead that was won or lost.
type end struct {
	at, known time.Time
	won       bool
}

// ends reports whether e ends a deal.
func ends(e ledger.Entry) bool {
	return ghl.Type(e.Kind) == ghl.OpportunityWon || ghl.Type(e.Kind) == ghl.OpportunityLost
}

func newFates(t Target) *fates {
	return &fates{target: t, ends: map[string][]end{}, heard: map[string][]word{}, forgotten: map[string]ledger.Seq{}}
}

// add takes an entry in, in the order of the ledger.
func (f *fates) add(e ledger.Entry) {
	if at := e.Arrived(); at.After(f.now) {
		f.now = at
	}
	switch {
	case e.Kind == projections.KindForgotten:
		f.forgotten[e.Subject] = e.Seq
		delete(f.ends, e.Subject)
		delete(f.heard, e.Subject)
	case e.Meta.Scheme == "" || e.Erased || e.Subject == "": // no delivery
	case ends(e):
		f.end(e)
	case f.target == Churn && hears(e):
		at := e.Arrived()
		if !e.Occurred.IsZero() && e.Occurred.Before(at) {
			at = e.Occurred
		}
		f.heard[e.Subject] = append(f.heard[e.Subject], word{at, e.Arrived()})
	}
}

func (f *fates) end(e ledger.Entry) {
	defer func() { _ = recover() }() // the walk meets it again, and passes over the entry
	ev, err := ghl.ParseEvent(e.Body, e.Meta.Type)
	if err != nil {
		return // the view parks it, too
	}
	at := ev.Time
	if at.IsZero() || at.After(e.Arrived()) {
		at = e.Arrived()
	}
	f.ends[e.Subject] = append(f.ends[e.Subject], end{at, e.Arrived(), ghl.Type(e.Kind) == ghl.OpportunityWon})
}

// hears reports whether e is something that the lead did.
func hears(e ledger.Entry) bool {
	switch ghl.Type(e.Kind) {
	case ghl.MessageReceived, ghl.AppointmentScheduled, ghl.AppointmentCompleted, ghl.CampaignOpened, ghl.CampaignClicked:
		return true
	}
	return false
}

// label says what became of a row within the target's horizon and when that
// was known, and false where it is not known yet. A win outweighs a loss.
func (f *fates) label(r *Row) bool {
	t := f.target
	until := r.AsOf.Add(t.horizon())
	var decided *end
	for i, e := range f.ends[r.Lead] {
		if e.at.Before(r.AsOf) || e.at.After(until) {
			continue
		}
		if decided == nil || e.won && !decided.won {
			decided = &f.ends[r.Lead][i]
		}
	}
	switch {
	case decided != nil:
		r.Known, r.Y = decided.known, flag(decided.won == (t == Win))
	case !f.now.After(until): // what arrives in that moment still counts
		r.Known = until
		return false
	default:
		known, heard := f.heardIn(r.Lead, r.AsOf, until)
		r.Known, r.Y = until, flag(t == Churn && !heard)
		if heard && known.After(until) { // it was taken for silent until then
			r.Known = known
		}
	}
	return true
}

// heardIn reports whether a lead did something between, and when the first of
// that was known.
func (f *fates) heardIn(lead string, after, until time.Time) (known time.Time, heard bool) {
	for _, w := range f.heard[lead] {
		if w.at.After(after) && !w.at.After(until) && (!heard || w.known.Before(known)) {
			known, heard = w.known, true
		}
	}
	return known, heard
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
