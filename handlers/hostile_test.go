package handlers_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// hostile are identifiers that mean something to a path, a key, a line of the
// log, a terminal or a page; sound are those that are taken as they are.
var hostile = []struct {
	name, id string
	sound    bool
}{
	{"plain", "contact_1", true},
	{"slash", "a/b", true},
	{"a path upwards", "../../api/v1/events", true},
	{"dots", "..", true},
	{"a dot", ".", true},
	{"escaped slash", "a%2Fb%00", true},
	{"query", "a?b=c&d#e", true},
	{"blank", "a b ", true},
	{"star and colon", ":contact_id*", true},
	{"quotes", `a"b'c\`, true},
	{"markup", "<script>alert(1)</script>", true},
	{"own key", "audit:01M86X0XDJ0000000000000001", true},
	{"right to left", "abc\u202egpj", true},
	{"line separator", "a\u2028b", true},
	{"astral", "\U0001F600\u0301", true},
	{"256 bytes", strings.Repeat("x", 256), true},
	{"257 bytes", strings.Repeat("x", 257), false},
	{"10 kB", strings.Repeat("é", 5000), false},
	{"newline", "a\nb", false},
	{"carriage return", "a\r{\"level\":\"ERROR\"}", false},
	{"NUL", "a\x00b", false},
	{"escape", "a\x1b[2Jb", false},
	{"delete", "a\x7fb", false},
	{"C1 control", "a\u0085b", false},
}

// TestHostileIDs sends each of them in every place where a sender may put an
// identifier. Whatever is kept has sound keys and one line in the log, and what
// is taken is found again under its own name.
func TestHostileIDs(t *testing.T) {
	d := openWithViews(t, func(deps *handlers.Deps) { deps.MaxBody, deps.Locations = 64<<10, nil })
	requests := 0
	for _, tt := range hostile {
		quoted, _ := json.Marshal(tt.id)
		for _, place := range []string{
			`{"type":"message.received","data":{"contact_id":%s,"message_id":"m"}}`,
			`{"type":"contact.created","webhookId":%s,"data":{"contact_id":"c"}}`,
			`{"type":"contact.created","locationId":%s,"data":{"contact_id":"c"}}`,
			`{"type":"opportunity.won","data":{"contact_id":"c","opportunity_id":%s}}`,
			`{"type":"appointment.scheduled","data":{"contact_id":"c","appointment_id":%s,"appointment_date":"2036-01-15T14:00:00Z"}}`,
			`{"type":"InboundMessage","contactId":"c","messageId":%s,"messageType":"SMS","body":"hello"}`,
		} {
			requests++
			got := d.signed(fmt.Sprintf(place, quoted))
			if want := map[bool]int{true: 200, false: 400}[tt.sound]; got.status != want {
				t.Errorf("%s in %s: answered %d %s, want %d", tt.name, place, got.status, got.text, want)
			}
		}
		requests += 2
		if got := d.signed(fmt.Sprintf(`{"type":%s,"data":{}}`, quoted)); got.status != 200 && got.status != 400 {
			t.Errorf("%s as a type: answered %d %s", tt.name, got.status, got.text)
		}
		path := "/webhooks/ghl/workflow/" + url.PathEscape(tt.id)
		got := d.do(d.request("POST", path, `{"contact_id":"c"}`, "X-GHL-Token", workflow))
		if got.status != 200 && got.status != 400 && got.status != 404 && got.status != 431 {
			t.Errorf("%s in the path: answered %d %s", tt.name, got.status, got.text)
		}
	}
	for _, e := range d.entries() {
		checkSound(t, e)
	}
	for _, tt := range hostile {
		requests += 2
		lead, timeline := d.get("/api/v1/leads/"+url.PathEscape(tt.id)), d.get("/api/v1/leads/"+url.PathEscape(tt.id)+"/timeline")
		switch {
		case tt.sound && (lead.at("contact_id") != tt.id || timeline.status != 200):
			t.Errorf("%s: the lead is %d %.200s", tt.name, lead.status, lead.text)
		case !tt.sound && lead.status == 200:
			t.Errorf("%s is a lead: %s", tt.name, lead.text)
		}
	}
	lines := strings.Split(strings.TrimSuffix(d.logs.String(), "\n"), "\n")
	for _, line := range lines {
		if !json.Valid([]byte(line)) || strings.ContainsFunc(line, unicode.IsControl) {
			t.Errorf("a line of the log: %q", line)
		}
	}
	if len(lines) != requests {
		t.Errorf("%d lines of log for %d requests", len(lines), requests)
	}
}

// checkSound looks at what an entry has outside of its body.
func checkSound(t *testing.T, e ledger.Entry) {
	t.Helper()
	for name, v := range map[string]string{"kind": e.Kind, "key": e.Key, "subject": e.Subject, "location": e.Location} {
		if len(v) > 1024 || !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl) {
			t.Errorf("entry %d of %s: %s is %q", e.Seq, e.Kind, name, v)
		}
	}
	if strings.ContainsFunc(e.Kind, func(r rune) bool { return r > unicode.MaxASCII || strings.ContainsRune("/ :*\"'<>", r) }) {
		t.Errorf("kind %q", e.Kind)
	}
}

// TestLongNames: a body whose names alone would fill an entry is kept as it
// came and answered 400: after a 429 it would come again for ever.
func TestLongNames(t *testing.T) {
	d := open(t, func(deps *handlers.Deps) { deps.MaxBody, deps.Locations = handlers.MaxWebhook, nil })
	long := strings.Repeat("<", 3<<20) // six bytes each where JSON escapes it
	for name, body := range map[string]string{
		"contact":  fmt.Sprintf(`{"type":"contact.created","data":{"contact_id":"%s"}}`, long),
		"location": fmt.Sprintf(`{"type":"contact.created","locationId":"%s","data":{"contact_id":"c"}}`, long),
		"type":     fmt.Sprintf(`{"type":"%s","data":[]}`, long),
		"field":    fmt.Sprintf(`{"type":"contact.created","data":{"contact_id":7,"custom_fields":{"%s":{"%s":1}}}}`, long, long),
		"all":      fmt.Sprintf(`{"type":"contact.created","locationId":"%s","webhookId":"%s","data":{"contact_id":"%s"}}`, long, long, long),
	} {
		got := d.signed(body)
		if name == "type" && got.status == 200 {
			continue // a type that nothing handles cannot be wrong
		}
		id, _ := got.at("data.quarantine_id").(string)
		if got.status != 400 || id == "" {
			t.Errorf("%s: %d %.200s, want 400 and kept", name, got.status, got.text)
			continue
		}
		if kept := d.get("/api/v1/quarantine/" + id); kept.at("size") != float64(len(body)) || len(kept.text) > len(body)*4/3+8<<10 {
			t.Errorf("%s: kept is %d bytes of %d, size %v", name, len(kept.text), len(body), kept.at("size"))
		}
	}
}
