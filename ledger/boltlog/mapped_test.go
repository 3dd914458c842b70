package boltlog_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
)

// A read of a large ledger leaves no more than a part of its file mapped.
func TestReadUnmaps(t *testing.T) {
	const bodies, size = 26, 5 << 20
	l := open(t, t.TempDir(), boltlog.Options{})
	random := rand.NewChaCha8([32]byte{1})
	for i := range bodies {
		d := of(strconv.Itoa(i), "c1")
		d.Body = make([]byte, size) // that zstd cannot make smaller
		_, _ = random.Read(d.Body)
		logtest.Append(t, l, d)
	}
	before := mappedBytes(t)
	for _, err := range l.Read(t.Context(), ledger.Cursor{}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	const most = bodies * size * 3 / 4
	if grown := mappedBytes(t) - before; grown > most {
		t.Errorf("%d bytes of files are mapped more than before, want at most %d", grown, most)
	}
}

// mappedBytes is how much of mapped files counts as memory of this process.
func mappedBytes(t *testing.T) int {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(raw) {
		if f := bytes.Fields(line); len(f) > 1 && string(f[0]) == "RssFile:" {
			kb, err := strconv.Atoi(string(f[1]))
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("no RssFile in /proc/self/status")
	return 0
}
