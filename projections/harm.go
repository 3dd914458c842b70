package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
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
	at  time.Time

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

// judgeEvery is how often a generation is read whole because of panics.
const judgeEvery = time.Minute

// outweighs says whether h is worth more than what was noted before it.
func (h *harm) outweighs(old *harm) bool {
	return old == nil || old.g != h.g || !old.certain() && (h.certain() || h.at.Sub(old.at) >= judgeEvery)
}

// tell, deferred, tells of a panic, which goes on.
func tell(of func(error)) {
	if p := recover(); p != nil {
		of(fmt.Errorf("panic: %v", p))
		panic(p)
	}
}

// suspect notes what was met in the generation that serves.
func (v *view) suspect(g *generation, err error) {
	if g.readOnly { // its rows are another fold's
		return
	}
	h := &harm{g: g, err: err, at: v.o.Now()}
	for v.serving.Load() == g && !g.anew.Load() {
		old := v.harm.Load()
		if !h.outweighs(old) {
			return
		}
		if v.harm.CompareAndSwap(old, h) {
			v.hurt.send()
			return
		}
	}
}

// damageOf is what is wrong with a generation that serves or did last, or nil.
func (v *view) damageOf(g *generation) error {
	if h := v.harm.Load(); h != nil && h.g == g {
		return h.verdict()
	}
	return nil
}

// mend has a damaged view made anew, once in a life.
func (v *view) mend(ctx context.Context) error {
	for mended := false; ; {
		hurt := v.hurt.wait() // taken before looking
		g := v.serving.Load()
		if err := v.damageOf(g); err != nil && !mended {
			v.o.Logger.Error("view damaged: it is made anew", "projection", v.p.Name(), "err", err)
			if mended, err = v.replace(g); err != nil {
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

// replace has something built that takes over from g, if it serves still. A preview
// would wait for a person.
func (v *view) replace(g *generation) (begun bool, err error) {
	for v.serving.Load() == g {
		switch err := v.discard(); {
		case err == nil:
			v.o.Logger.Warn("preview discarded: the view that serves is damaged", "projection", v.p.Name())
		case !errors.Is(err, ErrNoPreview):
			return false, err
		}
		if begun, err = v.buildAnew(g); begun || err != nil {
			return begun, err
		}
	}
	return false, nil
}

// buildAnew begins to build, unless something is built already. It has not if g serves
// no more, or if that is a preview.
func (v *view) buildAnew(g *generation) (bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.serving.Load() != g || v.building != nil && v.building.held {
		return false, nil
	}
	if v.building == nil {
		if _, err := v.begin(false); err != nil {
			return false, err
		}
	}
	v.building.anew.Store(!v.building.served) // one that is brought back is not
	return true, nil
}
