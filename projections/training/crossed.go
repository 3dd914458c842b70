package training

import (
	"fmt"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// maker makes a model of a set.
type maker func(set) (*scoring.Model, error)

// unseenBy judges every row of s by a model made without the leads of its fold.
func (s set) unseenBy(of maker) ([]Judged, error) {
	judged := s.judged(func(Row) float64 { return 0 })
	for fold := range folds {
		m, err := of(newSet(pick(s.rows, s.part(fold, true))))
		if err != nil {
			return nil, err
		}
		for _, i := range s.part(fold, false) {
			judged[i].P = m.Probability(s.rows[i].X, s.rows[i].Points)
		}
	}
	return judged, nil
}

// newest are the places of the rows of the newest leads.
func (s set) newest(n int) (at []int) {
	leads := leadsOf(s.rows)
	of := map[string]bool{}
	for _, l := range leads[max(0, len(leads)-n):] {
		of[l.name] = true
	}
	for i, r := range s.rows {
		if of[r.Lead] {
			at = append(at, i)
		}
	}
	return at
}

const limitCrossed = "There were too few outcomes to hold 200 out: each of the newest was judged by a model of the other leads, some of them later."

// crossed learns from all leads. The newest are judged by models that were made
// without them.
func (t Task) crossed(rows []Row) (Result, error) {
	s := newSet(rows)
	m, err := t.learn(s)
	if err != nil {
		return Result{}, fmt.Errorf("train: %w", err)
	}
	judged, err := s.unseenBy(t.learn)
	if err != nil {
		return Result{}, fmt.Errorf("train: %w", err)
	}
	trial, err := t.crossedTrial(m, judged, s)
	if err != nil {
		return Result{}, err
	}
	r, err := trial.tryLearned()
	r.Card.Limits = append([]string{limitCrossed}, r.Card.Limits...)
	return r, err
}

// crossedTrial tries m on the newest leads of s, by what judged says of them.
func (t Task) crossedTrial(m *scoring.Model, judged []Judged, s set) (*trial, error) {
	points, err := t.calibrate(s)
	if err != nil {
		return nil, fmt.Errorf("calibrate: %w", err)
	}
	byPoints, err := s.unseenBy(t.calibrate)
	if err != nil {
		return nil, fmt.Errorf("calibrate: %w", err)
	}
	at := s.newest(heldLeads)
	held := set{rows: pick(s.rows, at), weight: pick(s.weight, at), fold: pick(s.fold, at)}
	trial := newTrial(t, m, points, s, held)
	trial.judged, trial.byPoints = pick(judged, at), pick(byPoints, at)
	if t.unscored() {
		trial.serve = trial.byPoints
	}
	return trial, nil
}

// calibrated puts probabilities to points.
func (t Task) calibrated(rows []Row) (Result, error) {
	s := newSet(rows)
	m, err := t.calibrate(s)
	if err != nil {
		return Result{}, fmt.Errorf("calibrate: %w", err)
	}
	judged, err := s.unseenBy(t.calibrate)
	if err != nil {
		return Result{}, fmt.Errorf("calibrate: %w", err)
	}
	trial, err := t.crossedTrial(m, judged, s)
	if err != nil {
		return Result{}, err
	}
	return trial.result(trial.calibratedChecks()), nil
}
