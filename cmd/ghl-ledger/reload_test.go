package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// TestReload rotates the webhook secret of a running service, as an operator
// does: the new one in the file, SIGHUP, later the old one out. What spoils the
// file changes nothing.
func TestReload(t *testing.T) {
	p := newProcess(t, map[string]string{"GHL_WEBHOOK_SECRET": ""})
	secretFile := filepath.Join(p.dir, "webhook-secret")
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(secretFile, "old-secret")
	dotenv := filepath.Join(p.dir, ".env")
	write(dotenv, "GHL_WEBHOOK_SECRET_FILE="+secretFile+"\n")
	p.start()
	signed := func(secret string) int {
		t.Helper()
		stamp, body := ghl.Timestamp(time.Now()), ghl.Sample(ghl.ContactCreated, ghl.Seed, time.Now(), "contact_1")
		r, err := post(t.Context(), "http://"+p.public+"/webhooks/ghl", body, map[string]string{
			"X-GHL-Timestamp": stamp, "X-GHL-Signature": ghl.SignHMAC(secret, stamp, body),
		})
		if err != nil {
			t.Fatal(err)
		}
		return r.HTTP
	}
	hangups := 0
	hangup := func(says string) {
		t.Helper()
		hangups++
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		p.until(10*time.Second, says, func() bool {
			log, _ := os.ReadFile(p.log.Name())
			return strings.Count(string(log), "keys ") == hangups && strings.Contains(string(log), says)
		})
	}
	for _, step := range []struct {
		name     string
		change   func()
		says     string
		old, new int
	}{
		{"before", nil, "", 200, 401},
		{"both", func() { write(secretFile, "old-secret,new-secret\n") }, `"secrets":2`, 200, 200},
		{"the new alone", func() { write(secretFile, "new-secret") }, `"secrets":1`, 401, 200},
		{"a file without secrets", func() { write(secretFile, "") }, "the old ones stay", 401, 200},
		{"no file", func() { _ = os.Remove(secretFile) }, "no such file", 401, 200},
		{"no .env", func() { write(dotenv, "canary new-secret\n") }, "KEY=value", 401, 200},
		{"put right", func() { write(dotenv, "GHL_WEBHOOK_SECRET=old-secret") }, `"secrets":1`, 200, 401},
	} {
		if step.change != nil {
			step.change()
			hangup(step.says)
		}
		if old, new := signed("old-secret"), signed("new-secret"); old != step.old || new != step.new {
			t.Errorf("%s: the old secret is answered %d, the new %d, want %d and %d", step.name, old, new, step.old, step.new)
		}
	}
	if code := p.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if log, _ := os.ReadFile(p.log.Name()); strings.Contains(string(log), "-secret\"") || strings.Contains(string(log), "canary") {
		t.Errorf("a secret is in the log:\n%s", log)
	}
}

// TestCardReload: the points card is taken on SIGHUP, and one with faults is
// told at /readyz and changes nothing.
func TestCardReload(t *testing.T) {
	p := newProcess(t, map[string]string{"GHL_EFFECTS": "off"})
	p.start()
	serving := func() string {
		for _, m := range list[modelRow](p, "/api/v1/models") {
			if m.Status == "serving" {
				return m.ID
			}
		}
		return ""
	}
	want := scoring.BuiltIn().ID()
	for _, step := range []struct{ hot, warning string }{
		{`"hot": 70`, ""}, {`"hot": 0`, "card.json is not used"}, {`"hot": 65`, ""},
	} {
		text := strings.Replace(string(scoring.DefaultCardJSON()), `"hot": 65`, step.hot, 1)
		if m, err := scoring.PointsModel([]byte(text)); err == nil {
			want = m.ID()
		}
		if err := os.WriteFile(filepath.Join(p.data, "card.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		p.until(10*time.Second, step.hot+" taken", func() bool {
			ready := string(p.fetch("/readyz"))
			return serving() == want && strings.Contains(ready, "card.json") == (step.warning != "") && strings.Contains(ready, step.warning)
		})
	}
}
