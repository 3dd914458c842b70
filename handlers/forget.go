package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/julienschmidt/httprouter"
)

// latest is contactOf with all that was appended, if the view gets there in time.
func (a *api) latest(ctx context.Context, contact string) (projections.Lead, error) {
	head, err := a.Log.Head(ctx)
	if err != nil {
		return projections.Lead{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	if err := a.Leads.Wait(ctx, head.Seq); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return projections.Lead{}, err
	}
	return a.contactOf(contact)
}

// forgottenAnswer says that nothing of a contact is left.
type forgottenAnswer struct {
	Contact   string `json:"contact_id"`
	Forgotten bool   `json:"forgotten"`
	Already   bool   `json:"already,omitempty"` // it was so before
	AuditID   string `json:"audit_id"`
}

// forget destroys a contact's personal data.
func (a *api) forget(r *http.Request, p httprouter.Params) (any, error) {
	if a.Forget == nil {
		return nil, &notConfigured
	}
	contact := p.ByName("contact_id")
	if _, err := a.contactOf(contact); err != nil {
		return nil, err
	}
	var in reasoned
	if err := input(r, &in); err != nil {
		return nil, err
	}
	var lead projections.Lead
	var id string
	err := a.Forget.Forget(context.WithoutCancel(r.Context()), func(ctx context.Context) (_ []projections.Lead, err error) {
		if lead, err = a.latest(ctx, contact); err != nil { // a readmission may have come first
			return nil, err
		}
		people := map[string]any{"people": PeopleOf(lead)} // sealed by the key that goes
		id, err = a.onLead(r.WithContext(ctx), lead, projections.KindForgotten, in.Reason, people)
		return []projections.Lead{lead}, err
	})
	if err != nil {
		return nil, fmt.Errorf("forget: %w", err)
	}
	return forgottenAnswer{contact, true, lead.Forgotten, id}, nil
}

// readmittedAnswer says that what comes about a contact is kept.
type readmittedAnswer struct {
	Contact string `json:"contact_id"`
	Already bool   `json:"already,omitempty"`   // it was so before
	Out     bool   `json:"opted_out,omitempty"` // by this: see readmission
	AuditID string `json:"audit_id"`
}

// readmission is the input of readmit.
type readmission struct {
	Reason string `json:"reason"`
	OptOut bool   `json:"opt_out,omitempty"` // it is not written to: what it said before is destroyed
}

// readmit has what comes about a forgotten contact kept again. The entry that says
// so comes second, or its reason would not be kept either; who is told of an error
// asks again. A ledger that was restored may know that a contact is forgotten, and
// have no lead of it.
func (a *api) readmit(r *http.Request, p httprouter.Params) (any, error) {
	if a.Forget == nil {
		return nil, &notConfigured
	}
	contact := p.ByName("contact_id")
	var in readmission
	if err := input(r, &in); err != nil {
		return nil, err
	}
	answer := readmittedAnswer{Contact: contact, Out: in.OptOut}
	err := a.Forget.Readmit(context.WithoutCancel(r.Context()), contact, func(ctx context.Context, was bool) error {
		lead, err := a.latest(ctx, contact)
		if err != nil && (!was || !errors.Is(err, &notFound)) {
			return err
		}
		drafts, err := a.readmitted(r, lead.LocationID, contact, in)
		if err != nil {
			return err
		}
		got, err := a.appendAll(ctx, drafts...)
		if err != nil {
			return err
		}
		answer.Already, answer.AuditID = !was && !lead.Forgotten, ledger.FormatID(got[0].Entry.ID)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("readmit: %w", err)
	}
	return answer, nil
}

// readmitted are the entries of a readmission: with an opt-out nothing comes between.
func (a *api) readmitted(r *http.Request, location, contact string, in readmission) (drafts []ledger.Draft, err error) {
	kinds := []string{projections.KindReadmitted}
	if in.OptOut {
		kinds = append(kinds, projections.KindOptOut)
	}
	for i, kind := range kinds {
		draft, err := a.deedDraft(r, deed{Act: kind[len(auditKind):], Reason: in.Reason, subject: contact, location: location})
		if err != nil {
			return nil, err
		}
		if i > 0 {
			draft.Key += ":" + kind
		}
		drafts = append(drafts, draft)
	}
	return drafts, nil
}

// PeopleOf returns the addresses by which bodies about the lead that bear no
// contact are found: every one that it had, but not what is another's too. That
// would take away the other's word to stop.
func PeopleOf(lead projections.Lead) []string {
	people := slices.Clone(lead.Addresses)
	for _, address := range []string{lead.Phone, lead.ContactID} {
		if address != "" {
			people = append(people, address)
		}
	}
	return people
}
