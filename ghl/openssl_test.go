package ghl_test

import (
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// TestOpenSSL takes what OpenSSL signed: our own signer and verifier could be
// wrong in the same way.
func TestOpenSSL(t *testing.T) {
	keys := ghl.Keys{Secrets: ghl.NewSecrets("secret", "ghl_webhook_secret_xxx"), Tolerance: time.Minute, AcceptRSA: true}
	for name, text := range map[string]string{"ed25519": opensslEd25519, "rsa": opensslRSA} {
		key, err := ghl.ParsePublicKey(name, text)
		if err != nil {
			t.Fatal(err)
		}
		keys.PublicKeys = append(keys.PublicKeys, key)
	}
	for want, sig := range map[string]ghl.Signature{
		ghl.SchemeHMAC:    {GHL: []string{"d7156942b7ceb79327cde7bc979995a8992971aed52d21787fd96295a1395a83"}, Timestamp: []string{"1768059000"}},
		ghl.SchemeEd25519: {GHL: []string{"0TCvwnTUAT8F9ssbZ9QuPasTQdETcfRHT6QDzi6D7p7lH0i9MZFQJPdR+jDMA/L0toX0yVOnXHnyw9AmwYh4CQ=="}},
		ghl.SchemeRSA:     {WH: []string{opensslRSASignature}},
	} {
		v, err := keys.Verify(sig, body, now)
		if err != nil || v.Scheme != want {
			t.Errorf("Verify = %+v, %v, want %s", v, err, want)
		}
	}
}

const opensslEd25519 = `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA+aYM4E2Sns4zvA2X8nlJeq79WPFqxtrdPM8hi0yIYNI=
-----END PUBLIC KEY-----`

const opensslRSA = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwixJVjbeWEFJAQXwT+/C
aXI0Ok9ViLlMxj6kauZm0JdEdPnyJP+vW17QH/13h7PYhD5eC7V19WRBLzHnUba8
yUpH+1FKChZfbMcFG3PaMGgdXPzHebZemxr8pG3NviImRJC4OghKldCD04Oi1g5J
On/47Mn7xILmGhAcf6Gm0ubG8ZHLAJoVCLvvMk6wHNVpPGPlbmuzDXGuXYkUuSli
hqRldGvAHaJ1KrN8Bnsj87vku2rhhz7ITsBSXUMmC/PCGUCWDS2NTkDC8EdvU1Tb
NpGuiuyIW1vq0RDW+6ftyGF2nOOrsF08PRly2Fes+LCdW/ITnjta+BNDdv9MLk+u
YQIDAQAB
-----END PUBLIC KEY-----`

const opensslRSASignature = "Z82dhZjBvNiYdCxrk/W3+MDGsZv1zdeEyb/J8G9WypX0XwM1wHrGWYM7pNzCzo7GBLwS2MtNi9J9pxCcX7LpQuioecNy7vAYbsVNIEz8LB65NW6aRfWr2VfCS2ya3DxDoaVLmZRPQX3OgzMew/bi2/AbHRVx2nd9I3i/bTwBcygGYqCIV0dYzsDTU3mk5CuE1zxGVxCAG0cYGO7MFHTYVHxBt/EPGufTrswCrwpaEyZZmuDzbgEqX/QwFCZQ48Gp6hxOjeLQU1ZCkkm8QtYsGuNmCnJkhlf9ghCnBKHI3HHjqUPCi+1eSy+hQHlz7R0SS8F0juXX4xTQFna1OTmUGA=="
