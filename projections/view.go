package projections

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// view is one projection with its files: the generation that serves, perhaps
// one that is built beside it, perhaps one to roll back to.
type view struct {
	p    Projection
	dir  string
	log  ledger.Reader
	o    Options
	slot chan struct{} // held by who builds, so that rebuilds leave room for the live

	serving atomic.Pointer[generation]
	moved   signal // serving has folded more, or is another one
	harm    atomic.Pointer[harm]
	hurt    signal // there is a harm
	wanted  signal // there is something to build

	// fold keeps a take-over between two batches of the live follower.
	fold sync.Mutex

	// asking is held by who looks at, accepts or discards a preview; taken
	// before fold.
	asking sync.Mutex

	mu       sync.Mutex // guards what follows; taken after fold
	building *generation
	at       *generation // what the builder is at, building or what that was
	previous *file       // of the same version, closed
	last     int         // the highest generation number ever given
	progress progress
	ready    bool  // building is held and has reached the head: a person is to say
	purged   int   // the newest generation that nothing before was kept of: see Rewrite
	unpurged error // what was kept of it nevertheless
	caught   bool  // serving has reached the head since the start
	fault    error
}

// haltFor is how long a follower whose disk failed waits before it tries again.
const haltFor = 5 * time.Second

// errReplaced says that the generation being followed serves no more.
var errReplaced = errors.New("replaced")

// live folds what comes into the generation that serves, whichever it is.
func (v *view) live(ctx context.Context) error {
	for ctx.Err() == nil {
		moved := v.moved.wait() // taken before looking, so no take-over is missed
		g := v.serving.Load()
		if g.readOnly {
			select {
			case <-moved:
			case <-ctx.Done():
			}
			continue
		}
		err := v.follow(ctx, g)
		if err := v.endOf(ctx, g, err); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// follow folds the ledger into the serving generation g for as long as it serves.
func (v *view) follow(ctx context.Context, g *generation) error {
	for {
		if err := v.catchUp(ctx, g, v.foldLive); err != nil {
			return err
		}
		v.mu.Lock()
		v.caught, v.fault = true, nil
		v.mu.Unlock()
		for _, err := range v.log.Tail(ctx, g.cursor()) {
			if err != nil {
				return err
			}
			break // awake; catchUp reads it in a batch
		}
	}
}

// catchUp hands what the ledger has after g's cursor to fold, in full batches.
func (v *view) catchUp(ctx context.Context, g *generation, fold func(*generation, []ledger.Entry) error) error {
	return v.catchUpTo(ctx, g, math.MaxUint64, fold)
}

// Who is far behind folds more in one transaction: a page that many entries
// change is then written once. Bodies may be large, so they are counted too.
const (
	farBatches = 16
	farBytes   = 16 << 20
)

// catchUpTo ends with the entry at to.
func (v *view) catchUpTo(ctx context.Context, g *generation, to ledger.Seq, fold func(*generation, []ledger.Entry) error) error {
	size, bytes := v.batchFor(g), 0
	batch := make([]ledger.Entry, 0, size)
	for e, err := range v.log.Read(ctx, g.cursor()) {
		if err != nil && len(batch) > 0 && ctx.Err() == nil { // what came before it is as good as ever
			err = errors.Join(fold(g, batch), err)
		}
		if err != nil {
			return err
		}
		if e.Seq > to {
			break
		}
		batch = append(batch, e)
		bytes += len(e.Body)
		if len(batch) < size && bytes < farBytes {
			continue
		}
		if err := fold(g, batch); err != nil {
			return err
		}
		clear(batch) // their bodies are not kept
		batch, bytes, size = batch[:0], 0, v.batchFor(g)
	}
	if len(batch) == 0 {
		return ctx.Err()
	}
	return fold(g, batch)
}

// batchFor is how many entries g folds in its next transaction.
func (v *view) batchFor(g *generation) int {
	if behind := v.head() - min(v.head(), g.cursor().Seq); behind > ledger.Seq(2*farBatches*v.o.Batch) {
		return farBatches * v.o.Batch
	}
	return v.o.Batch
}

func (v *view) foldLive(g *generation, batch []ledger.Entry) error {
	v.fold.Lock()
	defer v.fold.Unlock()
	if v.serving.Load() != g {
		return errReplaced
	}
	defer v.moved.send()
	return v.foldInto(g, batch)
}

func (v *view) foldInto(g *generation, batch []ledger.Entry) error {
	parked := g.parked.Load()
	err := g.fold(v.p, batch)
	if g.met != nil {
		v.suspect(g, g.met)
		g.met = nil
	}
	if n := g.parked.Load() - parked; n > 0 {
		v.o.Logger.Error("entries parked", "projection", v.p.Name(), "seq", batch[len(batch)-1].Seq, "count", n)
	}
	return err
}

// endOf decides what follows from the end of following g: to go on with
// another generation, to wait and try again, or to end.
func (v *view) endOf(ctx context.Context, g *generation, err error) error {
	switch {
	case errors.Is(err, errReplaced):
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ledger.ErrClosed):
		return err
	}
	err = fmt.Errorf("projection %s halted at entry %d: %w", v.p.Name(), g.cursor().Seq+1, err)
	v.mu.Lock()
	known := v.fault != nil && v.fault.Error() == err.Error()
	v.fault = err
	v.mu.Unlock()
	if !known { // it is tried again every few seconds
		v.o.Logger.Error("projection halted", "projection", v.p.Name(), "seq", g.cursor().Seq+1, "err", err)
	}
	select {
	case <-time.After(haltFor):
	case <-ctx.Done():
	}
	return nil
}

// read runs f on the serving generation. One that was replaced and closed
// between the two steps is no error: its successor is asked.
func (v *view) read(f func(*bbolt.Tx) error) error {
	for {
		g := v.serving.Load()
		err := v.readFrom(g, f)
		if errors.Is(err, bbolterrors.ErrDatabaseNotOpen) && v.serving.Load() != g {
			continue
		}
		return err
	}
}

func (v *view) readFrom(g *generation, f func(*bbolt.Tx) error) error {
	defer tell(func(err error) { v.suspect(g, err) })
	err := g.db.View(f)
	if errors.Is(err, ErrDamaged) {
		v.suspect(g, err)
	}
	return err
}

func (v *view) await(ctx context.Context, seq ledger.Seq) error {
	for {
		moved := v.moved.wait() // taken before looking, so no move is missed
		if g := v.serving.Load(); !g.readOnly && g.cursor().Seq >= seq {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (v *view) close() error {
	damage := v.damageOf(v.serving.Load())
	v.mu.Lock()
	defer v.mu.Unlock()
	g := v.serving.Load()
	err := g.close()
	if damage != nil {
		v.o.Logger.Error("view damaged: the next start makes it anew", "projection", v.p.Name(), "err", damage)
		err = errors.Join(err, v.forget(g.file))
	}
	if v.building != nil {
		err = errors.Join(err, v.building.close())
	}
	return err
}

func (v *view) forget(f file) error { return os.Remove(filepath.Join(v.dir, f.String())) }

// signal wakes all who wait. The zero value is ready.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

// wait returns a channel that the next send closes.
func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) send() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}
