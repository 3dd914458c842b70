package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// ErrDamaged says that a view cannot be read back as it was written. The runner then
// makes it anew: beside the one that serves while it runs, else the next time.
var ErrDamaged = errors.New("projections: damaged view")

// Decode reads a row of a view, or says ErrDamaged.
func Decode(bucket string, raw []byte, v any) error { return Damaged(bucket, json.Unmarshal(raw, v)) }

// Damaged is ErrDamaged if err says that a row cannot be read.
func Damaged(bucket string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: row of %s: %w", ErrDamaged, bucket, err)
}

// harm is what somebody met in a generation: ErrDamaged, or a panic, which may be
// the fault of who read.
type harm struct {
	g   *generation
	err error

	once  sync.Once
	found error // see verdict
}

func (h *harm) certain() bool { return errors.Is(h.err, ErrDamaged) }

// verdict is what is wrong with the generation, or nil. After a panic it is read
// whole, once.
func (h *harm) verdict() error {
	if h.certain() {
		return h.err
	}
	h.once.Do(func() {
		if err := h.g.readAll(); errors.Is(err, errUnreadable) { // or it was replaced, and closed
			h.found = err
		}
	})
	return h.found
}

// suspect notes what was met in the generation that serves: the first that is certain,
// else the first.
func (v *view) suspect(g *generation, err error) {
	if g.readOnly || v.serving.Load() != g { // the rows of an older version are another fold's
		return
	}
	h := &harm{g: g, err: err}
	for {
		old := v.harm.Load()
		if old != nil && old.g == g && (old.certain() || !h.certain()) {
			return
		}
		if v.harm.CompareAndSwap(old, h) {
			v.hurt.send()
			return
		}
	}
}

// damage is what is wrong with the generation that serves, or nil.
func (v *view) damage() error {
	if h := v.harm.Load(); h != nil && h.g == v.serving.Load() {
		return h.verdict()
	}
	return nil
}

// mend has a damaged view made anew: once in a life, since what is there again after
// that is no damage.
func (v *view) mend(ctx context.Context) error {
	for mended := false; ; {
		hurt := v.hurt.wait() // taken before looking
		if err := v.damage(); err != nil && !mended {
			v.o.Logger.Error("view damaged: it is made anew", "projection", v.p.Name(), "err", err)
			mended = true
			if err := v.replace(); err != nil {
				v.o.Logger.Error("view damaged: the next start makes it anew", "projection", v.p.Name(), "err", err)
			}
		}
		select {
		case <-hurt:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// replace has what is built, or is to be, keep nothing of what serves. A preview would
// wait for a person.
func (v *view) replace() error {
	switch err := v.discard(); {
	case err == nil:
		v.o.Logger.Warn("preview discarded: the view that serves is damaged", "projection", v.p.Name())
	case !errors.Is(err, ErrNoPreview):
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.building == nil {
		if _, err := v.begin(false); err != nil {
			return err
		}
	}
	v.building.mends = true
	return nil
}
