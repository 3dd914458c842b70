package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/export"
	"github.com/oklog/ulid/v2"
)

type exportCmd struct {
	remote  `embed:""`
	Dataset []string      `required:"" placeholder:"NAME" help:"events, leads, features, labels, scores, training; a comma between, or all."`
	Format  export.Format `enum:"jsonl,csv,parquet" default:"jsonl" help:"${enum}."`
	After   string        `placeholder:"ID" help:"Of events, labels and scores, only what came after that entry; in a folder, after its last export if not given. The others are always whole."`
	Until   string        `placeholder:"ID" help:"Up to that entry; the newest if not given."`
	PII     bool          `name:"pii" help:"Personal data as they are. It is an audit entry."`
	Out     string        `placeholder:"PATH" default:"-" help:"A file, or a folder (with a / at its end, or one that is there); - is standard output."`
	Data    string        `placeholder:"DIR" help:"Export the ledger of a stopped service, in its data directory."`
	Output  string        `enum:"table,json" default:"table" help:"What is said of the export: ${enum}."`
}

// Help is what export --help says beside its flags.
func (exportCmd) Help() string {
	return `Into a folder goes one file a UTC day, with manifest.json and a data dictionary;
the next export into it goes on where this one ended: events, labels and scores
get what is new; features, leads and training, which are as of the end, get
another file that is whole, so read the newest alone. The same range gives the
same bytes. People appear under pseudonyms unless --pii is given.

Exit codes:
  0   exported whole
  2   could not export; no file is left that is not whole
  70 to 75  a stopped ledger could not be opened: see serve --help

Examples:
  ghl-ledger export --dataset all --format parquet --out analysis/
  ghl-ledger export --dataset scores --format csv --out scores.csv
  ghl-ledger export --dataset events --data /var/lib/ghl-ledger --out events.jsonl`
}

// Run exports, and says what.
func (c *exportCmd) Run(ctx context.Context, con *console) (err error) {
	r, err := c.request()
	if err != nil {
		return err
	}
	bar, done := con.bar("export")
	from, shut, err := c.source(ctx, con, bar)
	if err != nil {
		done()
		return err
	}
	var all []export.Exported
	if c.intoFolder() {
		all, err = c.folder(ctx, from, r)
	} else {
		all, err = c.file(ctx, con, from, r)
	}
	done()
	if err = errors.Join(err, shut()); err != nil {
		return fmt.Errorf("export: %w", orStopped(err))
	}
	return c.tell(con, all)
}

func (c *exportCmd) request() (r export.Request, err error) {
	if slices.Contains(c.Dataset, "all") {
		c.Dataset = export.Datasets()
	}
	for _, name := range c.Dataset {
		if !slices.Contains(export.Datasets(), name) {
			return r, fmt.Errorf("--dataset %s: there are %s, or all", printable(name), strings.Join(export.Datasets(), ", "))
		}
	}
	if len(c.Dataset) > 1 && !c.intoFolder() {
		return r, errors.New("several datasets go into a folder: give --out a name with a / at its end")
	}
	r = export.Request{Format: c.Format, PII: c.PII}
	for _, p := range []struct {
		flag, value string
		to          *ulid.ULID
	}{{"after", c.After, &r.After}, {"until", c.Until, &r.Until}} {
		if p.value == "" || p.value == "0" {
			continue
		}
		if *p.to, err = ledger.ParseID(p.value); err != nil {
			return r, fmt.Errorf("--%s: %w", p.flag, err)
		}
	}
	return r, nil
}

func (c *exportCmd) intoFolder() bool {
	info, err := os.Stat(c.Out)
	return strings.HasSuffix(c.Out, "/") || c.Out != "-" && err == nil && info.IsDir()
}

func (c *exportCmd) folder(ctx context.Context, from export.Source, r export.Request) (all []export.Exported, err error) {
	f, err := export.OpenFolder(c.Out)
	if err != nil {
		return nil, err
	}
	if r.Until == (ulid.ULID{}) { // the same for every dataset
		if r.Until, err = from.Head(ctx); err != nil {
			return nil, err
		}
	}
	for _, r.Dataset = range c.Dataset {
		e, _, err := f.Add(ctx, from, r)
		if err != nil {
			return all, err
		}
		e.Dataset, e.Format = r.Dataset, r.Format
		all = append(all, e)
	}
	return all, nil
}

// file writes one file, or to standard output.
func (c *exportCmd) file(ctx context.Context, con *console, from export.Source, r export.Request) ([]export.Exported, error) {
	r.Dataset = c.Dataset[0]
	if c.Out == "-" {
		s, err := from.Export(ctx, r, con.out)
		return []export.Exported{{Summary: s}}, err
	}
	temp, err := os.CreateTemp(filepath.Dir(c.Out), ".export-*")
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("--out %s: %w", c.Out, p.Err) // not the other name that it has meanwhile
	}
	if err != nil {
		return nil, err
	}
	defer os.Remove(temp.Name()) // it has its name by then, or is not whole
	s, err := from.Export(ctx, r, temp)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return nil, err
	}
	return []export.Exported{{Summary: s, Files: []export.File{{Path: c.Out}}}}, os.Rename(temp.Name(), c.Out)
}

// tell says on standard error what was exported, since standard output may be it.
func (c *exportCmd) tell(con *console, all []export.Exported) error {
	w := con.out
	if c.Out == "-" {
		w = con.err
	}
	if c.Output == "json" {
		return printJSON(w, all)
	}
	for _, e := range all {
		if e.Last.Seq == 0 {
			fmt.Fprintf(w, "%s: nothing new\n", e.Dataset)
			continue
		}
		fmt.Fprintf(w, "%s: %s up to entry %d %s, personal data: %s, %d erased\n", e.Dataset, plural(int(e.Rows), "row"), e.Last.Seq, e.Last.ID, e.Personal, e.Erased)
		if e.Dataset == "training" && e.Rows == 0 {
			fmt.Fprintln(w, "training: a lead has rows once its deal is won or lost, or 90 days are over")
		}
	}
	return nil
}

// source is the stopped ledger in --data, or the running service.
func (c *exportCmd) source(ctx context.Context, con *console, bar func(at, total int64)) (export.Source, func() error, error) {
	if c.Data == "" {
		c.find(con.set)
		return &served{remote: &c.remote, bar: bar}, func() error { return nil }, nil
	}
	s, err := follow(ctx, c.Data)
	if err != nil {
		return nil, nil, err
	}
	x, err := export.New(c.Data, s.ledger, projections.LeadsView{Runner: s.runner, Meaning: meaning})
	if err == nil && c.PII {
		err = c.record(ctx, s.ledger)
	}
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return export.Local{Exporter: x, Progress: bar}, s.Close, nil
}

// record notes in the ledger that somebody takes personal data.
func (c *exportCmd) record(ctx context.Context, log ledger.Appender) error {
	body, err := json.Marshal(map[string]any{"act": "export", "on": strings.Join(c.Dataset, ","), "by": map[string]string{"role": "data directory"},
		"details": map[string]any{"format": c.Format, "after": c.After, "until": c.Until, "pii": true}})
	if err != nil {
		return err
	}
	_, err = log.Append(ctx, ledger.Draft{Kind: "audit.export", Key: "audit:" + ulid.Make().String(), Occurred: time.Now().UTC(), Body: body})
	return err
}
