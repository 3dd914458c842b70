package ghl

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"time"
)

// Timestamp is t as X-GHL-Timestamp has it.
func Timestamp(t time.Time) string { return fmt.Sprint(t.Unix()) }

// SignHMAC returns X-GHL-Signature as the seed's gateway makes it: over
// "<timestamp>.<body>", or over the body alone if timestamp is "".
func SignHMAC(secret, timestamp string, body []byte) string {
	data := body
	if timestamp != "" {
		data = append([]byte(timestamp+"."), body...)
	}
	return hex.EncodeToString(sumHMAC(secret, data))
}

// SignEd25519 returns X-GHL-Signature as GoHighLevel makes it.
func SignEd25519(key ed25519.PrivateKey, body []byte) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(key, body))
}

// SignRSA returns X-WH-Signature as GoHighLevel made it.
func SignRSA(key *rsa.PrivateKey, body []byte) (string, error) {
	digest := sha256.Sum256(body)
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign with RSA: %w", err)
	}
	return base64.StdEncoding.EncodeToString(sig), nil
}

// ParsePrivateKey reads a key to sign test deliveries with: PEM (PRIVATE KEY)
// or base64 of PKCS #8, or base64 of an Ed25519 seed of 32 bytes. It returns
// an ed25519.PrivateKey or an *rsa.PrivateKey.
func ParsePrivateKey(text string) (crypto.Signer, error) {
	der, err := keyBytes(text, "PRIVATE KEY")
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	if len(der) == ed25519.SeedSize {
		return ed25519.NewKeyFromSeed(der), nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("private key: neither 32 bytes nor PKCS #8")
	}
	switch key := parsed.(type) {
	case ed25519.PrivateKey:
		return key, nil
	case *rsa.PrivateKey:
		return key, nil
	}
	return nil, fmt.Errorf("private key: want Ed25519 or RSA, not %T", parsed)
}
