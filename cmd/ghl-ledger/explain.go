package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

type leadsExplainCmd struct {
	client  `embed:""`
	paging  `embed:""`
	Contact string `arg:"" help:"The contact."`
}

// Help is what leads explain --help says beside its flags.
func (leadsExplainCmd) Help() string {
	return `Examples:
  ghl-ledger leads explain contact_1
  ghl-ledger leads explain contact_1 --output json | jq '.data[-1].scored.reasons'`
}

// scoreView is one score of a lead, and what moved it.
type scoreView struct {
	ID       string    `json:"id"`
	Recorded time.Time `json:"recorded_at"`
	Cause    string    `json:"cause"`
	Kind     string    `json:"cause_kind"`
	Text     string    `json:"cause_text"`
	Delta    *float64  `json:"delta"`
	Scored   *scored   `json:"scored"`
}

// scored is a score with its parts.
type scored struct {
	Score   float64      `json:"score"`
	Quality string       `json:"quality"`
	Churn   float64      `json:"churn_risk"`
	Model   string       `json:"model_id"`
	Reasons []leadReason `json:"reasons"`
	Losing  []leadReason `json:"churn_reasons"`
	Actions []leadAction `json:"recommended_actions"`
}

// scoreRow is one score as a line of the history.
type scoreRow struct {
	Recorded time.Time `json:"recorded"`
	Score    *points   `json:"score"`
	Delta    string    `json:"by"`
	Quality  string    `json:"quality"`
	Why      string    `json:"why"`
	Event    string    `json:"event"`
}

// Run prints the history, and of the newest score the parts it is made of.
func (c *leadsExplainCmd) Run(ctx context.Context, con *console) error {
	c.find(con.set)
	got, err := c.fetch(ctx, "leads/"+url.PathEscape(c.Contact)+"/scores", url.Values{}, c.paging)
	if err != nil {
		return missing(err, "lead", c.Contact, "leads list")
	}
	if c.Output == "json" {
		return printJSON(con.out, got)
	}
	views, err := decoded[scoreView](got.Data)
	if err != nil {
		return err
	}
	if err := printScores(con, views); err != nil || len(views) == 0 {
		return err
	}
	if got.Next != nil {
		fmt.Fprintf(con.err, "There is more: --after %s, or --limit 0 for all.\n", *got.Next)
		return nil
	}
	newest := views[len(views)-1].Scored
	if newest == nil {
		return nil
	}
	return newest.print(con)
}

// print says what the score is made of, what it says of losing the lead, and
// what to do.
func (s *scored) print(con *console) error {
	fmt.Fprintf(con.out, "\nThe newest is %.2f, by %s: 40 and\n", s.Score, scoring.NameOf(s.Model))
	byWeight(s.Reasons)
	if err := printList(con, "table", s.Reasons); err != nil {
		return err
	}
	if len(s.Losing) > 0 {
		fmt.Fprintf(con.out, "\nThe risk to lose the lead is %.0f %%:\n", 100*s.Churn)
		if err := printRisks(con, s.Losing); err != nil {
			return err
		}
	}
	fmt.Fprintf(con.out, "\nWhat to do next:\n")
	return printActions(con, s.Actions)
}

func byWeight(reasons []leadReason) {
	slices.SortStableFunc(reasons, func(a, b leadReason) int { return cmp.Compare(abs(float64(b.Points)), abs(float64(a.Points))) })
}

// printRisks prints the parts of a risk, in hundredths of a chance.
func printRisks(con *console, reasons []leadReason) error {
	type row struct {
		Percent string `json:"percent"`
		Text    string `json:"text"`
		Event   string `json:"event_id" head:"event"`
	}
	rows := make([]row, len(reasons))
	for i, r := range reasons {
		rows[i] = row{fmt.Sprintf("%+.0f", 100*float64(r.Points)), r.Text, r.Event}
	}
	return printList(con, "table", rows)
}

func printScores(con *console, views []scoreView) error {
	rows := make([]scoreRow, len(views))
	for i, v := range views {
		rows[i] = scoreRow{Recorded: v.Recorded, Event: v.Cause, Why: v.Text}
		if v.Delta != nil {
			rows[i].Delta = fmt.Sprintf("%+.2f", *v.Delta)
		}
		if v.Scored != nil {
			rows[i].Score, rows[i].Quality = new(points(v.Scored.Score)), v.Scored.Quality
		}
	}
	return printList(con, "table", rows)
}

func abs(f float64) float64 { return max(f, -f) }
