package training

import (
	"encoding/json"
	"fmt"
	"slices"
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
	Target  Target // what the labels of Rows are of
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
	Refused *Result // the learned model that the gate refused, where this is points calibrated instead
}

// TooFewError says what is missing for a model. Leads count whose outcome is
// known and whose 90 days are over; of Churn, Won is who was lost or silent.
type TooFewError struct {
	Target           Target
	Leads, Won, Lost int
}

func (e *TooFewError) Error() string {
	return fmt.Sprintf("%d leads with a known outcome and their 90 days over, %d %s and %d not: want %d, and %d of each; until then the points card scores",
		e.Leads, e.Won, e.Target.came(), e.Lost, plattLeads, plattRarer)
}

// Train trains the best kind of model that there is enough to learn for, and
// tries it at the gate. Where a learned one is refused, points are calibrated
// anew and tried instead. It returns a *TooFewError where there is too little.
func Train(t Task) (Result, error) {
	rows := ripe(t.Rows, t.Now)
	leads := leadsOf(rows)
	won, lost := wins(leads)
	if len(leads) < plattLeads || min(won, lost) < plattRarer {
		return Result{}, &TooFewError{t.Target, len(leads), won, lost}
	}
	if len(leads) < learnLeads || min(won, lost) < learnRarer {
		return t.calibrated(rows)
	}
	learned, err := t.best(rows, len(leads))
	if err != nil || learned.Promote {
		return learned, err
	}
	points, err := t.calibrated(rows)
	if err != nil || !points.Promote {
		return learned, err
	}
	points.Card.Limits = append(slices.Clone(points.Card.Limits), "A learned model was tried, too, and refused: "+learned.Card.refusal())
	points.Refused = &learned
	return points, nil
}

// best learns from the older leads and holds the newest out, or, where those
// are too few, learns from all.
func (t Task) best(rows []Row, leads int) (Result, error) {
	if train, held, ok := enough(rows, leads); ok {
		return t.learned(train, held)
	}
	return t.crossed(rows)
}

// Calibrated is points with the probability that the rows known by t.Now give
// them: what any model must beat.
func Calibrated(t Task) (*scoring.Model, error) {
	rows := ripe(t.Rows, t.Now)
	leads := leadsOf(rows)
	if won, lost := wins(leads); len(leads) < plattLeads || min(won, lost) < plattRarer {
		return nil, &TooFewError{t.Target, len(leads), won, lost}
	}
	return t.calibrate(newSet(rows))
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
	trainSet := newSet(train)
	m, err := t.learn(trainSet)
	if err != nil {
		return Result{}, fmt.Errorf("train: %w", err)
	}
	points, err := t.calibrate(trainSet)
	if err != nil {
		return Result{}, fmt.Errorf("train points: %w", err)
	}
	return newTrial(t, m, points, trainSet, newSet(held)).tryLearned()
}

func (t *trial) tryLearned() (Result, error) {
	m, err := t.withReliability(t.candidate)
	if err != nil {
		return Result{}, err
	}
	t.candidate = m
	return t.result(t.learnedChecks()), nil
}
