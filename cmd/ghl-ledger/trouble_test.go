package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// TestTrouble: what keeps the service from storing, and what is wrong with a
// view, is told once, however long it lasts, and again when it comes back.
func TestTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var causes, views atomic.Pointer[[]string]
		var told []string
		began := time.Now()
		w := trouble{
			causes: func() []string { return *causes.Load() }, views: func() []string { return *views.Load() },
			alert: func(kind, text string) {
				told = append(told, fmt.Sprintf("%s %s: %s", time.Since(began), kind, strings.Split(text, ":")[0]))
			},
		}
		during := func(c, v []string) {
			causes.Store(&c)
			views.Store(&v)
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		causes.Store(new([]string))
		views.Store(new([]string))
		go func() { _ = w.Run(t.Context()) }()
		time.Sleep(time.Second)
		during(nil, nil)
		during([]string{"no room, 12 MB left"}, nil)
		during(nil, nil)
		during([]string{"no room, 3 MB left"}, []string{"view leads"})
		want := []string{
			"1m15s events cannot be stored: no room, 12 MB left", "3m15s events cannot be stored: no room, 3 MB left", "3m15s view in trouble: view leads",
		}
		if !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}

// TestLastAlert: an alert that nothing follows is sent before it returns, and a
// receiver that never answers keeps the process for some seconds only.
func TestLastAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent string
		a := &alerts{log: slog.New(slog.DiscardHandler), send: func(text string) error { sent = text; return nil }}
		a.lastOf(fmt.Errorf("fdatasync: %w", ledger.ErrDoubt))
		if !strings.Contains(sent, "[high] storage in doubt") {
			t.Errorf("sent %q, want that the storage is in doubt", sent)
		}
		over := make(chan struct{})
		defer close(over)
		a.send = func(string) error { <-over; return nil }
		began := time.Now()
		a.Last(outbox.Alert{Severity: outbox.High, Title: "deaf"})
		if waited := time.Since(began); waited != lastWord {
			t.Errorf("waited %s for a receiver that does not answer, want %s", waited, lastWord)
		}
	})
}

// TestDamagedLedgerAlerts: a service that cannot even start tells its operators.
func TestDamagedLedgerAlerts(t *testing.T) {
	told := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told <- string(body)
	}))
	defer hook.Close()
	p := newProcess(t, map[string]string{"GHL_EFFECTS": "off", "LEDGER_ALERT_URL": "generic+" + hook.URL})
	p.start()
	p.stop()
	if err := os.Truncate(filepath.Join(p.data, "ledger.db"), 100); err != nil {
		t.Fatal(err)
	}
	serve := exec.Command("ghl-ledger", "serve")
	serve.Dir, serve.Env, serve.Stdout, serve.Stderr = p.dir, p.env, p.log, p.log
	_ = serve.Run()
	if code := serve.ProcessState.ExitCode(); code != exitCorrupt {
		t.Errorf("exit code %d, want %d", code, exitCorrupt)
	}
	select {
	case text := <-told:
		if !strings.Contains(text, "ledger damaged") {
			t.Errorf("told %q, want that the ledger is damaged", text)
		}
	default:
		t.Error("nobody was alerted")
	}
}
