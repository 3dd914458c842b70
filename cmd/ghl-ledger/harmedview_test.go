package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
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
			leads := p.viewOf("leads")
			whole, err := os.ReadFile(leads)
			if err != nil {
				t.Fatal(err)
			}
			for _, page := range []int{2, 3, 5, 7, 9, 17} {
				if err := os.WriteFile(leads, harmPage(whole, page), 0o600); err != nil {
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

// TestViewNotOpened: a view that the process did not survive to open is made anew, and
// no other is.
func TestViewNotOpened(t *testing.T) {
	p := someLeads(t, 0)
	ann := fmt.Appendf(nil, `{"type":"contact.created","timestamp":%q,"data":{"contact_id":"c1","first_name":"Ann"}}`, time.Now().UTC().Format(time.RFC3339))
	if got, err := p.deliver(ann); err != nil || got.HTTP != http.StatusOK {
		t.Fatalf("delivery: %d %v", got.HTTP, err)
	}
	p.until(p.waitTime, "caught up", p.caughtUp)
	p.kill()
	leads := p.viewOf("leads")
	note := filepath.Join(p.data, "views", ".opening")
	for _, tt := range []struct{ noted, want string }{{"leads@", "Bob"}, {"", "Bob"}, {filepath.Base(leads), "Ann"}} { // the first two cut off
		whole, err := os.ReadFile(leads)
		if err != nil {
			t.Fatal(err)
		}
		bob := bytes.ReplaceAll(whole, []byte(`"Ann"`), []byte(`"Bob"`)) // so as to see which file it is
		if err := errors.Join(os.WriteFile(leads, bob, 0o600), os.WriteFile(note, []byte(tt.noted), 0o600)); err != nil {
			t.Fatal(err)
		}
		p.start()
		p.until(p.waitTime, "caught up", p.caughtUp)
		var lead struct {
			Name string `json:"first_name"`
		}
		if status := p.get("/api/v1/leads/c1", &lead); status != http.StatusOK || lead.Name != tt.want {
			t.Errorf("%q noted: a lead: %d %q, want %q", tt.noted, status, lead.Name, tt.want)
		}
		p.kill()
		if _, err := os.Stat(note); !os.IsNotExist(err) {
			t.Errorf("%q noted: the note stays: %v", tt.noted, err)
		}
	}
}

// TestDamagedRow: of a view with a row that cannot be read back a start may end, once,
// in a way that has a supervisor start again.
func TestDamagedRow(t *testing.T) {
	p := someLeads(t, 10)
	p.stop()
	leads := p.viewOf("leads")
	file, err := os.ReadFile(leads)
	row := []byte(`{"loc":{`)
	if err != nil || bytes.Count(file, row) < 10 {
		t.Fatalf("the rows of leads are not as they were: %v, %.200q", err, file[bytes.Index(file, []byte("contact_damaged_")):])
	}
	if err := os.WriteFile(leads, bytes.ReplaceAll(file, row, []byte(`{"loc"#{`)), 0o600); err != nil {
		t.Fatal(err)
	}
	state := p.trial()
	if code := state.ExitCode(); state.Exited() && code != exitFailed {
		t.Errorf("the start ended with %v", state)
	}
	p.start()
	p.until(p.waitTime, "caught up", p.caughtUp)
	for i := range 10 {
		if status := p.get(fmt.Sprint("/api/v1/leads/contact_damaged_", i), nil); status != http.StatusOK {
			t.Errorf("a lead of the view made anew: %d", status)
		}
	}
}

// viewOf is the one file of a view.
func (p *process) viewOf(name string) string {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.data, "views", name+"@*.db"))
	if err != nil || len(files) != 1 {
		p.t.Fatalf("views of %s: %v %v", name, files, err)
	}
	return files[0]
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
