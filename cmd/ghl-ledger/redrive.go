package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
)

// redrive is an act on effects: on those named, or on all that a filter
// chooses of those that it can be done to.
type redrive struct {
	client       `embed:""`
	effectFilter `embed:""`
	acting       `embed:""`
	IDs          []string `arg:"" optional:"" name:"id" help:"The effects: evt_… Or give a filter instead."`
	Reason       string   `help:"Why, for whoever asks later."`
}

const redriveHelp = `Give ids, or a filter, which then means every effect in the state that this is
for. --dry-run lists them.

`

type effectsRetryCmd struct {
	redrive `embed:""`
}

// Help is what effects retry --help says beside its flags.
func (effectsRetryCmd) Help() string {
	return redriveHelp + `Of a field update the values that are current by then are sent. What was
discarded can be sent after all: --state discarded, or its id.

Examples:
  ghl-ledger effects retry evt_01KE5ZJ3M8Q4W7T2R9N6B0C1DX
  ghl-ledger effects retry --state dead --error "503" --dry-run
  ghl-ledger effects retry --state dead --yes`
}

// Run retries.
func (c *effectsRetryCmd) Run(ctx context.Context, con *console) error {
	return c.run(ctx, con, "retry", "queued again", "dead", "discarded", "pending")
}

type effectsReleaseCmd struct {
	redrive `embed:""`
}

// Help is what effects release --help says beside its flags.
func (effectsReleaseCmd) Help() string {
	return redriveHelp + `A message held because its fate is unknown may have reached the contact already:
look in GoHighLevel first.

Examples:
  ghl-ledger effects release --state held --error "over the cap" --dry-run`
}

// Run releases.
func (c *effectsReleaseCmd) Run(ctx context.Context, con *console) error {
	return c.run(ctx, con, "release", "released", "held")
}

type effectsDiscardCmd struct {
	redrive `embed:""`
}

// Help is what effects discard --help says beside its flags.
func (effectsDiscardCmd) Help() string {
	return redriveHelp + `Examples:
  ghl-ledger effects discard evt_01KE5ZJ3M8Q4W7T2R9N6B0C1DX --reason "the listing is gone"`
}

// Run discards.
func (c *effectsDiscardCmd) Run(ctx context.Context, con *console) error {
	switch {
	case c.Reason == "" && c.DryRun:
		c.Reason = "only looked" // the API wants one, and keeps none of a dry run
	case c.Reason == "":
		return errors.New("discard for what reason? Give --reason: it is kept with the effect")
	}
	return c.run(ctx, con, "discard", "discarded", "dead", "held", "pending")
}

// run does verb to the chosen effects and says how many it was done to. states
// are those it can be done to.
func (c *redrive) run(ctx context.Context, con *console, verb, past string, states ...string) error {
	c.find(con.set)
	if err := c.check(states); err != nil {
		return err
	}
	if len(c.IDs) == 0 {
		return c.many(ctx, con, verb, past)
	}
	chosen, err := c.named(ctx)
	if err != nil {
		return err
	}
	if c.DryRun || !c.Yes && c.Output != "json" {
		if err := c.preview(con, chosen); err != nil {
			return err
		}
	}
	if c.DryRun && c.Output == "json" {
		return nil
	}
	if ok, err := c.goAhead(con, "%s %s", verb, plural(len(chosen), "effect")); !ok {
		return err
	}
	return c.each(ctx, con, verb, past, chosen)
}

// check says what is wrong with how the effects are chosen. Without a state, a
// filter means the first of those that the act is possible in.
func (c *redrive) check(states []string) error {
	filtered := c.effectFilter != effectFilter{}
	switch {
	case len(c.IDs) > 0 && filtered:
		return errors.New("give ids or a filter, not both")
	case len(c.IDs) == 0 && !filtered:
		return fmt.Errorf("which effects? Give ids, or a filter such as --state %s", states[0])
	}
	if c.State == "" {
		c.State = states[0]
	}
	if !slices.Contains(states, c.State) {
		return fmt.Errorf("--state %s: it cannot be done to those; to %s it can", c.State, or(states))
	}
	return nil
}

func (c *redrive) none(verb string) error {
	return answerNo{fmt.Errorf("nothing to %s: no effect is chosen; `ghl-ledger effects list --group --state %s` shows what there is", verb, c.State)}
}

// named gets the effects that are named.
func (c *redrive) named(ctx context.Context) (chosen []json.RawMessage, err error) {
	for _, id := range c.IDs {
		var e json.RawMessage
		if err := c.get(ctx, "effects/"+url.PathEscape(id), nil, &e); err != nil {
			return nil, missing(err, "effect", id, "effects list")
		}
		chosen = append(chosen, e)
	}
	return chosen, nil
}

// preview shows what is chosen: on a question to the one who is asked.
func (c *redrive) preview(con *console, chosen []json.RawMessage) error {
	if c.Output == "json" {
		return printJSON(con.out, page{Data: chosen})
	}
	rows, err := decoded[effectRow](chosen)
	if err != nil {
		return err
	}
	return printList(con, "table", rows)
}

// each does verb to one effect after the other. One that is refused, e.g.
// because it was delivered meanwhile, does not keep it from the others.
func (c *redrive) each(ctx context.Context, con *console, verb, past string, chosen []json.RawMessage) error {
	rows, err := decoded[effectRow](chosen)
	if err != nil {
		return err
	}
	progress, over := con.bar(verb)
	defer over()
	var answers []json.RawMessage
	var errs []error
	for i, e := range rows {
		progress(int64(i), int64(len(rows)))
		var answer json.RawMessage
		err := c.post(ctx, "effects/"+url.PathEscape(e.ID)+"/"+verb, reason(c.Reason), &answer)
		if _, no := errors.AsType[answerNo](err); err != nil && !no {
			return fmt.Errorf("%s %s, after %d of %d: %w", verb, e.ID, len(answers), len(rows), err)
		}
		if err != nil {
			errs = append(errs, missing(err, "effect", e.ID, "effects list"))
			continue
		}
		answers = append(answers, answer)
	}
	over()
	return c.tell(con, past, answers, errs)
}

func (c *redrive) tell(con *console, past string, answers []json.RawMessage, errs []error) error {
	if c.Output == "json" {
		if answers == nil {
			answers = []json.RawMessage{}
		}
		if err := printJSON(con.out, page{Data: answers}); err != nil {
			return err
		}
	} else if err := tellEach(con, past, answers); err != nil {
		return err
	}
	if len(errs) > 0 {
		return answerNo{errors.Join(errs...)}
	}
	return nil
}

// tellEach says what was done, to which effects, and where each stands now.
func tellEach(con *console, past string, answers []json.RawMessage) error {
	rows, err := decoded[effectRow](answers)
	if err != nil {
		return err
	}
	for _, e := range rows {
		fmt.Fprintf(con.out, "%s  %s of %s: %s\n", e.ID, printable(e.Kind), printable(e.Contact), e.State)
	}
	if len(rows) > 0 {
		fmt.Fprintf(con.out, "%s %s\n", plural(len(rows), "effect"), past)
	}
	return nil
}
