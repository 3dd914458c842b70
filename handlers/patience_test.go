package handlers_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
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
	srv := handlers.NewServer(handlers.Admin(deps), nil)
	srv.ReadTimeout, srv.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	served := httptest.NewUnstartedServer(nil)
	served.Config = srv
	served.Listener = handlers.Guard(served.Listener, 0, nil)
	served.Start()
	defer served.Close()
	req, err := http.NewRequest("GET", served.URL+"/api/v1/ledger?verify=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer resp.Body.Close()
	var answer struct{ Verified struct{ Sound bool } }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || !answer.Verified.Sound {
		t.Errorf("%d, %+v, %v, want a sound ledger", resp.StatusCode, answer, err)
	}
}
