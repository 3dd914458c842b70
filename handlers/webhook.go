package handlers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
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
	strangers *shares // what is of another app or location, all of it together
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

// MaxWebhook is the largest MaxBody with which every authentic body can be
// kept: in the quarantine it is base64, and that is to fit into one entry
// beside what is said of it.
const MaxWebhook = 11 << 20

// receive takes one delivery. Whatever goes wrong with one that may be
// authentic, the answer is one after which its sender sends it again. That
// holds for a draft that the ledger does not take, too: after a 400 it would
// be lost and kept nowhere.
func (h *webhooks) receive(w http.ResponseWriter, r *http.Request, p httprouter.Params) error {
	err := h.take(w, r, p)
	if err != nil && (problemOf(err).Status >= 500 || errors.Is(err, ledger.ErrDraft)) {
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
	if wait := h.share(del, cause, senderOf(r, h.TrustedProxies)); wait > 0 {
		return limited(wait)
	}
	if cause != "" {
		return h.quarantine(w, r, del, cause, fields)
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

// share takes the delivery's part of what its location may send, before any of
// it is written: else a quarantine would fill the disk. What is not for us has
// one small part together, since the owner of any app can have it sent.
func (h *webhooks) share(del *delivery, cause, sender string) (wait time.Duration) {
	if cause == causeApp || cause == causeLocation {
		return h.strangers.take("", sender, del.arrived)
	}
	return h.locations.take(h.locationOf(del), sender, del.arrived)
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
		return &logged{Problem: unreadAs(r, err), cause: err}
	}
	del.body = buf.Bytes()
	return nil
}

// unreadAs is the answer to a body that ended before its end. Only chunks that
// are none are the sender's fault: a time-out or a connection that broke is
// answered so that it is sent again, for after a 400 the event would be lost.
func unreadAs(r *http.Request, err error) *Problem {
	_, network := errors.AsType[net.Error](err)
	if len(r.TransferEncoding) == 0 || network || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.Canceled) {
		return &incomplete
	}
	return &unreadable
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
	if p, ok := errors.AsType[*parsePanic](err); ok {
		h.Logger.Error("a body made its reading panic", "err", p.cause, "stack", string(p.stack))
	}
	del.event = ev
	switch cause, fields = h.foreign(del); {
	case cause != "" && (err == nil || fields["appId"] != "required"):
		return cause, fields
	case err != nil:
		return causeMalformed, faultsOf(err)
	case del.signedByPlatform() && h.tooOld(ev, del.arrived):
		return causeOld, nil
	}
	return "", nil
}

// foreign tells why the delivery is not for this app and its locations, or "".
// The quarantine asks again, for an event of others' must not become a lead.
func (d Deps) foreign(del *delivery) (cause string, fields map[string]string) {
	ev, platform := del.event, del.signedByPlatform()
	switch {
	case platform && ev.AppID != "" && ev.AppID != d.AppID:
		return causeApp, map[string]string{"appId": "is not this app's"}
	case ev.LocationID != "" && !d.serves(ev.LocationID):
		return causeLocation, map[string]string{"locationId": "is not served here (GHL_LOCATION_ID)"}
	case platform && (ev.AppID == "" || d.AppID == ""):
		return causeApp, map[string]string{"appId": "required"}
	}
	return "", nil
}

var parseEvent = ghl.ParseEvent // a test has one that panics

// parse is ghl.ParseEvent; a panic in it is counted and returned as a fault of
// the body, so that a poisonous one ends in the quarantine and is not sent
// again and again.
func parse(body []byte, hint string) (ev ghl.Event, err error) {
	defer func() {
		if v := recover(); v != nil {
			countPanic()
			err = &parsePanic{cause: causeOfPanic(v), stack: debug.Stack()}
		}
	}()
	return parseEvent(body, hint)
}

// parsePanic is a fault of ours in the reading of a body.
type parsePanic struct {
	cause string
	stack []byte
}

func (p *parsePanic) Error() string { return "panic: " + p.cause }

// Unwrap returns what may be said of it to others.
func (p *parsePanic) Unwrap() error {
	return &ghl.InvalidError{Fields: map[string]string{"body": "could not be read: a fault of this service"}}
}

// causeOfPanic says what the runtime says. Another's value may quote the body,
// which stays out of the log: of that only its type is said.
func causeOfPanic(v any) string {
	if err, ok := v.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a %T", v)
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
		if got, err = h.keepConflict(ctx, got.Entry, del.event, d); err != nil {
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
