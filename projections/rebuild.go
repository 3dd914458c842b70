package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// progress is from where and since when a generation is being built.
type progress struct {
	from    ledger.Seq
	started time.Time
}

// rebuild starts an empty generation beside the one that serves. One that is
// held does not take over by itself.
func (v *view) rebuild(held bool) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, err := v.begin(held)
	return err
}

// begin is rebuild for one who holds v.mu.
func (v *view) begin(held bool) (*generation, error) {
	if v.building != nil {
		return nil, fmt.Errorf("projection %s: %w", v.p.Name(), ErrRebuilding)
	}
	g, err := v.create()
	if err != nil {
		return nil, fmt.Errorf("projection %s: %w", v.p.Name(), err)
	}
	if held {
		if err := g.hold(true); err != nil {
			return nil, errors.Join(fmt.Errorf("projection %s: %w", v.p.Name(), err), g.remove())
		}
	}
	v.start(g)
	return g, nil
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
	defer noteOpening(v.dir, *v.previous)()
	g, err := openGeneration(v.dir, *v.previous, false)
	if err != nil {
		return fmt.Errorf("projection %s: %w", v.p.Name(), err)
	}
	v.last++
	if err := g.reopen(); err != nil {
		return errors.Join(fmt.Errorf("projection %s: %w", v.p.Name(), err), g.db.Close())
	}
	if err := g.rename(v.last); err != nil {
		return errors.Join(fmt.Errorf("projection %s: %w", v.p.Name(), err), g.db.Close())
	}
	v.previous = nil
	v.start(g)
	return nil
}

func (v *view) start(g *generation) {
	v.building, v.ready = g, false
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
			return errors.Join(err, v.quit(g))
		}
	}
	return ctx.Err()
}

// quit ends the builder's care of g. One that was discarded meanwhile is
// removed: left behind, it would be a preview again at the next start.
func (v *view) quit(g *generation) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.at = nil
	if v.building == g || v.serving.Load() == g {
		return nil
	}
	return g.remove()
}

func (v *view) toBuild() *generation {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.at = nil
	if !v.ready {
		v.at = v.building
	}
	return v.at
}

// buildOne folds the ledger into g until it has taken over, or waits for a
// person, or was discarded.
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
		done, err := v.buildStep(ctx, g)
		switch {
		case done:
			return nil
		case v.dropped(g):
			return g.remove()
		case err != nil:
			if err := v.endOf(ctx, g, err); err != nil {
				return err
			}
		}
	}
}

// buildStep brings g to the head and has it serve, or wait if it is held.
func (v *view) buildStep(ctx context.Context, g *generation) (done bool, err error) {
	pace := v.setOut()
	err = v.catchUp(ctx, g, func(g *generation, batch []ledger.Entry) error {
		if err := v.foldBuilding(g, batch); err != nil {
			return err
		}
		return pace.rest(ctx, v, len(batch))
	})
	if err != nil {
		return false, err
	}
	if v.waits(g) {
		return true, nil
	}
	old, err := v.takeOver(ctx, g)
	if old == nil {
		return false, err
	}
	v.retire(old, g)
	return true, nil
}

// foldBuilding folds into the generation that is built, unless it was discarded.
func (v *view) foldBuilding(g *generation, batch []ledger.Entry) error {
	if v.dropped(g) {
		return errDiscarded
	}
	return v.foldInto(g, batch)
}

// dropped reports whether g is built no more.
func (v *view) dropped(g *generation) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.building != g
}

// waits reports whether g, which is at the head, waits for a person.
func (v *view) waits(g *generation) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.building == g && g.held {
		v.ready, v.at = true, nil
	}
	return v.ready
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
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.building != g {
		return nil, errDiscarded
	}
	if err := g.finish(); err != nil {
		return nil, err
	}
	v.serving.Store(g)
	if g.purges { // before its predecessor is closed: nobody is to bring back what is to go
		v.previous = nil
	}
	v.building, v.caught, v.fault = nil, true, nil
	v.moved.send()
	v.o.Logger.Info("view took over", "projection", v.p.Name(), "generation", g.generation, "seq", g.cursor().Seq)
	return old, nil
}

// retire closes the generation that served before g, and keeps it for a rollback in
// the place of the one before it: unless g purges, or it is damaged. That is not told
// of a process that was killed meanwhile, whose next start may keep it.
func (v *view) retire(old, g *generation) {
	damage := v.damageOf(old)
	err := old.close() // waits for its readers
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case g.purges:
		v.purged, v.unpurged = g.generation, v.drop(g)
	case damage != nil:
		err = errors.Join(err, v.forget(old.file))
	case !old.readOnly:
		if v.previous != nil {
			_ = v.forget(*v.previous) // what stays is removed by the next start
		}
		v.previous = &old.file
	}
	if err != nil {
		v.o.Logger.Warn("view not closed", "projection", v.p.Name(), "err", err)
	}
	v.moved.send()
}
