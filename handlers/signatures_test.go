package handlers_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/handlers"
)

// TestPlatformSignatures is what GoHighLevel's two schemes accept and refuse,
// through the real server: for each, one delivery that is right, and every way
// that it can be wrong.
func TestPlatformSignatures(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile("../testdata/webhooks/ghl.ContactCreate.json")
	if err != nil {
		t.Fatal(err)
	}
	keys := ghl.Keys{AcceptRSA: true, PublicKeys: []ghl.PublicKey{
		{Name: "ghl-ed25519", Ed25519: platformKey.Public().(ed25519.PublicKey)}, {Name: "ghl-rsa", RSA: &rsaKey.PublicKey},
	}}
	d, log := platform(t, func(deps *handlers.Deps) { deps.Keys = func() ghl.Keys { return keys } })
	for _, right := range []struct{ scheme, header, other, key string }{
		{"ed25519", "X-GHL-Signature", "X-WH-Signature", "ghl-ed25519"},
		{"rsa", "X-WH-Signature", "X-GHL-Signature", "ghl-rsa"},
	} {
		own := []byte(strings.ReplaceAll(string(body), `"webhookId": "`, `"webhookId": "`+right.scheme)) // a delivery of its own
		value := ghl.SignEd25519(platformKey, own)
		if right.scheme == "rsa" {
			if value, err = ghl.SignRSA(rsaKey, own); err != nil {
				t.Fatal(err)
			}
		}
		before := len(entriesIn(t, log))
		for _, tt := range wrongSignatures(right.header, right.other, value, string(own)) {
			got := d.do(d.request("POST", "/webhooks/ghl", tt.body, tt.headers...))
			if got.status != 401 || got.at("error") != "Invalid signature" {
				t.Errorf("%s, %s: %d %s, want 401", right.scheme, tt.name, got.status, got.text)
			}
		}
		if n := len(entriesIn(t, log)); n != before {
			t.Fatalf("%s: %d entries of what was refused", right.scheme, n-before)
		}
		got := d.do(d.request("POST", "/webhooks/ghl", string(own), right.header, value, right.other, "N/A"))
		if got.status != 200 || got.at("data.duplicate") != nil {
			t.Errorf("%s: %d %s, want 200", right.scheme, got.status, got.text)
		}
		es := entriesIn(t, log)[before:]
		if len(es) != 1 || es[0].Meta.Scheme != right.scheme || es[0].Meta.KeyName != right.key || string(es[0].Body) != string(own) {
			t.Errorf("%s: entries %+v, want one, which says that %s verified it", right.scheme, es, right.key)
		}
	}
}

// TestLegacyRSAIsOff: what only the old key signed is refused where nobody has
// turned it on.
func TestLegacyRSAIsOff(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys := ghl.Keys{PublicKeys: []ghl.PublicKey{{Name: "ghl-rsa", RSA: &rsaKey.PublicKey}}}
	d, log := platform(t, func(deps *handlers.Deps) { deps.Keys = func() ghl.Keys { return keys } })
	body, err := os.ReadFile("../testdata/webhooks/ghl.ContactCreate.json")
	if err != nil {
		t.Fatal(err)
	}
	value, err := ghl.SignRSA(rsaKey, body)
	if err != nil {
		t.Fatal(err)
	}
	got := d.do(d.request("POST", "/webhooks/ghl", string(body), "X-WH-Signature", value))
	if got.status != 401 || len(entriesIn(t, log)) != 0 {
		t.Errorf("answered %d %s, want 401 and nothing stored", got.status, got.text)
	}
}

type wrongSignature struct {
	name, body string
	headers    []string
}

// wrongSignatures are the ways to spoil a delivery whose header has value.
func wrongSignatures(header, other, value, body string) []wrongSignature {
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		panic(err)
	}
	flipped := []byte(string(raw))
	flipped[10] ^= 1
	spoiled := func(name, value string) wrongSignature { return wrongSignature{name, body, []string{header, value}} }
	return []wrongSignature{
		{"a byte of the body changed", strings.Replace(body, "Noah", "Noal", 1), []string{header, value}},
		{"a byte more", body + "\n", []string{header, value}},
		{"written anew", strings.ReplaceAll(body, "\n", ""), []string{header, value}},
		{"under the other's name", body, []string{other, value}},
		{"under a name a byte away", body, []string{header + "x", value}},
		{"missing", body, nil},
		{"doubled", body, []string{header, value, header, value}},
		{"doubled, the second empty", body, []string{header, value, header, ""}},
		spoiled("a byte of the signature changed", base64.StdEncoding.EncodeToString(flipped)),
		spoiled("empty", ""),
		spoiled("N/A", "N/A"),
		spoiled("hex", hex.EncodeToString(raw)),
		spoiled("base64 for addresses", strings.TrimRight(base64.URLEncoding.EncodeToString(raw), "=")),
		spoiled("truncated", value[:len(value)-4]),
		spoiled("twice in one", value+","+value),
		spoiled("10 kB", strings.Repeat("A", 10_000)),
	}
}

// TestOtherAppOrLocation: GoHighLevel signs for all apps with one key, so what
// is authentic may be another's. It is kept apart and refused with 403.
func TestOtherAppOrLocation(t *testing.T) {
	d, log := platform(t)
	for _, tt := range []struct{ name, old, new, code string }{
		{"another app", fixtureApp, "0123456789abcdef01234567", "other_app"},
		{"an app that differs in case", fixtureApp, strings.ToUpper(fixtureApp), "other_app"},
		{"no app", `"appId": "` + fixtureApp + `",`, "", "other_app"},
		{"another location", fixtureLocation, "ve9EPM428h8vShlRW1KT", "other_location"},
	} {
		body, err := os.ReadFile("../testdata/webhooks/ghl.ContactCreate.json")
		if err != nil {
			t.Fatal(err)
		}
		other := strings.ReplaceAll(string(body), tt.old, tt.new)
		got := d.do(d.request("POST", "/webhooks/ghl", other, "X-GHL-Signature", ghl.SignEd25519(platformKey, []byte(other))))
		if got.status != 403 || got.at("code") != tt.code {
			t.Errorf("%s: %d %s, want 403 %s", tt.name, got.status, got.text, tt.code)
		}
	}
	for _, e := range entriesIn(t, log) {
		if e.Kind != "event.quarantined" {
			t.Errorf("the ledger holds %s, want only what is kept apart", e.Kind)
		}
	}
}
