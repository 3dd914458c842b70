package training

import (
	"fmt"
	"math"
	"slices"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// strengths are the penalties that are tried; the one that judges unseen leads
// best is taken.
var strengths = []float64{3, 30, 300}

// learn fits a logistic model to a set.
func (t Task) learn(s set) (*scoring.Model, error) {
	m := scoring.Model{Format: 1, Kind: scoring.KindLogistic, FeatureSet: scoring.FeatureSet, Target: string(t.Target), Card: t.Card, BaseRate: s.baseRate()}
	cols := usable(s)
	if len(cols) == 0 {
		return nil, fmt.Errorf("no feature varies over %d rows", len(s.rows))
	}
	x, sign := s.columns(cols, &m)
	best, bestZ, bestLoss := strengths[0], []float64(nil), math.Inf(1)
	var guesses, near [folds][]float64
	for _, l2 := range strengths {
		z, err := s.unseen(x, sign, l2, &guesses)
		if err != nil {
			return nil, err
		}
		if loss := LogLoss(s.judgedBy(z)); loss < bestLoss {
			best, bestZ, bestLoss, near = l2, z, loss, guesses
		}
	}
	fit, err := regressFrom(near[0], x, s.labels(), s.weight, best, sign)
	if err != nil {
		return nil, err
	}
	m.Intercept, m.Weights, m.Spread = fit.Intercept, fit.Weights, fit.Spread
	platt, err := Platt(bestZ, s.labels(), s.weight)
	m.Platt = &platt
	if err != nil {
		return nil, err
	}
	return m.Ready()
}

// usable are the features that a model may use and that vary in s.
func usable(s set) (cols []int) {
	for k, f := range scoring.Features() {
		if f.Unsigned {
			continue
		}
		for _, r := range s.rows {
			if r.X[k] != s.rows[0].X[k] {
				cols = append(cols, k)
				break
			}
		}
	}
	return cols
}

// columns standardises the columns, and notes how in m.
func (s set) columns(cols []int, m *scoring.Model) (x [][]float64, sign []int) {
	x = make([][]float64, len(s.rows))
	cells := make([]float64, len(s.rows)*len(cols)) // one block: the fits go over it again and again
	for i := range x {
		x[i] = cells[i*len(cols) : (i+1)*len(cols) : (i+1)*len(cols)]
	}
	for c, k := range cols {
		at := func(i int) float64 { return s.rows[i].X[k] }
		mean, scale := s.moments(at)
		f := scoring.Features()[k]
		m.Features, m.Mean, m.Scale = append(m.Features, f.Name), append(m.Mean, mean), append(m.Scale, scale)
		sign = append(sign, scoring.SignOf(f, m.Target))
		for i := range x {
			x[i][c] = (at(i) - mean) / scale
		}
	}
	return x, sign
}

func (s set) moments(at func(int) float64) (mean, scale float64) {
	all := 0.0
	for i, w := range s.weight {
		mean += float64(w * at(i))
		all += w
	}
	mean /= all
	for i, w := range s.weight {
		d := at(i) - mean
		scale += float64(w * d * d)
	}
	return mean, max(math.Sqrt(scale/all), 1e-6)
}

func (s set) labels() []float64 {
	y := make([]float64, len(s.rows))
	for i, r := range s.rows {
		y[i] = r.Y
	}
	return y
}

func (s set) judgedBy(z []float64) []Judged {
	list := make([]Judged, len(z))
	for i, r := range s.rows {
		list[i] = Judged{P: sigmoid(z[i]), Y: r.Y, Weight: s.weight[i], Lead: r.Lead}
	}
	return list
}

// unseen gives each row the log odds by a fit to the other folds. Each fit
// starts from that fold's guess, and is the next one.
func (s set) unseen(x [][]float64, sign []int, l2 float64, guesses *[folds][]float64) ([]float64, error) {
	z := make([]float64, len(x))
	y := s.labels()
	for fold := range folds {
		others := s.part(fold, true)
		guess := guesses[fold]
		if guess == nil && fold > 0 {
			guess = guesses[fold-1]
		}
		fit, err := regressFrom(guess, pick(x, others), pick(y, others), pick(s.weight, others), l2, sign)
		if err != nil {
			return nil, err
		}
		guesses[fold] = append(slices.Clone(fit.Weights), fit.Intercept)
		for _, i := range s.part(fold, false) {
			z[i] = fit.logOdds(x[i])
		}
	}
	return z, nil
}

func pick[T any](list []T, at []int) []T {
	out := make([]T, len(at))
	for i, k := range at {
		out[i] = list[k]
	}
	return out
}

func (f Fit) logOdds(x []float64) float64 {
	z := f.Intercept
	for j, v := range x {
		z += float64(f.Weights[j] * v)
	}
	return z
}

// Platt fits a slope and a shift of log odds, with Platt's targets, which keep
// it from certainty. A slope that would turn the order round is kept at nearly
// nothing.
func Platt(z, y, weight []float64) ([2]float64, error) {
	won, lost := 0.0, 0.0
	for i, w := range weight {
		won, lost = won+w*y[i], lost+w*(1-y[i])
	}
	x, targets := make([][]float64, len(z)), make([]float64, len(z))
	for i := range z {
		x[i] = []float64{z[i]}
		targets[i] = (float64(y[i]*(won+1)) / (won + 2)) + (1-y[i])/(lost+2)
	}
	fit, err := Regress(x, targets, weight, 1e-6, []int{+1})
	if err != nil {
		return [2]float64{1, 0}, fmt.Errorf("platt: %w", err)
	}
	return [2]float64{max(fit.Weights[0], 1e-3), fit.Intercept}, nil
}

// calibrate puts a probability to the card's points.
func (t Task) calibrate(s set) (*scoring.Model, error) {
	z := make([]float64, len(s.rows))
	for i, r := range s.rows {
		z[i] = (r.Points - scoring.Base) / scoring.PointsPerDoubling * math.Ln2
	}
	platt, err := Platt(z, s.labels(), s.weight)
	if err != nil {
		return nil, err
	}
	return scoring.Model{
		Format: 1, Kind: scoring.KindPlatt, FeatureSet: scoring.FeatureSet, Target: string(t.Target), Card: t.Card, Platt: &platt,
		BaseRate: min(max(s.baseRate(), 0.001), 0.999),
	}.Ready()
}
