package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestHarmedLedger: a ledger that was not closed and has a damaged page is refused
// with a word, the code of one, and by the second start at the latest: bbolt ends
// the first from where nothing recovers.
func TestHarmedLedger(t *testing.T) {
	p := someLeads(t, 50, "off")
	p.kill()
	file := filepath.Join(p.data, "ledger.db")
	before := p.keepLedger()
	ended := 0
	for _, page := range []int{2, 3, 5, 9, 13} {
		p.putLedger(before)
		if err := os.WriteFile(file, harmPage(before[file], page), 0o600); err != nil {
			t.Fatal(err)
		}
		state := p.trial(p.ready)
		if !aborted(state) {
			continue // a free page, or one that a start looks at itself
		}
		ended++
		state = p.trial(p.ready)
		log, err := os.ReadFile(p.log.Name())
		if said := fmt.Sprintf("page %d", page); err != nil || state.ExitCode() != exitCorrupt || !bytes.Contains(log, []byte(said)) {
			t.Errorf("page %d is damaged: the second start ended with %v, want %d and a word of %s: %v", page, state, exitCorrupt, said, err)
		}
	}
	if ended == 0 {
		t.Error("no start was ended by bbolt: the note is not tried")
	}
	p.putLedger(before)
	if err := os.WriteFile(filepath.Join(p.data, "ledger.opening"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.start() // it looks at every page and finds them sound
	if code := p.stop(); code != exitDone {
		t.Errorf("serve ended with %d", code)
	}
	if left, err := filepath.Glob(filepath.Join(p.data, "*.opening")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// keepLedger reads the files of a stopped service's ledger.
func (p *process) keepLedger() map[string][]byte {
	p.t.Helper()
	names, err := filepath.Glob(filepath.Join(p.data, "ledger.*"))
	files := map[string][]byte{}
	for _, name := range names {
		b, e := os.ReadFile(name)
		files[name], err = b, errors.Join(err, e)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return files
}

func (p *process) putLedger(files map[string][]byte) {
	p.t.Helper()
	for name, b := range files {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
}
