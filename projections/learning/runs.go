package learning

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/training"
	"github.com/oklog/ulid/v2"
)

// ErrNoRun is an id that no run has.
var ErrNoRun = errors.New("learning: no such training")

// The states of a run.
const (
	Waiting = "waiting"
	Running = "running"
	Done    = "done"
	Failed  = "failed"
)

// Run is a training or an evaluation that was asked for. What it decided is in
// the ledger; the run itself is not: a restart ends it.
type Run struct {
	ID      string     `json:"id"`
	Action  string     `json:"action"` // train or evaluate
	State   string     `json:"state"`
	DryRun  bool       `json:"dry_run"`
	Of      string     `json:"of"` // win or churn: what the model foretells
	Why     string     `json:"why"`
	By      string     `json:"by"`      // the entry that asked
	Seq     ledger.Seq `json:"seq"`     // how far the ledger was read
	Target  ledger.Seq `json:"target"`  // how far it goes
	TooFew  bool       `json:"too_few"` // there are not enough outcomes yet
	Error   string     `json:"error"`
	Started time.Time  `json:"started_at"`
	Ended   *time.Time `json:"ended_at"`
	Trained

	order Order
}

// runsKept is how many runs can be asked for.
const runsKept = 20

// Start has Run carry an order out, after those that wait. Errors:
// projections.ErrNoModel, ErrModelState while one is under way.
func (l *Loop) Start(o Order) (Run, error) {
	run := &Run{ID: "training_" + ulid.Make().String(), Action: "train", State: Waiting, Of: cmp.Or(string(o.Target), projections.TargetWin), DryRun: o.DryRun, Why: o.Why,
		By: ledger.FormatID(o.Cause), Started: l.Now().UTC(), order: o}
	if o.Evaluate != "" {
		run.Action = "evaluate"
	}
	if err := l.MayStart(o); err != nil {
		return Run{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.busy(); err != nil {
		return Run{}, err
	}
	l.runs = append(l.runs, run)
	l.runs = l.runs[max(0, len(l.runs)-runsKept):]
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return *run, nil
}

// MayStart says what keeps an order from being started.
func (l *Loop) MayStart(o Order) error {
	if o.Evaluate != "" {
		if _, err := l.Models.Get(o.Evaluate); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.busy()
}

// busy is an error while a run is under way, or there is nobody to carry one
// out any more. The caller holds the lock.
func (l *Loop) busy() error {
	if l.over {
		return fmt.Errorf("%w: the service is ending", projections.ErrModelState)
	}
	if len(l.runs) > 0 && l.runs[len(l.runs)-1].Ended == nil {
		return fmt.Errorf("%w: %s is under way: ask again when it is over", projections.ErrModelState, l.runs[len(l.runs)-1].ID)
	}
	return nil
}

// Get returns a run as it is now, or ErrNoRun.
func (l *Loop) Get(id string) (Run, error) {
	for _, run := range l.List() {
		if run.ID == id {
			return run, nil
		}
	}
	return Run{}, ErrNoRun
}

// List returns the runs since the start, the newest first.
func (l *Loop) List() []Run {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]Run, 0, len(l.runs))
	for _, run := range slices.Backward(l.runs) {
		list = append(list, *run)
	}
	return list
}

// work carries out what waits until ctx ends.
func (l *Loop) work(ctx context.Context) error {
	defer l.close()
	for {
		run := l.next()
		if run == nil {
			select {
			case <-l.wake:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		t, err := l.do(ctx, run.order, func(done, total ledger.Seq) {
			l.mu.Lock()
			defer l.mu.Unlock()
			run.Seq, run.Target = done, total
		})
		l.end(run, t, err)
		if ctx.Err() != nil {
			return nil
		}
		l.goOn(run.order)
	}
}

// goOn starts the training of churn after one of winning that ran by itself.
func (l *Loop) goOn(o Order) {
	if !o.watch || o.Target == training.Churn {
		return
	}
	o.Target = training.Churn
	if _, err := l.Start(o); err != nil {
		l.Logger.Info("churn is not trained now", "err", err)
	}
}

// next is the run that waits, now running, or nil.
func (l *Loop) next() *Run {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, run := range l.runs {
		if run.State == Waiting {
			run.State = Running
			return run
		}
	}
	return nil
}

// end notes how a run ended. Too few outcomes are an answer, not a failure.
func (l *Loop) end(run *Run, t Trained, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.Now().UTC()
	run.State, run.Trained, run.Ended = Done, t, &at
	switch {
	case tooFew(err):
		run.TooFew, run.Verdict = true, err.Error()
	case err != nil:
		run.State, run.Error = Failed, err.Error()
		l.Logger.Warn("training failed", "err", err)
	}
}

// close ends what Run leaves undone.
func (l *Loop) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	at := l.Now().UTC()
	for _, run := range l.runs {
		if run.Ended == nil {
			run.State, run.Error, run.Ended = Failed, "the service is ending", &at
		}
	}
}
