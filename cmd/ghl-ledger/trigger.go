package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

type triggerCmd struct {
	Type    string `arg:"" help:"The event: contact.created, opportunity.won, … (a wrong one lists them)."`
	Dialect string `enum:"seed,ghl,workflow" default:"seed" help:"Shape of the body: ${enum}. A workflow's proves itself with GHL_WORKFLOW_TOKEN."`
	Contact string `name:"contact-id" aliases:"contact" default:"contact_sample" help:"The contact that it is about."`
	To      string `placeholder:"URL" help:"Where to send it; the service of this machine if not given."`
	Print   bool   `help:"Print the body instead of sending it."`
	Output  string `enum:"table,json" default:"table" help:"${enum}."`

	signer   `embed:""`
	Location []string `name:"ghl-location-id" hidden:""`
	AppID    string   `name:"ghl-app-id" hidden:""`
	Listen   string   `name:"ledger-listen" hidden:"" default:"127.0.0.1:8080"`
}

// Help is what trigger --help says beside its flags.
func (triggerCmd) Help() string {
	return `Examples:
  ghl-ledger trigger contact.created
  ghl-ledger trigger opportunity.won --contact-id contact_1
  ghl-ledger trigger contact.created --dialect workflow
  ghl-ledger trigger message.received --dialect ghl --print`
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
	target := c.To
	if target == "" {
		target = "http://" + reachable(c.Listen) + "/webhooks/ghl"
	}
	target, headers, err := c.sign(target, kind, ghl.Dialect(c.Dialect), body, now)
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
