package outbox

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/oklog/ulid/v2"
)

// serve does what a lane has due and returns when to look again, zero if not
// before something comes.
func (c *Courier) serve(ctx context.Context, l lane, after ledger.Seq) (time.Time, error) {
	if err := c.Pending.Wait(ctx, after); err != nil {
		return time.Time{}, err
	}
	var before []ulid.ULID // the newest entry about each, as the last step found it
	for ready := false; ; {
		paused, err := c.Pending.Paused(l.location)
		if err != nil || paused {
			return time.Time{}, err
		}
		if until := c.breaker.resting(l.location, c.Now()); !until.IsZero() {
			return until, nil
		}
		queue, err := c.Pending.queue(l)
		if err != nil || len(queue) == 0 {
			return time.Time{}, err
		}
		if !ready && !c.due(queue[0]).After(c.Now()) {
			// Looked at before the wait, a contact that opts out during it
			// would be written to.
			if err := c.turn(ctx, l.location); err != nil {
				return time.Time{}, err
			}
			ready = true
			continue
		}
		ready = false
		now := newestOf(queue)
		if slices.Equal(now, before) {
			return time.Time{}, c.giveUp(l, queue[0])
		}
		before = now
		next, err := c.step(ctx, queue)
		if err != nil || !next.IsZero() {
			return next, err
		}
	}
}

// newestOf returns the newest entry about each effect of a queue.
func newestOf(queue []*record) (ids []ulid.ULID) {
	for _, r := range queue {
		ids = append(ids, r.Last)
	}
	return ids
}

// giveUp leaves a lane in which a step has changed nothing: the view has parked
// the receipt, and would show the same effect for ever. What is asked of the
// contact next, or a version that folds it, begins anew.
func (c *Courier) giveUp(l lane, r *record) error {
	c.Logger.Error("receipt parked: sending to the contact has stopped", "effect", r.ID, "kind", r.Kind, "contact", l.contact)
	c.Alerter.Alert(Alert{
		Severity: High, Group: "parked:" + pendingName, Title: "Receipts are parked: sending to their contacts has stopped",
		Text: r.ID + ": what came of it cannot be folded into the view " + pendingName,
	})
	return nil
}

// turns is a client of GoHighLevel that knows when a location may call.
type turns interface {
	Turn(ctx context.Context, location string) error
}

// turn returns when the location may call and every receipt so far is
// recorded, or on its way.
func (c *Courier) turn(ctx context.Context, location string) error {
	if client, ok := c.Contacts.(turns); ok {
		if err := client.Turn(ctx, location); err != nil {
			return err
		}
	}
	return c.free(ctx)
}

// step brings the first effect of a queue one receipt further, or returns
// when to try it.
func (c *Courier) step(ctx context.Context, queue []*record) (time.Time, error) {
	r := queue[0]
	if r.Tried {
		// Attempted in an earlier life, which did not live to hear the answer.
		return time.Time{}, c.holdUnknown(ctx, r, r.attempt(), "")
	}
	if old := overtaken(queue); len(old) > 0 {
		return time.Time{}, c.supersede(ctx, old)
	}
	if at := c.due(r); at.After(c.Now()) {
		return at, nil
	}
	if !c.HasKey(r.LocationID) {
		return time.Time{}, c.holdLocation(ctx, Hold{Location: r.LocationID, Reason: reasonNoKey})
	}
	lead, v, err := c.look(ctx, r)
	if err != nil {
		return time.Time{}, err
	}
	if v.kind != "" {
		return time.Time{}, c.record(ctx, r, v)
	}
	leave, until := c.breaker.admit(r.LocationID, c.Now())
	if leave == nil {
		return until, nil
	}
	defer leave()
	if r.Call == CallFields {
		return time.Time{}, c.sendFields(ctx, r, lead, queue[1:])
	}
	return time.Time{}, c.sendDeed(ctx, r, lead)
}

// overtaken returns the updates of which every field is asked for again by a
// newer one.
func overtaken(queue []*record) []*record {
	var old []*record
	newer := map[string]bool{}
	for i := len(queue) - 1; i >= 0; i-- {
		if queue[i].Call != CallFields {
			return nil
		}
		covered := len(newer) > 0
		for key := range queue[i].Request.Fields {
			covered = covered && newer[key]
		}
		if covered {
			old = append(old, queue[i])
		}
		for key := range queue[i].Request.Fields {
			newer[key] = true
		}
	}
	return old
}

func (c *Courier) supersede(ctx context.Context, old []*record) error {
	var ds []ledger.Draft
	for _, r := range old {
		d, err := draft(r, Superseded, Receipt{Reason: "newer values are asked for"}, c.Now())
		if err != nil {
			return err
		}
		ds = append(ds, d)
	}
	return c.keep(ctx, ds...)
}

// values returns what an update is to write now: without what newer pending
// ones write, and for one that a person retried, the values that were asked
// last, so that an old one never overwrites a newer.
func values(r *record, lead projections.Lead, newer []*record) ghl.Patch {
	patch := ghl.Patch{}
	for key, v := range r.Request.Fields {
		if asked, ok := lead.Asked[key]; ok && r.Redriven {
			v = asked
		}
		patch[key] = v
	}
	for _, n := range newer {
		for key := range n.Request.Fields {
			delete(patch, key)
		}
	}
	return patch
}

// known reports whether GoHighLevel has every value of p already.
func known(p ghl.Patch, lead projections.Lead) bool {
	for key, v := range p {
		if has, ok := lead.Known[key]; !ok || !ghl.SameValue(has, v) {
			return false
		}
	}
	return true
}

// verdict is the entry that ends a step: its kind and body.
type verdict struct {
	kind string
	body Receipt
}

// record appends a receipt of r and waits until the view includes it.
func (c *Courier) record(ctx context.Context, r *record, v verdict) error {
	d, err := draft(r, v.kind, v.body, c.Now())
	if err != nil {
		return err
	}
	c.say(r, v)
	return c.keep(ctx, d)
}

// draft is a receipt of r. Its key names the newest entry about r, so the same
// step taken twice is recorded once.
func draft(r *record, kind string, body Receipt, now time.Time) (ledger.Draft, error) {
	v, err := json.Marshal(body)
	return ledger.Draft{
		Kind: kind, Key: kind + ":" + r.id.String() + ":" + r.Last.String(),
		Subject: r.ContactID, Location: r.LocationID, Cause: r.id, Occurred: now.UTC(), Body: v,
	}, err
}

func locationDraft(kind string, h Hold, now time.Time) (ledger.Draft, error) {
	v, err := json.Marshal(Receipt{Reason: h.Reason, Call: h.Call})
	return ledger.Draft{Kind: kind, Location: h.Location, Occurred: now.UTC(), Body: v}, err
}

// say logs a receipt, and alerts where it needs a person.
func (c *Courier) say(r *record, v verdict) {
	log := c.Logger.With("effect", r.ID, "kind", r.Kind, "contact", r.ContactID)
	failure, reason := quiet(v.body.Error), quiet(v.body.Reason)
	switch v.kind {
	case Dead:
		log.Error("effect dead", "err", failure)
		c.Alerter.Alert(Alert{
			Severity: High, Group: "dead:" + r.Kind,
			Title: "Dead letter: " + r.Kind, Text: r.ID + ": " + failure,
		})
	case Held:
		log.Error("effect held", "err", reason)
		c.Alerter.Alert(Alert{
			Severity: Medium, Group: "held:" + r.Kind + ":" + reason,
			Title: "Held for a person: " + r.Kind, Text: r.ID + ": " + reason,
		})
	case Failed:
		log.Warn("effect failed", "err", failure, "next", v.body.Next)
	}
}
