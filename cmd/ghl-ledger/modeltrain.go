package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
)

type modelTrainCmd struct {
	client      `embed:""`
	acting      `embed:""`
	Target      string   `enum:"win,churn" default:"win" help:"What it foretells: ${enum}."`
	AcceptTiers bool     `help:"However many open leads change their tier."`
	Waived      []string `name:"waived" placeholder:"FEATURE" help:"A leak that you answer for: a feature's name, or model."`
	Reason      string   `help:"Why, for whoever asks later."`
}

// Help is what model train --help says beside its flags.
func (modelTrainCmd) Help() string {
	return `It trains on the leads whose end is known, as each was known at the time, and tries
the model on the newest. Only if the gate finds it better than what serves does it
serve; the service trains by itself each week. --dry-run trains, shows the card and
decides nothing. A model of churn is trained after each of winning; its risk takes
the place of the card's.

Examples:
  ghl-ledger model train --dry-run
  ghl-ledger model train --yes`
}

// trainingRun is a training as the API shows it.
type trainingRun struct {
	ID       string              `json:"id"`
	State    string              `json:"state"`
	Of       string              `json:"of"`
	Seq      int64               `json:"seq"`
	Target   int64               `json:"target"`
	TooFew   bool                `json:"too_few"`
	Error    string              `json:"error"`
	Ended    *time.Time          `json:"ended_at"`
	ModelID  string              `json:"model_id"`
	Promoted bool                `json:"promoted"`
	Serves   bool                `json:"serves"`
	Verdict  string              `json:"verdict"`
	Card     *training.ModelCard `json:"card"`
	Watched  *training.Watched   `json:"watched"`
}

// Run trains, and waits for the end.
func (c *modelTrainCmd) Run(ctx context.Context, con *console) error {
	c.find(con.set)
	if !c.DryRun {
		if ok, err := c.goAhead(con, "train a model, and let it serve if the gate finds it better"); !ok {
			return err
		}
	}
	in := map[string]any{"accept_tiers": c.AcceptTiers, "waived": c.Waived, "dry_run": c.DryRun, "reason": c.Reason, "target": c.Target}
	run, raw, err := c.follow(ctx, con, "models", "train", in)
	switch {
	case err != nil:
		return err
	case c.Output == "json":
		return printJSON(con.out, raw)
	case run.TooFew:
		_, err = fmt.Fprintf(con.out, "no model yet: %s\n", run.Verdict)
		return err
	}
	_, err = fmt.Fprintf(con.out, "%s\n%s %s: %s\n", printableLines(run.Card.Markdown()), run.ModelID, c.fate(run), printable(run.Verdict))
	return err
}

// fate is what became of the model of a run.
func (c *modelTrainCmd) fate(run trainingRun) string {
	switch {
	case run.Serves:
		return "serves"
	case c.DryRun:
		return "was trained for a look, and is not kept"
	}
	return "does not serve"
}

// follow starts a run and waits for its end.
func (c *client) follow(ctx context.Context, con *console, path, what string, in any) (run trainingRun, raw json.RawMessage, err error) {
	if err := c.post(ctx, path, in, &run); err != nil {
		return run, nil, fmt.Errorf("%s: %w", what, err)
	}
	bar, done := con.bar(what)
	defer done()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for id := run.ID; ; {
		if err := c.get(ctx, "trainings/"+url.PathEscape(id), nil, &raw); err != nil {
			return run, nil, err
		}
		if err := json.Unmarshal(raw, &run); err != nil {
			return run, nil, err
		}
		if bar(run.Seq, run.Target); run.Ended != nil {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return run, nil, fmt.Errorf("it goes on in the service: %w", ctx.Err())
		}
	}
	if run.State != "done" {
		return run, nil, fmt.Errorf("%s: %w: look at the service's log", what, errors.New(run.Error))
	}
	return run, raw, nil
}

type modelEvaluateCmd struct {
	client `embed:""`
	ID     string `arg:"" optional:"" help:"The model; the one in force if not given."`
}

// Help is what model evaluate --help says beside its flags.
func (modelEvaluateCmd) Help() string {
	return `It changes nothing: it shows the card that the model has on leads later than those
it was trained on, and what the live monitor sees.

Examples:
  ghl-ledger model evaluate
  ghl-ledger model evaluate model:0a1b2c3d4e5f --output json | jq .watched.drift`
}

// Run tries the model, and waits for the end.
func (c *modelEvaluateCmd) Run(ctx context.Context, con *console) error {
	c.find(con.set)
	id, err := c.orServing(ctx, c.ID)
	if err != nil {
		return err
	}
	run, raw, err := c.client.follow(ctx, con, "models/"+url.PathEscape(id)+"/evaluate", "evaluate", nil)
	switch {
	case err != nil:
		return missing(err, "model", id, "model list")
	case c.Output == "json":
		return printJSON(con.out, raw)
	case run.TooFew:
		_, err = fmt.Fprintf(con.out, "too little to judge by: %s\n", run.Verdict)
		return err
	}
	fmt.Fprint(con.out, printableLines(run.Card.Markdown()))
	if w := run.Watched; w != nil && w.Leads > 0 {
		fmt.Fprintf(con.out, "\nSince it was trained: %s with a known end, %.1f %% won where it said %.1f %%\n", plural(w.Leads, "lead"), 100*w.Seen, 100*w.Predicted)
		for _, alarm := range w.Alarms {
			fmt.Fprintf(con.out, "ALARM: %s\n", printable(alarm))
		}
	}
	return nil
}

type modelPromoteCmd struct{ modelAct }

// Help is what model promote --help says beside its flags.
func (modelPromoteCmd) Help() string {
	return `The model serves, and every lead is scored anew; fields go to GoHighLevel where the
tier or the first action changes, or the score moves by 5. Past a closed gate it
takes a reason. Without --yes it says what would change, and asks.

Examples:
  ghl-ledger model promote model:0a1b2c3d4e5f --dry-run
  ghl-ledger model promote model:0a1b2c3d4e5f --reason "tried for a month beside ours" --yes`
}

// Run promotes.
func (c *modelPromoteCmd) Run(ctx context.Context, con *console) error {
	return c.act(ctx, con, "promote", c.ID)
}

type modelRollbackCmd struct{ modelAct }

// Help is what model rollback --help says beside its flags.
func (modelRollbackCmd) Help() string {
	return `Examples:
  ghl-ledger model rollback --reason "agents do not trust it" --yes`
}

// Run rolls back.
func (c *modelRollbackCmd) Run(ctx context.Context, con *console) error {
	c.find(con.set)
	id, err := c.orServing(ctx, c.ID)
	if err != nil {
		return err
	}
	return c.act(ctx, con, "rollback", id)
}

// modelAct is an act on one model.
type modelAct struct {
	client `embed:""`
	acting `embed:""`
	ID     string `arg:"" optional:"" help:"The model; of a roll-back the one in force if not given."`
	Reason string `help:"Why, for whoever asks later."`
}

// modelChange is what an act on a model changes.
type modelChange struct {
	ID        string       `json:"id"`
	Foretells string       `json:"foretells"`
	Changes   *rescorePlan `json:"changes"`
	AuditID   string       `json:"audit_id"`
}

// does is what the model does from then on, and what it is to do: one of churn
// scores nobody, and neither does a points card by taking its place.
func (c modelChange) does() (says, say string) {
	if c.Foretells == scoring.TargetChurn {
		return "says the risk of churn", "say the risk of churn"
	}
	return "serves", "serve"
}

func (c *modelAct) act(ctx context.Context, con *console, what, id string) error {
	if id == "" {
		return errors.New("which model? `ghl-ledger model list` shows them")
	}
	c.find(con.set)
	if !c.Yes {
		change, raw, err := c.do(ctx, what, id, true)
		switch {
		case err != nil:
			return err
		case c.DryRun && c.Output == "json":
			return printJSON(con.out, raw)
		}
		if err := change.Changes.print(con, "would change by "+change.ID); err != nil || c.DryRun {
			return err
		}
		_, say := change.does()
		if ok, err := c.goAhead(con, "have %s %s", change.ID, say); !ok {
			return err
		}
	}
	change, raw, err := c.do(ctx, what, id, false)
	switch {
	case err != nil:
		return err
	case c.Output == "json":
		return printJSON(con.out, raw)
	}
	says, _ := change.does()
	_, err = fmt.Fprintf(con.out, "%s %s from now on (recorded as %s): every lead is scored anew, and %s will have another score, tier or first action\n", change.ID, says, change.AuditID, plural(change.Changes.Changed, "lead"))
	return err
}

func (c *modelAct) do(ctx context.Context, what, id string, dryRun bool) (change modelChange, raw json.RawMessage, err error) {
	in := map[string]any{"reason": c.Reason, "dry_run": dryRun}
	if err := c.post(ctx, "models/"+url.PathEscape(id)+"/"+what, in, &raw); err != nil {
		return change, nil, missing(err, "model", id, "model list")
	}
	return change, raw, json.Unmarshal(raw, &change)
}
