package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
)

type reconcileCmd struct {
	client   `embed:""`
	acting   `embed:""`
	Since    string `placeholder:"TIME" help:"What changed at GoHighLevel since then: 24h, 2026-01-31, 2026-01-31T15:04:05Z."`
	All      bool   `help:"Every contact and opportunity, as on the first day."`
	Location string `name:"location-id" help:"Of one location only."`
	Reason   string `help:"Why, for whoever asks later."`
}

// Help is what reconcile --help says beside its flags.
func (reconcileCmd) Help() string {
	return `Reads contacts and opportunities back from GoHighLevel and appends what the
ledger missed. They are scored, and their fields at GoHighLevel written; nobody
gets a message for them. What was deleted or forgotten here is left so.

Without --yes it looks first, shows what is missing, and asks.

Examples:
  ghl-ledger reconcile --since 24h --dry-run
  ghl-ledger reconcile --all --yes`
}

// Run looks, asks and reconciles.
func (c *reconcileCmd) Run(ctx context.Context, con *console) error {
	since, err := c.since(time.Now())
	if err != nil {
		return err
	}
	c.find(con.set)
	if !c.Yes {
		looked, err := c.reconcile(ctx, con, since, true)
		if err != nil {
			return err
		}
		if missed := missedIn(looked); c.DryRun || missed == 0 {
			return c.tell(con, looked)
		} else if ok, err := c.ask(con, looked, missed); !ok {
			return err
		}
	}
	run, err := c.reconcile(ctx, con, since, false)
	if err != nil {
		return err
	}
	return c.tell(con, run)
}

// since is the flag as the API takes it.
func (c *reconcileCmd) since(now time.Time) (string, error) {
	if c.All == (c.Since != "") {
		return "", errors.New("how far back? Give --since, such as --since 24h, or --all")
	}
	// A negative one is a time to come, since when nothing can be missing: no answer to trust.
	if d, err := time.ParseDuration(c.Since); err == nil && d > 0 {
		return now.Add(-d).UTC().Format(time.RFC3339), nil
	}
	day, _, _ := strings.Cut(c.Since, "T")
	if _, err := time.Parse(time.DateOnly, day); err != nil && !c.All {
		return "", fmt.Errorf("--since %s: want 24h, 2026-01-31 or 2026-01-31T15:04:05Z", printable(c.Since))
	}
	return c.Since, nil
}

func (c *reconcileCmd) ask(con *console, looked outbox.ReconcileRun, missed int) (bool, error) {
	if err := printGaps(con, looked); err != nil {
		return false, err
	}
	return c.goAhead(con, "append %s, without messages", plural(missed, "record"))
}

// reconcile has the service do it, and waits for the end.
func (c *reconcileCmd) reconcile(ctx context.Context, con *console, since string, dryRun bool) (run outbox.ReconcileRun, err error) {
	in := map[string]any{"location_id": c.Location, "since": since, "all": c.All, "dry_run": dryRun, "reason": c.Reason}
	if err := c.post(ctx, "reconcile", in, &run); err != nil {
		return run, err
	}
	bar, done := con.bar("reconcile")
	defer done()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for run.Ended == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return run, fmt.Errorf("the reconcile goes on in the service: %w", ctx.Err())
		}
		if err := c.get(ctx, "reconcile/"+url.PathEscape(run.ID), nil, &run); err != nil {
			return run, err
		}
		bar(int64(readBy(run)), -1)
	}
	if run.State != outbox.TaskDone {
		return run, fmt.Errorf("not everything was read: %s: what was appended stays, and running it again adds the rest", run.Error)
	}
	return run, nil
}

func readBy(run outbox.ReconcileRun) (n int) {
	for _, g := range run.Gaps {
		n += g.Contacts.Read + g.Opportunities.Read
	}
	return n
}

func missedIn(run outbox.ReconcileRun) (n int) {
	for _, g := range run.Gaps {
		n += g.Missed()
	}
	return n
}

func (c *reconcileCmd) tell(con *console, run outbox.ReconcileRun) error {
	if c.Output == "json" {
		return printJSON(con.out, run)
	}
	if err := printGaps(con, run); err != nil {
		return err
	}
	added := 0
	for _, g := range run.Gaps {
		added += g.Added
	}
	switch missed := missedIn(run); {
	case missed == 0:
		fmt.Fprintln(con.out, "nothing was missed")
	case run.DryRun:
		fmt.Fprintf(con.out, "would append %s\n", plural(missed, "record"))
	default:
		fmt.Fprintf(con.out, "%s appended\n", plural(added, "record"))
	}
	return nil
}

// gapRow is one sort of records of one location.
type gapRow struct {
	Location string `json:"location"`
	What     string `json:"what"`
	Read     int    `json:"read"`
	New      int    `json:"new"`
	Changed  int    `json:"changed"`
	Left     int    `json:"deleted_here"`
	Invalid  int    `json:"invalid"`
}

// missedRow is one record that was missed.
type missedRow struct {
	Kind    string `json:"kind"`
	Contact string `json:"contact"`
	ID      string `json:"id"`
	Differs string `json:"differs_in"`
}

// printGaps prints what was found, and a sample of it.
func printGaps(con *console, run outbox.ReconcileRun) error {
	var rows []gapRow
	var missed []missedRow
	for _, g := range run.Gaps {
		for _, t := range []struct {
			what string
			outbox.Tally
		}{{"contacts", g.Contacts}, {"opportunities", g.Opportunities}} {
			rows = append(rows, gapRow{g.Location, t.what, t.Read, t.New, t.Changed, t.Deleted, t.Invalid})
		}
		for _, m := range g.Sample[:min(len(g.Sample), 10)] {
			missed = append(missed, missedRow{m.Kind, printable(m.ContactID), printable(m.ID), cmp.Or(printable(strings.Join(m.Fields, ", ")), "new")})
		}
		if g.Unlisted > 0 {
			fmt.Fprintf(con.err, "%s of location %s are not listed by GoHighLevel: deleted there, perhaps\n", plural(g.Unlisted, "lead"), g.Location)
		}
	}
	if err := printList(con, "table", rows); err != nil || len(missed) == 0 {
		return err
	}
	fmt.Fprintln(con.out)
	return printList(con, "table", missed)
}
