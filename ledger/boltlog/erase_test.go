package boltlog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
	"go.etcd.io/bbolt"
)

// private is what nobody may find once its contact is forgotten.
var private = []string{"ada@example.com", "+1 555 0100", "Ada Lovelace"}

// filesWith lists the files of a directory in which one of the texts stands.
func filesWith(t *testing.T, dir string, texts []string) (names []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(texts, func(text string) bool { return bytes.Contains(b, []byte(text)) }) {
			names = append(names, f.Name())
		}
	}
	return names
}

// TestForgotten looks for a forgotten contact in every byte of the directory.
// A control that seals nothing must have it there.
func TestForgotten(t *testing.T) {
	for _, plain := range []bool{false, true} {
		dir := t.TempDir()
		l := open(t, dir, boltlog.Options{Plain: plain})
		event := of("1", "contact_1")
		event.Body = []byte(`{"email":"ada@example.com","phone":"+1 555 0100","name":"Ada Lovelace"}`)
		opened := ledger.Draft{Kind: "campaign.opened", Key: "2", Person: "Ada@Example.com ", Body: []byte(`{"to":"ada@example.com"}`)}
		logtest.Append(t, l, event, opened, of("3", "contact_2"))
		if err := l.Erase(t.Context(), ledger.Erasure{Subject: "contact_1", People: []string{"ada@example.com"}}); err != nil {
			t.Fatal(err)
		}
		again := event
		again.Key = "4"
		logtest.Append(t, l, again)
		es := logtest.Entries(t, l, ledger.Cursor{})
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		found := filesWith(t, dir, private)
		if plain {
			if len(found) == 0 {
				t.Error("the control has nothing private in its files: the search finds nothing")
			}
			continue
		}
		if len(found) > 0 {
			t.Errorf("what was forgotten stands in %v", found)
		}
		for i, want := range []bool{true, true, false, true} {
			if es[i].Erased != want || (es[i].Body == nil) != want {
				t.Errorf("entry %d: erased %v, want %v", i+1, es[i].Erased, want)
			}
		}
		if r := verify(t, dir); !r.Sound() || r.Erased != 3 {
			t.Errorf("verify: %+v", r)
		}
	}
}

// TestForgottenAmongAppends: bodies are sealed beside the writer, but none by a
// key that an erasure passes over. Whatever was on its way, nothing of the
// contact is left, and others have all of theirs.
func TestForgottenAmongAppends(t *testing.T) {
	const senders, rounds = 16, 8
	l := open(t, t.TempDir(), boltlog.Options{})
	for round := range rounds {
		contact := fmt.Sprint("contact ", round)
		var all sync.WaitGroup
		for s := range senders {
			all.Go(func() {
				for i := range 5 {
					key := fmt.Sprint(round, " ", s, " ", i)
					if _, err := l.Append(t.Context(), of(key, contact), of("other "+key, "other "+contact)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Go(func() {
			if err := l.Erase(t.Context(), ledger.Erasure{Subject: contact}); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
	}
	es := logtest.Entries(t, l, ledger.Cursor{})
	if want := senders * rounds * 10; len(es) != want {
		t.Fatalf("%d entries, want %d", len(es), want)
	}
	for _, e := range es {
		if forgotten := e.Subject[0] == 'c'; e.Erased != forgotten {
			t.Fatalf("entry %d of %s: erased %v, want %v", e.Seq, e.Subject, e.Erased, forgotten)
		}
	}
}

// keysSize returns the size of the key file.
func keysSize(t *testing.T, dir string) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, "ledger.keys"))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestRetryUsesNoKey: keys are given out before the writer finds that an entry is
// there already; a sender that repeats itself must not use them up.
func TestRetryUsesNoKey(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, boltlog.Options{})
	var ds []ledger.Draft
	for i := range 500 {
		ds = append(ds, of(fmt.Sprint(i), "contact 1"), ledger.Draft{Kind: "campaign.opened", Key: fmt.Sprint("opened ", i), Body: []byte("{}")})
	}
	logtest.Append(t, l, ds...)
	before := keysSize(t, dir)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 25 {
				logtest.Append(t, l, ds...)
			}
		})
	}
	all.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if after := keysSize(t, dir); after != before {
		t.Errorf("100,000 retries grew the key file from %d to %d bytes", before, after)
	}
}

// TestRefusedUsesNoKey: nor does what the writer refuses. It meets a damaged entry,
// and whoever waits behind that is refused with it.
func TestRefusedUsesNoKey(t *testing.T) {
	const many = 3900
	dir := filled(t, 30)
	if err := harmedEntries(30)[0].change(dir); err != nil { // entry 20
		t.Fatal(err)
	}
	met, others := make(chan bool), make(chan bool)
	l := open(t, dir, boltlog.Options{MaxWaiting: 3 * many, Damage: func(error) { close(met); <-others }})
	drafts := func(run string) (ds []ledger.Draft) {
		for i := range many {
			ds = append(ds, of(fmt.Sprint(run, i), "contact 1"))
		}
		return ds
	}
	before := keysSize(t, dir)
	refused := func(ds []ledger.Draft) {
		if _, err := l.Append(t.Context(), ds...); !errors.Is(err, ledger.ErrCorrupt) {
			t.Errorf("append to a damaged ledger: %v", err)
		}
	}
	var all sync.WaitGroup
	all.Go(func() { refused(append(drafts("first "), of("key 19", "contact 9"))) })
	<-met // the writer waits for us
	all.Go(func() { refused(drafts("second ")) })
	for l.Stats().Waiting < 2*many {
		runtime.Gosched()
	}
	close(others)
	all.Wait()
	for _, run := range []string{"third ", "fourth "} { // which may be appended, as our own receipts
		if _, err := l.Append(ledger.WithReserve(t.Context()), drafts(run)...); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if after := keysSize(t, dir); after != before {
		t.Errorf("what was refused grew the key file from %d to %d bytes", before, after)
	}
}

// TestForgottenMany erases many contacts at once, two of them with more bodies than
// are destroyed between two commits. One entry is damaged and one, near the end, is
// missing: the first of them is named, and all else of theirs is gone.
func TestForgottenMany(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, boltlog.Options{})
	const contacts, each = 60, 200
	for i := range each {
		var ds []ledger.Draft
		for c := range contacts {
			ds = append(ds, of(fmt.Sprint(i, " of ", c), fmt.Sprint("contact ", c)))
			if c < 2 { // which have 4,200 of their own
				for j := range 20 {
					ds = append(ds, of(fmt.Sprint(i, " ", j, " of ", c), fmt.Sprint("contact ", c)))
				}
			}
		}
		logtest.Append(t, l, ds...)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	const damaged, missing = 1234, contacts*each + 2*20*each - 100
	if err := inEntries(func(b *bbolt.Bucket) error {
		v := bytes.Clone(b.Get(key(damaged)))
		v[150]++
		return errors.Join(b.Put(key(damaged), v), b.Delete(key(missing)))
	})(dir); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir, boltlog.Options{})
	var who []ledger.Erasure
	for c := range contacts / 2 {
		who = append(who, ledger.Erasure{Subject: fmt.Sprint("contact ", c)})
	}
	err := l.Erase(t.Context(), who...)
	if !errors.Is(err, ledger.ErrCorrupt) || !strings.Contains(err.Error(), fmt.Sprint("entry ", damaged)) {
		t.Errorf("erase: %v, want entry %d to be named", err, damaged)
	}
	var es []ledger.Entry
	for _, after := range []ledger.Seq{0, damaged, missing} {
		for e, err := range l.Read(t.Context(), ledger.Cursor{Seq: after}) {
			if err == nil {
				es = append(es, e)
			}
		}
	}
	if want := contacts*each + 2*20*each - 2; len(es) != want {
		t.Fatalf("%d entries can be read, want %d", len(es), want)
	}
	for _, e := range es {
		var c int
		if _, err := fmt.Sscanf(e.Subject, "contact %d", &c); err != nil || e.Erased != (c < contacts/2) {
			t.Fatalf("entry %d of %s: erased %v, %v", e.Seq, e.Subject, e.Erased, err)
		}
	}
	if err := appendTo(ledger.WithReserve(t.Context()), l, "late"); err != nil {
		t.Fatal(err)
	}
	if late := logtest.Entries(t, l, ledger.Cursor{Seq: es[len(es)-1].Seq}); !late[0].Erased {
		t.Error("a body of a contact that was forgotten is kept")
	}
}

// TestForgottenMeanwhile erases many contacts one after the other, since they have so
// many bodies, while more come about the last, and by an address about the first:
// when the last is forgotten, nothing is left of either.
func TestForgottenMeanwhile(t *testing.T) {
	const contacts, each, senders, large = 16, 2500, 16, 500
	l := open(t, t.TempDir(), boltlog.Options{})
	var who []ledger.Erasure
	for c := range contacts {
		var ds []ledger.Draft
		for i := range each {
			ds = append(ds, of(fmt.Sprint(i, " of ", c), fmt.Sprint("contact ", c)))
		}
		logtest.Append(t, l, ds...)
		who = append(who, ledger.Erasure{Subject: fmt.Sprint("contact ", c)})
	}
	who[0].People = []string{"ada@example.com"}
	var all sync.WaitGroup
	var ended atomic.Bool
	for s := range senders {
		all.Go(func() {
			for i := 0; !ended.Load(); i++ {
				last := of(fmt.Sprint("beside ", s, " ", i), who[contacts-1].Subject)
				last.Body = bytes.Repeat([]byte("x"), large)
				opened := ledger.Draft{Kind: "campaign.opened", Key: fmt.Sprint("opened ", s, " ", i), Person: "ada@example.com", Body: []byte("{}")}
				if _, err := l.Append(t.Context(), last, opened); err != nil {
					t.Error(err)
				}
			}
		})
	}
	err := l.Erase(t.Context(), who...)
	ended.Store(true)
	all.Wait()
	if err != nil {
		t.Fatal(err)
	}
	es := logtest.Entries(t, l, ledger.Cursor{Seq: contacts * each})
	meanwhile := 0
	for i := 0; i < len(es); i += 2 {
		last, opened := es[i], es[i+1]
		kept := last.Size > large // until then
		if kept {
			meanwhile++
		}
		if !last.Erased || opened.Erased != kept {
			t.Fatalf("entries %d and %d: erased %v and %v, want true and %v", last.Seq, opened.Seq, last.Erased, opened.Erased, kept)
		}
	}
	if meanwhile == 0 {
		t.Error("nothing came meanwhile")
	}
}

// TestReadmitGivenUp: who gives up leaves it to the writer whether it was done, and
// nothing to the one that the other writes to (go test -race).
func TestReadmitGivenUp(t *testing.T) {
	l := open(t, t.TempDir(), boltlog.Options{})
	for range 50 {
		if err := l.Erase(t.Context(), ledger.Erasure{Subject: "contact 1"}); err != nil {
			t.Fatal(err)
		}
		ctx, giveUp := context.WithCancel(t.Context())
		go giveUp()
		if was, err := l.Readmit(ctx, "contact 1"); err == nil != was || err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("readmit: %v, %v", was, err)
		}
	}
}

// TestSlotsAreNew: no body gets the key of another, however many entries without a
// body come between, with a merge of the index among them, and after a start.
func TestSlotsAreNew(t *testing.T) {
	for _, between := range []int{1, 140_000} { // the first merge begins after 131,072
		dir := t.TempDir()
		l := open(t, dir, boltlog.Options{})
		again := func() {
			t.Helper()
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = open(t, dir, boltlog.Options{})
		}
		logtest.Append(t, l, of("1", "contact 1"))
		again()
		for i := 0; i < between; i += 1000 {
			var ds []ledger.Draft
			for j := range min(1000, between) {
				ds = append(ds, ledger.Draft{Kind: "filler", Key: fmt.Sprint("filler ", i+j)})
			}
			logtest.Append(t, l, ds...)
		}
		again()
		logtest.Append(t, l, of("2", "contact 2"))
		if err := l.Erase(t.Context(), ledger.Erasure{Subject: "contact 1"}); err != nil {
			t.Fatal(err)
		}
		es := logtest.Entries(t, l, ledger.Cursor{Seq: ledger.Seq(1 + between)})
		if len(es) != 1 || es[0].Erased {
			t.Errorf("with %d between: the body of contact 2 went with that of contact 1: %+v", between, es)
		}
	}
}
