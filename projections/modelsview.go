package projections

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"go.etcd.io/bbolt"
)

// ModelsView reads the models view. Safe for concurrent use; make it with
// NewModelsView.
//
//	InForce(seq)    the model that scores the entry at that place
//	List()          every model, the newest first
//	Get(id)         one with its card
//	Wait(ctx, seq)  until the view has folded the entry
type ModelsView struct {
	runner *Runner
	parsed *parsedModels
}

// parsedModels keeps the models that were asked for ready to score.
type parsedModels struct {
	mu   sync.Mutex
	byID map[string]*scoring.Model
}

// NewModelsView returns a view on what runner folds.
func NewModelsView(runner *Runner) ModelsView {
	return ModelsView{runner, &parsedModels{byID: map[string]*scoring.Model{}}}
}

// The states of a model.
const (
	ModelTried      = "trained" // and nothing was decided about it
	ModelRejected   = "rejected"
	ModelServing    = "serving"
	ModelReplaced   = "replaced"
	ModelRolledBack = "rolled_back"
)

// ModelInfo is a model in the API's form.
type ModelInfo struct {
	ID         string          `json:"id"`
	Kind       string          `json:"kind"`   // points, points_platt, logistic
	Target     string          `json:"target"` // win or churn
	FeatureSet string          `json:"feature_set"`
	Status     string          `json:"status"`
	By         string          `json:"by"`       // where it comes from
	Decided    string          `json:"decided"`  // who last decided about it, and
	Reason     string          `json:"reason"`   // why
	EventID    string          `json:"event_id"` // the entry that carries it; empty of the one built in
	Trained    *time.Time      `json:"trained_at"`
	Since      *time.Time      `json:"since"` // when its state began
	Thumbs     Thumbs          `json:"thumbs"`
	Card       json.RawMessage `json:"card"` // what is known of it; null in lists, and of a points card
}

// Errors of what people want of models.
var (
	ErrNoModel    = errors.New("no such model")
	ErrModelState = errors.New("not possible for this model now")
	ErrGateClosed = errors.New("the gate is closed to this model: give a reason to let it serve nevertheless")
	ErrModelFile  = errors.New("not a model that may serve")
)

// Wait returns once the view has folded the entry at seq.
func (v ModelsView) Wait(ctx context.Context, seq ledger.Seq) error {
	return v.runner.Wait(ctx, ModelsName, seq)
}

// InForce returns the model that scores the entry at that place, with the one
// that says churn there. The entry that promotes a model is itself answered by
// that model.
func (v ModelsView) InForce(at ledger.Seq) (m *scoring.Model, err error) {
	err = v.view(func(r rows) error {
		if m, err = v.model(r, r.reigning(at)); err != nil {
			return err
		}
		c, err := v.foretells(r, at)
		m = m.WithChurn(c)
		return err
	})
	return m, err
}

// Foretells returns the model that says churn at a place; nil is the card.
func (v ModelsView) Foretells(at ledger.Seq) (m *scoring.Model, err error) {
	err = v.view(func(r rows) error {
		m, err = v.foretells(r, at)
		return err
	})
	return m, err
}

func (v ModelsView) foretells(r rows, at ledger.Seq) (*scoring.Model, error) {
	id := r.foretelling(at)
	if id == "" {
		return nil, nil //nolint:nilnil // it is the card
	}
	return v.model(r, id)
}

// Before returns the id of the model of that target that was in force before
// the one that is now: where a roll-back leads to. Of churn it may be "", which
// is the card.
func (v ModelsView) Before(target string) (id string, err error) {
	bucket, first := "reigns", scoring.BuiltIn().ID()
	if target == scoring.TargetChurn {
		bucket, first = "churn", ""
	}
	err = v.view(func(r rows) error {
		id = first
		b := r.tx.Bucket([]byte(bucket))
		if b == nil {
			return nil
		}
		c := b.Cursor()
		_, now := c.Last()
		for k, was := c.Prev(); k != nil; k, was = c.Prev() {
			if string(was) != string(now) {
				id = string(was)
				return nil
			}
		}
		return nil
	})
	return id, err
}

// CardFile returns the model that the card file last asked for: the one that is
// built in if it never did.
func (v ModelsView) CardFile() (m *scoring.Model, err error) {
	err = v.view(func(r rows) error {
		id := ""
		if _, err := r.get("facts", []byte("file"), &id); err != nil {
			return err
		}
		m, err = v.model(r, cmp.Or(id, scoring.BuiltIn().ID()))
		return err
	})
	return m, err
}

// Model returns a model ready to score, or ErrNoModel.
func (v ModelsView) Model(id string) (m *scoring.Model, err error) {
	err = v.view(func(r rows) error {
		m, err = v.model(r, id)
		return err
	})
	return m, err
}

func (v ModelsView) model(r rows, id string) (*scoring.Model, error) {
	if id == scoring.BuiltIn().ID() {
		return scoring.BuiltIn(), nil
	}
	v.parsed.mu.Lock()
	defer v.parsed.mu.Unlock()
	if m := v.parsed.byID[id]; m != nil {
		return m, nil
	}
	var row modelRow
	known, err := r.get("models", []byte(id), &row)
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, fmt.Errorf("%w: %s", ErrNoModel, id)
	}
	m, err := scoring.ParseModel(row.Model)
	if err != nil { // it was parsed before it was kept
		return nil, Damaged("models", err)
	}
	v.parsed.byID[id] = m
	return m, nil
}

// Seen returns what says whether it is time to train.
func (v ModelsView) Seen() (s Seen, err error) {
	err = v.view(func(r rows) error {
		_, err := r.get("facts", []byte("seen"), &s)
		return err
	})
	return s, err
}

// List returns every model without its card, the newest first, and the points
// card that is built in last.
func (v ModelsView) List() (list []ModelInfo, err error) {
	err = v.view(func(r rows) error {
		inForce := r.serving()
		seqs := map[string]ledger.Seq{}
		err := r.each("models", func(k, raw []byte) error {
			var row modelRow
			if err := Decode("models", raw, &row); err != nil {
				return err
			}
			info, err := row.info(string(k), inForce)
			info.Card, seqs[info.ID] = nil, row.Seq
			list = append(list, info)
			return err
		})
		if err != nil {
			return err
		}
		slices.SortFunc(list, func(a, b ModelInfo) int { return cmp.Compare(seqs[b.ID], seqs[a.ID]) })
		if id := scoring.BuiltIn().ID(); seqs[id] == 0 {
			list = append(list, builtInInfo(inForce))
		}
		for i := range list {
			if _, err := r.get("thumbs", []byte(list[i].ID), &list[i].Thumbs); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// Get returns a model with its card, or ErrNoModel.
func (v ModelsView) Get(id string) (info ModelInfo, err error) {
	err = v.view(func(r rows) error {
		inForce := r.serving()
		var row modelRow
		known, err := r.get("models", []byte(id), &row)
		switch {
		case err != nil:
			return err
		case known:
			info, err = row.info(id, inForce)
		case id == scoring.BuiltIn().ID():
			info = builtInInfo(inForce)
		default:
			err = fmt.Errorf("%w: %s", ErrNoModel, id)
		}
		if err != nil {
			return err
		}
		_, err = r.get("thumbs", []byte(id), &info.Thumbs)
		return err
	})
	return info, err
}

// TargetWin is what the API calls the target of models of winning.
const TargetWin = "win"

// serving are the ids of what scores now, and of what says churn.
func (r rows) serving() []string {
	const now = ^ledger.Seq(0) - 1
	return []string{r.reigning(now), r.foretelling(now)}
}

func (row modelRow) info(id string, inForce []string) (ModelInfo, error) {
	var m struct {
		Kind       string
		FeatureSet string `json:"feature_set"`
		Target     string
	}
	err := Decode("models", row.Model, &m)
	info := ModelInfo{
		ID: id, Kind: m.Kind, Target: cmp.Or(m.Target, TargetWin), FeatureSet: m.FeatureSet, Status: row.Status, By: row.By, EventID: row.Event,
		Decided: row.Last.By, Reason: row.Last.Reason, Trained: &row.At, Card: row.Card,
	}
	if !row.Since.IsZero() {
		info.Since = &row.Since
	}
	if slices.Contains(inForce, id) {
		info.Status = ModelServing
	}
	return info, err
}

func builtInInfo(inForce []string) ModelInfo {
	m := scoring.BuiltIn()
	info := ModelInfo{ID: m.ID(), Kind: m.Kind, Target: TargetWin, FeatureSet: m.FeatureSet, Status: ModelReplaced, By: "built in"}
	if slices.Contains(inForce, info.ID) {
		info.Status = ModelServing
	}
	return info
}

func (v ModelsView) view(f func(rows) error) error {
	return v.runner.View(ModelsName, func(tx *bbolt.Tx) error { return f(rows{tx: tx}) })
}
