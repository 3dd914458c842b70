package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// TestHarmedView: a view's file that was not closed and has a damaged page ends one
// start at most, in a way that has a supervisor start again: the next makes that view
// anew.
func TestHarmedView(t *testing.T) {
	p := newProcess(t, map[string]string{"GHL_EFFECTS": "off"})
	p.start()
	for i := range 50 {
		if got, err := p.deliver(created(i)); err != nil || got.HTTP != http.StatusOK {
			t.Fatalf("delivery %d: %d %v", i, got.HTTP, err)
		}
	}
	p.until(p.waitTime, "caught up", p.caughtUp)
	p.kill()
	views, err := filepath.Glob(filepath.Join(p.data, "views", "leads@*.db"))
	if err != nil || len(views) != 1 {
		t.Fatalf("views of leads: %v %v", views, err)
	}
	whole, err := os.ReadFile(views[0])
	if err != nil {
		t.Fatal(err)
	}
	const pageSize, header = 4096, 16
	ended := 0
	for _, page := range []int{2, 3, 5, 9, 17, 33} {
		harmed := bytes.Clone(whole)
		for i := header; i < pageSize; i++ {
			harmed[page*pageSize+i] ^= 0xff
		}
		if err := os.WriteFile(views[0], harmed, 0o600); err != nil {
			t.Fatal(err)
		}
		if state := p.trial(); aborted(state) {
			ended++
		} else if state.Exited() {
			t.Errorf("page %d: the start ended with %v", page, state)
		}
		p.start()
		p.until(p.waitTime, "caught up", p.caughtUp)
		var lead struct{ Status string }
		if status := p.get("/api/v1/leads/contact_damaged_49", &lead); status != http.StatusOK {
			t.Errorf("page %d: a lead of the view made anew: %d", page, status)
		}
		p.kill()
	}
	if ended == 0 {
		t.Error("no start ended: the damage shows nothing")
	}
}

// trial starts the service, waits until it is ready or has ended, and ends it as
// kill does. It returns how it ended.
func (p *process) trial() *os.ProcessState {
	p.t.Helper()
	p.launch()
	cmd, ended := p.cmd, make(chan struct{})
	p.cmd = nil // waited for here
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	defer func() {
		_ = cmd.Process.Kill()
		<-ended
	}()
	p.until(p.startTime, "ready or ended", func() bool {
		select {
		case <-ended:
			return true
		default:
			return p.ready()
		}
	})
	_ = cmd.Process.Kill()
	<-ended
	return cmd.ProcessState
}
