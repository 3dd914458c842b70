// Package learning closes the loop: it has models trained from the ledger,
// lets the gate decide, takes a person's word and the card file's, watches the
// model that serves, and falls back to points when it no longer does what it
// promised.
//
// It keeps nothing of its own. Every decision is an entry, and the view
// projections.Models says which model is in force where: what is decided here
// is found again after a crash, and a replay trains nothing.
package learning

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
	"github.com/oklog/ulid/v2"
)

// Log is what learning needs of a ledger.
type Log interface {
	ledger.Appender
	ledger.Reader
}

// Rows reads out of the ledger what models learn from.
type Rows interface {
	// Rows returns the rows of every lead up to the head, with the points of a
	// card and the labels of a target. It says how far it has come, now and then.
	Rows(ctx context.Context, card *scoring.Model, of training.Target, progress func(done, total ledger.Seq)) ([]training.Row, error)
}

// Roll lists the leads, page by page.
type Roll interface {
	Roll(location, after string, limit int) (leads []projections.Lead, next string, err error)
}

// Config is what a Loop works with. Log, Models, Rows and Leads are required.
type Config struct {
	Log    Log
	Models projections.ModelsView
	Rows   Rows
	Leads  Roll
	Now    func() time.Time // when a person asks; what runs by itself goes by entries
	Alert  func(kind, text string)
	Logger *slog.Logger
}

// Loop decides which model serves. Its methods are safe for concurrent use;
// Run must run for trainings to go on.
type Loop struct {
	Config
	deciding sync.Mutex // one decision at a time: each depends on what is in force

	mu    sync.Mutex
	runs  []*Run // oldest first
	over  bool
	wake  chan struct{}
	fault string           // what is wrong with the card file
	given projections.Seen // when a training by itself last found too little
}

// New returns a loop.
func New(c Config) *Loop {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Alert == nil {
		c.Alert = func(string, string) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Loop{Config: c, wake: make(chan struct{}, 1)}
}

// now is a place that no ledger reaches.
const now = ledger.Seq(1<<63 - 1)

// serving returns the model of a target in force, and what is known of it. Of
// churn it is nil where the points card says that.
func (l *Loop) serving(of training.Target) (*scoring.Model, training.ModelCard, error) {
	inForce := l.Models.InForce
	if of == training.Churn {
		inForce = l.Models.Foretells
	}
	m, err := inForce(now)
	if err != nil || m == nil {
		return nil, training.ModelCard{}, err
	}
	info, err := l.Models.Get(m.ID())
	return m, cardOf(info), err
}

// atHead returns once the view has every decision that there is.
func (l *Loop) atHead(ctx context.Context) error {
	head, err := l.Log.Head(ctx)
	if err != nil {
		return err
	}
	return l.Models.Wait(ctx, head.Seq)
}

// cardOf is the model card of a model; what it lacks is zero.
func cardOf(info projections.ModelInfo) (c training.ModelCard) {
	if len(info.Card) > 0 {
		_ = json.Unmarshal(info.Card, &c) // a card that cannot be read says nothing
	}
	return c
}

// Word is who decides, why, and the entry that says they asked.
type Word struct {
	By     string // one of the constants projections.By…
	Reason string
	Cause  ulid.ULID
}

// trained is the entry that carries a model.
func trained(m *scoring.Model, card any, by string, cause ulid.ULID, at time.Time) (ledger.Draft, error) {
	text, err := m.Canonical()
	if err != nil {
		return ledger.Draft{}, err
	}
	body := projections.ModelTrained{Model: text, By: by}
	if card != nil {
		if body.Card, err = json.Marshal(card); err != nil {
			return ledger.Draft{}, err
		}
	}
	return draft(projections.KindModelTrained, "model:"+m.ID(), body, cause, at)
}

// decided is the entry that says what becomes of a model.
func decided(kind string, d projections.ModelDecision, cause ulid.ULID, at time.Time) (ledger.Draft, error) {
	by := cause
	if by == (ulid.ULID{}) {
		by = ulid.Make()
	}
	key := kind + ":" + by.String()
	if d.Target != "" {
		key += ":" + d.Target // one cause may have both kinds of models decided
	}
	return draft(kind, key, d, cause, at)
}

func draft(kind, key string, body any, cause ulid.ULID, at time.Time) (ledger.Draft, error) {
	b, err := json.Marshal(body)
	return ledger.Draft{Kind: kind, Key: key, Cause: cause, Occurred: at.UTC(), Body: b}, err
}

// append writes the drafts, all or none, and waits until the view has them: the
// next decision must know of this one.
func (l *Loop) append(ctx context.Context, ds ...ledger.Draft) error {
	got, err := l.Log.Append(ctx, ds...)
	if err != nil {
		return err
	}
	return l.Models.Wait(ctx, got[len(got)-1].Entry.Seq)
}
