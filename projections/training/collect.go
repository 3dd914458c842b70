package training

import (
	"context"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
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
}

// apart is how far two rows of a lead are apart at least.
const apart = 7 * 24 * time.Hour

// Rows returns the rows of every lead whose label is known by the ledger's
// head: one when the lead came, and one after a later event if the last is a
// week old, as long as no deal of the lead has ended. Each knows what the
// ledger knew at its entry. Progress is told every thousand entries.
func (s Source) Rows(ctx context.Context, progress func(done, total ledger.Seq)) ([]Row, error) {
	head, err := s.Log.Head(ctx)
	if err != nil {
		return nil, err
	}
	c := &collector{Source: s, ends: map[string][]end{}, last: map[string]time.Time{}}
	err = projections.Walk(ctx, s.Log, s.Dir, s.Meaning, func(e ledger.Entry, lead projections.LeadAt) error {
		if e.Seq%1000 == 0 {
			progress(e.Seq, head.Seq)
		}
		return c.visit(e, lead)
	})
	if err != nil {
		return nil, err
	}
	progress(head.Seq, head.Seq)
	return c.labelled(), nil
}

// collector has the rows of a walk, not yet labelled.
type collector struct {
	Source
	rows []Row
	ends map[string][]end     // by lead
	last map[string]time.Time // arrival of the entry of its newest row
	now  time.Time            // arrival of the newest entry
}

// end is a deal of a lead that was won or lost.
type end struct {
	at, known time.Time
	won       bool
}

func (c *collector) visit(e ledger.Entry, lead projections.LeadAt) error {
	if at := e.Arrived(); at.After(c.now) {
		c.now = at
	}
	switch {
	case e.Kind == projections.KindForgotten:
		c.forget(e.Subject)
		return nil
	case e.Meta.Scheme == "" || e.Erased || e.Subject == "":
		return nil // no delivery
	}
	switch ghl.Type(e.Kind) {
	case ghl.OpportunityWon, ghl.OpportunityLost:
		ev, err := ghl.ParseEvent(e.Body, e.Meta.Type)
		if err != nil {
			return nil
		}
		at := ev.Time
		if at.IsZero() || at.After(e.Arrived()) {
			at = e.Arrived()
		}
		c.ends[e.Subject] = append(c.ends[e.Subject], end{at, e.Arrived(), ghl.Type(e.Kind) == ghl.OpportunityWon})
		return nil
	}
	return c.row(e, lead)
}

// row adds a row, if it is time for one. What was read back knows later things
// of an earlier time.
func (c *collector) row(e ledger.Entry, at projections.LeadAt) error {
	last, seen := c.last[e.Subject]
	if e.Meta.Backfill || seen && e.Arrived().Sub(last) < apart {
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
	c.rows = append(c.rows, Row{
		Lead: e.Subject, AsOf: lead.Facts.AsOf, Event: ledger.FormatID(e.ID), X: scoring.FeaturesOf(lead.Facts),
		Points: s.Value, Tier: s.Quality, Source: lead.Facts.Source,
	})
	return nil
}

func (c *collector) forget(contact string) {
	kept := c.rows[:0]
	for _, r := range c.rows {
		if r.Lead != contact {
			kept = append(kept, r)
		}
	}
	c.rows = kept
	delete(c.ends, contact)
	delete(c.last, contact)
}

// labelled returns the rows whose label is known; the others are censored.
func (c *collector) labelled() (list []Row) {
	for _, r := range c.rows {
		if c.label(&r) {
			list = append(list, r)
		}
	}
	return list
}

// label says what became of a row within the horizon, and when that was known.
func (c *collector) label(r *Row) bool {
	until := r.AsOf.Add(Horizon)
	known := false
	for _, e := range c.ends[r.Lead] {
		if e.at.Before(r.AsOf) || e.at.After(until) {
			continue
		}
		if e.won && r.Y == 0 {
			r.Y, r.Known, known = 1, e.known, true
		} else if !known {
			r.Known, known = e.known, true
		}
	}
	if !known && !until.After(c.now) {
		r.Known, known = until, true
	}
	return known
}
