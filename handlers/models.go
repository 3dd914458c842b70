package handlers

import (
	"net/http"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/learning"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/julienschmidt/httprouter"
)

// models lists every model, the newest first.
func (a *api) models(r *http.Request, _ httprouter.Params) (any, error) {
	if a.Learning == nil {
		return nil, &notConfigured
	}
	list, err := a.Learning.Models.List()
	return listOf(list, ""), err
}

// model shows one with its card.
func (a *api) model(_ *http.Request, p httprouter.Params) (any, error) {
	if a.Learning == nil {
		return nil, &notConfigured
	}
	return a.Learning.Models.Get(p.ByName("id"))
}

// modelInput is the input of POST models: how to train; or, with a folder, a
// model that somebody brings instead of a training.
type modelInput struct {
	AcceptTiers bool     `json:"accept_tiers"` // however many open leads change tier
	Waived      []string `json:"waived"`       // leaks that a person answers for: a feature's name, or model
	DryRun      bool     `json:"dry_run"`
	Reason      string   `json:"reason"`
	Target      string   `json:"target"` // win, which is so if empty, or churn

	Folder *modelFolder `json:"folder"`
}

// modelFolder is the two files of a model folder, as they are.
type modelFolder struct {
	Manifest string `json:"manifest"`
	Linear   string `json:"linear"`
}

// trainingStarted is a run, and the entry that asked for it.
type trainingStarted struct {
	learning.Run
	AuditID string `json:"audit_id"`
}

// modelDecided is a model that something was done with: what it changes, and
// the entry that says so.
type modelDecided struct {
	projections.ModelInfo
	Foretells string              `json:"foretells"` // what was decided: win, or churn, which a points card may say now
	Changes   *outbox.RescorePlan `json:"changes"`
	AuditID   string              `json:"audit_id,omitempty"` // not of a dry run
}

// makeModel starts a training: 202; or keeps a model that somebody brings.
func (a *api) makeModel(r *http.Request, _ httprouter.Params) (any, error) {
	if a.Learning == nil {
		return nil, &notConfigured
	}
	var in modelInput
	if err := inputUpTo(r, 4*scoring.MaxFolderFile, &in); err != nil {
		return nil, err
	}
	if in.Folder != nil {
		return a.importModel(r, in)
	}
	target, ok := learning.TargetOf(in.Target)
	if !ok {
		return nil, badModel.with("target: want win or churn")
	}
	return a.startTraining(r, "models.train", in.Target, learning.Order{
		Target: target, AcceptTiers: in.AcceptTiers, Waived: in.Waived, DryRun: in.DryRun, Why: in.Reason,
	})
}

func (a *api) startTraining(r *http.Request, act, on string, o learning.Order) (any, error) {
	if err := a.Learning.MayStart(o); err != nil {
		return nil, err
	}
	id, err := a.record(r, deed{Act: act, On: on, Reason: o.Why, Details: map[string]any{
		"dry_run": o.DryRun, "accept_tiers": o.AcceptTiers, "waived": o.Waived}})
	if err != nil {
		return nil, err
	}
	o.Cause = id
	run, err := a.Learning.Start(o)
	return accepted{trainingStarted{run, ledger.FormatID(id)}}, err
}

// importModel keeps a model from a folder; it does not serve by that.
func (a *api) importModel(r *http.Request, in modelInput) (any, error) {
	folder := scoring.Folder{Manifest: []byte(in.Folder.Manifest), Linear: []byte(in.Folder.Linear)}
	m, err := scoring.ParseFolder(folder)
	if err != nil {
		return nil, badModel.with(err.Error())
	}
	if in.DryRun {
		return modelDecided{Foretells: projections.TargetWin, ModelInfo: projections.ModelInfo{ID: m.ID(), Kind: m.Kind, FeatureSet: m.FeatureSet, By: projections.ByImport}}, nil
	}
	id, err := a.record(r, deed{Act: "models.import", On: m.ID(), Reason: in.Reason})
	if err != nil {
		return nil, err
	}
	if _, err := a.Learning.Import(r.Context(), folder, learning.Word{By: projections.ByImport, Reason: in.Reason, Cause: id}); err != nil {
		return nil, err
	}
	info, err := a.Learning.Models.Get(m.ID())
	return modelDecided{ModelInfo: info, Foretells: info.Target, AuditID: ledger.FormatID(id)}, err
}

// decision is the input of what is done with a model.
type decision struct {
	Reason string `json:"reason"`
	DryRun bool   `json:"dry_run"`
}

// promote puts a model in force. Past a closed gate it takes a reason.
func (a *api) promote(r *http.Request, p httprouter.Params) (any, error) {
	return a.decide(r, p, "models.promote", func(id string, in decision) (*scoring.Model, error) {
		if err := a.Learning.MayPromote(id, in.Reason); err != nil {
			return nil, err
		}
		return a.Learning.Models.Model(id)
	})
}

// rollBackModel has what served before serve again.
func (a *api) rollBackModel(r *http.Request, p httprouter.Params) (any, error) {
	return a.decide(r, p, "models.rollback", func(id string, _ decision) (*scoring.Model, error) {
		return a.Learning.MayRollBack(id)
	})
}

// decide asks which model would serve, and with that either says what it would
// change, or has it done.
func (a *api) decide(r *http.Request, p httprouter.Params, act string, may func(string, decision) (*scoring.Model, error)) (any, error) {
	if a.Learning == nil {
		return nil, &notConfigured
	}
	var in decision
	if err := input(r, &in); err != nil {
		return nil, err
	}
	id := p.ByName("id")
	next, err := may(id, in)
	if err != nil {
		return nil, err
	}
	instead, err := a.Learning.Instead(id, next)
	if err != nil {
		return nil, err
	}
	changes, err := (outbox.Rescore{Roll: a.Leads, Scorer: instead}).Plan(r.Context(), "")
	if err != nil {
		return nil, err
	}
	asked, err := a.Learning.Models.Get(id)
	if err != nil {
		return nil, err
	}
	answer := modelDecided{Changes: &changes, Foretells: asked.Target}
	if !in.DryRun {
		if answer.AuditID, err = a.decideNow(r, act, id, in.Reason); err != nil {
			return nil, err
		}
	}
	answer.ModelInfo, err = a.Learning.Models.Get(next.ID())
	return answer, err
}

func (a *api) decideNow(r *http.Request, act, id, reason string) (string, error) {
	audit, err := a.record(r, deed{Act: act, On: id, Reason: reason})
	if err != nil {
		return "", err
	}
	do := a.Learning.Promote
	if act == "models.rollback" {
		do = a.Learning.RollBack
	}
	return ledger.FormatID(audit), do(r.Context(), id, learning.Word{By: projections.ByPerson, Reason: reason, Cause: audit})
}

// evaluate tries a model on what came since it was trained: 202.
func (a *api) evaluate(r *http.Request, p httprouter.Params) (any, error) {
	if a.Learning == nil {
		return nil, &notConfigured
	}
	var in reasoned
	if err := input(r, &in); err != nil {
		return nil, err
	}
	return a.startTraining(r, "models.evaluate", p.ByName("id"), learning.Order{Evaluate: p.ByName("id"), Why: in.Reason})
}

// trainings lists the runs since the start, the newest first.
func (a *api) trainings(*http.Request, httprouter.Params) (any, error) {
	if a.Learning == nil {
		return nil, &notConfigured
	}
	return listOf(a.Learning.List(), ""), nil
}

// training shows how far a run is, and what came of it.
func (a *api) training(_ *http.Request, p httprouter.Params) (any, error) {
	if a.Learning == nil {
		return nil, &notConfigured
	}
	return a.Learning.Get(p.ByName("id"))
}

// thumb is an agent's word about a lead's score: kept apart from what became
// of the lead, since nothing is trained on opinions.
type thumb struct {
	Thumb  string `json:"thumb"` // up or down
	Reason string `json:"reason"`
}

// thumbed is what was recorded.
type thumbed struct {
	Contact string `json:"contact_id"`
	Thumb   string `json:"thumb"`
	EventID string `json:"event_id"` // the feedback.recorded
	AuditID string `json:"audit_id"`
}

// feedback records what an agent thinks of a lead's score.
func (a *api) feedback(r *http.Request, p httprouter.Params) (any, error) {
	lead, err := a.leadOf(p.ByName("contact_id"))
	if err != nil {
		return nil, err
	}
	var in thumb
	if err := input(r, &in); err != nil {
		return nil, err
	}
	if in.Thumb != "up" && in.Thumb != "down" {
		return nil, bad("thumb", "want up or down")
	}
	body := outbox.Opinion{From: outbox.Agent, Thumb: in.Thumb, Note: in.Reason}
	if lead.Score != nil {
		body.Score, body.ModelID = &lead.Score.Value, lead.Score.ModelID
	}
	audit, err := a.record(r, deed{Act: "leads.feedback", Details: map[string]any{"thumb": in.Thumb}, Reason: in.Reason, subject: lead.ContactID, location: lead.LocationID})
	if err != nil {
		return nil, err
	}
	got, err := a.append(r.Context(), body.Draft(lead, audit, a.Now()))
	return thumbed{lead.ContactID, in.Thumb, ledger.FormatID(got.Entry.ID), ledger.FormatID(audit)}, err
}
