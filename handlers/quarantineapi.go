package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/julienschmidt/httprouter"
)

// quarantineView is a quarantined delivery as the API shows it.
type quarantineView struct {
	ID       string            `json:"id"`
	State    string            `json:"state"` // waiting, admitted, discarded
	Cause    string            `json:"cause"`
	Fields   map[string]string `json:"fields"`
	Type     string            `json:"type"`
	Scheme   string            `json:"scheme"`
	Dialect  string            `json:"dialect"`
	Location string            `json:"location_id"`
	Contact  string            `json:"contact_id"`
	Recorded time.Time         `json:"recorded_at"`
	Size     int               `json:"size"`
	EventID  string            `json:"event_id"` // what it became
	Erased   bool              `json:"erased"`
}

// quarantineDetail is one by itself.
type quarantineDetail struct {
	quarantineView
	Raw     *string           `json:"raw"` // base64 of the bytes as they came; null when erased
	Headers map[string]string `json:"headers"`
	KeyName string            `json:"key_name"`
	Hint    string            `json:"type_hint"`
}

// The states of a quarantined delivery.
const (
	waiting   = "waiting"
	admitted  = "admitted"
	discarded = "discarded"
)

const (
	admitAct   = "quarantine.admit"
	discardAct = "quarantine.discard"
)

// quarantine lists what is kept apart.
func (a *api) quarantine(r *http.Request, _ httprouter.Params) (any, error) {
	f, err := quarantineFilterOf(r.URL.Query())
	if err != nil {
		return nil, err
	}
	var views []quarantineView
	next := ""
	err = a.eachQuarantined(r.Context(), f, func(_ ledger.Entry, v quarantineView) (more bool) {
		if len(views) == f.limit {
			next = views[len(views)-1].ID
			return false
		}
		views = append(views, v)
		return true
	})
	return listOf(views, next), err
}

func bodyOf(e ledger.Entry) (q quarantined) {
	_ = json.Unmarshal(e.Body, &q) // ours; nil when erased
	return q
}

func quarantineViewOf(e ledger.Entry, q quarantined, end end) quarantineView {
	v := quarantineView{
		ID: ledger.FormatID(e.ID), State: waiting, Cause: q.Cause, Fields: q.Fields, Type: q.Type, Scheme: e.Meta.Scheme,
		Dialect: e.Meta.Dialect, Location: q.Location, Contact: q.Contact, Recorded: e.Recorded, Size: len(q.Raw),
		EventID: end.event, Erased: e.Erased,
	}
	if end.state != "" {
		v.State = end.state
	}
	if v.Fields == nil {
		v.Fields = map[string]string{}
	}
	return v
}

// inQuarantine returns the quarantined delivery that a path names.
func (a *api) inQuarantine(r *http.Request, p httprouter.Params) (ledger.Entry, end, error) {
	e, err := a.entryOf(r.Context(), p.ByName("id"))
	if err != nil {
		return e, end{}, err
	}
	if e.Kind != quarantinedKind {
		return e, end{}, &notFound
	}
	end, err := a.Shared.ward.endOf(r.Context(), e.ID)
	return e, end, err
}

// quarantined shows one delivery with its bytes.
func (a *api) quarantined(r *http.Request, p httprouter.Params) (any, error) {
	e, end, err := a.inQuarantine(r, p)
	if err != nil {
		return nil, err
	}
	q := bodyOf(e)
	detail := quarantineDetail{quarantineView: quarantineViewOf(e, q, end), Headers: q.Headers, KeyName: e.Meta.KeyName, Hint: e.Meta.Type}
	if !e.Erased {
		raw, _ := json.Marshal(q.Raw) // bytes never fail
		text := string(raw[1 : len(raw)-1])
		detail.Raw = &text
	}
	if detail.Headers == nil {
		detail.Headers = map[string]string{}
	}
	return detail, nil
}

// settled is what became of a quarantined delivery.
type settled struct {
	ID        string `json:"id"`
	State     string `json:"state"`              // admitted or discarded
	EventID   string `json:"event_id,omitempty"` // what it became
	Duplicate bool   `json:"duplicate"`          // the same event was there before
	AuditID   string `json:"audit_id"`
}

// discardQuarantined says that nothing will come of a delivery. Its audit entry
// is the fact.
func (a *api) discardQuarantined(r *http.Request, p httprouter.Params) (any, error) {
	var in reasoned
	if err := input(r, &in); err != nil {
		return nil, err
	}
	if err := a.Shared.settling.take(r.Context()); err != nil {
		return nil, err
	}
	defer a.Shared.settling.leave()
	e, end, err := a.inQuarantine(r, p)
	if err != nil {
		return nil, err
	}
	if end.state != "" {
		return nil, fmt.Errorf("%w: it was %s before", ErrState, end.state)
	}
	id, err := a.record(r, deed{Act: discardAct, On: ledger.FormatID(e.ID), Reason: in.Reason, cause: e.ID})
	if err != nil {
		return nil, err
	}
	return settled{ID: ledger.FormatID(e.ID), State: discarded, AuditID: ledger.FormatID(id)}, nil
}

// admitQuarantined parses a delivery again, after a fix, and makes it an
// ordinary entry with its first arrival time. No message follows from it.
func (a *api) admitQuarantined(r *http.Request, p httprouter.Params) (any, error) {
	var in reasoned
	if err := input(r, &in); err != nil {
		return nil, err
	}
	if err := a.Shared.settling.take(r.Context()); err != nil {
		return nil, err
	}
	defer a.Shared.settling.leave()
	e, end, err := a.inQuarantine(r, p)
	switch {
	case err != nil:
		return nil, err
	case end.state != "":
		return nil, fmt.Errorf("%w: it was %s before", ErrState, end.state)
	case e.Erased:
		return nil, fmt.Errorf("%w: its body was erased", ErrState)
	}
	past, err := a.past(r.Context())
	if err != nil {
		return nil, err
	}
	event, err := a.admittedDraft(r.Context(), past, e)
	if err != nil {
		return nil, err
	}
	got, audit, err := a.admit(r, deed{Act: admitAct, On: ledger.FormatID(e.ID), Reason: in.Reason, cause: e.ID}, []ledger.Draft{event})
	if err != nil {
		return nil, err
	}
	return settled{ledger.FormatID(e.ID), admitted, ledger.FormatID(got[0].Entry.ID), !got[0].Added, audit}, nil
}

// admittedDraft is the quarantined delivery as an event, if it is one now and
// ours. Its key is the one that it would have got at its arrival.
func (a *api) admittedDraft(ctx context.Context, past *past, e ledger.Entry) (ledger.Draft, error) {
	q := bodyOf(e)
	ev, err := parse(q.Raw, e.Meta.Type)
	if err != nil {
		return ledger.Draft{}, &Problem{Status: 422, Short: "Still not valid", Code: "still_invalid",
			Message: "The body is still no valid event.", Data: map[string]any{"fields": faultsOf(err)}}
	}
	h := webhooks{Deps: a.Deps}
	del := &delivery{arrived: e.Recorded, hint: e.Meta.Type, body: q.Raw, event: ev,
		verified: ghl.Verified{Scheme: e.Meta.Scheme, KeyName: e.Meta.KeyName, SignedAt: q.SignedAt}}
	if cause, fields := a.foreign(del); cause != "" {
		return ledger.Draft{}, stillForeign(cause, fields)
	}
	d := h.draft(del)
	d.Cause, d.Meta.Arrived, d.Meta.Backfill = e.ID, e.Recorded, true
	if del.nameless() {
		first, err := past.first(ctx, del.tokenStem(), e.Recorded)
		if err != nil {
			return ledger.Draft{}, err
		}
		d.Key = ghl.TokenKey(ev, q.Raw, first)
	}
	return d, nil
}

// stillForeign says which setting would make a delivery ours.
func stillForeign(cause string, fields map[string]string) *Problem {
	message := "The event is of a location that is still not served: add it to GHL_LOCATION_ID and restart, then admit it."
	if cause == causeApp {
		message = "The event does not name this service's app: set GHL_APP_ID to the app that it is of and restart, then admit it."
	}
	return &Problem{Status: 422, Short: "Still not ours", Code: "still_foreign", Message: message, Data: map[string]any{"fields": fields}}
}
