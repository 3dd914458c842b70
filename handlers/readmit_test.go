package handlers_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
)

// serving is another life of the service on the same ledger, for other locations.
func (d *door) serving(locations ...string) *door {
	d.t.Helper()
	return open(d.t, func(deps *handlers.Deps) { deps.Log, deps.Locations = d.log, locations }).on(d.log)
}

func (d *door) on(log *memlog.Log) *door {
	d.log = log
	return d
}

// worked posts body as a workflow does, without an id.
func (d *door) worked(kind, body string) reply {
	d.t.Helper()
	return d.do(d.request("POST", "/webhooks/ghl/workflow/"+kind, body, "X-GHL-Token", workflow))
}

func (d *door) count(prefix string) (n int) {
	for _, kind := range d.kinds() {
		if strings.HasPrefix(kind, prefix) {
			n++
		}
	}
	return n
}

const elsewhereBody = `{"location_id":"location_2","contact_id":"c-1","data":{"contact_id":"c-1","content":"yes"}}`

// TestAdmittedWithoutID: the same body under three types is three events, now
// and when it comes again, and none is lost.
func TestAdmittedWithoutID(t *testing.T) {
	d := open(t)
	kinds := []string{"contact.created", "contact.updated", "message.received"}
	for _, kind := range kinds {
		if got := d.worked(kind, elsewhereBody); got.status != 403 {
			t.Fatalf("%s: %d %s", kind, got.status, got.text)
		}
	}
	d = d.serving("location_1", "location_2")
	if got := d.worked(kinds[0], elsewhereBody); got.status != 200 || got.at("data.duplicate") != nil {
		t.Fatalf("live: %d %s", got.status, got.text)
	}
	if got := d.post("/api/v1/quarantine", `{"action":"admit","dry_run":true}`); got.at("done") != 3.0 || got.at("duplicates") != 1.0 {
		t.Errorf("a dry run says %s, want 3 to be done and 1 duplicate", got.text)
	}
	got := d.post("/api/v1/quarantine", `{"action":"admit"}`)
	if got.at("done") != 3.0 || got.at("duplicates") != 1.0 {
		t.Errorf("%s, want 3 done and 1 duplicate of the live one", got.text)
	}
	for _, kind := range kinds {
		if n := d.count(kind); n != 1 {
			t.Errorf("%d of %s, want 1", n, kind)
		}
		if again := d.worked(kind, elsewhereBody); again.at("data.duplicate") != true {
			t.Errorf("%s within the window: %s, want a duplicate", kind, again.text)
		}
	}
}

// TestQuarantinedAgain: a workflow's body waits once in ten minutes, and again
// after them; whatever repeats a settled delivery waits anew.
func TestQuarantinedAgain(t *testing.T) {
	at, alerts := time.Now(), 0
	now := func() time.Time { return at }
	log := memlog.New(now)
	d := open(t, func(deps *handlers.Deps) {
		deps.Now, deps.Log, deps.Alert = now, log, func(string, string) { alerts++ }
	}).on(log)
	discard := func(id any) {
		t.Helper()
		if got := d.post(fmt.Sprint("/api/v1/quarantine/", id, "/discard"), ""); got.status != 200 {
			t.Fatal(got.text)
		}
	}
	signed := func() any { return d.signed("{").at("data.quarantine_id") }
	before := signed()
	if signed() != before {
		t.Error("a repeat of what waits is another entry")
	}
	discard(before)
	if after := signed(); after == before || signed() != after {
		t.Error("a repeat of what was discarded does not wait")
	}
	alerts = 0
	post := func() any { return d.worked("contact.created", elsewhereBody).at("data.quarantine_id") }
	first := post()
	if post() != first {
		t.Error("a repeat within the window is another entry")
	}
	at = at.Add(11 * time.Minute)
	second := post()
	discard(second)
	third := post()
	if first == second || second == third || post() != third || alerts != 3 {
		t.Errorf("%v, %v, %v and %d alerts; want three entries and alerts", first, second, third, alerts)
	}
}

// TestStillForeign: what is still not served becomes nothing, and the answer
// names the setting.
func TestStillForeign(t *testing.T) {
	d, _, elsewhere := quarantineOf(t, 1)
	path := "/api/v1/quarantine/" + elsewhere[0] + "/admit"
	got := d.post(path, "")
	if got.status != 422 || got.at("code") != "still_foreign" || !strings.Contains(got.text, "GHL_LOCATION_ID") {
		t.Errorf("got %d %s, want 422 still_foreign", got.status, got.text)
	}
	if n := d.count("contact."); n != 0 {
		t.Errorf("%d events of others' locations", n)
	}
	if got := d.get("/api/v1/events/" + elsewhere[0]); got.at("quarantined") != "other_location" {
		t.Errorf("the event: %s, want why it is kept apart", got.text)
	}
	d = d.serving("location_1", "location_2")
	if got := d.post(path, ""); got.status != 200 {
		t.Errorf("served: %d %s", got.status, got.text)
	}
	if got := d.post(path, ""); got.status != 409 || got.at("message") != "it was admitted before" {
		t.Errorf("again: %d %s, want 409 in plain words", got.status, got.text)
	}
}

// TestSettledOnce: of operators who settle one delivery at once, one succeeds.
func TestSettledOnce(t *testing.T) {
	d, malformed, _ := quarantineOf(t, 1)
	var wg sync.WaitGroup
	statuses := make([]int, 16)
	for i := range statuses {
		wg.Go(func() { statuses[i] = d.post("/api/v1/quarantine/"+malformed[0]+"/discard", "").status })
	}
	wg.Wait()
	if n := d.count("audit.quarantine.discard"); n != 1 {
		t.Errorf("%d discards of one delivery, want 1: %v", n, statuses)
	}
}
