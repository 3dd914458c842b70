package boltlog_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
	"go.etcd.io/bbolt"
)

var update = flag.Bool("update", false, "make the golden ledger of this format, if there is none")

// goldens are the golden ledgers: how the first bodies of format 1 were sealed,
// by AES-256-GCM, and how they are since, by ChaCha20-Poly1305.
var goldens = []string{golden, golden + "-chacha"}

const golden = "../../testdata/ledger/v1"

// TestGolden opens a ledger of format 1 as the first release wrote it. It must
// verify and read alike for ever: never make these files anew. A new format
// gets a golden ledger of its own beside them.
func TestGolden(t *testing.T) {
	for _, golden := range goldens {
		t.Run(filepath.Base(golden), func(t *testing.T) { testGolden(t, golden) })
	}
}

func testGolden(t *testing.T, golden string) {
	if _, err := os.Stat(golden); *update && errors.Is(err, os.ErrNotExist) {
		makeGolden(t, golden)
	}
	dir := copied(t, golden)
	if r := verify(t, dir); !r.Sound() || r.Whole != 9 || r.Erased != 2 || len(r.Notes) > 0 {
		t.Errorf("verify the golden ledger: %+v", r)
	}
	want, err := os.ReadFile(golden + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	l := open(t, dir, boltlog.Options{})
	if got := asLines(t, logtest.Entries(t, l, ledger.Cursor{})); got != string(want) {
		t.Errorf("the golden ledger reads\n%s\nwant\n%s", got, want)
	}
	known := logtest.Append(t, l, ledger.Draft{Kind: "contact.created", Key: "wh:1"})[0]
	next := logtest.Append(t, l, of("next", "contact_1"))[0]
	if known.Added || !next.Added || next.Entry.Seq != 10 {
		t.Errorf("append to the golden ledger: %+v, %+v", known, next)
	}
	again := of("again", "contact_2") // who was forgotten
	if e := logtest.Append(t, l, again)[0].Entry; !e.Erased {
		t.Errorf("the golden ledger keeps a body of a forgotten contact: %+v", e)
	}
	// The bodies of contact_1 share a key, but for the newest.
	if err := l.Erase(t.Context(), ledger.Erasure{Subject: "contact_1"}); err != nil {
		t.Fatal(err)
	}
	for _, e := range logtest.Entries(t, l, ledger.Cursor{}) {
		if addressed := e.Kind == "campaign.opened"; e.Subject != "" && !e.Erased || addressed && e.Erased {
			t.Errorf("with both contacts forgotten, entry %d of %q: erased %v", e.Seq, e.Subject, e.Erased)
		}
	}
	if err := l.Erase(t.Context(), ledger.Erasure{People: []string{"ada@example.com"}}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, dir); !r.Sound() || r.Erased != 10 {
		t.Errorf("verify the golden ledger once all are erased: %+v", r)
	}
}

// asLines writes each entry as a line of JSON, without what is zero: a field
// that a later release adds changes nothing here.
func asLines(t *testing.T, es []ledger.Entry) string {
	var b bytes.Buffer
	lines := json.NewEncoder(&b)
	lines.SetEscapeHTML(false)
	for _, e := range es {
		line := map[string]any{
			"seq": e.Seq, "id": e.ID.String(), "recorded": e.Recorded, "kind": e.Kind, "key": e.Key, "size": e.Size,
			"subject": e.Subject, "location": e.Location, "occurred": e.Occurred, "cause": ledger.FormatID(e.Cause),
			"prev": hex.EncodeToString(e.Prev[:]), "hash": hex.EncodeToString(e.Hash[:]), "erased": e.Erased, "body": string(e.Body),
			"scheme": e.Meta.Scheme, "dialect": e.Meta.Dialect, "key_name": e.Meta.KeyName, "type": e.Meta.Type,
			"arrived": e.Meta.Arrived, "through": e.Meta.Through, "conflict": e.Meta.Conflict, "backfill": e.Meta.Backfill,
		}
		maps.DeleteFunc(line, func(_ string, v any) bool { return reflect.ValueOf(v).IsZero() })
		if err := lines.Encode(line); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// copied copies the files of a ledger to where they may be changed.
func copied(t testing.TB, from string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	files, err := filepath.Glob(filepath.Join(from, "ledger.*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no ledger in %s: %v", from, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(name)), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// makeGolden writes a ledger with everything in it that format 1 has.
func makeGolden(t *testing.T, golden string) {
	dir := t.TempDir()
	now := logtest.Start
	l := open(t, dir, boltlog.Options{Now: func() time.Time { now = now.Add(time.Second); return now }})
	event := func(key, kind, contact, body string) ledger.Draft {
		return ledger.Draft{
			Kind: kind, Key: key, Subject: contact, Location: "location_1", Occurred: logtest.Start.Add(-time.Minute),
			Meta: ledger.Meta{Scheme: "hmac", Dialect: "seed", KeyName: "first"}, Body: []byte(body),
		}
	}
	first := logtest.Append(t, l,
		event("wh:1", "contact.created", "contact_1", `{"type":"contact.created","timestamp":"2026-01-10T15:29:00Z","data":{"contact_id":"contact_1","first_name":"Ada","last_name":"Müller","email":"ada@example.com"}}`),
		event("wh:2", "contact.created", "contact_2", `{"type":"contact.created","data":{"contact_id":"contact_2","first_name":"Gone"}}`))
	scored := ledger.Draft{Kind: "lead.scored", Key: "score:1", Subject: "contact_1", Location: "location_1", Cause: first[0].Entry.ID,
		Occurred: logtest.Start, Meta: ledger.Meta{Through: 2}, Body: []byte(`{"score":42,"as_of_seq":1}`)}
	whole := event("wh:1#x", "contact.updated", "contact_1", `{"type":"contact.updated","data":{"contact_id":"contact_1","phone":"+1 555 0100"}}`)
	whole.Meta = ledger.Meta{Scheme: "token", Dialect: "workflow", KeyName: "second", Type: "contact.updated", Arrived: logtest.Start, Conflict: true, Backfill: true}
	large := event("wh:3", "message.received", "contact_1", `{"type":"message.received","data":{"contact_id":"contact_1","message_id":"m1","channel":"sms","content":"`+strings.Repeat("I would like to see the house. ", 100)+`"}}`)
	opened, err := os.ReadFile("../../testdata/webhooks/ghl.LCEmailStats~opened.json")
	if err != nil {
		t.Fatal(err)
	}
	addressed := event("wh:4", "campaign.opened", "", string(opened))
	addressed.Meta.Scheme, addressed.Meta.Dialect, addressed.Person = "ed25519", "ghl", "ada@example.com"
	logtest.Append(t, l, scored, whole, large, addressed, ledger.Draft{Kind: "clock.ticked", Key: "tick:1"})
	if err := l.Erase(t.Context(), ledger.Erasure{Subject: "contact_2"}); err != nil {
		t.Fatal(err)
	}
	logtest.Append(t, l, event("wh:5", "contact.updated", "contact_2", `{"type":"contact.updated","data":{"contact_id":"contact_2","first_name":"Gone"}}`),
		event("wh:6", "opportunity.won", "contact_1", `{"type":"opportunity.won","data":{"contact_id":"contact_1","opportunity_id":"o1","property_address":"123 Main Street","final_price":425000,"close_date":"2026-01-10"}}`))
	es := logtest.Entries(t, l, ledger.Cursor{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	trim(t, dir, 32)
	if err := errors.Join(os.CopyFS(golden, os.DirFS(dir)), os.WriteFile(golden+".jsonl", []byte(asLines(t, es)), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// trim takes off what is only room for more: keys that seal nothing yet, all but so
// many slots, and pages that no commit has used.
func trim(t *testing.T, dir string, slots int64) {
	path := filepath.Join(dir, "ledger.db")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pages := max(binary.LittleEndian.Uint64(b[56:]), binary.LittleEndian.Uint64(b[4096+56:])) // of both meta pages
	if err := errors.Join(os.Truncate(path, int64(pages)*4096), os.Truncate(filepath.Join(dir, "ledger.keys"), slots*32)); err != nil {
		t.Fatal(err)
	}
}

func TestNewerFormat(t *testing.T) {
	const want = "written by a newer release: format 2, this release reads up to 1"
	dir := copied(t, golden)
	makeNewer(t, dir, 9)
	if _, err := boltlog.Open(dir, boltlog.Options{}); !errors.Is(err, ledger.ErrNewer) || !strings.Contains(err.Error(), want) {
		t.Errorf("open a newer ledger: %v, want %q", err, want)
	}
	if r := verify(t, dir); r.Sound() || r.Newer != 1 || !strings.Contains(r.Faults[0].String(), want) {
		t.Errorf("verify a newer ledger: %v, want %q", r.Faults, want)
	}
}

// TestNewerEntry has the release before open a ledger in which only some
// entries need the newer one: they are named and not served, and no damage.
func TestNewerEntry(t *testing.T) {
	dir := copied(t, golden)
	makeNewer(t, dir, 5)
	l := open(t, dir, boltlog.Options{})
	if r, err := l.Verify(t.Context(), nil); err != nil || r.Newer != 1 || r.Faults[0].First != 5 || l.Damage() != nil {
		t.Errorf("verify: %v, %+v; damage %v, want entry 5 to be newer, and no damage", err, r, l.Damage())
	}
	var last ledger.Seq
	var ended error
	for e, err := range l.Read(t.Context(), ledger.Cursor{}) {
		if last, ended = max(last, e.Seq), err; err != nil {
			break
		}
	}
	if last != 4 || !errors.Is(ended, ledger.ErrNewer) {
		t.Errorf("read to entry %d, then %v, want 4 and ErrNewer", last, ended)
	}
}

// makeNewer has an entry say that it is of the next format.
func makeNewer(t *testing.T, dir string, seq byte) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, "ledger.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	key := []byte{0, 0, 0, 0, 0, 0, 0, seq}
	err = db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte("entries"))
		stored := append([]byte{ledger.Version + 1}, b.Get(key)[1:]...)
		end := len(stored) - 4
		binary.BigEndian.PutUint32(stored[end:], crc32.Checksum(stored[:end], crc32.MakeTable(crc32.Castagnoli)))
		return b.Put(key, stored)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}
