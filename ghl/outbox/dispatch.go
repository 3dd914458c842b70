package outbox

import (
	"container/heap"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// dispatch knows which lanes have something to do and when, and starts as
// many of them at once as a location may have. Locations don't share workers,
// so none waits for another's limits.
type dispatch struct {
	*Courier
	lanes     map[lane]*waiting
	locations map[string]*station
	finished  chan result
	running   sync.WaitGroup
}

// waiting is a lane and when to look at it.
type waiting struct {
	lane
	at      time.Time
	after   ledger.Seq // the view must include it at the next look
	place   int        // in its station's heap
	running bool
	again   bool // something came while it was running
}

// station is a location's lanes, the next one first.
type station struct {
	line    []*waiting
	running int
}

// result is how a look at a lane ended: when to look again, zero for not
// before something comes.
type result struct {
	w    *waiting
	next time.Time
	err  error
}

func newDispatch(c *Courier) *dispatch {
	return &dispatch{Courier: c, lanes: map[lane]*waiting{}, locations: map[string]*station{}, finished: make(chan result)}
}

// run looks at every lane, and again when the ledger says so or a time has come.
func (d *dispatch) run(ctx context.Context, head ledger.Cursor) error {
	ctx, stop := context.WithCancel(ctx)
	entries, failed := follow(ctx, d.Log, head, maxBatch)
	defer d.leave(stop, entries)
	if err := d.wakeAll(head.Seq, ""); err != nil {
		return err
	}
	for {
		d.start(ctx)
		timer := time.NewTimer(d.wait())
		select {
		case r := <-d.finished:
			if err := d.finish(r); err != nil {
				return err
			}
		case e, ok := <-entries:
			if !ok {
				return fmt.Errorf("read the ledger: %w", <-failed)
			}
			if err := d.hear(ctx, e); err != nil {
				return err
			}
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		timer.Stop()
	}
}

// leave waits for everything that run started.
func (d *dispatch) leave(stop func(), entries <-chan ledger.Entry) {
	stop()
	go func() {
		d.running.Wait()
		close(d.finished)
	}()
	for range d.finished {
	}
	for range entries {
	}
}

// hear wakes the lanes that an entry is about.
func (d *dispatch) hear(ctx context.Context, e ledger.Entry) error {
	switch e.Kind {
	case SenderResumed, Released:
		if e.Subject != "" {
			break
		}
		if err := d.Pending.Wait(ctx, e.Seq); err != nil {
			return err
		}
		return d.wakeAll(e.Seq, e.Location)
	case Requested, Retried, Discarded: // what waited behind a discarded one may be due
	default:
		return nil
	}
	for _, sort := range []byte{laneFields, laneMessages} {
		d.wake(lane{location: e.Location, contact: e.Subject, sort: sort}, e.Seq)
	}
	return nil
}

// wakeAll wakes every lane with something pending, of one location or of all.
func (d *dispatch) wakeAll(after ledger.Seq, location string) error {
	lanes, err := d.Pending.lanes()
	for _, l := range lanes {
		if location == "" || l.location == location {
			d.wake(l, after)
		}
	}
	return err
}

func (d *dispatch) wake(l lane, after ledger.Seq) {
	w := d.lanes[l]
	if w == nil {
		w = &waiting{lane: l, place: -1}
		d.lanes[l] = w
	}
	w.after = max(w.after, after)
	if w.running {
		w.again = true
		return
	}
	d.schedule(w, d.Now())
}

func (d *dispatch) schedule(w *waiting, at time.Time) {
	s := d.locations[w.location]
	if s == nil {
		s = new(station)
		d.locations[w.location] = s
	}
	w.at = at
	if w.place >= 0 {
		heap.Fix(s, w.place)
		return
	}
	heap.Push(s, w)
}

// start starts what is due, as far as there are workers.
func (d *dispatch) start(ctx context.Context) {
	now := d.Now()
	for _, s := range d.locations {
		for s.running < d.Workers && len(s.line) > 0 && d.isTime(s.line[0].at, now) {
			w := heap.Pop(s).(*waiting)
			w.running = true
			s.running++
			after := w.after // what wakes the lane meanwhile raises it
			d.running.Go(func() {
				next, err := d.serve(ctx, w.lane, after)
				d.finished <- result{w, next, err}
			})
		}
	}
}

// isTime reports whether a lane is to be looked at. No lane waits as long as
// to a time beyond the longest wait, unless the clock was put back: a look will
// tell.
func (d *dispatch) isTime(at, now time.Time) bool {
	return !at.After(now) || at.Sub(now) > max(d.Retry.MaxDelay, longestRest)
}

func (d *dispatch) finish(r result) error {
	r.w.running = false
	d.locations[r.w.location].running--
	switch {
	case r.err != nil:
		return r.err
	case r.w.again:
		r.w.again = false
		d.schedule(r.w, d.Now())
	case !r.next.IsZero():
		d.schedule(r.w, r.next)
	default:
		delete(d.lanes, r.w.lane)
	}
	return nil
}

// wait is how long nothing becomes due that could be started.
func (d *dispatch) wait() time.Duration {
	wait := time.Hour
	for _, s := range d.locations {
		if s.running < d.Workers && len(s.line) > 0 {
			wait = min(wait, s.line[0].at.Sub(d.Now()))
		}
	}
	return max(wait, 0)
}

// station is a heap.

func (s *station) Len() int           { return len(s.line) }
func (s *station) Less(i, j int) bool { return s.line[i].at.Before(s.line[j].at) }
func (s *station) Swap(i, j int) {
	s.line[i], s.line[j] = s.line[j], s.line[i]
	s.line[i].place, s.line[j].place = i, j
}

func (s *station) Push(x any) {
	w := x.(*waiting)
	w.place = len(s.line)
	s.line = append(s.line, w)
}

func (s *station) Pop() any {
	w := s.line[len(s.line)-1]
	s.line = s.line[:len(s.line)-1]
	w.place = -1
	return w
}
