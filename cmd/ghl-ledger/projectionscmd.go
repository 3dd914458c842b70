package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections"
)

type projectionsCmd struct {
	List     projectionsListCmd     `cmd:"" help:"List the views: how far each is, and whether it is being rebuilt."`
	Rebuild  projectionsRebuildCmd  `cmd:"" help:"Fold a view anew from the ledger, beside the one that serves."`
	Rollback projectionsRollbackCmd `cmd:"" help:"Let the generation before the last rebuild serve again."`
}

type projectionsListCmd struct {
	client `embed:""`
}

// Help is what projections list --help says beside its flags.
func (projectionsListCmd) Help() string {
	return `Examples:
  ghl-ledger projections list
  ghl-ledger projections list --output json | jq '.data[] | {name, lag_events}'`
}

// viewRow is a view as a line of a list.
type viewRow struct {
	Name       string            `json:"name"`
	Version    int               `json:"version"`
	Generation int               `json:"generation"`
	State      projections.State `json:"state"`
	Seq        uint64            `json:"seq"`
	Head       uint64            `json:"head"`
	Lag        uint64            `json:"lag_events" head:"behind"`
	Parked     int               `json:"parked"`
	Rebuild    *rebuildView      `json:"rebuild"`
	Err        string            `json:"error"`
}

// rebuildView is how far a rebuild is.
type rebuildView struct {
	Seq     uint64  `json:"seq"`
	Target  uint64  `json:"target"`
	Percent float64 `json:"percent"`
	Speed   float64 `json:"events_per_second"`
	ETA     float64 `json:"eta_seconds"`
	Preview bool    `json:"preview"`
	Ready   bool    `json:"ready"`
}

func (r rebuildView) String() string {
	if r.Ready {
		return "waits for a word: rebuild --diff"
	}
	return fmt.Sprintf("%.0f %%, %s left", r.Percent, (time.Duration(r.ETA) * time.Second).String())
}

// Run lists the views.
func (c *projectionsListCmd) Run(ctx context.Context, con *console) error {
	return showList[viewRow](ctx, con, &c.client, "projections", url.Values{}, paging{})
}

type projectionsRollbackCmd struct {
	client `embed:""`
	acting `embed:""`
	Name   string `arg:"" help:"The view."`
	Reason string `help:"Why, for whoever asks later."`
}

// Help is what projections rollback --help says beside its flags.
func (projectionsRollbackCmd) Help() string {
	return `Within one version of the view. To go back a version, start the old program: it
finds its own files.

Examples:
  ghl-ledger projections rollback leads --yes`
}

// Run rolls back.
func (c *projectionsRollbackCmd) Run(ctx context.Context, con *console) error {
	c.find(con.set)
	views, err := c.views(ctx)
	if err != nil {
		return err
	}
	if _, err := named(views, c.Name); err != nil {
		return err
	}
	if ok, err := c.goAhead(con, "let the generation of %s before this one serve again", c.Name); !ok {
		return err
	}
	var answer map[string]any
	if err := c.post(ctx, "projections/"+url.PathEscape(c.Name)+"/rollback", reason(c.Reason), &answer); err != nil {
		return missing(err, "projection", c.Name, "projections list")
	}
	if c.Output == "json" {
		return printJSON(con.out, answer)
	}
	_, err = fmt.Fprintf(con.out, "%s serves the generation before, once that has caught up\n", c.Name)
	return err
}

// named returns the views of that name, or all for "".
func named(views []viewRow, name string) ([]viewRow, error) {
	if name == "" {
		return views, nil
	}
	var names []string
	for _, v := range views {
		if v.Name == name {
			return []viewRow{v}, nil
		}
		names = append(names, v.Name)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return nil, errors.New("the service has no projections")
	}
	return nil, answerNo{fmt.Errorf("there is no projection %s; there are: %s", printable(name), and(names))}
}
