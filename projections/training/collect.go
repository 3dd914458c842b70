package training

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// Source is a ledger that rows are collected from.
type Source struct {
	Log     ledger.Reader
	Dir     string // where a temporary view may stand; it is gone afterwards
	Meaning projections.Meaning
	Card    *scoring.Model // says Points and Tier
	Target  Target         // what the labels are of
	Until   ledger.Seq     // the last entry that is read; zero is the head

	// Seen is told of each entry that is read, by another goroutine than the one
	// that yields, and not after Each has returned; may be nil.
	Seen func(ledger.Entry)
}

// Sample is a row whose label may not be known yet.
type Sample struct {
	Row
	Seq      ledger.Seq // of the entry up to which X knows
	Labelled bool       // Y and Known say something
}

// apart is how far two rows of a lead are apart at least.
const apart = 7 * 24 * time.Hour

// Rows returns the rows of every lead. Of those whose label is not known yet,
// Known is when it will be at the latest, after the newest entry.
func (s Source) Rows(ctx context.Context, progress func(done, total ledger.Seq)) (list []Row, err error) {
	err = s.Each(ctx, progress, func(r Sample) error {
		list = append(list, r.Row)
		return nil
	})
	return list, err
}

// Each yields a row when a lead came, and one after a later event if the last
// is a week old, as long as no deal of the lead has ended, in the order of the
// ledger. Each row knows what the ledger knew at its entry; its label is what
// the ledger knows at Until. Leads that were forgotten have none.
//
// The ledger is read once, and progress told every thousand entries; rows are
// yielded after that, since their labels are not known before. They wait in a
// file: what is held in memory is a few times per lead, and of Churn one per
// message.
func (s Source) Each(ctx context.Context, progress func(done, total ledger.Seq), yield func(Sample) error) (err error) {
	if s.Until == 0 {
		head, err := s.Log.Head(ctx)
		if err != nil {
			return err
		}
		s.Until = head.Seq
	}
	rows, err := newRowFile(s.Dir)
	if err != nil {
		return fmt.Errorf("collect rows: %w", err)
	}
	defer func() { err = errors.Join(err, rows.close()) }()
	c := &collector{Source: s, last: map[string]time.Time{}, yield: rows.put}
	fates := newFates(s.Target)
	seen := func(e ledger.Entry) {
		fates.add(e)
		if s.Seen != nil {
			s.Seen(e)
		}
	}
	walk := projections.Walk{Log: told{s.Log, s.Until, seen}, Dir: s.Dir, Meaning: s.Meaning}
	err = walk.Each(ctx, func(e ledger.Entry, lead projections.LeadAt) error {
		if e.Seq%1000 == 0 {
			progress(e.Seq, s.Until)
		}
		return c.visit(e, lead)
	})
	if err != nil {
		return err
	}
	progress(s.Until, s.Until)
	return rows.each(func(r Sample) error {
		if r.Seq < fates.forgotten[r.Lead] {
			return ctx.Err()
		}
		r.Labelled = fates.label(&r.Row)
		return errors.Join(ctx.Err(), yield(r))
	})
}

// told is a ledger as it was when the entry at last was the newest. It says
// which entries it reads.
type told struct {
	ledger.Reader
	last ledger.Seq
	seen func(ledger.Entry)
}

// Read implements ledger.Reader.
func (t told) Read(ctx context.Context, after ledger.Cursor) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		for e, err := range t.Reader.Read(ctx, after) {
			if err == nil && e.Seq > t.last {
				return
			}
			if err == nil {
				t.seen(e)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// collector makes rows as the ledger is folded.
type collector struct {
	Source
	last  map[string]time.Time // arrival of the entry of a lead's newest row
	yield func(Sample) error
}

// visit yields a row, if it is time for one. What was read back knows later
// things of an earlier time.
func (c *collector) visit(e ledger.Entry, at projections.LeadAt) error {
	if e.Kind == projections.KindForgotten {
		delete(c.last, e.Subject) // none of its rows will be yielded
	}
	if e.Meta.Scheme == "" || e.Erased || e.Subject == "" || e.Meta.Backfill || ends(e) {
		return nil
	}
	if last, seen := c.last[e.Subject]; seen && e.Arrived().Sub(last) < apart {
		return nil
	}
	lead, ok, err := at(e.Subject)
	if err != nil || !ok {
		return err
	}
	switch lead.Status {
	case projections.StatusSold, projections.StatusLost, projections.StatusDeleted:
		return nil
	}
	c.last[e.Subject] = e.Arrived()
	s := c.Card.Score(lead.Facts)
	row := Sample{Seq: e.Seq, Row: Row{
		Lead: e.Subject, AsOf: lead.Facts.AsOf, Event: ledger.FormatID(e.ID), X: scoring.FeaturesOf(lead.Facts),
		Points: s.Value, Tier: s.Quality, Source: lead.Facts.Source,
	}}
	if c.Target == Churn {
		row.Points = scoring.ChurnPoints(s.ChurnRisk)
	}
	return c.yield(row)
}
