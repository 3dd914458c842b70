package handlers

import (
	"context"
	"net/http"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/julienschmidt/httprouter"
)

// manyEffects is the input of POST effects: one act on all effects of a filter.
type manyEffects struct {
	Action   outbox.Action      `json:"action"`
	State    outbox.EffectState `json:"state"`
	Kind     string             `json:"kind"`
	Error    string             `json:"error"`
	Contact  string             `json:"contact_id"`
	Location string             `json:"location_id"`
	Reason   string             `json:"reason"`
	DryRun   bool               `json:"dry_run"`
}

// actOnMany starts a task that retries, releases or discards all effects of a
// filter, one after the other: 202. A dry run counts them, and is not audited.
func (a *api) actOnMany(r *http.Request, _ httprouter.Params) (any, error) {
	if a.Tasks == nil {
		return nil, &notConfigured
	}
	var in manyEffects
	if err := input(r, &in); err != nil {
		return nil, err
	}
	b := outbox.Bulk{Action: in.Action, Reason: in.Reason, Filter: outbox.Filter{
		State: in.State, Kind: in.Kind, Error: in.Error, ContactID: in.Contact, Location: in.Location,
	}}
	preview, err := a.Acts.Preview(b)
	if err != nil || in.DryRun {
		return preview, err
	}
	id, err := a.record(r, deed{Act: "effects." + string(in.Action), Reason: in.Reason, location: in.Location, Details: map[string]any{
		"effects": preview.Count, "state": in.State, "kind": in.Kind, "error": in.Error, "contact_id": in.Contact,
	}})
	if err != nil {
		return nil, err
	}
	b.By = ledger.FormatID(id)
	task, err := a.Tasks.Start(b)
	return accepted{task}, err
}

// tasks lists the tasks since the start, the newest first.
func (a *api) tasks(*http.Request, httprouter.Params) (any, error) {
	if a.Tasks == nil {
		return nil, &notConfigured
	}
	return listOf(a.Tasks.List(), ""), nil
}

func (a *api) task(_ *http.Request, p httprouter.Params) (any, error) {
	if a.Tasks == nil {
		return nil, &notConfigured
	}
	return a.Tasks.Get(p.ByName("id"))
}

// cancelTask ends a task; what it has done stays done.
func (a *api) cancelTask(r *http.Request, p httprouter.Params) (any, error) {
	if a.Tasks == nil {
		return nil, &notConfigured
	}
	if _, err := a.Tasks.Get(p.ByName("id")); err != nil {
		return nil, err
	}
	if _, err := a.record(r, deed{Act: "tasks.cancel", On: p.ByName("id")}); err != nil {
		return nil, err
	}
	return a.Tasks.Cancel(p.ByName("id"))
}

// Rescorer says what scoring every lead anew would change.
type Rescorer interface {
	Plan(ctx context.Context, location string) (outbox.RescorePlan, error)
}

// rescored is the input of POST rescore.
type rescored struct {
	LocationID string `json:"location_id"` // all where empty
	Reason     string `json:"reason"`
	DryRun     bool   `json:"dry_run"`
}

// rescoreAnswer is the plan, and the entry that asked for it to be done.
type rescoreAnswer struct {
	outbox.RescorePlan
	AuditID string `json:"audit_id,omitempty"` // not of a dry run
}

// rescore scores every lead anew and has sent what differs. Its audit entry is
// what the planner answers.
func (a *api) rescore(r *http.Request, _ httprouter.Params) (any, error) {
	if a.Rescorer == nil {
		return nil, &notConfigured
	}
	var in rescored
	if err := input(r, &in); err != nil {
		return nil, err
	}
	if in.LocationID != "" && !a.serves(in.LocationID) {
		return nil, bad("location_id", "not one that this service serves")
	}
	plan, err := a.Rescorer.Plan(r.Context(), in.LocationID)
	if err != nil || in.DryRun {
		return rescoreAnswer{RescorePlan: plan}, err
	}
	id, err := a.record(r, deed{Act: outbox.RescoreAsked[len(auditKind):], Reason: in.Reason, location: in.LocationID})
	return accepted{rescoreAnswer{plan, ledger.FormatID(id)}}, err
}
