package export

import (
	"encoding/hex"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// leadRow is a lead as of one entry.
type leadRow struct {
	Contact    string     `col:"contact_id" personal:"contact" source:"sender" about:"The lead."`
	Location   string     `col:"location_id,null,dict" source:"sender" about:"GoHighLevel's location."`
	Name       string     `col:"name,null" personal:"direct" source:"sender" about:"As GoHighLevel has it."`
	First      string     `col:"first_name,null" personal:"direct" source:"sender" about:"First name."`
	Last       string     `col:"last_name,null" personal:"direct" source:"sender" about:"Last name."`
	Email      string     `col:"email,null" personal:"email" source:"sender" about:"E-mail address."`
	Phone      string     `col:"phone,null" personal:"phone" source:"sender" about:"Phone number."`
	Source     string     `col:"source,null,dict" source:"sender" about:"Where the lead came from."`
	Status     string     `col:"status,dict" leak:"after" source:"leads" about:"new, engaged, touring, negotiating, sold, lost or deleted."`
	Tags       string     `col:"tags,null" personal:"direct" leak:"after" source:"sender" about:"With a comma between; people write what they like into them."`
	BudgetMin  float64    `col:"budget_min,null" unit:"currency of the account" source:"leads" about:"Lower end of the budget."`
	BudgetMax  float64    `col:"budget_max,null" unit:"currency of the account" source:"leads" about:"Upper end."`
	Timeline   *float64   `col:"timeline_months,null" unit:"month" source:"leads" about:"How soon the lead wants to move."`
	Property   string     `col:"property_type,null,dict" source:"leads" about:"What the lead looks for."`
	Places     string     `col:"locations,null" personal:"direct" source:"leads" about:"Where, with a comma between."`
	OptedOut   bool       `col:"opted_out" source:"leads" about:"Asked for no more messages."`
	Score      *float64   `col:"score,null" unit:"points" source:"model" about:"The newest score; nothing until scored."`
	Quality    string     `col:"quality,null,dict" source:"model" about:"hot, warm or cold."`
	Win        *float64   `col:"win_probability,null" unit:"probability" source:"model" about:"Of winning within 90 days."`
	Churn      *float64   `col:"churn_risk,null" unit:"probability" source:"model" about:"Of losing the lead."`
	Model      string     `col:"model_id,null,dict" source:"model" about:"The model that made the score."`
	Inbound    *time.Time `col:"last_inbound_at,null" source:"leads" about:"When the lead last wrote."`
	In         int64      `col:"messages_in" unit:"message" source:"leads" about:"Messages from the lead."`
	Out        int64      `col:"messages_out" unit:"message" source:"leads" about:"Messages to the lead."`
	Opens      int64      `col:"opens" unit:"e-mail" source:"leads" about:"E-mails opened."`
	Clicks     int64      `col:"clicks" unit:"link" source:"leads" about:"Links clicked."`
	DealsOpen  int64      `col:"deals_open" unit:"deal" leak:"after" source:"leads" about:"Open deals."`
	DealsWon   int64      `col:"deals_won" unit:"deal" leak:"label" source:"leads" about:"Deals won."`
	DealsLost  int64      `col:"deals_lost" unit:"deal" leak:"label" source:"leads" about:"Deals lost."`
	ToursAhead int64      `col:"tours_scheduled" unit:"tour" source:"leads" about:"Tours booked and not yet reported."`
	ToursDone  int64      `col:"tours_completed" unit:"tour" source:"leads" about:"Tours taken."`
	ToursGone  int64      `col:"tours_missed" unit:"tour" source:"leads" about:"Tours missed."`
	Created    time.Time  `col:"created_at" source:"leads" about:"When the lead was first heard of."`
	Updated    time.Time  `col:"updated_at" source:"leads" about:"When it was last heard of."`
	AsOf       string     `col:"as_of" source:"leads" about:"The newest entry that the row knows of."`
	ChurnModel string     `col:"churn_model_id,null,dict" source:"model" about:"The model that said churn_risk; nothing where that was the points card."`
}

func leadOf(l *projections.Lead, row *leadRow) error {
	*row = leadRow{
		Contact: l.ContactID, Location: l.LocationID, Name: l.Name, First: l.FirstName, Last: l.LastName,
		Email: l.Email, Phone: l.Phone, Source: l.Source, Status: string(l.Status), Tags: strings.Join(l.Tags, ","),
		BudgetMin: l.Preferences.BudgetMin, BudgetMax: l.Preferences.BudgetMax, Timeline: l.Preferences.TimelineMonths,
		Property: l.Preferences.PropertyType, Places: strings.Join(l.Preferences.Locations, ","), OptedOut: l.OptedOut,
		Inbound: l.Engagement.LastInboundAt, In: int64(l.Engagement.MessagesIn), Out: int64(l.Engagement.MessagesOut),
		Opens: int64(l.Engagement.Opens), Clicks: int64(l.Engagement.Clicks),
		Created: l.Created, Updated: l.Updated, AsOf: l.AsOf,
	}
	if s := l.Score; s != nil {
		row.Score, row.Quality, row.Win, row.Churn, row.Model, row.ChurnModel = &s.Value, s.Quality, s.WinProbability, &s.ChurnRisk, s.ModelID, s.ChurnModelID
	}
	deals, tours := map[string]int64{}, map[string]int64{}
	for _, o := range l.Opportunities {
		deals[o.Status]++
	}
	for _, a := range l.Appointments {
		tours[a.Status]++
	}
	row.DealsOpen, row.DealsWon, row.DealsLost = deals["open"], deals["won"], deals["lost"]
	row.ToursAhead, row.ToursDone, row.ToursGone = tours["scheduled"], tours["completed"], tours["missed"]
	return nil
}

// featureRow is what a model may know of a lead as of one entry.
type featureRow struct {
	Contact  string    `col:"contact_id" personal:"contact" source:"sender" about:"The lead."`
	Location string    `col:"location_id,null,dict" source:"sender" about:"GoHighLevel's location."`
	AsOf     time.Time `col:"as_of" source:"leads" about:"The time as of which the features are: of the lead's newest event, or of the clock's newest tick."`
	Event    string    `col:"event_id" source:"leads" about:"The newest entry that the row knows of."`
	Set      string    `col:"feature_set,dict" source:"model" about:"Which set of features the others are."`
	X        []float64
}

func featuresOf(l *projections.Lead, row *featureRow) error {
	*row = featureRow{
		Contact: l.ContactID, Location: l.LocationID, AsOf: l.Facts.AsOf, Event: l.AsOf,
		Set: scoring.FeatureSet, X: scoring.FeaturesOf(l.Facts),
	}
	return nil
}

// featureColumns are the columns of scoring's features.
func featureColumns() (list []Column) {
	for _, f := range scoring.Features() {
		list = append(list, Column{Name: f.Name, Unit: f.Unit, Source: scoring.FeatureSet, Leak: none, Personal: none, About: f.Text + "."})
	}
	return list
}

func hexOf(sum [32]byte) string { return hex.EncodeToString(sum[:]) }
