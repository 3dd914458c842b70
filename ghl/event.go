// Package ghl is GoHighLevel's words: the events it sends, in every dialect;
// how a delivery is signed; and what is written to a contact. It neither
// calls, nor waits, nor keeps anything: the wire is ghlapi's.
//
// What an event means is derived from its bytes by ParseEvent each time it is
// asked, so a mapping that proves wrong is repaired by folding the log again.
package ghl

import (
	"strings"
	"time"
)

// Type is what happened, by the name of the seed's section "Supported Events".
type Type string

// The events that something follows from. AppointmentCancelled and
// OpportunityDeleted are GoHighLevel's own; the seed has no name for them.
const (
	ContactCreated       Type = "contact.created"
	ContactUpdated       Type = "contact.updated"
	ContactDeleted       Type = "contact.deleted"
	OpportunityCreated   Type = "opportunity.created"
	OpportunityUpdated   Type = "opportunity.updated"
	OpportunityWon       Type = "opportunity.won"
	OpportunityLost      Type = "opportunity.lost"
	OpportunityDeleted   Type = "opportunity.deleted"
	AppointmentScheduled Type = "appointment.scheduled"
	AppointmentCompleted Type = "appointment.completed"
	AppointmentMissed    Type = "appointment.missed"
	AppointmentCancelled Type = "appointment.cancelled"
	MessageReceived      Type = "message.received"
	MessageSent          Type = "message.sent"
	CampaignOpened       Type = "campaign.opened"
	CampaignClicked      Type = "campaign.clicked"
)

// SeedTypes are the fourteen of the seed's "Register Webhook Events", in its order.
var SeedTypes = []Type{
	ContactCreated, ContactUpdated, ContactDeleted,
	OpportunityCreated, OpportunityUpdated, OpportunityWon, OpportunityLost,
	AppointmentScheduled, AppointmentCompleted, AppointmentMissed,
	MessageReceived, MessageSent, CampaignOpened, CampaignClicked,
}

// unknown prefixes the types that nothing handles, so that a sender can never
// produce one of the service's own kinds.
const unknown = "unknown."

// Known reports whether something may follow from t.
func (t Type) Known() bool { return t != "" && !strings.HasPrefix(string(t), unknown) }

// Dialect is the shape of a body.
type Dialect string

// The four shapes in the wild.
const (
	Seed     Dialect = "seed"     // {type, timestamp, data{snake_case}}
	Flat     Dialect = "ghl"      // GoHighLevel's own: flat camelCase
	Guide    Dialect = "guide"    // GoHighLevel's guide: {type, …, data{camelCase}}
	Workflow Dialect = "workflow" // a workflow action: flat snake_case, type in the path
)

// Event is a delivery's meaning. At most one of the payloads is set; none for
// a type that nothing handles.
type Event struct {
	Type       Type
	RawType    string // as the sender wrote it
	Dialect    Dialect
	ID         string // the sender's own id of the delivery (webhookId), if any
	AppID      string
	LocationID string
	ContactID  string
	Address    string    // an e-mail event's recipient, where no contact is named
	Time       time.Time // by the sender's clock, UTC; zero if the body has none

	Contact     *Contact
	Opportunity *Opportunity
	Appointment *Appointment
	Message     *Message
	Campaign    *Campaign
}

// Contact is what a contact event says; a nil field was not in the body.
type Contact struct {
	FirstName, LastName, Name *string
	Email, Phone, Source      *string
	AssignedTo                *string
	City, State, PostalCode   *string
	Country, Address1         *string
	Website, CompanyName      *string
	Tags                      *[]string
	DND                       *bool
	CustomFields              []CustomField // as the body has them, in its order

	// Snapshot says that the body is the whole contact (GoHighLevel's events),
	// not a change of it (the seed's updated_fields).
	Snapshot bool
}

// CustomField is one custom field of a contact: by name in the seed's dialect
// and a workflow's, by id in GoHighLevel's.
type CustomField struct {
	ID    string // empty where the dialect names fields
	Name  string // empty where the dialect has ids only
	Value any    // string, float64, bool, []any or nil
}

// Opportunity is what an opportunity event says.
type Opportunity struct {
	ID              string
	Name            *string
	Value           *float64 // in the account's currency; final_price of a won deal
	Pipeline        *string  // its name (seed, workflow)
	PipelineID      *string
	Stage           *string // its name (workflow)
	StageID         *string
	Status          *string // open, won, lost, abandoned; the seed's "lead" is kept as it is
	Source          *string
	AssignedTo      *string
	PropertyAddress *string
	CloseDate       *string // as sent: close_date of a won deal, closed_date of a lost one; else the day of GoHighLevel's status change
	Reason          *string // why it was lost, in the sender's words
	LostReasonID    *string
}

// Appointment is what an appointment event says.
type Appointment struct {
	ID              string
	Title           *string
	Type            *string // the seed's appointment_type
	CalendarID      *string
	Status          *string    // GoHighLevel's appointmentStatus, as sent
	Start, End      *time.Time // UTC
	PropertyAddress *string
	Duration        *time.Duration
	Feedback        *string
	AssignedTo      *string
}

// Message is what a message event says.
type Message struct {
	ID             string // messageId, emailMessageId, or the delivery's own id
	ConversationID string
	Channel        string // sms, email, facebook, instagram, whatsapp, call, voicemail, chat, …; lower case
	Content        string // text as sent: HTML for e-mail
	HTML           bool
	Subject        string
	From           string   // address or number, where the body says
	To             []string // addresses or numbers
	Status         string   // delivered, failed, completed, voicemail, …
	Source         string   // api, workflow, app, …: who sent an outbound one
	ResponseTime   time.Duration
	CallDuration   time.Duration
	Attachments    int
}

// Campaign is what an e-mail event says.
type Campaign struct {
	ID     string
	Device string
	URL    string
	Action CampaignAction
	At     time.Time // open_time: when it was opened or clicked; zero if the body does not say
}

// CampaignAction is what became of an e-mail.
type CampaignAction string

// The e-mail events of the seed and of GoHighLevel's LCEmailStats. Those that
// are neither opened nor clicked come with an unknown type; unsubscribed and
// complained are opt-outs nevertheless.
const (
	Opened       CampaignAction = "opened"
	Clicked      CampaignAction = "clicked"
	Unsubscribed CampaignAction = "unsubscribed"
	Complained   CampaignAction = "complained"
	Failed       CampaignAction = "failed"
)

// OptsOut reports whether the recipient asked for no more mail.
func (a CampaignAction) OptsOut() bool { return a == Unsubscribed || a == Complained }
