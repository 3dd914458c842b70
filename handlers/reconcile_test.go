package handlers_test

import (
	"errors"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/handlers"
)

// reconciles takes what it is asked, or refuses it.
type reconciles struct {
	asked  []outbox.Reconcile
	refuse error
}

func (r *reconciles) Start(o outbox.Reconcile) (outbox.ReconcileRun, error) {
	r.asked = append(r.asked, o)
	return outbox.ReconcileRun{ID: "reconcile_1", State: outbox.TaskWaiting, Gaps: []outbox.Gap{}}, r.refuse
}

func (r *reconciles) Get(id string) (outbox.ReconcileRun, error) {
	if id != "reconcile_1" {
		return outbox.ReconcileRun{}, outbox.ErrNoReconcile
	}
	return outbox.ReconcileRun{ID: id, State: outbox.TaskDone, Gaps: []outbox.Gap{}}, nil
}

func (r *reconciles) List() []outbox.ReconcileRun {
	return []outbox.ReconcileRun{{ID: "reconcile_1", State: outbox.TaskRunning, Gaps: []outbox.Gap{}}}
}

// TestReconcile: what may be asked, and what follows from it.
func TestReconcile(t *testing.T) {
	since := time.Date(2026, 1, 31, 15, 4, 5, 0, time.UTC)
	for _, tt := range []struct {
		name, body string
		refuse     error
		status     int
		want       outbox.Reconcile
	}{
		{name: "all", body: `{"all":true}`, status: 202},
		{name: "since", body: `{"since":"2026-01-31T15:04:05Z","location_id":"location_1","dry_run":true}`, status: 202,
			want: outbox.Reconcile{Location: "location_1", Since: since, DryRun: true}},
		{name: "neither", body: `{}`, status: 400},
		{name: "both", body: `{"all":true,"since":"2026-01-31T15:04:05Z"}`, status: 400},
		{name: "no time", body: `{"since":"yesterday"}`, status: 400},
		{name: "under way", body: `{"all":true}`, refuse: errors.Join(outbox.ErrState, errors.New("a reconcile is under way")), status: 409},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &reconciles{refuse: tt.refuse}
			d := open(t, func(deps *handlers.Deps) { deps.Reconciles = r })
			got := d.post("/api/v1/reconcile", tt.body)
			if got.status != tt.status {
				t.Fatalf("%s = %d %s, want %d", tt.body, got.status, got.body, tt.status)
			}
			if tt.status == 400 {
				if len(r.asked) > 0 {
					t.Errorf("%s was started", tt.body)
				}
				return
			}
			asked := r.asked[0]
			if asked.Cause.IsZero() {
				t.Error("the run does not name who asked")
			}
			if asked.Cause = tt.want.Cause; asked != tt.want {
				t.Errorf("asked %+v, want %+v", asked, tt.want)
			}
		})
	}
	d := open(t, func(deps *handlers.Deps) { deps.Reconciles = &reconciles{} })
	for path, want := range map[string]int{"/api/v1/reconcile": 200, "/api/v1/reconcile/reconcile_1": 200, "/api/v1/reconcile/other": 404} {
		if got := d.get(path); got.status != want {
			t.Errorf("GET %s = %d %s, want %d", path, got.status, got.body, want)
		}
	}
	if got := open(t).post("/api/v1/reconcile", `{"all":true}`); got.status != 501 {
		t.Errorf("without GoHighLevel: %d, want 501", got.status)
	}
}
