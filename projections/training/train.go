package training

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// What it takes for a stage, in leads whose outcome is known.
const (
	plattLeads, plattRarer = 50, 20
	learnLeads, learnRarer = 200, 40
	heldLeads, heldRarer   = 200, 20
)

// Task is one training.
type Task struct {
	Rows    []Row
	Now     time.Time       // what is not known by now is not looked at
	Serving *scoring.Model  // nil is the points card alone
	Card    json.RawMessage // the card to score by; nil is the one built in
	Open    []scoring.Facts // leads that people work with now
	Waived  []string        // leaks that a person answers for, by the feature's name, or "model"

	AcceptTiers bool // however many open leads change their tier
}

// Result is a model that was trained, and whether it may serve.
type Result struct {
	Model   *scoring.Model
	Card    ModelCard
	Promote bool
}

// TooFewError says what is missing for a model.
type TooFewError struct{ Leads, Won, Lost int }

func (e *TooFewError) Error() string {
	return fmt.Sprintf("%d leads with a known outcome, %d won and %d not: want %d, and %d of each; until then the points card scores",
		e.Leads, e.Won, e.Lost, plattLeads, plattRarer)
}

// Train trains the best kind of model that there is enough to learn for, and
// tries it at the gate. It returns a *TooFewError where there is too little.
func Train(t Task) (Result, error) {
	rows := ripe(t.Rows, t.Now)
	leads := leadsOf(rows)
	won, lost := wins(leads)
	if len(leads) < plattLeads || min(won, lost) < plattRarer {
		return Result{}, &TooFewError{len(leads), won, lost}
	}
	if train, held, ok := enough(rows, len(leads)); ok {
		return t.learned(train, held)
	}
	return t.calibrated(rows)
}

// enough splits rows if both parts suffice to learn and to try a model.
func enough(rows []Row, leads int) (train, held []Row, ok bool) {
	if leads < learnLeads+heldLeads {
		return nil, nil, false
	}
	train, held = split(rows, max(heldLeads, leads/5))
	tw, tl := wins(leadsOf(train))
	hw, hl := wins(leadsOf(held))
	return train, held, tw+tl >= learnLeads && min(tw, tl) >= learnRarer && min(hw, hl) >= heldRarer
}

// learned trains a logistic model on one part and tries it on the other.
func (t Task) learned(train, held []Row) (Result, error) {
	trainSet, heldSet := newSet(train), newSet(held)
	m, err := learn(trainSet, t.Card)
	if err != nil {
		return Result{}, fmt.Errorf("train: %w", err)
	}
	points, err := calibrate(trainSet, t.Card)
	if err != nil {
		return Result{}, fmt.Errorf("train points: %w", err)
	}
	trial := newTrial(t, m, points, trainSet, heldSet)
	if m, err = trial.withReliability(m); err != nil {
		return Result{}, err
	}
	trial.candidate = m
	return trial.result(trial.learnedChecks()), nil
}

// calibrated puts probabilities to points; each lead is judged by a
// calibration to the others.
func (t Task) calibrated(rows []Row) (Result, error) {
	s := newSet(rows)
	m, err := calibrate(s, t.Card)
	if err != nil {
		return Result{}, fmt.Errorf("calibrate: %w", err)
	}
	trial := newTrial(t, m, m, s, s)
	for fold := range folds {
		part, err := calibrate(newSet(pick(rows, s.part(fold, true))), t.Card)
		if err != nil {
			return Result{}, fmt.Errorf("calibrate: %w", err)
		}
		for _, i := range s.part(fold, false) {
			trial.judged[i].P = part.Probability(rows[i].X, rows[i].Points)
		}
	}
	return trial.result(trial.calibratedChecks()), nil
}
