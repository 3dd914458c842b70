package projections_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// cardOf returns a points model whose hot tier begins there.
func cardOf(t *testing.T, hot float64) *scoring.Model {
	t.Helper()
	text := strings.Replace(string(scoring.DefaultCardJSON()), `"hot": 65`, fmt.Sprintf(`"hot": %v`, hot), 1)
	m, err := scoring.PointsModel([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// about appends an entry that is about no contact.
func (w *world) about(kind, body string) ledger.Entry {
	return w.add(ledger.Draft{Kind: kind, Body: []byte(body)})
}

func trainedBody(t *testing.T, m *scoring.Model) string {
	t.Helper()
	text, err := m.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(projections.ModelTrained{Model: text, Card: json.RawMessage(`{"auc":0.8}`), By: projections.ByGate})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// The view says which model is in force at each place: from the entry that
// promotes it on, until another one is or it is rolled back.
func TestModelsInForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t}
		w.open(t.TempDir(), append(every(), projections.Models{})...)
		defer func() { w.stop() }()
		one, two := cardOf(t, 70), cardOf(t, 75)
		decide := func(kind string, d projections.ModelDecision) ledger.Entry {
			body, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			return w.about(kind, string(body))
		}
		w.about(projections.KindModelTrained, trainedBody(t, one))
		w.about(projections.KindModelTrained, trainedBody(t, two))
		rejected := decide(projections.KindModelRejected, projections.ModelDecision{ModelID: two.ID(), By: projections.ByGate, Reason: "no better"})
		first := decide(projections.KindModelPromoted, projections.ModelDecision{ModelID: one.ID(), By: projections.ByCardFile})
		unknown := decide(projections.KindModelPromoted, projections.ModelDecision{ModelID: "model:none"})
		second := decide(projections.KindModelPromoted, projections.ModelDecision{ModelID: two.ID(), By: projections.ByPerson, Reason: "we know better"})
		back := decide(projections.KindModelRolledBack, projections.ModelDecision{ModelID: two.ID(), To: one.ID(), By: projections.ByPerson, Reason: "we did not"})
		view := projections.NewModelsView(w.leads.Runner)
		if err := view.Wait(t.Context(), back.Seq); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			at   ledger.Seq
			want *scoring.Model
		}{
			{0, scoring.BuiltIn()}, {rejected.Seq, scoring.BuiltIn()}, {first.Seq - 1, scoring.BuiltIn()}, {first.Seq, one},
			{unknown.Seq, one}, {second.Seq, two}, {back.Seq - 1, two}, {back.Seq, one}, {back.Seq + 1000, one},
		} {
			if got, err := view.InForce(tt.at); err != nil || got.ID() != tt.want.ID() {
				t.Errorf("in force at %d: %v, %v; want %s", tt.at, got.ID(), err, tt.want.ID())
			}
		}
		list, err := view.List()
		var got []string
		for _, m := range list {
			got = append(got, m.ID+" "+m.Status+" "+m.Reason)
		}
		want := fmt.Sprintf("[%s rolled_back we did not %s serving we did not %s replaced ]", two.ID(), one.ID(), scoring.BuiltIn().ID())
		if fmt.Sprint(got) != want || err != nil {
			t.Errorf("models\n got %v, %v\nwant %s", got, err, want)
		}
		if m, err := view.Get(two.ID()); err != nil || string(m.Card) != `{"auc":0.8}` {
			t.Errorf("model with its card: %+v, %v", m, err)
		}
		if _, err := view.Get("model:none"); !errors.Is(err, projections.ErrNoModel) {
			t.Errorf("no model: %v", err)
		}
		if id, err := view.Before(""); err != nil || id != two.ID() {
			t.Errorf("before: %s, %v; want %s", id, err, two.ID())
		}
		if m, err := view.CardFile(); err != nil || m.ID() != one.ID() {
			t.Errorf("of the card file: %v, %v; want %s", m, err, one.ID())
		}
	})
}

// A model that this binary cannot read is parked, and what promotes it too:
// the one before it scores.
func TestUnreadableModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t}
		w.open(t.TempDir(), append(every(), projections.Models{})...)
		defer func() { w.stop() }()
		w.about(projections.KindModelTrained, `{"model":{"format":2,"kind":"forest"}}`)
		last := w.about(projections.KindModelPromoted, `{"model_id":"model:abc"}`)
		view := projections.NewModelsView(w.leads.Runner)
		if err := view.Wait(t.Context(), last.Seq); err != nil {
			t.Fatal(err)
		}
		m, err := view.InForce(last.Seq)
		if s := w.statusOf(projections.ModelsName); err != nil || m.ID() != scoring.BuiltIn().ID() || s.Parked != 2 {
			t.Errorf("in force %v, %v; parked %d", m, err, s.Parked)
		}
	})
}
