package boltlog_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
)

// TestCloseOfADamagedFile: a list of free pages that names its own page makes
// bbolt panic when it writes the list anew. Close says that the storage is in doubt, and
// the entries are there at the next start.
func TestCloseOfADamagedFile(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, boltlog.Options{})
	for _, key := range []string{"a", "b", "c"} {
		logtest.Append(t, l, of(key, "contact"))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	freeTheList(t, filepath.Join(dir, "ledger.db"))
	l, err := boltlog.Open(dir, boltlog.Options{})
	if err != nil {
		t.Fatalf("the damage is found at the start: %v", err) // then Close need not cope with it
	}
	if n := len(logtest.Entries(t, l, ledger.Cursor{})); n != 3 {
		t.Errorf("%d entries, want 3", n)
	}
	if err := l.Close(); !errors.Is(err, ledger.ErrDoubt) {
		t.Errorf("close: %v, want ErrDoubt", err)
	}
}

// freeTheList puts the page of bbolt's list of free pages into that list.
func freeTheList(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := int(binary.LittleEndian.Uint32(b[16+8:]))
	meta := b[16:]
	if next := b[size+16:]; binary.LittleEndian.Uint64(next[48:]) > binary.LittleEndian.Uint64(meta[48:]) {
		meta = next // of the newer transaction
	}
	list := binary.LittleEndian.Uint64(meta[32:])
	free := b[int(list)*size:]
	if binary.LittleEndian.Uint16(free[10:]) == 0 {
		t.Fatal("no page is free")
	}
	binary.LittleEndian.PutUint64(free[16:], list)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
