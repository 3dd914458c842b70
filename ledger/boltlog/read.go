package boltlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"sort"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
	"go.etcd.io/bbolt"
)

// Bounds of what is copied out in one transaction.
const (
	pageEntries = 256
	pageBytes   = 1 << 20
)

// Read implements ledger.Reader. Each entry is checked against its checksum, its
// place (P4) and the hash of the one before it (P5); one that is damaged ends it
// and is never yielded (P9). Entries are copied out by pages in short
// transactions, so a reader that pauses keeps no page of the file in use.
func (l *Log) Read(ctx context.Context, after ledger.Cursor) iter.Seq2[ledger.Entry, error] {
	upto := l.head.Load().seq
	return func(yield func(ledger.Entry, error) bool) {
		at, err := l.resolve(after)
		if err == nil {
			err = l.yield(ctx, &place{seq: at}, upto, yield)
		}
		if err != nil && !errors.Is(err, errStop) {
			yield(ledger.Entry{}, err)
		}
	}
}

// Tail implements ledger.Reader as Read does. It ends with ErrClosed when the log is closed.
func (l *Log) Tail(ctx context.Context, after ledger.Cursor) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		seq, err := l.resolve(after)
		at := &place{seq: seq}
		for err == nil {
			grown := l.whenGrown() // taken before reading, so no commit is missed
			if err = l.yield(ctx, at, l.head.Load().seq, yield); err != nil {
				break
			}
			if err = l.stillOpen(); err != nil { // closed before grown was taken
				break
			}
			select {
			case <-grown:
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		if !errors.Is(err, errStop) {
			yield(ledger.Entry{}, err)
		}
	}
}

// errStop says that the consumer has had enough.
var errStop = errors.New("stop")

// place is how far a reader came. hash is that of the entry it names, or zeros
// if the reader has not seen that entry.
type place struct {
	seq  ledger.Seq
	hash [32]byte
}

// yield yields the entries after at, up to upto, and moves at on.
func (l *Log) yield(ctx context.Context, at *place, upto ledger.Seq, yield func(ledger.Entry, error) bool) error {
	for at.seq < upto {
		page, err := l.page(*at, upto)
		for _, e := range page {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !yield(e, nil) {
				return errStop
			}
			*at = place{e.Seq, e.Hash}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// page returns the next entries after at, opened, each chained to the one
// before. With an error come those that are sound before it.
func (l *Log) page(at place, upto ledger.Seq) ([]ledger.Entry, error) {
	page, err := l.readPage(at, upto)
	l.found(err)
	return page, err
}

func (l *Log) readPage(at place, upto ledger.Seq) (page []ledger.Entry, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // the key file is mapped, too
	defer unreadable(&err)
	l.alive.RLock()
	defer l.alive.RUnlock()
	if l.closed.yes {
		return nil, ledger.ErrClosed
	}
	raw, err := l.rawPage(at.seq, upto)
	if err != nil {
		return nil, err
	}
	page = make([]ledger.Entry, 0, len(raw))
	for _, stored := range raw {
		e, err := l.decode(stored, at.seq+1)
		seen := at.seq == 0 || at.hash != [32]byte{}
		if err == nil && seen && e.Prev != at.hash {
			err = fmt.Errorf("%w: entry %d does not follow the one before it", ledger.ErrCorrupt, e.Seq)
		}
		if err != nil {
			return page, err
		}
		page = append(page, e)
		at = place{e.Seq, e.Hash}
	}
	return page, nil
}

// rawPage copies the next stored records after at, up to upto. With an error comes
// none: those before what cannot be read are a page of their own.
func (l *Log) rawPage(at, upto ledger.Seq) (page [][]byte, err error) {
	var buffer []byte
	err = l.walk(at, upto, func(stored []byte) (more bool) {
		start := len(buffer)
		buffer = append(buffer, stored...)
		page = append(page, buffer[start:len(buffer):len(buffer)])
		return len(page) < pageEntries && len(buffer) < pageBytes
	})
	if len(page) > 0 && errors.Is(err, ledger.ErrCorrupt) {
		return page, nil
	}
	return page, err
}

// walk visits the stored records after at, up to upto, in one transaction, which
// should be short: visit says when it has had enough, and keeps nothing of what it
// is shown.
func (l *Log) walk(at, upto ledger.Seq, visit func(stored []byte) (more bool)) error {
	return l.view(func(tx *bbolt.Tx) error {
		read := 0 // bytes
		defer func() { l.mapped.read(tx, read) }()
		c := tx.Bucket(entriesBucket).Cursor()
		for key, value := c.Seek(seqKey(at + 1)); ; key, value = c.Next() {
			if key == nil || binary.BigEndian.Uint64(key) != uint64(at+1) {
				return fmt.Errorf("%w: entry %d is missing", ledger.ErrCorrupt, at+1)
			}
			read += len(value)
			if at++; !visit(value) || at >= upto {
				return nil
			}
		}
	})
}

// view reads in a transaction, which should be short. bbolt panics on much of
// what can be wrong with a page, and a page past the end of the file is a fault
// of the mapping: both are ErrCorrupt, not the end of the process.
func (l *Log) view(read func(*bbolt.Tx) error) (err error) {
	defer l.readers.begin()()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer unreadable(&err)
	return l.db.View(read)
}

// unreadable turns a panic of bbolt's reading into an error.
func unreadable(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %w", ledger.ErrCorrupt, causeOf(p))
	}
}

// decode returns the entry that is stored as seq. Its body is its own.
func (l *Log) decode(stored []byte, seq ledger.Seq) (ledger.Entry, error) {
	if stored == nil {
		return ledger.Entry{}, fmt.Errorf("%w: entry %d is missing", ledger.ErrCorrupt, seq)
	}
	r, err := ledger.ParseRecord(stored)
	if err == nil && r.Seq != seq {
		err = fmt.Errorf("%w: it says it is entry %d", ledger.ErrCorrupt, r.Seq)
	}
	if err != nil {
		return ledger.Entry{}, fmt.Errorf("entry %d: %w", seq, err)
	}
	e := entry(&r, ledger.HashRecord(stored), len(stored))
	e.Body, err = l.body(&r)
	if errors.Is(err, errErased) {
		e.Erased, err = true, nil
	}
	if err != nil {
		return ledger.Entry{}, fmt.Errorf("entry %d: %w", seq, err)
	}
	return e, nil
}

// body returns a record's body as it was received.
func (l *Log) body(r *ledger.Record) (body []byte, err error) {
	switch {
	case len(r.Body) == 0:
		return nil, nil
	case r.Flags&ledger.Sealed != 0:
		body, err = l.keys.open(r)
	default:
		body = bytes.Clone(r.Body)
	}
	if err == nil && r.Flags&ledger.Zstd != 0 {
		body, err = l.pack.unpack(body)
	}
	return body, err
}

// resolve returns the seq that a cursor names. One without a seq is found by
// its id; one whose id is another entry's is of another ledger.
func (l *Log) resolve(c ledger.Cursor) (seq ledger.Seq, err error) {
	if c.ID == (ulid.ULID{}) {
		return c.Seq, nil
	}
	l.alive.RLock()
	defer l.alive.RUnlock()
	if l.closed.yes {
		return 0, ledger.ErrClosed
	}
	err = l.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(entriesBucket)
		if c.Seq != 0 {
			seq = c.Seq
			return is(b, c)
		}
		n := int(l.head.Load().seq)
		seq = ledger.Seq(sort.Search(n, func(i int) bool {
			id, e := idAt(b, ledger.Seq(i+1))
			err = errors.Join(err, e)
			return id.Compare(c.ID) > 0
		}))
		return err
	})
	return seq, err
}

func is(b *bbolt.Bucket, c ledger.Cursor) error {
	id, err := idAt(b, c.Seq)
	if err == nil && id != c.ID {
		err = fmt.Errorf("%w: entry %d is not %s", ledger.ErrNone, c.Seq, ledger.FormatID(c.ID))
	}
	return err
}

func idAt(b *bbolt.Bucket, seq ledger.Seq) (ulid.ULID, error) {
	stored := b.Get(seqKey(seq))
	if stored == nil {
		return ulid.ULID{}, fmt.Errorf("%w: %d", ledger.ErrNone, seq)
	}
	r, err := ledger.ParseRecord(stored)
	return r.ID, err
}

func (l *Log) stillOpen() error {
	l.alive.RLock()
	defer l.alive.RUnlock()
	if l.closed.yes {
		return ledger.ErrClosed
	}
	return nil
}
