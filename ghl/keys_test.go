package ghl_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

func TestPlatformKeys(t *testing.T) {
	want := map[string]string{ // SHA-256 of the DER, as GoHighLevel's keys are known
		"ghl-ed25519": "5a2c1b2749d3efcc233fb27d4ab43d56b8d20818c42cd226f6c9a3ff20d3097c",
		"ghl-rsa":     "2f62045d413b1b7747e26770ce7f57840cbf86288cd20ceb90d299a62501fd25",
	}
	keys := ghl.PlatformKeys()
	if len(keys) != len(want) {
		t.Fatalf("%d keys, want %d", len(keys), len(want))
	}
	for _, key := range keys {
		var public any = key.RSA
		if key.Ed25519 != nil {
			public = key.Ed25519
		}
		sum := sha256.Sum256(der(t, public))
		if got := hex.EncodeToString(sum[:]); got != want[key.Name] {
			t.Errorf("%s has fingerprint %s, want %s", key.Name, got, want[key.Name])
		}
	}
}

func der(t *testing.T, public any) []byte {
	t.Helper()
	b, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func inPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestParsePublicKey(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("no RSA of 1024 bits to refuse: ", err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.StdEncoding.EncodeToString
	tests := []struct{ name, text, want string }{
		{"ed25519 in PEM", inPEM("PUBLIC KEY", der(t, edPublic)), "ed25519"},
		{"rsa in PEM, spaces around", "\n " + inPEM("PUBLIC KEY", der(t, &rsaKey.PublicKey)) + "\n", "rsa"},
		{"ed25519 in base64", b64(der(t, edPublic)), "ed25519"},
		{"rsa in base64", b64(der(t, &rsaKey.PublicKey)), "rsa"},
		{"32 bytes in base64", b64(edPublic), "ed25519"},
		{"31 bytes in base64", b64(edPublic[:31]), "neither 32 bytes"},
		{"33 bytes in base64", b64(append([]byte{1}, edPublic...)), "neither 32 bytes"},
		{"hex", hex.EncodeToString(edPublic), "neither"},
		{"a word", "secret!", "neither PEM nor base64"},
		{"nothing", "", "neither PEM nor base64"},
		{"a private key", inPEM("PRIVATE KEY", der(t, edPublic)), "PEM of a PRIVATE KEY"},
		{"short rsa", b64(der(t, &small.PublicKey)), "RSA of 1024 bits"},
		{"another curve", b64(der(t, &curve.PublicKey)), "want Ed25519 or RSA"},
	}
	for _, tt := range tests {
		key, err := ghl.ParsePublicKey("k", tt.text)
		got := fmt.Sprint(err)
		switch {
		case err == nil && key.Ed25519 != nil:
			got = "ed25519"
		case err == nil && key.RSA != nil:
			got = "rsa"
		}
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestParsePrivateKey(t *testing.T) {
	for name, key := range map[string]any{"ed25519": edKey, "rsa": rsaKey} {
		b, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{inPEM("PRIVATE KEY", b), base64.StdEncoding.EncodeToString(b)} {
			got, err := ghl.ParsePrivateKey(text)
			if err != nil || fmt.Sprintf("%T", got) != fmt.Sprintf("%T", key) {
				t.Errorf("%s: %T, %v", name, got, err)
			}
		}
	}
	signer, err := ghl.ParsePrivateKey(base64.StdEncoding.EncodeToString(edKey.Seed()))
	if err != nil || !edKey.Equal(signer) {
		t.Errorf("seed: %v", err)
	}
	for _, text := range []string{"", "x", "AAAA", inPEM("PUBLIC KEY", der(t, edPublic))} {
		if _, err := ghl.ParsePrivateKey(text); err == nil || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("ParsePrivateKey(%.10q) error = %v", text, err)
		}
	}
}

func TestKeysCheck(t *testing.T) {
	tests := []struct {
		name string
		keys ghl.Keys
		want string
	}{
		{"none", ghl.Keys{}, ""},
		{"all kinds", testKeys(), ""},
		{"GoHighLevel's own", ghl.Keys{PublicKeys: ghl.PlatformKeys()}, ""},
		{"empty secret", ghl.Keys{Secrets: ghl.NewSecrets("secret", "a", " ")}, "secret-2 is empty"},
		{"empty token", ghl.Keys{Tokens: ghl.NewSecrets("token", "")}, "token-1 is empty"},
		{"short key", ghl.Keys{PublicKeys: []ghl.PublicKey{{Name: "k", Ed25519: edPublic[:31]}}}, "public key k: 31 bytes"},
		{"no key", ghl.Keys{PublicKeys: []ghl.PublicKey{{Name: "k"}}}, "public key k: want Ed25519 or RSA"},
	}
	for _, tt := range tests {
		err := tt.keys.Check()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: Check = %v, want %q", tt.name, err, tt.want)
		}
	}
	// A key that Check would refuse must not panic a request either.
	keys := ghl.Keys{PublicKeys: []ghl.PublicKey{{Name: "k", Ed25519: ed25519.PublicKey("short")}}}
	if _, err := keys.Verify(ghl.Signature{GHL: []string{ghl.SignEd25519(edKey, body)}}, body, now); err == nil {
		t.Error("verified by a key of 5 bytes")
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	keys := ghl.Keys{Secrets: ghl.NewSecrets("secret", "canary"), Tokens: ghl.NewSecrets("token", "canary")}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(format, keys); strings.Contains(got, "canary") {
			t.Errorf("%s prints %s", format, got)
		}
	}
}

func TestSignatureFrom(t *testing.T) {
	h := http.Header{}
	h.Set("x-ghl-signature", "a")
	h.Add("X-GHL-Timestamp", "1")
	h.Add("X-Ghl-Timestamp", "2")
	h.Set("Authorization", "Bearer t")
	s := ghl.SignatureFrom(h.Values)
	if len(s.GHL) != 1 || len(s.Timestamp) != 2 || len(s.WH) != 0 || len(s.Bearer) != 1 {
		t.Errorf("SignatureFrom = %+v", s)
	}
}
