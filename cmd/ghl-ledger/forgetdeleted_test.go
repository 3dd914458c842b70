package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestForgetOnDelete: with the option on, a contact that GoHighLevel deletes is
// forgotten, and one that it deleted before the option was is too.
func TestForgetOnDelete(t *testing.T) {
	p := newProcess(t, nil)
	p.start()
	told := func(kind, contact string) {
		body := fmt.Sprintf(`{"type":%q,"data":{"contact_id":%q,"first_name":"Zephyrine","email":"%s@example.com"}}`, kind, contact, contact)
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
	for _, contact := range []string{"gone_before", "gone_later"} {
		p.until(20*time.Second, contact+" is forgotten", func() bool {
			var lead struct{ Status, Email string }
			status := p.get("/api/v1/leads/"+contact, &lead)
			return status == http.StatusOK && lead.Status == "deleted" && lead.Email == ""
		})
	}
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
