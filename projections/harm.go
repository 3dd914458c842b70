package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrDamaged says that a view cannot be read back as it was written. It is made
// anew, beside the one that serves.
var ErrDamaged = errors.New("projections: damaged view")

// Decode reads a row of a view, or says ErrDamaged.
func Decode(bucket string, raw []byte, v any) error {
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%w: row of %s: %w", ErrDamaged, bucket, err)
	}
	return nil
}

// harm is what somebody met in a generation: ErrDamaged, or a panic, which may be
// the fault of who read.
type harm struct {
	g   *generation
	err error
}

// suspect notes the first harm that is met.
func (v *view) suspect(g *generation, err error) {
	if v.harm.CompareAndSwap(nil, &harm{g, err}) {
		v.hurt.send()
	}
}

// damage is what is wrong with the generation that serves, or nil.
func (v *view) damage() error {
	h := v.harm.Load()
	if h == nil || h.g != v.serving.Load() {
		return nil
	}
	if errors.Is(h.err, ErrDamaged) {
		return h.err
	}
	if err := h.g.readAll(); errors.Is(err, errUnreadable) {
		return err
	}
	return nil // or it was replaced meanwhile, and closed
}

// mend has a damaged view made anew, once in a life: what is there again after that
// is no damage.
func (v *view) mend(ctx context.Context) error {
	for hurt := v.hurt.wait(); v.harm.Load() == nil; {
		select {
		case <-hurt:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := v.damage()
	if err == nil {
		return nil
	}
	v.o.Logger.Error("view damaged: it is made anew", "projection", v.p.Name(), "err", err)
	if _, err := v.rebuildPurging(); err != nil && !errors.Is(err, ErrRebuilding) {
		v.o.Logger.Error("view damaged: the next start makes it anew", "projection", v.p.Name(), "err", err)
	}
	return nil
}
