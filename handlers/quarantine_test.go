package handlers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// quarantineOf fills a quarantine: n deliveries without a contact, and as many
// for another location.
func quarantineOf(t *testing.T, n int) (d *door, malformed, elsewhere []string) {
	t.Helper()
	d = open(t)
	for i := range n {
		got := d.signed(fmt.Sprintf(`{"type":"message.received","data":{"content":"malformed %d"}}`, i))
		malformed = append(malformed, got.at("data.quarantine_id").(string))
		got = d.signed(fmt.Sprintf(`{"type":"contact.created","locationId":"location_2","data":{"contact_id":"c-%d"}}`, i))
		elsewhere = append(elsewhere, got.at("data.quarantine_id").(string))
	}
	return d, malformed, elsewhere
}

// TestQuarantineFilter: a page is full of what was asked for, not of what is
// left of it.
func TestQuarantineFilter(t *testing.T) {
	d, malformed, elsewhere := quarantineOf(t, 5)
	if got := d.post("/api/v1/quarantine/"+malformed[0]+"/discard", ""); got.status != 200 {
		t.Fatal(got.text)
	}
	for _, tt := range []struct {
		query string
		want  []string
	}{
		{"cause=other_location&limit=3", elsewhere[:3]},
		{"cause=other_location&limit=3&after=" + elsewhere[2], elsewhere[3:]},
		{"cause=other_location&order=desc&limit=2", []string{elsewhere[4], elsewhere[3]}},
		{"state=discarded&limit=1", malformed[:1]},
		{"state=waiting&cause=malformed&limit=4", malformed[1:]},
		{"type=message.received&limit=5", malformed},
		{"location_id=location_2&limit=5", elsewhere},
		{"contact_id=c-3", elsewhere[3:4]},
		{"until=" + malformed[1] + "&cause=malformed", malformed[:2]},
		{"q=event.quarantined&limit=1", malformed[:1]},
	} {
		got := d.get("/api/v1/quarantine?" + tt.query)
		if !slices.Equal(idsOf(got), tt.want) {
			t.Errorf("%s lists %v, want %v", tt.query, idsOf(got), tt.want)
		}
		if more := strings.HasSuffix(tt.query, "limit=3") || strings.HasSuffix(tt.query, "limit=2") || tt.query == "q=event.quarantined&limit=1"; (got.at("next") != nil) != more {
			t.Errorf("%s: next is %v", tt.query, got.at("next"))
		}
	}
	for _, query := range []string{"state=lost", "cause=none", "kind=x"} {
		if got := d.get("/api/v1/quarantine?" + query); got.status != 400 {
			t.Errorf("%s: %d, want 400", query, got.status)
		}
	}
}

// TestManyQuarantined admits and discards by a filter: a dry run says what would
// be done, one audit entry what was, and nothing is done twice.
func TestManyQuarantined(t *testing.T) {
	d, malformed, elsewhere := quarantineOf(t, 4)
	if got := d.post("/api/v1/quarantine", `{"action":"admit"}`); got.at("done") != 0.0 || got.at("still_invalid") != 8.0 {
		t.Errorf("while the location is not served: %s, want none admitted", got.text)
	}
	d = d.serving("location_1", "location_2")
	for _, tt := range []struct {
		name, body             string
		done, invalid, entries float64
	}{
		{"what would be admitted", `{"action":"admit","dry_run":true}`, 4, 4, 0},
		{"one by its contact", `{"action":"admit","contact_id":"c-2"}`, 1, 0, 3},
		{"the rest of the location", `{"action":"admit","location_id":"location_2","reason":"it is ours now"}`, 3, 0, 7},
		{"again", `{"action":"admit","location_id":"location_2"}`, 0, 0, 1},
		{"none that can be", `{"action":"admit","cause":"malformed"}`, 0, 4, 1},
		{"what would be discarded", `{"action":"discard","dry_run":true}`, 4, 0, 0},
		{"discarded", `{"action":"discard","type":"message.received","reason":"a test of theirs"}`, 4, 0, 1},
	} {
		before := len(d.entries())
		got := d.post("/api/v1/quarantine", tt.body)
		grown := float64(len(d.entries()) - before)
		if got.status != 200 || got.at("done") != tt.done || got.at("still_invalid") != tt.invalid || grown != tt.entries {
			t.Errorf("%s: %d %s and %v entries, want done %v, invalid %v, %v entries", tt.name, got.status, got.text, grown, tt.done, tt.invalid, tt.entries)
		}
	}
	for state, want := range map[string][]string{"admitted": elsewhere, "discarded": malformed, "waiting": nil} {
		if got := idsOf(d.get("/api/v1/quarantine?state=" + state)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", state, got, want)
		}
	}
	for _, body := range []string{`{}`, `{"action":"delete"}`, `{"action":"admit","cause":"x"}`, `{"action":"admit","state":"waiting"}`} {
		if got := d.post("/api/v1/quarantine", body); got.status != 400 {
			t.Errorf("%s: %d %s, want 400", body, got.status, got.text)
		}
	}
	audit := d.get("/api/v1/audit").text
	if !strings.Contains(audit, "it is ours now") || !strings.Contains(audit, "a test of theirs") || !strings.Contains(audit, malformed[3]) {
		t.Errorf("audit: %s", audit)
	}
	again := open(t, func(deps *handlers.Deps) { deps.Log = d.log }) // another life has it from the ledger
	if got := idsOf(again.get("/api/v1/quarantine?state=discarded")); !slices.Equal(got, malformed) {
		t.Errorf("after a start: %v, want %v", got, malformed)
	}
}

// TestManyInPages: what is more than one request does comes with the next.
func TestManyInPages(t *testing.T) {
	d := open(t)
	const all = 1203
	for i := range all {
		kept := fmt.Appendf(nil, `{"cause":"other_location","raw":"%s"}`, "e30=")
		draft := ledger.Draft{Kind: "event.quarantined", Key: fmt.Sprint("quarantine:", i), Body: kept}
		if _, err := d.log.Append(t.Context(), draft); err != nil {
			t.Fatal(err)
		}
	}
	done, after, asked := 0.0, "", 0
	for {
		got := d.post("/api/v1/quarantine", fmt.Sprintf(`{"action":"discard","after":%q}`, after))
		if got.status != 200 {
			t.Fatal(got.text)
		}
		done, asked = done+got.at("done").(float64), asked+1
		next, more := got.at("next").(string)
		if !more {
			break
		}
		after = next
	}
	if done != all || asked != 3 {
		t.Errorf("%v done in %d requests, want %d in 3", done, asked, all)
	}
}

// TestAdmittedConflict: of two bodies under one webhookId both become events.
func TestAdmittedConflict(t *testing.T) {
	d := open(t)
	for i := range 2 {
		d.signed(fmt.Sprintf(`{"type":"contact.created","webhookId":"w1","locationId":"location_2","data":{"contact_id":"c-%d"}}`, i))
	}
	d = d.serving("location_1", "location_2")
	if got := d.post("/api/v1/quarantine", `{"action":"admit"}`); got.at("done") != 2.0 || got.at("duplicates") != 0.0 {
		t.Fatal(got.text)
	}
	var keys []string
	for _, e := range d.entries() {
		if e.Kind == "contact.created" {
			keys = append(keys, e.Key)
		}
	}
	if len(keys) != 2 || keys[0] != "wh:w1" || !strings.HasPrefix(keys[1], "wh:w1#") {
		t.Errorf("keys %v, want two, the second marked", keys)
	}
}
