package main

import (
	"context"
	"fmt"
	"net/url"
)

// oneLead is an act on one contact.
type oneLead struct {
	client  `embed:""`
	acting  `embed:""`
	Contact string `arg:"" help:"The contact."`
	Reason  string `help:"Why, for whoever asks later."`
}

// act asks, posts to the lead's path and says what was done.
func (c *oneLead) act(ctx context.Context, con *console, path, ask, said string) error {
	c.find(con.set)
	lead := "leads/" + url.PathEscape(c.Contact)
	if err := c.get(ctx, lead, nil, nil); err != nil {
		return missing(err, "lead", c.Contact, "leads list")
	}
	if ok, err := c.goAhead(con, "%s", ask); !ok {
		return err
	}
	var answer map[string]any
	if err := c.post(ctx, lead+path, reason(c.Reason), &answer); err != nil {
		return missing(err, "lead", c.Contact, "leads list")
	}
	if c.Output == "json" {
		return printJSON(con.out, answer)
	}
	_, err := fmt.Fprintf(con.out, "%s (recorded as %v)\n", said, answer["audit_id"])
	return err
}

// reason is the input of acts that take nothing but a reason.
func reason(text string) any {
	return struct {
		Reason string `json:"reason,omitempty"`
	}{text}
}

type leadsOptOutCmd struct {
	oneLead `embed:""`
}

// Help is what leads opt-out --help says beside its flags.
func (leadsOptOutCmd) Help() string {
	return `Field updates go on; messages do not. What GoHighLevel itself knows (DND, STOP)
needs no command: it comes with the webhooks.

Examples:
  ghl-ledger leads opt-out contact_1 --reason "asked on the phone" --yes`
}

// Run records the word.
func (c *leadsOptOutCmd) Run(ctx context.Context, con *console) error {
	return c.act(ctx, con, "/opt-out", "write to "+printable(c.Contact)+" no more", printable(c.Contact)+" is not written to any more")
}

type leadsOptInCmd struct {
	oneLead `embed:""`
}

// Help is what leads opt-in --help says beside its flags.
func (leadsOptInCmd) Help() string {
	return `It undoes an opt-out by a person or by e-mail and text; DND in GoHighLevel stays.

Examples:
  ghl-ledger leads opt-in contact_1 --reason "signed up again" --yes`
}

// Run records the word.
func (c *leadsOptInCmd) Run(ctx context.Context, con *console) error {
	return c.act(ctx, con, "/opt-in", "let "+printable(c.Contact)+" be written to again", printable(c.Contact)+" may be written to again")
}

type forgetCmd struct {
	oneLead `embed:""`
}

// Help is what forget --help says beside its flags.
func (forgetCmd) Help() string {
	return `The keys of everything that the ledger has of the contact are overwritten and the
views rewritten without it: there is no way back, in this data directory. Backups
made before still have it until they are forgotten or deleted themselves. Counts
in outcomes and metrics stay, without the person.

Examples:
  ghl-ledger forget contact_1 --dry-run
  ghl-ledger forget contact_1 --reason "request of 2026-01-31" --yes`
}

// Run destroys the contact's personal data.
func (c *forgetCmd) Run(ctx context.Context, con *console) error {
	return c.act(ctx, con, "/forget", "destroy everything personal that is known of "+printable(c.Contact)+", for ever", printable(c.Contact)+" is forgotten")
}
