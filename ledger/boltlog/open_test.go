package boltlog_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
)

// TestQuietStart checks that a start warns of what healed, and of nothing else.
func TestQuietStart(t *testing.T) {
	dir := t.TempDir()
	start := func() string {
		var log bytes.Buffer
		l := open(t, dir, boltlog.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		logtest.Append(t, l, logtest.Draft("one"))
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		return log.String()
	}
	index := filepath.Join(dir, "ledger.index")
	for _, test := range []struct {
		what   string
		before func() error
		want   string
	}{
		{"a new ledger", func() error { return nil }, ""},
		{"a second start", func() error { return nil }, ""},
		{"the index deleted", func() error { return os.Remove(index) }, ""},
		{"the index damaged", func() error { return os.WriteFile(index, make([]byte, 500), 0o600) }, "index made anew"},
	} {
		if err := test.before(); err != nil {
			t.Fatal(err)
		}
		if got := start(); test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s logged %q, want %q", test.what, got, test.want)
		}
	}
}

// TestMissingFile: a ledger of which a file was lost, or cut off, says which, and
// what to do.
func TestMissingFile(t *testing.T) {
	for _, tt := range []struct {
		lost, says string
		change     func(path string) error
	}{
		{"ledger.db", "ledger.db is not there, though it had entries: restore a backup", os.Remove},
		{"ledger.keys", "ledger.keys is not there, without which no body opens: put the key file of the newest backup", os.Remove},
		{"ledger.db", "4 pages of 6 are there", func(path string) error { return os.Truncate(path, 20000) }},
	} {
		dir := copied(t, golden)
		if err := tt.change(filepath.Join(dir, tt.lost)); err != nil {
			t.Fatal(err)
		}
		l, err := boltlog.Open(dir, boltlog.Options{})
		if !errors.Is(err, ledger.ErrCorrupt) || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "pointer") {
			t.Errorf("%s lost: %v, want %q", tt.lost, err, tt.says)
		}
		if err == nil {
			_ = l.Close()
		}
	}
}

// TestAppendAfterClose has the memory of hashes collected first: the secret
// that they are made with was in the mapping of the key file, which is gone.
func TestAppendAfterClose(t *testing.T) {
	l := open(t, t.TempDir(), boltlog.Options{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.GC()
	if _, err := l.Append(t.Context(), logtest.Draft("late")); !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("append to a closed log: %v, want ErrClosed", err)
	}
}

// TestCutOff: a ledger file that ends early, anywhere, is refused with a word, also
// where what is left of its last page would have bbolt go round in it for ever.
func TestCutOff(t *testing.T) {
	dir := filled(t, 600)
	trim(t, dir, 602)
	l := open(t, dir, boltlog.Options{}) // which is as short as it can be
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	trim(t, dir, 602)
	path := filepath.Join(dir, "ledger.db")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := info.Size() - 1; size >= 2*4096; size -= 61 {
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		if _, err := boltlog.Open(dir, boltlog.Options{}); !errors.Is(err, ledger.ErrCorrupt) || !strings.Contains(err.Error(), "the file is cut off: ") {
			t.Fatalf("cut off at %d of %d bytes: %v", size, info.Size(), err)
		}
	}
}
