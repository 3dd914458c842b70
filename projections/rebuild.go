package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// progress is from where and since when a generation is being built.
type progress struct {
	from    ledger.Seq
	started time.Time
}

// rebuild starts an empty generation beside the one that serves.
func (v *view) rebuild() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.building != nil {
		return fmt.Errorf("projection %s: %w", v.p.Name(), ErrRebuilding)
	}
	g, err := v.create()
	if err != nil {
		return fmt.Errorf("projection %s: %w", v.p.Name(), err)
	}
	v.start(g)
	return nil
}

// rollback starts with the file that served before the last take-over. It gets
// a new number first, so that the newest number is always the one that serves.
func (v *view) rollback() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.building != nil:
		return fmt.Errorf("projection %s: %w", v.p.Name(), ErrRebuilding)
	case v.previous == nil:
		return fmt.Errorf("projection %s: %w", v.p.Name(), ErrNoPrevious)
	}
	g, err := openGeneration(v.dir, *v.previous, false)
	if err != nil {
		return fmt.Errorf("projection %s: %w", v.p.Name(), err)
	}
	v.last++
	if err := g.reopen(); err != nil {
		return fmt.Errorf("projection %s: %w", v.p.Name(), err)
	}
	if err := g.rename(v.last); err != nil {
		return fmt.Errorf("projection %s: %w", v.p.Name(), err)
	}
	v.previous = nil
	v.start(g)
	return nil
}

func (v *view) start(g *generation) {
	v.building = g
	v.progress = progress{}
	v.wanted.send()
}

// build waits for a generation to be built, and builds it.
func (v *view) build(ctx context.Context) error {
	for ctx.Err() == nil {
		wanted := v.wanted.wait()
		g := v.toBuild()
		if g == nil {
			select {
			case <-wanted:
			case <-ctx.Done():
			}
			continue
		}
		if err := v.buildOne(ctx, g); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (v *view) toBuild() *generation {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.building
}

// buildOne folds the ledger into g until it has taken over.
func (v *view) buildOne(ctx context.Context, g *generation) error {
	select {
	case v.slot <- struct{}{}:
		defer func() { <-v.slot }()
	case <-ctx.Done():
		return ctx.Err()
	}
	v.mu.Lock()
	v.progress = progress{from: g.cursor().Seq, started: v.o.Now()}
	v.mu.Unlock()
	for {
		err := v.catchUp(ctx, g, v.foldInto)
		var old *generation
		if err == nil {
			old, err = v.takeOver(ctx, g)
		}
		if old != nil {
			v.retire(old)
			return nil
		}
		if err != nil {
			if err := v.endOf(ctx, g, err); err != nil {
				return err
			}
		}
	}
}

// takeOver makes g serve if it is at most a batch behind: it folds that
// stretch while the live follower stands still, so that readers never see the
// view go back. It returns the one that served until now, or nil if g is not
// there yet.
func (v *view) takeOver(ctx context.Context, g *generation) (*generation, error) {
	v.fold.Lock()
	defer v.fold.Unlock()
	old := v.serving.Load()
	if !old.readOnly && old.cursor().Seq > g.cursor().Seq+ledger.Seq(v.o.Batch) {
		return nil, nil
	}
	if err := v.catchUp(ctx, g, v.foldInto); err != nil {
		return nil, err
	}
	if err := g.finish(); err != nil {
		return nil, err
	}
	v.serving.Store(g)
	v.mu.Lock()
	v.building, v.caught, v.fault = nil, true, nil
	v.mu.Unlock()
	v.moved.send()
	v.o.Logger.Info("view took over", "projection", v.p.Name(), "generation", g.generation, "seq", g.cursor().Seq)
	return old, nil
}

// retire closes the generation that served, keeps it for a rollback, and
// removes the one before it.
func (v *view) retire(old *generation) {
	err := old.close() // waits for its readers
	v.mu.Lock()
	defer v.mu.Unlock()
	if !old.readOnly {
		if v.previous != nil {
			_ = v.forget(*v.previous) // what stays is removed by the next start
		}
		v.previous = &old.file
	}
	if err != nil {
		v.o.Logger.Warn("view not closed", "projection", v.p.Name(), "err", err)
	}
}
