package handlers

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
)

// ward knows what is in the quarantine and what became of it, by their ids. It
// is filled from the ledger at the first use after a start, and then reads on:
// a list need not look through everything that ever came.
type ward struct {
	log ledger.Reader

	turn   turn
	upTo   ledger.Cursor
	kept   []ulid.ULID // in their order
	ends   map[ulid.ULID]end
	firsts map[string][]time.Time // of the admitted without an id, by key without the time
}

// end is what became of a quarantined delivery; the zero end: it waits.
type end struct{ state, event string }

func newWard(log ledger.Reader) *ward {
	return &ward{log: log, turn: newTurn(), ends: map[ulid.ULID]end{}, firsts: map[string][]time.Time{}}
}

// admittedBody is the body of event.admitted.
type admittedBody struct {
	EventID string `json:"event_id"`
}

// catchUp reads on to the head. What it has read counts also when it is cut off.
func (w *ward) catchUp(ctx context.Context) error {
	for e, err := range w.log.Read(ctx, w.upTo) {
		if err != nil {
			return err
		}
		w.see(e)
		w.upTo = e.Cursor()
	}
	return nil
}

func (w *ward) see(e ledger.Entry) {
	if stem, first, ok := firstOf(e.Key, e.Meta); ok && e.Meta.Backfill {
		w.firsts[stem] = append(w.firsts[stem], first)
	}
	switch e.Kind {
	case quarantinedKind:
		w.kept = append(w.kept, e.ID)
	case admittedKind:
		var body admittedBody
		_ = json.Unmarshal(e.Body, &body) // ours; without it only the link is missing
		w.ends[e.Cause] = end{admitted, body.EventID}
	case auditKind + discardAct:
		w.ends[e.Cause] = end{state: discarded}
		var d struct {
			Details struct {
				IDs []string `json:"ids"`
			} `json:"details"`
		}
		_ = json.Unmarshal(e.Body, &d) // ours
		for _, text := range d.Details.IDs {
			if id, err := ledger.ParseID(text); err == nil {
				w.ends[id] = end{state: discarded}
			}
		}
	}
}

// endOf returns what became of a delivery.
func (w *ward) endOf(ctx context.Context, id ulid.ULID) (end, error) {
	if err := w.turn.take(ctx); err != nil {
		return end{}, err
	}
	defer w.turn.leave()
	err := w.catchUp(ctx)
	return w.ends[id], err
}

// admittedFirsts returns the times in the keys of what was admitted without an id.
func (w *ward) admittedFirsts(ctx context.Context) (map[string][]time.Time, error) {
	if err := w.turn.take(ctx); err != nil {
		return nil, err
	}
	defer w.turn.leave()
	firsts := map[string][]time.Time{}
	err := w.catchUp(ctx)
	for stem, times := range w.firsts {
		firsts[stem] = slices.Clone(times)
	}
	return firsts, err
}

// inState returns the deliveries that f may mean, in its order, and their ends.
func (w *ward) inState(ctx context.Context, f quarantineFilter) (ids []ulid.ULID, ends []end, err error) {
	if err := w.turn.take(ctx); err != nil {
		return nil, nil, err
	}
	defer w.turn.leave()
	if err := w.catchUp(ctx); err != nil {
		return nil, nil, err
	}
	for _, id := range w.kept {
		if end := w.ends[id]; f.within(id) && (f.state == "" || f.state == end.name()) {
			ids, ends = append(ids, id), append(ends, end)
		}
	}
	if f.desc {
		slices.Reverse(ids)
		slices.Reverse(ends)
	}
	return ids, ends, nil
}

func (e end) name() string {
	if e.state == "" {
		return waiting
	}
	return e.state
}

// quarantineFilter says which deliveries are meant.
type quarantineFilter struct {
	filter
	state, cause, kind string
}

func quarantineFilterOf(q url.Values) (f quarantineFilter, err error) {
	if err := known(q, "state", "cause", "type", "contact_id", "location_id", "since", "until", "q", "order", "after", "limit"); err != nil {
		return f, err
	}
	if err := oneOf(q, "state", waiting, admitted, discarded); err != nil {
		return f, err
	}
	if err := oneOf(q, "cause", causeMalformed, causeApp, causeLocation, causeOld); err != nil {
		return f, err
	}
	f.state, f.cause, f.kind = q.Get("state"), q.Get("cause"), q.Get("type")
	for _, name := range []string{"state", "cause", "type"} {
		q.Del(name)
	}
	f.filter, err = filterOf(q)
	return f, err
}

// within reports whether a delivery is in the part of the ledger that is meant.
func (f *quarantineFilter) within(id ulid.ULID) bool {
	var none ulid.ULID
	switch {
	case id.Compare(f.since) <= 0, f.until != none && id.Compare(f.until) > 0:
		return false
	case f.after == none:
		return true
	case f.desc:
		return id.Compare(f.after) < 0
	}
	return id.Compare(f.after) > 0
}

func (f *quarantineFilter) means(e ledger.Entry, v quarantineView) bool {
	return (f.cause == "" || f.cause == v.Cause) && (f.kind == "" || f.kind == v.Type) &&
		(f.location == "" || f.location == v.Location) && (f.contact == "" || f.contact == v.Contact) &&
		(len(f.text) == 0 || f.mentions(e))
}

// eachQuarantined calls do for each delivery that f means, until it wants no more.
func (a *api) eachQuarantined(ctx context.Context, f quarantineFilter, do func(ledger.Entry, quarantineView) (more bool)) error {
	ids, ends, err := a.Shared.ward.inState(ctx, f)
	if err != nil {
		return err
	}
	for i, id := range ids {
		e, err := ledger.Get(ctx, a.Log, id)
		if err != nil {
			return err
		}
		if v := quarantineViewOf(e, bodyOf(e), ends[i]); f.means(e, v) && !do(e, v) {
			return nil
		}
	}
	return nil
}
