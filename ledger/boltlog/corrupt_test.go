package boltlog_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
	"go.etcd.io/bbolt"
)

// TestCorruption damages copies of a ledger at random. What changes an entry,
// their order or the head must be found by Verify; what is read must be what
// was written, up to an error; and nothing may hang. A control that reads the
// same copies without checksums and chain must fail.
//
//	GHL_LEDGER_TORTURE_FLIPS  how many copies (150)
//	GHL_LEDGER_TORTURE_SEED   of what is damaged
func TestCorruption(t *testing.T) {
	copies := int(fromEnv(t, "GHL_LEDGER_TORTURE_FLIPS", 150))
	seed := fromEnv(t, "GHL_LEDGER_TORTURE_SEED", uint64(time.Now().UnixNano()))
	t.Logf("%d copies, GHL_LEDGER_TORTURE_SEED=%d", copies, seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	v := newVictim(t)
	type tally struct{ made, found, harmless, missedByControl int }
	tallies := map[string]*tally{}
	for i := range copies {
		harm := harms[chance.IntN(len(harms))]
		what := v.damage(harm.do, chance)
		n := tallies[harm.name]
		if n == nil {
			n = &tally{}
			tallies[harm.name] = n
		}
		n.made++
		found, err := v.judge(t)
		if err != nil {
			t.Errorf("copy %d, %s %s: %v", i, harm.name, what, err)
		}
		if found {
			n.found++
		} else {
			n.harmless++
		}
		if v.controlServesWrong() {
			n.missedByControl++
		}
	}
	missed := 0
	for name, n := range tallies {
		t.Logf("%-18s %5d made, %5d found, %5d changed nothing; served wrongly by the control: %d", name, n.made, n.found, n.harmless, n.missedByControl)
		missed += n.missedByControl
	}
	if missed == 0 && copies >= 100 {
		t.Error("a reader without checksums served nothing wrong: the damage proves nothing")
	}
}

// victim is a ledger and a copy of it that is damaged again and again.
type victim struct {
	files map[string][]byte // the whole ones
	names []string
	dir   string // of the copy
	want  []ledger.Entry
}

func newVictim(t *testing.T) *victim {
	from := filled(t, 600)
	l := open(t, from, boltlog.Options{})
	v := &victim{files: map[string][]byte{}, dir: t.TempDir(), want: logtest.Entries(t, l, ledger.Cursor{})}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	trim(t, from, 602)
	for _, name := range []string{"ledger.db", "ledger.keys", "ledger.head", "ledger.index"} {
		b, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		v.files[name], v.names = b, append(v.names, name)
	}
	if err := v.write(v.files); err != nil {
		t.Fatal(err)
	}
	if found, err := v.judge(t); found || err != nil {
		t.Fatalf("the undamaged copy: found %v, %v", found, err)
	}
	return v
}

func (v *victim) write(files map[string][]byte) error {
	var errs []error
	for _, name := range v.names {
		path := filepath.Join(v.dir, name)
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err // a new file, since the control may have left its lock on the old one
		}
		errs = append(errs, os.WriteFile(path, files[name], 0o600))
	}
	return errors.Join(errs...)
}

// damage makes the copy anew with one harm done to it, and says which.
func (v *victim) damage(do func(files map[string][]byte, chance *rand.Rand) string, chance *rand.Rand) string {
	files := map[string][]byte{}
	for name, b := range v.files {
		files[name] = append([]byte(nil), b...)
	}
	what := do(files, chance)
	if err := v.write(files); err != nil {
		panic(err)
	}
	return what
}

// judge says whether Verify found damage, and what was done wrong: something
// false was read, or damage that keeps a reader from an entry was not found.
func (v *victim) judge(t *testing.T) (found bool, err error) {
	guard := time.AfterFunc(30*time.Second, func() { panic("it hangs") })
	defer guard.Stop()
	report, err := boltlog.Verify(t.Context(), v.dir, nil)
	if err != nil {
		return false, fmt.Errorf("verify could not look: %w", err)
	}
	n, readErr, wrong := v.read(t)
	switch {
	case wrong != nil:
		return !report.Sound(), wrong
	case report.Sound() && readErr != nil:
		return false, fmt.Errorf("verify found nothing, but after %d entries: %w", n, readErr)
	case report.Sound() && n != len(v.want):
		return false, fmt.Errorf("verify found nothing, but %d entries of %d are left", n, len(v.want))
	}
	return !report.Sound(), nil
}

// read reads the copy as a service does. wrong is an entry that is not the one
// that was written, or an end that is none.
func (v *victim) read(t *testing.T) (n int, readErr, wrong error) {
	l, err := boltlog.Open(v.dir, boltlog.Options{})
	if err != nil {
		return 0, err, nil
	}
	defer l.Close()
	for e, err := range l.Read(t.Context(), ledger.Cursor{}) {
		if err != nil {
			return n, err, nil
		}
		if n >= len(v.want) || !reflect.DeepEqual(e, v.want[n]) {
			return n, nil, fmt.Errorf("entry %d was served and is not what was written", e.Seq)
		}
		n++
	}
	if n != len(v.want) {
		return n, nil, fmt.Errorf("it was opened and ends at entry %d of %d", n, len(v.want))
	}
	return n, nil, nil
}

// controlServesWrong reads the copy with bbolt alone.
func (v *victim) controlServesWrong() (wrong bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { _ = recover() }() // bbolt noticed
	db, err := bbolt.Open(filepath.Join(v.dir, "ledger.db"), 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return false
	}
	defer db.Close()
	n := 0
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("entries")).ForEach(func(key, stored []byte) error {
			if len(key) > 8 {
				return nil // a stop
			}
			stored = append([]byte(nil), stored...)
			end := max(len(stored)-4, 0)
			binary.BigEndian.PutUint32(stored[end:], crc32.Checksum(stored[:end], crc32.MakeTable(crc32.Castagnoli)))
			r, err := ledger.ParseRecord(stored)
			if err != nil {
				return err
			}
			want := v.want[n]
			wrong = wrong || r.Key != want.Key || r.Subject != want.Subject || r.Prev != want.Prev || r.ID != want.ID || len(stored) != want.Size
			n++
			return nil
		})
	})
	return err == nil && (wrong || n != len(v.want))
}

// harms are what happens to files, in memory. Each says what it did.
var harms = []struct {
	name string
	do   func(files map[string][]byte, chance *rand.Rand) string
}{
	{"a flipped bit", flipBit}, {"a flipped bit", flipBit}, {"a flipped bit", flipBit}, {"a flipped bit", flipBit},
	{"a file cut off", cutOff},
	{"a page of zeros", func(files map[string][]byte, chance *rand.Rand) string {
		return onPage(files, chance, func(b []byte, at, _ int) { clear(b[at : at+4096]) })
	}},
	{"a page put twice", func(files map[string][]byte, chance *rand.Rand) string {
		return onPage(files, chance, func(b []byte, at, other int) { copy(b[at:at+4096], b[other:other+4096]) })
	}},
	{"two pages swapped", func(files map[string][]byte, chance *rand.Rand) string {
		return onPage(files, chance, func(b []byte, at, other int) {
			page := append([]byte(nil), b[at:at+4096]...)
			copy(b[at:at+4096], b[other:other+4096])
			copy(b[other:other+4096], page)
		})
	}},
	{"two entries swapped", swapEntries},
}

func pick(files map[string][]byte, chance *rand.Rand) string {
	// The entries are most of a ledger.
	return []string{"ledger.db", "ledger.db", "ledger.db", "ledger.db", "ledger.keys", "ledger.head", "ledger.index"}[chance.IntN(7)]
}

func flipBit(files map[string][]byte, chance *rand.Rand) string {
	name := pick(files, chance)
	at, bit := chance.IntN(len(files[name])), chance.IntN(8)
	files[name][at] ^= 1 << bit
	return fmt.Sprintf("%d of byte %d of %s", bit, at, name)
}

func cutOff(files map[string][]byte, chance *rand.Rand) string {
	name := pick(files, chance)
	at := chance.IntN(len(files[name]))
	files[name] = files[name][:at]
	return fmt.Sprintf("%s at %d", name, at)
}

func onPage(files map[string][]byte, chance *rand.Rand, do func(b []byte, at, other int)) string {
	b := files["ledger.db"]
	at, other := chance.IntN(len(b)/4096)*4096, chance.IntN(len(b)/4096)*4096
	do(b, at, other)
	return fmt.Sprintf("%d, %d", at/4096, other/4096)
}

// swapEntries changes the places of two records of the same length.
func swapEntries(files map[string][]byte, chance *rand.Rand) string {
	b := files["ledger.db"]
	a, c := chance.IntN(len(b)/4096-2), chance.IntN(len(b)/4096-2)
	first, second := recordOn(b, a+2, chance), recordOn(b, c+2, chance)
	if len(first) != len(second) || len(first) == 0 {
		return "none"
	}
	kept := append([]byte(nil), first...)
	copy(first, second)
	copy(second, kept)
	return fmt.Sprintf("on pages %d and %d", a+2, c+2)
}

// recordOn returns a value on a leaf page, if that is one.
func recordOn(b []byte, page int, chance *rand.Rand) []byte {
	p := b[page*4096:][:4096]
	count := int(binary.LittleEndian.Uint16(p[10:]))
	if binary.LittleEndian.Uint16(p[8:]) != 2 || count == 0 {
		return nil
	}
	at := 16 + 16*chance.IntN(count)
	from := at + int(binary.LittleEndian.Uint32(p[at+4:])) + int(binary.LittleEndian.Uint32(p[at+8:]))
	return p[from:][:binary.LittleEndian.Uint32(p[at+12:])]
}
