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

// Walk folds the leads view from the beginning of a ledger, in a file of its
// own in dir, and calls visit after each entry: lead then returns a contact as
// it was known at that entry and nothing later. The file is gone when Walk
// returns. What the fold cannot digest is passed over, with what follows of the
// same contact, as the view itself parks it.
func Walk(ctx context.Context, log ledger.Reader, dir string, m Meaning, visit func(e ledger.Entry, lead LeadAt) error) (err error) {
	tmp, err := os.MkdirTemp(dir, walkPrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	db, err := bbolt.Open(filepath.Join(tmp, "leads.db"), 0o600, &bbolt.Options{
		NoSync: true, NoGrowSync: true, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType,
	})
	if err != nil {
		return fmt.Errorf("walk the ledger: %w", err)
	}
	defer func() {
		if cerr := db.Close(); err == nil {
			err = cerr
		}
	}()
	m = m.orDefault()
	w := &walk{db: db, meaning: m, visit: visit, parked: map[string]bool{}}
	w.leads = Leads{meaning: m.recalling(&w.texts), lean: true}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	batches, failed := readAhead(ctx, log, m)
	for b := range batches {
		if err := w.fold(b); err != nil {
			stop()
			<-failed
			return err
		}
	}
	return <-failed
}

// EndWalks removes what walks in dir left behind that were cut off by the end of
// their process: leads as they were, which no erasure would reach.
func EndWalks(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, walkPrefix+"*"))
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

const walkPrefix = "walk-"

// LeadAt returns a contact as it is known now, without the properties that fit
// it, and whether it is.
type LeadAt func(contact string) (Lead, bool, error)

// Bounds of what is folded in one transaction.
const (
	walkBatch = 512
	walkBytes = 8 << 20
)

type walk struct {
	db      *bbolt.DB
	leads   Leads
	meaning Meaning
	visit   func(ledger.Entry, LeadAt) error
	parked  map[string]bool
	pages   pages
	texts   texts // of the batch that is folded
}

func (w *walk) fold(b readBatch) error {
	w.texts = b.texts
	return w.db.Update(func(tx *bbolt.Tx) error {
		at := func(contact string) (Lead, bool, error) { return rows{tx: tx}.unmatched(w.meaning, contact) }
		for i, e := range b.entries {
			if i%lookEvery == 0 {
				w.pages.giveBack(tx)
			}
			if e.Subject != "" && w.parked[e.Subject] {
				continue
			}
			if err := w.apply(tx, e); err != nil {
				w.parked[e.Subject] = true
				continue
			}
			if err := w.visit(e, at); err != nil {
				return err
			}
		}
		return nil
	})
}

// apply turns a panic into an error: it is the fault of one entry.
func (w *walk) apply(tx *bbolt.Tx, e ledger.Entry) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return w.leads.Apply(tx, e)
}
