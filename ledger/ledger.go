// Package ledger is what the rooms of this house share: an append-only log of
// what happened. An entry is written once, in the order of its Seq, and never
// changed; everything else the service knows is folded from the log and may be
// thrown away.
//
// The package declares the contract (Appender, Reader, Log), the entry and its
// encoding. A backend keeps it: boltlog on one disk, memlog in memory for
// tests. Package logtest is the contract as tests.
package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// Seq is an entry's place in one ledger: 1, 2, 3, … without a gap.
type Seq uint64

// Cursor is a place to go on from: after the entry that it names. The zero
// Cursor is before the first entry. A Cursor with an ID and no Seq is resolved
// by its ID, so any ULID is a valid place. A Cursor with both, whose ID is not
// that entry's, is of another ledger: reading after it ends with ErrNone.
type Cursor struct {
	Seq Seq
	ID  ulid.ULID
}

// Meta says how a body came to be here. It is stored in the clear beside the
// sealed body, so it holds nothing personal.
type Meta struct {
	Scheme  string // hmac, ed25519, rsa or token; empty for the service's own entries
	Dialect string // seed, ghl, guide or workflow; empty for the service's own entries
	KeyName string // which configured key verified, never the key itself
	Type    string // the event type named by the request's path, for bodies without one

	Arrived  time.Time // first arrival, where it was not when the entry was recorded (an admitted body); else zero
	Through  Seq       // everything up to here is planned (see outbox.Planner); else zero
	Conflict bool      // the sender's id was used before, with another body
	Backfill bool      // read back or admitted late, not delivered: no message follows
}

// Draft is what the caller knows of an entry to be.
type Draft struct {
	Kind     string    // thing.verb in the past tense: contact.created, effect.delivered
	Key      string    // unique in the ledger for ever
	Subject  string    // the contact it is about, or empty
	Location string    // GHL's location, the tenant
	Cause    ulid.ULID // the entry this one answers, or zero
	Occurred time.Time // by the source's clock
	Meta     Meta
	Body     []byte // the source's own bytes: never re-encoded

	// Person is an e-mail address or phone number whose erasure must reach
	// this body although it names no Subject. It is not stored; only a keyed
	// hash of it, by which the body is found.
	Person string
}

// Entry is a Draft that was kept.
type Entry struct {
	Seq      Seq
	ID       ulid.ULID // strictly increasing with Seq
	Recorded time.Time // by this machine's clock, UTC
	Prev     [32]byte  // the hash of the entry before
	Hash     [32]byte  // of this entry as stored, Prev included
	Size     int       // bytes stored
	Erased   bool      // the key of Body was destroyed; Body is nil
	Draft              // as it was appended, without Person
}

// Cursor returns the place just after e.
func (e Entry) Cursor() Cursor { return Cursor{Seq: e.Seq, ID: e.ID} }

// Arrived returns when e first reached the service.
func (e Entry) Arrived() time.Time {
	if !e.Meta.Arrived.IsZero() {
		return e.Meta.Arrived
	}
	return e.Recorded
}

// Appended is the answer to one Draft: the entry that now bears its key, and
// whether this call wrote it.
type Appended struct {
	Entry Entry
	Added bool
}

// WithReserve marks the appends made with the context as the service's own
// receipts: a backend takes them into the reserve that it keeps below its floor
// of free space, where it refuses everything else with ErrFull.
func WithReserve(ctx context.Context) context.Context {
	return context.WithValue(ctx, reserveKey{}, true)
}

// MayUseReserve says whether ctx comes from WithReserve.
func MayUseReserve(ctx context.Context) bool { return ctx.Value(reserveKey{}) != nil }

type reserveKey struct{}

// Appender writes.
type Appender interface {
	// Append writes the drafts as entries, in order, all of them or none. When
	// it returns without an error they are durable. A draft whose Key the
	// ledger has already (or an earlier draft of the call) writes nothing: the
	// entry with that key is returned with Added false.
	//
	// After an error a draft may or may not be in the ledger; the next Append
	// of its key tells. Errors: ErrClosed, ErrFull, ErrBusy, ErrDoubt, ErrCorrupt
	// (a damaged entry was found), the context's own, or one that says which
	// draft is not valid (ErrDraft).
	// Safe for concurrent use; calls that wait together share one commit.
	Append(ctx context.Context, ds ...Draft) ([]Appended, error)
}

// Reader reads. Its methods hold nothing of the backend between two entries,
// so a slow consumer delays nobody.
type Reader interface {
	// Head returns the newest durable entry's place; zero when there is none.
	Head(ctx context.Context) (Cursor, error)

	// Read yields the entries after the cursor, to the head as it was at the
	// call. It ends with an error if one cannot be read (ErrCorrupt).
	Read(ctx context.Context, after Cursor) iter.Seq2[Entry, error]

	// Tail yields like Read and then waits for more, until ctx ends, which it
	// yields as the context's error. It is woken by commits, it does not poll.
	Tail(ctx context.Context, after Cursor) iter.Seq2[Entry, error]
}

// Log is a whole ledger.
type Log interface {
	Appender
	Reader
	Close() error
}

// Eraser destroys what was written about a person.
type Eraser interface {
	// Erase destroys the keys that seal the bodies about those people. On return
	// they are gone from the disk: those entries read as Erased, the chain still
	// verifies. Bodies appended for a subject later are stored as erased at once,
	// until Readmit. Erasing twice is no error. It may read the whole log, for
	// many at once as often as for one.
	Erase(ctx context.Context, who ...Erasure) error

	// Readmit lets bodies of subject be kept again, and says whether they were not.
	Readmit(ctx context.Context, subject string) (was bool, err error)
}

// Erasure is whose bodies are erased.
type Erasure struct {
	Subject string   // a contact, or empty
	People  []string // addresses by which drafts without a subject were appended (Draft.Person)
}

// Sentinel errors of every backend.
var (
	ErrClosed  = errors.New("ledger: closed")
	ErrFull    = errors.New("ledger: no room on the disk")
	ErrBusy    = errors.New("ledger: too many waiting appends")
	ErrDoubt   = errors.New("ledger: storage in doubt")
	ErrCorrupt = errors.New("ledger: corrupt entry")
	ErrNewer   = errors.New("ledger: written by a newer release")
	ErrDraft   = errors.New("ledger: not a valid draft")
	ErrNone    = errors.New("ledger: no such entry")
)

// Validate says what keeps d from being appended, wrapping ErrDraft.
func (d Draft) Validate() error {
	switch {
	case d.Kind == "":
		return fmt.Errorf("%w: no kind", ErrDraft)
	case d.Key == "":
		return fmt.Errorf("%w: %s has no key", ErrDraft, d.Kind)
	case d.longest() > MaxName:
		return fmt.Errorf("%w: %.80s: a name of %d bytes, over %d", ErrDraft, d.Kind, d.longest(), MaxName)
	case !storable(d.Occurred) || !storable(d.Meta.Arrived):
		return fmt.Errorf("%w: %s: a time outside the years 1 to 9999", ErrDraft, d.Kind)
	case len(d.Body) > MaxBody:
		return fmt.Errorf("%w: %s: body of %d bytes, over %d", ErrDraft, d.Kind, len(d.Body), MaxBody)
	}
	return nil
}

// longest returns the length of d's longest name.
func (d Draft) longest() int {
	return max(len(d.Kind), len(d.Key), len(d.Subject), len(d.Location), len(d.Person),
		len(d.Meta.Scheme), len(d.Meta.Dialect), len(d.Meta.KeyName), len(d.Meta.Type))
}

func storable(t time.Time) bool { return t.Unix() >= minSecond && t.Unix() <= maxSecond }

// Limits of a draft, in bytes.
const (
	MaxName = 1024
	MaxBody = 16 << 20
)

// Get returns the entry with the given id, or ErrNone.
func Get(ctx context.Context, r Reader, id ulid.ULID) (Entry, error) {
	for e, err := range r.Read(ctx, Cursor{ID: before(id)}) {
		if err != nil {
			return Entry{}, err
		}
		if e.ID == id {
			return e, nil
		}
		break
	}
	return Entry{}, fmt.Errorf("%w: %s", ErrNone, FormatID(id))
}

// before returns the largest id smaller than id.
func before(id ulid.ULID) ulid.ULID {
	for i := len(id) - 1; i >= 0; i-- {
		id[i]--
		if id[i] != 0xff {
			break
		}
	}
	return id
}

// FormatID returns id as the outside sees it: evt_<ULID>. The zero id is "".
func FormatID(id ulid.ULID) string {
	if id == (ulid.ULID{}) {
		return ""
	}
	return "evt_" + id.String()
}

// ParseID is the inverse of FormatID; it takes a bare ULID too.
func ParseID(s string) (ulid.ULID, error) {
	id, err := ulid.ParseStrict(strings.TrimPrefix(s, "evt_"))
	if err != nil {
		return id, fmt.Errorf("entry id %q: want evt_ and 26 letters and digits", s)
	}
	return id, nil
}

// Compare orders cursors by Seq, or by ID where one of them has no Seq.
func (c Cursor) Compare(d Cursor) int {
	if c.Seq != 0 && d.Seq != 0 {
		return cmp.Compare(c.Seq, d.Seq)
	}
	return c.ID.Compare(d.ID)
}
