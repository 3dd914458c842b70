package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestForgetOnDelete: with the option on, a contact that GoHighLevel deletes is
// forgotten, and one that it deleted before the option was is too.
func TestForgetOnDelete(t *testing.T) {
	p := newProcess(t, nil)
	p.start()
	n := 0
	told := func(kind, contact string) {
		n++ // see TestForgetDuplicate
		at := time.Now().Add(time.Duration(n)*time.Second - time.Hour).UTC().Format(time.RFC3339)
		body := fmt.Sprintf(`{"type":%q,"timestamp":%q,"data":{"contact_id":%q,"first_name":"Zephyrine","email":"%s@example.com"}}`, kind, at, contact, contact)
		if _, err := p.deliver([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	for _, contact := range []string{"gone_before", "gone_later", "stays"} {
		told("contact.created", contact)
	}
	told("contact.deleted", "gone_before")
	p.settle()
	if code := p.stop(); code != 0 {
		t.Fatalf("serve ended with %d", code)
	}
	p.env = append(p.env, "LEDGER_FORGET_ON_DELETE=true")
	p.start()
	told("contact.deleted", "gone_later")
	p.untilForgotten("gone_before", "gone_later")
	if code := p.stop(); code != 0 {
		t.Fatalf("serve ended with %d", code)
	}
	for _, text := range []string{"gone_before@example.com", "gone_later@example.com"} {
		if files := p.search(text); len(files) > 0 {
			t.Errorf("%s is still in %v", text, files)
		}
	}
	if len(p.search("stays@example.com")) == 0 {
		t.Error("the contact that stays is gone too")
	}
	if code, out := command(t, "verify", "--data", p.data); code != exitDone {
		t.Errorf("verify: %d\n%s", code, out)
	}
}

// untilForgotten returns once the service is done with the contacts: a lead says
// that it is forgotten before its keys are destroyed, the mark goes after the views
// are rewritten.
func (p *process) untilForgotten(contacts ...string) {
	p.t.Helper()
	for _, contact := range contacts {
		p.until(20*time.Second, contact+" is forgotten", func() bool {
			var lead struct{ Status, Email string }
			status := p.get("/api/v1/leads/"+contact, &lead)
			return status == http.StatusOK && lead.Status == "deleted" && lead.Email == ""
		})
	}
	p.until(20*time.Second, "the views are rewritten", func() bool {
		_, err := os.Stat(filepath.Join(p.data, "forgetting"))
		return errors.Is(err, fs.ErrNotExist)
	})
}

// TestForgetManyDeleted: whoever deletes a hundred contacts at once has not the whole
// ledger read a hundred times.
func TestForgetManyDeleted(t *testing.T) {
	p := newProcess(t, map[string]string{"LEDGER_FORGET_ON_DELETE": "true"})
	p.start()
	const contacts = 100
	generation := func() int {
		var list struct {
			Data []struct {
				Name       string
				Generation int
			}
		}
		p.get("/api/v1/projections", &list)
		for _, v := range list.Data {
			if v.Name == "leads" {
				return v.Generation
			}
		}
		t.Fatalf("no leads among %v", list)
		return 0
	}
	told := func(kind string, second int) {
		var all errgroup.Group
		for c := range contacts {
			all.Go(func() error {
				at := time.Now().Add(time.Duration(second)*time.Second - time.Hour).UTC().Format(time.RFC3339)
				_, err := p.deliver(fmt.Appendf(nil, `{"type":%q,"timestamp":%q,"data":{"contact_id":"c%d","email":"c%d@example.com"}}`, kind, at, c, c))
				return err
			})
		}
		if err := all.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	told("contact.created", 1)
	before := generation()
	told("contact.deleted", 2)
	for c := range contacts {
		p.untilForgotten(fmt.Sprint("c", c))
	}
	if rewritten := generation() - before; rewritten < 1 || rewritten > contacts/4 {
		t.Errorf("the leads were rewritten %d times for %d contacts", rewritten, contacts)
	}
}

// TestForgetDuplicate: two contacts have one address, whose owner unsubscribed.
// One is merged into the other at GoHighLevel and forgotten here: the other is
// written to no more than before. Of an address that only the forgotten one
// had, before its change, nothing is left.
func TestForgetDuplicate(t *testing.T) {
	p := newProcess(t, map[string]string{"LEDGER_FORGET_ON_DELETE": "true"})
	p.start()
	n := 0
	told := func(body string) {
		n++ // one second after the other: within one, the body's hash would decide
		at := time.Now().Add(time.Duration(n)*time.Second - time.Hour).UTC().Format(time.RFC3339)
		body = fmt.Sprintf(`{"timestamp":%q,%s`, at, body[1:])
		if answer, err := p.deliver([]byte(body)); err != nil || answer.HTTP != http.StatusOK {
			t.Fatalf("%s: %+v %v", body, answer, err)
		}
	}
	for _, contact := range []string{"merged", "stays"} {
		told(fmt.Sprintf(`{"type":"contact.created","data":{"contact_id":%q,"email":"old-%s@example.com"}}`, contact, contact))
		told(fmt.Sprintf(`{"type":"contact.updated","data":{"contact_id":%q,"updated_fields":{"email":"both@example.com"}}}`, contact))
	}
	for _, address := range []string{"old-merged@example.com", "both@example.com"} {
		told(fmt.Sprintf(`{"type":"LCEmailStats","webhookId":"stats_%d","webhookPayload":{"event":"unsubscribed","recipient":%q}}`, n, address))
	}
	var lead struct {
		Status string `json:"status"`
		Out    bool   `json:"opted_out"`
		Email  string `json:"email"`
	}
	p.settle()
	if p.get("/api/v1/leads/stays", &lead); !lead.Out {
		t.Fatalf("before: %+v, want it opted out", lead)
	}
	told(`{"type":"contact.deleted","data":{"contact_id":"merged"}}`)
	p.untilForgotten("merged")
	for _, act := range []string{"after it", "after a rebuild"} {
		if p.get("/api/v1/leads/stays", &lead); !lead.Out {
			t.Errorf("%s: %+v, want it opted out still", act, lead)
		}
		if code := p.stop(); code != 0 {
			t.Fatalf("serve ended with %d", code)
		}
		if files := p.search("old-merged@example.com"); len(files) > 0 {
			t.Errorf("%s: the merged one's own address is still in %v", act, files)
		}
		if err := os.RemoveAll(filepath.Join(p.data, "views")); err != nil {
			t.Fatal(err)
		}
		p.start()
		p.settle()
	}
	var events struct{ Data []struct{ ID, Kind string } }
	p.get("/api/v1/events?limit=50", &events)
	kept := 0
	for _, e := range events.Data {
		var whole struct{ Body string }
		if p.get("/api/v1/events/"+e.ID, &whole); strings.Contains(whole.Body, "unsubscribed") {
			kept++
		}
	}
	if kept != 1 {
		t.Errorf("%d words to stop can be read, want the shared address's only", kept)
	}
}
