package training_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
)

// someRows are months of an office with so many leads a month.
func someRows(months, n int) (rows []training.Row, facts []scoring.Facts) {
	o := newOffice(1)
	for m := range months {
		r, f := o.month(m, n, m*n)
		rows, facts = append(rows, r...), append(facts, f...)
	}
	return rows, facts
}

var later = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

func TestStages(t *testing.T) {
	for _, tt := range []struct {
		name      string
		months, n int
		kind      string
	}{
		{"too few to learn from", 8, 3, ""},
		{"enough to calibrate", 8, 20, scoring.KindPlatt},
		{"just enough to learn", 8, 45, scoring.KindLogistic},
		{"enough to learn", 9, 120, scoring.KindLogistic},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows, _ := someRows(tt.months, tt.n)
			got, err := training.Train(training.Task{Rows: rows, Now: later})
			var few *training.TooFewError
			if tt.kind == "" {
				if !errors.As(err, &few) {
					t.Fatalf("Train = %+v, %v; want too few", got.Card, err)
				}
				return
			}
			tried := got
			if got.Refused != nil {
				tried = *got.Refused
			}
			if err != nil || tried.Model.Kind != tt.kind || !got.Promote {
				t.Fatalf("Train: %v\n%s", err, got.Card.Markdown())
			}
		})
	}
}

// TestSameRowsSameModel: a training is a function of its rows.
func TestSameRowsSameModel(t *testing.T) {
	rows, _ := someRows(9, 120)
	one, err := training.Train(training.Task{Rows: rows, Now: later})
	if err != nil {
		t.Fatal(err)
	}
	two, err := training.Train(training.Task{Rows: rows, Now: later})
	if err != nil || one.Model.ID() != two.Model.ID() || one.Card.Markdown() != two.Card.Markdown() {
		t.Errorf("trained twice: %s and %s, %v", one.Model.ID(), two.Model.ID(), err)
	}
	text, err := one.Model.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	read, err := scoring.ParseModel(text)
	if again, cerr := read.Canonical(); err != nil || cerr != nil || !bytes.Equal(again, text) || read.ID() != one.Model.ID() {
		t.Errorf("a model read again is another: %v", err)
	}
}

// TestPurge: what was not known yet changes nothing: neither labels, nor leads
// that come later.
func TestPurge(t *testing.T) {
	rows, _ := someRows(9, 120)
	now := time.Date(2024, 11, 1, 0, 0, 0, 0, time.UTC)
	before, err := training.Train(training.Task{Rows: rows, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if !rows[i].Known.Before(now) || rows[i].AsOf.Add(training.Horizon).After(now) {
			rows[i].Y = 1 - rows[i].Y
		}
		if rows[i].AsOf.After(now) {
			rows[i].X = nil
		}
	}
	after, err := training.Train(training.Task{Rows: rows, Now: now})
	if err != nil || after.Model.ID() != before.Model.ID() {
		t.Errorf("the future changes the model: %v", err)
	}
}

// TestGate: a candidate that must not serve does not, and the card says why.
func TestGate(t *testing.T) {
	feature := func(name string) int {
		for k, f := range scoring.Features() {
			if f.Name == name {
				return k
			}
		}
		t.Fatalf("no feature %s", name)
		return 0
	}
	for _, tt := range []struct {
		name  string
		spoil func(task *training.Task)
		want  string // the check that fails; "" promotes
	}{
		{"a good one", func(*training.Task) {}, ""},
		{"a field filled in after the fact", func(task *training.Task) {
			for i, r := range task.Rows {
				if i%5 > 0 { // agents forget it, too
					task.Rows[i].X[feature("preference_changes")] = r.Y
				}
			}
		}, "leak: preference_changes"},
		{"the same, but a person answers for it", func(task *training.Task) {
			for i, r := range task.Rows {
				if i%5 > 0 { // agents forget it, too
					task.Rows[i].X[feature("preference_changes")] = r.Y
				}
			}
			task.Waived = []string{"preference_changes", "model"}
		}, ""},
		{"a market that has turned", func(task *training.Task) {
			rows := task.Rows
			for i := len(rows) * 6 / 10; i < len(rows); i++ {
				rows[i].Y = 1 - rows[i].Y
			}
		}, "its order is no worse"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows, _ := someRows(9, 120)
			task := training.Task{Rows: rows, Now: later}
			tt.spoil(&task)
			got, err := training.Train(task)
			if err != nil {
				t.Fatal(err)
			}
			var failed strings.Builder
			for _, c := range got.Card.Checks {
				if !c.OK {
					failed.WriteString(c.Name + "; ")
				}
			}
			// Where a learned model is refused, points are calibrated instead.
			failed.WriteString(strings.Join(got.Card.Limits, "; "))
			if learned := got.Promote && got.Model.Kind == scoring.KindLogistic; learned != (tt.want == "") || !strings.Contains(failed.String(), tt.want) {
				t.Errorf("promote %v, failed %q; want %q\n%s", got.Promote, failed.String(), tt.want, got.Card.Markdown())
			}
		})
	}
}

// TestTiersMoved: a model that would move too many open leads waits for a person.
func TestTiersMoved(t *testing.T) {
	rows, facts := someRows(9, 120)
	for _, accepted := range []bool{false, true} {
		got, err := training.Train(training.Task{Rows: rows, Now: later, Open: facts, AcceptTiers: accepted})
		if err != nil {
			t.Fatal(err)
		}
		last := got.Card.Checks[len(got.Card.Checks)-1]
		t.Logf("accepted %v: %+v", accepted, last)
		if accepted && !last.OK {
			t.Errorf("accepted, and still refused: %+v", last)
		}
	}
}
