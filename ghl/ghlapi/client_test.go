package ghlapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/ghlapi"
	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
)

const (
	location = "location_1"
	token    = "pit-secret-0123456789"
)

// client reaches server in-process; change may alter its configuration.
func client(server *ghltest.Server, change ...func(*ghlapi.Config)) *ghlapi.Client {
	c := ghlapi.Config{
		BaseURL: "http://ghl", Transport: server.Transport(), Token: func(string) string { return token },
		Rate: ghlapi.Rate{N: 100, Per: 10 * time.Second}, Daily: 200_000,
	}
	for _, f := range change {
		f(&c)
	}
	return ghlapi.New(c)
}

// writing are the calls that write, by name.
var writing = map[string]func(context.Context, *ghlapi.Client) error{
	"update": func(ctx context.Context, c *ghlapi.Client) error {
		return c.UpdateContact(ctx, location, "contact_1", nil)
	},
	"message": func(ctx context.Context, c *ghlapi.Client) error {
		_, err := c.SendMessage(ctx, location, ghl.OutMessage{Type: "SMS", ContactID: "contact_1", Message: "hi"})
		return err
	},
	"workflow": func(ctx context.Context, c *ghlapi.Client) error {
		return c.StartWorkflow(ctx, location, "contact_1", "workflow_1")
	},
	"task": func(ctx context.Context, c *ghlapi.Client) error {
		return c.CreateTask(ctx, location, "contact_1", ghl.Task{Title: "Call", DueDate: time.Unix(0, 0).UTC()})
	},
	"field": func(ctx context.Context, c *ghlapi.Client) error {
		_, err := c.CreateField(ctx, location, ghl.Definition{Name: "Pet", DataType: "TEXT"})
		return err
	},
}

// TestFaults says what the caller of a call that writes is told: whether it
// may have arrived, and when to come again. The call goes once, whatever comes.
func TestFaults(t *testing.T) {
	tests := []struct {
		name  string
		fault ghltest.Fault
		want  ghl.APIError
		taken bool
	}{
		{name: "no connection", fault: ghltest.Fault{Cut: ghltest.CutConnect}, want: ghl.APIError{Written: false}},
		{name: "cut before it was taken", fault: ghltest.Fault{Cut: ghltest.CutBefore}, want: ghl.APIError{Written: true}},
		{name: "answer lost", fault: ghltest.Fault{Cut: ghltest.CutAfter}, want: ghl.APIError{Written: true}, taken: true},
		{name: "answer too late", fault: ghltest.Fault{Latency: time.Minute}, want: ghl.APIError{Written: true}, taken: true},
		{name: "500", fault: ghltest.Fault{Status: 500}, want: ghl.APIError{Status: 500, Written: true}},
		{name: "503", fault: ghltest.Fault{Status: 503, RetryAfter: 7 * time.Second}, want: ghl.APIError{Status: 503, Written: true, RetryAfter: 7 * time.Second}},
		{name: "429", fault: ghltest.Fault{Status: 429, RetryAfter: 30 * time.Second}, want: ghl.APIError{Status: 429, Written: true, RetryAfter: 30 * time.Second}},
		{name: "429 without Retry-After", fault: ghltest.Fault{Status: 429}, want: ghl.APIError{Status: 429, Written: true, RetryAfter: 10 * time.Second}},
		{name: "401", fault: ghltest.Fault{Status: 401, Message: "Invalid token"}, want: ghl.APIError{Status: 401, Written: true, Message: "Invalid token"}},
		{name: "403", fault: ghltest.Fault{Status: 403}, want: ghl.APIError{Status: 403, Written: true}},
		{name: "404", fault: ghltest.Fault{Status: 404}, want: ghl.APIError{Status: 404, Written: true}},
		{name: "422", fault: ghltest.Fault{Status: 422}, want: ghl.APIError{Status: 422, Written: true}},
	}
	for _, tt := range tests {
		for name, call := range writing {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := ghltest.New(ghltest.Options{})
					server.Fault(tt.fault)
					err := call(t.Context(), client(server))
					got, ok := errors.AsType[*ghl.APIError](err)
					if !ok {
						t.Fatalf("err = %v, want an *ghl.APIError", err)
					}
					if got.Status != tt.want.Status || got.Written != tt.want.Written || got.RetryAfter != tt.want.RetryAfter ||
						!strings.Contains(got.Message, tt.want.Message) {
						t.Errorf("err = %+v, want %+v", got, tt.want)
					}
					if calls := server.Calls(); len(calls) != 1 || calls[0].Taken != tt.taken {
						t.Errorf("calls = %+v, want one, taken %v", calls, tt.taken)
					}
				})
			})
		}
	}
}

// TestBrokenAnswer: a success of which nothing is needed is one, however its
// body ends. Where the body matters, what was done is not known.
func TestBrokenAnswer(t *testing.T) {
	for name, call := range writing {
		server := ghltest.New(ghltest.Options{})
		server.Fault(ghltest.Fault{Cut: ghltest.CutBody})
		err := call(t.Context(), client(server))
		needsBody := name == "message" || name == "field"
		api, _ := errors.AsType[*ghl.APIError](err)
		if (err != nil) != needsBody || needsBody && (api == nil || !api.Written || api.Status != 0) {
			t.Errorf("%s: err = %v, want an error: %v", name, err, needsBody)
		}
	}
}

// TestReadsAreRepeated: a call that reads is repeated while it may help, and
// each time takes a turn.
func TestReadsAreRepeated(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fault  ghltest.Fault
		status int // of the error; -1 for none
		calls  int
		took   time.Duration // at least
	}{
		{"503 twice", ghltest.Fault{Status: 503, Times: 2}, -1, 3, 3 * time.Second},
		{"503 for ever", ghltest.Fault{Status: 503}, 503, 4, 7 * time.Second},
		{"lost answers", ghltest.Fault{Cut: ghltest.CutAfter, Times: 2}, -1, 3, 3 * time.Second},
		{"429, and when to come again", ghltest.Fault{Status: 429, RetryAfter: 20 * time.Second, Times: 1}, -1, 2, 20 * time.Second},
		{"429 until tomorrow", ghltest.Fault{Status: 429, RetryAfter: 9 * time.Hour}, 429, 1, 0},
		{"401", ghltest.Fault{Status: 401}, 401, 1, 0},
		{"404", ghltest.Fault{Status: 404}, 404, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := ghltest.New(ghltest.Options{})
				server.Fault(tt.fault)
				began := time.Now()
				fields, err := client(server).Fields(t.Context(), location)
				status := -1
				if api, ok := errors.AsType[*ghl.APIError](err); ok {
					status = api.Status
				}
				if status != tt.status || (err == nil) != (len(fields) > 0) {
					t.Errorf("%d fields, err = %v, want status %d", len(fields), err, tt.status)
				}
				if got := len(server.Calls()); got != tt.calls {
					t.Errorf("%d calls, want %d", got, tt.calls)
				}
				if took := time.Since(began); took < tt.took || took > tt.took+20*time.Second {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
			})
		})
	}
}

// TestIdentifiers: an id cannot change which path is called.
func TestIdentifiers(t *testing.T) {
	for _, id := range []string{"../locations/x", "a/b", "a?b=c", "a#b", "a%2fb", "a b", "a\r\nX: y", "ü", strings.Repeat("x", 3000)} {
		server := ghltest.New(ghltest.Options{})
		if err := client(server).UpdateContact(t.Context(), location, id, nil); err != nil {
			t.Errorf("contact %.20q: %v", id, err)
			continue
		}
		if calls := server.Calls(); len(calls) != 1 || calls[0].Contact != id {
			t.Errorf("contact %.20q arrived as %.60q", id, calls[0].Contact)
		}
	}
}

// TestTokenStaysInside: no error tells the token, not even one that
// GoHighLevel repeats to us, and no redirect takes it elsewhere.
func TestTokenStaysInside(t *testing.T) {
	var elsewhere int
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	for name, answer := range map[string]http.HandlerFunc{
		"repeated": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(401)
			fmt.Fprintf(w, `{"statusCode":401,"message":"Invalid token: %s"}`, r.Header.Get("Authorization"))
		},
		"redirected": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		},
		"not HTTP": func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) },
	} {
		server := httptest.NewServer(answer)
		defer server.Close()
		c := ghlapi.New(ghlapi.Config{BaseURL: server.URL, Token: func(string) string { return token }})
		for call, do := range writing {
			if err := do(t.Context(), c); err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err), token) {
				t.Errorf("%s, %s: err = %v, want one without the token", name, call, err)
			}
		}
	}
	if elsewhere > 0 {
		t.Errorf("%d calls followed a redirect", elsewhere)
	}
	bad := ghlapi.New(ghlapi.Config{BaseURL: other.URL, Token: func(string) string { return token + "\n" }})
	if err := bad.UpdateContact(t.Context(), location, "c", nil); err == nil || strings.Contains(err.Error(), token) {
		t.Errorf("a token that is no header: %v, want an error without it", err)
	}
}

// TestAnswersAreBounded: an answer without end is not read to its end.
func TestAnswersAreBounded(t *testing.T) {
	wrote := make(chan int, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n, chunk := 0, []byte(strings.Repeat("[", 1<<16))
		for n < 100<<20 {
			m, err := w.Write(chunk)
			if n += m; err != nil {
				break
			}
		}
		wrote <- n
	}))
	defer server.Close()
	c := ghlapi.New(ghlapi.Config{BaseURL: server.URL, Token: func(string) string { return token }})
	_, err := c.SendMessage(t.Context(), location, ghl.OutMessage{Type: "SMS", ContactID: "c", Message: "hi"})
	if api, ok := errors.AsType[*ghl.APIError](err); !ok || !api.Written {
		t.Errorf("err = %v, want one that says it may have arrived", err)
	}
	if n := <-wrote; n > 32<<20 {
		t.Errorf("%d MiB were taken, want some 8", n>>20)
	}
}

// TestNotRepeatedBelow: a message is not sent anew by net/http
// when the connection that it kept turns out to be dead.
func TestNotRepeatedBelow(t *testing.T) {
	server := ghltest.New(ghltest.Options{})
	network := httptest.NewServer(server)
	defer network.Close()
	c := ghlapi.New(ghlapi.Config{BaseURL: network.URL, Token: func(string) string { return token }})
	send := func() error {
		_, err := c.SendMessage(t.Context(), location, ghl.OutMessage{Type: "SMS", ContactID: "c", Message: "hi"})
		return err
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	server.Fault(ghltest.Fault{Cut: ghltest.CutAfter, Times: 1})
	if err := send(); err == nil {
		t.Error("the lost answer was not noticed: net/http sent it anew")
	}
	if n := len(server.Deeds()); n != 2 {
		t.Errorf("%d messages were sent, want 2", n)
	}
}
