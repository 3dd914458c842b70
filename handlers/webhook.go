package handlers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/julienschmidt/httprouter"
)

// appendTimeout bounds how long a sender waits for its event to be durable.
// After it the answer is 429: what became of the event is not known, and the
// same delivery again finds out.
const appendTimeout = 10 * time.Second

// webhooks takes deliveries.
type webhooks struct {
	Deps
	senders   *limiter
	locations *shares
	tokens    *tokens
}

// delivery is one webhook on its way into the ledger.
type delivery struct {
	arrived  time.Time
	hint     string // the event type that the path names
	headers  http.Header
	body     []byte
	verified ghl.Verified
	event    ghl.Event
}

// receive takes one delivery. Whatever goes wrong with one that may be
// authentic, the answer is one after which its sender sends it again.
func (h *webhooks) receive(w http.ResponseWriter, r *http.Request, p httprouter.Params) error {
	err := h.take(w, r, p)
	if err != nil && problemOf(err).Status >= 500 {
		return &logged{Problem: &unstored, cause: err}
	}
	return err
}

// take verifies the bytes as they came, tells what they mean, makes them
// durable, and only then says so.
func (h *webhooks) take(w http.ResponseWriter, r *http.Request, p httprouter.Params) error {
	del := &delivery{arrived: h.Now(), hint: hintOf(p), headers: r.Header}
	if err := h.admit(r); err != nil {
		return err
	}
	if err := del.read(w, r, h.MaxBody); err != nil {
		return err
	}
	if err := h.verify(del, r, p); err != nil {
		return err
	}
	cause, fields := h.judge(del)
	noteOf(r).kind = string(del.event.Type)
	if cause != "" {
		return h.quarantine(w, r, del, cause, fields)
	}
	if wait := h.locations.take(h.locationOf(del), senderOf(r, h.TrustedProxies), del.arrived); wait > 0 {
		return limited(wait)
	}
	answer, err := h.keep(r.Context(), del)
	if err != nil {
		return err
	}
	note := noteOf(r)
	note.entry, note.result = answer.Data.EventID, answer.result(del.event)
	answer.Data.Milliseconds = milliseconds(h.Now().Sub(del.arrived))
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// maxHint bounds the type that a path names, which the ledger keeps beside the
// body: a longer one is no type of ours, and no reason to lose the delivery.
const maxHint = 128

func hintOf(p httprouter.Params) string { return clipped(p.ByName("type"), maxHint) }

// admit refuses what need not be read: the checks that cost nothing come first.
func (h *webhooks) admit(r *http.Request) error {
	if wait := h.senders.take(senderOf(r, h.TrustedProxies), h.Now()); wait > 0 {
		return limited(wait)
	}
	return nil
}

// read takes the body into memory, at most limit bytes of it.
func (del *delivery) read(w http.ResponseWriter, r *http.Request, limit int64) error {
	if r.ContentLength > limit {
		return &http.MaxBytesError{Limit: limit}
	}
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(min(r.ContentLength, 64<<10))) // not more on the sender's word alone
	}
	if _, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, limit)); err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return err
		}
		noteOf(r).result = "unreadable"
		return &unreadable
	}
	del.body = buf.Bytes()
	return nil
}

// verify tells who signed, or answers the same whatever was wrong. The log
// line has the reason.
func (h *webhooks) verify(del *delivery, r *http.Request, p httprouter.Params) error {
	var err error
	del.verified, err = h.Keys().Verify(signatureOf(r.Header, p), del.body, del.arrived)
	if err != nil {
		noteOf(r).result = "unauthorized"
		return &logged{Problem: &unauthorizedWebhook, cause: err}
	}
	return nil
}

// signatureOf gathers what proves the sender: every value of each header, for
// a header given twice is refused.
func signatureOf(h http.Header, p httprouter.Params) ghl.Signature {
	return ghl.Signature{
		GHL: h.Values("X-GHL-Signature"), Timestamp: h.Values("X-GHL-Timestamp"), WH: h.Values("X-WH-Signature"),
		Workflow: p.ByName("type") != "", Bearer: h.Values("Authorization"),
		Token: h.Values("X-GHL-Token"), PathToken: p.ByName("token"),
	}
}

// judge tells what the body means, and why it must not become an event: the
// cause of its quarantine, with the faults of its fields, or "".
func (h *webhooks) judge(del *delivery) (cause string, fields map[string]string) {
	ev, err := parse(del.body, del.hint)
	del.event = ev
	platform := del.signedByPlatform()
	switch {
	case platform && ev.AppID != "" && ev.AppID != h.AppID:
		return causeApp, map[string]string{"appId": "is not this app's"}
	case ev.LocationID != "" && !h.serves(ev.LocationID):
		return causeLocation, map[string]string{"locationId": "is not served here (GHL_LOCATION_ID)"}
	case err != nil:
		return causeMalformed, faultsOf(err)
	case platform && (ev.AppID == "" || h.AppID == ""):
		return causeApp, map[string]string{"appId": "required"}
	case platform && h.tooOld(ev, del.arrived):
		return causeOld, nil
	}
	return "", nil
}

// parse is ghl.ParseEvent; a panic in it is a fault of the body, so that a
// poisonous one ends in the quarantine and is not sent again and again.
func parse(body []byte, hint string) (ev ghl.Event, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &ghl.InvalidError{Fields: map[string]string{"body": "could not be read: a fault of this service"}}
		}
	}()
	return ghl.ParseEvent(body, hint)
}

// faultsOf returns what is wrong, by field. It holds names and reasons, never values.
func faultsOf(err error) map[string]string {
	if invalid, ok := errors.AsType[*ghl.InvalidError](err); ok {
		return invalid.Fields
	}
	return map[string]string{"body": err.Error()}
}

// signedByPlatform reports whether one of GoHighLevel's own keys signed, which
// are the same for all its apps and say nothing of whom it was meant for.
func (del *delivery) signedByPlatform() bool {
	return del.verified.Scheme == ghl.SchemeEd25519 || del.verified.Scheme == ghl.SchemeRSA
}

// serves reports whether location is one of ours.
func (d Deps) serves(location string) bool {
	return len(d.Locations) == 0 || slices.Contains(d.Locations, location)
}

func (d Deps) tooOld(ev ghl.Event, now time.Time) bool {
	return d.MaxAge > 0 && !ev.Time.IsZero() && now.Sub(ev.Time) > d.MaxAge
}

// keep makes the delivery durable, or finds it there already.
func (h *webhooks) keep(ctx context.Context, del *delivery) (received, error) {
	d := h.draft(del)
	if key, err := h.tokenKey(ctx, del); err != nil {
		return received{}, err
	} else if key != "" {
		d.Key = key
	}
	got, err := h.append(ctx, d)
	if err != nil {
		return received{}, err
	}
	if !got.Added && !got.Entry.Erased && !bytes.Equal(got.Entry.Body, del.body) {
		d.Key, d.Meta.Conflict = ghl.ConflictKey(del.event, del.body), true
		if got, err = h.append(ctx, d); err != nil {
			return received{}, err
		}
	}
	return receivedAs(got, del.event), nil
}

// append writes one draft. The sender's leaving does not undo what the writer
// has begun, so its context counts for nothing here.
func (d Deps) append(ctx context.Context, draft ledger.Draft) (ledger.Appended, error) {
	got, err := d.appendAll(ctx, draft)
	if err != nil {
		return ledger.Appended{}, err
	}
	return got[0], nil
}

// appendAll writes all drafts or none.
func (d Deps) appendAll(ctx context.Context, drafts ...ledger.Draft) ([]ledger.Appended, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTimeout)
	defer cancel()
	got, err := d.Log.Append(ctx, drafts...)
	if err != nil {
		return nil, fmt.Errorf("append %s: %w", drafts[0].Kind, err)
	}
	return got, nil
}

// draft is the delivery as an entry to be.
func (h *webhooks) draft(del *delivery) ledger.Draft {
	ev := del.event
	d := ledger.Draft{
		Kind: string(ev.Type), Key: ghl.DeliveryKey(ev, del.body), Subject: ev.ContactID,
		Location: h.locationOf(del), Occurred: occurred(ev, del.verified, del.arrived), Body: del.body,
		Meta: ledger.Meta{Scheme: del.verified.Scheme, KeyName: del.verified.KeyName, Dialect: string(ev.Dialect), Type: del.hint},
	}
	if d.Subject == "" {
		d.Person = personOf(ev)
	}
	return d
}

func (h *webhooks) locationOf(del *delivery) string {
	if del.event.LocationID != "" {
		return del.event.LocationID
	}
	return h.defaultLocation()
}

// occurred is the sender's time of the event: the body's, else the signature's,
// else its arrival. A time in the future counts as arrival.
func occurred(ev ghl.Event, v ghl.Verified, arrived time.Time) time.Time {
	at := ev.Time
	if at.IsZero() {
		at = v.SignedAt
	}
	if at.IsZero() || at.After(arrived) {
		return arrived.UTC()
	}
	return at.UTC()
}
