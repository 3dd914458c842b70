package projections

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"go.etcd.io/bbolt"
)

// Past is the leads view as it was after one entry, in a file that has no name:
// however the process ends, nothing of it is left. One goroutine may use it.
type Past struct {
	Meaning
	g       *generation
	suspect func(error) // told of what is damaged in the view that it is a copy of
}

// FoldLeads folds the ledger into an empty view up to the entry at until. The
// file is made in dir, as large as the view would be.
func FoldLeads(ctx context.Context, log ledger.Reader, m Meaning, until ledger.Seq, dir string) (*Past, error) {
	p := &Past{Meaning: m.orDefault()}
	err := p.open(dir, func(string) error { return nil }, false)
	if err != nil {
		return nil, err
	}
	v := &view{p: Leads{meaning: p.Meaning, lean: true}, log: log, o: Options{Batch: 4 * 256}}
	err = v.catchUpTo(ctx, p.g, until, func(g *generation, batch []ledger.Entry) error {
		return errors.Join(g.fold(v.p, batch), g.unmap())
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("fold the leads up to entry %d: %w", until, err), p.Close())
	}
	return p, nil
}

// At returns the leads as they were after the entry at until, or an error that
// wraps ledger.ErrNone where the ledger has not come so far. The view that
// serves is copied where it stands at that entry; else the ledger is folded
// anew, which takes as long as a rebuild. Both give the same leads.
func (v LeadsView) At(ctx context.Context, until ledger.Seq, dir string) (*Past, error) {
	head, err := v.Runner.log.Head(ctx)
	if err != nil {
		return nil, err
	}
	if until > head.Seq {
		return nil, fmt.Errorf("leads as of entry %d, the newest is %d: %w", until, head.Seq, ledger.ErrNone)
	}
	if err := v.Wait(ctx, until); err != nil {
		return nil, err
	}
	view, err := v.Runner.view(LeadsName)
	if err != nil {
		return nil, err
	}
	from := view.serving.Load()
	p := &Past{Meaning: v.Meaning.orDefault(), suspect: func(err error) { view.suspect(from, err) }}
	err = p.open(dir, func(path string) error { return v.copyAt(until, path) }, true)
	if errors.Is(err, errElsewhere) {
		return FoldLeads(ctx, v.Runner.log, v.Meaning, until, dir)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// errElsewhere says that the view that serves is past the place asked for.
var errElsewhere = errors.New("the view stands elsewhere")

func (v LeadsView) copyAt(until ledger.Seq, path string) error {
	return v.Runner.View(LeadsName, func(tx *bbolt.Tx) error {
		var c ledger.Cursor
		if b := tx.Bucket(runnerBucket); b != nil {
			var err error
			if c, err = decodeCursor(b.Get(cursorKey)); err != nil {
				return err
			}
		}
		if c.Seq != until {
			return errElsewhere
		}
		return tx.CopyFile(path, 0o600)
	})
}

// open has fill make the file, opens it and takes its name away.
func (p *Past) open(dir string, fill func(path string) error, readOnly bool) error {
	own, err := os.MkdirTemp(dir, "past-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(own) // the open file stays
	f := file{LeadsName, Leads{}.Version(), 0}
	if err := fill(filepath.Join(own, f.String())); err != nil {
		return err
	}
	p.g, err = openGeneration(own, f, readOnly)
	return err
}

// pastLeads is after how many leads the pages of the file are unmapped.
const pastLeads = 256

// Each yields every lead in the order of contact ids, deleted ones too. Those
// that were forgotten are left out, and so are the properties that fit a lead.
func (p *Past) Each(ctx context.Context, yield func(Lead) error) error {
	if p.suspect != nil {
		defer tell(p.suspect)
	}
	err := p.g.db.View(func(tx *bbolt.Tx) error {
		r, n := rows{tx: tx}, 0
		return r.each("leads", func(contact, _ []byte) error {
			if n++; n%pastLeads == 0 {
				unmap(tx)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			lead, ok, err := r.unmatched(p.Meaning, string(contact))
			if err != nil || !ok || lead.Created.IsZero() { // forgotten: nothing is known of it
				return err
			}
			return yield(lead)
		})
	})
	if errors.Is(err, ErrDamaged) && p.suspect != nil {
		p.suspect(err)
	}
	return err
}

// Close gives the file back.
func (p *Past) Close() error { return p.g.db.Close() }
