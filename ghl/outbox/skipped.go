package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
)

// Advance is the body of planner.advanced, where it says more than the place.
// An event that its view has parked, or that a rule panics on, cannot be
// planned: it is skipped, so that it stops nothing else, and planned when a
// later start finds that its view has digested it.
type Advance struct {
	Skipped []string `json:"skipped,omitempty"` // evt_ ids
	Planned []string `json:"planned,omitempty"` // that were skipped before
}

// guard runs what plans an entry. A panic is the fault of this one entry.
func (b *batch) guard(e ledger.Entry, plan func() error) (err error) {
	kept := len(b.drafts)
	defer func() {
		if fault := recover(); fault != nil {
			b.Logger.Error("planning an entry panicked", "seq", e.Seq, "kind", e.Kind, "err", fault, "stack", string(debug.Stack()))
			b.drafts = b.drafts[:kept]
			b.skip(e)
		}
	}()
	return plan()
}

func (b *batch) skip(e ledger.Entry) {
	b.advance.Skipped = append(b.advance.Skipped, ledger.FormatID(e.ID))
}

// advanced is the draft that tells what was skipped, if anything was.
func (b *batch) advanced(key string) ([]ledger.Draft, error) {
	if len(b.advance.Skipped) == 0 && len(b.advance.Planned) == 0 {
		return nil, nil
	}
	body, err := json.Marshal(b.advance)
	return []ledger.Draft{{Kind: PlannerAdvanced, Key: key, Body: body}}, err
}

// resume plans what was skipped and can be planned now.
func (p *Planner) resume(ctx context.Context) error {
	ids, err := p.Pending.skipped()
	if err != nil || len(ids) == 0 {
		return err
	}
	b := newBatch(p)
	for _, id := range ids {
		if err := b.again(ctx, id); err != nil {
			return err
		}
	}
	b.advance.Skipped = nil // as they were
	more, err := b.advanced(fmt.Sprintf("resumed:%d", p.own))
	if err != nil || len(more) == 0 {
		return err
	}
	return p.append(ctx, 0, append(b.drafts, more...))
}

func (b *batch) again(ctx context.Context, id ulid.ULID) error {
	e, err := ledger.Get(ctx, b.Log, id)
	if err != nil {
		return fmt.Errorf("read what was skipped: %w", err)
	}
	before := len(b.advance.Skipped)
	if err := b.guard(e, func() error { return b.plan(e) }); err != nil {
		return err
	}
	if len(b.advance.Skipped) == before {
		b.advance.Planned = append(b.advance.Planned, ledger.FormatID(id))
	}
	return nil
}

// advanced folds what the planner skipped and what it made up for.
func (b *buckets) advanced(e ledger.Entry) error {
	if len(e.Body) == 0 {
		return nil
	}
	var a Advance
	if err := json.Unmarshal(e.Body, &a); err != nil {
		return err
	}
	for _, s := range a.Skipped {
		id, err := ledger.ParseID(s)
		if err != nil {
			return err
		}
		if err := b.skipped.Put(id[:], nil); err != nil {
			return err
		}
	}
	for _, s := range a.Planned {
		id, err := ledger.ParseID(s)
		if err != nil {
			return err
		}
		if err := b.skipped.Delete(id[:]); err != nil {
			return err
		}
	}
	return nil
}

// skipped returns the events that wait to be planned, oldest first.
func (v PendingView) skipped() (ids []ulid.ULID, err error) {
	err = v.read(func(b *buckets) error {
		for k := range keysFrom(b.skipped, nil, nil) {
			ids = append(ids, ulid.ULID(k))
		}
		return nil
	})
	return ids, err
}

// Skipped returns how many events could not be planned.
func (v PendingView) Skipped() (int, error) {
	ids, err := v.skipped()
	return len(ids), err
}
