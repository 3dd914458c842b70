package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
)

// Errors of what a person does with an effect.
var (
	ErrNoEffect = errors.New("outbox: no such effect")
	ErrState    = errors.New("outbox: not possible in its state")
)

// Acts is what a person may do with effects. Each act is an entry; it is
// audited by who lets people in.
type Acts struct {
	Log     ledger.Appender
	Pending PendingView
	Now     func() time.Time // time.Now where nil
}

// Retry sends a dead or discarded effect again, or a waiting one now; of a
// field update it sends the values that were asked last. It returns the effect
// as it is afterwards. Errors: ErrNoEffect, ErrState.
func (a Acts) Retry(ctx context.Context, id ulid.ULID, by string) (Effect, error) {
	return a.act(ctx, id, Retried, Receipt{By: by}, StateDead, StateDiscarded, StatePending)
}

// Release sends a held effect, whatever its age and the cap; but not to one
// who opted out, and not to one who is gone.
func (a Acts) Release(ctx context.Context, id ulid.ULID, by string) (Effect, error) {
	return a.act(ctx, id, Released, Receipt{By: by}, StateHeld)
}

// Discard ends an effect for a reason, which is required.
func (a Acts) Discard(ctx context.Context, id ulid.ULID, by, reason string) (Effect, error) {
	if reason == "" {
		return Effect{}, errors.New("discard an effect: a reason is required")
	}
	return a.act(ctx, id, Discarded, Receipt{By: by, Reason: reason}, StateDead, StateHeld, StatePending)
}

func (a Acts) act(ctx context.Context, id ulid.ULID, kind string, body Receipt, from ...EffectState) (Effect, error) {
	r, err := a.Pending.record(id)
	if err != nil {
		return Effect{}, err
	}
	if r == nil {
		return Effect{}, fmt.Errorf("%w: %s", ErrNoEffect, ledger.FormatID(id))
	}
	if err := r.allows(kind, from); err != nil {
		return r.Effect, err
	}
	d, err := draft(r, kind, body, a.now())
	if err != nil {
		return r.Effect, err
	}
	answers, err := a.Log.Append(ctx, d)
	if err != nil {
		return r.Effect, fmt.Errorf("append %s: %w", kind, err)
	}
	act := answers[0].Entry
	if err := a.Pending.Wait(ctx, act.Seq); err != nil {
		return r.Effect, err
	}
	r, err = a.Pending.record(id)
	switch {
	case err != nil || r == nil:
		return Effect{}, err
	case r.Last.Compare(act.ID) < 0: // the view passed it over
		return r.Effect, fmt.Errorf("%w: %s was sent meanwhile", ErrState, r.ID)
	}
	return r.Effect, nil
}

func (a Acts) now() time.Time {
	if a.Now == nil {
		return time.Now()
	}
	return a.Now()
}

// allows says why a person may not do something with r, wrapping ErrState.
func (r *record) allows(kind string, from []EffectState) error {
	if r.Tried {
		return fmt.Errorf("%w: %s is being sent", ErrState, r.ID)
	}
	if r.Request == nil && kind != Discarded {
		return fmt.Errorf("%w: %s was erased", ErrState, r.ID)
	}
	if slices.Contains(from, r.State) {
		return nil
	}
	return fmt.Errorf("%w: %s is %s", ErrState, r.ID, r.State)
}
