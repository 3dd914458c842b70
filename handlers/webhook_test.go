package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
)

// TestAnswers is the table of answers of the contract that hmac can give.
func TestAnswers(t *testing.T) {
	large := `{"type":"contact.created","data":{"contact_id":"c","first_name":"` + strings.Repeat("x", 5000) + `"}}`
	other := `{"type":"contact.created","locationId":"location_9","data":{"contact_id":"contact_1"}}`
	now := ghl.Timestamp(time.Now())
	stale := ghl.Timestamp(time.Now().Add(-6 * time.Minute))
	sign := func(ts, body string) []string {
		return []string{"X-GHL-Timestamp", ts, "X-GHL-Signature", ghl.SignHMAC(secret, ts, []byte(body))}
	}
	for _, tt := range []struct {
		name, body string
		headers    []string
		status     int
		want       map[string]any
		kinds      []string
	}{
		{"valid", created, sign(now, created), 200, map[string]any{"status": "received"}, []string{"contact.created"}},
		{"unknown type", `{"type":"x.y","data":{}}`, sign(now, `{"type":"x.y","data":{}}`), 200,
			map[string]any{"status": "received", "message": "stored; nothing handles events of this type"}, []string{"unknown.x.y"}},
		{"own kind", `{"type":"lead.scored","data":{}}`, sign(now, `{"type":"lead.scored","data":{}}`), 200, nil, []string{"unknown.lead.scored"}},
		{"not JSON", "{", sign(now, "{"), 400, map[string]any{"error": "Invalid payload", "status": "error"}, []string{"event.quarantined"}},
		{"no contact", `{"type":"contact.created","data":{}}`, sign(now, `{"type":"contact.created","data":{}}`), 400,
			map[string]any{"data.fields": map[string]any{"data.contact_id": "required"}}, []string{"event.quarantined"}},
		{"name twice", `{"type":"contact.created","type":"contact.deleted","data":{"contact_id":"c"}}`,
			sign(now, `{"type":"contact.created","type":"contact.deleted","data":{"contact_id":"c"}}`), 400, nil, []string{"event.quarantined"}},
		{"unsigned", created, nil, 401, map[string]any{"error": "Invalid signature"}, nil},
		{"stale", created, sign(stale, created), 401, map[string]any{"error": "Invalid signature"}, nil},
		{"tampered", created + " ", sign(now, created), 401, map[string]any{"error": "Invalid signature"}, nil},
		{"signature twice", created, append(sign(now, created), "X-GHL-Signature", "00"), 401, map[string]any{"error": "Invalid signature"}, nil},
		{"another location", other, sign(now, other), 403, map[string]any{"status": "error"}, []string{"event.quarantined"}},
		{"too large", large, sign(now, large), 413, map[string]any{"status": "error", "code": "body_too_large"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := open(t)
			got := d.do(d.request("POST", "/webhooks/ghl", tt.body, tt.headers...))
			if got.status != tt.status {
				t.Errorf("status = %d, want %d: %s", got.status, tt.status, got.text)
			}
			for path, want := range tt.want {
				if v := got.at(path); fmt.Sprint(v) != fmt.Sprint(want) {
					t.Errorf("%s = %v, want %v", path, v, want)
				}
			}
			if kinds := d.kinds(); !slices.Equal(kinds, tt.kinds) {
				t.Errorf("ledger holds %v, want %v", kinds, tt.kinds)
			}
			if ct := got.header.Get("Content-Type"); ct != "application/json" {
				t.Errorf("content type %q", ct)
			}
		})
	}
}

func TestUnauthorizedSaysTheSame(t *testing.T) {
	d := open(t)
	now := ghl.Timestamp(time.Now())
	want := ""
	for _, headers := range [][]string{
		nil,
		{"X-GHL-Signature", "N/A"},
		{"X-GHL-Signature", ghl.SignHMAC("wrong", now, []byte(created)), "X-GHL-Timestamp", now},
		{"X-GHL-Signature", ghl.SignHMAC(secret, "1", []byte(created)), "X-GHL-Timestamp", "1"},
		{"X-GHL-Signature", strings.Repeat("a", 10_000), "X-GHL-Timestamp", now},
		{"X-WH-Signature", "AAAA"},
	} {
		got := d.do(d.request("POST", "/webhooks/ghl", created, headers...))
		if want == "" {
			want = got.text
		}
		if got.status != 401 || got.text != want {
			t.Errorf("%.60v: %d %s, want 401 %s", headers, got.status, got.text, want)
		}
	}
}

func TestSameDeliveryAgain(t *testing.T) {
	d := open(t)
	first := d.signed(created)
	again := d.signed(created)
	if first.at("data.event_id") != again.at("data.event_id") || again.at("data.duplicate") != true || first.at("data.duplicate") != nil {
		t.Errorf("got %s and %s, want one id and a duplicate", first.text, again.text)
	}
	if n := len(d.entries()); n != 1 {
		t.Errorf("%d entries, want 1", n)
	}
}

func TestIDWithAnotherBody(t *testing.T) {
	var told []string
	d := open(t, func(deps *handlers.Deps) {
		deps.Alert = func(kind, text string) { told = append(told, kind+": "+text) }
	})
	before := d.counted("ghl_ledger_conflicts_total")
	body := `{"type":"contact.created","webhookId":"w1","data":{"contact_id":"c","first_name":"A"}}`
	other := strings.Replace(body, `"A"`, `"B"`, 1)
	for i, tt := range []struct {
		body                string
		duplicate, conflict any
	}{{body, nil, nil}, {other, nil, true}, {other, true, true}, {body, true, nil}} {
		got := d.signed(tt.body)
		if got.status != 200 || got.at("data.duplicate") != tt.duplicate || got.at("data.conflict") != tt.conflict {
			t.Errorf("delivery %d: %d %s, want duplicate %v, conflict %v", i, got.status, got.text, tt.duplicate, tt.conflict)
		}
	}
	es := d.entries()
	if len(es) != 2 || es[0].Meta.Conflict || !es[1].Meta.Conflict {
		t.Errorf("entries %v, want the second marked as conflict", d.kinds())
	}
	if len(told) != 1 || !strings.HasPrefix(told[0], "conflicting deliveries: ") || !strings.Contains(told[0], ledger.FormatID(es[0].ID)) || !strings.Contains(told[0], ledger.FormatID(es[1].ID)) {
		t.Errorf("alerted %q, want the two entries to be named once", told)
	}
	if after := d.counted("ghl_ledger_conflicts_total"); after == before || before == "" {
		t.Errorf("the metric was %q and is %q, want one more", before, after)
	}
}

// TestCannotStore: an authentic event is refused with 429 whatever is wrong
// inside, never with a 5xx, and never acknowledged.
func TestCannotStore(t *testing.T) {
	for _, tt := range []struct {
		err  error
		code string
	}{
		{ledger.ErrFull, "disk_full"}, {ledger.ErrBusy, "queue_full"}, {ledger.ErrDoubt, "storage_in_doubt"},
		{ledger.ErrClosed, "shutting_down"}, {context.DeadlineExceeded, "not_stored"}, {errors.New("who knows"), "not_stored"},
	} {
		d := open(t)
		d.log.FailBefore = func([]ledger.Draft) error { return tt.err }
		for _, body := range []string{created, "{"} {
			got := d.signed(body)
			if got.status != 429 || got.header.Get("Retry-After") == "" || got.at("code") != tt.code {
				t.Errorf("%v: %d %s, Retry-After %q, want 429 %s", tt.err, got.status, got.text, got.header.Get("Retry-After"), tt.code)
			}
		}
	}
}

func TestPanicIsNotAcknowledged(t *testing.T) {
	d := open(t)
	d.log.FailBefore = func([]ledger.Draft) error { panic("boom") }
	// memlog holds its lock when it panics: one request is all it can take.
	got := d.signed(created)
	if got.status != 429 || got.at("code") != "not_stored" {
		t.Errorf("got %d %s, want 429", got.status, got.text)
	}
	if !strings.Contains(d.logs.String(), "panic: boom") {
		t.Error("the log does not say that it panicked")
	}
}

func TestFailedAfterWriteIsFoundAgain(t *testing.T) {
	d := open(t)
	d.log.FailAfter = func([]ledger.Draft) error { return ledger.ErrDoubt }
	if got := d.signed(created); got.status != 429 {
		t.Fatalf("got %d, want 429", got.status)
	}
	d.log.FailAfter = nil
	if got := d.signed(created); got.status != 200 || got.at("data.duplicate") != true {
		t.Errorf("got %d %s, want the entry that was kept", got.status, got.text)
	}
}

func TestDraining(t *testing.T) {
	d := open(t, func(deps *handlers.Deps) { deps.Draining = func() bool { return true } })
	if got := d.signed(created); got.status != 200 {
		t.Errorf("a webhook under way got %d %s", got.status, got.text)
	}
	if got := d.do(d.request("GET", "/readyz", "")); got.status != 503 || got.at("status") != "unready" {
		t.Errorf("readyz: %d %s", got.status, got.text)
	}
}

func TestMethodsAndPaths(t *testing.T) {
	d := open(t)
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/webhooks/ghl", 405}, {"PUT", "/webhooks/ghl", 405}, {"DELETE", "/api/v1/events", 405},
		{"GET", "/", 404}, {"GET", "/webhooks/ghl/", 404}, {"GET", "/webhooks/../api/v1/events", 404},
		{"GET", "/webhooks/..%2fapi/v1/events", 404}, {"GET", "/webhooks/ghl/verify", 200}, {"POST", "/webhooks/ghl/verify", 200},
		{"GET", "/webhooks/ghl/health", 200}, {"GET", "/healthz", 200}, {"GET", "/readyz", 200},
	} {
		got := d.do(d.request(tt.method, tt.path, ""))
		if got.status != tt.status || got.body == nil {
			t.Errorf("%s %s: %d %s, want %d in JSON", tt.method, tt.path, got.status, got.text, tt.status)
		}
		if tt.status == 405 && got.header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", tt.method, tt.path)
		}
	}
	if got := d.do(d.request("GET", "/webhooks/ghl/verify", "")); got.text != `{"status":"ready","version":"4.0.0"}`+"\n" {
		t.Errorf("verify says %s", got.text)
	}
}

func TestWorkflowToken(t *testing.T) {
	d := open(t)
	for _, tt := range []struct {
		path    string
		headers []string
		status  int
	}{
		{"/webhooks/ghl/workflow/contact.created", []string{"Authorization", "Bearer " + workflow}, 200},
		{"/webhooks/ghl/workflow/contact.created", []string{"X-GHL-Token", workflow}, 200},
		{"/webhooks/ghl/workflow/contact.created/" + workflow, nil, 200},
		{"/webhooks/ghl/workflow/contact.created", nil, 401},
		{"/webhooks/ghl/workflow/contact.created/wrong", nil, 401},
		{"/webhooks/ghl/workflow/contact.created", []string{"Authorization", "Bearer " + secret}, 401},
	} {
		if got := d.do(d.request("POST", tt.path, created, tt.headers...)); got.status != tt.status {
			t.Errorf("%s %v: %d %s, want %d", tt.path, tt.headers, got.status, got.text, tt.status)
		}
	}
	if n := len(d.entries()); n != 1 {
		t.Errorf("%d entries, want 1: the same type and body within 10 minutes", n)
	}
	if strings.Contains(d.logs.String(), workflow) {
		t.Error("the token is in the log")
	}
}

// TestTokenWindow: after ten minutes the same body is a new delivery, also when
// the service was restarted in between.
func TestTokenWindow(t *testing.T) {
	at := time.Now()
	now := func() time.Time { return at }
	log := memlog.New(now)
	use := func(deps *handlers.Deps) { deps.Now, deps.Log = now, log }
	d := open(t, use)
	post := func(d *door) any {
		return d.do(d.request("POST", "/webhooks/ghl/workflow/contact.created", created, "X-GHL-Token", workflow)).at("data.duplicate")
	}
	for _, step := range []struct {
		after time.Duration
		want  any
	}{{0, nil}, {9 * time.Minute, true}, {2 * time.Minute, nil}, {time.Minute, true}} {
		at = at.Add(step.after)
		if got := post(d); got != step.want {
			t.Errorf("%v later: duplicate %v, want %v", step.after, got, step.want)
		}
	}
	if got := post(open(t, use)); got != true {
		t.Error("the window is forgotten with the process")
	}
}

func TestRateLimit(t *testing.T) {
	d := open(t, func(deps *handlers.Deps) { deps.Rate = handlers.Rate{N: 3, Per: time.Hour} })
	var statuses []int
	for range 5 {
		statuses = append(statuses, d.signed(created).status)
	}
	if want := []int{200, 200, 200, 429, 429}; !slices.Equal(statuses, want) {
		t.Errorf("statuses %v, want %v", statuses, want)
	}
	if got := d.signed(created); got.header.Get("Retry-After") != fmt.Sprint(int(time.Hour.Seconds()/3)) {
		t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
	}
	if got := d.get("/healthz"); got.status != http.StatusOK {
		t.Errorf("healthz is limited: %d", got.status)
	}
}
