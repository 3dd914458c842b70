package boltlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
)

// TestOpenRefuses: a directory in which something is missing is not served.
func TestOpenRefuses(t *testing.T) {
	for _, tt := range []struct {
		what   string
		damage func(dir string) error
		want   string
	}{
		{"keys cut off", func(dir string) error { return os.Truncate(filepath.Join(dir, "ledger.keys"), 32*100) }, "ledger.keys is cut off"},
		{"a restore cut off", func(dir string) error { return os.Mkdir(filepath.Join(dir, "restoring"), 0o700) }, "a restore was cut off here"},
	} {
		dir := t.TempDir()
		l := open(t, dir, boltlog.Options{})
		for i := range 200 {
			logtest.Append(t, l, of(fmt.Sprint("key ", i), fmt.Sprint("contact ", i)))
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := tt.damage(dir); err != nil {
			t.Fatal(err)
		}
		l, err := boltlog.Open(dir, boltlog.Options{})
		if !errors.Is(err, ledger.ErrCorrupt) || !strings.Contains(fmt.Sprint(err), tt.want) {
			t.Errorf("%s: %v, want %q", tt.what, err, tt.want)
		}
		if err == nil {
			_ = l.Close()
		}
	}
}

// TestWitnessMissing: it cannot be told any more whether entries were rolled
// back, which the operator hears.
func TestWitnessMissing(t *testing.T) {
	dir := filled(t, 3)
	if err := os.Remove(filepath.Join(dir, "ledger.head")); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	l := open(t, dir, boltlog.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err := l.Close(); err != nil || !strings.Contains(log.String(), "the head witness is missing") {
		t.Errorf("%v, logged %q", err, log.String())
	}
}

// TestRestoreAfterACut goes on in a directory where another one was cut off,
// and with a ledger that has no entry and so no index.
func TestRestoreAfterACut(t *testing.T) {
	l := open(t, t.TempDir(), boltlog.Options{})
	b, keys := backup(t, l)
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "restoring", "left"), 0o700); err != nil {
		t.Fatal(err)
	}
	if r, err := boltlog.Restore(t.Context(), dir, bytes.NewReader(b), keys, nil, nil); err != nil || !r.Sound() {
		t.Fatalf("%v %v", err, r.Faults)
	}
	if n := len(logtest.Entries(t, open(t, dir, boltlog.Options{}), ledger.Cursor{})); n != 0 {
		t.Errorf("%d entries, want none", n)
	}
}
