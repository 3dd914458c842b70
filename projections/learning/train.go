package learning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
	"github.com/oklog/ulid/v2"
)

// TargetOf is what a model is to foretell, by the word that people use for it:
// win, which no word means too, or churn.
func TargetOf(word string) (training.Target, bool) {
	switch word {
	case "", projections.TargetWin:
		return training.Win, true
	case scoring.TargetChurn:
		return training.Churn, true
	}
	return training.Win, false
}

// Order is a training, or an evaluation, that somebody or the calendar asks for.
type Order struct {
	Evaluate    string          // the id of a model to try on what came since; empty trains one
	Target      training.Target // what the model that is trained foretells
	Waived      []string        // leaks that a person answers for
	AcceptTiers bool            // however many open leads change tier
	DryRun      bool            // train and show; decide nothing
	Why         string
	Cause       ulid.ULID // the entry that asks
	watch       bool      // look at the model that serves first
	at          time.Time // when it is, by the entries; zero is by the clock
}

// Trained is what became of an Order.
type Trained struct {
	ModelID  string              `json:"model_id"`
	Promoted bool                `json:"promoted"`
	Serves   bool                `json:"serves"`  // by this, or because a training came to the model in force again
	Verdict  string              `json:"verdict"` // as a person says it
	Card     *training.ModelCard `json:"card"`
	Watched  *training.Watched   `json:"watched"` // the model that served; null if none was looked at
}

// do carries an order out. What it decides is in the ledger when it returns.
func (l *Loop) do(ctx context.Context, o Order, progress func(done, total ledger.Seq)) (Trained, error) {
	if err := l.atHead(ctx); err != nil {
		return Trained{}, err
	}
	card, err := l.Models.CardFile()
	if err != nil {
		return Trained{}, err
	}
	if o.Evaluate != "" {
		m, err := l.Models.Model(o.Evaluate)
		if err != nil {
			return Trained{}, err
		}
		o.Target = training.Target(m.Target)
	}
	rows, err := l.Rows.Rows(ctx, card, o.Target, progress)
	if err != nil {
		return Trained{}, fmt.Errorf("read what there is to learn: %w", err)
	}
	if o.at.IsZero() {
		o.at = l.Now().UTC()
	}
	if o.Evaluate != "" {
		return l.evaluate(o, rows)
	}
	l.deciding.Lock()
	defer l.deciding.Unlock()
	var t Trained
	if o.watch {
		if t.Watched, err = l.lookAfter(ctx, rows, o); err != nil {
			return t, err
		}
	}
	return l.train(ctx, t, rows, o)
}

// train trains a model and has the gate decide.
func (l *Loop) train(ctx context.Context, t Trained, rows []training.Row, o Order) (Trained, error) {
	task, err := l.task(ctx, rows, o)
	if err != nil {
		return t, err
	}
	r, err := training.Train(task)
	if err != nil {
		return t, err
	}
	t.ModelID, t.Card, t.Verdict = r.Model.ID(), &r.Card, verdict(r.Card, r.Promote)
	if task.Serving != nil && task.Serving.ID() == t.ModelID {
		t.Serves, t.Verdict, r.Promote = true, sameAgain, false
	}
	if o.DryRun {
		return t, nil
	}
	t.Promoted, t.Serves = r.Promote, t.Serves || r.Promote
	return t, l.record(ctx, r, t.Verdict, o)
}

// sameAgain is the verdict on a model that is in force already: no rows came
// that change it, and the gate cannot find it better than itself.
const sameAgain = "it is the model that serves already: there is nothing new to learn from"

// record appends a model and the gate's decision, both or none.
func (l *Loop) record(ctx context.Context, r training.Result, why string, o Order) error {
	kind := projections.KindModelRejected
	if r.Promote {
		kind = projections.KindModelPromoted
	}
	model, err := trained(r.Model, r.Card, projections.ByGate, o.Cause, o.at)
	if err != nil {
		return err
	}
	decision, err := decided(kind, projections.ModelDecision{ModelID: r.Model.ID(), Target: r.Model.Target, By: projections.ByGate, Reason: why}, o.Cause, o.at)
	if err != nil {
		return err
	}
	if err := l.append(ctx, []ledger.Draft{model, decision}...); err != nil {
		return fmt.Errorf("record the training: %w", err)
	}
	l.Logger.Info("model trained", "model", r.Model.ID(), "kind", r.Model.Kind, "promoted", r.Promote, "reason", why)
	return nil
}

// verdict says what the gate said.
func verdict(c training.ModelCard, promote bool) string {
	if promote {
		if c.Unknown() {
			return "better than what serves, but its author may have learned from the same leads"
		}
		return "better than what served, on leads that it had not seen"
	}
	for _, k := range c.Checks {
		if !k.OK {
			return fmt.Sprintf("%s: %s, want %s", k.Name, k.Got, k.Want)
		}
	}
	return "the gate refused it"
}

// task is what a training is given.
func (l *Loop) task(ctx context.Context, rows []training.Row, o Order) (t training.Task, err error) {
	t = training.Task{Target: o.Target, Rows: rows, Now: o.at, Waived: o.Waived, AcceptTiers: o.AcceptTiers}
	if t.Serving, _, err = l.serving(o.Target); err != nil {
		return t, err
	}
	card, err := l.Models.CardFile()
	if err != nil {
		return t, err
	}
	t.Card = card.Card
	if o.Target == training.Churn {
		return t, nil // it changes no tier
	}
	t.Open, err = l.open(ctx)
	return t, err
}

// mostOpen is how many open leads are asked for their tier.
const mostOpen = 5000

// open returns the facts of leads that people work with.
func (l *Loop) open(ctx context.Context) (facts []scoring.Facts, err error) {
	for after, more := "", true; more && len(facts) < mostOpen; more = after != "" {
		leads, next, err := l.Leads.Roll("", after, 256)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("list the open leads: %w", err)
		}
		for _, lead := range leads {
			switch lead.Status {
			case projections.StatusSold, projections.StatusLost, projections.StatusDeleted:
			default:
				facts = append(facts, lead.Facts)
			}
		}
		after = next
	}
	return facts, nil
}

// evaluate tries a model on what came since it was trained.
func (l *Loop) evaluate(o Order, rows []training.Row) (Trained, error) {
	info, err := l.Models.Get(o.Evaluate)
	if err != nil {
		return Trained{}, err
	}
	m, err := l.Models.Model(o.Evaluate)
	if err != nil {
		return Trained{}, err
	}
	serving, _, err := l.serving(o.Target)
	if err != nil {
		return Trained{}, err
	}
	task := training.Task{Target: o.Target, Rows: rows, Now: o.at, Serving: serving, Card: m.Card, Waived: o.Waived, AcceptTiers: true}
	card, err := training.Evaluate(task, m, cardOf(info))
	if err != nil {
		return Trained{}, err
	}
	t := Trained{ModelID: m.ID(), Serves: info.Status == projections.ModelServing, Verdict: verdict(card, card.Promote), Card: &card}
	if m.Kind != scoring.KindPoints { // points say no probability that could turn out wrong
		w := training.Watch(m, unseenFrom(cardOf(info)), rows, o.at)
		t.Watched = &w
	}
	return t, nil
}

// unseenFrom is the time from which a model has certainly seen no lead: of one
// that somebody brought, when it came.
func unseenFrom(c training.ModelCard) time.Time {
	if c.Unknown() {
		return c.TrainedAt
	}
	return c.To
}

// lookAfter looks at the model that serves and, if it no longer does what it
// promised, falls back to points.
func (l *Loop) lookAfter(ctx context.Context, rows []training.Row, o Order) (*training.Watched, error) {
	m, card, err := l.serving(o.Target)
	if err != nil || m == nil || m.Kind == scoring.KindPoints {
		return nil, err
	}
	w := training.Watch(m, unseenFrom(card), rows, o.at)
	if len(w.Alarms) == 0 {
		return &w, nil
	}
	points, err := l.Models.CardFile()
	if err != nil {
		return nil, err
	}
	reason := w.Alarms[0]
	d := projections.ModelDecision{ModelID: m.ID(), Target: m.Target, To: points.ID(), By: projections.ByMonitor, Reason: reason}
	if err := l.put(ctx, projections.KindModelRolledBack, points, d, Word{Cause: o.Cause}); err != nil {
		return nil, err
	}
	l.Alert("model", "A learned model no longer does what it promised, and the points card scores again: "+reason)
	return &w, nil
}

// cardOfImported is what is known of a model that somebody brings.
func cardOfImported(m *scoring.Model, at time.Time) training.ModelCard {
	return training.ModelCard{
		ModelID: m.ID(), Kind: m.Kind, Target: training.Target(m.Target).String(), FeatureSet: m.FeatureSet, TrainedAt: at.UTC(),
		Limits: []string{"It was trained elsewhere: it passed its own self-tests, and no gate of ours."},
	}
}

// tooFew reports whether a training found too little to learn from.
func tooFew(err error) bool {
	_, ok := errors.AsType[*training.TooFewError](err)
	return ok
}
