package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// ErrNoReconcile is an id that no run has.
var ErrNoReconcile = errors.New("outbox: no such reconcile")

// ReconcilesConfig is what Reconciles work with. Reconciler is required.
type ReconcilesConfig struct {
	Reconciler
	Locations []string
	HasKey    func(location string) bool // whether there is an API key; nil is yes
	Every     time.Duration              // by itself; never where 0
	Before    time.Time                  // the newest entry of the life before: its downtime is read first
	Alerter   Alerter                    // nil alerts nobody
	Logger    *slog.Logger
}

// overlap is how far a run by itself goes back behind the one before.
const overlap = time.Hour

// Reconciles runs what people, or the schedule, want reconciled, one run at a
// time. What a run found is in the ledger; the run itself is not. Its methods
// are safe for concurrent use.
type Reconciles struct {
	ReconcilesConfig
	wake chan struct{}

	mu   sync.Mutex
	runs []*ReconcileRun // oldest first
	over bool
}

// ReconcileRun is a run that was started, and what it has found so far.
type ReconcileRun struct {
	ID       string     `json:"id"`
	State    TaskState  `json:"state"`
	Location string     `json:"location_id"` // empty: all
	Since    *time.Time `json:"since"`       // null: everything
	DryRun   bool       `json:"dry_run"`
	By       string     `json:"by"` // the audit entry of who asked; empty for the schedule
	Gaps     []Gap      `json:"gaps"`
	Error    string     `json:"error"`
	Started  time.Time  `json:"started_at"`
	Ended    *time.Time `json:"ended_at"`

	asked Reconcile
}

// runsKept is how many ended runs can be asked for.
const runsKept = 20

// NewReconciles returns reconciles; Run must run for them to go on.
func NewReconciles(c ReconcilesConfig) *Reconciles {
	if c.HasKey == nil {
		c.HasKey = func(string) bool { return true }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Alerter == nil {
		c.Alerter = silence{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Reconciles{ReconcilesConfig: c, wake: make(chan struct{}, 1)}
}

// Start has o done by Run, for one location or for all. Errors wrap ErrState:
// one is under way, the location is not served, or has no key.
func (rs *Reconciles) Start(o Reconcile) (ReconcileRun, error) {
	if err := rs.may(o.Location); err != nil {
		return ReconcileRun{}, err
	}
	run := &ReconcileRun{
		ID: "reconcile_" + ulid.Make().String(), State: TaskWaiting, Location: o.Location, DryRun: o.DryRun,
		Gaps: []Gap{}, Started: rs.Now().UTC(), asked: o,
	}
	if !o.Since.IsZero() {
		run.Since = &o.Since
	}
	if o.Cause != (ulid.ULID{}) {
		run.By = "evt_" + o.Cause.String()
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.over || len(rs.runs) > 0 && rs.runs[len(rs.runs)-1].Ended == nil {
		return ReconcileRun{}, fmt.Errorf("%w: a reconcile is under way, or the service is ending", ErrState)
	}
	rs.runs = append(rs.runs, run)
	rs.runs = rs.runs[max(0, len(rs.runs)-runsKept):]
	select {
	case rs.wake <- struct{}{}:
	default:
	}
	return *run, nil
}

// may reports why a location cannot be read.
func (rs *Reconciles) may(location string) error {
	switch {
	case len(rs.readable(location)) > 0:
		return nil
	case location == "" || slices.Contains(rs.Locations, location):
		return fmt.Errorf("%w: there is no GHL_API_KEY to read with", ErrState)
	}
	return fmt.Errorf("%w: location %s is not served (GHL_LOCATION_ID)", ErrState, location)
}

// readable returns the locations that o is about and that have a key.
func (rs *Reconciles) readable(location string) (list []string) {
	for _, l := range rs.Locations {
		if (location == "" || location == l) && rs.HasKey(l) {
			list = append(list, l)
		}
	}
	return list
}

// Get returns a run as it is now, or ErrNoReconcile.
func (rs *Reconciles) Get(id string) (ReconcileRun, error) {
	for _, run := range rs.List() {
		if run.ID == id {
			return run, nil
		}
	}
	return ReconcileRun{}, ErrNoReconcile
}

// List returns the runs, the newest first.
func (rs *Reconciles) List() []ReconcileRun {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	list := make([]ReconcileRun, 0, len(rs.runs))
	for _, run := range slices.Backward(rs.runs) {
		shown := *run
		shown.Gaps = slices.Clone(run.Gaps)
		list = append(list, shown)
	}
	return list
}

// Run does what was started, and reconciles by itself at the start and every
// so often, until ctx ends, which is no error.
func (rs *Reconciles) Run(ctx context.Context) error {
	defer rs.close()
	since, due := rs.first()
	for {
		timer := time.NewTimer(due.Sub(rs.Now()))
		select {
		case <-rs.wake:
		case <-timer.C:
			begun := rs.Now()
			if _, err := rs.Start(Reconcile{Since: since}); err != nil {
				rs.Logger.Warn("not reconciled", "err", quiet(err.Error()))
			} else {
				since = begun.Add(-overlap)
			}
			due = begun.Add(rs.Every)
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil
		}
		if run := rs.next(); run != nil {
			rs.work(ctx, run)
		}
	}
}

// first is from when on, and when, the schedule reads for the first time.
func (rs *Reconciles) first() (since, due time.Time) {
	now := rs.Now()
	switch {
	case rs.Every <= 0:
		return now, now.AddDate(100, 0, 0)
	case rs.Before.IsZero():
		return now.Add(-overlap), now.Add(rs.Every)
	}
	return rs.Before.Add(-overlap), now
}

// next is the run that waits, now running, or nil.
func (rs *Reconciles) next() *ReconcileRun {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, run := range rs.runs {
		if run.State == TaskWaiting {
			run.State = TaskRunning
			return run
		}
	}
	return nil
}

// work reconciles one location after the other; a failure of one keeps none
// of the others from it.
func (rs *Reconciles) work(ctx context.Context, run *ReconcileRun) {
	var errs []error
	for _, location := range rs.readable(run.Location) {
		o := run.asked
		o.Location = location
		rs.tell(run, Gap{Location: location, Sample: []Missed{}})
		gap, err := rs.Reconciler.Run(ctx, o, func(g Gap) { rs.tell(run, g) })
		rs.tell(run, gap)
		rs.say(run, gap, err)
		errs = append(errs, err)
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.end(run, errors.Join(errs...))
}

// tell keeps how far the run has come with the location that it is at.
func (rs *Reconciles) tell(run *ReconcileRun, g Gap) {
	g.Sample = slices.Clone(g.Sample)
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if n := len(run.Gaps); n > 0 && run.Gaps[n-1].Location == g.Location {
		run.Gaps[n-1] = g
		return
	}
	run.Gaps = append(run.Gaps, g)
}

// say logs what was found, and alerts where the schedule found something:
// webhooks get lost.
func (rs *Reconciles) say(run *ReconcileRun, g Gap, err error) {
	if err != nil {
		rs.Logger.Error("not reconciled", "location", g.Location, "err", quiet(err.Error()))
		return
	}
	rs.Logger.Info("reconciled", "location", g.Location, "read", g.Contacts.Read+g.Opportunities.Read, "missed", g.Missed(), "added", g.Added, "dry_run", run.DryRun)
	if run.By == "" && g.Added > 0 {
		rs.Alerter.Alert(Alert{
			Severity: Medium, Group: "gap:" + g.Location, Title: "Webhooks were missed of location " + g.Location,
			Text: fmt.Sprintf("%d contacts and opportunities had changed at GoHighLevel without our knowing; they are in the ledger now.", g.Added),
		})
	}
}

// end ends a run. The caller holds the lock.
func (rs *Reconciles) end(run *ReconcileRun, err error) {
	if run.Ended != nil {
		return
	}
	at := rs.Now().UTC()
	run.Ended, run.State = &at, TaskDone
	if err != nil {
		run.State, run.Error = TaskFailed, err.Error()
	}
}

// close ends what Run leaves undone.
func (rs *Reconciles) close() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.over = true
	for _, run := range rs.runs {
		rs.end(run, ErrTasksEnding)
	}
}
