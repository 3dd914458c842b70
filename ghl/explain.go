package ghl

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Explanation is what a person asks when a signature does not match. It holds
// valid signatures: show it to who holds the keys, never to a sender.
type Explanation struct {
	Scheme   string     `json:"scheme"`             // what the request was taken for; empty if it could not be told
	Verified bool       `json:"verified"`           //
	KeyName  string     `json:"key,omitempty"`      // which key verified
	Reason   string     `json:"reason,omitempty"`   // why it did not
	Signed   string     `json:"signed,omitempty"`   // which bytes are signed in this scheme, in words
	SHA256   string     `json:"sha256,omitempty"`   // of those bytes, in hex
	SignedAt time.Time  `json:"signed_at,omitzero"` // the timestamp, tolerated or not
	Age      Age        `json:"age,omitempty"`      // of the timestamp; negative if it is ahead
	Expected []Expected `json:"expected,omitempty"` // hmac: what each secret makes of those bytes
	Hints    []string   `json:"hints,omitempty"`    // mistakes that would explain what was received
}

// Age is a duration written as 6m10s in JSON.
type Age time.Duration

// MarshalText writes a as time.Duration does.
func (a Age) MarshalText() ([]byte, error) { return []byte(time.Duration(a).String()), nil }

// Expected is the signature that a key would have made.
type Expected struct {
	KeyName   string `json:"key"`
	Signature string `json:"signature"`
}

// Explain says how Verify sees the request, and what is likely to be wrong.
func (k Keys) Explain(s Signature, body []byte, now time.Time) Explanation {
	var x Explanation
	v, err := k.verify(s, body, now)
	x.Verified, x.KeyName = err == nil, v.KeyName
	if err != nil {
		x.Reason = err.Error()
	}
	x.Scheme, err = k.scheme(s)
	if err != nil {
		return x
	}
	switch x.Scheme {
	case SchemeHMAC:
		k.explainHMAC(&x, s, body, now)
	case SchemeEd25519, SchemeRSA:
		x.signs(fmt.Sprintf("the body alone, %d bytes as received", len(body)), body)
		k.explainPublic(&x, s, body)
	case SchemeToken:
		x.Signed = "nothing: a token only says who knows it"
		k.hintToken(&x, s)
	}
	return x
}

func (x *Explanation) signs(words string, data []byte) {
	sum := sha256.Sum256(data)
	x.Signed, x.SHA256 = words, hex.EncodeToString(sum[:])
}

func (x *Explanation) hint(format string, args ...any) {
	x.Hints = append(x.Hints, fmt.Sprintf(format, args...))
}

func (k Keys) explainHMAC(x *Explanation, s Signature, body []byte, now time.Time) {
	data, _, _ := k.signedByHMAC(s.Timestamp, body, now)
	words := fmt.Sprintf("the body alone, %d bytes as received", len(body))
	if len(data) != len(body) {
		words = fmt.Sprintf("%q, then the body, %d bytes as received", s.Timestamp[0]+".", len(body))
	}
	x.signs(words, data)
	for _, secret := range k.Secrets {
		x.Expected = append(x.Expected, Expected{secret.Name, hex.EncodeToString(sumHMAC(secret.Value, data))})
	}
	if len(s.Timestamp) > 0 {
		x.explainTime(s.Timestamp[0], now, k.Tolerance)
	}
	if !x.Verified {
		k.hintHMAC(x, s, body)
	}
}

func (x *Explanation) explainTime(header string, now time.Time, tolerance time.Duration) {
	seconds, err := strconv.ParseInt(header, 10, 64)
	if err != nil {
		return
	}
	if seconds > 1e11 {
		x.hint("the timestamp is in milliseconds: send seconds")
		return
	}
	x.SignedAt = time.Unix(seconds, 0).UTC()
	age := now.Sub(x.SignedAt).Truncate(time.Second)
	x.Age = Age(age)
	if age.Abs() > tolerance+time.Second {
		x.hint("the timestamp is %v from this machine's clock, tolerated are %v: check both clocks, and that a retry signs anew", age, tolerance)
	}
}

// hintHMAC tries what senders get wrong most often.
func (k Keys) hintHMAC(x *Explanation, s Signature, body []byte) {
	received := s.GHL[0]
	for _, secret := range k.Secrets {
		if received == secret.Value {
			x.hint("the signature is %s itself: send the HMAC made with it", secret.Name)
		}
		for _, m := range mistakes(s, body) {
			for _, value := range []string{secret.Value, secret.Value + "\n"} {
				if sameMAC(received, sumHMAC(value, m.data)) {
					x.hint("it matches %s made over %s%s", secret.Name, m.words, newline(value, secret.Value))
				}
			}
		}
	}
	if _, err := hex.DecodeString(strings.TrimPrefix(received, hexPrefix)); err != nil {
		x.hint("the signature is not hexadecimal")
	}
}

func newline(used, configured string) string {
	if used == configured {
		return ""
	}
	return ", with a line break at the end of the secret"
}

// sameMAC compares in any encoding, and with spaces around.
func sameMAC(received string, mac []byte) bool {
	received = strings.TrimPrefix(strings.TrimSpace(received), hexPrefix)
	for _, encode := range []func([]byte) string{
		hex.EncodeToString, base64.StdEncoding.EncodeToString, base64.URLEncoding.EncodeToString, base64.RawURLEncoding.EncodeToString,
	} {
		if hmac.Equal([]byte(received), []byte(encode(mac))) {
			return true
		}
	}
	return false
}

type mistake struct {
	words string
	data  []byte
}

// mistakes are the bytes that a sender may have signed instead.
func mistakes(s Signature, body []byte) []mistake {
	bodies := []mistake{
		{"the body", body},
		{"the body with a line break at its end", append(bytes.Clone(body), '\n')},
		{"the body without the line break at its end", bytes.TrimRight(body, "\r\n")},
	}
	if compact := jsontext.Value(bytes.Clone(body)); compact.Compact() == nil {
		bodies = append(bodies, mistake{"the body written anew without spaces (sign the bytes that are sent)", compact})
	}
	all := bodies
	if len(s.Timestamp) > 0 {
		for _, b := range bodies {
			all = append(all, mistake{"timestamp, dot and " + b.words, append([]byte(s.Timestamp[0]+"."), b.data...)})
		}
		all = append(all, mistake{"timestamp and body without a dot", append([]byte(s.Timestamp[0]), body...)})
	}
	return distinct(all)
}

// distinct drops what is the same bytes in other words, or one mistake would
// be named as three.
func distinct(all []mistake) (kept []mistake) {
	for _, m := range all {
		if !slices.ContainsFunc(kept, func(k mistake) bool { return bytes.Equal(k.data, m.data) }) {
			kept = append(kept, m)
		}
	}
	return kept
}

// hintToken says what senders of a token get wrong most often, without showing it.
func (k Keys) hintToken(x *Explanation, s Signature) {
	if x.Verified {
		return
	}
	if len(k.Tokens) == 0 {
		x.hint("GHL_WORKFLOW_TOKEN is not set: nothing is taken at a workflow's address")
	}
	received, err := s.token()
	if err != nil && len(s.Bearer) > 0 {
		received = s.Bearer[0]
		x.hint("the header is Authorization: Bearer, a blank, and the token")
	}
	same := func(text, token string) bool { return hmac.Equal([]byte(text), []byte(token)) }
	unescaped, err := url.PathUnescape(received)
	for _, t := range k.Tokens {
		switch {
		case same(received, t.Value):
		case same(strings.Trim(received, " \t\r\n\"'<>"), t.Value), same(strings.TrimPrefix(received, "Bearer "), t.Value):
			x.hint("it is %s with something around it: send the token alone", t.Name)
		case err == nil && same(unescaped, t.Value):
			x.hint("it is %s, escaped once too often", t.Name)
		case strings.EqualFold(received, t.Value):
			x.hint("it is %s in another case", t.Name)
		case len(received) >= 8 && strings.HasPrefix(t.Value, received):
			x.hint("it is the beginning of %s: it was cut off", t.Name)
		}
	}
	for _, secret := range k.Secrets {
		if same(received, secret.Value) {
			x.hint("it is %s, which only signs: the token is GHL_WORKFLOW_TOKEN", secret.Name)
		}
	}
}

func (k Keys) explainPublic(x *Explanation, s Signature, body []byte) {
	if x.Verified {
		return
	}
	if x.Scheme == SchemeRSA {
		if !k.AcceptRSA {
			x.hint("X-WH-Signature is taken only with GHL_ACCEPT_LEGACY_RSA=true")
		}
		return
	}
	received := s.GHL[0]
	if looksHMAC(received) {
		x.hint("64 hexadecimal digits are an HMAC: its sender must send X-GHL-Timestamp too, or set GHL_WEBHOOK_SIGNED=body")
		return
	}
	for _, b := range mistakes(Signature{}, body) {
		for _, key := range k.PublicKeys {
			if sig := looseSignature(received); sig != nil && len(key.Ed25519) == ed25519.PublicKeySize && ed25519.Verify(key.Ed25519, b.data, sig) {
				x.hint("it matches %s over %s: send it in standard base64, made over the bytes that are sent", key.Name, b.words)
			}
		}
	}
}

// looseSignature reads an Ed25519 signature in the encodings that Verify refuses.
func looseSignature(header string) []byte {
	header = strings.TrimSpace(header)
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString, base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if sig, err := decode(header); err == nil && len(sig) == ed25519.SignatureSize {
			return sig
		}
	}
	return nil
}
