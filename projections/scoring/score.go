// Package scoring says what a lead is worth, why, and what to do next. It is
// pure: the same facts give the same score on any machine, at two decimals.
// Time in it is the time of the facts, never the clock.
//
// A score is points on one scale, 0.00 to 100.00: 40 is the base rate and +15
// doubles the odds, so 40 plus the reasons is the score, exactly.
package scoring

import "time"

// Facts are what a score may know of a lead: a function of the ledger's
// entries up to AsOf. Nothing in it tells of the result (won or lost) of an
// opportunity that is being scored, or of fields that this service writes.
type Facts struct {
	AsOf    time.Time // time of the newest entry folded, or of the newest clock.ticked
	Created time.Time
	Source  string // as the contact's source says; compared without case

	HasEmail, HasPhone bool
	Completeness       float64 // 0 to 1: how many of the profile's fields are filled

	BudgetMin, BudgetMax float64  // 0 is unknown
	TimelineMonths       *float64 // nil is unknown
	PropertyType         string
	Locations            []string
	PreferenceChanges    int
	CreatedBy            string // id of the entry that the profile comes from
	PreferencesBy        string // id of the entry that preferences come from

	Opportunities []Opportunity
	Appointments  []Appointment
	Messages      []Message // newest last
	Opens, Clicks []Touch   // newest last

	OptedOut   bool
	OptedOutBy string // id of the entry
	Deleted    bool
	DeletedBy  string // id of the entry
	Quality    string // the tier before, for hysteresis; empty for a first score
}

// Opportunity is a deal of the lead.
type Opportunity struct {
	ID, Stage string
	Status    string // open, won, lost
	Value     float64
	At        time.Time // when its status was last set
	Event     string
}

// Appointment is a tour or another appointment of the lead.
type Appointment struct {
	ID        string
	Status    string // scheduled, completed, missed, cancelled
	Booked    time.Time
	Start     time.Time // zero is unknown
	Ended     time.Time // when it was reported completed, missed or cancelled
	Sentiment float64   // of its feedback, -1 to 1; 0 where there is none
	Event     string
}

// Message is one message of the lead, either way.
type Message struct {
	At        time.Time
	Inbound   bool
	Channel   string
	Intent    string
	Sentiment float64 // -1 to 1
	Machine   bool    // an auto-reply or a bounce: no word of the lead
	Event     string
}

// Touch is an e-mail opened or a link clicked.
type Touch struct {
	At    time.Time
	Event string
}

// Score is what a model in force says of a lead. Points and Value have two decimals.
type Score struct {
	Value           float64  `json:"score"`
	Confidence      float64  `json:"confidence"`
	ConfidenceBasis string   `json:"confidence_basis"` // evidence_coverage, posterior
	Quality         string   `json:"quality"`          // hot, warm, cold
	WinProbability  *float64 `json:"win_probability"`  // null until calibrated
	ChurnRisk       float64  `json:"churn_risk"`
	Reasons         []Reason `json:"reasons"`
	ChurnReasons    []Reason `json:"churn_reasons"`
	Actions         []Action `json:"recommended_actions"`
	Delta           *float64 `json:"delta"` // against the score before; null for the first
	Trend           string   `json:"trend"` // first, rising, falling, steady
	ModelID         string   `json:"model_id"`
	ChurnModelID    string   `json:"churn_model_id,omitempty"` // what said ChurnRisk; empty is the points card
}

// Reason is one part of a score. Base plus the points of all reasons is the
// score, exactly.
type Reason struct {
	Code    string  `json:"code"`
	Points  float64 `json:"points"`
	Text    string  `json:"text"` // as a salesperson would say it
	EventID string  `json:"event_id,omitempty"`
}

// Action is something to do next, most urgent first.
type Action struct {
	Action   string    `json:"action"` // as a person would write it: "Prepare for tour"
	Code     string    `json:"code"`   // prepare_for_tour
	Priority int       `json:"priority"`
	Due      time.Time `json:"due"`
	Because  []string  `json:"because"` // the texts it follows from
}

// Base is the score of a lead of which nothing is known.
const Base = 40.0

// The tiers.
const (
	Hot  = "hot"
	Warm = "warm"
	Cold = "cold"
)

// Text is what a message says, in the terms a score can use.
type Text struct {
	Intent      string
	Sentiment   float64 // -1 to 1
	Label       string  // positive, neutral, negative
	Preferences Preferences
	Machine     bool // looks like another machine: an auto-reply, a bounce
}

// Preferences are what a lead looks for. Zero fields are unknown.
type Preferences struct {
	BudgetMin      float64  `json:"budget_min,omitempty"`
	BudgetMax      float64  `json:"budget_max,omitempty"`
	TimelineMonths *float64 `json:"timeline_months,omitempty"`
	PropertyType   string   `json:"property_type,omitempty"`
	Locations      []string `json:"locations,omitempty"`
}
