package main

import (
	"context"
	"errors"
	"fmt"
)

// settledMany is the API's answer to an act on many deliveries.
type settledMany struct {
	Done       int             `json:"done"`
	Duplicates int             `json:"duplicates"`
	Invalid    int             `json:"still_invalid"`
	Sample     []quarantineRow `json:"sample"`
	AuditID    string          `json:"audit_id,omitempty"` // of one request
	AuditIDs   []string        `json:"audit_ids,omitempty"`
	Next       *string         `json:"next"`
}

// settleInput is what the API takes.
type settleInput struct {
	Action string `json:"action"`
	quarantineFilter
	After  string `json:"after,omitempty"`
	Reason string `json:"reason,omitempty"`
	DryRun bool   `json:"dry_run"`
}

// run does verb to the delivery that is named, or to all of the filter.
func (c *settle) run(ctx context.Context, con *console, verb string, said func(answer map[string]any) string) error {
	filtered := c.All || c.quarantineFilter != quarantineFilter{}
	switch {
	case c.ID != "" && filtered:
		return errors.New("give an id or a filter, not both")
	case c.ID != "":
		return c.one(ctx, con, verb, said)
	case !filtered:
		return errors.New("which deliveries? Give an id, a filter such as --cause malformed, or --all")
	}
	c.find(con.set)
	return c.many(ctx, con, verb)
}

// many says what would be done, asks, and does it.
func (c *settle) many(ctx context.Context, con *console, verb string) error {
	plan, err := c.ask(ctx, verb, true)
	if err != nil {
		return err
	}
	if plan.Done == 0 {
		return answerNo{fmt.Errorf("nothing to %s: %s: `ghl-ledger quarantine list --state waiting` shows what there is", verb, left(plan))}
	}
	if c.DryRun && c.Output == "json" {
		return printJSON(con.out, plan)
	}
	if !c.Yes {
		if err := printList(con, "table", plan.Sample); err != nil {
			return err
		}
	}
	if ok, err := c.goAhead(con, "%s %s; %s", verb, plural(plan.Done, "delivery"), left(plan)); !ok {
		return err
	}
	done, err := c.ask(ctx, verb, false)
	if err != nil {
		return fmt.Errorf("%s, after %d of %d: %w: the same command does the rest", verb, done.Done, plan.Done, err)
	}
	if c.Output == "json" {
		return printJSON(con.out, done)
	}
	_, err = fmt.Fprintf(con.out, "%s %s; %s\n", plural(done.Done, "delivery"), map[string]string{"admit": "admitted", "discard": "discarded"}[verb], left(done))
	return err
}

// left says what did not become new events: whoever reads only how many were
// done would take the rest for done as well.
func left(m settledMany) string {
	text := "no others wait of these"
	if m.Invalid > 0 {
		text = fmt.Sprintf("%d wait on: still no valid events, or of an app or location that is not served", m.Invalid)
	}
	if m.Duplicates > 0 {
		text = fmt.Sprintf("%d of them were there as events before; %s", m.Duplicates, text)
	}
	return text
}

// ask asks the API until there are no more of the filter, and sums its answers.
func (c *settle) ask(ctx context.Context, verb string, dryRun bool) (all settledMany, err error) {
	in := settleInput{Action: verb, quarantineFilter: c.quarantineFilter, Reason: c.Reason, DryRun: dryRun}
	for {
		var m settledMany
		if err := c.post(ctx, "quarantine", in, &m); err != nil {
			return all, err
		}
		all.Done, all.Duplicates, all.Invalid = all.Done+m.Done, all.Duplicates+m.Duplicates, all.Invalid+m.Invalid
		if all.Sample == nil {
			all.Sample = m.Sample
		}
		if m.AuditID != "" {
			all.AuditIDs = append(all.AuditIDs, m.AuditID)
		}
		if m.Next == nil {
			return all, nil
		}
		in.After = *m.Next
	}
}
