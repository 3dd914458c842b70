package outbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// crowd makes so many scored leads of which nothing is owed.
func (w *world) crowd(n int, scorer *risingScorer) {
	w.t.Helper()
	mode := outbox.Off
	w.planner = func(c *outbox.PlannerConfig) { c.Mode, c.Scorer, c.Roll = mode, scorer, w.leads }
	var drafts []ledger.Draft
	for i := range n {
		contact := fmt.Sprintf("contact_%04d", i)
		drafts = append(drafts, seed(ghl.ContactCreated, contact, contact, person()))
	}
	if _, err := w.log.Append(w.t.Context(), drafts...); err != nil {
		w.t.Fatal(err)
	}
	w.start()
	synctest.Wait()
	w.stop()
	mode = outbox.Live
}

// What is answered for every lead, stopped at any append of planner and
// courier, kept or not: each lead is scored once and asked for once, and
// everything arrives.
func TestFanOutCrashPoints(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind   string
		leads  int
		points []int // which append stops
	}{
		{outbox.ClockTicked, 1000, []int{4, 9}},
		{outbox.RescoreAsked, 1000, []int{8}},
		{outbox.ClockTicked, 300, []int{1, 4, 5}},
		{outbox.RescoreAsked, 300, []int{150}},
	}
	if long {
		all := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 100, 500, 900}
		tests[0].points, tests[1].points = all, all
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s of %d", tt.kind, tt.leads), func(t *testing.T) {
			for i, nth := range tt.points {
				c := &crash{nth: nth, after: i%2 == 0, drop: i%3 == 0}
				synctest.Test(t, func(t *testing.T) { fanOutOnce(t, tt.kind, tt.leads, c) })
				if t.Failed() || !c.hit {
					t.Fatalf("with a crash at %v, hit: %t", c, c.hit)
				}
			}
		})
	}
}

func fanOutOnce(t *testing.T, kind string, leads int, c *crash) {
	w := newWorld(t)
	scorer := &risingScorer{value: 40}
	w.crowd(leads, scorer)
	scorer.set(80)
	c.plant(w)
	w.start()
	defer func() { w.stop() }()
	asked := w.append(ledger.Draft{Kind: kind, Key: "asked", Occurred: time.Now(), Meta: ledger.Meta{Scheme: "test"}, Body: []byte(`{}`)})
	w.live(time.Hour, func() {
		if c.drop {
			if err := os.RemoveAll(filepath.Join(w.dir, "views")); err != nil {
				t.Fatal(err)
			}
		}
	})
	w.checkFanOut(asked, leads)
}

// checkFanOut checks that an entry was answered once for each lead.
func (w *world) checkFanOut(asked ledger.Entry, leads int) {
	w.t.Helper()
	n := map[string]int{}
	for _, e := range w.entries(outbox.LeadScored, outbox.Requested) {
		if e.Cause == asked.ID {
			n[e.Kind+" "+e.Subject]++
		}
	}
	for who, times := range n {
		if times != 1 {
			w.t.Errorf("%s %d times, want once", who, times)
		}
	}
	if len(n) != 2*leads {
		w.t.Errorf("%d answers, want a score and an update for each of %d leads", len(n), leads)
	}
	counts, err := w.pending.Counts()
	if err != nil || counts[outbox.StateDelivered] != leads {
		w.t.Errorf("effects %v, %v; want %d delivered", counts, err, leads)
	}
	if messages := len(w.ghl.tried("message")); messages != 0 {
		w.t.Errorf("%d messages, want none", messages)
	}
	if planned, err := w.pending.Planned(asked.Seq); err != nil || !planned {
		w.t.Errorf("planned: %t, %v; want it so", planned, err)
	}
}

// The plan of a rescore says what it will do.
func TestRescorePlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		scorer := &risingScorer{value: 40}
		w.crowd(300, scorer)
		w.start()
		defer func() { w.stop() }()
		plan := func() outbox.RescorePlan {
			p, err := outbox.Rescore{Roll: w.leads, Scorer: scorer}.Plan(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		if p := plan(); p.Leads != 300 || p.Changed != 0 {
			t.Errorf("plan with the same scorer %+v, want no change", p)
		}
		scorer.set(80)
		if p := plan(); p.Changed != 300 || p.Moves["warm to hot"] != 300 || len(p.Sample) != 20 {
			t.Errorf("plan %+v, want 300 leads warm to hot, and a sample", p)
		}
		if n := len(w.entries(outbox.Requested)); n != 0 {
			t.Errorf("a plan asked for %d effects", n)
		}
		asked := w.append(ledger.Draft{Kind: outbox.RescoreAsked, Key: "rescore", Body: []byte(`{}`)})
		time.Sleep(time.Hour)
		synctest.Wait()
		w.checkFanOut(asked, 300)
		if p := plan(); p.Changed != 0 {
			t.Errorf("plan after it %+v, want no change", p)
		}
	})
}
