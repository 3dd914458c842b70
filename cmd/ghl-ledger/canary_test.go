package main

import (
	"bytes"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
)

// The canaries: whatever is secret or somebody's is one of these.
const (
	canarySecret   = "canary-hmac-secret-7f3a"
	canaryWorkflow = "canary-workflow-token-0123456789abcdef"
	canaryAdmin    = "canary-admin-token-0123456789abcdef0123"
	canaryAnalyst  = "canary-analyst-token-0123456789abcdef01"
	canaryAPIKey   = "pit-canary-api-key-5521"
	canaryWrong    = "canary-wrong-token-0123456789abcdef01234"
	canaryAlert    = "canary-alert-path-9944"
	canaryMail     = "canary.bird@example.com"
	canaryPhone    = "+15557391846"
	canaryName     = "Canarina"
	canaryWords    = "canary words nobody else says"
)

// TestCanary runs a service through refusals, quarantine, dead letters, alerts
// and a reload, with a canary for whatever is secret or personal, and looks for
// them where they must not be: in a log line, a metric, an alert, an error.
func TestCanary(t *testing.T) {
	c := newBirdcage(t)
	c.deliveries()
	c.calls()
	c.until(c.waitTime, "a dead letter", func() bool {
		return len(list[struct{ ID string }](c.process, "/api/v1/effects?state=dead")) > 0
	})
	c.until(c.waitTime, "an alert", func() bool { return len(c.alerts()) > 0 })
	_, metrics := c.ask("GET", "http://"+c.admin+"/metrics", nil, nil)
	c.checkCameIn()
	if code := c.stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
	log, err := os.ReadFile(c.log.Name())
	if err != nil || bytes.Count(log, []byte("\n")) < 20 {
		t.Fatalf("a log of %d lines, %v", bytes.Count(log, []byte("\n")), err)
	}
	places := map[string]string{"the log": string(log), "the metrics": metrics, "an alert": c.alerts(), "an error": strings.Join(c.errors, "\n")}
	for place, text := range places {
		for _, canary := range c.canaries {
			if i := strings.Index(strings.ToLower(text), strings.ToLower(canary)); i >= 0 {
				line := text[strings.LastIndexByte(text[:i], '\n')+1:]
				line, _, _ = strings.Cut(line, "\n")
				t.Errorf("%.40q is in %s: %.400s", canary, place, line)
			}
		}
	}
	t.Logf("%d canaries, %d lines of log, %d bytes of metrics, %d bytes of alerts, %d error answers",
		len(c.canaries), bytes.Count(log, []byte("\n")), len(metrics), len(c.alerts()), len(c.errors))
}

// birdcage is a service whose secrets are canaries.
type birdcage struct {
	*process
	canaries []string // and every signature and body that was sent
	errors   []string // the answers that say no

	mu    sync.Mutex
	heard strings.Builder // what operators were alerted of
}

func newBirdcage(t *testing.T) *birdcage {
	c := &birdcage{canaries: []string{canarySecret, canaryWorkflow, canaryAdmin, canaryAnalyst, canaryAPIKey, canaryWrong,
		canaryAlert, canaryMail, canaryPhone, canaryName, canaryWords}}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.heard.Write(append(b, '\n'))
	}))
	t.Cleanup(hook.Close)
	sandbox := ghltest.New(ghltest.Options{Token: canaryAPIKey, Locations: []ghltest.Location{{ID: "loc_1"}}})
	t.Cleanup(sandbox.Close)
	// GoHighLevel's words may repeat what it was sent.
	sandbox.Fault(ghltest.Fault{Method: "PUT", Status: 400, Message: "email " + canaryMail + " and phone " + canaryPhone + " are not valid for " + canaryName})
	sandbox.Fault(ghltest.Fault{Method: "POST", Status: 500, Message: canaryMail + " " + canaryWords})
	upstream := httptest.NewServer(sandbox)
	t.Cleanup(upstream.Close)
	c.process = newProcess(t, map[string]string{
		"GHL_WEBHOOK_SECRET": canarySecret, "GHL_WORKFLOW_TOKEN": canaryWorkflow, "GHL_APP_ID": "app_1", "GHL_ACCEPT_LEGACY_RSA": "true",
		"LEDGER_ADMIN_TOKEN": canaryAdmin, "LEDGER_ANALYST_TOKEN": canaryAnalyst, "LEDGER_LOG_LEVEL": "debug",
		"GHL_API_BASE_URL": upstream.URL, "GHL_API_KEY": canaryAPIKey, "GHL_LOCATION_ID": "loc_1",
		"GHL_RETRY_INITIAL": "20ms", "GHL_RETRY_MAX": "2", "LEDGER_ALERT_URL": "generic+" + hook.URL + "/" + canaryAlert,
	})
	c.token = canaryAdmin
	c.start()
	return c
}

// alerts is what operators were told, and what the service says of it.
func (c *birdcage) alerts() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard.String()
}

// deliver sends a body, and keeps what may not be seen again.
func (c *birdcage) deliver(path, body string, headers map[string]string) int {
	for name, v := range headers {
		if strings.Contains(name, "Signature") && len(v) > 20 {
			c.canaries = append(c.canaries, v)
		}
	}
	if len(body) > 40 {
		c.canaries = append(c.canaries, body, base64.StdEncoding.EncodeToString([]byte(body)))
	}
	status, _ := c.ask("POST", "http://"+c.public+path, []byte(body), headers)
	return status
}

// ask makes one request and keeps the answer where it says no.
func (c *birdcage) ask(method, url string, body []byte, headers map[string]string) (int, string) {
	c.t.Helper()
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for name, v := range headers {
		req.Header.Set(name, v)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if resp.StatusCode >= 400 {
		c.errors = append(c.errors, string(b))
	}
	return resp.StatusCode, string(b)
}

// deliveries sends what is taken, refused and kept apart.
func (c *birdcage) deliveries() {
	person := `"first_name":"` + canaryName + `","email":"` + canaryMail + `","phone":"` + canaryPhone + `"`
	created := `{"type":"contact.created","data":{"contact_id":"contact_1",` + person + `,"custom_fields":{"note":"` + canaryWords + `"}}}`
	said := `{"type":"message.received","data":{"contact_id":"contact_1","message_id":"m1","channel":"sms","content":"` + canaryWords + `"}}`
	sign := func(secret, body string, at time.Time) map[string]string {
		stamp := ghl.Timestamp(at)
		return map[string]string{"X-GHL-Timestamp": stamp, "X-GHL-Signature": ghl.SignHMAC(secret, stamp, []byte(body))}
	}
	now, hook := time.Now(), "/webhooks/ghl"
	malformed := `{"type":"contact.created","data":{"contact_id":7,"` + canaryMail + `":1,"email":["` + canaryMail + `"],"phone":{"n":"` + canaryPhone + `"},"first_name":"` + canaryName + `"}}`
	broken := `{"type":"contact.created","data":{"email":"` + canaryMail + `","email":"` + canaryMail + `"` + canaryWords
	elsewhere := strings.Replace(created, `"data"`, `"locationId":"loc_9","data"`, 1)
	unknown := `{"type":"` + canaryWords + `","data":{` + person + `}}`
	for i, tt := range []struct {
		path, body string
		headers    map[string]string
		want       int
	}{
		{hook, created, sign(canarySecret, created, now), 200},
		{hook, created, sign(canarySecret, created, now), 200},
		{hook, said, sign(canarySecret, said, now), 200},
		{hook, created, sign("another secret", created, now), 401},
		{hook, created, sign(canarySecret, created, now.Add(-time.Hour)), 401},
		{hook, created, map[string]string{"X-GHL-Signature": canarySecret, "X-GHL-Timestamp": canaryPhone}, 401},
		{hook, created, map[string]string{"X-GHL-Signature": strings.Repeat("canary0+", 11)}, 401},
		{hook, created, map[string]string{"X-WH-Signature": strings.Repeat("canary1+", 11)}, 401},
		{hook, malformed, sign(canarySecret, malformed, now), 400},
		{hook, broken, sign(canarySecret, broken, now), 400},
		{hook, elsewhere, sign(canarySecret, elsewhere, now), 403},
		{hook, unknown, sign(canarySecret, unknown, now), 200},
		{hook + "/workflow/contact.updated/" + canaryWorkflow, `{"contact_id":"contact_1",` + person + `}`, nil, 200},
		{hook + "/workflow/contact.updated/" + canaryWrong, `{"contact_id":"contact_1",` + person + `}`, nil, 401},
		{hook + "/workflow/contact.updated", `{` + person + `}`, map[string]string{"X-GHL-Token": canaryWorkflow}, 400},
		{hook + "/workflow/contact.updated", `{` + person + `}`, map[string]string{"Authorization": "Bearer " + canaryWrong}, 401},
		{hook + "/" + canaryWrong + "?email=" + canaryMail, "", nil, 404},
	} {
		if got := c.deliver(tt.path, tt.body, tt.headers); got != tt.want {
			c.t.Errorf("delivery %d: answered %d, want %d", i, got, tt.want)
		}
	}
}

// calls makes the API say no, and sends what is no HTTP.
func (c *birdcage) calls() {
	admin, wrong := map[string]string{"Authorization": "Bearer " + canaryAdmin}, map[string]string{"Authorization": "Bearer " + canaryWrong}
	analyst := map[string]string{"Authorization": "Bearer " + canaryAnalyst}
	for _, call := range []struct {
		method, path string
		body         string
		headers      map[string]string
		want         int
	}{
		{"GET", "leads", "", wrong, 401},
		{"GET", "leads?q=" + canaryName, "", admin, 200},
		{"GET", "leads/" + canaryMail, "", admin, 404},
		{"GET", "events?q=" + canaryMail + "&limit=" + canaryPhone, "", admin, 400},
		{"GET", "events/" + canaryMail, "", admin, 404},
		{"GET", "events?since=" + canaryMail, "", admin, 400},
		{"POST", "leads/contact_1/opt-out", `{"reason":"` + canaryWords + `"}`, analyst, 403},
		{"POST", "leads/contact_1/opt-out", `{"reason":"` + canaryWords + `"`, admin, 400},
		{"POST", "quarantine", `{"action":"admit","dry_run":false}`, admin, 200},
	} {
		if got, text := c.ask(call.method, "http://"+c.admin+"/api/v1/"+call.path, []byte(call.body), call.headers); got != call.want {
			c.t.Errorf("%s %s: answered %d %s, want %d", call.method, call.path, got, text, call.want)
		}
	}
	for _, text := range []string{
		"GET /" + canaryMail + " HTTP/9.9\r\n\r\n",
		"POST /webhooks/ghl HTTP/1.1\r\nHost: x\r\n" + canaryMail + "\r\n\r\n",
		"POST /webhooks/ghl HTTP/1.1\r\nHost: x\r\nContent-Length: " + canaryPhone + "\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", c.public)
		if err != nil {
			c.t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.WriteString(conn, text)
		b, _ := io.ReadAll(conn)
		c.errors = append(c.errors, string(b))
		_ = conn.Close()
	}
}

// checkCameIn looks for the canaries where they belong: a run in which none
// came in proves nothing.
func (c *birdcage) checkCameIn() {
	c.t.Helper()
	var lead map[string]any
	c.get("/api/v1/leads/contact_1", &lead)
	if lead["email"] != canaryMail || lead["phone"] != canaryPhone {
		c.t.Errorf("the lead is %v, want the canaries in it", lead)
	}
	if n := len(list[struct{ ID string }](c.process, "/api/v1/quarantine")); n != 4 {
		c.t.Errorf("%d deliveries in the quarantine, want 4", n)
	}
}
