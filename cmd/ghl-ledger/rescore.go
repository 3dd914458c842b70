package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

type rescoreCmd struct {
	client   `embed:""`
	acting   `embed:""`
	Location string `name:"location-id" help:"Of one location only."`
	Reason   string `help:"Why, for whoever asks later."`
}

// Help is what rescore --help says beside its flags.
func (rescoreCmd) Help() string {
	return `Scores every lead anew, e.g. after a change of the score card, and has the fields
sent where the score, the tier or the first action differs. Nobody gets a message
for it. Without --yes it says what would change, and asks.

Examples:
  ghl-ledger rescore --dry-run
  ghl-ledger rescore --reason "new score card" --yes`
}

// rescorePlan is what would change, or is changed.
type rescorePlan struct {
	Leads   int            `json:"leads"`
	Changed int            `json:"changed"`
	Moves   map[string]int `json:"moves"`
	Sample  []changeRow    `json:"sample"`
	AuditID string         `json:"audit_id"`
}

// changeRow is one lead whose score would be another.
type changeRow struct {
	Contact string  `json:"contact_id" head:"contact"`
	Before  float64 `json:"before"`
	After   float64 `json:"after"`
	Was     string  `json:"quality_before" head:"was"`
	Is      string  `json:"quality" head:"is"`
	Action  string  `json:"action" head:"next action"`
}

// Run says what would change, asks, and has it done.
func (c *rescoreCmd) Run(ctx context.Context, con *console) error {
	c.find(con.set)
	if !c.Yes {
		plan, raw, err := c.rescore(ctx, true)
		switch {
		case err != nil:
			return err
		case c.DryRun && c.Output == "json":
			return printJSON(con.out, raw)
		}
		if err := plan.print(con, "would change"); err != nil || c.DryRun || plan.Changed == 0 {
			return err
		}
		if ok, err := c.goAhead(con, "score %s anew, and send what differs", plural(plan.Leads, "lead")); !ok {
			return err
		}
	}
	plan, raw, err := c.rescore(ctx, false)
	switch {
	case err != nil:
		return err
	case c.Output == "json":
		return printJSON(con.out, raw)
	}
	_, err = fmt.Fprintf(con.out, "%s scored anew, %d of them change (recorded as %s): `ghl-ledger effects list --state pending` shows what is on its way\n",
		plural(plan.Leads, "lead"), plan.Changed, plan.AuditID)
	return err
}

func (c *rescoreCmd) rescore(ctx context.Context, dryRun bool) (plan rescorePlan, raw json.RawMessage, err error) {
	in := map[string]any{"location_id": c.Location, "reason": c.Reason, "dry_run": dryRun}
	if err := c.post(ctx, "rescore", in, &raw); err != nil {
		return plan, nil, fmt.Errorf("rescore: %w", err)
	}
	return plan, raw, json.Unmarshal(raw, &plan)
}

func (p *rescorePlan) print(con *console, verb string) error {
	fmt.Fprintf(con.out, "%d of %s %s\n", p.Changed, plural(p.Leads, "lead"), verb)
	for _, move := range slices.Sorted(maps.Keys(p.Moves)) {
		fmt.Fprintf(con.out, "  %d from %s\n", p.Moves[move], move)
	}
	if len(p.Sample) == 0 {
		return nil
	}
	fmt.Fprintln(con.out)
	return printList(con, "table", p.Sample)
}
