package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// lostTries is how often a lost deal is asked for.
const lostTries = 3

// lostDeal is a deal of which an event says that it was lost and not why.
type lostDeal struct {
	id    string
	event ledger.Entry
	due   time.Time
	tries int
}

// hearLost has the reason read that GoHighLevel's own events leave out. The
// seed's have it; where they don't there is no more to know.
func (n *Enricher) hearLost(e ledger.Entry, ev ghl.Event) {
	o := ev.Opportunity
	if ev.Type != ghl.OpportunityLost || o == nil || o.ID == "" || o.Reason != nil || o.LostReasonID != nil {
		return
	}
	if ev.Dialect == ghl.Seed || e.Meta.Backfill || !n.HasKey(e.Location) {
		return
	}
	n.lost[o.ID] = &lostDeal{id: o.ID, event: e, due: n.Now()}
}

// readLost reads the deals that are due. Its error is the ledger's.
func (n *Enricher) readLost(ctx context.Context) error {
	for id, d := range n.lost {
		if d.due.After(n.Now()) {
			continue
		}
		record, err := n.Definitions.Opportunity(ctx, d.event.Location, id)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			delete(n.lost, id)
			if err := n.keepLost(ctx, d, record); err != nil {
				return err
			}
			continue
		}
		n.Logger.Warn("lost deal not read from GoHighLevel", "entry", ledger.FormatID(d.event.ID), "err", quiet(err.Error()))
		if d.tries++; d.tries >= lostTries || patience(err) == readShut {
			delete(n.lost, id)
		}
		d.due = n.Now().Add(patience(err))
	}
	return nil
}

// keepLost appends the deal as it was read, as the webhook would have told it:
// an event that answers the one without a reason, and that no message follows.
func (n *Enricher) keepLost(ctx context.Context, d *lostDeal, record ghl.Record) error {
	at := record.Updated
	if at.IsZero() {
		at = n.Now()
	}
	body, err := record.As("OpportunityUpdate", d.event.Location, at)
	if err != nil {
		return nil // it is no record
	}
	ev, err := ghl.ParseEvent(body, "")
	if err != nil || ev.Opportunity.LostReasonID == nil {
		return nil // nobody said why
	}
	sum := sha256.Sum256(body)
	_, err = appendPatiently(ctx, n.Log, []ledger.Draft{{
		Kind: string(ev.Type), Key: "reconciled:" + d.id + ":" + hex.EncodeToString(sum[:16]),
		Subject: ev.ContactID, Location: d.event.Location, Cause: d.event.ID, Occurred: at.UTC(),
		Meta: ledger.Meta{Dialect: string(ev.Dialect), Backfill: true}, Body: body,
	}})
	return err
}
