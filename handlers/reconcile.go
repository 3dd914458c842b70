package handlers

import (
	"net/http"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/julienschmidt/httprouter"
)

// Reconciles reads back from GoHighLevel what webhooks did not tell.
type Reconciles interface {
	Start(outbox.Reconcile) (outbox.ReconcileRun, error)
	Get(id string) (outbox.ReconcileRun, error)
	List() []outbox.ReconcileRun
}

// reconcileInput is what to read: what changed since a time, or all.
type reconcileInput struct {
	Location string `json:"location_id"` // all where empty
	Since    string `json:"since"`
	All      bool   `json:"all"`
	DryRun   bool   `json:"dry_run"` // look only
	Reason   string `json:"reason"`
}

func (in reconcileInput) reconcile() (o outbox.Reconcile, err error) {
	o = outbox.Reconcile{Location: in.Location, DryRun: in.DryRun}
	switch {
	case in.All == (in.Since != ""):
		return o, bad("since", "want a time like 2026-01-31T15:04:05Z, or all: true instead")
	case in.All:
		return o, nil
	}
	if o.Since, err = parseTime(in.Since); err != nil {
		return o, bad("since", "want a time like 2026-01-31T15:04:05Z")
	}
	return o, nil
}

// reconcileStarted is a run, and the entry that asked for it.
type reconcileStarted struct {
	outbox.ReconcileRun
	AuditID string `json:"audit_id"`
}

// reconcile starts to read back: 202, and the run, which tells how far it is.
func (a *api) reconcile(r *http.Request, _ httprouter.Params) (any, error) {
	if a.Reconciles == nil {
		return nil, &notConfigured
	}
	var in reconcileInput
	if err := input(r, &in); err != nil {
		return nil, err
	}
	o, err := in.reconcile()
	if err != nil {
		return nil, err
	}
	id, err := a.record(r, deed{Act: "reconcile", On: in.Location, Reason: in.Reason, location: in.Location,
		Details: map[string]any{"since": o.Since.Format(time.RFC3339), "all": in.All, "dry_run": in.DryRun}})
	if err != nil {
		return nil, err
	}
	o.Cause = id
	run, err := a.Reconciles.Start(o)
	if err != nil {
		return nil, err
	}
	return accepted{reconcileStarted{run, ledger.FormatID(id)}}, nil
}

// reconciles lists the runs of this process, the newest first.
func (a *api) reconciles(*http.Request, httprouter.Params) (any, error) {
	if a.Reconciles == nil {
		return nil, &notConfigured
	}
	return listOf(a.Reconciles.List(), ""), nil
}

// reconciled shows a run.
func (a *api) reconciled(_ *http.Request, p httprouter.Params) (any, error) {
	if a.Reconciles == nil {
		return nil, &notConfigured
	}
	run, err := a.Reconciles.Get(p.ByName("id"))
	return run, err
}
