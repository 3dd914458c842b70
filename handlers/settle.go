package handlers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/julienschmidt/httprouter"
)

// manyQuarantined is the input of POST quarantine: one act on all deliveries
// that wait and that a filter means.
type manyQuarantined struct {
	Action   string `json:"action"` // admit or discard
	Cause    string `json:"cause"`
	Type     string `json:"type"`
	Location string `json:"location_id"`
	Contact  string `json:"contact_id"`
	Text     string `json:"q"`
	Since    string `json:"since"`
	Until    string `json:"until"`
	After    string `json:"after"` // the next of the answer before
	Reason   string `json:"reason"`
	DryRun   bool   `json:"dry_run"`
}

// settledMany is what became of them, or of a dry run would.
type settledMany struct {
	Done       int              `json:"done"`
	Duplicates int              `json:"duplicates"`    // of those admitted, there as events before
	Invalid    int              `json:"still_invalid"` // left as they are: still no valid events, of an app or location not served, or erased
	Sample     []quarantineView `json:"sample"`        // the first of those done
	AuditID    string           `json:"audit_id,omitempty"`
	Next       *string          `json:"next"` // there are more: ask again, after this

	ids    []string
	events []ledger.Draft
}

// One request settles so many deliveries, or bytes of them, at most: it is one
// batch of the ledger's.
const (
	settleMost   = 500
	settleBytes  = 8 << 20
	settleSample = 10
)

func (in manyQuarantined) filter() (quarantineFilter, error) {
	q := url.Values{"state": {waiting}}
	for name, v := range map[string]string{"cause": in.Cause, "type": in.Type, "location_id": in.Location,
		"contact_id": in.Contact, "q": in.Text, "since": in.Since, "until": in.Until, "after": in.After} {
		if v != "" {
			q.Set(name, v)
		}
	}
	return quarantineFilterOf(q)
}

// settleQuarantined admits or discards the next deliveries that a filter means,
// up to settleMost of them. A dry run changes nothing, and is not audited.
func (a *api) settleQuarantined(r *http.Request, _ httprouter.Params) (any, error) {
	var in manyQuarantined
	if err := input(r, &in); err != nil {
		return nil, err
	}
	if in.Action != "admit" && in.Action != "discard" {
		return nil, bad("action", "want admit or discard")
	}
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	if err := a.Shared.settling.take(r.Context()); err != nil {
		return nil, err
	}
	defer a.Shared.settling.leave()
	m, err := a.gather(r, f, in.Action == "admit")
	if err != nil {
		return m, err
	}
	if in.DryRun {
		m.Duplicates, err = a.there(r.Context(), m.events)
		return m, err
	}
	d := deed{Act: "quarantine." + in.Action, Reason: in.Reason, Details: map[string]any{
		"ids": m.ids, "cause": in.Cause, "type": in.Type, "location_id": in.Location, "contact_id": in.Contact, "since": in.Since, "until": in.Until,
	}}
	if in.Action == "discard" {
		id, err := a.record(r, d)
		m.AuditID = ledger.FormatID(id)
		return m, err
	}
	got, audit, err := a.admit(r, d, m.events)
	for _, g := range got {
		if !g.Added {
			m.Duplicates++
		}
	}
	m.AuditID = audit
	return m, err
}

// gather chooses what one request settles.
func (a *api) gather(r *http.Request, f quarantineFilter, admit bool) (settledMany, error) {
	m := settledMany{Sample: []quarantineView{}, ids: []string{}}
	past, err := a.past(r.Context())
	if err != nil {
		return m, err
	}
	last, size := "", 0
	var broken error
	err = a.eachQuarantined(r.Context(), f, func(e ledger.Entry, v quarantineView) (more bool) {
		if m.Done+m.Invalid == settleMost || size > settleBytes {
			m.Next = &last
			return false
		}
		last, size = v.ID, size+v.Size
		if admit {
			event, err := a.admittedDraft(r.Context(), past, e)
			if _, refused := errors.AsType[*Problem](err); err != nil && !refused {
				broken = err // the ledger's fault, not the delivery's
				return false
			}
			if e.Erased || err != nil {
				m.Invalid++
				return true
			}
			m.events = append(m.events, event)
		}
		m.ids = append(m.ids, v.ID)
		if m.Done++; len(m.Sample) < settleSample {
			m.Sample = append(m.Sample, v)
		}
		return true
	})
	return m, cmp.Or(err, broken)
}

// there counts the events whose keys the ledger has, or another of them before.
// It reads the whole ledger: only a person's dry run asks.
func (a *api) there(ctx context.Context, events []ledger.Draft) (n int, err error) {
	missing := map[string]bool{}
	for _, d := range events {
		if missing[d.Key] {
			n++
		}
		missing[d.Key] = true
	}
	for e, err := range a.Log.Read(ctx, ledger.Cursor{}) {
		if err != nil || len(missing) == 0 {
			return n, err
		}
		if missing[e.Key] {
			delete(missing, e.Key)
			n++
		}
	}
	return n, nil
}

// admit appends the deed and the events, and then that each was admitted: a
// stop between the two leaves deliveries that wait, whose events are there, and
// to admit them again finds that out.
func (a *api) admit(r *http.Request, d deed, events []ledger.Draft) (got []ledger.Appended, audit string, err error) {
	draft, err := a.deedDraft(r, d)
	if err != nil {
		return nil, "", err
	}
	if err := a.Shared.tokens.admitted(r.Context(), events); err != nil {
		return nil, "", err
	}
	all, err := a.appendAll(r.Context(), append([]ledger.Draft{draft}, events...)...)
	if err != nil {
		return nil, "", err
	}
	got, audit = all[1:], ledger.FormatID(all[0].Entry.ID)
	if len(got) == 0 {
		return got, audit, nil
	}
	if err := a.ownConflicts(r, got, events); err != nil {
		return nil, audit, err
	}
	ends := make([]ledger.Draft, len(got))
	for i, g := range got {
		body, _ := json.Marshal(admittedBody{EventID: ledger.FormatID(g.Entry.ID)}) // a string never fails
		from := events[i].Cause
		ends[i] = ledger.Draft{Kind: admittedKind, Key: "admitted:" + ledger.FormatID(from), Cause: from, Body: body}
	}
	_, err = a.appendAll(r.Context(), ends...)
	return got, audit, err
}

// ownConflicts gives an event whose sender's id came before with another body
// an entry of its own, as the webhook does.
func (a *api) ownConflicts(r *http.Request, got []ledger.Appended, events []ledger.Draft) (err error) {
	for i, g := range got {
		if g.Added || g.Entry.Erased || bytes.Equal(g.Entry.Body, events[i].Body) {
			continue
		}
		ev, _ := parse(events[i].Body, events[i].Meta.Type) // it was read before
		if got[i], err = a.keepConflict(r.Context(), g.Entry, ev, events[i]); err != nil {
			return err
		}
	}
	return nil
}
