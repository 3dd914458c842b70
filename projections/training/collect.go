package training

import (
	"context"
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
// The ledger is read twice. What is held in memory is a few times per lead, not
// the rows. Progress is told every thousand entries of the second reading.
func (s Source) Each(ctx context.Context, progress func(done, total ledger.Seq), yield func(Sample) error) error {
	if s.Until == 0 {
		head, err := s.Log.Head(ctx)
		if err != nil {
			return err
		}
		s.Until = head.Seq
	}
	s.Log = upTo{s.Log, s.Until}
	fates, err := s.readFates(ctx)
	if err != nil {
		return err
	}
	c := &collector{Source: s, fates: fates, last: map[string]time.Time{}, yield: yield}
	err = projections.Walk(ctx, s.Log, s.Dir, s.Meaning, func(e ledger.Entry, lead projections.LeadAt) error {
		if e.Seq%1000 == 0 {
			progress(e.Seq, s.Until)
		}
		return c.visit(e, lead)
	})
	if err == nil {
		progress(s.Until, s.Until)
	}
	return err
}

// upTo is a ledger as it was when the entry at last was the newest.
type upTo struct {
	ledger.Reader
	last ledger.Seq
}

// Read implements ledger.Reader.
func (u upTo) Read(ctx context.Context, after ledger.Cursor) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		for e, err := range u.Reader.Read(ctx, after) {
			if err == nil && e.Seq > u.last || !yield(e, err) {
				return
			}
		}
	}
}

// collector makes rows as the ledger is folded.
type collector struct {
	Source
	fates *fates
	last  map[string]time.Time // arrival of the entry of a lead's newest row
	yield func(Sample) error
}

// visit yields a row, if it is time for one. What was read back knows later
// things of an earlier time.
func (c *collector) visit(e ledger.Entry, at projections.LeadAt) error {
	if e.Meta.Scheme == "" || e.Erased || e.Subject == "" || e.Meta.Backfill || ends(e) {
		return nil
	}
	last, seen := c.last[e.Subject]
	if seen && e.Arrived().Sub(last) < apart || e.Seq < c.fates.forgotten[e.Subject] {
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
	row.Labelled = c.fates.label(&row.Row, c.Target)
	return c.yield(row)
}
