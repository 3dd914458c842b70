package learning

import (
	"context"
	"fmt"
	"strings"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// Promote puts a model in force by a person's word. One that the gate is
// closed to takes a reason. When it returns, the entry is durable; the planner
// then scores every lead by the model. Errors: projections.ErrNoModel,
// ErrModelState where it serves already, ErrGateClosed.
func (l *Loop) Promote(ctx context.Context, id string, w Word) error {
	l.deciding.Lock()
	defer l.deciding.Unlock()
	if err := l.MayPromote(id, w.Reason); err != nil {
		return err
	}
	m, err := l.Models.Model(id)
	if err != nil {
		return err
	}
	return l.put(ctx, projections.KindModelPromoted, m, projections.ModelDecision{ModelID: id, Target: m.Target, By: w.By, Reason: w.Reason}, w)
}

// MayPromote says what keeps a model from being promoted for that reason.
func (l *Loop) MayPromote(id, reason string) error {
	info, err := l.Models.Get(id)
	switch {
	case err != nil:
		return err
	case info.Status == projections.ModelServing:
		return fmt.Errorf("%w: %s serves already", projections.ErrModelState, id)
	case strings.TrimSpace(reason) == "" && info.Kind != scoring.KindPoints && !cardOf(info).Promote:
		return projections.ErrGateClosed
	}
	return nil
}

// RollBack takes the model in force out of it: the one that served before it
// serves again. Errors: projections.ErrNoModel, ErrModelState where it does not
// serve or nothing served before.
func (l *Loop) RollBack(ctx context.Context, id string, w Word) error {
	l.deciding.Lock()
	defer l.deciding.Unlock()
	to, err := l.MayRollBack(id)
	if err != nil {
		return err
	}
	info, err := l.Models.Get(id)
	if err != nil {
		return err
	}
	return l.put(ctx, projections.KindModelRolledBack, to, projections.ModelDecision{ModelID: id, Target: targetOf(info), To: to.ID(), By: w.By, Reason: w.Reason}, w)
}

// targetOf is the target of a model as a model has it.
func targetOf(info projections.ModelInfo) string {
	if info.Target == scoring.TargetChurn {
		return scoring.TargetChurn
	}
	return ""
}

// Instead is what would score every lead if next took the place of the model in
// force that foretells what the one with the id does.
func (l *Loop) Instead(id string, next *scoring.Model) (*scoring.Model, error) {
	info, err := l.Models.Get(id)
	if err != nil {
		return nil, err
	}
	churn, err := l.Models.Foretells(now)
	if err != nil || targetOf(info) == "" {
		return next.WithChurn(churn), err
	}
	m, err := l.Models.InForce(now)
	if err != nil {
		return nil, err
	}
	if next.Target != scoring.TargetChurn {
		next = nil // the card says it
	}
	return m.WithChurn(next), nil
}

// MayRollBack says which model would serve instead: of churn perhaps the points
// card.
func (l *Loop) MayRollBack(id string) (*scoring.Model, error) {
	info, err := l.Models.Get(id)
	if err != nil {
		return nil, err
	}
	if info.Status != projections.ModelServing {
		return nil, fmt.Errorf("%w: %s does not serve", projections.ErrModelState, id)
	}
	before, err := l.Models.Before(targetOf(info))
	if err != nil {
		return nil, err
	}
	if before == "" {
		return l.Models.CardFile()
	}
	if before == id {
		return nil, fmt.Errorf("%w: nothing served before %s", projections.ErrModelState, id)
	}
	return l.Models.Model(before)
}

// put writes a decision that brings m into force, and m itself where the
// ledger does not have it yet, so that no later binary needs to know it.
func (l *Loop) put(ctx context.Context, kind string, m *scoring.Model, d projections.ModelDecision, w Word) error {
	at := l.Now()
	model, err := trained(m, nil, "built in", w.Cause, at)
	if err != nil {
		return err
	}
	decision, err := decided(kind, d, w.Cause, at)
	if err != nil {
		return err
	}
	if err := l.append(ctx, []ledger.Draft{model, decision}...); err != nil {
		return fmt.Errorf("%s %s: %w", kind, d.ModelID, err)
	}
	l.Logger.Info(kind, "model", m.ID(), "by", d.By, "reason", d.Reason)
	return nil
}

// Import keeps a model that somebody brings, without letting it serve. Errors
// wrap projections.ErrModelFile.
func (l *Loop) Import(ctx context.Context, f scoring.Folder, w Word) (string, error) {
	m, err := scoring.ParseFolder(f)
	if err != nil {
		return "", fmt.Errorf("%w: %w", projections.ErrModelFile, err)
	}
	card := cardOfImported(m, l.Now())
	model, err := trained(m, card, w.By, w.Cause, l.Now())
	if err != nil {
		return "", err
	}
	if err := l.append(ctx, model); err != nil {
		return "", fmt.Errorf("keep model %s: %w", m.ID(), err)
	}
	l.Logger.Info("model imported", "model", m.ID())
	return m.ID(), nil
}
