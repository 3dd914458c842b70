package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
)

// deadLetters makes so many dead field updates, each of another contact.
func (w *world) deadLetters(n int) {
	w.t.Helper()
	w.planner = onlyFields
	w.ghl.refuse = func(c call) error {
		return &ghl.APIError{Method: "PUT", Path: "/contacts/" + c.Contact, Status: 400, Message: "no", Written: true}
	}
	w.start()
	for i := range n {
		w.add(ghl.ContactCreated, fmt.Sprintf("contact_%02d", i), person())
	}
	synctest.Wait()
	w.ghl.refusing(nil)
}

func (w *world) acts() outbox.Acts { return outbox.Acts{Log: w.log, Pending: w.pending} }

// tasks runs tasks until the test calls what it returns.
func (w *world) tasks(perSecond int) (ts *outbox.Tasks, stop func()) {
	ts = outbox.NewTasks(w.acts(), perSecond, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(w.t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := ts.Run(ctx); err != nil {
			w.t.Error(err)
		}
	})
	return ts, func() { cancel(); running.Wait() }
}

// A thousand failures of one cause are one group, whoever they are about, and
// what the group is called chooses them.
func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.deadLetters(20)
		defer func() { w.stop() }()
		groups, err := w.pending.Groups(outbox.StateDead)
		if err != nil || len(groups) != 1 || groups[0].Count != 20 || groups[0].Kind != outbox.UpdateContact {
			t.Fatalf("groups = %+v, %v; want one of 20 updates", groups, err)
		}
		p, err := w.acts().Preview(outbox.Bulk{Action: outbox.ActRetry, Filter: outbox.Filter{Error: groups[0].Error}})
		if err != nil || p.Count != 20 || len(p.Sample) != 10 {
			t.Errorf("preview of the group = %+v, %v; want 20 effects and a sample of ten", p, err)
		}
		if n := len(w.ghl.taken("update")); n != 0 {
			t.Errorf("a preview made %d calls", n)
		}
	})
}

// A task goes at its rate, tells how far it is, and does each effect once.
func TestTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.deadLetters(20)
		defer func() { w.stop() }()
		ts, stop := w.tasks(5)
		defer stop()
		started, err := ts.Start(outbox.Bulk{Action: outbox.ActRetry, By: "evt_1"})
		if err != nil || started.Total != 20 || started.State != outbox.TaskWaiting {
			t.Fatalf("started %+v, %v; want 20 effects", started, err)
		}
		time.Sleep(2*time.Second + 100*time.Millisecond)
		if got, _ := ts.Get(started.ID); got.Done != 10 || got.State != outbox.TaskRunning {
			t.Errorf("after 2 s at 5 a second: %+v, want 10 done", got)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if got, _ := ts.Get(started.ID); got.Done != 20 || got.State != outbox.TaskDone || got.Ended == nil {
			t.Errorf("in the end: %+v, want 20 done", got)
		}
		if n := len(w.ghl.taken("update")); n != 20 {
			t.Errorf("%d updates, want 20", n)
		}
	})
}

// A cancelled task leaves the rest as it was, and so does the end of the
// service; what was picked up by somebody else meanwhile is skipped.
func TestTaskCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.deadLetters(20)
		defer func() { w.stop() }()
		ts, stop := w.tasks(5)
		bulk := outbox.Bulk{Action: outbox.ActDiscard, Reason: "an old list"}
		first, err := ts.Start(bulk)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second + 100*time.Millisecond)
		if got, err := ts.Cancel(first.ID); err != nil || got.State != outbox.TaskCancelled || got.Done != 5 {
			t.Errorf("cancelled: %+v, %v; want 5 done", got, err)
		}
		second, err := ts.Start(bulk)
		if err != nil || second.Total != 15 {
			t.Errorf("second task %+v, %v; want the 15 that are left", second, err)
		}
		w.ghl.refusing(func(call) error { return status(503, true) })
		w.act(w.effects()[5], outbox.Acts.Retry) // pending now, which could be discarded too
		time.Sleep(time.Second + 100*time.Millisecond)
		stop()
		if got, _ := ts.Get(second.ID); got.State != outbox.TaskCancelled || got.Done != 4 || got.Skipped != 1 {
			t.Errorf("at the end of the service: %+v, want 4 done and one skipped", got)
		}
		if _, err := ts.Start(bulk); !errors.Is(err, outbox.ErrTasksEnding) {
			t.Errorf("a task after the end: %v, want ErrTasksEnding", err)
		}
		counts, err := w.pending.Counts()
		if err != nil || counts[outbox.StateDiscarded] != 9 || counts[outbox.StatePending] != 1 || counts[outbox.StateDead] != 10 {
			t.Errorf("counts = %v, %v; want 9 discarded, one pending, 10 dead", counts, err)
		}
	})
}

// What nobody can do is refused before anything is done.
func TestBulkRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		defer func() { w.stop() }()
		for _, b := range []outbox.Bulk{
			{Action: "explode"},
			{Action: outbox.ActDiscard},
			{Action: outbox.ActRelease, Filter: outbox.Filter{State: outbox.StateDead}},
			{Action: outbox.ActRetry, Filter: outbox.Filter{State: outbox.StateDelivered}},
			{Action: outbox.ActRetry, Filter: outbox.Filter{State: outbox.StateDryRun}},
		} {
			if _, err := w.acts().Preview(b); !errors.Is(err, outbox.ErrBulk) {
				t.Errorf("preview of %+v: %v, want ErrBulk", b, err)
			}
		}
	})
}

// The backlog and its age are seen, by location.
func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.planner = onlyFields
		w.start()
		defer func() { w.stop() }()
		w.pause(outbox.SenderPaused, location)
		for i := range 3 {
			w.add(ghl.ContactCreated, fmt.Sprintf("contact_%d", i), person())
		}
		last := w.add(ghl.OpportunityCreated, "contact_0", map[string]any{"opportunity_id": "o1"})
		time.Sleep(90 * time.Second)
		synctest.Wait()
		s, err := w.pending.Stats()
		if err != nil || s.States[outbox.StatePending] != 4 || s.Age(time.Now()) != 90*time.Second || s.Place != last.Seq {
			t.Errorf("stats = %+v, %v; want 4 pending for 90 s", s, err)
		}
		if len(s.Locations) != 1 || !s.Locations[0].Paused || s.Locations[0].Pending != 4 {
			t.Errorf("locations = %+v, want one, paused, with 4 pending", s.Locations)
		}
	})
}
