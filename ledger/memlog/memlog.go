// Package memlog keeps a ledger in memory, for tests: it can fail either side
// of a write, and it forgets everything at the end of the process. It seals
// nothing; Erase drops the bodies.
package memlog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
)

// Log is a ledger in memory. The zero value is not ready: use New.
type Log struct {
	now func() time.Time

	mu      sync.Mutex
	entries []ledger.Entry
	keys    map[string]ledger.Seq
	erased  map[string]bool
	grown   chan struct{} // closed and replaced by every append
	closed  bool

	// FailBefore and FailAfter, where set, make an Append fail before or after
	// the drafts were kept. They are called with the drafts, under the lock.
	FailBefore, FailAfter func(ds []ledger.Draft) error
}

var (
	_ ledger.Log    = (*Log)(nil)
	_ ledger.Eraser = (*Log)(nil)
)

// New returns an empty log whose entries are recorded at now.
func New(now func() time.Time) *Log {
	return &Log{now: now, keys: map[string]ledger.Seq{}, erased: map[string]bool{}, grown: make(chan struct{})}
}

// Append implements ledger.Appender.
func (l *Log) Append(ctx context.Context, ds ...ledger.Draft) ([]ledger.Appended, error) {
	for _, d := range ds {
		if err := d.Validate(); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ledger.ErrClosed
	}
	if l.FailBefore != nil {
		if err := l.FailBefore(ds); err != nil {
			return nil, err
		}
	}
	answers := make([]ledger.Appended, 0, len(ds))
	for _, d := range ds {
		answers = append(answers, l.keep(d))
	}
	close(l.grown)
	l.grown = make(chan struct{})
	if l.FailAfter != nil {
		if err := l.FailAfter(ds); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

func (l *Log) keep(d ledger.Draft) ledger.Appended {
	if seq, ok := l.keys[d.Key]; ok {
		return ledger.Appended{Entry: l.entries[seq-1]}
	}
	d.Body = append([]byte(nil), d.Body...)
	d.Person = ""
	d.Occurred, d.Meta.Arrived = d.Occurred.UTC(), d.Meta.Arrived.UTC()
	e := ledger.Entry{Seq: ledger.Seq(len(l.entries) + 1), Recorded: l.now().UTC(), Size: len(d.Body), Draft: d}
	if l.erased[d.Subject] && d.Subject != "" {
		e.Erased, e.Body = true, nil
	}
	ms := ulid.Timestamp(e.Recorded)
	if n := len(l.entries); n > 0 {
		last := l.entries[n-1]
		e.Prev = last.Hash
		ms = max(ms, last.ID.Time())
	}
	_ = e.ID.SetTime(ms) // only fails past the year 10889
	binary.BigEndian.PutUint64(e.ID[8:], uint64(e.Seq))
	e.Hash = sha256.Sum256(append(append(e.Prev[:], e.ID[:]...), e.Body...))
	l.entries = append(l.entries, e)
	l.keys[d.Key] = e.Seq
	return ledger.Appended{Entry: e, Added: true}
}

// Head implements ledger.Reader.
func (l *Log) Head(context.Context) (ledger.Cursor, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head(), nil
}

func (l *Log) head() ledger.Cursor {
	if len(l.entries) == 0 {
		return ledger.Cursor{}
	}
	return l.entries[len(l.entries)-1].Cursor()
}

// Read implements ledger.Reader.
func (l *Log) Read(ctx context.Context, after ledger.Cursor) iter.Seq2[ledger.Entry, error] {
	upto, _ := l.Head(ctx)
	return func(yield func(ledger.Entry, error) bool) {
		page, _, err := l.page(after)
		for _, e := range page {
			if e.Seq > upto.Seq {
				return
			}
			if err := ctx.Err(); err != nil {
				yield(ledger.Entry{}, err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err != nil {
			yield(ledger.Entry{}, err)
		}
	}
}

// Tail implements ledger.Reader.
func (l *Log) Tail(ctx context.Context, after ledger.Cursor) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		for {
			page, grown, err := l.page(after)
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
				after = e.Cursor()
			}
			if err == nil && len(page) == 0 {
				select {
				case <-grown:
				case <-ctx.Done():
				}
			}
			if err = cmp.Or(err, ctx.Err()); err != nil {
				yield(ledger.Entry{}, err)
				return
			}
		}
	}
}

// page copies what is after the cursor, and the channel that the next append
// closes, taken together so that no append is missed.
func (l *Log) page(after ledger.Cursor) ([]ledger.Entry, <-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, nil, ledger.ErrClosed
	}
	from := int(after.Seq)
	switch {
	case after.ID == (ulid.ULID{}):
	case after.Seq == 0:
		from = sort.Search(len(l.entries), func(i int) bool { return l.entries[i].ID.Compare(after.ID) > 0 })
	case from > len(l.entries) || l.entries[from-1].ID != after.ID:
		return nil, nil, fmt.Errorf("%w: entry %d is not %s", ledger.ErrNone, from, ledger.FormatID(after.ID))
	}
	if from >= len(l.entries) {
		return nil, l.grown, nil
	}
	return slices.Clone(l.entries[from:]), l.grown, nil
}

// Erase implements ledger.Eraser. It knows bodies by their subject alone.
func (l *Log) Erase(_ context.Context, who ...ledger.Erasure) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	erased := map[string]bool{}
	for _, w := range who {
		if w.Subject != "" {
			erased[w.Subject], l.erased[w.Subject] = true, true
		}
	}
	for i := range l.entries {
		if erased[l.entries[i].Subject] {
			l.entries[i].Erased, l.entries[i].Body = true, nil
		}
	}
	return nil
}

// Readmit implements ledger.Eraser.
func (l *Log) Readmit(_ context.Context, subject string) (was bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	was = l.erased[subject]
	delete(l.erased, subject)
	return was, nil
}

// Close implements ledger.Log; those who Tail are told.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.grown)
		l.grown = make(chan struct{})
	}
	return nil
}
