package main

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

type effectsCmd struct {
	List    effectsListCmd    `cmd:"" help:"List what is owed to GoHighLevel and what came of it; --state dead is the dead letters."`
	Show    effectsShowCmd    `cmd:"" help:"Show one effect, what it sends and its attempts."`
	Retry   effectsRetryCmd   `cmd:"" help:"Send dead effects again, from the first try on."`
	Release effectsReleaseCmd `cmd:"" help:"Send held effects."`
	Discard effectsDiscardCmd `cmd:"" help:"End effects without sending them."`
	Pause   effectsPauseCmd   `cmd:"" help:"Send nothing more, to one location or to all. What is owed waits."`
	Resume  effectsResumeCmd  `cmd:"" help:"Send again."`
}

// effectFilter says which effects are meant.
type effectFilter struct {
	State    string `param:"state" help:"pending, delivered, dead, held, dry_run, superseded or discarded."`
	Contact  string `name:"contact-id" param:"contact_id" help:"Of this contact."`
	Location string `name:"location-id" param:"location_id" help:"Of this location."`
	Kind     string `param:"kind" help:"Of this kind: contact.update, sequence.welcome, …"`
	Error    string `param:"error" placeholder:"TEXT" help:"Whose error contains this."`
}

type effectsListCmd struct {
	client       `embed:""`
	effectFilter `embed:""`
	paging       `embed:""`
	Group        bool `help:"Count them by kind and error instead."`
}

// Help is what effects list --help says beside its flags.
func (effectsListCmd) Help() string {
	return `Examples:
  ghl-ledger effects list --state dead            the dead letters
  ghl-ledger effects list --state dead --group    why they died
  ghl-ledger effects list --contact-id contact_1`
}

// effectRow is an effect as a line of a list.
type effectRow struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind"`
	Contact   string     `json:"contact_id" head:"contact"`
	State     string     `json:"state"`
	Attempts  int        `json:"attempts"`
	Next      *time.Time `json:"next_attempt_at" head:"next try"`
	Requested time.Time  `json:"requested_at" head:"requested"`
	Error     string     `json:"error"`
}

// groupRow is what effects with one error have in common.
type groupRow struct {
	Count  int       `json:"count"`
	Kind   string    `json:"kind"`
	Error  string    `json:"error"`
	Oldest time.Time `json:"oldest"`
	Newest time.Time `json:"newest"`
}

// Run lists the effects.
func (c *effectsListCmd) Run(ctx context.Context, con *console) error {
	q := query(c.effectFilter)
	if c.Group {
		q.Set("group", "error")
		return showList[groupRow](ctx, con, &c.client, "effects", q, c.paging)
	}
	return showList[effectRow](ctx, con, &c.client, "effects", q, c.paging)
}

type effectsShowCmd struct {
	client `embed:""`
	ID     string `arg:"" help:"The effect: evt_…"`
}

// Help is what effects show --help says beside its flags.
func (effectsShowCmd) Help() string {
	return `Examples:
  ghl-ledger effects show evt_01KE5ZJ3M8Q4W7T2R9N6B0C1DX`
}

// effectView is an effect as effects show prints it.
type effectView struct {
	effectRow
	Location  string         `json:"location_id"`
	Cause     string         `json:"cause"`
	Status    string         `json:"status"`
	Delivered *time.Time     `json:"delivered_at"`
	Request   map[string]any `json:"request"`
}

// Run shows the effect, what it sends, and the entries that say how it fared.
func (c *effectsShowCmd) Run(ctx context.Context, con *console) error {
	var e effectView
	path := url.PathEscape(c.ID)
	done, err := c.show(ctx, con, "effects/"+path, nil, &e)
	if err != nil || done {
		return missing(err, "effect", c.ID, "effects list")
	}
	printFields(con, field{"id", e.ID}, field{"kind", e.Kind}, field{"contact", e.Contact}, field{"location", e.Location},
		field{"cause", e.Cause}, field{"state", e.State}, field{"status", e.Status}, field{"attempts", e.Attempts},
		field{"next try", e.Next}, field{"requested", e.Requested}, field{"delivered", e.Delivered}, field{"error", e.Error})
	if len(e.Request) > 0 {
		fmt.Fprintln(con.out, "\nWhat it asks for:")
		if err := printJSON(con.out, e.Request); err != nil {
			return err
		}
	}
	var entry eventDetail
	if err := c.get(ctx, "events/"+path, nil, &entry); err != nil {
		return missing(err, "effect", c.ID, "effects list")
	}
	return c.printCaused(ctx, con, entry.Caused)
}
