package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
)

// Action is what can be done to many effects at once.
type Action string

// The actions.
const (
	ActRetry   Action = "retry"
	ActRelease Action = "release"
	ActDiscard Action = "discard"
)

// deeds has the states from which each action is possible; the first is meant
// where a Bulk names none.
var deeds = map[Action][]EffectState{
	ActRetry:   {StateDead, StateDiscarded, StatePending},
	ActRelease: {StateHeld},
	ActDiscard: {StateDead, StateHeld, StatePending},
}

// ErrBulk is a Bulk that cannot be done by anyone: its text says what is wrong.
var ErrBulk = errors.New("outbox: not a task")

// Bulk is one act on all effects that a filter chooses. Filter.After and
// Filter.Limit are obeyed too: no limit where it is 0.
type Bulk struct {
	Action Action
	Filter Filter
	Reason string // required to discard
	By     string // the audit entry of who asked
}

// Preview is what a Bulk would do: its dry run.
type Preview struct {
	Action Action   `json:"action"`
	Count  int      `json:"count"`
	Groups []Group  `json:"groups"` // by cause, the largest first
	Sample []Effect `json:"sample"` // the oldest ten
}

// checked returns b with its defaults, or what is wrong with it.
func (b Bulk) checked() (Bulk, error) {
	from := deeds[b.Action]
	if from == nil {
		return b, fmt.Errorf("%w: action %q: want retry, release or discard", ErrBulk, b.Action)
	}
	if b.Filter.State == "" {
		b.Filter.State = from[0]
	}
	if !slices.Contains(from, b.Filter.State) {
		return b, fmt.Errorf("%w: %s is not possible for %s effects: want one of %s", ErrBulk, b.Action, b.Filter.State, from)
	}
	if b.Action == ActDiscard && b.Reason == "" {
		return b, fmt.Errorf("%w: discard: a reason is required", ErrBulk)
	}
	return b, nil
}

// Preview says what b would do, and does nothing. Errors: ErrBulk.
func (a Acts) Preview(b Bulk) (Preview, error) {
	b, err := b.checked()
	p := Preview{Action: b.Action, Sample: []Effect{}}
	if err != nil {
		return p, err
	}
	g := groups{}
	err = a.Pending.each(b.Filter, func(r *record) {
		p.Count++
		g.add(r)
		if len(p.Sample) < 10 {
			p.Sample = append(p.Sample, r.Effect)
		}
	})
	p.Groups = g.sorted()
	return p, err
}

// do does b to one effect. One that is no longer what the filter chose is left
// alone: it returns false.
func (a Acts) do(ctx context.Context, b Bulk, id ulid.ULID) (done bool, err error) {
	r, err := a.Pending.record(id)
	if err != nil || r == nil || !b.Filter.chooses(r) {
		return false, err
	}
	switch b.Action {
	case ActRetry:
		_, err = a.Retry(ctx, id, b.By)
	case ActRelease:
		_, err = a.Release(ctx, id, b.By)
	default:
		_, err = a.Discard(ctx, id, b.By, b.Reason)
	}
	if errors.Is(err, ErrState) || errors.Is(err, ErrNoEffect) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s %s: %w", b.Action, ledger.FormatID(id), err)
	}
	return true, nil
}
