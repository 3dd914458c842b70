package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

type ghlFieldsCmd struct {
	calling `embed:""`
	acting  `embed:""`
	Create  bool `help:"Create those that are missing."`
}

// Help is what ghl fields --help says beside its flags.
func (ghlFieldsCmd) Help() string {
	return `An update of a contact is held while a field that it sets is missing. A field of
yours with the right key serves, whatever its name and type are.

Examples:
  ghl-ledger ghl fields
  ghl-ledger ghl fields --create --dry-run
  ghl-ledger ghl fields --create --yes`
}

// fieldRow is a custom field that this service writes.
type fieldRow struct {
	Location string `json:"location_id" head:"location"`
	Key      string `json:"key"`
	State    string `json:"state"` // present, missing, created
	Name     string `json:"name"`
	DataType string `json:"data_type"`
	ID       string `json:"id"`
}

// Run lists the fields, and creates what is missing where it is asked to. Its
// answer is no if some are missing in the end.
func (c *ghlFieldsCmd) Run(ctx context.Context, con *console) error {
	cfg, err := c.config(con)
	if err != nil {
		return err
	}
	rows, err := ourFields(ctx, cfg)
	if err != nil {
		return err
	}
	if c.Create {
		if rows, err = c.create(ctx, con, cfg, rows); err != nil {
			return err
		}
	}
	if err := printList(con, c.Output, rows); err != nil {
		return err
	}
	if n := countMissing(rows); n > 0 && !c.DryRun {
		return answerNo{fmt.Errorf("%s missing: `ghl-ledger ghl fields --create` makes them", plural(n, "field"))}
	}
	return nil
}

func countMissing(rows []fieldRow) (n int) {
	for _, r := range rows {
		if r.State == "missing" {
			n++
		}
	}
	return n
}

// ourFields says of every field that this service writes how it stands.
func ourFields(ctx context.Context, cfg *Config) (rows []fieldRow, err error) {
	api := cfg.calls()
	for _, l := range cfg.LocationID {
		there, err := api.Fields(ctx, l)
		if err != nil {
			return nil, fmt.Errorf("custom fields of location %s: %w", l, err)
		}
		for _, ours := range ghl.OurFields {
			row := fieldRow{Location: l, Key: ours.Key, State: "missing", Name: ours.Name, DataType: ours.DataType}
			if d, ok := there[ours.Key]; ok {
				row.State, row.Name, row.DataType, row.ID = "present", d.Name, d.DataType, d.ID
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// create makes the missing fields. GoHighLevel gives a field its key by its
// name: one that got another key would never be written, so that is an error.
func (c *ghlFieldsCmd) create(ctx context.Context, con *console, cfg *Config, rows []fieldRow) ([]fieldRow, error) {
	n := countMissing(rows)
	if n == 0 {
		return rows, nil
	}
	if ok, err := c.goAhead(con, "create %s", plural(n, "custom field")); !ok {
		return rows, err
	}
	api := cfg.calls()
	for i, r := range rows {
		if r.State != "missing" {
			continue
		}
		at := slices.IndexFunc(ghl.OurFields, func(d ghl.Definition) bool { return d.Key == r.Key })
		made, err := api.CreateField(ctx, r.Location, ghl.OurFields[at])
		if err != nil {
			return rows, fmt.Errorf("create %s at location %s: %w", r.Key, r.Location, err)
		}
		if key := shortKey(made.Key); key != "" && key != r.Key {
			return rows, fmt.Errorf("GoHighLevel gave the field %q the key %s instead of %s: delete it there, and the one that has that key", r.Name, key, r.Key)
		}
		rows[i].State, rows[i].ID = "created", made.ID
	}
	return rows, nil
}
