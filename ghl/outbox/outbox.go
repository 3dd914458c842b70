// Package outbox is what we owe GoHighLevel. The Planner reads the ledger and
// decides, the Pending view folds requests and receipts, the Courier calls
// GoHighLevel and appends what came of it. Nothing is kept but ledger entries:
// requests minus receipts is the queue.
package outbox

import (
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
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

// What an effect does at GoHighLevel. A sequence's kind is sequence.<name>.
const (
	UpdateContact = "contact.update"
	CreateTask    = "task.create"
	sequenceKind  = "sequence."
)

// Request is the body of effect.requested: one thing to be done at
// GoHighLevel for the entry's Subject.
type Request struct {
	Kind     string    `json:"kind"`               // UpdateContact, sequence.welcome, …
	Rule     string    `json:"rule"`               // the rule that asked
	Fields   ghl.Patch `json:"fields,omitempty"`   // UpdateContact: values by field key
	Sequence string    `json:"sequence,omitempty"` // welcome, tour_confirmation, …
	Via      string    `json:"via,omitempty"`      // email, sms, reply, workflow:<id>
	Data     any       `json:"data,omitempty"`     // what the sequence's template may name
	NotAfter time.Time `json:"not_after,omitzero"` // a message is worthless from then on
	DryRun   bool      `json:"dry_run,omitempty"`  // decided and recorded, never sent
	Business string    `json:"-"`                  // the entry's key: about the business, not the delivery
}

// Rule decides what follows from an entry. Decide is pure: the event is e's
// meaning, lead is the contact as of a seq not before e's, score is new.
type Rule struct {
	Name   string
	Decide func(e ledger.Entry, ev ghl.Event, lead projections.Lead) []Request
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
	Error       string      `json:"error"`
	Status      string      `json:"status"` // needs_investigation when dead
	RequestedAt time.Time   `json:"requested_at"`
	DeliveredAt *time.Time  `json:"delivered_at"`
	Request     *Request    `json:"request"` // null when erased
	Seq         uint64      `json:"seq"`
}
