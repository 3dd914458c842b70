package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
)

type modelCmd struct {
	List     modelListCmd     `cmd:"" help:"List the models, the newest first."`
	Show     modelShowCmd     `cmd:"" help:"Show a model's card: how it was tried, and what the gate said."`
	Train    modelTrainCmd    `cmd:"" help:"Train a model from the closings in the ledger, and let the gate decide."`
	Evaluate modelEvaluateCmd `cmd:"" help:"Try a model on what came since it was trained."`
	Promote  modelPromoteCmd  `cmd:"" help:"Put a model in force."`
	Rollback modelRollbackCmd `cmd:"" help:"Have the model that served before serve again."`
	Import   modelImportCmd   `cmd:"" help:"Keep a model of your own, from a folder."`
	Card     modelCardCmd     `cmd:"" help:"Write the built-in points card, to be edited."`
	Features modelFeaturesCmd `cmd:"" help:"List the features that models may use, and which sign their weights must have."`
}

type modelListCmd struct {
	client `embed:""`
}

// Help is what model list --help says beside its flags.
func (modelListCmd) Help() string {
	return `Examples:
  ghl-ledger model list
  ghl-ledger model list --output json | jq -r '.data[] | select(.status == "serving").id'`
}

// modelRow is a model as a line of a list.
type modelRow struct {
	ID      string     `json:"id" head:"model"`
	Kind    string     `json:"kind"`
	Target  string     `json:"target" head:"foretells"`
	Status  string     `json:"status"`
	By      string     `json:"by" head:"from"`
	Trained *time.Time `json:"trained_at" head:"trained"`
	Thumbs  thumbs     `json:"thumbs"`
	Reason  string     `json:"reason"`
}

type thumbs projections.Thumbs

func (t thumbs) String() string {
	if t.Up+t.Down == 0 {
		return ""
	}
	return fmt.Sprintf("%d up, %d down", t.Up, t.Down)
}

// Run lists the models. Before there is a learned one it says what is missing.
func (c *modelListCmd) Run(ctx context.Context, con *console) error {
	if err := showList[modelRow](ctx, con, &c.client, "models", url.Values{}, paging{}); err != nil || c.Output == "json" {
		return err
	}
	learned, err := c.anyLearned(ctx)
	if err != nil || learned {
		return err
	}
	var f struct {
		Total struct {
			Deals struct{ Won, Lost int }
		}
	}
	if err := c.get(ctx, "funnel", nil, &f); err != nil {
		return err
	}
	_, err = fmt.Fprintf(con.out, "\nNo learned model yet: the points card scores. From 50 outcomes, 20 won and 20 not, points get a\nprobability; from 200, 40 of each, a model is learned. A lead counts when its 90 days are over. You have %d won and %d lost.\n", f.Total.Deals.Won, f.Total.Deals.Lost)
	return err
}

func (c *modelListCmd) anyLearned(ctx context.Context) (bool, error) {
	var l struct{ Data []modelRow }
	if err := c.get(ctx, "models", nil, &l); err != nil {
		return false, err
	}
	for _, m := range l.Data {
		if m.Kind != scoring.KindPoints {
			return true, nil
		}
	}
	return false, nil
}

type modelShowCmd struct {
	client `embed:""`
	ID     string `arg:"" optional:"" help:"The model; the one in force if not given."`
}

// Help is what model show --help says beside its flags.
func (modelShowCmd) Help() string {
	return `Examples:
  ghl-ledger model show
  ghl-ledger model show model:0a1b2c3d4e5f --output json | jq .card.checks`
}

// modelView is a model with its card.
type modelView struct {
	modelRow
	FeatureSet string              `json:"feature_set"`
	Decided    string              `json:"decided"`
	Since      *time.Time          `json:"since"`
	Event      string              `json:"event_id"`
	Card       *training.ModelCard `json:"card"`
}

// Run shows the card.
func (c *modelShowCmd) Run(ctx context.Context, con *console) error {
	c.find(con.set)
	id, err := c.orServing(ctx, c.ID)
	if err != nil {
		return err
	}
	var m modelView
	done, err := c.show(ctx, con, "models/"+url.PathEscape(id), nil, &m)
	if err != nil || done {
		return missing(err, "model", id, "model list")
	}
	printFields(con, field{"model", m.ID}, field{"kind", m.Kind}, field{"status", m.Status}, field{"from", m.By}, field{"decided by", m.Decided},
		field{"why", m.Reason}, field{"since", m.Since}, field{"thumbs", m.Thumbs.String()}, field{"entry", m.Event})
	if m.Card == nil {
		_, err = fmt.Fprintln(con.out, "\nA points card: it learns nothing. `ghl-ledger model card` writes one to edit.")
		return err
	}
	_, err = fmt.Fprintf(con.out, "\n%s", printableLines(m.Card.Markdown()))
	return err
}

// printableLines is a text of lines, each printable.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

// orServing is id, or the model of winning in force.
func (c *client) orServing(ctx context.Context, id string) (string, error) {
	if id != "" {
		return id, nil
	}
	var l struct{ Data []modelRow }
	if err := c.get(ctx, "models", nil, &l); err != nil {
		return "", err
	}
	for _, m := range l.Data {
		if m.Status == projections.ModelServing && m.Target == projections.TargetWin {
			return m.ID, nil
		}
	}
	return "", errors.New("no model serves: look at the service's log")
}

type modelImportCmd struct {
	client `embed:""`
	acting `embed:""`
	Folder string `arg:"" help:"A folder with manifest.json and linear.json."`
	Reason string `help:"Why, for whoever asks later."`
}

// Help is what model import --help says beside its flags.
func (modelImportCmd) Help() string {
	return `The model must give what its own self-tests expect, to a millionth, and keep the
promises of a score. It is kept, and does not serve until it is promoted.

Examples:
  ghl-ledger model import ./my-model --dry-run
  ghl-ledger model import ./my-model --yes && ghl-ledger model evaluate model:…`
}

// Run tries the folder here, and hands it over.
func (c *modelImportCmd) Run(ctx context.Context, con *console) error {
	if info, err := os.Stat(c.Folder); err != nil {
		return err
	} else if !info.IsDir() {
		return fmt.Errorf("%s: no folder: want one with manifest.json and linear.json", c.Folder)
	}
	folder, err := scoring.ReadFolder(os.DirFS(c.Folder))
	if err != nil {
		return fmt.Errorf("%s: %w", c.Folder, err)
	}
	m, err := scoring.ParseFolder(folder)
	if err != nil {
		return answerNo{fmt.Errorf("%s: %w", c.Folder, err)}
	}
	if ok, err := c.goAhead(con, "keep %s, which passes its self-tests", m.ID()); !ok {
		return err
	}
	c.find(con.set)
	in := map[string]any{"reason": c.Reason, "folder": map[string]string{"manifest": string(folder.Manifest), "linear": string(folder.Linear)}}
	var raw json.RawMessage
	if err := c.post(ctx, "models", in, &raw); err != nil {
		return fmt.Errorf("import %s: %w", c.Folder, err)
	}
	if c.Output == "json" {
		return printJSON(con.out, raw)
	}
	_, err = fmt.Fprintf(con.out, "%s is kept: `ghl-ledger model evaluate %s` tries it on your closings, `ghl-ledger model promote %s --reason …` puts it in force\n", m.ID(), m.ID(), m.ID())
	return err
}

type modelCardCmd struct {
	Out string `placeholder:"FILE" help:"Write it there, never over an existing file; else it is printed."`
}

// Help is what model card --help says beside its flags.
func (modelCardCmd) Help() string {
	return `card.json in the data directory replaces the built-in card. The service takes it
at its start and on SIGHUP; one with faults is refused with all of them, and what
served before goes on.

Examples:
  ghl-ledger model card --out data/card.json
  kill -HUP $(pidof ghl-ledger)`
}

// Run writes the card.
func (c *modelCardCmd) Run(con *console) error {
	if c.Out == "" {
		_, err := con.out.Write(scoring.DefaultCardJSON())
		return err
	}
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return answerNo{fmt.Errorf("%s exists: nothing was written", c.Out)}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(scoring.DefaultCardJSON())
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(con.out, "%s written: edit it, then send the service SIGHUP\n", c.Out)
	return err
}

type modelFeaturesCmd struct {
	Output string `enum:"table,json" default:"table" help:"${enum}."`
}

// Help is what model features --help says beside its flags.
func (modelFeaturesCmd) Help() string {
	return `Examples:
  ghl-ledger model features
  ghl-ledger model features --output json > features.json`
}

// featureRow is a feature as a line of the list.
type featureRow struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	Sign string `json:"sign" head:"weight"`
	Text string `json:"text" head:"what it says"`
}

// Run lists the features.
func (c *modelFeaturesCmd) Run(con *console) error {
	var rows []featureRow
	for _, f := range scoring.Features() {
		sign := map[int]string{-1: "-", 0: "any", 1: "+"}[f.Sign]
		if f.Unsigned {
			sign = "none"
		}
		rows = append(rows, featureRow{f.Name, cmp.Or(f.Unit, "count"), sign, f.Text})
	}
	return printList(con, c.Output, rows)
}
