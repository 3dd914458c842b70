package main

import (
	"context"
	"encoding/json"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// forgetDeleted forgets a contact when GoHighLevel deletes it, and at the start
// those that were deleted while nobody looked.
type forgetDeleted struct {
	forgetting *forgetting
	log        ledger.Log
	leads      projections.LeadsView
}

// Run forgets until ctx ends, which is no error.
func (d forgetDeleted) Run(ctx context.Context) error {
	head, err := d.log.Head(ctx)
	if err == nil {
		err = d.leads.Wait(ctx, head.Seq)
	}
	if err != nil {
		return ending(ctx, err)
	}
	if err := d.forget(ctx); err != nil {
		return ending(ctx, err)
	}
	for e, err := range d.log.Tail(ctx, head) {
		if err == nil && e.Kind == string(ghl.ContactDeleted) {
			err = d.hear(ctx, e)
		}
		if err != nil {
			return ending(ctx, err)
		}
	}
	return nil
}

// hear forgets the contact that an entry deletes, unless it was created anew
// since, or is forgotten already. With it go all others that were deleted by then:
// what it costs to forget one reads the whole ledger.
func (d forgetDeleted) hear(ctx context.Context, e ledger.Entry) error {
	if err := d.leads.Wait(ctx, e.Seq); err != nil {
		return err
	}
	lead, ok, err := d.leads.Get(e.Subject)
	if err != nil || !ok || lead.Status != projections.StatusDeleted || lead.Created.IsZero() {
		return err
	}
	return d.forget(ctx)
}

// forget says so of each deleted lead and destroys what is known of all of them.
func (d forgetDeleted) forget(ctx context.Context) error {
	deleted, err := d.leads.Deleted()
	if err != nil || len(deleted) == 0 {
		return err
	}
	return d.forgetting.Forget(ctx, func(ctx context.Context) ([]projections.Lead, error) {
		leads, err := d.leads.Deleted() // as it is by now
		if err != nil {
			return nil, err
		}
		for _, lead := range leads {
			draft, err := forgotten(lead)
			if err != nil {
				return nil, err
			}
			if _, err := d.log.Append(ledger.WithReserve(ctx), draft); err != nil {
				return nil, err
			}
		}
		return leads, nil
	})
}

// forgotten is the entry that says that a deleted lead is forgotten: once for
// each time that it was.
func forgotten(lead projections.Lead) (ledger.Draft, error) {
	body, err := json.Marshal(map[string]any{
		"act": "leads.forget", "by": map[string]string{"role": "service"}, "reason": "LEDGER_FORGET_ON_DELETE",
		"details": map[string]any{"people": handlers.PeopleOf(lead)}, // sealed by the key that goes
	})
	return ledger.Draft{
		Kind: projections.KindForgotten, Key: "forget:" + lead.ContactID + ":" + lead.AsOf,
		Subject: lead.ContactID, Location: lead.LocationID, Occurred: lead.Updated, Body: body,
	}, err
}
