package outbox

import (
	"encoding/binary"
	"encoding/json"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/oklog/ulid/v2"
	"go.etcd.io/bbolt"
)

// The lanes of a contact.
const (
	laneFields   byte = 'f'
	laneMessages byte = 'm'
)

var (
	placeKey    = []byte("place")
	restoredKey = []byte("restored")
	tickedKey   = []byte("ticked")
)

// buckets are the buckets of Pending's view.
type buckets struct {
	effects, states, contacts, causes, queue, counts *bbolt.Bucket
	holds, paused, sent, gone, deals, answered       *bbolt.Bucket
	facts, skipped, calls                            *bbolt.Bucket
}

// named returns where each bucket of the view belongs.
func (b *buckets) named() map[string]**bbolt.Bucket {
	return map[string]**bbolt.Bucket{
		"effects": &b.effects, "states": &b.states, "contacts": &b.contacts, "causes": &b.causes,
		"queue": &b.queue, "counts": &b.counts, "holds": &b.holds, "paused": &b.paused, "sent": &b.sent,
		"gone": &b.gone, "deals": &b.deals, "answered": &b.answered, "facts": &b.facts, "skipped": &b.skipped, "calls": &b.calls,
	}
}

// open returns the buckets of a view. In a view that was not folded yet, or
// cannot be written, they may be missing: then it returns none without error.
func open(tx *bbolt.Tx) (*buckets, error) {
	b := new(buckets)
	for name, bucket := range b.named() {
		if *bucket = tx.Bucket([]byte(name)); *bucket != nil {
			continue
		}
		if !tx.Writable() {
			return nil, nil
		}
		made, err := tx.CreateBucket([]byte(name))
		if err != nil {
			return nil, err
		}
		*bucket = made
	}
	return b, nil
}

// get returns the effect with the given id, or nil.
func (b *buckets) get(id ulid.ULID) (*record, error) {
	v := b.effects.Get(id[:])
	if v == nil {
		return nil, nil
	}
	r := &record{id: id}
	return r, projections.Decode("effects", v, r)
}

// add keeps a new effect and indexes it.
func (b *buckets) add(r *record, cause ulid.ULID) error {
	if err := b.contacts.Put(append(contactKey(r.ContactID), r.id[:]...), nil); err != nil {
		return err
	}
	if err := b.causes.Put(append(cause[:], r.id[:]...), nil); err != nil {
		return err
	}
	return b.put(r)
}

// put keeps r and what is indexed of it. A pending effect that its location
// may not send becomes a held one.
func (b *buckets) put(r *record) error {
	b.obey(r)
	old, err := b.get(r.id)
	if err != nil {
		return err
	}
	if old != nil {
		if err := b.unindex(old); err != nil {
			return err
		}
	}
	if err := b.index(r); err != nil {
		return err
	}
	v, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return b.effects.Put(r.id[:], v)
}

func (b *buckets) index(r *record) error {
	if err := b.states.Put(stateKey(r.State, r.id), nil); err != nil {
		return err
	}
	if err := b.count(r.State, 1); err != nil {
		return err
	}
	if r.State != StatePending {
		return nil
	}
	return b.queue.Put(append(laneKey(r.ContactID, r.lane()), r.id[:]...), []byte(r.LocationID))
}

func (b *buckets) unindex(r *record) error {
	if err := b.states.Delete(stateKey(r.State, r.id)); err != nil {
		return err
	}
	if err := b.count(r.State, -1); err != nil {
		return err
	}
	return b.queue.Delete(append(laneKey(r.ContactID, r.lane()), r.id[:]...))
}

func (b *buckets) count(s EffectState, by int) error {
	var n int
	if v := b.counts.Get([]byte(s)); v != nil {
		n = int(binary.BigEndian.Uint64(v))
	}
	return b.counts.Put([]byte(s), binary.BigEndian.AppendUint64(nil, uint64(n+by)))
}

// countSent keeps that a message went out, and forgets what no cap looks at.
func (b *buckets) countSent(location string, at time.Time, id ulid.ULID) error {
	prefix := append([]byte(location), 0)
	limit := sentKey(location, at.Add(-maxCapWindow), ulid.ULID{})
	var old [][]byte
	for k := range keysFrom(b.sent, prefix, prefix) {
		if string(k) >= string(limit) {
			break
		}
		old = append(old, k)
	}
	for _, k := range old {
		if err := b.sent.Delete(k); err != nil {
			return err
		}
	}
	return b.sent.Put(sentKey(location, at, id), nil)
}

// records returns the effects of a state, oldest first.
func (b *buckets) records(s EffectState) ([]*record, error) {
	var rs []*record
	prefix := append([]byte(s), 0)
	for k := range keysFrom(b.states, prefix, prefix) {
		r, err := b.get(ulid.ULID(k[len(prefix):]))
		if err != nil {
			return nil, err
		}
		rs = append(rs, r)
	}
	return rs, nil
}

// isRestored reports whether a request answers what was here before the ledger
// was restored, or what happened before that and came after: what is told again
// may have been answered in the days that the backup has not.
func (b *buckets) isRestored(request ledger.Entry) bool {
	at := b.facts.Get(restoredKey)
	if at == nil {
		return false
	}
	restored := ulid.ULID(at)
	return request.Cause.Compare(restored) < 0 || request.Occurred.Before(restored.Timestamp())
}

// contactKey is a contact in a key that goes on.
func contactKey(contact string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(contact))), contact...)
}

func laneKey(contact string, lane byte) []byte { return append(contactKey(contact), lane) }

func stateKey(s EffectState, id ulid.ULID) []byte {
	return append(append([]byte(s), 0), id[:]...)
}

func sentKey(location string, at time.Time, id ulid.ULID) []byte {
	key := binary.BigEndian.AppendUint64(append([]byte(location), 0), uint64(at.UnixNano()))
	return append(key, id[:]...)
}

// holdKey is a location's hold: of every call, or of one kind.
func holdKey(location string, call Call) []byte {
	return append(append([]byte(location), 0), call...)
}

// newest yields a contact's effects, newest first.
func (b *buckets) newest(contact string) func(yield func(ulid.ULID) bool) {
	return func(yield func(ulid.ULID) bool) {
		prefix := contactKey(contact)
		c := b.contacts.Cursor()
		k, _ := c.Seek(append(append([]byte(nil), prefix...), 0xff))
		if k == nil {
			k, _ = c.Last()
		} else {
			k, _ = c.Prev()
		}
		for ; k != nil && hasPrefix(k, prefix); k, _ = c.Prev() {
			if !yield(ulid.ULID(k[len(prefix):])) {
				return
			}
		}
	}
}

// keysFrom yields the keys with the prefix, from the given one on. They are
// copies, so the bucket may be changed afterwards.
func keysFrom(bucket *bbolt.Bucket, from, prefix []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		c := bucket.Cursor()
		for k, _ := c.Seek(from); k != nil && hasPrefix(k, prefix); k, _ = c.Next() {
			if !yield(append([]byte(nil), k...)) {
				return
			}
		}
	}
}

func hasPrefix(k, prefix []byte) bool {
	return len(k) >= len(prefix) && string(k[:len(prefix)]) == string(prefix)
}
