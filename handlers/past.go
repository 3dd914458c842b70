package handlers

import (
	"context"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// past knows which deliveries without an id came around moments that are over,
// for the quarantine's to be admitted. It reads the ledger once, onward: the
// moments must be asked for in their order.
type past struct {
	log    ledger.Reader
	upTo   ledger.Cursor
	firsts map[string][]time.Time // by key without the time
}

// past begins with what was admitted before, whose entries lie elsewhere than
// their times.
func (a *api) past(ctx context.Context) (*past, error) {
	firsts, err := a.Shared.ward.admittedFirsts(ctx)
	return &past{log: a.Log, firsts: firsts}, err
}

// first returns the time for the key of a delivery that arrived at: that of
// the nearest within the window, else its own.
func (p *past) first(ctx context.Context, stem string, at time.Time) (time.Time, error) {
	if err := p.readOn(ctx, at); err != nil {
		return at, err
	}
	nearest, gap := at, tokenWindow
	for _, first := range p.firsts[stem] {
		if d := at.Sub(first).Abs(); d < gap {
			nearest, gap = first, d
		}
	}
	if gap == tokenWindow {
		p.firsts[stem] = append(p.firsts[stem], at)
	}
	return nearest, nil
}

// readOn reads what was recorded within the window around at.
func (p *past) readOn(ctx context.Context, at time.Time) error {
	from := ledger.Cursor{ID: edge(at.Add(-tokenWindow - time.Second))}
	if p.upTo.ID.Compare(from.ID) > 0 {
		from = p.upTo
	}
	for e, err := range p.log.Read(ctx, from) {
		if err != nil {
			return err
		}
		if e.Recorded.After(at.Add(tokenWindow)) {
			return nil
		}
		p.upTo = e.Cursor()
		if stem, first, ok := firstOf(e.Key, e.Meta); ok && !e.Meta.Backfill {
			p.firsts[stem] = append(p.firsts[stem], first)
		}
	}
	return nil
}
