package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// openView finds p's files in dir and decides which one serves: the newest that
// is complete and of this version; else the newest complete of another version,
// read-only and stale, while this version's is built; else a new, empty one. With
// doubt, all of a file is read before it is used.
func openView(dir string, log ledger.Reader, o Options, p Projection, slot chan struct{}, doubt bool) (*view, error) {
	v := &view{p: p, dir: dir, log: log, o: o, slot: slot}
	files, err := filesOf(dir, p.Name())
	if err != nil {
		return nil, err
	}
	if len(files) > 0 {
		v.last = files[0].generation
	}
	for _, f := range files {
		if err := v.adopt(f, doubt); err != nil {
			return nil, errors.Join(err, v.closeAll())
		}
	}
	if err := v.fill(); err != nil {
		return nil, errors.Join(err, v.closeAll())
	}
	return v, nil
}

// adopt finds a use for f, or removes it. Files come newest first.
func (v *view) adopt(f file, doubt bool) error {
	defer noteOpening(v.dir, f)()
	g, err := openGeneration(v.dir, f, true)
	if err == nil {
		err = errors.Join(v.look(g, doubt), g.close())
	}
	if err == nil {
		err = v.use(f, g)
	}
	if errors.Is(err, errUnreadable) {
		v.o.Logger.Warn("view discarded", "projection", v.p.Name(), "err", err)
		return v.forget(f)
	}
	return err
}

// use finds a use for f, of which g is what was found in it. Opened to be written
// it may be unreadable nevertheless: only then bbolt looks for its free pages.
func (v *view) use(f file, g *generation) error {
	own := f.version == v.p.Version()
	serving := v.serving.Load()
	switch {
	case own && g.served && serving.isOwn() && v.previous == nil: // whether or not a rollback to it was cut off
		v.previous = &f
	case own && !g.complete && serving.isOwn() || !own && !g.complete:
		return v.forget(f) // an unfinished build that something newer has made worthless
	case own && !g.complete:
		return v.reopenBuilding(f)
	case own && !serving.isOwn():
		return v.serve(f, false)
	case own && v.previous == nil:
		v.previous = &f
	case own:
		return v.forget(f)
	case serving == nil:
		return v.serve(f, true)
	}
	return nil // of another version: kept for the binary that has its fold
}

func (g *generation) isOwn() bool { return g != nil && !g.readOnly }

// look says errUnreadable of a view that is damaged or not of this ledger.
func (v *view) look(g *generation, doubt bool) error {
	if doubt {
		if err := g.readAll(); err != nil {
			return err
		}
	}
	return v.check(g)
}

// check says errUnreadable of a view whose newest entry this ledger does not
// have: it was folded from another one, or from one that was since restored.
func (v *view) check(g *generation) error {
	c := g.cursor()
	if c.Seq == 0 {
		return nil
	}
	for e, err := range v.log.Read(context.Background(), ledger.Cursor{Seq: c.Seq - 1}) {
		if err != nil {
			return err
		}
		if e.Cursor() == c {
			return nil
		}
		break
	}
	return fmt.Errorf("%w: %s is at entry %d %s, which this ledger does not have", errUnreadable, g.file, c.Seq, ledger.FormatID(c.ID))
}

func (v *view) serve(f file, readOnly bool) error {
	g, err := openGeneration(v.dir, f, readOnly)
	if err != nil {
		return err
	}
	if old := v.serving.Load(); old != nil { // of another version, found first
		if err := old.close(); err != nil {
			return err
		}
	}
	v.serving.Store(g)
	return nil
}

func (v *view) reopenBuilding(f file) error {
	if v.building != nil {
		return v.forget(f)
	}
	g, err := openGeneration(v.dir, f, false)
	if err != nil {
		return err
	}
	v.building = g
	return nil
}

// fill makes what adopt did not find.
func (v *view) fill() error {
	serving := v.serving.Load()
	if serving == nil && v.building != nil { // its predecessor was discarded: it serves as it is
		v.serving.Store(v.building)
		v.building = nil
		g := v.serving.Load()
		return errors.Join(g.hold(false), g.finish())
	}
	if serving.isOwn() {
		return nil
	}
	if serving != nil && v.building != nil {
		return nil
	}
	g, err := v.create()
	if err != nil {
		return err
	}
	if serving != nil {
		v.building = g
		return nil
	}
	v.serving.Store(g)
	return g.finish()
}

// create makes the next generation of this version, empty.
func (v *view) create() (*generation, error) {
	v.last++
	return openGeneration(v.dir, file{v.p.Name(), v.p.Version(), v.last}, false)
}

func (v *view) closeAll() error {
	var errs []error
	for _, g := range []*generation{v.serving.Load(), v.building} {
		if g != nil {
			errs = append(errs, g.close())
		}
	}
	return errors.Join(errs...)
}
