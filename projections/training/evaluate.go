package training

import (
	"slices"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// Evaluate tries a model at the gate, on rows later than what it was trained
// on: what is asked of a model that serves, or that somebody brings. It returns
// a *TooFewError where there is too little to judge by.
func Evaluate(t Task, m *scoring.Model, trainedTo time.Time) (ModelCard, error) {
	rows := slices.DeleteFunc(ripe(t.Rows, t.Now), func(r Row) bool { return !r.AsOf.After(trainedTo) })
	leads := leadsOf(rows)
	won, lost := wins(leads)
	if len(leads) < plattLeads || min(won, lost) == 0 {
		return ModelCard{}, &TooFewError{len(leads), won, lost}
	}
	s := newSet(rows)
	points, err := t.calibrate(s)
	if err != nil {
		return ModelCard{}, err
	}
	trial := newTrial(t, m, points, s, s)
	if m.Kind == scoring.KindLogistic {
		return trial.result(trial.learnedChecks()).Card, nil
	}
	return trial.result(trial.calibratedChecks()).Card, nil
}
