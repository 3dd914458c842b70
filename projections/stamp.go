package projections

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"reflect"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
)

// stamp orders what events say of one thing: by event time, ties by the hash
// of the body. A view that keeps the newest by stamp is the same whatever the
// order its events came in. The zero stamp is older than any.
type stamp struct {
	at   int64 // microseconds since 1970, at least 1
	hash uint64
	id   ulid.ULID // the entry; among repetitions of one body, the first
}

func stampOf(e ledger.Entry, at time.Time) stamp {
	sum := sha256.Sum256(e.Body)
	return stamp{at: max(1, at.UnixMicro()), hash: binary.BigEndian.Uint64(sum[:]), id: e.ID}
}

// ownStamp is for entries of the service itself, whose order is the ledger's.
func ownStamp(e ledger.Entry) stamp {
	return stamp{at: max(1, e.Recorded.UnixMicro()), hash: uint64(e.Seq), id: e.ID}
}

// eventTime is when ev happened: by the sender's clock, but never after it
// arrived, or a sender whose clock is ahead would win against all others.
func eventTime(e ledger.Entry, ev ghl.Event) time.Time {
	at := ev.Time
	if at.IsZero() {
		at = e.Occurred
	}
	if arrived := e.Arrived(); at.IsZero() || at.After(arrived) {
		at = arrived
	}
	return at.UTC()
}

func (s stamp) compare(o stamp) int {
	return cmp.Or(cmp.Compare(s.at, o.at), cmp.Compare(s.hash, o.hash), o.id.Compare(s.id))
}

func (s stamp) after(o stamp) bool { return s.compare(o) > 0 }
func (s stamp) isZero() bool       { return s.at == 0 }
func (s stamp) event() string      { return ledger.FormatID(s.id) }

// time returns the zero time for the zero stamp.
func (s stamp) time() time.Time {
	if s.isZero() {
		return time.Time{}
	}
	return time.UnixMicro(s.at).UTC()
}

// key is s as part of a bucket's key: sorted by time, then hash.
func (s stamp) key() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(s.at)), s.hash)
}

// AppendText implements encoding.TextAppender: 32 bytes in base64.
func (s stamp) AppendText(b []byte) ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(b, append(s.key(), s.id[:]...)), nil
}

// MarshalText implements encoding.TextMarshaler.
func (s stamp) MarshalText() ([]byte, error) { return s.AppendText(nil) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *stamp) UnmarshalText(text []byte) error {
	b, err := base64.RawURLEncoding.AppendDecode(nil, text)
	if err != nil || len(b) != 32 {
		return fmt.Errorf("stamp %q: want 32 bytes in base64", text)
	}
	s.at = int64(binary.BigEndian.Uint64(b))
	s.hash = binary.BigEndian.Uint64(b[8:])
	copy(s.id[:], b[16:])
	return nil
}

// IsZero lets encoding/json omit a stamp that was never set.
func (s stamp) IsZero() bool { return s.isZero() }

// raise keeps the newer of the two.
func (s *stamp) raise(o stamp) {
	if o.after(*s) {
		*s = o
	}
}

// lower keeps the older of the two; a zero stamp is none. Among repetitions of
// one body it keeps the first, as raise does.
func (s *stamp) lower(o stamp) {
	older := cmp.Or(cmp.Compare(o.at, s.at), cmp.Compare(o.hash, s.hash), o.id.Compare(s.id))
	if s.isZero() || older < 0 {
		*s = o
	}
}

// register keeps what the newest event says.
type register[T any] struct {
	V T     `json:"v"`
	S stamp `json:"s,omitzero"`
}

// set takes v if s is newer, and reports whether the value is another now. To
// be told for the first time that there is none is no change: GoHighLevel sends
// whole contacts, empty tags and all.
func (r *register[T]) set(v T, s stamp) (changed bool) {
	if !s.after(r.S) {
		return false
	}
	changed = !reflect.DeepEqual(r.V, v) && !(none(r.V) && none(v))
	r.V, r.S = v, s
	return changed
}

// none reports whether v is a list of nothing.
func none(v any) bool {
	list := reflect.ValueOf(v)
	return list.Kind() == reflect.Slice && list.Len() == 0
}

// put sets the register at key in m.
func put[T any](m *map[string]register[T], key string, v T, s stamp) (changed bool) {
	r := (*m)[key]
	changed = r.set(v, s)
	if *m == nil {
		*m = map[string]register[T]{}
	}
	(*m)[key] = r
	return changed
}

// span is when a state was first and last reported.
type span struct {
	First stamp `json:"f"`
	Last  stamp `json:"l"`
}

// spans are the states that a thing was reported in, by name. The newest
// report says which one holds.
type spans map[string]span

func (m *spans) report(state string, s stamp) {
	if *m == nil {
		*m = spans{}
	}
	sp := (*m)[state]
	sp.First.lower(s)
	sp.Last.raise(s)
	(*m)[state] = sp
}

// current returns the state that holds, and since when: its first report, or
// its newest one if another state was reported between the two.
func (m spans) current() (state string, since stamp) {
	var newest, other stamp
	for name, sp := range m {
		if sp.Last.after(newest) {
			state, newest, other = name, sp.Last, newest
		} else {
			other.raise(sp.Last)
		}
	}
	if first := m[state].First; first.after(other) {
		return state, first
	}
	return state, newest
}
