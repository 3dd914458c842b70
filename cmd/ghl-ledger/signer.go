package main

import (
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// signer is what a delivery of ours proves itself with: the key that was
// given, else the shared secret, else the workflow token.
type signer struct {
	Key    string   `placeholder:"FILE" help:"Private key (PEM) to sign with as GoHighLevel does, instead of the secret. The service needs its public half in GHL_WEBHOOK_PUBLIC_KEYS."`
	Secret []string `name:"ghl-webhook-secret" hidden:""`
	Tokens []string `name:"ghl-workflow-token" hidden:""`
	Signed string   `name:"ghl-webhook-signed" hidden:"" default:"timestamp.body"`
}

// sign returns where a body goes, which depends on what it proves itself with,
// and the headers that prove it.
func (s *signer) sign(to string, kind ghl.Type, dialect ghl.Dialect, body []byte, now time.Time) (target string, headers map[string]string, err error) {
	switch {
	case dialect == ghl.Workflow && len(s.Tokens) == 0:
		return "", nil, errors.New("a workflow's body has no signature: set GHL_WORKFLOW_TOKEN as the service has it")
	case dialect == ghl.Workflow:
		return s.workflow(to, kind)
	case s.Key != "":
		headers, err = signWith(s.Key, body)
		return to, headers, err
	case len(s.Secret) > 0 && s.Signed == "body":
		return to, map[string]string{"X-GHL-Signature": ghl.SignHMAC(s.Secret[0], "", body)}, nil
	case len(s.Secret) > 0:
		stamp := ghl.Timestamp(now)
		return to, map[string]string{"X-GHL-Timestamp": stamp, "X-GHL-Signature": ghl.SignHMAC(s.Secret[0], stamp, body)}, nil
	case len(s.Tokens) > 0:
		return s.workflow(to, kind)
	}
	return "", nil, errors.New("nothing to sign with: set GHL_WEBHOOK_SECRET or GHL_WORKFLOW_TOKEN as the service has it, or give --key")
}

// workflow is where a workflow sends to, and the token that it sends.
func (s *signer) workflow(to string, kind ghl.Type) (target string, headers map[string]string, err error) {
	return to + "/workflow/" + url.PathEscape(string(kind)), map[string]string{"Authorization": "Bearer " + s.Tokens[0]}, nil
}

// signWith signs with a private key as GoHighLevel does.
func signWith(file string, body []byte) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	key, err := ghl.ParsePrivateKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if key, ok := key.(*rsa.PrivateKey); ok {
		sig, err := ghl.SignRSA(key, body)
		return map[string]string{"X-WH-Signature": sig}, err
	}
	return map[string]string{"X-GHL-Signature": ghl.SignEd25519(key.(ed25519.PrivateKey), body)}, nil
}
