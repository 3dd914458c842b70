package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

type leadsCmd struct {
	List    leadsListCmd    `cmd:"" help:"List leads, best first."`
	Show    leadsShowCmd    `cmd:"" help:"Show one lead: what is known of it, its score and what to do next."`
	Explain leadsExplainCmd `cmd:"" help:"Show a lead's scores over time: what moved them, by which entry."`
	OptOut  leadsOptOutCmd  `cmd:"" help:"Never write to a contact again, by a person's word."`
	OptIn   leadsOptInCmd   `cmd:"" help:"Let a contact be written to again, by a person's word."`
	Readmit leadsReadmitCmd `cmd:"" help:"Keep again what comes about a contact that was forgotten."`

	Feedback leadsFeedbackCmd `cmd:"" help:"Say whether a lead's score is right."`
}

type leadsFeedbackCmd struct {
	client  `embed:""`
	acting  `embed:""`
	Contact string `arg:"" help:"The contact."`
	Thumb   string `arg:"" enum:"up,down" help:"up or down: whether the score is right."`
	Reason  string `help:"Why, for whoever asks later."`
}

// Help is what leads feedback --help says beside its flags.
func (leadsFeedbackCmd) Help() string {
	return `An agent's word is kept apart from what became of the lead: nothing is trained on
it, and model list counts it by model.

Examples:
  ghl-ledger leads feedback contact_1 down --reason "they moved away" --yes`
}

// Run records the word.
func (c *leadsFeedbackCmd) Run(ctx context.Context, con *console) error {
	c.find(con.set)
	lead := "leads/" + url.PathEscape(c.Contact)
	if err := c.get(ctx, lead, nil, nil); err != nil {
		return missing(err, "lead", c.Contact, "leads list")
	}
	if ok, err := c.goAhead(con, "record a thumb %s for the score of %s", c.Thumb, printable(c.Contact)); !ok {
		return err
	}
	var answer map[string]any
	if err := c.post(ctx, lead+"/feedback", map[string]string{"thumb": c.Thumb, "reason": c.Reason}, &answer); err != nil {
		return missing(err, "lead", c.Contact, "leads list")
	}
	if c.Output == "json" {
		return printJSON(con.out, answer)
	}
	_, err := fmt.Fprintf(con.out, "thumb %s recorded as %v\n", c.Thumb, answer["event_id"])
	return err
}

type leadsListCmd struct {
	client   `embed:""`
	paging   `embed:""`
	Quality  string  `param:"quality" help:"hot, warm or cold."`
	Status   string  `param:"status" help:"new, engaged, touring, negotiating, sold or lost."`
	Location string  `name:"location-id" param:"location_id" help:"Of this location."`
	MinScore float64 `param:"min_score" help:"With this score or more."`
	Query    string  `name:"q" param:"q" placeholder:"TEXT" help:"Whose name, e-mail or number contains this."`
	Sort     string  `enum:"score,updated" default:"score" param:"sort" help:"${enum}: highest or newest first."`
}

// Help is what leads list --help says beside its flags.
func (leadsListCmd) Help() string {
	return `Examples:
  ghl-ledger leads list --quality hot
  ghl-ledger leads list --status touring --sort updated
  ghl-ledger leads list --limit 0 --output json | jq -r '.data[] | [.contact_id, .score] | @csv'`
}

// leadRow is a lead as a line of a list.
type leadRow struct {
	Contact string   `json:"contact_id" head:"contact"`
	Name    string   `json:"name"`
	Status  string   `json:"status"`
	Score   *points  `json:"score"`
	Quality string   `json:"quality"`
	Churn   *float64 `json:"churn_risk"`
	Next    firstDo  `json:"recommended_actions" head:"next action"`
	Updated moments  `json:"updated_at" head:"updated"`
}

// leadAction is something to do next with a lead.
type leadAction struct {
	Action  string    `json:"action"`
	Due     time.Time `json:"due"`
	Because []string  `json:"because"`
}

// firstDo is the most urgent of a lead's actions, as a cell.
type firstDo []leadAction

func (f firstDo) String() string {
	if len(f) == 0 {
		return ""
	}
	return f[0].Action
}

// moments is a time that may be missing, as a cell.
type moments struct{ time.Time }

func (m moments) String() string { return moment(m.Time) }

// Run lists the leads.
func (c *leadsListCmd) Run(ctx context.Context, con *console) error {
	return showList[leadRow](ctx, con, &c.client, "leads", query(*c), c.paging)
}

type leadsShowCmd struct {
	client  `embed:""`
	Contact string `arg:"" help:"The contact."`
	Wait    string `placeholder:"EVENT" help:"Show it only once it includes this event (10 s at most)."`
}

// Help is what leads show --help says beside its flags.
func (leadsShowCmd) Help() string {
	return `Examples:
  ghl-ledger leads show contact_1
  ghl-ledger leads show contact_1 --output json | jq .preferences`
}

// leadReason is one part of a score.
type leadReason struct {
	Points points `json:"points"`
	Text   string `json:"text"`
	Event  string `json:"event_id" head:"event"`
}

// points are a score or a part of one, as a cell: always with two decimals, so
// that a column can be added up by eye.
type points float64

func (p points) String() string { return fmt.Sprintf("%.2f", float64(p)) }

// leadView is a lead as leads show prints it.
type leadView struct {
	Contact     string       `json:"contact_id"`
	Location    string       `json:"location_id"`
	Name        string       `json:"name"`
	Email       string       `json:"email"`
	Phone       string       `json:"phone"`
	Source      string       `json:"source"`
	Status      string       `json:"status"`
	Tags        []string     `json:"tags"`
	OptedOut    bool         `json:"opted_out"`
	OptedOutBy  string       `json:"opted_out_by"`
	Score       *points      `json:"score"`
	Confidence  *float64     `json:"confidence"`
	Basis       string       `json:"confidence_basis"`
	Quality     string       `json:"quality"`
	Churn       *float64     `json:"churn_risk"`
	Win         *float64     `json:"win_probability"`
	Model       string       `json:"model_id"`
	Reasons     []leadReason `json:"reasons"`
	Losing      []leadReason `json:"churn_reasons"`
	Actions     []leadAction `json:"recommended_actions"`
	Created     time.Time    `json:"created_at"`
	Updated     time.Time    `json:"updated_at"`
	AsOf        string       `json:"as_of"`
	Preferences struct {
		BudgetMin float64  `json:"budget_min"`
		BudgetMax float64  `json:"budget_max"`
		Months    *float64 `json:"timeline_months"`
		Type      string   `json:"property_type"`
		Locations []string `json:"locations"`
	} `json:"preferences"`
	Opportunities []struct {
		ID      string  `json:"opportunity_id" head:"opportunity"`
		Name    string  `json:"name"`
		Value   float64 `json:"value"`
		Status  string  `json:"status"`
		Address string  `json:"property_address" head:"property"`
	} `json:"opportunities"`
	Appointments []struct {
		ID      string     `json:"appointment_id" head:"appointment"`
		Status  string     `json:"status"`
		Start   *time.Time `json:"appointment_date" head:"at"`
		Address string     `json:"property_address" head:"property"`
	} `json:"appointments"`
}

// Run shows the lead.
func (c *leadsShowCmd) Run(ctx context.Context, con *console) error {
	q := url.Values{}
	if c.Wait != "" {
		q.Set("wait", c.Wait)
	}
	var v leadView
	done, err := c.show(ctx, con, "leads/"+url.PathEscape(c.Contact), q, &v)
	if err != nil || done {
		return missing(err, "lead", c.Contact, "leads list")
	}
	return v.print(con)
}

func (v *leadView) print(con *console) error {
	p := v.Preferences
	move := ""
	if p.Months != nil {
		move = scoring.TimelineInWords(*p.Months)
	}
	printFields(con, field{"contact", v.Contact}, field{"location", v.Location}, field{"name", v.Name}, field{"email", v.Email},
		field{"phone", v.Phone}, field{"source", v.Source}, field{"status", v.Status}, field{"tags", strings.Join(v.Tags, ", ")},
		field{"opted out", v.OptedOut}, field{"opted out by", v.OptedOutBy}, field{"score", v.Score}, field{"quality", v.Quality},
		field{"confidence", v.Confidence}, field{"confidence means", scoring.BasisInWords(v.Basis)}, field{"churn risk", v.Churn}, field{"win probability", v.Win},
		field{"scored by", scoring.NameOf(v.Model)}, field{"budget", scoring.BudgetInWords(p.BudgetMin, p.BudgetMax)}, field{"moves", move}, field{"looks for", strings.ReplaceAll(p.Type, "_", " ")},
		field{"in", strings.Join(p.Locations, ", ")}, field{"created", v.Created}, field{"updated", v.Updated}, field{"as of", v.AsOf})
	for _, part := range []struct {
		title string
		n     int
		print func() error
	}{
		{"What makes the score (40 is the base):", len(v.Reasons), func() error { return printList(con, "table", v.Reasons) }},
		{"What makes the risk to lose the lead:", len(v.Losing), func() error { return printRisks(con, v.Losing) }},
		{"What to do next:", len(v.Actions), func() error { return printActions(con, v.Actions) }},
		{"Opportunities:", len(v.Opportunities), func() error { return printList(con, "table", v.Opportunities) }},
		{"Appointments:", len(v.Appointments), func() error { return printList(con, "table", v.Appointments) }},
	} {
		if part.n == 0 {
			continue
		}
		fmt.Fprintf(con.out, "\n%s\n", part.title)
		if err := part.print(); err != nil {
			return err
		}
	}
	return nil
}

func printActions(con *console, actions []leadAction) error {
	type row struct {
		Action  string    `json:"action"`
		Due     time.Time `json:"due"`
		Because string    `json:"because"`
	}
	var rows []row
	for _, a := range actions {
		rows = append(rows, row{a.Action, a.Due, strings.Join(a.Because, "; ")})
	}
	return printList(con, "table", rows)
}
