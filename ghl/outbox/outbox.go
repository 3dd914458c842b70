// Package outbox is what we owe GoHighLevel. The Planner reads the ledger and
// decides, the Pending view folds requests and receipts, the Courier calls
// GoHighLevel and appends what came of it. Nothing is kept but ledger entries:
// requests minus receipts is the queue.
//
// What it promises: an effect is asked for once (its key is about the business,
// not the delivery), goes in order for its contact, and ends as delivered, as
// superseded by newer values, or before a person as dead or held; none is lost.
// A field update may be repeated. A message, a workflow start and a task may
// not: each is recorded as attempted before it goes, and held when nobody knows
// whether it arrived. Before each call the courier waits for its turn and only
// then looks again whether it may and must (Courier.look): the contact may have
// opted out, been deleted or been erased, the message may be too old, GoHighLevel
// may have the values.
//
// What keeps it from harm at GoHighLevel: its rate limits and the day's budget,
// kept across restarts; a cap on messages; a hold of the location after 401, of
// one kind of call after 403; a rest after twenty effects in a row without a
// useful answer. A location at rest loses no try and delays no other.
package outbox

import (
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// The kinds of entry that the outbox writes.
const (
	LeadScored       = "lead.scored"
	FeedbackRecorded = "feedback.recorded"
	PlannerAdvanced  = "planner.advanced"
	Requested        = "effect.requested"
	Attempted        = "effect.attempted"
	Delivered        = "effect.delivered"
	Failed           = "effect.failed"
	Dead             = "effect.dead"
	Retried          = "effect.retried"
	Discarded        = "effect.discarded"
	Superseded       = "effect.superseded"
	Held             = "effect.held"
	Released         = "effect.released"
)

// Kinds that others write and the outbox obeys.
const (
	LedgerRestored = "ledger.restored"
	ClockTicked    = "clock.ticked"
	RescoreAsked   = "audit.leads.rescore" // of its Location, or of all
	SenderPaused   = "audit.sender.pause"  // of its Location, or of all
	SenderResumed  = "audit.sender.resume" // of its Location, or of all; ends holds of a location too
)

// What an effect does at GoHighLevel. A sequence's kind is sequence.<name>.
const (
	UpdateContact = "contact.update"
	CreateTask    = "task.create"
	sequenceKind  = "sequence."
)

// Request is the body of effect.requested: one thing to be done at
// GoHighLevel for the entry's Subject.
type Request struct {
	Kind     string    `json:"kind"`               // UpdateContact, CreateTask, sequence.welcome, …
	Rule     string    `json:"rule"`               // the rule that asked
	Fields   ghl.Patch `json:"fields,omitempty"`   // UpdateContact: values by field key
	Task     *ghl.Task `json:"task,omitempty"`     // CreateTask
	Sequence string    `json:"sequence,omitempty"` // welcome, tour_confirmation, …
	Via      string    `json:"via,omitempty"`      // email, sms, reply, workflow:<id>
	Data     *Matter   `json:"data,omitempty"`     // what the sequence's template may name
	NotAfter time.Time `json:"not_after,omitzero"` // a message is worthless from then on
	DryRun   bool      `json:"dry_run,omitempty"`  // decided and recorded, never sent
	Business string    `json:"-"`                  // the entry's key: about the business, not the delivery
}

// Matter is what a message is about, as its event said it.
type Matter struct {
	Channel       string    `json:"channel,omitempty"` // what the contact wrote on: sms, email, …
	Subject       string    `json:"subject,omitempty"` // of the e-mail that is answered
	OpportunityID string    `json:"opportunity_id,omitempty"`
	AppointmentID string    `json:"appointment_id,omitempty"`
	Property      string    `json:"property,omitempty"`
	Start         time.Time `json:"start,omitzero"` // of the appointment
}

// Receipt is the body of every entry that says what came of an effect, and of
// what a person did with it. The effect is the entry's Cause; an effect.held
// or effect.released without a Cause is about all calls of its Location, or
// about those of one Call.
type Receipt struct {
	Attempt   int       `json:"attempt,omitempty"` // 1, 2, 3, …; 0 where no call was counted
	Error     string    `json:"error,omitempty"`
	Reason    string    `json:"reason,omitempty"`         // why it is held, superseded or discarded
	Next      time.Time `json:"next_attempt_at,omitzero"` // effect.failed: when it is tried again
	Status    string    `json:"status,omitempty"`         // needs_investigation
	Fields    ghl.Patch `json:"fields,omitempty"`         // effect.delivered: what GoHighLevel now holds
	MessageID string    `json:"message_id,omitempty"`     // GoHighLevel's
	Message   any       `json:"message,omitempty"`        // effect.attempted: what is about to be sent
	Gone      bool      `json:"gone,omitempty"`           // GoHighLevel has no such contact
	Call      Call      `json:"call,omitempty"`           // of a location's hold: this kind of call only
	By        string    `json:"by,omitempty"`             // the audit entry of the person who did it
}

// NeedsInvestigation is the status of a dead effect.
const NeedsInvestigation = "needs_investigation"

// Call is a kind of call to GoHighLevel.
type Call string

// The kinds of call. Fields may be repeated, since repeating changes nothing;
// the others may not.
const (
	CallFields   Call = "fields"
	CallMessage  Call = "message"
	CallWorkflow Call = "workflow"
	CallTask     Call = "task"
)

// Call returns what kind of call r takes.
func (r Request) Call() Call {
	switch {
	case r.Kind == UpdateContact:
		return CallFields
	case r.Kind == CreateTask:
		return CallTask
	case strings.HasPrefix(r.Via, viaWorkflow):
		return CallWorkflow
	}
	return CallMessage
}

// EffectState is where an effect stands.
type EffectState string

// The states of an effect.
const (
	StatePending    EffectState = "pending"
	StateDelivered  EffectState = "delivered"
	StateDead       EffectState = "dead"
	StateHeld       EffectState = "held"
	StateDryRun     EffectState = "dry_run"
	StateSuperseded EffectState = "superseded"
	StateDiscarded  EffectState = "discarded"
)

// Effect is one request and what came of it, in the API's form. Those in
// StateDead are the dead letter queue.
type Effect struct {
	ID          string      `json:"id"` // evt_ id of its effect.requested
	Kind        string      `json:"kind"`
	ContactID   string      `json:"contact_id"`
	LocationID  string      `json:"location_id"`
	Cause       string      `json:"cause"`
	State       EffectState `json:"state"`
	Attempts    int         `json:"attempts"`
	NextAttempt *time.Time  `json:"next_attempt_at"`
	Error       string      `json:"error"`  // the last refusal, or why it is held, superseded or discarded
	Status      string      `json:"status"` // needs_investigation when dead
	RequestedAt time.Time   `json:"requested_at"`
	DeliveredAt *time.Time  `json:"delivered_at"`
	Request     *Request    `json:"request"` // null when erased
	Seq         uint64      `json:"seq"`
}
