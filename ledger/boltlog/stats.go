package boltlog

import (
	"os"
	"sync"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// Stats are what there is to see of a log.
type Stats struct {
	Head    ledger.Cursor
	Hash    [32]byte  // of the newest entry
	Oldest  time.Time // when the first entry was recorded; zero if there is none
	Newest  time.Time // when the last was
	Bytes   int64     // of the ledger file
	Free    int64     // bytes free where it is
	Commits uint64    // since the start
	Waiting int64     // drafts on their way to the writer

	// OldestReader is for how long a read transaction has been open: it keeps
	// the pages it sees from being used again.
	OldestReader time.Duration
}

// Stats returns them as they are now.
func (l *Log) Stats() Stats {
	h := l.head.Load()
	s := Stats{
		Head: h.cursor(), Hash: h.hash, Newest: h.recorded,
		Commits: l.commits.Load(), Waiting: l.waiting.drafts.Load(), OldestReader: l.readers.oldest(),
	}
	if first := l.first.Load(); first != nil {
		s.Oldest = *first
	}
	l.alive.RLock()
	defer l.alive.RUnlock()
	if l.closed.yes {
		return s
	}
	s.Free, _ = free(l.lock)
	if info, err := os.Stat(l.path(logName)); err == nil {
		s.Bytes = info.Size()
	}
	return s
}

// Ready returns why an append would be refused now: ErrClosed, ErrFull,
// ErrDoubt, or ErrCorrupt for damage that was found; or nil.
func (l *Log) Ready() error {
	if err := l.stillOpen(); err != nil {
		return err
	}
	return l.room().reason
}

// readers are the read transactions that are open.
type readers struct {
	mu    sync.Mutex
	next  uint64
	since map[uint64]time.Time
}

// begin notes a transaction; the caller calls end when it is over.
func (r *readers) begin() (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.since == nil {
		r.since = map[uint64]time.Time{}
	}
	n := r.next
	r.next++
	r.since[n] = time.Now()
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.since, n)
	}
}

func (r *readers) oldest() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	var age time.Duration
	for _, t := range r.since {
		age = max(age, time.Since(t))
	}
	return age
}
