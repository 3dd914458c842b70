package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	opensslApp      = "app_of_the_tests"
	opensslLocation = "location_of_the_tests"
)

// TestOpenSSL stands outside: keys and signatures are OpenSSL's, the service is
// the program, and what it may refuse or take is told by its answers alone.
func TestOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("there is no openssl here")
	}
	p := newProcess(t, map[string]string{"GHL_APP_ID": opensslApp, "GHL_LOCATION_ID": opensslLocation, "GHL_ACCEPT_LEGACY_RSA": "true"})
	signers := []opensslSigner{
		newOpenSSLSigner(t, p.dir, "ed25519", "X-GHL-Signature", "-algorithm", "ed25519"),
		newOpenSSLSigner(t, p.dir, "rsa", "X-WH-Signature", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
	}
	p.env = append(p.env, "GHL_WEBHOOK_PUBLIC_KEYS="+signers[0].public+","+signers[1].public)
	p.start()
	for i, s := range signers {
		body := opensslBody(s.scheme, opensslApp, opensslLocation)
		sig := s.sign(body)
		for _, tt := range s.spoiled(body, sig) {
			if got := p.send(tt.body, tt.headers); got != http.StatusUnauthorized {
				t.Errorf("%s, %s: answered %d, want 401", s.scheme, tt.name, got)
			} else {
				t.Logf("%s, %s: %d", s.scheme, tt.name, got)
			}
		}
		other := opensslBody(s.scheme+"-app", "another_app", opensslLocation)
		elsewhere := opensslBody(s.scheme+"-location", opensslApp, "another_location")
		for _, tt := range []opensslCase{
			{"right", body, http.Header{s.header: {base64.StdEncoding.EncodeToString(sig)}}, 200},
			{"right, and the other header N/A", body, http.Header{s.header: {base64.StdEncoding.EncodeToString(sig)}, signers[1-i].header: {"N/A"}}, 200},
			{"another app", other, http.Header{s.header: {base64.StdEncoding.EncodeToString(s.sign(other))}}, 403},
			{"another location", elsewhere, http.Header{s.header: {base64.StdEncoding.EncodeToString(s.sign(elsewhere))}}, 403},
		} {
			got := p.send(tt.body, tt.headers)
			if got != tt.want {
				t.Errorf("%s, %s: answered %d, want %d", s.scheme, tt.name, got, tt.want)
			}
			t.Logf("%s, %s: %d", s.scheme, tt.name, got)
		}
	}
	checkOpenSSLEntries(t, p, signers)
}

// checkOpenSSLEntries looks at what the service keeps of it all: for each
// scheme one event, whole, by its own key, and two deliveries apart.
func checkOpenSSLEntries(t *testing.T, p *process, signers []opensslSigner) {
	t.Helper()
	type event struct{ ID, Kind, Scheme string }
	events := list[event](p, "/api/v1/events?kind=contact.created,event.quarantined")
	if len(events) != 3*len(signers) {
		t.Errorf("%d entries, want %d: what was refused is not kept", len(events), 3*len(signers))
	}
	for i, s := range signers {
		n := slices.IndexFunc(events, func(e event) bool { return e.Kind == "contact.created" && e.Scheme == s.scheme })
		if n < 0 {
			t.Errorf("no event by %s in %+v", s.scheme, events)
			continue
		}
		var one struct {
			Body     string `json:"body"`
			Verified struct {
				Scheme string `json:"scheme"`
				Key    string `json:"key_name"`
			} `json:"verified_by"`
		}
		p.get("/api/v1/events/"+events[n].ID, &one)
		key := fmt.Sprintf("key-%d", i+1)
		if one.Body != string(opensslBody(s.scheme, opensslApp, opensslLocation)) || one.Verified.Scheme != s.scheme || one.Verified.Key != key {
			t.Errorf("%s: the entry is %+v, want the bytes sent, verified by %s", s.scheme, one, key)
		}
		t.Logf("%s: entry %s, verified by %s", s.scheme, events[n].ID, one.Verified.Key)
	}
}

// opensslBody is a contact of GoHighLevel's own dialect.
func opensslBody(name, app, location string) []byte {
	return fmt.Appendf(nil, `{"type":"ContactCreate","id":"c-%s","firstName":"Ada","locationId":%q,"appId":%q,"webhookId":"w-%s"}`, name, location, app, name)
}

// opensslSigner signs with a key that OpenSSL made.
type opensslSigner struct {
	t                    *testing.T
	scheme, header       string
	dir, private, public string
}

func newOpenSSLSigner(t *testing.T, dir, scheme, header string, algorithm ...string) opensslSigner {
	s := opensslSigner{t: t, scheme: scheme, header: header, dir: dir,
		private: filepath.Join(dir, scheme+".key"), public: filepath.Join(dir, scheme+".pem")}
	s.openssl(append([]string{"genpkey", "-out", s.private}, algorithm...)...)
	s.openssl("pkey", "-in", s.private, "-pubout", "-out", s.public)
	return s
}

func (s opensslSigner) openssl(args ...string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "openssl", args...).CombinedOutput(); err != nil {
		s.t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (s opensslSigner) sign(body []byte) []byte {
	s.t.Helper()
	in, out := filepath.Join(s.dir, "body"), filepath.Join(s.dir, "signature")
	if err := os.WriteFile(in, body, 0o600); err != nil {
		s.t.Fatal(err)
	}
	if s.scheme == "rsa" {
		s.openssl("dgst", "-sha256", "-sign", s.private, "-out", out, in)
	} else {
		s.openssl("pkeyutl", "-sign", "-inkey", s.private, "-rawin", "-in", in, "-out", out)
	}
	sig, err := os.ReadFile(out)
	if err != nil {
		s.t.Fatal(err)
	}
	return sig
}

type opensslCase struct {
	name    string
	body    []byte
	headers http.Header
	want    int
}

// spoiled are the ways to spoil a delivery that sig is right for.
func (s opensslSigner) spoiled(body, sig []byte) []opensslCase {
	right := base64.StdEncoding.EncodeToString(sig)
	flip := func(b []byte, i int) []byte { b = bytes.Clone(b); b[i] ^= 1; return b }
	header := func(values ...string) http.Header { return http.Header{s.header: values} }
	return []opensslCase{
		{name: "a byte of the body changed", body: flip(body, len(body)/2), headers: header(right)},
		{name: "the last byte of the body changed", body: flip(body, len(body)-1), headers: header(right)},
		{name: "a byte of the signature changed", body: body, headers: header(base64.StdEncoding.EncodeToString(flip(sig, 7)))},
		{name: "the signature's last byte changed", body: body, headers: header(base64.StdEncoding.EncodeToString(flip(sig, len(sig)-1)))},
		{name: "a byte of the header's name changed", body: body, headers: http.Header{s.header[:len(s.header)-1] + "f": {right}}},
		{name: "a letter of the header changed", body: body, headers: header("*" + right[1:])},
		{name: "header missing", body: body},
		{name: "empty", body: body, headers: header("")},
		{name: "N/A", body: body, headers: header("N/A")},
		{name: "doubled", body: body, headers: header(right, right)},
		{name: "hex", body: body, headers: header(hex.EncodeToString(sig))},
		{name: "10 kB", body: body, headers: header(strings.Repeat(right, 10_000/len(right)+1)[:10_000])},
	}
}

// send posts a delivery and returns the status. Header names go as they stand.
func (p *process) send(body []byte, headers http.Header) int {
	p.t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+p.public+"/webhooks/ghl", bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header = headers.Clone()
	resp, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}
