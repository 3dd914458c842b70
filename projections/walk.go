package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// Walk folds the leads view from the beginning of a ledger and shows the leads
// on the way. What it keeps is in a file of its own, which has no name: nothing
// is left of it, also where the process is killed. In memory it holds, beside
// rows, some batches of entries, and for each contact the place of its rows.
type Walk struct {
	Log     ledger.Reader
	Dir     string // where the file is
	Meaning Meaning
	Memory  int // bytes of rows that are held, about; 48 MB if zero
}

// Each calls visit after each entry: lead then returns a contact as it was
// known at that entry and nothing later. What the fold cannot digest is passed
// over, with what follows of the same contact, as the view itself parks it; what
// of it was folded before it failed is not undone.
func (w Walk) Each(ctx context.Context, visit func(e ledger.Entry, lead LeadAt) error) (err error) {
	kept, err := newAggregates(w.Dir, cmp.Or(w.Memory, walkMemory))
	if err != nil {
		return fmt.Errorf("walk the ledger: %w", err)
	}
	defer func() { err = errors.Join(err, kept.close()) }()
	f := newWalkFold(kept, w.Meaning.orDefault(), visit)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	batches, failed := readAhead(ctx, w.Log, f.Meaning)
	for b := range batches {
		if err := f.fold(b); err != nil {
			stop()
			<-failed
			return err
		}
	}
	return <-failed
}

// LeadAt returns a contact as it is known now, without the properties that fit
// it, and whether it is.
type LeadAt func(contact string) (Lead, bool, error)

const walkMemory = 48 << 20

// walkFold folds what a walk reads.
type walkFold struct {
	Meaning
	rows
	leads  Leads
	visit  func(ledger.Entry, LeadAt) error
	parked map[string]bool
	texts  texts // of the batch that is folded
}

func newWalkFold(kept *aggregates, m Meaning, visit func(ledger.Entry, LeadAt) error) *walkFold {
	f := &walkFold{Meaning: m, rows: rows{walked: kept, lean: true}, visit: visit, parked: map[string]bool{}}
	f.leads = Leads{meaning: m.recalling(&f.texts)}
	return f
}

func (f *walkFold) fold(b readBatch) error {
	f.texts = b.texts
	f.walked.fetch(f.subjects(b.entries))
	for i, e := range b.entries {
		if e.Subject != "" && f.parked[e.Subject] {
			continue
		}
		if err := f.apply(e, b.events[i]); err != nil {
			f.parked[e.Subject] = true
		} else if err := f.visit(e, f.leadNow); err != nil {
			return err
		}
		if err := f.walked.settle(); err != nil {
			return fmt.Errorf("walk the ledger: %w", err)
		}
	}
	return nil
}

// subjects are the aggregates that the fold of entries asks for first.
func (f *walkFold) subjects(entries []ledger.Entry) []string {
	var names []string
	for _, e := range entries {
		if e.Subject != "" && !f.parked[e.Subject] {
			names = append(names, contactSubject(e.Subject))
		}
	}
	return names
}

func (f *walkFold) leadNow(contact string) (Lead, bool, error) {
	return f.unmatched(f.Meaning, contact)
}

// apply turns a panic into an error: it is the fault of one entry.
func (f *walkFold) apply(e ledger.Entry, ev *ghl.Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f.leads.fold(f.rows, e, ev)
}
