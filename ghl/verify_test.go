package ghl_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

var (
	now       = time.Date(2026, 1, 10, 15, 30, 0, 500_000_000, time.UTC)
	body      = []byte(`{"type":"contact.created","data":{"contact_id":"contact_1"}}`)
	stamp     = ghl.Timestamp(now)
	edPublic  = edKey.Public().(ed25519.PublicKey)
	edKey     = ed25519.NewKeyFromSeed([]byte("an ed25519 seed of 32 bytes, ok?"))
	otherEd   = ed25519.NewKeyFromSeed([]byte("another ed25519 seed of 32 bytes"))
	rsaKey, _ = rsa.GenerateKey(rand.Reader, 2048)
)

func testKeys() ghl.Keys {
	return ghl.Keys{
		Secrets:   ghl.NewSecrets("secret", "old", "new"),
		Tolerance: 5 * time.Minute,
		PublicKeys: []ghl.PublicKey{
			{Name: "other", Ed25519: otherEd.Public().(ed25519.PublicKey)},
			{Name: "ed", Ed25519: edPublic},
			{Name: "rsa", RSA: &rsaKey.PublicKey},
		},
		AcceptRSA: true,
		Tokens:    ghl.NewSecrets("token", "tok-a", "tok-b"),
	}
}

func TestVerify(t *testing.T) {
	hmac := ghl.SignHMAC("new", stamp, body)
	bare := ghl.SignHMAC("new", "", body)
	ed := ghl.SignEd25519(edKey, body)
	wh, err := ghl.SignRSA(rsaKey, body)
	if err != nil {
		t.Fatal(err)
	}
	at := func(d time.Duration) (string, string) {
		s := ghl.Timestamp(now.Add(d))
		return ghl.SignHMAC("old", s, body), s
	}
	bodySigned := func(k *ghl.Keys) { k.BodySigned = true }
	rsaOff := func(k *ghl.Keys) { k.AcceptRSA = false }
	none := func(k *ghl.Keys) { *k = ghl.Keys{} }
	emptySecret := func(k *ghl.Keys) { k.Secrets = ghl.NewSecrets("secret", "") }
	sig := func(values ...string) ghl.Signature { return ghl.Signature{GHL: values} }
	stamped := func(signature, timestamp string) ghl.Signature {
		return ghl.Signature{GHL: []string{signature}, Timestamp: []string{timestamp}}
	}
	flow := func(s ghl.Signature) ghl.Signature { s.Workflow = true; return s }

	tests := []struct {
		name string
		sig  ghl.Signature
		keys func(*ghl.Keys)
		want string // scheme and key name; empty if refused
	}{
		{name: "hmac", sig: stamped(hmac, stamp), want: "hmac secret-2"},
		{name: "hmac with prefix", sig: stamped("sha256="+hmac, stamp), want: "hmac secret-2"},
		{name: "hmac with the old secret", sig: stamped(at(0)), want: "hmac secret-1"},
		{name: "five minutes old", sig: stamped(at(-5 * time.Minute)), want: "hmac secret-1"},
		{name: "five minutes ahead", sig: stamped(at(5 * time.Minute)), want: "hmac secret-1"},
		{name: "a second too old", sig: stamped(at(-5*time.Minute - time.Second))},
		{name: "a second too far ahead", sig: stamped(at(5*time.Minute + time.Second))},
		{name: "hmac over the body alone", sig: stamped(bare, stamp)},
		{name: "another timestamp than signed", sig: stamped(hmac, ghl.Timestamp(now.Add(time.Second)))},
		{name: "prefix twice", sig: stamped("sha256=sha256="+hmac, stamp)},
		{name: "truncated", sig: stamped(hmac[:62], stamp)},
		{name: "odd number of digits", sig: stamped(hmac[:63], stamp)},
		{name: "space before", sig: stamped(" "+hmac, stamp)},
		{name: "hmac in base64", sig: stamped(base64.StdEncoding.EncodeToString(unhex(hmac)), stamp)},
		{name: "the bare secret", sig: stamped("new", stamp)},
		{name: "timestamp without signature", sig: ghl.Signature{Timestamp: []string{stamp}}},
		{name: "timestamp in milliseconds", sig: stamped(ghl.SignHMAC("new", stamp+"000", body), stamp+"000")},
		{name: "timestamp with a sign", sig: stamped(ghl.SignHMAC("new", "+"+stamp, body), "+"+stamp)},
		{name: "timestamp with a space", sig: stamped(ghl.SignHMAC("new", stamp+" ", body), stamp+" ")},
		{name: "timestamp as exponent", sig: stamped(ghl.SignHMAC("new", "1e10", body), "1e10")},
		{name: "timestamp of 30 digits", sig: stamped(ghl.SignHMAC("new", strings.Repeat("1", 30), body), strings.Repeat("1", 30))},
		{name: "empty timestamp", sig: stamped(bare, "")},
		{name: "signature twice", sig: ghl.Signature{GHL: []string{hmac, hmac}, Timestamp: []string{stamp}}},
		{name: "timestamp twice", sig: ghl.Signature{GHL: []string{hmac}, Timestamp: []string{stamp, stamp}}},
		{name: "no secret", sig: stamped(hmac, stamp), keys: none},
		{name: "empty secret", sig: stamped(ghl.SignHMAC("", stamp, body), stamp), keys: emptySecret},

		{name: "body mode", sig: sig(bare), keys: bodySigned, want: "hmac secret-2"},
		{name: "body mode, prefix", sig: sig("sha256=" + bare), keys: bodySigned, want: "hmac secret-2"},
		{name: "body mode, timestamp", sig: stamped(bare, stamp), keys: bodySigned, want: "hmac secret-2"},
		{name: "body mode, old timestamp", sig: stamped(bare, "1600000000"), keys: bodySigned},
		{name: "body mode, timestamp signed", sig: stamped(hmac, stamp), keys: bodySigned},
		{name: "body mode, ed25519 beside it", sig: sig(ed), keys: bodySigned, want: "ed25519 ed"},
		{name: "body signature without body mode", sig: sig(bare)},

		{name: "ed25519", sig: sig(ed), want: "ed25519 ed"},
		{name: "ed25519 decides alone", sig: ghl.Signature{GHL: []string{ed[1:] + "A"}, WH: []string{wh}}},
		{name: "ed25519 in hex", sig: sig(hex.EncodeToString(ed25519.Sign(edKey, body)))},
		{name: "ed25519 in base64url", sig: sig(strings.NewReplacer("+", "-", "/", "_").Replace(ed) + "\n")},
		{name: "ed25519 without padding", sig: sig(strings.TrimRight(ed, "="))},
		{name: "ed25519 with loose last bits", sig: sig(looseBits(ed))},
		{name: "ed25519 truncated", sig: sig(base64.StdEncoding.EncodeToString(ed25519.Sign(edKey, body)[:63]))},
		{name: "ed25519 twice", sig: sig(ed, ed)},
		{name: "10 kB", sig: sig(strings.Repeat("A", 10_000))},
		{name: "empty", sig: sig("")},
		{name: "N/A", sig: sig("N/A")},
		{name: "nothing", sig: ghl.Signature{}},
		{name: "ed25519, no keys", sig: sig(ed), keys: none},

		{name: "rsa", sig: ghl.Signature{WH: []string{wh}}, want: "rsa rsa"},
		{name: "rsa beside N/A", sig: ghl.Signature{GHL: []string{"N/A"}, WH: []string{wh}}, want: "rsa rsa"},
		{name: "rsa not enabled", sig: ghl.Signature{WH: []string{wh}}, keys: rsaOff},
		{name: "rsa N/A", sig: ghl.Signature{WH: []string{"N/A"}}},
		{name: "rsa empty", sig: ghl.Signature{WH: []string{""}}},
		{name: "rsa twice", sig: ghl.Signature{WH: []string{wh, wh}}},
		{name: "rsa beside an empty X-GHL-Signature", sig: ghl.Signature{GHL: []string{""}, WH: []string{wh}}},
		{name: "rsa under the other name", sig: sig(wh)},

		{name: "bearer", sig: flow(ghl.Signature{Bearer: []string{"Bearer tok-b"}}), want: "token token-2"},
		{name: "bearer in lower case", sig: flow(ghl.Signature{Bearer: []string{"bearer tok-a"}}), want: "token token-1"},
		{name: "token header", sig: flow(ghl.Signature{Token: []string{"tok-a"}}), want: "token token-1"},
		{name: "token in the path", sig: flow(ghl.Signature{PathToken: "tok-a"}), want: "token token-1"},
		{name: "token in the path, basic beside it", sig: flow(ghl.Signature{PathToken: "tok-a", Bearer: []string{"Basic eDp5"}}), want: "token token-1"},
		{name: "basic", sig: flow(ghl.Signature{Bearer: []string{"Basic dG9rLWE6"}})},
		{name: "wrong token", sig: flow(ghl.Signature{Token: []string{"tok-c"}})},
		{name: "empty token", sig: flow(ghl.Signature{Token: []string{""}})},
		{name: "no token", sig: flow(ghl.Signature{})},
		{name: "token twice", sig: flow(ghl.Signature{Token: []string{"tok-a", "tok-a"}})},
		{name: "token on the other path", sig: ghl.Signature{Token: []string{"tok-a"}}},
		{name: "signature on the workflow path", sig: flow(sig(ed))},
		{name: "no tokens configured", sig: flow(ghl.Signature{Token: []string{""}}), keys: none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			keys := testKeys()
			if tt.keys != nil {
				tt.keys(&keys)
			}
			v, err := keys.Verify(tt.sig, body, now)
			if got := strings.TrimSpace(v.Scheme + " " + v.KeyName); got != tt.want {
				t.Errorf("Verify = %q, want %q (%v)", got, tt.want, err)
			}
			if tt.want == "" && !errors.Is(err, ghl.ErrSignature) {
				t.Errorf("Verify error = %v, want ErrSignature", err)
			}
		})
	}
}

func TestVerifyEveryBit(t *testing.T) {
	wh, err := ghl.SignRSA(rsaKey, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, sig := range []ghl.Signature{
		{GHL: []string{ghl.SignHMAC("new", stamp, body)}, Timestamp: []string{stamp}},
		{GHL: []string{ghl.SignEd25519(edKey, body)}},
		{WH: []string{wh}},
	} {
		for i := range len(body) * 8 {
			changed := []byte(string(body))
			changed[i/8] ^= 1 << (i % 8)
			if v, err := testKeys().Verify(sig, changed, now); err == nil {
				t.Fatalf("%s: bit %d of the body changed, still verified", v.Scheme, i)
			}
		}
	}
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	keys := testKeys()
	keys.Secrets = ghl.NewSecrets("secret", "canary-secret")
	keys.Tokens = ghl.NewSecrets("token", "canary-secret")
	for _, sig := range []ghl.Signature{
		{GHL: []string{"canary-signature"}, Timestamp: []string{"canary-time"}},
		{GHL: []string{"canary-signature"}},
		{WH: []string{"canary-signature"}},
		{Workflow: true, Bearer: []string{"canary-scheme canary-token"}},
		{Workflow: true, PathToken: "canary-token"},
	} {
		if _, err := keys.Verify(sig, body, now); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("Verify error = %v, want one without what was sent", err)
		}
	}
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// looseBits changes bits of the last base64 digit that decode to nothing.
func looseBits(s string) string {
	i := strings.IndexByte(s, '=') - 1
	return s[:i] + string(s[i]+1) + s[i+1:]
}

// FuzzVerify: no signature that nobody made is taken, whatever stands in the
// headers, and what is explained of it is what was decided.
func FuzzVerify(f *testing.F) {
	f.Add(ghl.SignHMAC("new", stamp, body), stamp, "", "Bearer tok-c", true, false)
	f.Add(ghl.SignHMAC("new", "", body), stamp, "", "tok-a", false, true)
	f.Add(ghl.SignEd25519(edKey, body), "", "N/A", "", false, false)
	f.Add("N/A", "", base64.StdEncoding.EncodeToString(make([]byte, 256)), "bearer  ", false, false)
	f.Fuzz(func(t *testing.T, sig, timestamp, wh, bearer string, workflow, bodySigned bool) {
		s := ghl.Signature{GHL: []string{sig}, WH: []string{wh}, Bearer: []string{bearer}, Workflow: workflow}
		if timestamp != "" {
			s.Timestamp = []string{timestamp}
		}
		keys, data := testKeys(), []byte(sig+wh) // signed by nobody, since it holds its own signature
		keys.BodySigned = bodySigned
		v, err := keys.Verify(s, data, now)
		switch {
		case err == nil && v.Scheme == ghl.SchemeToken && workflow && strings.Contains(bearer, "tok-"):
		case err == nil:
			t.Errorf("Verify(%+v) = %v for a signature nobody made", s, v)
		case !errors.Is(err, ghl.ErrSignature):
			t.Errorf("Verify(%+v) error = %v, want ErrSignature", s, err)
		}
		if x := keys.Explain(s, data, now); x.Verified != (err == nil) || x.KeyName != v.KeyName {
			t.Errorf("explained as %+v, decided %v, %v", x, v, err)
		}
	})
}

var digits = regexp.MustCompile(`^[0-9]{1,15}$`)

// FuzzTimestamp: of timestamps that are rightly signed, exactly those are taken
// that are unix seconds within the tolerance.
func FuzzTimestamp(f *testing.F) {
	for _, s := range []string{stamp, "-1", "+1", " 1", "1e10", "NaN", "0x10", strings.Repeat("9", 30), "1768059000.5", "000" + stamp, stamp + "\n"} {
		f.Add(s, int64(0))
	}
	f.Fuzz(func(t *testing.T, timestamp string, clock int64) {
		at := now.Add(time.Duration(clock%1e12) * time.Microsecond)
		s := ghl.Signature{GHL: []string{ghl.SignHMAC("new", timestamp, body)}, Timestamp: []string{timestamp}}
		v, err := testKeys().Verify(s, body, at)
		want := digits.MatchString(timestamp)
		n, _ := strconv.ParseInt(timestamp, 10, 64)
		want = want && n >= at.Unix()-300 && n <= at.Unix()+300
		if want != (err == nil) || want && v.SignedAt.Unix() != n {
			t.Errorf("timestamp %q at %v: %v, %v, want taken %v", timestamp, at, v.SignedAt, err, want)
		}
	})
}
