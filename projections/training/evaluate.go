package training

import (
	"slices"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// Evaluate tries a model at the gate, on rows later than what it was trained
// on: what is asked of a model that serves, or that somebody brings. The card
// says of its training what was says; where that is not known, it is tried on
// all rows, and the card names that among the limits. It returns a *TooFewError
// where there is too little to judge by.
func Evaluate(t Task, m *scoring.Model, was ModelCard) (ModelCard, error) {
	rows := slices.DeleteFunc(ripe(t.Rows, t.Now), func(r Row) bool { return !r.AsOf.After(was.To) })
	leads := leadsOf(rows)
	won, lost := wins(leads)
	if len(leads) < plattLeads || min(won, lost) == 0 {
		return ModelCard{}, &TooFewError{t.Target, len(leads), won, lost}
	}
	s := newSet(rows)
	points, err := t.calibrate(s)
	if err != nil {
		return ModelCard{}, err
	}
	trial := newTrial(t, m, points, s, s)
	checks := trial.calibratedChecks
	if m.Kind == scoring.KindLogistic {
		checks = trial.learnedChecks
	}
	c := trial.result(checks()).Card
	c.TrainedAt, c.From, c.To, c.Rows, c.Leads, c.Won = was.TrainedAt, was.From, was.To, was.Rows, was.Leads, was.Won
	if was.Unknown() && m.Kind != scoring.KindPoints {
		c.Limits = append([]string{limitUnknown}, c.Limits...)
	}
	return c, nil
}

const limitUnknown = "It is not known which leads its author learned from: some of those that it was tried on may be among them, and the figures flatter it then."

// Unknown reports that the card does not say what the model was trained on.
func (c ModelCard) Unknown() bool { return c.To.IsZero() }
