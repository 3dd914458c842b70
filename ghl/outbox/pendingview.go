package outbox

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/oklog/ulid/v2"
	"go.etcd.io/bbolt"
)

// Views is the views' runner, as far as the outbox needs it.
type Views interface {
	// View calls f with a read transaction of the named view.
	View(name string, f func(*bbolt.Tx) error) error
	// Wait returns once the named view includes the entry.
	Wait(ctx context.Context, name string, seq ledger.Seq) error
}

// PendingView reads the view that Pending folds. Safe for concurrent use.
type PendingView struct{ Views Views }

// Filter chooses effects. Its zero fields choose all.
type Filter struct {
	State     EffectState
	ContactID string
	Location  string
	Kind      string
	Error     string    // a part of it, or of the cause that a Group names
	After     ulid.ULID // an effect's id: what is older is left out
	Limit     int       // 50 where it is 0
}

// Wait returns once the view includes the entry with that seq.
func (v PendingView) Wait(ctx context.Context, seq ledger.Seq) error {
	return v.Views.Wait(ctx, pendingName, seq)
}

// read calls f with the view's buckets, and not at all while it has none.
func (v PendingView) read(f func(*buckets) error) error {
	return v.Views.View(pendingName, func(tx *bbolt.Tx) error {
		b, err := open(tx)
		if err != nil || b == nil {
			return err
		}
		return f(b)
	})
}

// Place returns the seq up to which everything is planned, as far as the view
// has come.
func (v PendingView) Place() (place ledger.Seq, err error) {
	err = v.read(func(b *buckets) error {
		place = b.place()
		return nil
	})
	return place, err
}

// Planned reports whether everything that follows from the entry with that seq
// is planned, as far as the view has come.
func (v PendingView) Planned(seq ledger.Seq) (bool, error) {
	place, err := v.Place()
	return place >= seq, err
}

// Ticked returns the day of the newest clock.ticked; zero before the first.
func (v PendingView) Ticked() (at time.Time, err error) {
	err = v.read(func(b *buckets) error {
		if t := b.facts.Get(tickedKey); t != nil {
			return projections.Damaged("facts", at.UnmarshalBinary(t))
		}
		return nil
	})
	return at, err
}

// Get returns the effect that was requested by the entry with that id.
func (v PendingView) Get(id ulid.ULID) (e Effect, ok bool, err error) {
	r, err := v.record(id)
	if r == nil || err != nil {
		return Effect{}, false, err
	}
	return r.Effect, true, nil
}

func (v PendingView) record(id ulid.ULID) (r *record, err error) {
	err = v.read(func(b *buckets) error {
		r, err = b.get(id)
		return err
	})
	return r, err
}

// each calls f with every effect that a filter chooses, oldest first.
func (v PendingView) each(f Filter, do func(*record)) error {
	return v.read(func(b *buckets) error {
		n := 0
		for id := range b.candidates(f) {
			r, err := b.get(id)
			if err != nil {
				return err
			}
			if r == nil || !f.chooses(r) {
				continue
			}
			do(r)
			if n++; n == f.Limit {
				return nil
			}
		}
		return nil
	})
}

// List returns the effects that f chooses, oldest first, and the id to go on
// after; it is zero when there are no more.
func (v PendingView) List(f Filter) (es []Effect, next ulid.ULID, err error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	limit := f.Limit
	f.Limit++ // one more, to know whether there is one
	err = v.each(f, func(r *record) { es = append(es, r.Effect) })
	if len(es) > limit {
		es = es[:limit]
		next, _ = ledger.ParseID(es[limit-1].ID)
	}
	return es, next, err
}

// candidates yields the ids that f may choose, by the narrowest index.
func (b *buckets) candidates(f Filter) func(yield func(ulid.ULID) bool) {
	bucket, prefix := b.effects, []byte(nil)
	switch {
	case f.ContactID != "":
		bucket, prefix = b.contacts, contactKey(f.ContactID)
	case f.State != "":
		bucket, prefix = b.states, append([]byte(f.State), 0)
	}
	from := append(append([]byte(nil), prefix...), f.After[:]...)
	return func(yield func(ulid.ULID) bool) {
		for k := range keysFrom(bucket, from, prefix) {
			id := ulid.ULID(k[len(prefix):])
			if id != f.After && !yield(id) {
				return
			}
		}
	}
}

func (f Filter) chooses(r *record) bool {
	return (f.State == "" || f.State == r.State) &&
		(f.ContactID == "" || f.ContactID == r.ContactID) &&
		(f.Location == "" || f.Location == r.LocationID) &&
		(f.Kind == "" || f.Kind == r.Kind) &&
		(f.Error == "" || contains(r.Error, f.Error) || contains(causeOf(r), f.Error))
}

// Caused returns the effects that an entry caused, oldest first.
func (v PendingView) Caused(cause ulid.ULID) (es []Effect, err error) {
	err = v.read(func(b *buckets) error {
		for k := range keysFrom(b.causes, cause[:], cause[:]) {
			r, err := b.get(ulid.ULID(k[len(cause):]))
			if err != nil {
				return err
			}
			es = append(es, r.Effect)
		}
		return nil
	})
	return es, err
}

// Counts returns how many effects are in each state.
func (v PendingView) Counts() (map[EffectState]int, error) {
	counts := map[EffectState]int{}
	err := v.read(func(b *buckets) error {
		return b.counts.ForEach(func(k, n []byte) error {
			counts[EffectState(k)] = int(binary.BigEndian.Uint64(n))
			return nil
		})
	})
	return counts, err
}

// Backlog returns how many effects are pending and when the oldest of them
// was requested; zero when there is none.
func (v PendingView) Backlog() (n int, oldest time.Time, err error) {
	counts, err := v.Counts()
	if err != nil {
		return 0, time.Time{}, err
	}
	es, _, err := v.List(Filter{State: StatePending, Limit: 1})
	if err == nil && len(es) > 0 {
		oldest = es[0].RequestedAt
	}
	return counts[StatePending], oldest, err
}

// Paused reports whether a person paused the location, or all of them.
func (v PendingView) Paused(location string) (paused bool, err error) {
	err = v.read(func(b *buckets) error {
		paused = b.paused.Get(pauseKey("")) != nil || b.paused.Get(pauseKey(location)) != nil
		return nil
	})
	return paused, err
}

// Hold is a location whose calls wait, all of them or one kind.
type Hold struct {
	Location string `json:"location_id"`
	Call     Call   `json:"call,omitempty"`
	Reason   string `json:"reason"`
}

// Holds returns what is held by location.
func (v PendingView) Holds() (hs []Hold, err error) {
	err = v.read(func(b *buckets) error {
		return b.holds.ForEach(func(k, reason []byte) error {
			location, call := cut(k)
			hs = append(hs, Hold{Location: location, Call: Call(call), Reason: string(reason)})
			return nil
		})
	})
	return hs, err
}
