package handlers

import (
	"context"
	"encoding/json"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
)

// fate is what followed from an event.
type fate struct {
	caused  []ulid.ULID
	planned bool
	effects map[ulid.ULID]string // the kind of the newest receipt by effect, or effect.requested
}

// status is where the event stands: received, planned, delivered when nothing
// of it is pending, failed with a dead effect or in the quarantine.
func (f fate) status(e ledger.Entry) string {
	switch {
	case e.Kind == quarantinedKind:
		return "failed"
	case e.Meta.Scheme == "":
		return ""
	}
	delivered, pending := 0, 0
	for _, kind := range f.effects {
		switch kind {
		case outbox.Dead:
			return "failed"
		case outbox.Delivered:
			delivered++
		case outbox.Superseded, outbox.Discarded:
		default:
			pending++
		}
	}
	switch {
	case delivered > 0 && pending == 0:
		return "delivered"
	case f.planned || len(f.caused) > 0:
		return "planned"
	}
	return "received"
}

// fateEntries bounds how far after an event its answers are looked for. The
// planner answers within a batch; only a backlog puts more in between.
const fateEntries = 4096

// fates looks up what followed from each of the entries.
func (a *api) fates(ctx context.Context, entries []ledger.Entry) (map[ulid.ULID]fate, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	s := newFateSearch(entries)
	for _, span := range s.spans(entries) {
		if err := s.read(ctx, a.Log, span[0], span[1]); err != nil {
			return nil, err
		}
	}
	return s.fates, nil
}

// fateSearch reads once over what follows a page of entries.
type fateSearch struct {
	fates  map[ulid.ULID]fate
	events map[ulid.ULID]ulid.ULID // event by the effect that it caused
	seqs   map[ulid.ULID]ledger.Seq
}

func newFateSearch(entries []ledger.Entry) *fateSearch {
	s := &fateSearch{fates: map[ulid.ULID]fate{}, events: map[ulid.ULID]ulid.ULID{}, seqs: map[ulid.ULID]ledger.Seq{}}
	for _, e := range entries {
		s.fates[e.ID] = fate{effects: map[ulid.ULID]string{}}
		s.seqs[e.ID] = e.Seq
	}
	return s
}

// spans returns the stretches of the ledger to read, in order and apart.
func (s *fateSearch) spans(entries []ledger.Entry) (spans [][2]ledger.Seq) {
	first, last := entries[0].Seq, entries[len(entries)-1].Seq
	if first > last {
		first, last = last, first
	}
	each := ledger.Seq(fateEntries / min(len(entries), 8))
	if last-first <= ledger.Seq(len(entries))*each {
		return [][2]ledger.Seq{{first, last + fateEntries}}
	}
	for _, e := range entries {
		spans = append(spans, [2]ledger.Seq{e.Seq, e.Seq + each})
	}
	return spans
}

func (s *fateSearch) read(ctx context.Context, log ledger.Reader, after, to ledger.Seq) error {
	for e, err := range log.Read(ctx, ledger.Cursor{Seq: after}) {
		if err != nil {
			return err
		}
		if e.Seq > to {
			return nil
		}
		s.see(e)
	}
	return nil
}

func (s *fateSearch) see(e ledger.Entry) {
	if e.Meta.Through > 0 {
		s.plan(e.Meta.Through)
	}
	if f, ok := s.fates[e.Cause]; ok {
		f.caused = append(f.caused, e.ID)
		if e.Kind == outbox.Requested {
			f.effects[e.ID] = requestedAs(e)
			s.events[e.ID] = e.Cause
		}
		s.fates[e.Cause] = f
	}
	if event, ok := s.events[e.Cause]; ok {
		s.fates[event].effects[e.Cause] = e.Kind
	}
}

// requestedAs is how a new effect counts: one that is never sent is settled.
func requestedAs(e ledger.Entry) string {
	var r outbox.Request
	if json.Unmarshal(e.Body, &r) == nil && r.DryRun {
		return outbox.Discarded
	}
	return e.Kind
}

// plan notes that everything up to seq is planned.
func (s *fateSearch) plan(through ledger.Seq) {
	for id, seq := range s.seqs {
		if f := s.fates[id]; seq <= through && !f.planned {
			f.planned = true
			s.fates[id] = f
		}
	}
}
