package boltlog_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
