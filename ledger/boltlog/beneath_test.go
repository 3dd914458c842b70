package boltlog_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
	"go.etcd.io/bbolt"
)

// TestCutOffBeneath cuts a mapped file off beneath an open ledger. What then
// panics in the writer is a failure of the storage, told before anybody is
// answered, and never the end of the process without a word.
func TestCutOffBeneath(t *testing.T) {
	for _, test := range []struct {
		what, file string
		do         func(l *boltlog.Log) error
		want       error
	}{
		{"keys are copied", "ledger.keys", func(l *boltlog.Log) error { return l.BackupKeys(t.Context(), io.Discard) }, ledger.ErrDoubt},
		{"a body is sealed", "ledger.keys", func(l *boltlog.Log) error {
			_, err := l.Append(t.Context(), of("new", "somebody new"))
			return err
		}, ledger.ErrDoubt},
		{"a key is looked up", "ledger.index", func(l *boltlog.Log) error {
			_, err := l.Append(t.Context(), of("key 1", "contact 1"))
			return err
		}, ledger.ErrDoubt},
		{"keys are destroyed", "ledger.keys", func(l *boltlog.Log) error { return l.Erase(t.Context(), ledger.Erasure{Subject: "contact 1"}) }, ledger.ErrDoubt},
		{"a body is read", "ledger.keys", readAll, ledger.ErrCorrupt},
		{"all is verified", "ledger.keys", func(l *boltlog.Log) error { _, err := l.Verify(t.Context(), nil); return err }, ledger.ErrCorrupt},
	} {
		dir, doubts := filled(t, 30), 0
		l := open(t, dir, boltlog.Options{Doubt: func(error) { doubts++ }})
		if err := os.Truncate(filepath.Join(dir, test.file), 0); err != nil {
			t.Fatal(err)
		}
		if err := test.do(l); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.what, err, test.want)
		}
		if inDoubt := errors.Is(test.want, ledger.ErrDoubt); inDoubt != (doubts == 1) {
			t.Errorf("%s: told of %d doubts", test.what, doubts)
		}
	}
}

func readAll(l *boltlog.Log) (last error) {
	for _, err := range l.Read(context.Background(), ledger.Cursor{}) {
		last = err
	}
	return last
}

// TestDamageFound: an old entry that is damaged keeps a ledger from nothing
// until somebody meets it. Then nothing new is taken but our own receipts, and
// what is sound can be read.
func TestDamageFound(t *testing.T) {
	for what, meet := range map[string]func(l *boltlog.Log){
		"reading":     func(l *boltlog.Log) { _ = readAll(l) },
		"verifying":   func(l *boltlog.Log) { _, _ = l.Verify(t.Context(), nil) },
		"a duplicate": func(l *boltlog.Log) { _, _ = l.Append(t.Context(), of("key 19", "contact 9")) },
	} {
		dir, told := filled(t, 30), 0
		if err := harmedEntries(30)[0].change(dir); err != nil { // entry 20
			t.Fatal(err)
		}
		l := open(t, dir, boltlog.Options{Damage: func(error) { told++ }})
		logtest.Append(t, l, of("before", "contact 1"))
		if err := l.Ready(); err != nil {
			t.Errorf("%s: not ready before: %v", what, err)
		}
		meet(l)
		meet(l)
		for what, err := range map[string]error{"Ready": l.Ready(), "Damage": l.Damage(), "Append": appendTo(t.Context(), l, "new")} {
			if !errors.Is(err, ledger.ErrCorrupt) || !strings.Contains(err.Error(), "entry 20") {
				t.Errorf("%s: %v, want ErrCorrupt at entry 20", what, err)
			}
		}
		if err := appendTo(ledger.WithReserve(t.Context()), l, "receipt"); err != nil || told != 1 {
			t.Errorf("%s: our own receipt: %v; told %d times", what, err, told)
		}
		if n := len(logtest.Entries(t, l, ledger.Cursor{Seq: 20})); n != 12 {
			t.Errorf("%s: %d entries can be read after it, want 12", what, n)
		}
	}
}

func appendTo(ctx context.Context, l *boltlog.Log, key string) error {
	_, err := l.Append(ctx, of(key, "contact 1"))
	return err
}

// TestMissing: an entry that is not there hides none of those before and after it.
func TestMissing(t *testing.T) {
	dir := filled(t, 300)
	if err := inEntries(func(b *bbolt.Bucket) error { return b.Delete(key(7)) })(dir); err != nil {
		t.Fatal(err)
	}
	l := open(t, dir, boltlog.Options{})
	read := 0
	for _, err := range l.Read(t.Context(), ledger.Cursor{}) {
		if err != nil {
			break
		}
		read++
	}
	r, err := l.Verify(t.Context(), nil)
	if read != 6 || err != nil || r.Whole != 299 || len(r.Faults) != 1 || r.Faults[0].First != 7 || r.Faults[0].Last != 7 {
		t.Errorf("%d entries read before the missing one, want 6; %v: %d whole, %v, want 299 and entry 7", read, err, r.Whole, r.Faults)
	}
}

// TestVerifyHoldsNothing: an index file that is newer than the head looked at
// was mapped and forgotten.
func TestVerifyHoldsNothing(t *testing.T) {
	dir := filled(t, 30)
	l := open(t, dir, boltlog.Options{})
	newer := filepath.Join(t.TempDir(), "newer")
	if err := os.CopyFS(newer, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ledger.db", "ledger.keys", "ledger.head", "ledger.index"} {
		if err := os.Chmod(filepath.Join(newer, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ahead := open(t, newer, boltlog.Options{})
	logtest.Append(t, ahead, of("ahead", "contact 1"))
	if err := errors.Join(ahead.Close(), os.Rename(filepath.Join(newer, "ledger.index"), filepath.Join(dir, "ledger.index"))); err != nil {
		t.Fatal(err)
	}
	before := mappings(t)
	if r, err := l.Verify(t.Context(), nil); err != nil || !r.Sound() {
		t.Errorf("verify: %v %v", r.Faults, err)
	}
	if after := mappings(t); after > before {
		t.Errorf("%d mappings of index files, %d before", after, before)
	}
}

func mappings(t *testing.T) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(maps, []byte("ledger.index"))
}
