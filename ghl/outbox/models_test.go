package outbox_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// learning has the planner score by the model in force.
func (w *world) learning(c *outbox.PlannerConfig) {
	c.Models, c.Scorer, c.Roll = projections.NewModelsView(w.runner), nil, w.leads
}

// promote appends a model, and that it serves.
func (w *world) promote(m *scoring.Model) ledger.Entry {
	w.t.Helper()
	text, err := m.Canonical()
	if err != nil {
		w.t.Fatal(err)
	}
	w.append(ledger.Draft{Kind: projections.KindModelTrained, Key: m.ID(), Meta: ledger.Meta{Scheme: "test"}, Body: fmt.Appendf(nil, `{"model":%s}`, text)})
	return w.append(ledger.Draft{
		Kind: projections.KindModelPromoted, Key: "promoted:" + m.ID(), Meta: ledger.Meta{Scheme: "test"}, Body: fmt.Appendf(nil, `{"model_id":%q}`, m.ID()),
	})
}

// calibrated is a model that gives probabilities and leaves the points.
func calibrated(t *testing.T) *scoring.Model {
	t.Helper()
	m, err := scoring.Model{Format: 1, Kind: scoring.KindPlatt, FeatureSet: scoring.FeatureSet, Platt: &[2]float64{1, -1}, BaseRate: 0.2}.Ready()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A promotion scores every lead by the new model, and sends nothing where
// neither tier nor first action changed and the score is nearly the same. An
// entry is scored by the model in force at its place, whenever it is planned.
func TestPromotion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		learned := calibrated(t)
		w.planner = w.learning
		w.start()
		for i := range 60 {
			w.add(ghl.ContactCreated, fmt.Sprintf("contact_%03d", i), person())
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		sent := len(w.ghl.tried("fields"))
		w.stop()
		before := w.append(seed(ghl.MessageSent, "contact_000", "before", map[string]any{"content": "hello"}))
		promoted := w.promote(learned)
		after := w.append(seed(ghl.MessageSent, "contact_001", "after", map[string]any{"content": "hello"}))
		w.start()
		defer func() { w.stop() }()
		time.Sleep(time.Hour)
		synctest.Wait()
		byModel := map[string]int{}
		for _, e := range w.entries(outbox.LeadScored) {
			var s outbox.Scored
			if err := json.Unmarshal(e.Body, &s); err != nil {
				t.Fatal(err)
			}
			if e.Cause == promoted.ID {
				byModel[s.ModelID]++
			}
			want := scoring.BuiltIn().ID()
			if e.Cause == promoted.ID || e.Cause == after.ID {
				want = learned.ID()
			}
			if s.ModelID != want || (s.WinProbability == nil) != (want == scoring.BuiltIn().ID()) {
				t.Errorf("score for %s by %s, probability %v; want by %s", e.Cause, s.ModelID, s.WinProbability, want)
			}
			if e.Cause == before.ID && s.AsOf != before.Seq {
				t.Errorf("score as of %d, want %d", s.AsOf, before.Seq)
			}
		}
		if byModel[learned.ID()] != 60 {
			t.Errorf("scored for the promotion: %v, want 60 by the new model", byModel)
		}
		if now := len(w.ghl.tried("fields")); now != sent {
			t.Errorf("%d updates sent for it, want none: no score moved", now-sent)
		}
	})
}

// A promotion that is cut off is resumed: every lead is scored once.
func TestPromotionCrash(t *testing.T) {
	t.Parallel()
	for _, nth := range []int{1, 2, 3} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.crowd(150, &risingScorer{value: 40})
			w.planner = w.learning
			c := &crash{nth: nth, after: nth%2 == 0}
			c.plant(w)
			w.start()
			defer func() { w.stop() }()
			promoted := w.promote(calibrated(t))
			w.live(time.Hour, func() {
				if err := os.RemoveAll(filepath.Join(w.dir, "views")); err != nil {
					t.Fatal(err)
				}
			})
			n := map[string]int{}
			for _, e := range w.entries(outbox.LeadScored) {
				if e.Cause == promoted.ID {
					n[e.Subject]++
				}
			}
			for who, times := range n {
				if times != 1 {
					t.Errorf("%s scored %d times, want once", who, times)
				}
			}
			if len(n) != 150 || !c.hit {
				t.Errorf("%d leads scored, want 150; crashed: %t", len(n), c.hit)
			}
		})
	}
}
