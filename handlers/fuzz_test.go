package handlers_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
)

// FuzzAdmit: whatever a verified sender sends, and whatever stands in an entry
// of the quarantine, is either kept as an event or kept apart; what is kept
// apart can be admitted, as the bytes that came and once, or is still not valid.
func FuzzAdmit(f *testing.F) {
	files, err := filepath.Glob("../testdata/webhooks/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal(err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body, "", false) // of another location
	}
	f.Add([]byte("{"), "contact.created", false)
	long := strings.Repeat("x", 2000)
	f.Add([]byte(`{"type":"contact.created","locationId":"l","data":{"contact_id":"c","email":"`+long+`@example.com"}}`), "", false)
	f.Add([]byte(`{"type":"contact.created","data":{"contact_id":"`+long+`"}}`), "", false)
	f.Add([]byte(`{"type":"ContactCreate","webhookId":"`+long+`","id":"c"}`), "", false)
	f.Add([]byte(`{"contact_id":"c","workflow":{}}`), "contact.created"+long, false)
	f.Add([]byte(`{"email":"a@b.c"}`), "contact.created\n", false)
	f.Add([]byte(`{"cause":"malformed","raw":"e30=","headers":{"a":"b"},"signed_at":"2026-01-01T00:00:00Z"}`), "x", true)
	f.Add([]byte(`{"raw":"eyJ0eXBlIjoiY29udGFjdC5jcmVhdGVkIiwiZGF0YSI6eyJjb250YWN0X2lkIjoiYyJ9fQ=="}`), "", true)
	f.Fuzz(func(t *testing.T, raw []byte, hint string, stored bool) {
		b := newBench()
		if stored {
			draft := ledger.Draft{Kind: "event.quarantined", Key: "quarantine:x", Occurred: time.Now(), Body: raw, Meta: ledger.Meta{Type: hint}}
			if _, err := b.log.Append(t.Context(), draft); err != nil {
				t.Skip()
			}
		} else if b.deliver(raw, hint) == http.StatusNotFound {
			t.Skip() // the hint is no path
		}
		before := b.entries(t)
		if len(before) != 1 {
			t.Fatalf("%d entries of %q with hint %q, want it kept as one", len(before), raw, hint)
		}
		if before[0].Kind == "event.quarantined" {
			b.admit(t, before[0])
		}
	})
}

// bench is a door without a network.
type bench struct {
	log  *memlog.Log
	door http.Handler
}

func newBench() *bench {
	log := memlog.New(time.Now)
	keys := ghl.Keys{Secrets: ghl.NewSecrets("secret", secret), Tolerance: time.Hour, Tokens: ghl.NewSecrets("token", workflow)}
	return &bench{log, handlers.Both(handlers.Deps{
		Log: log, Keys: func() ghl.Keys { return keys }, Locations: []string{"location_1"}, AdminToken: adminToken,
	})}
}

func (b *bench) serve(method, path string, body []byte, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, strings.NewReader(string(body)))
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	b.door.ServeHTTP(rec, req)
	return rec
}

// deliver sends a body as a workflow does, or, without a hint, as the gateway.
func (b *bench) deliver(body []byte, hint string) int {
	if hint == "" {
		ts := ghl.Timestamp(time.Now())
		return b.serve("POST", "/webhooks/ghl", body, "X-GHL-Timestamp", ts, "X-GHL-Signature", ghl.SignHMAC(secret, ts, body)).Code
	}
	return b.serve("POST", "/webhooks/ghl/workflow/"+url.PathEscape(hint), body, "X-GHL-Token", workflow).Code
}

func (b *bench) entries(t *testing.T) (es []ledger.Entry) {
	for e, err := range b.log.Read(t.Context(), ledger.Cursor{}) {
		if err != nil {
			t.Fatal(err)
		}
		es = append(es, e)
	}
	return es
}

// admit admits a delivery twice and looks at what the ledger then holds.
func (b *bench) admit(t *testing.T, kept ledger.Entry) {
	path := "/api/v1/quarantine/" + ledger.FormatID(kept.ID)
	ask := func(method, path string) *httptest.ResponseRecorder {
		return b.serve(method, path, nil, "Authorization", "Bearer "+adminToken)
	}
	for _, path := range []string{path, "/api/v1/quarantine"} {
		if got := ask("GET", path); got.Code != http.StatusOK {
			t.Fatalf("GET %s: %d %s", path, got.Code, got.Body)
		}
	}
	got := ask("POST", path+"/admit")
	es := b.entries(t)
	if got.Code == http.StatusUnprocessableEntity {
		if len(es) != 1 {
			t.Fatalf("%s: not admitted, and the ledger grew to %d entries", got.Body, len(es))
		}
		return
	}
	if got.Code != http.StatusOK {
		t.Fatalf("admit: %d %s", got.Code, got.Body)
	}
	var body struct{ Raw []byte }
	if err := json.Unmarshal(kept.Body, &body); err != nil {
		t.Fatal(err)
	}
	n := slices.IndexFunc(es, func(e ledger.Entry) bool { return e.Cause == kept.ID && e.Meta.Backfill })
	if n < 0 || string(es[n].Body) != string(body.Raw) || !es[n].Meta.Arrived.Equal(kept.Recorded) {
		t.Fatalf("admitted as %+v, want the bytes and the arrival of %+v", es, kept)
	}
	if again := ask("POST", path+"/admit"); again.Code != http.StatusConflict || len(b.entries(t)) != len(es) {
		t.Fatalf("admitted twice: %d %s", again.Code, again.Body)
	}
}
