package handlers_test

import (
	"crypto/ed25519"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
)

// What the fixtures of testdata/webhooks are of.
const (
	fixtureApp      = "d5497f67f6a8ab979cf050cd"
	fixtureLocation = "fCy8yVZK266st7y3PpYo"
)

var (
	fixtureNow  = time.Date(2026, 1, 12, 12, 0, 0, 0, time.UTC)
	platformKey = ed25519.NewKeyFromSeed([]byte("an ed25519 seed of 32 bytes, ok?"))
)

// platform makes a door that takes what GoHighLevel signs, for the app and the
// location of the fixtures, over a ledger on the disk.
func platform(t *testing.T, change ...func(*handlers.Deps)) (*door, *boltlog.Log) {
	t.Helper()
	now := func() time.Time { return fixtureNow }
	log, err := boltlog.Open(t.TempDir(), boltlog.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	keys := ghl.Keys{
		Secrets: ghl.NewSecrets("secret", secret), Tolerance: 5 * time.Minute, Tokens: ghl.NewSecrets("token", workflow),
		PublicKeys: []ghl.PublicKey{{Name: "ghl-ed25519", Ed25519: platformKey.Public().(ed25519.PublicKey)}},
	}
	use := func(deps *handlers.Deps) {
		deps.Log, deps.Now, deps.MaxBody = log, now, 64<<10
		deps.Keys = func() ghl.Keys { return keys }
		deps.AppID, deps.Locations, deps.MaxAge = fixtureApp, []string{fixtureLocation, "location_1"}, 72*time.Hour
	}
	return open(t, append([]func(*handlers.Deps){use}, change...)...), log
}

func entriesIn(t *testing.T, log ledger.Reader) (es []ledger.Entry) {
	t.Helper()
	for e, err := range log.Read(t.Context(), ledger.Cursor{}) {
		if err != nil {
			t.Fatal(err)
		}
		es = append(es, e)
	}
	return es
}

// fixtureRequest is a fixture as its sender would post it: GoHighLevel's own
// signed by its key, the seed's by the secret, a workflow's with a token.
func (d *door) fixtureRequest(name string, body []byte) (req *http.Request, scheme string) {
	base, _, _ := strings.Cut(name, "~")
	dialect, kind, _ := strings.Cut(base, ".")
	switch {
	case dialect == "workflow":
		if kind == "" {
			kind = "workflow" // the body's customData.type has the word
		}
		return d.request("POST", "/webhooks/ghl/workflow/"+kind, string(body), "X-GHL-Token", workflow), "token"
	case dialect == "seed", !strings.Contains(string(body), `"appId"`): // what names no app was passed on by a gateway
		ts := ghl.Timestamp(fixtureNow)
		return d.request("POST", "/webhooks/ghl", string(body), "X-GHL-Timestamp", ts, "X-GHL-Signature", ghl.SignHMAC(secret, ts, body)), "hmac"
	}
	return d.request("POST", "/webhooks/ghl", string(body), "X-GHL-Signature", ghl.SignEd25519(platformKey, body)), "ed25519"
}

// TestDialects posts every fixture as its sender would and looks at what the
// ledger on the disk then holds: the bytes as they came, how they were
// verified, and of GoHighLevel's events the kind and the fields of mapped.
func TestDialects(t *testing.T) {
	d, log := platform(t)
	files, err := filepath.Glob("../testdata/webhooks/*.json")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d fixtures, %v", len(files), err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		seen[name] = true
		before := len(entriesIn(t, log))
		req, scheme := d.fixtureRequest(name, body)
		if got := d.do(req); got.status != 200 || got.at("data.quarantined") != nil || got.at("data.duplicate") != nil {
			t.Errorf("%s: answered %d %s", name, got.status, got.text)
			continue
		}
		es := entriesIn(t, log)[before:]
		if len(es) != 1 || string(es[0].Body) != string(body) || es[0].Meta.Scheme != scheme || es[0].Meta.KeyName == "" {
			t.Errorf("%s: stored as %+v, want its own bytes, verified by %s", name, es, scheme)
			continue
		}
		checkMapped(t, name, es[0])
	}
	for name := range mapped {
		if !seen[name] {
			t.Errorf("no fixture %s", name)
		}
	}
}

// checkMapped holds an entry against its line in mapped; what has none there
// and is GoHighLevel's must be unknown, so that nothing handles it.
func checkMapped(t *testing.T, name string, e ledger.Entry) {
	t.Helper()
	want, ok := mapped[name]
	if !ok {
		own := strings.HasPrefix(name, "ghl.") || strings.HasPrefix(name, "guide.")
		if own && !strings.HasPrefix(e.Kind, "unknown.") {
			t.Errorf("%s became %s, want an unknown one", name, e.Kind)
		}
		return
	}
	kind, fields, _ := strings.Cut(want, "|")
	if e.Kind != kind {
		t.Errorf("%s became %s, want %s", name, e.Kind, kind)
	}
	ev, err := ghl.ParseEvent(e.Body, e.Meta.Type)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	says := append(said(ev), "contact_id="+e.Subject, "location_id="+e.Location, "timestamp="+e.Occurred.Format("15:04:05.000"))
	for field := range strings.SplitSeq(fields, "|") {
		if !slices.Contains(says, field) {
			t.Errorf("%s: want %s, it says\n\t%s", name, field, strings.Join(says, "\n\t"))
		}
	}
}
