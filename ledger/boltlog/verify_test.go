package boltlog_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
	"go.etcd.io/bbolt"
)

// filled makes a ledger of n entries about ten contacts, one of them erased.
func filled(t testing.TB, n int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	l := open(t, dir, boltlog.Options{})
	for i := 0; i < n; i += 10 {
		var ds []ledger.Draft
		for j := i; j < min(i+10, n); j++ {
			ds = append(ds, of(fmt.Sprint("key ", j), fmt.Sprint("contact ", j%10)))
		}
		logtest.Append(t, l, ds...)
	}
	if err := l.Erase(t.Context(), ledger.Erasure{Subject: "contact 3"}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func of(key, subject string) ledger.Draft {
	d := logtest.Draft(key)
	d.Subject = subject
	return d
}

func verify(t testing.TB, dir string) boltlog.Report {
	t.Helper()
	r, err := boltlog.Verify(t.Context(), dir, nil)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return r
}

func TestVerifySound(t *testing.T) {
	for _, n := range []int{0, 1, 9, 300, 3000} {
		dir := filled(t, n)
		var done, total ledger.Seq
		r, err := boltlog.Verify(t.Context(), dir, func(d, of ledger.Seq) { done, total = d, of })
		if err != nil {
			t.Fatal(err)
		}
		want := ledger.Seq(n)
		if !r.Sound() || len(r.Notes) > 0 || r.Entries != want || r.Whole != want || r.Upto != want || r.Head.Seq != want {
			t.Errorf("%d entries: %+v", n, r)
		}
		if erased := ledger.Seq((n + 6) / 10); r.Erased != erased {
			t.Errorf("%d entries: %d erased, want %d", n, r.Erased, erased)
		}
		if done != want || total != want {
			t.Errorf("%d entries: progress ended at %d of %d", n, done, total)
		}
		l := open(t, dir, boltlog.Options{})
		if live, err := l.Verify(t.Context(), nil); err != nil || !live.Sound() || live.Hash != r.Hash || live.Erased != r.Erased {
			t.Errorf("while open: %+v, %v", live, err)
		}
	}
}

// harmful is something done to a stopped ledger of 300 entries, and what Verify
// says of it.
type harmful struct {
	what   string
	change func(dir string) error
	want   string // the first fault
	upto   ledger.Seq
	whole  ledger.Seq
}

// TestVerifyNames checks that what is wrong is named, and what is still sound.
func TestVerifyNames(t *testing.T) {
	for _, test := range append(harmedEntries(300), harmedFiles(300)...) {
		dir := filled(t, 300)
		if err := test.change(dir); err != nil {
			t.Fatal(err)
		}
		r := verify(t, dir)
		if r.Sound() || !strings.Contains(r.Faults[0].String(), test.want) {
			t.Errorf("%s: found %v, want %q", test.what, r.Faults, test.want)
		}
		if r.Upto != test.upto || r.Whole != test.whole {
			t.Errorf("%s: sound up to %d, %d whole, want %d and %d", test.what, r.Upto, r.Whole, test.upto, test.whole)
		}
	}
}

// TestVerifyBucketForNote: a flipped bit has a note pass for a bucket, of which bbolt
// shows no value. Open refuses that, so Verify has to find it.
func TestVerifyBucketForNote(t *testing.T) {
	dir := filled(t, 600)
	path := filepath.Join(dir, "ledger.db")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := 0
	for at := 0; at < len(b); at += 4096 {
		const leaf, notes = 2, 60 // those of contact 3
		if binary.LittleEndian.Uint16(b[at+8:]) == leaf && binary.LittleEndian.Uint16(b[at+10:]) == notes {
			b[at+16+16*5] ^= 1
			flipped++
		}
	}
	if err := os.WriteFile(path, b, 0o600); err != nil || flipped == 0 {
		t.Fatalf("%d pages of notes, %v", flipped, err)
	}
	if r := verify(t, dir); r.Sound() || !strings.Contains(r.Faults[0].String(), "a note in destroyed") {
		t.Errorf("verify: %v", r.Faults)
	}
	if _, err := boltlog.Open(dir, boltlog.Options{}); !errors.Is(err, ledger.ErrCorrupt) {
		t.Errorf("open: %v, want ErrCorrupt", err)
	}
}

// harmedEntries are harms to the entries of a ledger of n.
func harmedEntries(n ledger.Seq) []harmful {
	return []harmful{
		{"a changed byte", inEntries(func(b *bbolt.Bucket) error {
			v := bytes.Clone(b.Get(key(20)))
			v[150]++
			return b.Put(key(20), v)
		}), "entry 20: its checksum does not match", 19, n - 1},
		{"an entry taken out", inEntries(func(b *bbolt.Bucket) error { return b.Delete(key(7)) }),
			"entry 7: cannot be read", 6, n - 1},
		{"the end taken off", inEntries(func(b *bbolt.Bucket) error {
			return errors.Join(b.Delete(key(n)), b.Delete(key(n-1)))
		}), "entries 299 to 300: missing at the end", n - 2, n - 2},
		{"two entries swapped", inEntries(func(b *bbolt.Bucket) error {
			first, second := bytes.Clone(b.Get(key(50))), bytes.Clone(b.Get(key(51)))
			return errors.Join(b.Put(key(50), second), b.Put(key(51), first))
		}), "entry 50: says that it is entry 51", 49, n - 2},
		{"an entry rewritten", rewritten(80, func(r *ledger.Record) { r.Subject = "somebody else" }),
			"entry 81: does not follow entry 80: one of the two was changed", 80, n - 1},
		{"the newest rewritten", rewritten(n, func(r *ledger.Record) { r.Occurred = r.Occurred.AddDate(1, 0, 0) }),
			"entry 300: is not the one that was written", n - 1, n - 1},
	}
}

// harmedFiles are harms to what stands beside the entries.
func harmedFiles(n ledger.Seq) []harmful {
	return []harmful{
		{"a slot lost", inFile("ledger.keys", 32*2, make([]byte, 32)...), "entry 1: the key in slot 2 is lost", 0, n - 1},
		{"a secret changed", inFile("ledger.keys", 32, 1), "ledger.keys is damaged where it says whose it is", n, n},
		{"a meta page damaged", inFile("ledger.db", 4096+40, 77), "meta page 1 is damaged", n, n},
		{"both meta pages damaged", func(dir string) error {
			return errors.Join(inFile("ledger.db", 40, 77)(dir), inFile("ledger.db", 4096+40, 77)(dir))
		}, "meta page 0 is damaged", 0, 0},
		{"the witness damaged", inFile("ledger.head", 30, 1, 2, 3), "the head witness does not match its checksum", n, n},
		{"another's slot to be destroyed", inBolt(func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("destroyed")).Put(key(4), []byte{1, 2, 3, 4})
		}), "a note in destroyed does not match its checksum", n, n},
	}
}

// key is what an entry is stored under.
func key(seq ledger.Seq) []byte { return binary.BigEndian.AppendUint64(nil, uint64(seq)) }

// inBolt changes a stopped ledger as bbolt does.
func inBolt(change func(tx *bbolt.Tx) error) func(dir string) error {
	return func(dir string) error {
		db, err := bbolt.Open(filepath.Join(dir, "ledger.db"), 0o600, nil)
		if err != nil {
			return err
		}
		return errors.Join(db.Update(change), db.Close())
	}
}

func inEntries(change func(b *bbolt.Bucket) error) func(dir string) error {
	return inBolt(func(tx *bbolt.Tx) error { return change(tx.Bucket([]byte("entries"))) })
}

// rewritten changes an entry and gives it a checksum that fits.
func rewritten(seq ledger.Seq, change func(r *ledger.Record)) func(dir string) error {
	return inEntries(func(b *bbolt.Bucket) error {
		r, err := ledger.ParseRecord(b.Get(key(seq)))
		change(&r)
		return errors.Join(err, b.Put(key(seq), ledger.AppendRecord(nil, &r)))
	})
}

func inFile(name string, at int64, b ...byte) func(dir string) error {
	return func(dir string) error {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteAt(b, at)
		return errors.Join(err, f.Close())
	}
}

// TestVerifyWithoutKeys: what is sealed stays so, all else is looked at.
func TestVerifyWithoutKeys(t *testing.T) {
	for what, test := range map[string]struct {
		also func(dir string) error
		want string // the last fault
	}{
		"the keys alone":      {func(string) error { return nil }, "ledger.keys is not there: without it no body can be read"},
		"and an entry":        {harmedEntries(300)[0].change, "entry 20: its checksum does not match"},
		"and the newest ones": {harmedEntries(300)[2].change, "entries 299 to 300: missing at the end"},
	} {
		dir := filled(t, 300)
		if err := errors.Join(test.also(dir), os.Remove(filepath.Join(dir, "ledger.keys"))); err != nil {
			t.Fatal(err)
		}
		r := verify(t, dir)
		if r.Sound() || !strings.Contains(r.Faults[len(r.Faults)-1].String(), test.want) {
			t.Errorf("%s: found %v, want %q", what, r.Faults, test.want)
		}
		if r.Unopened == 0 || r.Unopened != r.Whole {
			t.Errorf("%s: %d bodies of %d entries not opened", what, r.Unopened, r.Whole)
		}
	}
}

func TestVerifyCannotLook(t *testing.T) {
	if _, err := boltlog.Verify(t.Context(), t.TempDir(), nil); err == nil {
		t.Error("an empty directory was verified")
	}
	dir := filled(t, 3)
	open(t, dir, boltlog.Options{})
	if _, err := boltlog.Verify(t.Context(), dir, nil); !errors.Is(err, boltlog.ErrLocked) {
		t.Errorf("verify of an open ledger: %v, want ErrLocked", err)
	}
}

// TestReadRefusesRewritten rewrites entries, with a checksum that fits, on both
// sides of where one page of a reader ends.
func TestReadRefusesRewritten(t *testing.T) {
	for _, seq := range []ledger.Seq{100, 256} { // 256 is the last of the first page
		dir := filled(t, 300)
		if err := rewritten(seq, func(r *ledger.Record) { r.Location = "another" })(dir); err != nil {
			t.Fatal(err)
		}
		var last error
		for _, err := range open(t, dir, boltlog.Options{}).Read(t.Context(), ledger.Cursor{}) {
			last = err
		}
		if !errors.Is(last, ledger.ErrCorrupt) {
			t.Errorf("read past the rewritten entry %d ended with %v, want ErrCorrupt", seq, last)
		}
	}
}
