package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

type triggerCmd struct {
	Type    string `arg:"" help:"The event: contact.created, opportunity.won, … (a wrong one lists them)."`
	Dialect string `enum:"seed,ghl" default:"seed" help:"Shape of the body: ${enum}."`
	Contact string `default:"contact_sample" help:"The contact that it is about."`
	To      string `placeholder:"URL" help:"Where to send it; the service of this machine if not given."`
	Key     string `placeholder:"FILE" help:"Private key (PEM) to sign with as GoHighLevel does, instead of the secret. The service needs its public half in GHL_WEBHOOK_PUBLIC_KEYS."`
	Print   bool   `help:"Print the body instead of sending it."`
	Output  string `enum:"table,json" default:"table" help:"${enum}."`

	Secret   []string `name:"ghl-webhook-secret" hidden:""`
	Tokens   []string `name:"ghl-workflow-token" hidden:""`
	Location []string `name:"ghl-location-id" hidden:""`
	AppID    string   `name:"ghl-app-id" hidden:""`
	Listen   string   `name:"ledger-listen" hidden:"" default:"127.0.0.1:8080"`
	Signed   string   `name:"ghl-webhook-signed" hidden:"" default:"timestamp.body"`
}

// Run sends a signed sample and prints the service's answer.
func (c *triggerCmd) Run(ctx context.Context, con *console) error {
	kind := ghl.Type(c.Type)
	if !slices.Contains(ghl.SampleTypes(), kind) {
		return fmt.Errorf("no sample of %q; there are: %s", c.Type, typeList())
	}
	now := time.Now()
	values := ghl.SampleValues{At: now, Contact: c.Contact, App: c.AppID}
	if len(c.Location) > 0 {
		values.Location = c.Location[0]
	}
	body := ghl.SampleOf(kind, ghl.Dialect(c.Dialect), values)
	if c.Print {
		_, err := con.out.Write(append(body, '\n'))
		return err
	}
	target, headers, err := c.sign(kind, body, now)
	if err != nil {
		return err
	}
	r, err := post(ctx, target, body, headers)
	if err != nil {
		return err
	}
	return c.report(con, r)
}

func typeList() string {
	var names []string
	for _, t := range ghl.SampleTypes() {
		names = append(names, string(t))
	}
	return strings.Join(names, " ")
}

// sign chooses how this delivery proves itself: by the key that was given,
// by the shared secret, or by the workflow token.
func (c *triggerCmd) sign(kind ghl.Type, body []byte, now time.Time) (target string, headers map[string]string, err error) {
	target = c.To
	if target == "" {
		target = "http://" + c.Listen + "/webhooks/ghl"
	}
	switch {
	case c.Key != "":
		headers, err = signWith(c.Key, body)
		return target, headers, err
	case len(c.Secret) > 0 && c.Signed == "body":
		return target, map[string]string{"X-GHL-Signature": ghl.SignHMAC(c.Secret[0], "", body)}, nil
	case len(c.Secret) > 0:
		stamp := ghl.Timestamp(now)
		return target, map[string]string{"X-GHL-Timestamp": stamp, "X-GHL-Signature": ghl.SignHMAC(c.Secret[0], stamp, body)}, nil
	case len(c.Tokens) > 0:
		return target + "/workflow/" + url.PathEscape(string(kind)), map[string]string{"Authorization": "Bearer " + c.Tokens[0]}, nil
	}
	return "", nil, errors.New("nothing to sign with: set GHL_WEBHOOK_SECRET or GHL_WORKFLOW_TOKEN as the service has it, or give --key")
}

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

func (c *triggerCmd) report(con *console, r received) error {
	if c.Output == "json" {
		if err := printJSON(con.out, r); err != nil {
			return err
		}
	}
	if r.HTTP != 200 {
		return answerNo{fmt.Errorf("the service answered %d %s: %s", r.HTTP, r.Error, r.Message)}
	}
	if c.Output == "json" {
		return nil
	}
	again := ""
	if r.Data.Duplicate {
		again = " (a delivery that it had already)"
	}
	_, err := fmt.Fprintf(con.out, "%s %s%s\nSee what followed: ghl-ledger events show %s\n", c.Type, r.Data.EventID, again, r.Data.EventID)
	return err
}
