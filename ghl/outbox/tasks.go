package outbox

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// TaskState is where a task stands.
type TaskState string

// The states of a task.
const (
	TaskWaiting   TaskState = "waiting"
	TaskRunning   TaskState = "running"
	TaskDone      TaskState = "done"
	TaskCancelled TaskState = "cancelled"
	TaskFailed    TaskState = "failed"
)

// Task is a Bulk that was started.
type Task struct {
	ID      string     `json:"id"`
	Action  Action     `json:"action"`
	State   TaskState  `json:"state"`
	Total   int        `json:"total"`   // effects chosen when it was started
	Done    int        `json:"done"`    // retried, released or discarded
	Skipped int        `json:"skipped"` // no longer in the state in which they were chosen
	Error   string     `json:"error"`
	By      string     `json:"by"` // the audit entry of who asked
	Started time.Time  `json:"started_at"`
	Ended   *time.Time `json:"ended_at"`
}

// Errors of tasks.
var (
	ErrNoTask      = errors.New("outbox: no such task")
	ErrTasksEnding = errors.New("outbox: the service is ending")
)

// tasksKept is how many ended tasks can be asked for.
const tasksKept = 100

// Tasks does what people ask for many effects at once, one task after the
// other, at a bounded rate, so that a thousand dead letters do not come before
// what is new. What a task has done is in the ledger; the task itself is not:
// a restart ends it, and the same filter then chooses what is left.
//
// Its methods are safe for concurrent use. Run must run for tasks to go on.
type Tasks struct {
	acts  Acts
	every time.Duration
	log   *slog.Logger

	mu   sync.Mutex
	all  []*task // oldest first
	wake chan struct{}
	over bool
}

// task is a Task with what it works on.
type task struct {
	Task
	bulk Bulk
	ids  []ulid.ULID
	stop chan struct{} // closed by Cancel
}

// NewTasks returns tasks that do at most perSecond acts a second; 5 where it
// is 0.
func NewTasks(acts Acts, perSecond int, log *slog.Logger) *Tasks {
	return &Tasks{
		acts: acts, every: time.Second / time.Duration(max(1, cmp.Or(perSecond, 5))),
		log: cmp.Or(log, slog.New(slog.DiscardHandler)), wake: make(chan struct{}, 1),
	}
}

// Start chooses the effects of b as they are now and has them done by Run. An
// effect that returns to the same state meanwhile is not done twice. Errors:
// ErrBulk, ErrTasksEnding.
func (ts *Tasks) Start(b Bulk) (Task, error) {
	b, err := b.checked()
	if err != nil {
		return Task{}, err
	}
	t := &task{bulk: b, stop: make(chan struct{}), Task: Task{
		ID: "task_" + ulid.Make().String(), Action: b.Action, State: TaskWaiting, By: b.By, Started: ts.acts.now().UTC(),
	}}
	if err := ts.acts.Pending.each(b.Filter, func(r *record) { t.ids = append(t.ids, r.id) }); err != nil {
		return Task{}, err
	}
	t.Total = len(t.ids)
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.over {
		return Task{}, ErrTasksEnding
	}
	ts.all = append(ts.all, t)
	ts.drop()
	select {
	case ts.wake <- struct{}{}:
	default:
	}
	return t.Task, nil
}

// drop forgets the oldest ended tasks beyond those kept.
func (ts *Tasks) drop() {
	for i := 0; len(ts.all) > tasksKept && i < len(ts.all); {
		if ts.all[i].Ended == nil {
			i++
			continue
		}
		ts.all = slices.Delete(ts.all, i, i+1)
	}
}

// Get returns a task as it is now, or ErrNoTask.
func (ts *Tasks) Get(id string) (Task, error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, t := range ts.all {
		if t.ID == id {
			return t.Task, nil
		}
	}
	return Task{}, ErrNoTask
}

// List returns the tasks, the newest first.
func (ts *Tasks) List() []Task {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	list := make([]Task, 0, len(ts.all))
	for _, t := range slices.Backward(ts.all) {
		list = append(list, t.Task)
	}
	return list
}

// Cancel ends a task that has not ended; what it has done stays done. Errors:
// ErrNoTask.
func (ts *Tasks) Cancel(id string) (Task, error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, t := range ts.all {
		if t.ID != id {
			continue
		}
		if t.Ended == nil {
			ts.end(t, TaskCancelled, nil)
			close(t.stop)
		}
		return t.Task, nil
	}
	return Task{}, ErrNoTask
}

// end records how a task ended. The caller holds the lock.
func (ts *Tasks) end(t *task, s TaskState, err error) {
	if t.Ended != nil {
		return
	}
	at := ts.acts.now().UTC()
	t.State, t.Ended = s, &at
	if err != nil {
		t.Error = err.Error()
	}
	ts.log.Info("task ended", "task", t.ID, "action", string(t.Action), "state", string(s), "done", t.Done, "skipped", t.Skipped, "err", t.Error)
}

// Run does the tasks until ctx ends, which is no error.
func (ts *Tasks) Run(ctx context.Context) error {
	defer ts.close()
	for {
		t := ts.next()
		if t == nil {
			select {
			case <-ts.wake:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		ts.work(ctx, t)
		if ctx.Err() != nil {
			return nil
		}
	}
}

// close ends what Run leaves undone.
func (ts *Tasks) close() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.over = true
	for _, t := range ts.all {
		ts.end(t, TaskCancelled, ErrTasksEnding)
	}
}

// next is the oldest task that waits, now running, or nil.
func (ts *Tasks) next() *task {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, t := range ts.all {
		if t.State == TaskWaiting {
			t.State = TaskRunning
			return t
		}
	}
	return nil
}

// work does one task. An error ends it, for the next effect would meet it too.
func (ts *Tasks) work(ctx context.Context, t *task) {
	pace := time.NewTicker(ts.every)
	defer pace.Stop()
	for _, id := range t.ids {
		select {
		case <-pace.C:
		case <-t.stop:
			return
		case <-ctx.Done():
			return
		}
		done, err := ts.acts.do(ctx, t.bulk, id)
		if err != nil {
			ts.finish(t, TaskFailed, err)
			return
		}
		ts.count(t, done)
	}
	ts.finish(t, TaskDone, nil)
}

func (ts *Tasks) count(t *task, done bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if done {
		t.Done++
		return
	}
	t.Skipped++
}

func (ts *Tasks) finish(t *task, s TaskState, err error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.end(t, s, err)
}
