package main

import (
	"context"
	"encoding/json"
	"errors"
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

// deed is an act in words, each after the contact.
type deed struct {
	path, ask string
	done      string
	already   string // where nothing was to be done
	not       string // where it is opted out: by this, or by DND in GoHighLevel, which outlasts it
	slow      string // said before the answer, where that takes minutes
	input     any    // nil: the reason alone
	ifThere   string // for a contact that nothing is told of, and that the ledger may know nevertheless: to ask with
}

// act asks, posts to the lead's path and says what came of it.
func (c *oneLead) act(ctx context.Context, con *console, d deed) error {
	c.find(con.set)
	lead := "leads/" + url.PathEscape(c.Contact)
	// One that was readmitted is no lead yet, and has a timeline.
	if err := missing(c.get(ctx, lead+"/timeline", nil, nil), "lead", c.Contact, "leads list"); err != nil {
		if _, none := errors.AsType[answerNo](err); !none || d.ifThere == "" {
			return err
		}
		d.ask = d.ifThere
	}
	if c.DryRun && c.Output == "json" {
		return printJSON(con.out, map[string]any{"dry_run": true, "would": fmt.Sprintf(d.ask, c.Contact)})
	}
	if ok, err := c.goAhead(con, d.ask, printable(c.Contact)); !ok {
		return err
	}
	var answer json.RawMessage
	if d.slow != "" {
		c.patience = allTime
		if isTerminal(con.err) {
			fmt.Fprintln(con.err, d.slow)
		}
	}
	if d.input == nil {
		d.input = reason(c.Reason)
	}
	if err := c.post(ctx, lead+d.path, d.input, &answer); err != nil {
		return missing(err, "lead", c.Contact, "leads list")
	}
	if c.Output == "json" {
		return printJSON(con.out, answer)
	}
	var came struct {
		Already bool   `json:"already"`
		Out     bool   `json:"opted_out"`
		AuditID string `json:"audit_id"`
	}
	if err := json.Unmarshal(answer, &came); err != nil {
		return err
	}
	said := d.done
	switch {
	case came.Out && d.not != "":
		said = d.not
	case came.Already:
		said = d.already
	}
	_, err := fmt.Fprintf(con.out, "%s %s (recorded as %s)\n", printable(c.Contact), said, came.AuditID)
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
	return c.act(ctx, con, deed{path: "/opt-out", ask: "write to %s no more",
		done: "is not written to any more", already: "was not written to before either"})
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
	return c.act(ctx, con, deed{path: "/opt-in", ask: "let %s be written to again",
		done: "may be written to again", already: "was written to before, too",
		not: "still has DND in GoHighLevel, and is not written to until that is off there"})
}

type leadsReadmitCmd struct {
	oneLead `embed:""`
	OptOut  bool `help:"It is not written to: its STOP was forgotten, too."`
}

// Help is what leads readmit --help says beside its flags.
func (leadsReadmitCmd) Help() string {
	return `Of what comes about a forgotten contact only the envelope is kept, until somebody
says so: one who asked to be forgotten, and signs up again. It is a lead again with
the next event. What was destroyed does not come back, nor does a word to be left
alone, a STOP or an opt-out: if it is to hold, say --opt-out. With
LEDGER_FORGET_ON_DELETE, one that GoHighLevel deletes again is forgotten again.

Whoever is being forgotten is forgotten first, which can take minutes.

Examples:
  ghl-ledger leads readmit contact_1 --reason "signed up again on 2026-03-01" --yes
  ghl-ledger leads readmit contact_1 --opt-out --dry-run`
}

// Run has what comes about the contact kept again.
func (c *leadsReadmitCmd) Run(ctx context.Context, con *console) error {
	ask, out := "keep again what comes about %s", ""
	input := map[string]any{"reason": c.Reason}
	if c.OptOut {
		out, input["opt_out"] = ", and not write to it", true
	}
	return c.act(ctx, con, deed{path: "/readmit", ask: ask + out, ifThere: ask + out + ", if it was forgotten", input: input,
		done: "is kept again, and is a lead again with its next event", already: "was kept before, too",
		not:  "is kept, and is not written to",
		slow: "Whoever is being forgotten is forgotten first: that can take minutes."})
}

type forgetCmd struct {
	oneLead `embed:""`
}

// Help is what forget --help says beside its flags.
func (forgetCmd) Help() string {
	return `The keys of everything that the ledger has of the contact are overwritten and the
views rewritten without it: there is no way back, in this data directory. The
reason goes with the rest; that it was forgotten, and when, stays, and so do counts
in outcomes and metrics, without the person. Backups by schedule lose it with the
next one that is made; one with a key file of its own has it as long as that file
is kept. Of what comes later with its id only the envelope is kept, until leads
readmit. What names neither its id nor an address it had is not found, and stays.

It needs the running service, which reads the whole ledger for it: half a million
events took three minutes. It goes on if you do not wait.

Examples:
  ghl-ledger forget contact_1 --dry-run
  ghl-ledger forget contact_1 --reason "request of 2026-01-31" --yes`
}

// Run destroys the contact's personal data.
func (c *forgetCmd) Run(ctx context.Context, con *console) error {
	return c.act(ctx, con, deed{path: "/forget", ask: "destroy everything personal that is known of %s, for ever",
		done: "is forgotten", already: "was forgotten before",
		slow: "the ledger is read and the views are written anew: half a million events took three minutes. It goes on if you do not wait."})
}
