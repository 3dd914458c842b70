package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

// manyPreview is what an act on a filter's effects would do.
type manyPreview struct {
	Count  int         `json:"count"`
	Groups []groupRow  `json:"groups"`
	Sample []effectRow `json:"sample"`
}

// manyTask is an act on many effects under way in the service.
type manyTask struct {
	ID      string     `json:"id"`
	State   string     `json:"state"`
	Total   int        `json:"total"`
	Done    int        `json:"done"`
	Skipped int        `json:"skipped"`
	Error   string     `json:"error"`
	Ended   *time.Time `json:"ended_at"`
}

// many has the service do verb to all effects of the filter: as a task, at a
// rate that leaves room for what is new.
func (c *redrive) many(ctx context.Context, con *console, verb, past string) error {
	var raw json.RawMessage
	if err := c.post(ctx, "effects", c.input(verb, true), &raw); err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	var p manyPreview
	if err := json.Unmarshal(raw, &p); err != nil {
		return err
	}
	if p.Count == 0 {
		return c.none(verb)
	}
	if c.DryRun && c.Output == "json" {
		return printJSON(con.out, raw)
	}
	if !c.Yes {
		if err := p.print(con); err != nil {
			return err
		}
	}
	if ok, err := c.goAhead(con, "%s %s", verb, plural(p.Count, "effect")); !ok {
		return err
	}
	var t manyTask
	if err := c.post(ctx, "effects", c.input(verb, false), &t); err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return c.await(ctx, con, t, verb, past)
}

func (c *redrive) input(verb string, dryRun bool) map[string]any {
	f := c.effectFilter
	return map[string]any{"action": verb, "state": f.State, "kind": f.Kind, "error": f.Error, "contact_id": f.Contact,
		"location_id": f.Location, "reason": c.Reason, "dry_run": dryRun}
}

func (p *manyPreview) print(con *console) error {
	if err := printList(con, "table", p.Sample); err != nil || len(p.Groups) == 0 {
		return err
	}
	fmt.Fprintln(con.out)
	return printList(con, "table", p.Groups)
}

// await follows a task to its end.
func (c *redrive) await(ctx context.Context, con *console, t manyTask, verb, past string) error {
	progress, over := con.bar(verb)
	defer over()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for t.Ended == nil {
		progress(int64(t.Done+t.Skipped), int64(t.Total))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s goes on in the service, as task %s: %w", verb, t.ID, ctx.Err())
		}
		if err := c.get(ctx, "tasks/"+url.PathEscape(t.ID), nil, &t); err != nil {
			return missing(err, "task", t.ID, "effects list")
		}
	}
	over()
	if c.Output == "json" {
		return printJSON(con.out, t)
	}
	fmt.Fprintf(con.out, "%s %s", plural(t.Done, "effect"), past)
	if t.Skipped > 0 {
		fmt.Fprintf(con.out, ", %d left out: their state was another by then", t.Skipped)
	}
	fmt.Fprintln(con.out)
	if t.State != "done" {
		return fmt.Errorf("the task ended early, %s: %s: the same command does the rest", t.State, t.Error)
	}
	return nil
}
