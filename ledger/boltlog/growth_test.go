package boltlog_test

import (
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
)

// TestPausedReaders has a reader, a tail and a backup that stop in the middle,
// as a slow export does, and commits entries of a typical size, one by one. The
// file must grow by less than twice what is appended meanwhile: a transaction
// held open would keep every page that a commit frees.
func TestPausedReaders(t *testing.T) {
	commits := int(fromEnv(t, "GHL_LEDGER_TORTURE_COMMITS", 100))
	for _, size := range []int{300, 700, 900, 4096} {
		t.Run(fmt.Sprint(size), func(t *testing.T) { testPausedReaders(t, commits, size) })
	}
}

func testPausedReaders(t *testing.T, commits, size int) {
	l := open(t, filled(t, 3000), boltlog.Options{})
	defer pauseReaders(t, l)()
	before, data, noise := l.Stats().Bytes, 0, rand.NewChaCha8([32]byte{})
	for i := range commits {
		d := of(fmt.Sprint("small ", i), fmt.Sprint("contact ", i%100))
		d.Body = make([]byte, size)
		noise.Read(d.Body) // which does not compress
		data += logtest.Append(t, l, d)[0].Entry.Size
	}
	after := l.Stats()
	grown := after.Bytes - before
	t.Logf("%d commits of one entry, %d bytes: the file grew by %d, %.2f times as much", commits, data, grown, float64(grown)/float64(data))
	limit := 2 * int64(data)
	if commits < 3000 {
		limit += 1 << 20 // the file grows by so much at a time
	}
	if grown >= limit {
		t.Errorf("the file grew by %d bytes for %d", grown, data)
	}
	if after.OldestReader > 0 {
		t.Errorf("a paused reader holds a transaction for %v", after.OldestReader)
	}
}

// pauseReaders begins to read in every way there is, and stops reading. The
// caller calls end.
func pauseReaders(t *testing.T, l *boltlog.Log) (end func()) {
	t.Helper()
	var ends []func()
	for _, seq := range []iter.Seq2[ledger.Entry, error]{l.Read(t.Context(), ledger.Cursor{}), l.Tail(t.Context(), ledger.Cursor{})} {
		next, stop := iter.Pull2(seq)
		ends = append(ends, stop)
		if _, err, ok := next(); !ok || err != nil {
			t.Fatalf("read: %v", err)
		}
	}
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- l.Backup(t.Context(), w) }()
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	ends = append(ends, func() { r.Close(); <-ended })
	return func() {
		for _, end := range ends {
			end()
		}
	}
}
