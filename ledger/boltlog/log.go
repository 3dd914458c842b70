// Package boltlog is the ledger on one disk: entries in a bbolt file, written by
// one goroutine that commits what waits together and answers when the operating
// system has confirmed both flushes.
//
// On disk, in the data directory:
//
//	ledger.db     the entries. Buckets: entries (seq, 8 bytes big endian →
//	              the record of package ledger; then two stops, see isStop),
//	              forgotten (keyed hash of a contact → CRC-32C), destroyed
//	              (slot → CRC-32C)
//	ledger.keys   the keys that seal the bodies (see keyring)
//	ledger.head   how far the ledger had come (see witness)
//	ledger.index  where the entry with a key is; a view of the log that may be
//	              deleted (see run)
//
// What it promises, by the numbers of the README: an Append that returned is
// durable (P1), and one that is not returns an error (P2); a key is one entry for ever (P3); the entries have one order
// without a gap (P4); each carries a checksum and its predecessor's hash, and
// Verify finds what was changed (P5); when a flush fails nobody is answered,
// and Open reads from the disk, not from memory (P8); a ledger that has lost
// entries does not open, and an entry found damaged is not served, and nothing
// taken after it (P9); what waits is bounded (P10).
package boltlog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
	"go.etcd.io/bbolt"
)

// Errors of Open.
var (
	ErrLocked = errors.New("ledger: another process has it open")
	ErrMode   = errors.New("ledger: open to other users")
)

// Options of a log. The zero value is a good one.
type Options struct {
	Now     func() time.Time // the clock of Recorded and of ids; time.Now
	Entropy io.Reader        // the random part of ids; crypto/rand
	Logger  *slog.Logger     // none

	// MinFree is the free space in bytes below which Append ends with ErrFull.
	// Between a quarter of it and it, appends with ledger.WithReserve still
	// succeed. Zero is no floor.
	MinFree int64

	// MaxWaiting bounds the drafts that wait to be committed (4096) and
	// MaxWaitingBytes their bodies (64 MiB), each of which is held twice, as it
	// was received and as it is stored; beyond either Append ends with ErrBusy
	// (P10). A call by itself is always let in.
	MaxWaiting      int
	MaxWaitingBytes int64

	// Doubt is called when the storage failed in a way that leaves open what
	// is on the disk, before anybody is answered (P8). A service ends its process
	// in it. If it returns, every append ends with ErrDoubt from then on.
	Doubt func(error)

	// Damage is called, once, when an entry is found that is not what was
	// written; see (*Log).Damage. It must not wait.
	Damage func(error)

	// Plain stores bodies unsealed. It exists to measure what sealing costs.
	Plain bool
}

func (o *Options) setDefaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Entropy == nil {
		o.Entropy = rand.Reader
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxWaiting == 0 {
		o.MaxWaiting = 4096
	}
	if o.MaxWaitingBytes == 0 {
		o.MaxWaitingBytes = 64 << 20
	}
	if o.Doubt == nil {
		o.Doubt = func(error) {}
	}
	if o.Damage == nil {
		o.Damage = func(error) {}
	}
}

// Log is an open ledger. Its methods are safe for concurrent use.
type Log struct {
	dir     string
	o       Options
	lock    *os.File // the locked directory
	db      *bbolt.DB
	keys    *keyring
	witness *os.File
	pack    *packer
	index   *index // the writer's

	forgotten map[digest]bool // changed by deeds, read in turn: bodies of these are not kept
	stuck     bool            // the writer's: bbolt panicked and holds its lock
	answered  int             // the writer's: how many calls the last group had

	unwitnessed bool // it was opened without a head witness

	head    atomic.Pointer[head]
	first   atomic.Pointer[time.Time] // when the first entry was recorded
	state   atomic.Pointer[trouble]   // why it cannot append; nil when it can
	damage  atomic.Pointer[error]     // the first that was found
	tight   atomic.Bool               // appends were refused for want of room, or may be
	commits atomic.Uint64
	readers readers
	mapped  mapped

	turn    turn // held to send a call, and to close calls
	calls   chan *call
	waiting waiting
	done    chan struct{} // closed when the writer has ended

	alive   sync.RWMutex // held while db and keys are in use by a reader
	closing sync.Once
	closed  struct {
		yes bool // guarded by turn and alive both
		err error
	}

	growing sync.Mutex
	grown   chan struct{} // closed and replaced by every commit
}

var (
	_ ledger.Log    = (*Log)(nil)
	_ ledger.Eraser = (*Log)(nil)
)

// head is the newest durable entry.
type head struct {
	witness
	id       ulid.ULID
	recorded time.Time
}

func (h *head) cursor() ledger.Cursor { return ledger.Cursor{Seq: h.seq, ID: h.id} }

// Close lets the appends that wait be committed, writes the index so that the
// next start is quick, and releases the files. Those who Tail are told.
func (l *Log) Close() error {
	l.closing.Do(func() { l.closed.err = l.close() })
	return l.closed.err
}

func (l *Log) close() error {
	l.turn.mu.Lock()
	l.alive.Lock()
	l.closed.yes = true
	close(l.calls)
	l.alive.Unlock()
	l.turn.mu.Unlock()
	<-l.done
	l.wake()
	l.alive.Lock() // no page is being read any more
	defer l.alive.Unlock()
	return l.release()
}

// release closes the files. When the storage is in doubt it writes nothing
// more: that could turn doubt into loss.
func (l *Log) release() error {
	sound := l.doubtful() == nil
	l.index.close(sound)
	var err error
	switch {
	case sound:
		err = l.closeBolt()
	case !l.stuck:
		err = l.db.Close()
	}
	l.pack.close()
	return errors.Join(err, l.keys.close(), l.witness.Close(), l.lock.Close())
}

// closeBolt writes the list of free pages, which commits leave out, so that
// the next start need not look at every page. On a damaged file bbolt may panic
// over that: it keeps its lock then, and would never be closed.
func (l *Log) closeBolt() error {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // see recovered
	l.db.NoFreelistSync = false
	err := func() (err error) {
		defer l.recovered(&err)
		return l.db.Update(func(*bbolt.Tx) error { return nil })
	}()
	switch {
	case full(err):
		err = nil // the list is a convenience
	case err != nil:
		err = fmt.Errorf("%w at the end: %w", ledger.ErrDoubt, err)
	}
	if l.stuck {
		return err
	}
	return errors.Join(err, l.db.Close())
}

// Head implements ledger.Reader.
func (l *Log) Head(context.Context) (ledger.Cursor, error) {
	return l.head.Load().cursor(), nil
}

// wake tells those who Tail that there is more, or that it is over.
func (l *Log) wake() {
	l.growing.Lock()
	defer l.growing.Unlock()
	close(l.grown)
	l.grown = make(chan struct{})
}

// whenGrown returns the channel that the next commit closes.
func (l *Log) whenGrown() <-chan struct{} {
	l.growing.Lock()
	defer l.growing.Unlock()
	return l.grown
}
