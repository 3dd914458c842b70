package training_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
)

// A walk leaves nothing behind, and what one that was cut off left is removed.
func TestWalksEnd(t *testing.T) {
	d, dir := newDiary(t), t.TempDir()
	d.on(0, "contact.created", "c1", `,"first_name":"Ann"`)
	s := training.Source{Log: d.log, Dir: dir, Meaning: meaning, Card: scoring.BuiltIn()}
	if _, err := s.Rows(t.Context(), func(_, _ ledger.Seq) {}); err != nil {
		t.Fatal(err)
	}
	left := func() []os.DirEntry {
		list, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if list := left(); len(list) != 0 {
		t.Errorf("left behind: %v", list)
	}
	if err := os.MkdirAll(filepath.Join(dir, "walk-123"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := projections.EndWalks(dir); err != nil || len(left()) != 0 {
		t.Errorf("after the end of a process: %v, %v", left(), err)
	}
}
