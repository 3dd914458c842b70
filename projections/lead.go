package projections

import (
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// Lead is one contact as the ledger knows it, in the API's form. What a lead
// says does not depend on the order in which its entries arrived: in every
// field the newer event time wins, ties by the hash of the body.
type Lead struct {
	ContactID    string         `json:"contact_id"`
	LocationID   string         `json:"location_id"`
	Name         string         `json:"name"`
	FirstName    string         `json:"first_name"`
	LastName     string         `json:"last_name"`
	Email        string         `json:"email"`
	Phone        string         `json:"phone"`
	Source       string         `json:"source"`
	AssignedTo   string         `json:"assigned_to,omitempty"`
	Status       LeadStatus     `json:"status"`
	Tags         []string       `json:"tags"`
	CustomFields map[string]any `json:"custom_fields"` // by name, or by id while the name is not known

	Preferences       Preferences     `json:"preferences"`
	PreferenceChanges []Change        `json:"preference_changes"` // oldest first
	PropertyMatches   []PropertyMatch `json:"property_matches"`

	OptedOut   bool   `json:"opted_out"`
	OptedOutBy string `json:"opted_out_by,omitempty"` // the event that says so
	Forgotten  bool   `json:"forgotten,omitempty"`    // what was known is destroyed

	Score    *scoring.Score `json:"-"` // null until scored; spread over the lead's own fields by MarshalJSON
	ScoredAs uint64         `json:"-"` // the seq as of which Score was made: the highest wins

	Engagement    Engagement        `json:"engagement"`
	Opportunities []LeadOpportunity `json:"opportunities"`
	Appointments  []LeadAppointment `json:"appointments"`
	Created       time.Time         `json:"created_at"`
	Updated       time.Time         `json:"updated_at"`
	AsOf          string            `json:"as_of"` // evt_ id of the newest entry folded into the lead

	// Introduced says that the event of its creation was seen, so that what is
	// missing above is missing at GoHighLevel too.
	Introduced bool `json:"-"`
	// Addresses are the e-mail addresses that the contact ever had and that no
	// other contact of its location has: whose statistics are about it alone.
	Addresses []string `json:"-"`
	// Known is what GoHighLevel holds in the fields that we write, as far as
	// the ledger tells: by our receipts and by its own snapshots, newest wins.
	Known map[string]any `json:"-"`
	// Asked is what we last asked to be written, by field key.
	Asked map[string]any `json:"-"`
	// Facts is what a score may know of the lead.
	Facts scoring.Facts `json:"-"`
}

// Preferences are what the lead looks for, each with where it comes from.
type Preferences struct {
	scoring.Preferences
	From map[string]string `json:"from,omitempty"` // evt_ id by preference
}

// Change is one preference before and after.
type Change struct {
	Field   string    `json:"field"`
	Before  any       `json:"before"`
	After   any       `json:"after"`
	At      time.Time `json:"at"`
	EventID string    `json:"event_id"`
}

// PropertyMatch is a property seen in the ledger that fits a lead's preferences.
type PropertyMatch struct {
	PropertyAddress string  `json:"property_address"`
	Value           float64 `json:"value"`
}

// Engagement is what the lead and we said to each other.
type Engagement struct {
	LastInboundAt *time.Time   `json:"last_inbound_at"`
	MessagesIn    int          `json:"messages_in"`
	MessagesOut   int          `json:"messages_out"`
	Opens         int          `json:"opens"`
	Clicks        int          `json:"clicks"`
	LastMessage   *LastMessage `json:"last_message"`
}

// LastMessage is the newest inbound message.
type LastMessage struct {
	EventID        string    `json:"event_id"`
	Channel        string    `json:"channel"`
	Intent         string    `json:"intent"`
	Sentiment      float64   `json:"sentiment"` // -1 to 1
	SentimentLabel string    `json:"sentiment_label"`
	At             time.Time `json:"at"`
}

// LeadOpportunity is a deal of the lead.
type LeadOpportunity struct {
	ID              string  `json:"opportunity_id"`
	Name            string  `json:"name"`
	Value           float64 `json:"value"`
	Status          string  `json:"status"` // open, won, lost
	RawStatus       string  `json:"raw_status,omitempty"`
	Stage           string  `json:"stage,omitempty"`
	Pipeline        string  `json:"pipeline,omitempty"`
	PropertyAddress string  `json:"property_address"`
	FinalPrice      float64 `json:"final_price,omitempty"`
	CloseDate       string  `json:"close_date,omitempty"`
	Reason          string  `json:"reason,omitempty"`
}

// LeadAppointment is a tour or another appointment of the lead.
type LeadAppointment struct {
	ID              string     `json:"appointment_id"`
	Status          string     `json:"status"` // scheduled, completed, missed, cancelled
	Start           *time.Time `json:"appointment_date"`
	Type            string     `json:"appointment_type,omitempty"`
	PropertyAddress string     `json:"property_address"`
	DurationMinutes float64    `json:"duration_minutes,omitempty"`
	Feedback        string     `json:"feedback,omitempty"`
	Sentiment       float64    `json:"feedback_sentiment,omitempty"`
}

// Moment is one line of a contact's timeline.
type Moment struct {
	EventID  string    `json:"event_id"`
	Seq      uint64    `json:"seq"`
	Kind     string    `json:"kind"`
	Occurred time.Time `json:"occurred_at"`
	Recorded time.Time `json:"recorded_at"`
	Cause    string    `json:"cause,omitempty"`
	Text     string    `json:"text"` // what a person would say happened

	// Changed are the fields that a contact event changed when it was folded,
	// custom fields as custom_fields.<name>, with their new values.
	Changed map[string]any `json:"changed,omitempty"`
}
