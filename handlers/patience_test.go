package handlers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// TestPatientVerify has a ledger that takes longer to verify than the server
// gives any other answer.
func TestPatientVerify(t *testing.T) {
	deps := handlers.Deps{Log: memlog.New(time.Now), AdminToken: adminToken, AnalystToken: analystToken}
	deps.Verify = func(ctx context.Context) (any, error) {
		select {
		case <-time.After(300 * time.Millisecond): // what a connection waits for is no fake clock's
			return map[string]bool{"sound": true}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	var answer struct{ Verified struct{ Sound bool } }
	if hurried(t, deps, "GET", "/api/v1/ledger?verify=true", &answer); !answer.Verified.Sound {
		t.Errorf("%+v, want a sound ledger", answer)
	}
}

// slowForgetter has as much to do.
type slowForgetter struct{}

func (slowForgetter) Forget(ctx context.Context, say func(context.Context) ([]projections.Lead, error)) error {
	time.Sleep(300 * time.Millisecond) // as above
	_, err := say(ctx)
	return err
}

func (slowForgetter) Readmit(ctx context.Context, _ string, say func(context.Context, bool) error) error {
	time.Sleep(300 * time.Millisecond) // as above
	return errors.Join(ctx.Err(), say(ctx, true))
}

// TestPatientForget has a contact take as long to forget.
func TestPatientForget(t *testing.T) {
	var deps handlers.Deps
	d := openWithViews(t, func(d *handlers.Deps) { d.Forget = slowForgetter{}; deps = *d })
	d.get("/api/v1/leads/contact_1?wait=" + d.signed(created).at("data.event_id").(string))
	var answer struct{ Forgotten bool }
	if hurried(t, deps, "POST", "/api/v1/leads/contact_1/forget", &answer); !answer.Forgotten {
		t.Errorf("%+v, want it forgotten", answer)
	}
}

// TestPatientReadmit has others to forget before it.
func TestPatientReadmit(t *testing.T) {
	var deps handlers.Deps
	d := openWithViews(t, func(d *handlers.Deps) { d.Forget = slowForgetter{}; deps = *d })
	d.get("/api/v1/leads/contact_1?wait=" + d.signed(created).at("data.event_id").(string))
	var answer struct {
		AuditID string `json:"audit_id"`
	}
	if hurried(t, deps, "POST", "/api/v1/leads/contact_1/readmit", &answer); answer.AuditID == "" {
		t.Errorf("%+v, want it readmitted", answer)
	}
}

// heldForgetter goes on when it is told to.
type heldForgetter struct {
	begun, goOn chan struct{}
	done        chan error
}

func (f heldForgetter) Forget(ctx context.Context, say func(context.Context) ([]projections.Lead, error)) error {
	close(f.begun)
	<-f.goOn
	_, err := say(ctx)
	err = errors.Join(ctx.Err(), err)
	f.done <- err
	return err
}

func (f heldForgetter) Readmit(ctx context.Context, _ string, say func(context.Context, bool) error) error {
	return f.Forget(ctx, func(ctx context.Context) ([]projections.Lead, error) { return nil, say(ctx, true) })
}

// TestLeftForget: what was asked for goes on if whoever asked does not wait.
func TestLeftForget(t *testing.T) {
	for _, act := range []string{"forget", "readmit"} {
		f := heldForgetter{make(chan struct{}), make(chan struct{}), make(chan error, 1)}
		var deps handlers.Deps
		d := openWithViews(t, func(d *handlers.Deps) { d.Forget = f; deps = *d })
		d.get("/api/v1/leads/contact_1?wait=" + d.signed(created).at("data.event_id").(string))
		ctx, leave := context.WithCancel(t.Context())
		gone := make(chan struct{})
		served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			context.AfterFunc(r.Context(), func() { close(gone) })
			handlers.Admin(deps).ServeHTTP(w, r)
		}))
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, served.URL+"/api/v1/leads/contact_1/"+act, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+adminToken)
		req.Header.Set("Content-Type", "application/json")
		go func() {
			<-f.begun
			leave()
		}()
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			t.Errorf("%s: an answer before it was done: %s", act, resp.Status)
		}
		<-gone
		close(f.goOn)
		if err := <-f.done; err != nil {
			t.Errorf("%s: %v", act, err)
		}
		served.Close()
		if kinds := d.kinds(); !slices.Contains(kinds, "audit.leads."+act) {
			t.Errorf("%s: the ledger has %v", act, kinds)
		}
	}
}

// slowDiff has as much to compare.
type slowDiff struct{ handlers.Projections }

func (slowDiff) Diff(ctx context.Context, name string, _ int) (d projections.Diff, err error) {
	select {
	case <-time.After(300 * time.Millisecond): // as above
		d.Name = name
	case <-ctx.Done():
	}
	return d, ctx.Err()
}

// TestPatientDiff has two views take as long to compare.
func TestPatientDiff(t *testing.T) {
	var deps handlers.Deps
	openWithViews(t, func(d *handlers.Deps) { d.Projections = slowDiff{d.Projections}; deps = *d })
	var answer projections.Diff
	if hurried(t, deps, "GET", "/api/v1/projections/leads/diff", &answer); answer.Name != "leads" {
		t.Errorf("%+v, want that of the leads", answer)
	}
}

// hasty is a server that gives a tenth of a second for a body and for an answer.
func hasty(deps handlers.Deps) *httptest.Server {
	srv := handlers.NewServer(handlers.Admin(deps), nil)
	srv.ReadTimeout, srv.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	served := httptest.NewUnstartedServer(nil)
	served.Config = srv
	served.Listener = handlers.Guard(served.Listener, 0, nil)
	served.Start()
	return served
}

// TestImpatientForget: whoever does not end the body is not waited for.
func TestImpatientForget(t *testing.T) {
	var deps handlers.Deps
	d := openWithViews(t, func(d *handlers.Deps) { d.Forget = slowForgetter{}; deps = *d })
	d.get("/api/v1/leads/contact_1?wait=" + d.signed(created).at("data.event_id").(string))
	served := hasty(deps)
	defer served.Close()
	conn, err := net.Dial("tcp", served.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /api/v1/leads/contact_1/forget HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", adminToken)
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(string(b), "HTTP/1.1 200") {
		t.Errorf("after half a body: %v\n%s", err, b)
	}
}

// hurried asks a server in a hurry.
func hurried(t *testing.T, deps handlers.Deps, method, path string, answer any) {
	t.Helper()
	served := hasty(deps)
	defer served.Close()
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader("{}")
	}
	req, err := http.NewRequest(method, served.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%s: %d, %v", path, resp.StatusCode, err)
	}
}
