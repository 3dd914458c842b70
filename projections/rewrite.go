package projections

import (
	"context"
	"errors"
	"fmt"
)

// errStopped says that Run ended before what it was to do was done.
var errStopped = errors.New("the views are followed no more")

// Rewrite builds every view anew and removes the files that served before,
// those kept for a rollback included: what was destroyed in the ledger is then
// in no view's file either, free pages included. It returns when that is done,
// or with an error once Run has ended.
func (r *Runner) Rewrite(ctx context.Context) error {
	for _, v := range r.views {
		if err := v.rewrite(ctx, r.ended); err != nil {
			return fmt.Errorf("rewrite projection %s: %w", v.p.Name(), err)
		}
	}
	return nil
}

func (v *view) rewrite(ctx context.Context, ended <-chan struct{}) error {
	for number := 0; ; {
		moved := v.moved.wait() // taken before looking
		switch {
		case number == 0: // none was started yet: the one under way has read what is destroyed
			var err error
			if number, err = v.rebuildPurging(); err != nil && !errors.Is(err, ErrRebuilding) {
				return err
			}
		default:
			if done, err := v.purgedBy(number); done {
				return err
			}
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
			return errStopped
		}
	}
}

// rebuildPurging starts a rebuild that leaves nothing to roll back to, in the
// place of a preview if there is one, and returns its number. It returns
// ErrRebuilding and 0 while another one is under way.
func (v *view) rebuildPurging() (number int, err error) {
	if err := v.discard(); err != nil && !errors.Is(err, ErrNoPreview) {
		return 0, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	g, err := v.begin(false)
	if err != nil {
		return 0, err
	}
	g.purges = true
	return g.generation, nil
}

// purgedBy reports whether the generation of that number, or a later one that
// purges too, serves, and whether all files before it could be removed.
func (v *view) purgedBy(number int) (done bool, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.purged >= number, v.unpurged
}

// drop removes every file of the view but that of g, which serves, and of one
// begun since: those kept for a rollback and for an older binary have what is
// to be gone, too. The caller holds v.mu.
func (v *view) drop(g *generation) error {
	v.previous = nil
	files, err := filesOf(v.dir, v.p.Name())
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range files {
		if f != g.file && (v.building == nil || f != v.building.file) {
			errs = append(errs, v.forget(f))
		}
	}
	return errors.Join(errs...)
}
