package ghltest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
)

// call sends one request in-process and returns status, header and body.
func call(t *testing.T, s *ghltest.Server, method, path, body string) (*http.Response, map[string]any, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://ghl"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer pit-1")
	r.Header.Set("Version", "2021-07-28")
	resp, err := (&http.Client{Transport: s.Transport()}).Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	var answer map[string]any
	b, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(b, &answer)
	}
	return resp, answer, err
}

func TestAnswers(t *testing.T) {
	id := fieldID(t, ghltest.New(ghltest.Options{}), "ai_score")
	tests := []struct {
		name, method, path, body string
		status                   int
		says                     string
	}{
		{"update by id", "PUT", "/contacts/c1", `{"customFields":[{"id":"` + id + `","field_value":87}]}`, 200, `"succeded":true`},
		{"unknown property", "PUT", "/contacts/c1", `{"gender":"f"}`, 422, "property gender should not exist"},
		{"unknown field", "PUT", "/contacts/c1", `{"customFields":[{"id":"no","field_value":1}]}`, 422, "customFields.0.id"},
		{"text for a number", "PUT", "/contacts/c1", `{"customFields":[{"id":"` + id + `","field_value":"hot"}]}`, 422, "must be a number"},
		{"not JSON", "PUT", "/contacts/c1", `{`, 400, "JSON"},
		{"message", "POST", "/conversations/messages", `{"type":"SMS","contactId":"c1","message":"hi"}`, 201, "messageId"},
		{"message without text", "POST", "/conversations/messages", `{"type":"SMS","contactId":"c1"}`, 400, "Skip sending"},
		{"message of no type", "POST", "/conversations/messages", `{"contactId":"c1","message":"hi"}`, 422, "type must be one of"},
		{"workflow", "POST", "/contacts/c1/workflow/w1", `{}`, 200, "succeded"},
		{"task", "POST", "/contacts/c1/tasks", `{"title":"Call","dueDate":"2026-01-01T00:00:00Z","completed":false}`, 201, `"title":"Call"`},
		{"task without a date", "POST", "/contacts/c1/tasks", `{"title":"Call","completed":false}`, 422, "dueDate"},
		{"no such path", "POST", "/contacts/c1/nothing", `{}`, 404, "Cannot POST"},
		{"fields", "GET", "/locations/l1/customFields?model=contact", "", 200, "contact.ai_score"},
		{"new field", "POST", "/locations/l1/customFields", `{"name":"Pet","dataType":"TEXT","model":"contact"}`, 201, "contact.pet"},
		{"field twice", "POST", "/locations/l1/customFields", `{"name":"AI Score","dataType":"TEXT"}`, 400, "already exists"},
		{"pipelines", "GET", "/opportunities/pipelines?locationId=l1", "", 200, `"pipelines":[]`},
		{"tags", "POST", "/contacts/c1/tags", `{"tags":["a"]}`, 201, `["a"]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := ghltest.New(ghltest.Options{})
			resp, answer, err := call(t, s, tt.method, tt.path, tt.body)
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(answer)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.status || !strings.Contains(string(b), tt.says) {
				t.Errorf("%s %s = %d %s, want %d with %s", tt.method, tt.path, resp.StatusCode, b, tt.status, tt.says)
			}
		})
	}
}

func fieldID(t *testing.T, s *ghltest.Server, key string) string {
	t.Helper()
	_, answer, err := call(t, s, "GET", "/locations/location_1/customFields?model=contact", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range answer["customFields"].([]any) {
		if f := f.(map[string]any); f["fieldKey"] == "contact."+key {
			return f["id"].(string)
		}
	}
	t.Fatalf("no field %s in %v", key, answer)
	return ""
}

func TestWhoMayEnter(t *testing.T) {
	s := ghltest.New(ghltest.Options{Strict: true, Locations: []ghltest.Location{
		{ID: "l1", Token: "pit-1", Contacts: []ghltest.Contact{{ID: "c1"}}},
		{ID: "l2", Token: "pit-2", Contacts: []ghltest.Contact{{ID: "c2"}}},
	}})
	for _, tt := range []struct {
		token, version, contact string
		want                    int
	}{
		{"pit-1", "2021-07-28", "c1", 200},
		{"pit-2", "2021-07-28", "c2", 200},
		{"pit-1", "2021-07-28", "c2", 403},
		{"pit-1", "2021-07-28", "nobody", 404},
		{"pit-9", "2021-07-28", "c1", 401},
		{"", "2021-07-28", "c1", 401},
		{"pit-1", "", "c1", 401},
		{"pit-1", "2020-01-01", "c1", 401},
	} {
		r := httptest.NewRequest("GET", "/contacts/"+tt.contact, nil)
		r.Header.Set("Authorization", "Bearer "+tt.token)
		r.Header.Set("Version", tt.version)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%q with version %q asks for %s: %d %s, want %d", tt.token, tt.version, tt.contact, w.Code, w.Body, tt.want)
		}
	}
	for _, c := range s.Calls() {
		if b, _ := json.Marshal(c); bytes.Contains(b, []byte("pit-")) {
			t.Errorf("call kept a token: %s", b)
		}
	}
}

// TestCuts holds both ways to reach the server to the same: what was taken,
// and whether the caller can know.
func TestCuts(t *testing.T) {
	for _, tt := range []struct {
		cut   ghltest.Cut
		taken int
	}{{ghltest.CutConnect, 0}, {ghltest.CutBefore, 0}, {ghltest.CutAfter, 1}, {ghltest.CutBody, 1}} {
		s := ghltest.New(ghltest.Options{})
		network := httptest.NewServer(s)
		defer network.Close()
		for way, do := range map[string]func(*http.Request) (*http.Response, error){
			"in-process": s.Transport().RoundTrip, "network": http.DefaultTransport.RoundTrip,
		} {
			s.Heal()
			s.Fault(ghltest.Fault{Path: "/conversations", Cut: tt.cut})
			before := len(s.Deeds())
			err := send(t, do, network.URL)
			if err == nil {
				t.Errorf("%s, cut %s: an answer came whole", way, tt.cut)
			}
			if got := len(s.Deeds()) - before; got != tt.taken {
				t.Errorf("%s, cut %s: %d taken, want %d", way, tt.cut, got, tt.taken)
			}
		}
	}
}

func send(t *testing.T, do func(*http.Request) (*http.Response, error), url string) error {
	t.Helper()
	body := strings.NewReader(`{"type":"SMS","contactId":"c1","message":"hi"}`)
	r, err := http.NewRequestWithContext(t.Context(), "POST", url+"/conversations/messages", body)
	if err != nil {
		t.Fatal(err)
	}
	r.GetBody = nil
	r.Header.Set("Authorization", "Bearer x")
	r.Header.Set("Version", "2021-04-15")
	resp, err := do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	return err
}

func TestNoConnectionIsNotWritten(t *testing.T) {
	for cut, want := range map[ghltest.Cut]bool{ghltest.CutConnect: false, ghltest.CutBefore: true, ghltest.CutAfter: true} {
		s := ghltest.New(ghltest.Options{})
		s.Fault(ghltest.Fault{Cut: cut})
		var wrote bool
		trace := &httptrace.ClientTrace{WroteHeaders: func() { wrote = true }}
		r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", "http://ghl/contacts/c1", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Transport().RoundTrip(r)
		if wrote != want || errors.Is(err, syscall.ECONNREFUSED) == want {
			t.Errorf("cut %s: written %v, err %v, want written %v", cut, wrote, err, want)
		}
	}
}

func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ghltest.New(ghltest.Options{Limit: ghltest.Limit{N: 3, Per: 10 * time.Second, Daily: 5}})
		var got []string
		for _, pause := range []time.Duration{0, time.Second, time.Second, time.Second, 7 * time.Second, 10 * time.Second, 0} {
			time.Sleep(pause)
			resp, _, err := call(t, s, "GET", "/contacts/c1", "")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("X-RateLimit-Remaining"), " ",
				resp.Header.Get("X-RateLimit-Daily-Remaining"), " ", resp.Header.Get("Retry-After")))
		}
		// The bubble begins at midnight UTC, and 20 s later the day's five are used.
		want := []string{"200 2 4 ", "200 1 3 ", "200 0 2 ", "429 0 2 7", "200 0 1 ", "200 2 0 ", "429 2 0 86380"}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("call %d: %q, want %q", i+1, got[i], want[i])
			}
		}
	})
}

func TestFaultsChoose(t *testing.T) {
	s := ghltest.New(ghltest.Options{Limit: ghltest.Limit{N: -1}})
	s.Fault(ghltest.Fault{Contact: "c1", Every: 3, Status: 503})
	s.Fault(ghltest.Fault{Contact: "c2", Times: 2, Status: 429, RetryAfter: 5 * time.Second})
	s.Fault(ghltest.Fault{Contact: "c3", Fraction: 0.2, Status: 500})
	for contact, want := range map[string][2]int{"c1": {33, 33}, "c2": {2, 2}, "c3": {10, 30}, "c4": {0, 0}} {
		refused := 0
		for range 100 {
			resp, _, err := call(t, s, "GET", "/contacts/"+contact, "")
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != 200 {
				refused++
			}
		}
		if refused < want[0] || refused > want[1] {
			t.Errorf("%s: %d of 100 refused, want %v", contact, refused, want)
		}
	}
}

func TestEcho(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	deliveries := make(chan ghltest.Delivery, 1)
	s := ghltest.New(ghltest.Options{
		Now:     func() time.Time { return now },
		Webhook: ghltest.Webhook{Secret: "sesame", To: func(d ghltest.Delivery) { deliveries <- d }},
	})
	defer s.Close()
	id := fieldID(t, s, "ai_score")
	if _, _, err := call(t, s, "PUT", "/contacts/c1", `{"customFields":[{"id":"`+id+`","field_value":87}]}`); err != nil {
		t.Fatal(err)
	}
	d := <-deliveries
	keys := ghl.Keys{Secrets: []ghl.Secret{{Name: "one", Value: "sesame"}}, Tolerance: time.Minute}
	if _, err := keys.Verify(ghl.SignatureFrom(d.Header.Values), d.Body, now); err != nil {
		t.Errorf("echo is not signed: %v", err)
	}
	e, err := ghl.ParseEvent(d.Body, "")
	if err != nil || e.Type != ghl.ContactUpdated || e.ContactID != "c1" {
		t.Fatalf("echo %s = %+v, %v", d.Body, e, err)
	}
	if f := e.Contact.CustomFields; len(f) != 1 || f[0].Name != "ai_score" || f[0].Value != 87.0 {
		t.Errorf("echo tells of %+v, want ai_score 87", f)
	}
}
