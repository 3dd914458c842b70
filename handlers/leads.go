package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/julienschmidt/httprouter"
)

// leads lists what the leads view has.
func (a *api) leads(r *http.Request, _ httprouter.Params) (any, error) {
	if a.Leads.Runner == nil {
		return nil, &notConfigured
	}
	f, err := leadFilterOf(r.URL.Query())
	if err != nil {
		return nil, err
	}
	leads, next, err := a.Leads.List(f)
	if err != nil {
		return nil, err
	}
	return listOf(leads, next), nil
}

func leadFilterOf(q url.Values) (f projections.LeadFilter, err error) {
	if err := known(q, "quality", "status", "location_id", "min_score", "q", "sort", "after", "limit"); err != nil {
		return f, err
	}
	f = projections.LeadFilter{
		Quality: q.Get("quality"), Status: projections.LeadStatus(q.Get("status")), Location: q.Get("location_id"),
		Query: q.Get("q"), Sort: q.Get("sort"), After: q.Get("after"),
	}
	if err := oneOf(q, "quality", "hot", "warm", "cold"); err != nil {
		return f, err
	}
	if err := oneOf(q, "status", "new", "engaged", "touring", "negotiating", "sold", "lost", "deleted"); err != nil {
		return f, err
	}
	if err := oneOf(q, "sort", projections.SortScore, projections.SortUpdated); err != nil {
		return f, err
	}
	if s := q.Get("min_score"); s != "" {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || n < 0 || n > 100 {
			return f, bad("min_score", "want 0 to 100")
		}
		f.MinScore = &n
	}
	f.Limit, err = limitOf(q)
	return f, err
}

// oneOf refuses a parameter that has none of the values; empty is none given.
func oneOf(q url.Values, name string, values ...string) error {
	got := q.Get(name)
	for _, v := range values {
		if got == v || got == "" {
			return nil
		}
	}
	return bad(name, "want one of: %s", strings.Join(values, ", "))
}

// lead shows one, after the event that wait names if there is one.
func (a *api) lead(r *http.Request, p httprouter.Params) (any, error) {
	if err := known(r.URL.Query(), "wait"); err != nil {
		return nil, err
	}
	if err := a.wait(r); err != nil {
		return nil, err
	}
	return a.leadOf(p.ByName("contact_id"))
}

func (a *api) leadOf(contact string) (projections.Lead, error) {
	if a.Leads.Runner == nil {
		return projections.Lead{}, &notConfigured
	}
	lead, ok, err := a.Leads.Get(contact)
	if err == nil && !ok {
		err = &notFound
	}
	return lead, err
}

// contactOf is leadOf for one that need be no lead: one that was readmitted is none
// before something comes of it. Of that, there is its id.
func (a *api) contactOf(contact string) (projections.Lead, error) {
	lead, err := a.leadOf(contact)
	if !errors.Is(err, &notFound) {
		return lead, err
	}
	moments, _, failed := a.Leads.Timeline(contact, 0, 1)
	switch {
	case failed != nil:
		return lead, failed
	case len(moments) == 0:
		return lead, err
	}
	return projections.Lead{ContactID: contact}, nil
}

// maxWait is how long wait may take; a part of it is for the answers of the
// planner, without which a new lead has no score yet.
const (
	maxWait     = 10 * time.Second
	plannerWait = 5 * time.Second
)

// wait returns once the leads view includes the event that the request waits
// for, and what the planner answered to it if that comes in time.
func (a *api) wait(r *http.Request) error {
	id := r.URL.Query().Get("wait")
	if id == "" || a.Leads.Runner == nil {
		return nil
	}
	e, err := a.entryOf(r.Context(), id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), maxWait)
	defer cancel()
	if err := a.Leads.Wait(ctx, e.Seq); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return &waitedTooLong
		}
		return err
	}
	if e.Meta.Scheme != "" {
		a.waitPlanned(ctx, e.Seq)
	}
	return nil
}

// waitPlanned returns once the view includes the planner's answers to the entry
// at seq. If they don't come in time, the lead is shown without them.
func (a *api) waitPlanned(ctx context.Context, seq ledger.Seq) {
	ctx, cancel := context.WithTimeout(ctx, plannerWait)
	defer cancel()
	for e, err := range a.Log.Tail(ctx, ledger.Cursor{Seq: seq}) {
		if err != nil {
			return
		}
		if e.Meta.Through < seq {
			continue
		}
		if head, err := a.Log.Head(ctx); err == nil { // the answers of a batch come in one append
			_ = a.Leads.Wait(ctx, head.Seq)
		}
		return
	}
}

// timeline lists what happened with a contact.
func (a *api) timeline(r *http.Request, p httprouter.Params) (any, error) {
	q := r.URL.Query()
	if err := known(q, "after", "limit", "wait"); err != nil {
		return nil, err
	}
	limit, err := limitOf(q)
	if err != nil {
		return nil, err
	}
	after, err := a.seqAfter(r.Context(), q)
	if err != nil {
		return nil, err
	}
	if err := a.wait(r); err != nil {
		return nil, err
	}
	contact := p.ByName("contact_id")
	if _, err := a.contactOf(contact); err != nil {
		return nil, err
	}
	moments, more, err := a.Leads.Timeline(contact, after, limit)
	next := ""
	if more {
		next = moments[len(moments)-1].EventID
	}
	return listOf(moments, next), err
}

// seqAfter returns the seq of the entry that after names.
func (a *api) seqAfter(ctx context.Context, q url.Values) (ledger.Seq, error) {
	c, err := afterOf(q)
	if err != nil || c == (ledger.Cursor{}) {
		return 0, err
	}
	for e, err := range a.Log.Read(ctx, c) { // the first entry past it
		return e.Seq - min(e.Seq, 1), err
	}
	head, err := a.Log.Head(ctx)
	return head.Seq, err
}

// optOut records a person's word that a contact is not written to. The audit
// entry is the fact: the leads view folds it.
func (a *api) optOut(r *http.Request, p httprouter.Params) (any, error) {
	return a.setOptOut(r, p, projections.KindOptOut, true)
}

// optIn records a person's word that it may be written to again.
func (a *api) optIn(r *http.Request, p httprouter.Params) (any, error) {
	return a.setOptOut(r, p, projections.KindOptIn, false)
}

// optAnswer is what an opt-out or an opt-in came to.
type optAnswer struct {
	Contact string `json:"contact_id"`
	Out     bool   `json:"opted_out"`         // as it is now: DND in GoHighLevel outlasts an opt-in
	Already bool   `json:"already,omitempty"` // it was so before
	AuditID string `json:"audit_id"`
}

// optWait is how long an opt-in waits for the view, to tell whether it is all
// that kept the contact from being written to.
const optWait = 2 * time.Second

func (a *api) setOptOut(r *http.Request, p httprouter.Params, kind string, out bool) (any, error) {
	contact := p.ByName("contact_id")
	lead, err := a.contactOf(contact)
	if err != nil {
		return nil, err
	}
	if lead.Forgotten { // the word would be forgotten, too
		return nil, fmt.Errorf("%w: %s is forgotten, and nothing is sent to it: readmit it first", ErrState, contact)
	}
	var in reasoned
	if err := input(r, &in); err != nil {
		return nil, err
	}
	id, err := a.onLead(r, lead, kind, in.Reason, nil)
	if err != nil {
		return nil, err
	}
	answer := optAnswer{Contact: contact, Out: out, Already: lead.OptedOut == out, AuditID: id}
	if !out && lead.OptedOut {
		answer.Out = a.stillOut(r.Context(), contact)
	}
	return answer, nil
}

// stillOut says whether a contact is opted out, with all that was appended. If
// the view is not there in time, what was just said holds.
func (a *api) stillOut(ctx context.Context, contact string) bool {
	ctx, cancel := context.WithTimeout(ctx, optWait)
	defer cancel()
	head, err := a.Log.Head(ctx)
	if err != nil || a.Leads.Wait(ctx, head.Seq) != nil {
		return false
	}
	lead, err := a.leadOf(contact)
	return err == nil && lead.OptedOut
}

// onLead records an act on a lead and returns its entry's id. What the planner
// does next obeys it: it reads a lead only once the view includes what came before.
func (a *api) onLead(r *http.Request, lead projections.Lead, kind, reason string, details map[string]any) (string, error) {
	id, err := a.record(r, deed{Act: kind[len(auditKind):], Reason: reason, Details: details, subject: lead.ContactID, location: lead.LocationID})
	return ledger.FormatID(id), err
}
