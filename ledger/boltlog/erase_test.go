package boltlog_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
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
		if err := l.Erase(t.Context(), "contact_1", "ada@example.com"); err != nil {
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
			if err := l.Erase(t.Context(), contact); err != nil {
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

// TestRetryUsesNoKey: keys are given out before the writer finds that an entry
// is there already; a sender that repeats itself must not use them up.
func TestRetryUsesNoKey(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, boltlog.Options{})
	nobodys := ledger.Draft{Kind: "campaign.opened", Key: "1", Body: []byte("{}")}
	logtest.Append(t, l, nobodys)
	size := func() int64 {
		info, err := os.Stat(filepath.Join(dir, "ledger.keys"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	before := size()
	for range 20 {
		logtest.Append(t, l, slices.Repeat([]ledger.Draft{nobodys}, 1000)...)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if after := size(); after != before {
		t.Errorf("20,000 retries grew the key file from %d to %d bytes", before, after)
	}
}

// TestForgottenBesideMerges has contacts come, and come again, before, while and
// after the index is written anew beside the appends: each has one key all the
// time, so nothing of it is left to read once that is destroyed.
func TestForgottenBesideMerges(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, boltlog.Options{})
	const batches, filler = 140, 1000 // the first merge begins after 131,072
	for i := range batches {
		var ds []ledger.Draft
		for j := range filler {
			ds = append(ds, ledger.Draft{Kind: "filler", Key: fmt.Sprint("filler ", i, " ", j)})
		}
		for c := max(0, i-3); c <= i; c++ {
			ds = append(ds, of(fmt.Sprint(i, " of ", c), fmt.Sprint("contact ", c)))
		}
		logtest.Append(t, l, ds...)
	}
	for c := range batches {
		if err := l.Erase(t.Context(), fmt.Sprint("contact ", c)); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range logtest.Entries(t, l, ledger.Cursor{}) {
		if e.Subject != "" && !e.Erased {
			t.Fatalf("entry %d of %s can be read", e.Seq, e.Subject)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, dir); !r.Sound() {
		t.Error(r.Faults)
	}
}
