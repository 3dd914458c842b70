package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections"
)

// Why an effect is not sent after all, as a person reads it.
const (
	reasonNoKey    = "there is no GHL_API_KEY for this location"
	reasonGone     = "GoHighLevel has no such contact"
	reasonDeleted  = "the contact was deleted"
	reasonOptedOut = "the contact opted out"
	reasonHasIt    = "GoHighLevel has these values already"
	reasonTooOld   = "its event is older than 24 hours"
	reasonBegun    = "the tour has begun"
	reasonMoved    = "the appointment was cancelled or moved"
	reasonPaused   = "the sender was paused just before it went"
	reasonEnding   = "the service ended just before it went"
)

// look looks once more, with the newest the ledger has, whether r may and must
// be sent. A verdict without a kind says yes.
func (c *Courier) look(ctx context.Context, r *record) (projections.Lead, verdict, error) {
	head, err := c.Log.Head(ctx)
	if err != nil {
		return projections.Lead{}, verdict{}, err
	}
	if err := c.Leads.Wait(ctx, head.Seq); err != nil {
		return projections.Lead{}, verdict{}, err
	}
	lead, ok, err := c.Leads.Get(r.ContactID)
	if err != nil {
		return lead, verdict{}, err
	}
	gone, err := c.Pending.isGone(r.ContactID)
	switch {
	case !ok:
		return lead, discard(reasonErased), err
	case lead.Status == projections.StatusDeleted:
		return lead, discard(reasonDeleted), err
	case gone:
		return lead, discard(reasonGone), err
	case r.Call == CallFields:
		return lead, verdict{}, err
	}
	return lead, mayDo(r, lead, c.Now()), err
}

// mayDo judges what must not be done twice, too late, or to the unwilling.
func mayDo(r *record, lead projections.Lead, now time.Time) verdict {
	switch {
	case lead.OptedOut && r.Call != CallTask:
		return discard(reasonOptedOut)
	case isMoved(r, lead):
		return discard(reasonMoved)
	case r.Waived || r.Request.NotAfter.IsZero() || now.Before(r.Request.NotAfter):
		return verdict{}
	case r.Request.Sequence == TourConfirmation:
		return discard(reasonBegun)
	}
	return hold(reasonTooOld)
}

// isMoved reports whether the appointment that r confirms is no longer so.
func isMoved(r *record, lead projections.Lead) bool {
	m := r.Request.Data
	if r.Request.Sequence != TourConfirmation || m == nil || m.AppointmentID == "" {
		return false
	}
	for _, a := range lead.Appointments {
		if a.ID == m.AppointmentID {
			return a.Status == "cancelled" || a.Start != nil && !m.Start.IsZero() && !a.Start.Equal(m.Start)
		}
	}
	return false
}

func discard(reason string) verdict { return verdict{Discarded, Receipt{Reason: reason}} }
func hold(reason string) verdict    { return verdict{Held, Receipt{Reason: reason}} }

// exceeded says why one message more is too much now, or "".
func (c *Courier) exceeded(r *record) (string, error) {
	if r.Call == CallTask || r.Waived {
		return "", nil
	}
	n, err := c.Pending.sentSince(r.LocationID, c.Now().Add(-c.Cap.Per))
	if err != nil || n < c.Cap.Messages {
		return "", err
	}
	return fmt.Sprintf("the location sent its %d messages of %s", c.Cap.Messages, c.Cap.Per), nil
}
