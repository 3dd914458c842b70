package projections

import (
	"context"
	"errors"
	"fmt"
)

// errDiscarded says that a generation being built is wanted no more.
var errDiscarded = errors.New("discarded")

// Preview starts a new generation like Rebuild, which does not take over but
// waits at the head until Accept or Discard. Diff says what it would change.
// It survives a restart.
func (r *Runner) Preview(name string) error {
	v, err := r.view(name)
	if err != nil {
		return err
	}
	return v.rebuild(true)
}

// Diff compares the generation that waits with the one that serves, as of the
// same entry, with up to sample rows of each kind of difference in a bucket.
// It is ErrNoPreview if none is being built, ErrNotReady before it has reached
// the head.
func (r *Runner) Diff(ctx context.Context, name string, sample int) (Diff, error) {
	v, err := r.view(name)
	if err != nil {
		return Diff{}, err
	}
	return v.diff(ctx, sample)
}

// Accept has the generation that waits take over; one that has not reached the
// head yet takes over when it has.
func (r *Runner) Accept(name string) error {
	v, err := r.view(name)
	if err != nil {
		return err
	}
	return v.accept()
}

// Discard deletes the generation that waits, or is built to wait.
func (r *Runner) Discard(name string) error {
	v, err := r.view(name)
	if err != nil {
		return err
	}
	return v.discard()
}

// preview returns the generation that a person is to say something about.
// The caller holds v.mu.
func (v *view) preview() (*generation, error) {
	if v.building == nil || !v.building.held {
		return nil, fmt.Errorf("projection %s: %w", v.p.Name(), ErrNoPreview)
	}
	return v.building, nil
}

func (v *view) accept() error {
	v.asking.Lock()
	defer v.asking.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	g, err := v.preview()
	if err != nil {
		return err
	}
	if err := g.hold(false); err != nil {
		return fmt.Errorf("projection %s: %w", v.p.Name(), err)
	}
	v.ready = false
	v.wanted.send()
	return nil
}

func (v *view) discard() error {
	v.asking.Lock()
	defer v.asking.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	g, err := v.preview()
	if err != nil {
		return err
	}
	v.building, v.ready = nil, false
	if v.at == g {
		return nil // its builder removes it
	}
	if err := g.remove(); err != nil {
		return err
	}
	if v.last == g.generation { // it never served: the next take-over is one more than the last
		v.last--
	}
	return nil
}
