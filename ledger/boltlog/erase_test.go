package boltlog_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
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
