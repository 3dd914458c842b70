package handlers_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
)

const (
	secret       = "seed-secret-0123456789abcdef"
	workflow     = "workflow-token-0123456789abcdef0123"
	adminToken   = "admin-token-0123456789abcdef01234567"
	analystToken = "analyst-token-0123456789abcdef012345"
)

// door is a front door on real listeners, with its ledger.
type door struct {
	t    *testing.T
	log  *memlog.Log
	base string
	logs *syncBuffer

	synced func(path string) // waits until every view is at the head; of openWithViews
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// open serves both sides on one listener; change adjusts the settings.
func open(t *testing.T, change ...func(*handlers.Deps)) *door {
	t.Helper()
	d := &door{t: t, log: memlog.New(time.Now), logs: &syncBuffer{}}
	deps := handlers.Deps{
		Log:    d.log,
		Logger: slog.New(slog.NewJSONHandler(d.logs, nil)),
		Keys: func() ghl.Keys {
			return ghl.Keys{Secrets: ghl.NewSecrets("secret", secret), Tolerance: 5 * time.Minute,
				Tokens: ghl.NewSecrets("token", workflow)}
		},
		Locations: []string{"location_1"}, MaxBody: 4096,
		AdminToken: adminToken, AnalystToken: analystToken,
	}
	for _, c := range change {
		c(&deps)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := handlers.NewServer(handlers.Both(deps), deps.Logger)
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(handlers.Guard(l, 0, nil)) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	d.base = "http://" + l.Addr().String()
	return d
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

func (d *door) do(req *http.Request) reply {
	d.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := theJudge().conforms(req, answer{resp.StatusCode, resp.Header, b}); err != nil {
		d.t.Errorf("%s %s: %d %s\nis not as openapi.json has it: %v", req.Method, req.URL, resp.StatusCode, b, err)
	}
	r := reply{status: resp.StatusCode, header: resp.Header, text: string(b)}
	_ = json.Unmarshal(b, &r.body)
	return r
}

// request makes a request with headers given as name, value, name, value, …
func (d *door) request(method, path, body string, headers ...string) *http.Request {
	d.t.Helper()
	req, err := http.NewRequest(method, d.base+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	return req
}

// signed posts body as the seed's gateway does.
func (d *door) signed(body string) reply {
	d.t.Helper()
	ts := ghl.Timestamp(time.Now())
	return d.do(d.request("POST", "/webhooks/ghl", body, "X-GHL-Timestamp", ts, "X-GHL-Signature", ghl.SignHMAC(secret, ts, []byte(body))))
}

// get asks the API as the administrator.
func (d *door) get(path string) reply {
	d.t.Helper()
	return d.do(d.request("GET", path, "", "Authorization", "Bearer "+adminToken))
}

func (d *door) post(path, body string) reply {
	d.t.Helper()
	return d.do(d.request("POST", path, body, "Authorization", "Bearer "+adminToken))
}

// entries returns what the ledger holds, without the kinds left out.
func (d *door) entries() (es []ledger.Entry) {
	d.t.Helper()
	for e, err := range d.log.Read(d.t.Context(), ledger.Cursor{}) {
		if err != nil {
			d.t.Fatal(err)
		}
		es = append(es, e)
	}
	return es
}

func (d *door) kinds() (kinds []string) {
	for _, e := range d.entries() {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// at returns the member of a JSON answer that a path like data.event_id names.
func (r reply) at(path string) any {
	var v any = r.body
	for name := range strings.SplitSeq(path, ".") {
		if list, ok := v.([]any); ok {
			if i, err := strconv.Atoi(name); err == nil && i < len(list) {
				v = list[i]
				continue
			}
		}
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

const renamed = `{"type":"contact.updated","timestamp":"2026-01-11T15:30:00Z","data":{"contact_id":"contact_1","updated_fields":{"first_name":"Jon"}}}`

const created = `{"type":"contact.created","timestamp":"2026-01-10T15:30:00Z","data":{"contact_id":"contact_1","first_name":"John","email":"john@example.com"}}`
