package handlers

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/julienschmidt/httprouter"
	"github.com/oklog/ulid/v2"
)

const auditKind = "audit."

// deed is what a person does: the body of an audit entry.
type deed struct {
	Act     string         `json:"act"` // effects.retry: the entry's kind without audit.
	By      Caller         `json:"by"`
	On      string         `json:"on,omitempty"`     // what it is done to: an id or a name
	Reason  string         `json:"reason,omitempty"` // in the person's words
	Details map[string]any `json:"details,omitempty"`

	subject, location string
	cause             ulid.ULID
}

// record appends the deed before it is done, so that none is done unrecorded,
// and returns the entry's id.
func (a *api) record(r *http.Request, d deed) (ulid.ULID, error) {
	draft, err := a.deedDraft(r, d)
	if err != nil {
		return ulid.ULID{}, err
	}
	got, err := a.append(r.Context(), draft)
	return got.Entry.ID, err
}

// deedDraft is the audit entry of d, done by r: one for each request.
func (a *api) deedDraft(r *http.Request, d deed) (ledger.Draft, error) {
	n := noteOf(r)
	d.By = Caller{Role: n.role, RequestID: n.id}
	body, err := json.Marshal(d)
	if err != nil {
		return ledger.Draft{}, err
	}
	n.kind = auditKind + d.Act
	return ledger.Draft{Kind: n.kind, Key: "audit:" + n.id, Subject: d.subject, Location: d.location,
		Cause: d.cause, Occurred: a.Now().UTC(), Body: body}, nil
}

// reasoned is the input of acts that take nothing but a reason.
type reasoned struct {
	Reason string `json:"reason"`
}

// auditView is an audit entry as the API shows it.
type auditView struct {
	ID       string          `json:"id"`
	Seq      ledger.Seq      `json:"seq"`
	Kind     string          `json:"kind"`
	Contact  string          `json:"contact_id"`
	Cause    string          `json:"cause"`
	Recorded time.Time       `json:"recorded_at"`
	Deed     json.RawMessage `json:"deed"` // null when erased
}

// audits lists what people did.
func (a *api) audits(r *http.Request, _ httprouter.Params) (any, error) {
	f, err := filterOf(r.URL.Query())
	if err != nil {
		return nil, err
	}
	f.kinds = []string{auditKind + "*"}
	entries, next, err := a.find(r.Context(), f)
	if err != nil {
		return nil, err
	}
	views := make([]auditView, len(entries))
	for i, e := range entries {
		views[i] = auditView{ID: ledger.FormatID(e.ID), Seq: e.Seq, Kind: e.Kind, Contact: e.Subject,
			Cause: ledger.FormatID(e.Cause), Recorded: e.Recorded, Deed: json.RawMessage(e.Body)}
		if e.Erased || !json.Valid(e.Body) {
			views[i].Deed = json.RawMessage("null")
		}
	}
	return listOf(views, next), nil
}
