package ghl_test

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"crypto/ed25519"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

func TestExplain(t *testing.T) {
	spaced := []byte(`{"type": "contact.created"}`)
	stamped := func(signature, timestamp string) ghl.Signature {
		return ghl.Signature{GHL: []string{signature}, Timestamp: []string{timestamp}}
	}
	old := ghl.Timestamp(now.Add(-time.Hour))
	tests := []struct {
		name           string
		sig            ghl.Signature
		scheme, reason string
		hint           string
	}{
		{"good", stamped(ghl.SignHMAC("new", stamp, spaced), stamp), "hmac", "", ""},
		{"body alone", stamped(ghl.SignHMAC("new", "", spaced), stamp), "hmac", "no secret matches", "secret-2 made over the body"},
		{"line break", stamped(ghl.SignHMAC("new", stamp, []byte(string(spaced)+"\n")), stamp), "hmac", "no secret matches", "the body with a line break at its end"},
		{"written anew", stamped(ghl.SignHMAC("old", stamp, []byte(`{"type":"contact.created"}`)), stamp), "hmac", "no secret matches", "written anew without spaces"},
		{"line break in the secret", stamped(ghl.SignHMAC("old\n", stamp, spaced), stamp), "hmac", "no secret matches", "at the end of the secret"},
		{"the secret itself", stamped("new", stamp), "hmac", "64 hexadecimal digits", "secret-2 itself"},
		{"old", stamped(ghl.SignHMAC("new", old, spaced), old), "hmac", "3600 s old", "check both clocks"},
		{"milliseconds", stamped("00", stamp+"000"), "hmac", "64 hexadecimal", "in milliseconds"},
		{"no timestamp", ghl.Signature{GHL: []string{ghl.SignHMAC("new", "", spaced)}}, "ed25519", "64 bytes in standard base64", "GHL_WEBHOOK_SIGNED=body"},
		{"ed25519 in hex", ghl.Signature{GHL: []string{hex.EncodeToString(ed25519.Sign(edKey, spaced))}}, "ed25519", "standard base64", "it matches ed over the body"},
		{"ed25519", ghl.Signature{GHL: []string{ghl.SignEd25519(edKey, spaced)}}, "ed25519", "", ""},
		{"nothing", ghl.Signature{}, "", "no signature", ""},
		{"twice", ghl.Signature{GHL: []string{"a", "b"}}, "", "X-GHL-Signature given 2 times", ""},
		{"token", ghl.Signature{Workflow: true, PathToken: "tok-a"}, "token", "", ""},
		{"no token", ghl.Signature{Workflow: true}, "token", "none given", ""},
		{"token in quotes", ghl.Signature{Workflow: true, Token: []string{`"tok-a" `}}, "token", "none matches", "with something around it"},
		{"token twice Bearer", ghl.Signature{Workflow: true, Bearer: []string{"Bearer Bearer tok-a"}}, "token", "none matches", "send the token alone"},
		{"token without Bearer", ghl.Signature{Workflow: true, Bearer: []string{"tok-a"}}, "token", "want Authorization: Bearer", "Authorization: Bearer, a blank, and the token"},
		{"token escaped", ghl.Signature{Workflow: true, PathToken: "tok%2Da"}, "token", "none matches", "escaped once too often"},
		{"token in capitals", ghl.Signature{Workflow: true, PathToken: "TOK-A"}, "token", "none matches", "in another case"},
		{"a secret for a token", ghl.Signature{Workflow: true, PathToken: "new"}, "token", "none matches", "which only signs"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := testKeys().Explain(tt.sig, spaced, now)
			if x.Scheme != tt.scheme || !strings.Contains(x.Reason, tt.reason) || x.Verified != (tt.reason == "") {
				t.Errorf("Explain = %+v, want scheme %q and reason %q", x, tt.scheme, tt.reason)
			}
			if hints := strings.Join(x.Hints, "\n"); !strings.Contains(hints, tt.hint) || tt.hint == "" && hints != "" {
				t.Errorf("Explain hints = %q, want %q", hints, tt.hint)
			}
		})
	}
}

// TestExplainOnce: one mistake is one hint, in whatever words it could be said.
func TestExplainOnce(t *testing.T) {
	compact := []byte(`{"type":"contact.created"}`)
	sig := ghl.Signature{GHL: []string{ghl.SignHMAC("new", "", compact)}, Timestamp: []string{stamp}}
	if x := testKeys().Explain(sig, compact, now); len(x.Hints) != 1 {
		t.Errorf("Explain hints = %q, want one", x.Hints)
	}
}

func TestExplainExpects(t *testing.T) {
	sig := ghl.Signature{GHL: []string{strings.Repeat("0", 64)}, Timestamp: []string{stamp}}
	x := testKeys().Explain(sig, body, now)
	if len(x.Expected) != 2 || x.Expected[1].Signature != ghl.SignHMAC("new", stamp, body) {
		t.Errorf("Explain expects %v, want what each secret makes", x.Expected)
	}
	if x.Age != 0 || !strings.HasPrefix(x.Signed, `"`+stamp+`."`) {
		t.Errorf("Explain = age %v, signed %q", x.Age, x.Signed)
	}
}
