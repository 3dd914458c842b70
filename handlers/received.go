package handlers

import (
	"context"
	"fmt"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// received is the answer to a delivery that is durable.
type received struct {
	Status  string       `json:"status"` // received
	Message string       `json:"message"`
	Data    receivedData `json:"data"`
}

type receivedData struct {
	EventID      string  `json:"event_id,omitempty"`
	QuarantineID string  `json:"quarantine_id,omitempty"`
	Milliseconds float64 `json:"processing_time_ms"`
	Duplicate    bool    `json:"duplicate,omitempty"`
	Conflict     bool    `json:"conflict,omitempty"`
	Quarantined  bool    `json:"quarantined,omitempty"`
}

// receivedAs is the answer to what is in the ledger now.
func receivedAs(got ledger.Appended, ev ghl.Event) received {
	answer := received{Status: "received", Message: "stored", Data: receivedData{
		EventID: ledger.FormatID(got.Entry.ID), Duplicate: !got.Added, Conflict: got.Entry.Meta.Conflict,
	}}
	switch {
	case !got.Added:
		answer.Message = "received before; nothing was stored again"
	case got.Entry.Meta.Conflict:
		answer.Message = "stored as an entry of its own: this webhookId came before with another body"
	case !ev.Type.Known():
		answer.Message = "stored; nothing handles events of this type"
	}
	return answer
}

// result names the answer in logs and metrics.
func (a received) result(ev ghl.Event) string {
	switch {
	case a.Data.Duplicate:
		return "duplicate"
	case a.Data.Conflict:
		return "conflict"
	case !ev.Type.Known():
		return "unknown"
	}
	return "received"
}

// keepConflict gives d, whose sender's id first came with another body, an entry
// of its own, and has a person look: one of the two is not what the sender meant.
func (d Deps) keepConflict(ctx context.Context, first ledger.Entry, ev ghl.Event, own ledger.Draft) (ledger.Appended, error) {
	own.Key, own.Meta.Conflict = ghl.ConflictKey(ev, own.Body), true
	got, err := d.append(ctx, own)
	if err == nil && got.Added {
		countConflict()
		d.Alert("conflicting deliveries", fmt.Sprintf("two deliveries with one webhookId and different bodies, both kept: compare `ghl-ledger events show %s` and %s",
			ledger.FormatID(first.ID), ledger.FormatID(got.Entry.ID)))
	}
	return got, err
}
