package projections

import (
	"context"
	"errors"
	"fmt"
)

// Rewrite builds every view anew and removes the files that served before,
// those kept for a rollback included: what was destroyed in the ledger is then
// in no view's file either, free pages included. It returns when that is done;
// Run must run.
func (r *Runner) Rewrite(ctx context.Context) error {
	for _, v := range r.views {
		if err := v.rewrite(ctx); err != nil {
			return fmt.Errorf("rewrite projection %s: %w", v.p.Name(), err)
		}
	}
	return nil
}

func (v *view) rewrite(ctx context.Context) error {
	if err := v.discard(); err != nil && !errors.Is(err, ErrNoPreview) {
		return err
	}
	for started := false; ; {
		moved := v.moved.wait() // taken before looking
		if !started {
			err := v.rebuildPurging()
			if err != nil && !errors.Is(err, ErrRebuilding) {
				return err
			}
			started = err == nil // else after the one under way, which has read what is destroyed
		} else if !v.purging() {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// rebuildPurging is a rebuild that leaves nothing to roll back to.
func (v *view) rebuildPurging() error {
	v.setPurge(true) // before it starts: it may be over at once
	err := v.rebuild(false)
	if err != nil {
		v.setPurge(false)
	}
	return err
}

func (v *view) setPurge(on bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.purge = on
}

func (v *view) purging() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.purge
}

// drop removes the file of the generation that served, and the one before it.
// The caller holds v.mu.
func (v *view) drop(old file) {
	errs := []error{v.forget(old)}
	if v.previous != nil {
		errs = append(errs, v.forget(*v.previous))
	}
	if err := errors.Join(errs...); err != nil {
		v.o.Logger.Warn("view not removed; the next start tries again", "projection", v.p.Name(), "err", err)
	}
	v.previous, v.purge = nil, false
}
