package outbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// sendFields writes an update, and records what came of it.
func (c *Courier) sendFields(ctx context.Context, r *record, lead projections.Lead, newer []*record) error {
	patch := values(r, lead, newer)
	if known(patch, lead) {
		return c.record(ctx, r, verdict{Superseded, Receipt{Reason: reasonHasIt}})
	}
	call, cancel := c.callContext(ctx)
	err := c.update(call, r, patch)
	cancel()
	c.hear(r, err)
	if err == nil {
		return c.record(ctx, r, verdict{Delivered, Receipt{Attempt: r.attempt(), Fields: patch}})
	}
	return c.refused(ctx, r, err)
}

// update writes a patch. After a refusal of the values it asks once for the
// fields anew, since their ids may have changed.
func (c *Courier) update(ctx context.Context, r *record, patch ghl.Patch) error {
	fields, err := c.encode(ctx, r.LocationID, patch)
	if err != nil {
		return err
	}
	err = c.Contacts.UpdateContact(ctx, r.LocationID, r.ContactID, fields)
	if statusOf(err) != 422 {
		return err
	}
	defs, again := c.Contacts.RefreshFields(ctx, r.LocationID)
	if again != nil {
		return err
	}
	if fields, again = patch.Encode(defs); again != nil {
		return again
	}
	r.Attempts++ // a try is a call: the one that was refused is one too
	return c.Contacts.UpdateContact(ctx, r.LocationID, r.ContactID, fields)
}

// encode names a patch's fields by id. A key that is missing is looked for
// once more, since somebody may have created it just now.
func (c *Courier) encode(ctx context.Context, location string, patch ghl.Patch) ([]ghl.FieldValue, error) {
	defs, err := c.Contacts.Fields(ctx, location)
	if err != nil {
		return nil, &lookupError{err}
	}
	fields, err := patch.Encode(defs)
	if _, missing := errors.AsType[*ghl.MissingFieldsError](err); !missing {
		return fields, err
	}
	if defs, err = c.Contacts.RefreshFields(ctx, location); err != nil {
		return nil, &lookupError{err}
	}
	return patch.Encode(defs)
}

// sendDeed does what must not be done twice: it is recorded as attempted
// before it goes, so that a crash leaves its fate unknown and not forgotten.
func (c *Courier) sendDeed(ctx context.Context, r *record, lead projections.Lead) error {
	m, err := c.compose(r, lead)
	if err != nil {
		return c.record(ctx, r, verdict{Dead, Receipt{Error: err.Error(), Status: NeedsInvestigation}})
	}
	if goes, err := c.attempt(ctx, r, m); err != nil || !goes {
		return err
	}
	call, cancel := c.callContext(ctx)
	id, err := c.do(call, r, m)
	cancel()
	c.hear(r, err)
	if err == nil {
		return c.record(ctx, r, verdict{Delivered, Receipt{Attempt: r.attempt(), MessageID: id}})
	}
	return c.refused(ctx, r, err)
}

// attempt records that r is about to go, unless its location's cap is reached,
// and says whether it still may. An attempt that was in the ledger already is somebody
// else's: whether that one went is not known here, so this one does not.
func (c *Courier) attempt(ctx context.Context, r *record, m ghl.OutMessage) (goes bool, err error) {
	defer c.caps.lock(r.LocationID)()
	reason, err := c.exceeded(r)
	if err != nil {
		return false, err
	}
	if reason != "" {
		return false, c.record(ctx, r, hold(reason))
	}
	body := Receipt{Attempt: r.attempt()}
	if r.Call == CallMessage {
		body.Message = m
	}
	d, err := draft(r, Attempted, body, c.Now())
	if err != nil {
		return false, err
	}
	answers, err := c.write(ctx, d)
	if err != nil {
		return false, err
	}
	attempted := answers[0]
	r.Last, r.Tried = attempted.Entry.ID, true
	if err := c.Pending.Wait(ctx, attempted.Entry.Seq); err != nil && ctx.Err() == nil {
		return false, err
	}
	if !attempted.Added {
		return false, c.holdUnknown(ctx, r, r.attempt(), "")
	}
	return c.still(ctx, r)
}

// still looks once more now that the attempt has its place in the ledger: who
// opted out before that place is not written to, however long it took to get
// there. What does not go after all was not tried.
func (c *Courier) still(ctx context.Context, r *record) (goes bool, err error) {
	_, v, err := c.look(ctx, r)
	paused, perr := c.Pending.Paused(r.LocationID)
	switch {
	case ctx.Err() != nil:
		v = verdict{Failed, Receipt{Error: reasonEnding}}
	case err != nil || perr != nil:
		return false, errors.Join(err, perr)
	case paused && v.kind == "":
		v = verdict{Failed, Receipt{Error: reasonPaused}}
	case v.kind == "":
		return true, nil
	}
	return false, c.record(ctx, r, v)
}

func (c *Courier) compose(r *record, lead projections.Lead) (ghl.OutMessage, error) {
	if r.Call != CallMessage {
		return ghl.OutMessage{}, nil
	}
	return c.Templates.Compose(*r.Request, lead)
}

func (c *Courier) do(ctx context.Context, r *record, m ghl.OutMessage) (id string, err error) {
	switch r.Call {
	case CallWorkflow:
		workflow := strings.TrimPrefix(r.Request.Via, viaWorkflow)
		return "", c.Deeds.StartWorkflow(ctx, r.LocationID, r.ContactID, workflow)
	case CallTask:
		return "", c.Deeds.CreateTask(ctx, r.LocationID, r.ContactID, *r.Request.Task)
	}
	return c.Deeds.SendMessage(ctx, r.LocationID, m)
}

// refused records what a refusal means for r.
func (c *Courier) refused(ctx context.Context, r *record, err error) error {
	switch f := fateOf(r.Call, err); f {
	case temporary:
		return c.record(ctx, r, c.Retry.after(r, err, c.Now()))
	case unknown:
		return c.holdUnknown(ctx, r, r.attempt(), err.Error())
	case unsent:
		return c.record(ctx, r, verdict{Failed, Receipt{Error: err.Error()}}) // not a try
	case missing:
		return c.record(ctx, r, hold(err.Error()))
	case gone:
		return c.record(ctx, r, verdict{Dead, Receipt{
			Attempt: r.attempt(), Error: err.Error(), Status: NeedsInvestigation, Gone: true,
		}})
	case shut, forbidden:
		return c.shut(ctx, r, f, err)
	default:
		return c.record(ctx, r, verdict{Dead, Receipt{Attempt: r.attempt(), Error: err.Error(), Status: NeedsInvestigation}})
	}
}

func (c *Courier) holdUnknown(ctx context.Context, r *record, attempt int, err string) error {
	return c.record(ctx, r, verdict{Held, Receipt{Attempt: attempt, Reason: reasonUnknown, Error: joinReason(reasonUnknown, err)}})
}

func joinReason(reason, err string) string {
	if err == "" {
		return reason
	}
	return reason + ": " + err
}

// shut makes the location wait after 401, or one kind of its calls after 403.
// The call does not count: it will be made when the location is open again.
func (c *Courier) shut(ctx context.Context, r *record, f fate, err error) error {
	h := Hold{Location: r.LocationID, Reason: fmt.Sprintf("GoHighLevel refuses the token: %v", err)}
	if f == forbidden {
		h.Call, h.Reason = r.Call, fmt.Sprintf("the token may not do this (%s): %v", r.Call, err)
	}
	if err := c.record(ctx, r, verdict{Failed, Receipt{Error: err.Error()}}); err != nil {
		return err
	}
	return c.holdLocation(ctx, h)
}

// callContext outlives ctx by the grace, so that a call under way at the end
// has its answer heard.
func (c *Courier) callContext(ctx context.Context) (context.Context, context.CancelFunc) {
	call, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(c.Grace):
			cancel()
		case <-call.Done():
		}
	})
	return call, func() { stop(); cancel() }
}

// locks is one lock per name.
type locks struct {
	mu    sync.Mutex
	names map[string]*sync.Mutex
}

func newLocks() *locks { return &locks{names: map[string]*sync.Mutex{}} }

// lock locks name and returns what unlocks it.
func (l *locks) lock(name string) (unlock func()) {
	l.mu.Lock()
	m := l.names[name]
	if m == nil {
		m = new(sync.Mutex)
		l.names[name] = m
	}
	l.mu.Unlock()
	m.Lock()
	return m.Unlock
}
