package handlers

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/VictoriaMetrics/metrics"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/julienschmidt/httprouter"
)

// Projections is the views' runner.
type Projections interface {
	Status() []projections.Status
	Rebuild(name string) error
	Rollback(name string) error
	Preview(name string) error
	Diff(ctx context.Context, name string, sample int) (projections.Diff, error)
	Accept(name string) error
	Discard(name string) error
}

// projections lists where the views stand.
func (a *api) projections(*http.Request, httprouter.Params) (any, error) {
	if a.Projections == nil {
		return nil, &notConfigured
	}
	return listOf(a.Projections.Status(), ""), nil
}

// rebuild has a view folded anew beside the one that serves: 202.
func (a *api) rebuild(r *http.Request, p httprouter.Params) (any, error) {
	return a.turn(r, p, "projections.rebuild", func(name string) error { return a.Projections.Rebuild(name) })
}

// rollback has the generation before serve again.
func (a *api) rollback(r *http.Request, p httprouter.Params) (any, error) {
	return a.turn(r, p, "projections.rollback", func(name string) error { return a.Projections.Rollback(name) })
}

// preview builds a generation that waits for a person: 202.
func (a *api) preview(r *http.Request, p httprouter.Params) (any, error) {
	return a.turn(r, p, "projections.preview", func(name string) error { return a.Projections.Preview(name) })
}

// accept has the generation that waits take over: 202.
func (a *api) accept(r *http.Request, p httprouter.Params) (any, error) {
	return a.turn(r, p, "projections.accept", func(name string) error { return a.Projections.Accept(name) })
}

// discardView deletes the generation that waits.
func (a *api) discardView(r *http.Request, p httprouter.Params) (any, error) {
	return a.turn(r, p, "projections.discard", func(name string) error { return a.Projections.Discard(name) })
}

// diffSample is how many rows of each kind of difference are shown.
const diffSample = 10

// diff shows what the generation that waits would change.
func (a *api) diff(r *http.Request, p httprouter.Params) (any, error) {
	name := p.ByName("name")
	if _, err := a.statusOf(name); err != nil {
		return nil, err
	}
	d, err := a.Projections.Diff(r.Context(), name, diffSample)
	if err != nil {
		return nil, stateError(err)
	}
	return d, nil
}

// turned is a view that something was started on.
type turned struct {
	projections.Status
	AuditID string `json:"audit_id"`
}

func (a *api) turn(r *http.Request, p httprouter.Params, act string, do func(name string) error) (any, error) {
	var in reasoned
	if err := input(r, &in); err != nil {
		return nil, err
	}
	name := p.ByName("name")
	if _, err := a.statusOf(name); err != nil {
		return nil, err
	}
	id, err := a.record(r, deed{Act: act, On: name, Reason: in.Reason})
	if err != nil {
		return nil, err
	}
	if err := do(name); err != nil {
		return nil, stateError(err)
	}
	status, err := a.statusOf(name)
	return accepted{turned{status, ledger.FormatID(id)}}, err
}

// stateError is err as a refusal by the state of its object, unless the table
// knows it otherwise.
func stateError(err error) error {
	if p := problemOf(err); p != &internal {
		return err
	}
	return fmt.Errorf("%w: %w", ErrState, err)
}

func (a *api) statusOf(name string) (projections.Status, error) {
	if a.Projections == nil {
		return projections.Status{}, &notConfigured
	}
	all := a.Projections.Status()
	i := slices.IndexFunc(all, func(s projections.Status) bool { return s.Name == name })
	if i < 0 {
		return projections.Status{}, &notFound
	}
	return all[i], nil
}

func (a *api) writeViewMetrics(w io.Writer) {
	if a.Projections == nil {
		return
	}
	for _, s := range a.Projections.Status() {
		label := fmt.Sprintf("{projection=%q}", s.Name)
		metrics.WriteGaugeUint64(w, "ghl_ledger_projection_lag_entries"+label, s.LagEvents)
		metrics.WriteGaugeFloat64(w, "ghl_ledger_projection_lag_seconds"+label, s.LagSeconds)
		metrics.WriteGaugeUint64(w, "ghl_ledger_projection_parked"+label, uint64(s.Parked))
		metrics.WriteGaugeUint64(w, "ghl_ledger_projection_generation"+label, uint64(s.Generation))
		metrics.WriteGaugeUint64(w, "ghl_ledger_projection_halted"+label, oneIf(s.State == projections.Halted))
	}
}
