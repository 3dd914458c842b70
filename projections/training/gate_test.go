package training

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"pgregory.net/rapid"
)

// plantedTrial is a good model before the gate: a feature tells some of the
// end, the model knows how much, points know nothing, 300 leads are held out.
func plantedTrial(t *testing.T) *trial {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 5))
	k := featureNamed(t, "messages_30d")
	var rows []Row
	for i := range 600 {
		x := make([]float64, len(scoring.Features()))
		x[k] = r.NormFloat64()
		row := Row{Lead: fmt.Sprint(i), AsOf: time.Date(2024, 1, 1, i, 0, 0, 0, time.UTC), X: x, Points: 40 + r.NormFloat64()}
		if r.Float64() < sigmoid(-0.5+0.8*x[k]) {
			row.Y = 1
		}
		rows = append(rows, row)
	}
	m := planted(t, map[string]float64{"messages_30d": 0.8}, -0.5, [2]float64{1, 0})
	points, err := Task{}.calibrate(newSet(rows[:300]))
	if err != nil {
		t.Fatal(err)
	}
	return newTrial(Task{}, m, points, newSet(rows[:300]), newSet(rows[300:]))
}

func featureNamed(t *testing.T, name string) int {
	t.Helper()
	for k, f := range scoring.Features() {
		if f.Name == name {
			return k
		}
	}
	t.Fatalf("no feature %s", name)
	return 0
}

func planted(t *testing.T, weights map[string]float64, intercept float64, platt [2]float64) *scoring.Model {
	t.Helper()
	m := scoring.Model{Format: 1, Kind: scoring.KindLogistic, FeatureSet: scoring.FeatureSet, Intercept: intercept, Platt: &platt, BaseRate: 0.4}
	for _, f := range scoring.Features() {
		if w, ok := weights[f.Name]; ok {
			m.Features, m.Mean, m.Scale, m.Weights = append(m.Features, f.Name), append(m.Mean, 0), append(m.Scale, 1), append(m.Weights, w)
		}
	}
	ready, err := m.Ready()
	if err != nil {
		t.Fatal(err)
	}
	return ready
}

// TestGateConditions: each condition refuses the bad model that it is there for.
func TestGateConditions(t *testing.T) {
	for _, tt := range []struct {
		refuses string // the check that fails; "" is none
		plant   func(t *testing.T, tr *trial)
	}{
		{"", func(*testing.T, *trial) {}},
		{"enough that it has not seen", func(_ *testing.T, tr *trial) { tr.hold(tr.held.rows[:150]) }},
		{"better than the model that serves", func(_ *testing.T, tr *trial) { tr.Serving = tr.candidate }},
		{"better than calibrated points", func(_ *testing.T, tr *trial) { tr.points = tr.candidate }},
		{"its order is no worse", func(t *testing.T, tr *trial) {
			tr.Serving = tr.candidate
			tr.candidate = planted(t, map[string]float64{"has_email": 0.5}, -0.5, [2]float64{1, 0})
		}},
		{"calibrated", func(_ *testing.T, tr *trial) {
			tr.candidate = planted(t, map[string]float64{"messages_30d": 0.8}, -0.5, [2]float64{1, 1.5})
		}},
		{"neither bold nor timid", func(t *testing.T, tr *trial) {
			tr.candidate = planted(t, map[string]float64{"messages_30d": 0.8}, -0.5, [2]float64{2, 0})
		}},
		{"neither bold nor timid", func(t *testing.T, tr *trial) {
			tr.candidate = planted(t, map[string]float64{"messages_30d": 0.8}, -0.5, [2]float64{0.3, 0})
		}},
		{"too good to be true", func(t *testing.T, tr *trial) {
			for i := range tr.held.rows {
				tr.held.rows[i].X[featureNamed(t, "messages_30d")] = 4 * (tr.held.rows[i].Y - 0.4)
			}
		}},
		{"leak: messages_30d", func(t *testing.T, tr *trial) {
			for i := range tr.train.rows {
				tr.train.rows[i].X[featureNamed(t, "messages_30d")] = tr.train.rows[i].Y
			}
		}},
		{"leak: messages_30d", func(t *testing.T, tr *trial) { // in the older half alone
			for i := range tr.train.rows[:150] {
				tr.train.rows[i].X[featureNamed(t, "messages_30d")] = 0.2 * (tr.train.rows[i].Y - 0.4)
			}
		}},
		{"keeps the promises", func(_ *testing.T, tr *trial) {
			broken := *tr.candidate // as no trainer may make it, and Ready refuses
			broken.Weights = []float64{-0.8}
			tr.candidate = &broken
		}},
		{"people's lists stay what they are", func(t *testing.T, tr *trial) {
			for range 10 {
				tr.Open = append(tr.Open, scoring.Facts{AsOf: time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC), Created: time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)})
			}
			tr.candidate = planted(t, map[string]float64{"messages_30d": 0.8}, -6, [2]float64{1, 5.5})
			tr.candidate.BaseRate = 0.01
		}},
	} {
		t.Run(tt.refuses, func(t *testing.T) {
			tr := plantedTrial(t)
			tt.plant(t, tr)
			tr = newTrial(tr.Task, tr.candidate, tr.points, tr.train, tr.held)
			var failed []string
			for _, c := range tr.learnedChecks() {
				if !c.OK {
					failed = append(failed, c.Name)
				}
			}
			if got := strings.Join(failed, "; "); !strings.Contains(got, tt.refuses) || (tt.refuses == "") != (got == "") {
				t.Errorf("refused for %q, want %q", got, tt.refuses)
			}
		})
	}
}

// hold has the trial hold other rows out.
func (t *trial) hold(rows []Row) { t.held = newSet(rows) }

// TestSplitLaws: no lead is on both sides, what was trained on was known before
// the first row that is held out, and a lead weighs one however many rows it has.
func TestSplitLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Row {
			asOf := start.AddDate(0, 0, rapid.IntRange(0, 700).Draw(t, "day"))
			return Row{
				Lead: fmt.Sprint(rapid.IntRange(0, 40).Draw(t, "lead")), AsOf: asOf, Y: float64(rapid.IntRange(0, 1).Draw(t, "won")),
				Known: asOf.AddDate(0, 0, rapid.IntRange(1, 120).Draw(t, "known")),
			}
		}), 1, 120).Draw(t, "rows")
		leads := len(leadsOf(rows))
		n := rapid.IntRange(1, leads).Draw(t, "held")
		train, held := split(rows, n)
		if got := len(leadsOf(held)); got != n {
			t.Fatalf("%d leads held out, want %d", got, n)
		}
		first, side := held[0].AsOf, map[string]bool{}
		for _, r := range held {
			side[r.Lead] = true
			if r.AsOf.Before(first) {
				first = r.AsOf
			}
		}
		for _, r := range train {
			if side[r.Lead] || !r.Known.Before(first) || r.AsOf.Add(Horizon).After(first) {
				t.Fatalf("trained on %+v, held out from %v", r, first)
			}
		}
		weight := map[string]float64{}
		s := newSet(rows)
		fold := map[string]int{}
		for i, r := range rows {
			weight[r.Lead] += s.weight[i]
			if f, ok := fold[r.Lead]; ok && f != s.fold[i] {
				t.Fatalf("lead %s is in two folds", r.Lead)
			}
			fold[r.Lead] = s.fold[i]
		}
		for name, w := range weight {
			if math.Abs(w-1) > 1e-9 {
				t.Fatalf("lead %s weighs %v", name, w)
			}
		}
	})
}
