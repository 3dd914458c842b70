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
// as a slow export does. The file must grow by less than twice what is appended
// meanwhile: a transaction held open would keep every page that a commit frees.
func TestPausedReaders(t *testing.T) {
	commits := int(fromEnv(t, "GHL_LEDGER_TORTURE_COMMITS", 1000))
	l := open(t, filled(t, 3000), boltlog.Options{})
	for _, seq := range []iter.Seq2[ledger.Entry, error]{l.Read(t.Context(), ledger.Cursor{}), l.Tail(t.Context(), ledger.Cursor{})} {
		next, stop := iter.Pull2(seq)
		defer stop()
		if _, err, ok := next(); !ok || err != nil {
			t.Fatalf("read: %v", err)
		}
	}
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- l.Backup(t.Context(), w) }()
	defer func() { r.Close(); <-ended }()
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	before, data, noise := l.Stats().Bytes, 0, rand.NewChaCha8([32]byte{})
	for i := range commits {
		var ds []ledger.Draft
		for j := range 4 {
			d := of(fmt.Sprint("small ", i, j), fmt.Sprint("contact ", i%100))
			d.Body = make([]byte, 300)
			noise.Read(d.Body) // which does not compress
			ds = append(ds, d)
		}
		for _, a := range logtest.Append(t, l, ds...) {
			data += a.Entry.Size
		}
	}
	after := l.Stats()
	grown := after.Bytes - before
	t.Logf("%d commits of %d bytes: the file grew by %d, %.2f times as much", commits, data, grown, float64(grown)/float64(data))
	if grown >= 2*int64(data) {
		t.Errorf("the file grew by %d bytes for %d", grown, data)
	}
	if after.OldestReader > 0 {
		t.Errorf("a paused reader holds a transaction for %v", after.OldestReader)
	}
}
