package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

type projectionsRebuildCmd struct {
	client `embed:""`
	acting `embed:""`
	Name   string `arg:"" optional:"" help:"The view."`
	All    bool   `help:"All of them."`
	Data   string `placeholder:"DIR" help:"Rebuild the views of a stopped service, in its data directory."`
	Diff   bool   `help:"Build beside, show what would change, and ask whether it is to serve."`
	NoWait bool   `help:"Begin, and do not wait for the end."`
	Reason string `help:"Why, for whoever asks later."`
}

// Help is what projections rebuild --help says beside its flags.
func (projectionsRebuildCmd) Help() string {
	return `The old generation serves until the new one has reached the head of the ledger.
Webhooks, reads and effects go on, and nothing is sent twice.

With --diff the new generation waits at the head: counts of rows added, removed and
changed are shown with a sample before and after, and it serves if you say so. With
--dry-run it is discarded.

Examples:
  ghl-ledger projections rebuild leads --yes
  ghl-ledger projections rebuild leads --diff
  ghl-ledger projections rebuild --all --dry-run
  ghl-ledger projections rebuild --all --data /var/lib/ghl-ledger --yes`
}

// Run rebuilds, and waits until the new generations serve.
func (c *projectionsRebuildCmd) Run(ctx context.Context, con *console) error {
	switch {
	case (c.Name == "") != c.All:
		return errors.New("which view? Give a name, or --all; `ghl-ledger projections list` shows them")
	case c.NoWait && c.Diff:
		return errors.New("--no-wait: with --diff there is something to look at in the end")
	case c.Data == "":
		c.find(con.set)
		return orStopped(c.run(ctx, con, &c.remote))
	case c.NoWait:
		return errors.New("--no-wait: with --data this command does the work itself")
	}
	s, err := follow(ctx, c.Data)
	if err != nil {
		return err
	}
	return errors.Join(c.run(ctx, con, s), s.Close())
}

func (c *projectionsRebuildCmd) run(ctx context.Context, con *console, from viewer) error {
	views, err := from.views(ctx)
	if err != nil {
		return err
	}
	before, err := named(views, c.Name)
	if err != nil {
		return err
	}
	names := namesOf(before)
	if c.Diff {
		if err := c.compare(ctx, con, from, before); err != nil || c.DryRun || c.Output == "json" {
			return err
		}
		return c.tell(ctx, con, from, names)
	}
	if ok, err := c.goAhead(con, "rebuild %s from %s", and(names), plural(int(before[0].Head), "entry")); !ok {
		return err
	}
	for _, name := range names {
		if err := from.turn(ctx, name, "rebuild", c.Reason); err != nil {
			return missing(err, "projection", name, "projections list")
		}
	}
	if c.NoWait {
		return c.tell(ctx, con, from, names)
	}
	if err := c.wait(ctx, con, from, before); err != nil {
		return err
	}
	return c.tell(ctx, con, from, names)
}

func namesOf(views []viewRow) (names []string) {
	for _, v := range views {
		names = append(names, v.Name)
	}
	return names
}

// poll is how often the service is asked how far it is.
const poll = 200 * time.Millisecond

// wait returns once each view has a later generation than before.
func (c *projectionsRebuildCmd) wait(ctx context.Context, con *console, from viewer, before []viewRow) error {
	bar, done := con.bar("rebuild")
	defer done()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		views, err := from.views(ctx)
		if err != nil {
			return err
		}
		percent, over, err := progressOf(views, before)
		if err != nil || over {
			return err
		}
		bar(int64(percent), int64(100*len(before)))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the rebuild goes on, or at the next start: %w", ctx.Err())
		}
	}
}

// progressOf says how far the rebuilds have come, in percent summed up.
func progressOf(views, before []viewRow) (percent int, over bool, err error) {
	over = true
	for _, b := range before {
		i := slices.IndexFunc(views, func(v viewRow) bool { return v.Name == b.Name })
		if i < 0 {
			return 0, false, fmt.Errorf("projection %s is there no more: look at the service's log", b.Name)
		}
		v := views[i]
		switch {
		case v.Err != "":
			return 0, false, fmt.Errorf("projection %s halted: %s: look at the service's log", v.Name, v.Err)
		case v.Rebuild != nil:
			over, percent = false, percent+int(v.Rebuild.Percent)
		case v.Generation > b.Generation:
			percent += 100
		default:
			over = false
		}
	}
	return percent, over, nil
}

// tell prints where the views stand.
func (c *projectionsRebuildCmd) tell(ctx context.Context, con *console, from viewer, names []string) error {
	views, err := from.views(ctx)
	if err != nil {
		return err
	}
	views = slices.DeleteFunc(views, func(v viewRow) bool { return !slices.Contains(names, v.Name) })
	if c.Output == "json" {
		return printJSON(con.out, views)
	}
	for _, v := range views {
		switch {
		case v.Rebuild != nil:
			fmt.Fprintf(con.out, "%s is being rebuilt: `ghl-ledger projections list` shows how far\n", v.Name)
		default:
			fmt.Fprintf(con.out, "%s serves generation %d, at entry %d of %d\n", v.Name, v.Generation, v.Seq, v.Head)
		}
	}
	return nil
}
