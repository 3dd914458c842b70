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

	"go.etcd.io/bbolt"
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
			p := someLeads(t, 50, "off")
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
				if state := p.trial(p.ready); state.Exited() || aborted(state) && tt.may == 0 {
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
	p := someLeads(t, 0, "off")
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

// TestDamagedRow: of a view with rows that cannot be read back a start may end, once,
// in a way that has a supervisor start again.
func TestDamagedRow(t *testing.T) {
	for _, tt := range []struct{ view, bucket, keys string }{
		{"leads", "leads", "contact_damaged_"},
		{"pending", "facts", "ticked"}, // a time, in binary
	} {
		t.Run(tt.view, func(t *testing.T) {
			p := someLeads(t, 10, "dry-run")
			p.stop()
			p.start() // the clock ticks with the next thing that happens
			p.until(p.waitTime, "a tick", func() bool {
				return len(list[struct{}](p, "/api/v1/events?kind=clock.ticked")) > 0
			})
			p.until(p.waitTime, "caught up", p.caughtUp)
			p.stop()
			whole := flipRows(t, p.viewOf(tt.view), tt.bucket, tt.keys)
			late := created(10)
			planned := func() bool {
				got, err := p.deliver(late)
				if err != nil || p.status("/api/v1/leads/contact_damaged_10?wait="+got.Data.EventID) != http.StatusOK {
					return false
				}
				for i := range 10 {
					if p.status(fmt.Sprint("/api/v1/leads/contact_damaged_", i)) != http.StatusOK {
						return false
					}
				}
				files, err := filepath.Glob(filepath.Join(p.data, "views", tt.view+"@*.db"))
				return err == nil && len(files) == 1 // none is being made anew
			}
			state := p.trial(planned)
			if state.ExitCode() == exitFailed {
				state = p.trial(planned)
			}
			if state.Exited() {
				t.Errorf("a start ended with %v", state)
			}
			p.start()
			p.until(p.waitTime, "caught up", p.caughtUp)
			p.stop()
			if flipRows(t, p.viewOf(tt.view), tt.bucket, tt.keys) != whole {
				t.Error("the damaged view is still there")
			}
		})
	}
}

// flipRows flips a bit in the first byte of rows, and returns what that was before.
func flipRows(t *testing.T, path, bucket, prefix string) (first byte) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]byte{}
	err = db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		c := b.Cursor()
		for k, v := c.Seek([]byte(prefix)); bytes.HasPrefix(k, []byte(prefix)); k, v = c.Next() {
			rows[string(k)] = bytes.Clone(v)
		}
		for k, v := range rows {
			first = v[0]
			v[0] ^= 8
			if err := b.Put([]byte(k), v); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil || len(rows) == 0 {
		t.Fatalf("%d rows in %s: %v", len(rows), path, err)
	}
	return first
}

// status asks the API, and returns 0 where nobody answers.
func (p *process) status(path string) int {
	req, err := http.NewRequest(http.MethodGet, "http://"+p.admin+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	resp, err := p.client.Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
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
func someLeads(t *testing.T, n int, effects string) *process {
	p := newProcess(t, map[string]string{"GHL_EFFECTS": effects})
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

// trial starts the service, waits until done says yes or it has ended, and ends it as
// kill does. It returns how it ended.
func (p *process) trial(done func() bool) *os.ProcessState {
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
	p.until(p.startTime, "done or ended", func() bool {
		select {
		case <-ended:
			return true
		default:
			return done()
		}
	})
	end()
	return cmd.ProcessState
}
