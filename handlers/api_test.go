package handlers_test

import (
	"bufio"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

func TestWrongTokensAreThrottled(t *testing.T) {
	d := open(t)
	var last reply
	for range 12 {
		last = d.do(d.request("GET", "/api/v1/events", "", "Authorization", "Bearer nope"))
	}
	if last.status != 429 || last.header.Get("Retry-After") == "" {
		t.Errorf("after 12 wrong tokens: %d %s", last.status, last.text)
	}
	if got := d.get("/api/v1/events"); got.status != 200 {
		t.Errorf("the right token must pass nevertheless: %d", got.status)
	}
}

func TestEvents(t *testing.T) {
	d := open(t)
	var ids []string
	for i := range 7 {
		body := strings.ReplaceAll(created, "contact_1", fmt.Sprintf("contact_%d", i%3))
		body = strings.Replace(body, "John", fmt.Sprintf("John%d", i), 1)
		ids = append(ids, d.signed(body).at("data.event_id").(string))
	}
	for _, tt := range []struct {
		query string
		want  []int
	}{
		{"", []int{0, 1, 2, 3, 4, 5, 6}},
		{"limit=2", []int{0, 1}},
		{"after=" + ids[4], []int{5, 6}},
		{"after=" + ids[1] + "&until=" + ids[3], []int{2, 3}},
		{"since=" + ids[5], []int{5, 6}},
		{"order=desc&limit=3", []int{6, 5, 4}},
		{"order=desc&after=" + ids[2], []int{1, 0}},
		{"order=desc&until=" + ids[2] + "&since=" + ids[1], []int{2, 1}},
		{"contact_id=contact_1", []int{1, 4}},
		{"kind=contact.*&q=john5", []int{5}},
		{"kind=contact.deleted,contact.updated", nil},
		{"location_id=location_1&limit=1", []int{0}},
		{"location_id=location_2", nil},
		{"since=2000-01-01&until=2001-01-01T00:00:00Z", nil},
		{"since=" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), []int{0, 1, 2, 3, 4, 5, 6}},
	} {
		var want []string
		for _, i := range tt.want {
			want = append(want, ids[i])
		}
		got := d.get("/api/v1/events?" + tt.query)
		if !slices.Equal(idsOf(got), want) {
			t.Errorf("%s: %v, want %v", tt.query, idsOf(got), want)
		}
	}
	for _, query := range []string{"limit=0", "limit=501", "limit=x", "after=x", "since=x", "order=up", "kinds=x"} {
		if got := d.get("/api/v1/events?" + query); got.status != 400 || got.at("code") != "bad_parameter" {
			t.Errorf("%s: %d %s", query, got.status, got.text)
		}
	}
}

// TestPages follows next to the end, both ways, and sees each event once.
func TestPages(t *testing.T) {
	d := open(t)
	for i := range 11 {
		d.signed(strings.Replace(created, "John", fmt.Sprint("John", i), 1))
	}
	for _, order := range []string{"asc", "desc"} {
		var seqs []float64
		for next := ""; ; {
			got := d.get("/api/v1/events?limit=5&order=" + order + "&after=" + next)
			for _, item := range got.at("data").([]any) {
				seqs = append(seqs, item.(map[string]any)["seq"].(float64))
			}
			if next, _ = got.at("next").(string); next == "" {
				break
			}
		}
		if order == "desc" {
			slices.Reverse(seqs)
		}
		if fmt.Sprint(seqs) != "[1 2 3 4 5 6 7 8 9 10 11]" {
			t.Errorf("%s: %v", order, seqs)
		}
	}
}

func idsOf(r reply) (ids []string) {
	items, _ := r.at("data").([]any)
	for _, item := range items {
		ids = append(ids, item.(map[string]any)["id"].(string))
	}
	return ids
}

func TestEventByItself(t *testing.T) {
	d := open(t)
	id := d.signed(created).at("data.event_id").(string)
	got := d.get("/api/v1/events/" + id)
	for path, want := range map[string]any{
		"id": id, "kind": "contact.created", "status": "received", "contact_id": "contact_1", "location_id": "location_1",
		"scheme": "hmac", "dialect": "seed", "body": created, "verified_by.key_name": "secret-1", "occurred_at": "2026-01-10T15:30:00Z",
	} {
		if got.at(path) != want {
			t.Errorf("%s = %v, want %v", path, got.at(path), want)
		}
	}
	if raw := d.get("/api/v1/events/" + id + "/raw"); raw.text != created {
		t.Errorf("raw = %q", raw.text)
	}
	bare := strings.TrimPrefix(id, "evt_")
	if got := d.get("/api/v1/events/" + bare); got.at("id") != id {
		t.Errorf("a bare ULID is not understood: %s", got.text)
	}
	for _, unknown := range []string{"evt_01ARZ3NDEKTSV4RRFFQ69G5FAV", "nonsense", "evt_" + strings.Repeat("Z", 26)} {
		if got := d.get("/api/v1/events/" + unknown); got.status != 404 {
			t.Errorf("%s: %d", unknown, got.status)
		}
	}
}

// TestFates: what an entry caused, and where it stands.
func TestFates(t *testing.T) {
	d := open(t)
	id := d.signed(created).at("data.event_id").(string)
	event, _ := ledger.ParseID(id)
	add := func(kind string, cause [16]byte) [16]byte {
		t.Helper()
		got, err := d.log.Append(t.Context(), ledger.Draft{Kind: kind, Key: kind, Subject: "contact_1", Cause: cause, Body: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		return got[0].Entry.ID
	}
	status := func() any { return d.get("/api/v1/events/" + id).at("status") }
	steps := []struct{ kind, want string }{{"lead.scored", "planned"}, {"effect.requested", "planned"},
		{"effect.delivered", "delivered"}, {"effect.dead", "failed"}, {"effect.retried", "planned"}}
	var effect [16]byte
	for _, step := range steps {
		switch step.kind {
		case "lead.scored":
			add(step.kind, event)
		case "effect.requested":
			effect = add(step.kind, event)
		default:
			add(step.kind, effect)
		}
		if got := status(); got != step.want {
			t.Errorf("after %s: %v, want %s", step.kind, got, step.want)
		}
	}
	if got := d.get("/api/v1/events/" + id).at("caused"); len(got.([]any)) != 2 {
		t.Errorf("caused = %v, want the score and the effect", got)
	}
}

func TestQuarantine(t *testing.T) {
	d := open(t)
	refused := d.signed(`{"type":"contact.created","data":{"email":"john@example.com"}}`)
	id := refused.at("data.quarantine_id").(string)
	if again := d.signed(`{"type":"contact.created","data":{"email":"john@example.com"}}`); again.at("data.quarantine_id") != id {
		t.Errorf("the same body again: %s, want %s", again.text, id)
	}
	if got := idsOf(d.get("/api/v1/quarantine")); !slices.Equal(got, []string{id}) {
		t.Errorf("quarantine lists %v, want %s", got, id)
	}
	shown := d.get("/api/v1/quarantine/" + id)
	if shown.at("state") != "waiting" || shown.at("cause") != "malformed" || shown.at("raw") == nil {
		t.Errorf("shown: %s", shown.text)
	}
	if got := d.post("/api/v1/quarantine/"+id+"/admit", ""); got.status != 422 || got.at("data.fields") == nil {
		t.Errorf("admit what is still not valid: %d %s", got.status, got.text)
	}
	if got := d.post("/api/v1/quarantine/"+id+"/discard", `{"reason":"a test"}`); got.status != 200 || got.at("state") != "discarded" {
		t.Errorf("discard: %d %s", got.status, got.text)
	}
	if got := d.post("/api/v1/quarantine/"+id+"/discard", ""); got.status != 409 {
		t.Errorf("discard again: %d %s", got.status, got.text)
	}
	if got := d.get("/api/v1/quarantine?state=waiting"); len(idsOf(got)) != 0 {
		t.Errorf("still waiting: %s", got.text)
	}
	audit := d.get("/api/v1/audit")
	if len(idsOf(audit)) != 1 || !strings.Contains(audit.text, "a test") {
		t.Errorf("audit: %s", audit.text)
	}
}

// TestAdmit: what was refused for its location becomes an ordinary event with
// its first arrival, once the location is served.
func TestAdmit(t *testing.T) {
	locations := []string{"location_1"}
	log := open(t).log
	d := open(t, func(deps *handlers.Deps) { deps.Log, deps.Locations = log, locations })
	body := `{"type":"contact.created","locationId":"location_2","data":{"contact_id":"contact_7"}}`
	id := d.signed(body).at("data.quarantine_id").(string)
	d.log = log
	d = d.serving("location_1", "location_2")
	got := d.post("/api/v1/quarantine/"+id+"/admit", "")
	if got.status != 200 || got.at("state") != "admitted" {
		t.Fatalf("admit: %d %s", got.status, got.text)
	}
	es := d.entries()
	want := []string{"event.quarantined", "audit.quarantine.admit", "contact.created", "event.admitted"}
	if !slices.Equal(d.kinds(), want) {
		t.Fatalf("ledger holds %v, want %v", d.kinds(), want)
	}
	e := es[2]
	if string(e.Body) != body || !e.Meta.Backfill || !e.Meta.Arrived.Equal(es[0].Recorded) || e.Location != "location_2" || e.Meta.Scheme != "hmac" {
		t.Errorf("admitted as %+v", e.Draft)
	}
	if shown := d.get("/api/v1/quarantine/" + id); shown.at("event_id") != ledger.FormatID(e.ID) {
		t.Errorf("shown: %s", shown.text)
	}
}

func TestStream(t *testing.T) {
	d := open(t)
	first := d.signed(created).at("data.event_id").(string)
	missed := d.signed(strings.Replace(created, "John", "Joan", 1)).at("data.event_id").(string) // before the client is back
	req := d.request("GET", "/api/v1/stream?kind=contact.*", "", "Authorization", "Bearer "+adminToken, "Last-Event-ID", first)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := theJudge().conforms(req, answer{resp.StatusCode, resp.Header, nil}); err != nil {
		t.Error(err)
	}
	lines := bufio.NewScanner(resp.Body)
	next := func(prefix string) string {
		for lines.Scan() {
			if rest, ok := strings.CutPrefix(lines.Text(), prefix); ok {
				return rest
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return ""
	}
	next(": stream")
	if got := next("id: "); got != missed {
		t.Errorf("stream went on with %s, want %s", got, missed)
	}
	second := d.signed(strings.Replace(created, "John", "Jane", 1)).at("data.event_id").(string)
	if got := next("id: "); got != second {
		t.Errorf("stream sent %s, want %s", got, second)
	}
	if got := next("data: "); !strings.Contains(got, `"kind":"contact.created"`) {
		t.Errorf("data: %s", got)
	}
}

// TestNothingSecretIsLogged posts canaries wherever a sender can put them.
func TestNothingSecretIsLogged(t *testing.T) {
	d := open(t)
	const canary = "canary-7f3a"
	body := strings.ReplaceAll(created, "john@example.com", canary+"@example.com")
	d.signed(body)
	d.signed(strings.Replace(body, `"contact_1"`, `7`, 1))
	for _, headers := range [][]string{
		{"X-GHL-Signature", canary}, {"X-GHL-Signature", canary, "X-GHL-Timestamp", canary}, {"X-WH-Signature", canary},
		{"Authorization", "Bearer " + canary, "X-Request-Id", canary, "User-Agent", canary, "X-Forwarded-For", canary},
	} {
		d.do(d.request("POST", "/webhooks/ghl", body, headers...))
		d.do(d.request("POST", "/webhooks/ghl/workflow/"+canary+"/"+canary, body, headers...))
		d.do(d.request("GET", "/api/v1/events/"+canary+"?q="+canary, "", headers...))
	}
	d.get("/api/v1/events?q=" + canary)
	metrics := d.do(d.request("GET", "/metrics", ""))
	for where, text := range map[string]string{"log": d.logs.String(), "metrics": metrics.text} {
		for _, s := range []string{canary, secret, adminToken, analystToken} {
			if strings.Contains(text, s) {
				t.Errorf("the %s holds %s", where, s)
			}
		}
	}
	if metrics.status != 200 || !strings.Contains(metrics.text, `ghl_ledger_webhooks_total{result="received"}`) {
		t.Errorf("metrics: %d", metrics.status)
	}
}
