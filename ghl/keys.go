package ghl

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Keys are what may verify a delivery. The zero Keys verify nothing. They are
// read-only once in use: replace the whole to rotate.
type Keys struct {
	Secrets    []Secret      // hmac; any one verifies
	Tolerance  time.Duration // both sides of now, for X-GHL-Timestamp
	BodySigned bool          // hmac over the body alone; the timestamp is checked if there is one
	PublicKeys []PublicKey   // ed25519 and rsa; any one of the scheme's kind verifies
	AcceptRSA  bool          // take X-WH-Signature
	Tokens     []Secret      // workflow tokens; any one verifies
}

// Secret is a shared secret and the name under which it may be logged.
type Secret struct{ Name, Value string }

// String keeps the value out of logs and errors.
func (s Secret) String() string { return "Secret(" + s.Name + ")" }

// GoString keeps the value out of %#v.
func (s Secret) GoString() string { return s.String() }

// NewSecrets names secrets by their place: kind-1, kind-2, …
func NewSecrets(kind string, values ...string) []Secret {
	secrets := make([]Secret, len(values))
	for i, v := range values {
		secrets[i] = Secret{Name: fmt.Sprintf("%s-%d", kind, i+1), Value: v}
	}
	return secrets
}

// PublicKey verifies ed25519 or rsa: one of the two is set.
type PublicKey struct {
	Name    string
	Ed25519 ed25519.PublicKey
	RSA     *rsa.PublicKey
}

// Check reports what is wrong with k: an empty secret would let everybody in,
// and a public key of the wrong length makes crypto/ed25519 panic.
func (k Keys) Check() error {
	for _, s := range append(append([]Secret(nil), k.Secrets...), k.Tokens...) {
		if strings.TrimSpace(s.Value) == "" {
			return fmt.Errorf("%s is empty", s.Name)
		}
	}
	for _, p := range k.PublicKeys {
		if (p.Ed25519 == nil) == (p.RSA == nil) {
			return fmt.Errorf("public key %s: want Ed25519 or RSA", p.Name)
		}
		if p.Ed25519 != nil && len(p.Ed25519) != ed25519.PublicKeySize {
			return fmt.Errorf("public key %s: %d bytes, want %d", p.Name, len(p.Ed25519), ed25519.PublicKeySize)
		}
	}
	return nil
}

// Empty reports whether k can verify nothing at all.
func (k Keys) Empty() bool {
	return len(k.Secrets) == 0 && len(k.Tokens) == 0 && len(k.PublicKeys) == 0
}

// minRSABits is the least RSA key worth trusting.
const minRSABits = 2048

// ParsePublicKey reads a key in PEM (PUBLIC KEY), or in base64: 32 bytes are
// an Ed25519 key, more are the DER of either kind.
func ParsePublicKey(name, text string) (PublicKey, error) {
	key := PublicKey{Name: name}
	der, err := keyBytes(text, "PUBLIC KEY")
	if err != nil {
		return key, fmt.Errorf("public key %s: %w", name, err)
	}
	if len(der) == ed25519.PublicKeySize {
		key.Ed25519 = der
		return key, nil
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return key, fmt.Errorf("public key %s: neither 32 bytes nor a PKIX key", name)
	}
	switch parsed := parsed.(type) {
	case ed25519.PublicKey:
		key.Ed25519 = parsed
	case *rsa.PublicKey:
		if parsed.N.BitLen() < minRSABits {
			return key, fmt.Errorf("public key %s: RSA of %d bits, want %d", name, parsed.N.BitLen(), minRSABits)
		}
		key.RSA = parsed
	default:
		return key, fmt.Errorf("public key %s: want Ed25519 or RSA, not %T", name, parsed)
	}
	return key, nil
}

var errKeyText = errors.New("neither PEM nor base64")

// keyBytes returns what PEM of the given kind, or base64, holds.
func keyBytes(text, kind string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if block, _ := pem.Decode([]byte(text)); block != nil {
		if block.Type != kind {
			return nil, fmt.Errorf("PEM of a %s, want %s", block.Type, kind)
		}
		return block.Bytes, nil
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(der) == 0 {
		return nil, errKeyText
	}
	return der, nil
}

// GoHighLevel's own keys, the same for all its apps and customers: a valid
// signature says that GoHighLevel sent this to somebody, and only the body's
// appId and locationId say to whom.
const (
	platformEd25519 = "MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg="
	platformRSA     = `-----BEGIN PUBLIC KEY-----
MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEAokvo/r9tVgcfZ5DysOSC
Frm602qYV0MaAiNnX9O8KxMbiyRKWeL9JpCpVpt4XHIcBOK4u3cLSqJGOLaPuXw6
dO0t6Q/ZVdAV5Phz+ZtzPL16iCGeK9po6D6JHBpbi989mmzMryUnQJezlYJ3DVfB
csedpinheNnyYeFXolrJvcsjDtfAeRx5ByHQmTnSdFUzuAnC9/GepgLT9SM4nCpv
uxmZMxrJt5Rw+VUaQ9B8JSvbMPpez4peKaJPZHBbU3OdeCVx5klVXXZQGNHOs8gF
3kvoV5rTnXV0IknLBXlcKKAQLZcY/Q9rG6Ifi9c+5vqlvHPCUJFT5XUGG5RKgOKU
J062fRtN+rLYZUV+BjafxQauvC8wSWeYja63VSUruvmNj8xkx2zE/Juc+yjLjTXp
IocmaiFeAO6fUtNjDeFVkhf5LNb59vECyrHD2SQIrhgXpO4Q3dVNA5rw576PwTzN
h/AMfHKIjE4xQA1SZuYJmNnmVZLIZBlQAF9Ntd03rfadZ+yDiOXCCs9FkHibELhC
HULgCsnuDJHcrGNd5/Ddm5hxGQ0ASitgHeMZ0kcIOwKDOzOU53lDza6/Y09T7sYJ
PQe7z0cvj7aE4B+Ax1ZoZGPzpJlZtGXCsu9aTEGEnKzmsFqwcSsnw3JB31IGKAyk
T1hhTiaCeIY/OwwwNUY2yvcCAwEAAQ==
-----END PUBLIC KEY-----`
)

// PlatformKeys returns GoHighLevel's own public keys, as published in 2026.
func PlatformKeys() []PublicKey {
	keys := make([]PublicKey, 2)
	for i, text := range []string{platformEd25519, platformRSA} {
		key, err := ParsePublicKey([]string{"ghl-ed25519", "ghl-rsa"}[i], text)
		if err != nil {
			panic(err) // a constant of ours
		}
		keys[i] = key
	}
	return keys
}
