package boltlog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
)

// backup makes a backup and a copy of the keys.
func backup(t testing.TB, l *boltlog.Log) (entries []byte, keys string) {
	t.Helper()
	var b, k bytes.Buffer
	if err := errors.Join(l.Backup(t.Context(), &b), l.BackupKeys(t.Context(), &k)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), write(t, k.Bytes())
}

func write(t testing.TB, b []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func restored(boltlog.Report) ledger.Draft {
	return ledger.Draft{Kind: "ledger.restored", Key: "restored", Body: []byte("{}")}
}

// TestBackup takes a backup while a writer appends, restores it elsewhere and
// goes on there.
func TestBackup(t *testing.T) {
	l := open(t, filled(t, 2000), boltlog.Options{})
	ctx, stop := context.WithCancel(t.Context())
	written := make(chan int)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			if _, err := l.Append(t.Context(), of(fmt.Sprint("under load ", n), "contact 1")); err != nil {
				t.Error(err)
			}
		}
		written <- n
	}()
	b, keys := backup(t, l)
	stop()
	if n := <-written; n == 0 {
		t.Error("nothing was appended while the backup was made")
	}
	checked, err := boltlog.VerifyBackup(t.Context(), bytes.NewReader(b), keys, nil)
	if err != nil || !checked.Sound() {
		t.Fatalf("verify the backup: %v, %v", checked.Faults, err)
	}
	dir := filepath.Join(t.TempDir(), "elsewhere")
	r, err := boltlog.Restore(t.Context(), dir, bytes.NewReader(b), keys, nil, restored)
	if err != nil || !r.Sound() || r.Head != checked.Head || len(r.ErasedSince) > 0 {
		t.Fatalf("restore: %+v, %v", r, err)
	}
	if again := verify(t, dir); !again.Sound() || again.Whole != r.Whole+1 || len(again.Notes) > 0 {
		t.Errorf("verify what was restored: %+v", again)
	}
	l2 := open(t, dir, boltlog.Options{})
	want, got := logtest.Entries(t, l, ledger.Cursor{}), logtest.Entries(t, l2, ledger.Cursor{})
	n := int(r.Head.Seq)
	if !reflect.DeepEqual(got[:n], want[:n]) || len(got) != n+1 || got[n].Kind != "ledger.restored" {
		t.Errorf("restored %d entries, want the first %d and that it was restored", len(got), n)
	}
	if a := logtest.Append(t, l2, of("key 5", "contact 5"), of("later", "contact 3")); a[0].Added || !a[1].Entry.Erased {
		t.Errorf("what was restored does not know its keys or whom it forgot: %+v", a)
	}
}

// TestRestoredGivesOtherKeys: between two backups somebody comes, and the older one is
// restored with the newest keys. Whoever comes then gets no key that the newer one
// has a body under, also where the index is made anew: to erase one of them would
// erase the other there.
func TestRestoredGivesOtherKeys(t *testing.T) {
	l := open(t, filled(t, 30), boltlog.Options{})
	older, _ := backup(t, l)
	for i := range 5 {
		logtest.Append(t, l, of(fmt.Sprint("between ", i), "contact between"))
	}
	newer, keys := backup(t, l)
	dir := filepath.Join(t.TempDir(), "elsewhere")
	if r, err := boltlog.Restore(t.Context(), dir, bytes.NewReader(older), keys, nil, restored); err != nil || !r.Sound() {
		t.Fatalf("restore: %+v, %v", r, err)
	}
	if err := os.Remove(filepath.Join(dir, "ledger.index")); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir, boltlog.Options{})
	logtest.Append(t, l, of("after", "contact after"))
	if err := l.Erase(t.Context(), ledger.Erasure{Subject: "contact after"}); err != nil {
		t.Fatal(err)
	}
	_, keys = backup(t, l)
	r, err := boltlog.VerifyBackup(t.Context(), bytes.NewReader(newer), keys, nil)
	if err != nil || !r.Sound() || len(r.ErasedSince) > 0 {
		t.Errorf("verify the newer backup: %+v, %v, want nobody erased", r, err)
	}
}

// TestBackupRefused damages a backup in every way that a copy gets damaged.
func TestBackupRefused(t *testing.T) {
	b, keys := backup(t, open(t, filled(t, 200), boltlog.Options{}))
	_, other := backup(t, open(t, filled(t, 3), boltlog.Options{}))
	flipped := func(at int) []byte {
		c := slices.Clone(b)
		c[at] ^= 0x10
		return c
	}
	for _, test := range []struct {
		what   string
		backup []byte
		keys   string
		want   string
	}{
		{"an empty file", nil, keys, "cut short after entry 0"},
		{"a file of something else", []byte(strings.Repeat("something else ", 10)), keys, "no backup"},
		{"a newer format", flipped(15), keys, "another format"},
		{"cut short in the header", b[:50], keys, "cut short after entry 0"},
		{"cut short in the middle", b[:len(b)/2], keys, "cut short after entry"},
		{"cut short between two entries", b[:72+4+int(b[75])+256*int(b[74])], keys, "cut short after entry 1"},
		{"cut short by a byte", b[:len(b)-1], keys, "cut short after entry 200"},
		{"a byte more", append(slices.Clone(b), 0), keys, "after the end"},
		{"a flipped bit in an entry", flipped(200), keys, "entry 1: its checksum does not match"},
		{"a flipped bit in the head", flipped(50), keys, "entry 200: is not the one that was written"},
		{"a flipped bit in a length", flipped(72), keys, "damaged at entry 1"},
		{"a flipped bit at the end", flipped(len(b) - 40), keys, "checksum"},
		{"another ledger's keys", b, other, "another ledger's"},
	} {
		dir := t.TempDir()
		r, err := boltlog.Restore(t.Context(), dir, bytes.NewReader(test.backup), test.keys, nil, restored)
		if err != nil || r.Sound() || !strings.Contains(fmt.Sprint(r.Faults), test.want) {
			t.Errorf("%s: %v, %v, want %q", test.what, r.Faults, err, test.want)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: left %v, %v", test.what, left, err)
		}
	}
	full := filled(t, 1)
	if _, err := boltlog.Restore(t.Context(), full, bytes.NewReader(b), keys, nil, restored); !errors.Is(err, boltlog.ErrNotEmpty) {
		t.Errorf("restore over a ledger: %v, want ErrNotEmpty", err)
	}
}

// TestErasedSinceBackup restores an old backup with the keys of today: who was
// forgotten since stays so, and is named.
func TestErasedSinceBackup(t *testing.T) {
	l := open(t, filled(t, 100), boltlog.Options{})
	b, _ := backup(t, l)
	if err := l.Erase(t.Context(), ledger.Erasure{Subject: "contact 7"}); err != nil {
		t.Fatal(err)
	}
	_, keys := backup(t, l)
	dir := t.TempDir()
	r, err := boltlog.Restore(t.Context(), dir, bytes.NewReader(b), keys, nil, nil)
	if err != nil || !r.Sound() || !slices.Equal(r.ErasedSince, []string{"contact 7"}) || r.Erased != 20 {
		t.Fatalf("restore: %+v, %v", r, err)
	}
	if r := verify(t, dir); !r.Sound() || r.Erased != 20 {
		t.Errorf("verify: %+v", r)
	}
	if e := logtest.Append(t, open(t, dir, boltlog.Options{}), of("later", "contact 7"))[0].Entry; !e.Erased {
		t.Errorf("a body of a contact forgotten since the backup was kept: %+v", e)
	}
}

// TestBackupToNowhere has a reader of the backup that stops: appends go on.
func TestBackupToNowhere(t *testing.T) {
	l := open(t, filled(t, 2000), boltlog.Options{})
	r, w := io.Pipe()
	ended := make(chan error)
	go func() { ended <- l.Backup(t.Context(), w) }()
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		logtest.Append(t, l, of(fmt.Sprint("meanwhile ", i), "contact 1"))
	}
	if age := l.Stats().OldestReader; age > 0 {
		t.Errorf("a stalled backup holds a transaction for %v", age)
	}
	r.CloseWithError(errors.New("gone"))
	if err := <-ended; err == nil {
		t.Error("a backup that nobody took ended without an error")
	}
}
