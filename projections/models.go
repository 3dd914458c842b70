package projections

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"go.etcd.io/bbolt"
)

// Kinds of the entries about models.
const (
	KindModelTrained    = "model.trained"
	KindModelPromoted   = "model.promoted"
	KindModelRejected   = "model.rejected"
	KindModelRolledBack = "model.rolled_back"
)

// ModelTrained is the body of model.trained: the whole model, so that a replay
// trains nothing.
type ModelTrained struct {
	Model json.RawMessage `json:"model"`          // canonical, see scoring.Model
	Card  json.RawMessage `json:"card,omitempty"` // what is known of it: a training.ModelCard
	By    string          `json:"by"`             // where it comes from: one of the constants By…
}

// ModelDecision is the body of model.promoted, model.rejected and
// model.rolled_back.
type ModelDecision struct {
	ModelID string `json:"model_id"`
	Target  string `json:"target,omitempty"` // what it foretells: "" is winning, or scoring.TargetChurn
	To      string `json:"to,omitempty"`     // of a roll-back: the model in force instead
	By      string `json:"by"`               // one of the constants By…
	Reason  string `json:"reason"`
}

// Where models come from, and who decides about them.
const (
	ByGate     = "gate"      // a training, and what its gate said
	ByPerson   = "person"    // through the API or a command
	ByImport   = "import"    // a model folder that a person brought
	ByCardFile = "card file" // card.json in the data directory
	ByMonitor  = "monitor"   // a live model no longer does what it promised
)

// Models folds the entries about models into every model that there is, and
// which one is in force at each place of the log: one for winning, before the
// first promotion the points card that is built in, and perhaps one for churn,
// which a points card else says by itself.
//
// Its buckets:
//
//	models  id → modelRow
//	reigns  seq, big endian → id of the model in force from that entry on
//	churn   seq, big endian → id of the model of churn from there on, or nothing
//	thumbs  id → Thumbs
//	facts   file → id of the points model that the card file last asked for,
//	        seen → Seen
type Models struct{}

var _ Projection = Models{}

// ModelsName is the name of the models view.
const ModelsName = "models"

// Name implements Projection.
func (Models) Name() string { return ModelsName }

// Version implements Projection.
func (Models) Version() int { return 2 }

// modelRow is what the view keeps of a model.
type modelRow struct {
	ModelTrained
	Seq     ledger.Seq    `json:"seq"`
	Event   string        `json:"event"`
	At      time.Time     `json:"at"`
	Status  string        `json:"status,omitempty"` // by the last decision; see ModelInfo
	Last    ModelDecision `json:"last,omitzero"`
	Decided string        `json:"decided,omitempty"` // its entry
	Since   time.Time     `json:"since,omitzero"`
}

// Apply implements Projection.
func (Models) Apply(tx *bbolt.Tx, e ledger.Entry) error {
	f := modelFold{rows{tx: tx}, e}
	switch e.Kind {
	case string(ghl.OpportunityWon), string(ghl.OpportunityLost), kindTicked:
		return f.see()
	case kindFeedback:
		return f.thumb()
	case KindModelTrained, KindModelPromoted, KindModelRejected, KindModelRolledBack:
		if e.Erased {
			return nil
		}
	default:
		return nil
	}
	if e.Kind == KindModelTrained {
		return f.trained()
	}
	var d ModelDecision
	if err := json.Unmarshal(e.Body, &d); err != nil {
		return fmt.Errorf("%s: %w", e.Kind, err)
	}
	return f.decided(d)
}

// Seen is what says whether it is time to train: by entries, never the clock.
type Seen struct {
	Won   int       `json:"won"` // deliveries that said so
	Lost  int       `json:"lost"`
	Tick  time.Time `json:"tick,omitzero"` // the newest clock.ticked
	Tried struct {  // when the gate last decided
		Outcomes int       `json:"outcomes"`
		Tick     time.Time `json:"tick,omitzero"`
	} `json:"tried"`
}

// Thumbs are what agents thought of a model's scores.
type Thumbs struct {
	Up   int `json:"up"`
	Down int `json:"down"`
}

// thumb counts an agent's word; a feedback by an outcome is none.
func (f modelFold) thumb() error {
	var said struct {
		Thumb   string
		ModelID string `json:"model_id"`
	}
	if f.e.Erased || json.Unmarshal(f.e.Body, &said) != nil || said.Thumb == "" || said.ModelID == "" {
		return nil
	}
	var t Thumbs
	if _, err := f.get("thumbs", []byte(said.ModelID), &t); err != nil {
		return err
	}
	if said.Thumb == "up" {
		t.Up++
	} else {
		t.Down++
	}
	return f.put("thumbs", []byte(said.ModelID), t)
}

// see counts outcomes and days.
func (f modelFold) see() error {
	var s Seen
	if _, err := f.get("facts", []byte("seen"), &s); err != nil {
		return err
	}
	switch f.e.Kind {
	case string(ghl.OpportunityWon):
		s.Won++
	case string(ghl.OpportunityLost):
		s.Lost++
	default:
		s.Tick = f.e.Occurred.UTC()
	}
	return f.put("facts", []byte("seen"), s)
}

// tried notes that the gate has decided.
func (f modelFold) tried() error {
	var s Seen
	if _, err := f.get("facts", []byte("seen"), &s); err != nil {
		return err
	}
	s.Tried.Outcomes, s.Tried.Tick = s.Won+s.Lost, s.Tick
	return f.put("facts", []byte("seen"), s)
}

type modelFold struct {
	rows
	e ledger.Entry
}

// trained keeps a model. One that this binary cannot read is parked, and what
// promotes it too: the model before it goes on scoring, and people are told.
func (f modelFold) trained() error {
	row := modelRow{Seq: f.e.Seq, Event: ledger.FormatID(f.e.ID), At: f.e.Occurred.UTC(), Status: ModelTried}
	if err := json.Unmarshal(f.e.Body, &row.ModelTrained); err != nil {
		return fmt.Errorf("%s: %w", f.e.Kind, err)
	}
	m, err := scoring.ParseModel(row.Model)
	if err != nil {
		return err
	}
	if known, err := f.get("models", []byte(m.ID()), &modelRow{}); known || err != nil {
		return err
	}
	return f.put("models", []byte(m.ID()), row)
}

func (f modelFold) decided(d ModelDecision) error {
	var err error
	if d.By == ByGate {
		err = f.tried()
	}
	if err != nil {
		return err
	}
	switch f.e.Kind {
	case KindModelRejected:
		if d.ModelID == f.reigning(f.e.Seq) || d.ModelID == f.foretelling(f.e.Seq) {
			return nil // a training came to it again: it serves for the reason that it had
		}
		return f.mark(d.ModelID, ModelRejected, d)
	case KindModelPromoted:
		if d.By == ByCardFile {
			err = f.newCard(d)
		}
		if err == nil {
			err = f.reign(d.ModelID, d)
		}
	default:
		if err = f.mark(d.ModelID, ModelRolledBack, d); err == nil {
			err = f.reign(d.To, d)
		}
	}
	return err
}

// newCard notes what the card file asks for. A model of churn goes by the card
// that it was trained with, so another card says churn by itself.
func (f modelFold) newCard(d ModelDecision) error {
	if err := f.put("facts", []byte("file"), d.ModelID); err != nil {
		return err
	}
	if f.foretelling(f.e.Seq) == "" {
		return nil
	}
	return f.reignOfChurn("", d)
}

// reignOfChurn has a model say churn from this entry on; a points card, or
// nothing, leaves it to the card.
func (f modelFold) reignOfChurn(id string, d ModelDecision) error {
	if before := f.foretelling(f.e.Seq); before != "" && before != id && f.e.Kind == KindModelPromoted {
		if err := f.mark(before, ModelReplaced, d); err != nil {
			return err
		}
	}
	var row modelRow
	if _, err := f.get("models", []byte(id), &row); err != nil {
		return err
	}
	if row.target() != scoring.TargetChurn {
		return f.putRaw("churn", seqKey(f.e.Seq), nil)
	}
	if err := f.mark(id, ModelServing, d); err != nil {
		return err
	}
	return f.putRaw("churn", seqKey(f.e.Seq), []byte(id))
}

// target is what the model foretells.
func (row modelRow) target() string {
	var m struct{ Target string }
	_ = json.Unmarshal(row.Model, &m) // it was parsed before it was kept
	return m.Target
}

// reign puts a model in force from this entry on.
func (f modelFold) reign(id string, d ModelDecision) error {
	if d.Target == scoring.TargetChurn {
		return f.reignOfChurn(id, d)
	}
	before := f.reigning(f.e.Seq)
	if before != id && f.e.Kind == KindModelPromoted {
		if err := f.mark(before, ModelReplaced, d); err != nil {
			return err
		}
	}
	if err := f.mark(id, ModelServing, d); err != nil {
		return err
	}
	return f.putRaw("reigns", seqKey(f.e.Seq), []byte(id))
}

// mark notes a decision about a model. The one that is built in needs no row.
func (f modelFold) mark(id, status string, d ModelDecision) error {
	var row modelRow
	known, err := f.get("models", []byte(id), &row)
	if err != nil || !known && id == scoring.BuiltIn().ID() {
		return err
	}
	if !known {
		return fmt.Errorf("%s: there is no model %q", f.e.Kind, id)
	}
	row.Status, row.Last, row.Decided, row.Since = status, d, ledger.FormatID(f.e.ID), f.e.Occurred.UTC()
	return f.put("models", []byte(id), row)
}

// reigning is the id of the model in force at a place.
func (r rows) reigning(at ledger.Seq) string {
	b := r.tx.Bucket([]byte("reigns"))
	if b == nil {
		return scoring.BuiltIn().ID()
	}
	k, v := seekBefore(b.Cursor(), seqKey(at+1))
	if k == nil {
		return scoring.BuiltIn().ID()
	}
	return string(v)
}

// foretelling is the id of the model of churn at a place; empty is the card.
func (r rows) foretelling(at ledger.Seq) string {
	b := r.tx.Bucket([]byte("churn"))
	if b == nil {
		return ""
	}
	_, v := seekBefore(b.Cursor(), seqKey(at+1))
	return string(v)
}

func seqKey(at ledger.Seq) []byte { return binary.BigEndian.AppendUint64(nil, uint64(at)) }
