package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// TestHarmedView: a damaged page in a view's file ends no start after a kill, and one
// start at most after a stop, in a way that has a supervisor start again. The view is
// made anew.
func TestHarmedView(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(p *process)
		may  int // so many starts may end
	}{
		{"killed", (*process).kill, 0},
		{"stopped", func(p *process) { p.stop() }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := someLeads(t, 50)
			tt.end(p)
			views, err := filepath.Glob(filepath.Join(p.data, "views", "leads@*.db"))
			if err != nil || len(views) != 1 {
				t.Fatalf("views of leads: %v %v", views, err)
			}
			whole, err := os.ReadFile(views[0])
			if err != nil {
				t.Fatal(err)
			}
			for _, page := range []int{2, 3, 5, 7, 9, 17} {
				if err := os.WriteFile(views[0], harmPage(whole, page), 0o600); err != nil {
					t.Fatal(err)
				}
				if state := p.trial(); state.Exited() || aborted(state) && tt.may == 0 {
					t.Errorf("page %d: the start ended with %v", page, state)
				}
				p.start()
				p.until(p.waitTime, "caught up", p.caughtUp)
				if status := p.get("/api/v1/leads/contact_damaged_49", nil); status != http.StatusOK {
					t.Errorf("page %d: a lead of the view made anew: %d", page, status)
				}
				tt.end(p)
			}
		})
	}
}

// TestViewNotOpened: a view that the process did not survive to open is made anew.
func TestViewNotOpened(t *testing.T) {
	p := someLeads(t, 1)
	p.kill()
	note := filepath.Join(p.data, "views", ".opening")
	for _, named := range []string{"leads@2.1.db", "leads@2", ""} { // the last two cut off
		if err := os.WriteFile(note, []byte(named), 0o600); err != nil {
			t.Fatal(err)
		}
		p.start()
		p.until(p.waitTime, "caught up", p.caughtUp)
		if status := p.get("/api/v1/leads/contact_damaged_0", nil); status != http.StatusOK {
			t.Errorf("%q noted: a lead: %d", named, status)
		}
		p.kill()
		if _, err := os.Stat(note); !os.IsNotExist(err) {
			t.Errorf("%q noted: the note stays: %v", named, err)
		}
	}
	log, err := os.ReadFile(p.log.Name())
	if said := []byte(`the process ended while it was opened","file":"leads@2.1.db"`); err != nil || bytes.Count(log, said) != 1 {
		t.Errorf("the log has not once %s: %v", said, err)
	}
}

// someLeads is a service that has caught up with n leads.
func someLeads(t *testing.T, n int) *process {
	p := newProcess(t, map[string]string{"GHL_EFFECTS": "off"})
	p.start()
	for i := range n {
		if got, err := p.deliver(created(i)); err != nil || got.HTTP != http.StatusOK {
			t.Fatalf("delivery %d: %d %v", i, got.HTTP, err)
		}
	}
	p.until(p.waitTime, "caught up", p.caughtUp)
	return p
}

// harmPage returns a bbolt file with a page whose header alone is whole.
func harmPage(whole []byte, page int) []byte {
	const size, header = 4096, 16
	harmed := bytes.Clone(whole)
	for i := header; i < size; i++ {
		harmed[page*size+i] ^= 0xff
	}
	return harmed
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
	end := func() {
		_ = cmd.Process.Kill()
		<-ended
	}
	defer end()
	p.until(p.startTime, "ready or ended", func() bool {
		select {
		case <-ended:
			return true
		default:
			return p.ready()
		}
	})
	end()
	return cmd.ProcessState
}
