package outbox_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
)

// reconciles runs until stop is called.
func (w *world) reconciles(server *ghltest.Server, change func(*outbox.ReconcilesConfig)) (rs *outbox.Reconciles, stop func()) {
	c := outbox.ReconcilesConfig{
		Reconciler: outbox.Reconciler{Log: w.log, Leads: w.leads, Names: w.leads, Roll: w.leads, Records: apiOf(server), Now: time.Now},
		Locations:  []string{location}, Alerter: &w.alerts,
	}
	if change != nil {
		change(&c)
	}
	rs = outbox.NewReconciles(c)
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- rs.Run(ctx) }()
	return rs, func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("reconciles: %v", err)
		}
	}
}

// TestReconciles: one run at a time, its progress visible; what cannot be read
// is refused.
func TestReconciles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.planner = func(c *outbox.PlannerConfig) { c.Mode = outbox.Off }
		server := w.sandbox(ghltest.Options{Locations: []ghltest.Location{oldLocation(250)}})
		server.Fault(ghltest.Fault{Latency: time.Second})
		w.start()
		defer func() { w.stop() }()
		rs, stop := w.reconciles(server, func(c *outbox.ReconcilesConfig) {
			c.Locations = []string{location, "keyless"}
			c.HasKey = func(l string) bool { return l == location }
		})
		for _, l := range []string{"keyless", "not ours"} {
			if _, err := rs.Start(outbox.Reconcile{Location: l}); !errors.Is(err, outbox.ErrState) {
				t.Errorf("location %s: %v, want it refused", l, err)
			}
		}
		run, err := rs.Start(outbox.Reconcile{})
		if err != nil || run.State != outbox.TaskWaiting {
			t.Fatalf("run %+v, %v", run, err)
		}
		time.Sleep(2500 * time.Millisecond)
		if run, err = rs.Get(run.ID); err != nil || run.State != outbox.TaskRunning || len(run.Gaps) != 1 || run.Gaps[0].Contacts.Read == 0 {
			t.Errorf("after a page: %+v, %v, want how far it came", run, err)
		}
		if _, err := rs.Start(outbox.Reconcile{}); !errors.Is(err, outbox.ErrState) {
			t.Errorf("a second one meanwhile: %v, want it refused", err)
		}
		time.Sleep(time.Minute)
		if run, err = rs.Get(run.ID); err != nil || run.State != outbox.TaskDone || run.Gaps[0].Added != 500 {
			t.Errorf("in the end: %+v, %v, want 500 added", run, err)
		}
		stop()
		if _, err := rs.Start(outbox.Reconcile{}); !errors.Is(err, outbox.ErrState) {
			t.Errorf("after the end: %v, want it refused", err)
		}
		if _, err := rs.Get("reconcile_x"); !errors.Is(err, outbox.ErrNoReconcile) {
			t.Errorf("a run that is none: %v", err)
		}
	})
}

// TestReconcilesByItself: at the start what changed during the downtime, then
// every so often what changed since; found or not, an alert only where found.
func TestReconcilesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.planner = func(c *outbox.PlannerConfig) { c.Mode = outbox.Off }
		at := oldLocation(100)
		for i := range at.Contacts { // changed one by one in the 100 hours before now
			at.Contacts[i].Updated = time.Now().Add(-time.Duration(100-i) * time.Hour)
		}
		at.Opportunities = nil
		server := w.sandbox(ghltest.Options{Locations: []ghltest.Location{at}})
		w.start()
		defer func() { w.stop() }()
		rs, stop := w.reconciles(server, func(c *outbox.ReconcilesConfig) {
			c.Every, c.Before = 6*time.Hour, time.Now().Add(-9*time.Hour)
		})
		defer stop()
		synctest.Wait()
		if got := len(w.entries("contact.created")); got != 10 { // nine hours, and the overlap
			t.Errorf("%d contacts added at the start, want 10", got)
		}
		time.Sleep(5 * time.Hour)
		server.Put(ghltest.Contact{ID: "late", Location: location, Updated: time.Now()})
		time.Sleep(2 * time.Hour)
		if got := len(w.entries("contact.created")); got != 11 {
			t.Errorf("%d contacts after six hours, want 11", got)
		}
		time.Sleep(24 * time.Hour)
		groups := groupsOf(w.alerts.list())
		if runs := rs.List(); len(runs) != 6 || groups["gap:"+location] != 2 {
			t.Errorf("%d runs, alerts %v, want 6 runs of which two found something", len(runs), groups)
		}
		if !slices.IsSortedFunc(rs.List(), func(a, b outbox.ReconcileRun) int { return b.Started.Compare(a.Started) }) {
			t.Error("runs are not the newest first")
		}
	})
}
