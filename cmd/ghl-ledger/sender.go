package main

import (
	"context"
	"fmt"
)

// sending is an act on what goes out.
type sending struct {
	client   `embed:""`
	acting   `embed:""`
	Location string `name:"location-id" help:"Of this location; all if not given."`
	Reason   string `help:"Why, for whoever asks later."`
}

type effectsPauseCmd struct {
	sending `embed:""`
}

// Help is what effects pause --help says beside its flags.
func (effectsPauseCmd) Help() string {
	return `Webhooks are taken and leads scored meanwhile; a restart does not end it.

Examples:
  ghl-ledger effects pause --reason "campaign is being changed" --yes
  ghl-ledger effects pause --location-id loc_1`
}

// Run pauses.
func (c *effectsPauseCmd) Run(ctx context.Context, con *console) error {
	return c.turn(ctx, con, "pause", "send nothing more for "+c.where(), "Nothing is sent for "+c.where()+" until `ghl-ledger effects resume`")
}

type effectsResumeCmd struct {
	sending `embed:""`
}

// Help is what effects resume --help says beside its flags.
func (effectsResumeCmd) Help() string {
	return `It also ends what a refusal of GoHighLevel (401, 403) made the service hold.

Examples:
  ghl-ledger effects resume --yes`
}

// Run resumes.
func (c *effectsResumeCmd) Run(ctx context.Context, con *console) error {
	return c.turn(ctx, con, "resume", "send again for "+c.where(), "What is owed for "+c.where()+" is sent again")
}

func (c *sending) where() string {
	if c.Location == "" {
		return "all locations"
	}
	return "location " + printable(c.Location)
}

func (c *sending) turn(ctx context.Context, con *console, verb, ask, said string) error {
	c.find(con.set)
	if ok, err := c.goAhead(con, "%s", ask); !ok {
		return err
	}
	in := struct {
		Location string `json:"location_id,omitempty"`
		Reason   string `json:"reason,omitempty"`
	}{c.Location, c.Reason}
	var answer map[string]any
	if err := c.post(ctx, "sender/"+verb, in, &answer); err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	if c.Output == "json" {
		return printJSON(con.out, answer)
	}
	_, err := fmt.Fprintln(con.out, said)
	return err
}
