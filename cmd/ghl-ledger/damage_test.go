package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/handlers"
)

// TestDamageFound: an old entry is damaged while the service is stopped. It
// starts, since a start reads no old entries; the first who reads that one makes
// it known, everywhere, by its number, and nothing more is taken.
func TestDamageFound(t *testing.T) {
	p := newProcess(t, map[string]string{"GHL_EFFECTS": "off"})
	p.start()
	for i := range 4 {
		if got, err := p.deliver(created(i)); err != nil || got.HTTP != http.StatusOK {
			t.Fatalf("delivery %d: %d %v", i, got.HTTP, err)
		}
		// One by one: what is not planned when it stops, and the answers to the
		// last event, it reads at the start.
		p.until(p.waitTime, "caught up", p.caughtUp)
	}
	if code := p.stop(); code != 0 {
		t.Fatalf("exit %d", code)
	}
	file := filepath.Join(p.data, "ledger.db")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// Wherever it stands: pages that are free still have what was there.
	b = bytes.ReplaceAll(b, []byte("contact_damaged_1"), []byte("contact_damaged_!"))
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	var report struct{ Verified verdict }
	if status := p.get("/api/v1/ledger?verify=true", &report); status != http.StatusOK || len(report.Verified.Faults) == 0 {
		t.Fatalf("verify: %d %+v", status, report)
	}
	entry := fmt.Sprintf("entry %d", report.Verified.Faults[0].First)
	got, err := p.deliver(created(9))
	if err != nil || got.HTTP != http.StatusTooManyRequests {
		t.Errorf("a delivery: %d %v, want 429", got.HTTP, err)
	}
	var alerts struct{ Data []handlers.Raised }
	p.get("/api/v1/alerts", &alerts)
	var stands map[string]any
	p.get("/api/v1/ledger", &stands)
	log, err := os.ReadFile(p.log.Name())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path string) string {
		resp, err := p.client.Get("http://" + p.public + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for where, text := range map[string]string{
		"readyz": ask("/readyz"), "health": ask("/webhooks/ghl/health"), "verify": ask("/webhooks/ghl/verify"),
		"alerts": fmt.Sprint(alerts.Data), "log": string(log), "ledger": fmt.Sprint(stands),
	} {
		if !strings.Contains(text, entry) || where == "health" && strings.Contains(text, "healthy") {
			t.Errorf("%s does not name %s: %s", where, entry, text)
		}
	}
	if code := p.stop(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

func created(i int) []byte {
	return fmt.Appendf(nil, `{"type":"contact.created","timestamp":%q,"data":{"contact_id":"contact_damaged_%d"}}`, time.Now().UTC().Format(time.RFC3339), i)
}
