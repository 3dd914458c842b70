package training_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/projections/training"
)

// TestEvaluate: a model is tried on leads after those that it was trained on,
// and its card keeps apart what it was trained on and what it was tried on.
// Where nobody knows the first, the card says so.
func TestEvaluate(t *testing.T) {
	rows, _ := someRows(12, 120)
	trained, err := training.Train(training.Task{Rows: rows, Now: later.AddDate(0, -1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	task := training.Task{Rows: rows, Now: later.AddDate(0, 6, 0)}
	got, err := training.Evaluate(task, trained.Model, trained.Card)
	if was := trained.Card; err != nil || got.From != was.From || got.To != was.To || got.Rows != was.Rows || got.Leads != was.Leads || got.Won != was.Won {
		t.Errorf("%v: trained on %d rows of %d leads, %s to %s; want %d, %d, %s to %s", err, got.Rows, got.Leads, got.From, got.To, was.Rows, was.Leads, was.From, was.To)
	}
	brought, err := training.Evaluate(task, trained.Model, training.ModelCard{})
	text := brought.Markdown()
	if err != nil || brought.HeldLeads <= got.HeldLeads || strings.Contains(text, "0001") || strings.Contains(text, "Trained on") || !strings.Contains(text, "not known which leads its author learned from") {
		t.Errorf("%v: tried on %d leads, of those later than its training on %d:\n%s", err, brought.HeldLeads, got.HeldLeads, text)
	}
}

// TestCardWords: a card says what its model foretells, and nothing of what is
// not known.
func TestCardWords(t *testing.T) {
	rows, _ := someRows(9, 120)
	churn, err := training.Train(training.Task{Target: training.Churn, Rows: rows, Now: later})
	if err != nil {
		t.Fatal(err)
	}
	_, err = training.Train(training.Task{Target: training.Churn, Rows: rows[:10], Now: later})
	for _, text := range []string{churn.Card.Markdown(), strings.Join(churn.Card.Limits, " "), err.Error()} {
		if words := strings.FieldsFunc(text, func(r rune) bool { return r < 'A' }); slices.Contains(words, "won") || slices.Contains(words, "wins") {
			t.Errorf("a model of churn speaks of what is won:\n%s", text)
		}
	}
	empty := training.ModelCard{ModelID: "model:x", Limits: []string{"It was trained elsewhere."}}.Markdown()
	if strings.Contains(empty, "0.0") || strings.Contains(empty, "0001") || !strings.Contains(empty, "not tried at the gate") {
		t.Errorf("a model that was brought:\n%s", empty)
	}
}
