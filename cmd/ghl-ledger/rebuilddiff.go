package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections"
)

// compare builds new generations that wait, shows what they would change, and
// has them take over if the answer is yes. Whatever else ends it with a word
// discards them; a cut leaves them to the next --diff.
func (c *projectionsRebuildCmd) compare(ctx context.Context, con *console, from viewer, before []viewRow) error {
	if !c.Yes && !c.DryRun && !isTerminal(con.in) {
		return errors.New("nobody can be asked here: give --yes, or --dry-run to see what would change")
	}
	names := namesOf(before)
	for _, v := range before {
		if v.Rebuild != nil && v.Rebuild.Preview { // of a --diff that was cut off
			continue
		}
		if err := from.turn(ctx, v.Name, "preview", c.Reason); err != nil {
			return missing(err, "projection", v.Name, "projections list")
		}
	}
	if err := c.built(ctx, con, from, names); err != nil {
		return err
	}
	if err := c.showDiffs(ctx, con, from, names); err != nil {
		return err
	}
	ok, err := c.verdict(con, names)
	if !ok {
		return errors.Join(c.all(ctx, from, names, "discard"), err)
	}
	if err := c.all(ctx, from, names, "accept"); err != nil {
		return err
	}
	return c.wait(ctx, con, from, before)
}

// verdict is whether the new generations are to serve.
func (c *projectionsRebuildCmd) verdict(con *console, names []string) (bool, error) {
	if c.DryRun {
		_, err := fmt.Fprintln(con.err, "discarded, for --dry-run: what served serves")
		return false, err
	}
	return c.goAhead(con, "let the new generation of %s serve", and(names))
}

func (c *projectionsRebuildCmd) all(ctx context.Context, from viewer, names []string, act string) error {
	var errs []error
	for _, name := range names {
		errs = append(errs, from.turn(ctx, name, act, c.Reason))
	}
	return errors.Join(errs...)
}

// built returns once a new generation of each view has reached the head.
func (c *projectionsRebuildCmd) built(ctx context.Context, con *console, from viewer, names []string) error {
	bar, done := con.bar("build beside")
	defer done()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		views, err := from.views(ctx)
		if err != nil {
			return err
		}
		percent, over, err := previewsOf(views, names)
		if err != nil || over {
			return err
		}
		bar(int64(percent), int64(100*len(names)))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("what is built stays, and the same command goes on with it: %w", ctx.Err())
		}
	}
}

// previewsOf says how far the generations that are to wait have come.
func previewsOf(views []viewRow, names []string) (percent int, over bool, err error) {
	over = true
	for _, v := range views {
		switch {
		case !slices.Contains(names, v.Name):
		case v.Err != "":
			return 0, false, fmt.Errorf("projection %s halted: %s: look at the service's log", v.Name, v.Err)
		case v.Rebuild == nil || !v.Rebuild.Preview:
			return 0, false, answerNo{fmt.Errorf("projection %s: somebody else accepted or discarded what was built", v.Name)}
		default:
			over, percent = over && v.Rebuild.Ready, percent+int(v.Rebuild.Percent)
		}
	}
	return percent, over, nil
}

func (c *projectionsRebuildCmd) showDiffs(ctx context.Context, con *console, from viewer, names []string) error {
	diffs := make([]projections.Diff, 0, len(names))
	for _, name := range names {
		d, err := from.diff(ctx, name)
		if err != nil {
			return err
		}
		diffs = append(diffs, d)
	}
	if c.Output == "json" {
		return printJSON(con.out, diffs)
	}
	for _, d := range diffs {
		printDiff(con.out, d)
	}
	return nil
}

// printDiff shows counts, and a sample of rows before and after.
func printDiff(w io.Writer, d projections.Diff) {
	fmt.Fprintf(w, "%s as of entry %d: %s now, %s then; %d parked now, %d then\n", d.Name, d.Seq,
		plural(d.Before.Rows, "row"), plural(d.After.Rows, "row"), d.Before.Parked, d.After.Parked)
	if len(d.Buckets) == 0 {
		fmt.Fprintln(w, "  nothing would change")
	}
	for _, b := range d.Buckets {
		fmt.Fprintf(w, "  %s: %d added, %d removed, %d changed of %d\n", printable(b.Bucket), b.Added, b.Removed, b.Changed, b.Before)
		for _, row := range b.Sample {
			fmt.Fprintf(w, "    %s\n", row.Key)
			for _, line := range changesOf(row) {
				fmt.Fprintf(w, "      %s\n", line)
			}
		}
	}
}

// changesOf says what differs in a row, field by field where both are objects.
func changesOf(row projections.RowDiff) (lines []string) {
	if len(objectOf(row.Before)) == 0 || len(objectOf(row.After)) == 0 {
		return []string{"before " + clipped(row.Before), "after  " + clipped(row.After)}
	}
	return differing("", row.Before, row.After)
}

// differing goes into the fields that both have.
func differing(name string, before, after json.RawMessage) (lines []string) {
	was, is := objectOf(before), objectOf(after)
	if len(was) == 0 || len(is) == 0 {
		return []string{fmt.Sprintf("%s: %s → %s", printable(name), clipped(before), clipped(after))}
	}
	fields := maps.Clone(was)
	maps.Copy(fields, is)
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if !bytes.Equal(was[field], is[field]) {
			lines = append(lines, differing(strings.TrimPrefix(name+"."+field, "."), was[field], is[field])...)
		}
	}
	return lines
}

// objectOf is nil for what is no object.
func objectOf(value json.RawMessage) (fields map[string]json.RawMessage) {
	_ = json.Unmarshal(value, &fields) // an array, a string, nothing: none of its own
	return fields
}

// clipped is a value on one line, cut where nobody reads on.
func clipped(value json.RawMessage) string {
	const most = 160
	text := []rune(strings.Join(strings.Fields(printable(string(value))), " "))
	switch {
	case len(text) == 0:
		return "-"
	case len(text) > most:
		return string(text[:most]) + "…"
	}
	return string(text)
}
