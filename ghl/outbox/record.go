package outbox

import (
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
)

// Why an effect does not go, as a person reads it.
const (
	reasonErased   = "the contact was erased"
	reasonRestored = "asked for before the ledger was restored: it may have been sent already"
	reasonUnknown  = "fate unknown: it may have reached GoHighLevel"
)

// record is an effect as the view keeps it.
type record struct {
	Effect
	Call Call      `json:"call"`
	Last ulid.ULID `json:"last"` // newest entry about it; receipts are keyed by it

	Tried    bool   `json:"tried,omitempty"`    // attempted, and no receipt yet
	Before   int    `json:"before,omitempty"`   // attempts of earlier lives, before it was retried or released
	Waived   bool   `json:"waived,omitempty"`   // a person sends it, whatever its age and the cap
	Redriven bool   `json:"redriven,omitempty"` // a person sends it again: current values go
	HeldBy   string `json:"held_by,omitempty"`  // the location's hold that holds it, where one does

	id ulid.ULID
}

// lane is the queue that r waits in: field updates and the rest don't wait
// for each other.
func (r *record) lane() byte {
	if r.Call == CallFields {
		return laneFields
	}
	return laneMessages
}

// attempt is the number that the next call of r has.
func (r *record) attempt() int { return r.Attempts + 1 }

// try is how many calls the policy has seen once the next one is made.
func (r *record) try() int { return r.attempt() - r.Before }

func (r *record) attempted(_ ledger.Entry, _ Receipt) { r.Tried = true }

func (r *record) delivered(e ledger.Entry, body Receipt) {
	r.end(StateDelivered, body)
	at := e.Recorded
	r.DeliveredAt = &at
	r.Error = ""
}

func (r *record) failed(_ ledger.Entry, body Receipt) {
	if r.State != StatePending && r.State != StateHeld {
		return
	}
	r.end(r.State, body)
	if !body.Next.IsZero() {
		r.NextAttempt = &body.Next
	}
}

func (r *record) dead(_ ledger.Entry, body Receipt) {
	r.end(StateDead, body)
	r.Status = NeedsInvestigation
}

func (r *record) discarded(_ ledger.Entry, body Receipt)  { r.end(StateDiscarded, body) }
func (r *record) superseded(_ ledger.Entry, body Receipt) { r.end(StateSuperseded, body) }
func (r *record) held(_ ledger.Entry, body Receipt)       { r.end(StateHeld, body) }

func (r *record) retried(_ ledger.Entry, _ Receipt) {
	if r.Request == nil || r.State == StateDryRun {
		return
	}
	r.restart()
}

func (r *record) released(_ ledger.Entry, _ Receipt) {
	if r.State == StateHeld {
		r.restart()
	}
}

// restart makes r pending, as new, by a person's word.
func (r *record) restart() {
	r.end(StatePending, Receipt{})
	r.Error, r.HeldBy = "", ""
	r.Before = r.Attempts
	r.Waived, r.Redriven = true, true
}

// hold makes r wait for a person.
func (r *record) hold(reason string) { r.end(StateHeld, Receipt{Reason: reason}) }

// end moves r to a state in which no call of it is under way.
func (r *record) end(s EffectState, body Receipt) {
	if r.State != s || body.Reason != "" {
		r.HeldBy = ""
	}
	r.State, r.Status, r.NextAttempt, r.Tried = s, "", nil, false
	r.Attempts = max(r.Attempts, body.Attempt)
	switch {
	case body.Error != "":
		r.Error = body.Error
	case body.Reason != "":
		r.Error = body.Reason
	}
}

// due is when r may be tried, no earlier than now.
func (r *record) due(now time.Time) time.Time {
	if r.NextAttempt != nil && r.NextAttempt.After(now) {
		return *r.NextAttempt
	}
	return now
}
