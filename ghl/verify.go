package ghl

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Signature is what a request carries to prove who sent it: every value of
// each header, since a header given twice is refused.
type Signature struct {
	GHL       []string // X-GHL-Signature
	Timestamp []string // X-GHL-Timestamp
	WH        []string // X-WH-Signature

	// Workflow says that the request came to the workflow's path, where a
	// token decides and nothing else.
	Workflow  bool
	Bearer    []string // Authorization
	Token     []string // X-GHL-Token
	PathToken string   // the path's last part, where GoHighLevel cannot set headers
}

// SignatureFrom reads a Signature from a request's headers. Pass
// r.Header.Values: a look into the map itself by "X-GHL-Signature" finds
// nothing, for Go's canonical form is X-Ghl-Signature.
func SignatureFrom(values func(name string) []string) Signature {
	return Signature{
		GHL:       values("X-GHL-Signature"),
		Timestamp: values("X-GHL-Timestamp"),
		WH:        values("X-WH-Signature"),
		Bearer:    values("Authorization"),
		Token:     values("X-GHL-Token"),
	}
}

// The schemes of signing.
const (
	SchemeHMAC    = "hmac"
	SchemeEd25519 = "ed25519"
	SchemeRSA     = "rsa"
	SchemeToken   = "token"
)

// Verified is how a delivery was verified.
type Verified struct {
	Scheme   string
	KeyName  string
	SignedAt time.Time // X-GHL-Timestamp; zero for the other schemes
}

// ErrSignature is the one answer to the outside, whatever was wrong. The error
// of Verify wraps it with the reason, which is for our own log; it holds
// neither secrets nor what the request carried.
var ErrSignature = errors.New("invalid signature")

// Verify says who signed body, or fails with ErrSignature. It works on the
// bytes as received, takes the scheme from the headers' presence and the keys
// from the configuration alone, and tries every secret in any case, so that
// its time does not tell which one was nearly right.
func (k Keys) Verify(s Signature, body []byte, now time.Time) (Verified, error) {
	v, err := k.verify(s, body, now)
	if err != nil {
		return Verified{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return v, nil
}

func (k Keys) verify(s Signature, body []byte, now time.Time) (Verified, error) {
	scheme, err := k.scheme(s)
	if err != nil {
		return Verified{}, err
	}
	switch scheme {
	case SchemeHMAC:
		return k.verifyHMAC(s, body, now)
	case SchemeEd25519:
		return k.verifyEd25519(s.GHL[0], body)
	case SchemeRSA:
		return k.verifyRSA(s.WH[0], body)
	}
	return k.verifyToken(s)
}

// unsigned is what GoHighLevel writes into a header instead of leaving it out.
const unsigned = "N/A"

// scheme tells which scheme a request is to be judged by.
func (k Keys) scheme(s Signature) (string, error) {
	for _, h := range []struct {
		name   string
		values []string
	}{
		{"X-GHL-Signature", s.GHL}, {"X-GHL-Timestamp", s.Timestamp}, {"X-WH-Signature", s.WH},
		{"Authorization", s.Bearer}, {"X-GHL-Token", s.Token},
	} {
		if len(h.values) > 1 {
			return "", fmt.Errorf("%s given %d times", h.name, len(h.values))
		}
	}
	switch {
	case s.Workflow:
		return SchemeToken, nil
	case signed(s.GHL) && len(s.Timestamp) > 0:
		return SchemeHMAC, nil
	case signed(s.GHL) && k.BodySigned && looksHMAC(s.GHL[0]):
		return SchemeHMAC, nil
	case signed(s.GHL):
		return SchemeEd25519, nil // decides alone, whatever else is there
	case signed(s.WH):
		return SchemeRSA, nil
	}
	return "", errors.New("no signature")
}

func signed(header []string) bool { return len(header) == 1 && header[0] != unsigned }

const hexPrefix = "sha256="

// looksHMAC tells an HMAC in hex from an Ed25519 signature in base64.
func looksHMAC(header string) bool {
	_, err := decodeHMAC(header)
	return err == nil
}

func decodeHMAC(header string) ([]byte, error) {
	digits := strings.TrimPrefix(header, hexPrefix)
	mac, err := hex.DecodeString(digits)
	if err != nil || len(mac) != sha256.Size {
		return make([]byte, sha256.Size), errors.New("want 64 hexadecimal digits")
	}
	return mac, nil
}

func (k Keys) verifyHMAC(s Signature, body []byte, now time.Time) (Verified, error) {
	signedBytes, at, timeErr := k.signedByHMAC(s.Timestamp, body, now)
	mac, macErr := decodeHMAC(s.GHL[0])
	// Also with a bad time or form the work is done: an answer that comes
	// sooner would tell which check failed.
	name := matchSecret(k.Secrets, mac, func(secret string) []byte { return sumHMAC(secret, signedBytes) })
	switch {
	case len(k.Secrets) == 0:
		return Verified{}, errors.New("hmac: no secret is configured")
	case macErr != nil:
		return Verified{}, fmt.Errorf("hmac: %w", macErr)
	case timeErr != nil:
		return Verified{}, fmt.Errorf("hmac: %w", timeErr)
	case name == "":
		return Verified{}, errors.New("hmac: no secret matches")
	}
	return Verified{Scheme: SchemeHMAC, KeyName: name, SignedAt: at}, nil
}

// signedByHMAC returns the bytes that an HMAC is over, and their time.
func (k Keys) signedByHMAC(timestamp []string, body []byte, now time.Time) ([]byte, time.Time, error) {
	if len(timestamp) == 0 { // body mode: else the scheme were another
		return body, time.Time{}, nil
	}
	at, err := checkTimestamp(timestamp[0], now, k.Tolerance)
	if k.BodySigned {
		return body, at, err
	}
	return append([]byte(timestamp[0]+"."), body...), at, err
}

// checkTimestamp reads unix seconds and refuses what is further from now than
// tolerance, on either side.
func checkTimestamp(header string, now time.Time, tolerance time.Duration) (time.Time, error) {
	if len(header) > 15 || !isDigits(header) { // no sign, space, fraction or exponent
		return time.Time{}, errors.New("timestamp: want unix seconds")
	}
	seconds, err := strconv.ParseInt(header, 10, 64)
	if err != nil {
		return time.Time{}, errors.New("timestamp: want unix seconds")
	}
	age := now.Unix() - seconds
	if limit := int64(tolerance / time.Second); age > limit || age < -limit {
		return time.Time{}, fmt.Errorf("timestamp: %d s old, tolerance %v", age, tolerance)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// matchSecret returns the name of the secret whose sum equals want, or "". It
// looks at all of them, in constant time each.
func matchSecret(secrets []Secret, want []byte, sum func(secret string) []byte) string {
	name := ""
	for _, s := range secrets {
		if subtle.ConstantTimeCompare(sum(s.Value), want) == 1 && s.Value != "" {
			name = s.Name
		}
	}
	return name
}

func sumHMAC(secret string, data []byte) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write(data)
	return h.Sum(nil)
}

// decodeBase64 takes standard base64 of exactly size bytes, one encoding only.
func decodeBase64(header string, size int) ([]byte, error) {
	want := fmt.Errorf("want %d bytes in standard base64", size)
	if len(header) != base64.StdEncoding.EncodedLen(size) {
		return nil, want
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(header)
	if err != nil || len(sig) != size {
		return nil, want
	}
	return sig, nil
}

func (k Keys) verifyEd25519(header string, body []byte) (Verified, error) {
	sig, err := decodeBase64(header, ed25519.SignatureSize)
	if err != nil {
		return Verified{}, fmt.Errorf("ed25519: %w", err)
	}
	tried := 0
	for _, key := range k.PublicKeys {
		if len(key.Ed25519) != ed25519.PublicKeySize {
			continue // Verify would panic; Check has said so before
		}
		if tried++; ed25519.Verify(key.Ed25519, body, sig) {
			return Verified{Scheme: SchemeEd25519, KeyName: key.Name}, nil
		}
	}
	return Verified{}, fmt.Errorf("ed25519: none of %d keys matches", tried)
}

func (k Keys) verifyRSA(header string, body []byte) (Verified, error) {
	if !k.AcceptRSA {
		return Verified{}, errors.New("rsa: legacy signatures are not accepted")
	}
	digest := sha256.Sum256(body)
	tried := 0
	for _, key := range k.PublicKeys {
		if key.RSA == nil {
			continue
		}
		tried++
		sig, err := decodeBase64(header, key.RSA.Size())
		if err == nil && rsa.VerifyPKCS1v15(key.RSA, crypto.SHA256, digest[:], sig) == nil {
			return Verified{Scheme: SchemeRSA, KeyName: key.Name}, nil
		}
	}
	return Verified{}, fmt.Errorf("rsa: none of %d keys matches", tried)
}

func (k Keys) verifyToken(s Signature) (Verified, error) {
	token, err := s.token()
	// Compare sums: a comparison of the tokens would tell their length.
	sum := func(token string) []byte { d := sha256.Sum256([]byte(token)); return d[:] }
	name := matchSecret(k.Tokens, sum(token), sum)
	switch {
	case err != nil:
		return Verified{}, fmt.Errorf("token: %w", err)
	case name == "":
		return Verified{}, errors.New("token: none matches")
	}
	return Verified{Scheme: SchemeToken, KeyName: name}, nil
}

// token returns the token that s carries: the path's decides alone, then
// X-GHL-Token, then Authorization.
func (s Signature) token() (string, error) {
	switch {
	case s.PathToken != "":
		return s.PathToken, nil
	case len(s.Token) > 0:
		return s.Token[0], nil
	case len(s.Bearer) == 0:
		return "", errors.New("none given")
	}
	scheme, token, ok := strings.Cut(s.Bearer[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", errors.New("want Authorization: Bearer")
	}
	return token, nil
}
