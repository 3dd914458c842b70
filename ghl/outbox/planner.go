package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// Mode is what becomes of decisions.
type Mode string

// The modes of GHL_EFFECTS.
const (
	Live   Mode = "live"    // requested and sent
	DryRun Mode = "dry-run" // requested and recorded; never sent, not later either
	Off    Mode = "off"     // scored only
)

// Leads is the leads view, as far as the outbox needs it.
type Leads interface {
	// Wait returns once the view includes the entry with that seq.
	Wait(ctx context.Context, seq ledger.Seq) error
	// Get returns a contact; false if the view has none.
	Get(contact string) (projections.Lead, bool, error)
	// Moment returns what the entry with that seq did to a contact.
	Moment(contact string, seq ledger.Seq) (projections.Moment, bool, error)
}

// Scorer says what a lead is worth.
type Scorer interface {
	Score(scoring.Facts) scoring.Score
}

// Models is the models view, as far as the planner needs it.
type Models interface {
	// Wait returns once the view includes the entry with that seq.
	Wait(ctx context.Context, seq ledger.Seq) error
	// InForce returns the model that scores the entry with that seq.
	InForce(at ledger.Seq) (*scoring.Model, error)
}

// PlannerConfig is what a Planner works with. Log, Pending, Leads and one of
// Models and Scorer are required.
type PlannerConfig struct {
	Log     ledger.Log
	Pending PendingView
	Leads   Leads
	Models  Models // says which model scores an entry
	Scorer  Scorer // scores every entry, where Models is nil
	Roll    Roll   // the leads that a tick or a new model is answered for; nil answers for none
	Rules   []Rule
	Mode    Mode // Live where empty
	Now     func() time.Time
	Logger  *slog.Logger
}

// Planner decides what follows from each entry. It is sequential, and the only
// author of scores, feedback and requests. Its place is in the ledger: every
// answer says up to which seq everything is planned, in the same append.
type Planner struct {
	PlannerConfig
	place   ledger.Seq // everything up to here is planned
	written ledger.Seq // the newest entry that the ledger says is planned
	own     ledger.Seq // the planner's newest entry: the views must include it
}

// NewPlanner returns a planner; Run makes it work.
func NewPlanner(c PlannerConfig) *Planner {
	if c.Mode == "" {
		c.Mode = Live
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Planner{PlannerConfig: c}
}

// maxBatch is how many entries are answered in one append.
const maxBatch = 256

// Run plans from the ledger's place on until ctx ends, which is no error, or
// the ledger or a view fails.
func (p *Planner) Run(ctx context.Context) error {
	if err := p.start(ctx); err != nil {
		return ended(ctx, err)
	}
	for batch, err := range batches(ctx, p.Log, p.place, maxBatch) {
		if err == nil {
			err = p.planBatch(ctx, batch)
		}
		if err != nil {
			return ended(ctx, fmt.Errorf("planner after entry %d: %w", p.place, err))
		}
	}
	return nil
}

// ended turns an error that came of the end of ctx into none.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// start finds the place. Only a view at the head knows the newest answer; an
// earlier place would plan again what is planned.
func (p *Planner) start(ctx context.Context) error {
	head, err := p.Log.Head(ctx)
	if err != nil {
		return err
	}
	if err := p.catchUp(ctx, head.Seq); err != nil {
		return err
	}
	p.place, err = p.Pending.Place()
	p.written, p.own = p.place, head.Seq
	if err != nil {
		return err
	}
	return p.resume(ctx)
}

// planBatch answers the entries of a batch. A tick is answered by itself,
// since its answers may be too many for one append.
func (p *Planner) planBatch(ctx context.Context, batch []ledger.Entry) error {
	from := 0
	for i, e := range batch {
		if !fansOut(e) {
			continue
		}
		if err := p.answer(ctx, batch[from:i]); err != nil {
			return err
		}
		if err := p.fanOut(ctx, e); err != nil {
			return err
		}
		from = i + 1
	}
	return p.answer(ctx, batch[from:])
}

// answer appends what follows from the entries, all in one append with the new
// place, so that a crash leaves all of it or nothing.
func (p *Planner) answer(ctx context.Context, entries []ledger.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	through := entries[len(entries)-1].Seq
	if err := p.catchUp(ctx, through); err != nil {
		return err
	}
	b := newBatch(p)
	events := 0
	for _, e := range entries {
		plan := b.plan
		switch {
		case e.Kind == projections.KindOptOut || e.Kind == projections.KindOptIn:
			plan = b.heed
		case !isEvent(e.Kind):
			continue
		}
		events++
		if err := b.guard(e, func() error { return plan(e) }); err != nil {
			return fmt.Errorf("plan %s %d: %w", e.Kind, e.Seq, err)
		}
	}
	p.place = through
	more, err := b.advanced(fmt.Sprintf("skipped:%d", through))
	if err != nil {
		return err
	}
	b.drafts = append(b.drafts, more...)
	if len(b.drafts) == 0 && events == 0 && through-p.written < maxUnwritten {
		return nil // only what the service wrote itself: saying so would never end
	}
	return p.append(ctx, through, b.drafts)
}

// maxUnwritten is how many entries without an answer may be read again by a
// restart.
const maxUnwritten = 10_000

// catchUp waits until the views include the entries up to through, and the
// planner's own answers to those before.
func (p *Planner) catchUp(ctx context.Context, through ledger.Seq) error {
	through = max(through, p.own)
	if err := p.Leads.Wait(ctx, through); err != nil {
		return err
	}
	if p.Models != nil {
		if err := p.Models.Wait(ctx, through); err != nil {
			return err
		}
	}
	return p.Pending.Wait(ctx, through)
}

// scorer returns what scores the entry with that seq.
func (p *Planner) scorer(at ledger.Seq) (Scorer, error) {
	if p.Models == nil {
		return p.Scorer, nil
	}
	return p.Models.InForce(at)
}

// append writes drafts with the place that they reach. An append that failed
// may be in the ledger nevertheless; the keys make its repetition harmless.
func (p *Planner) append(ctx context.Context, through ledger.Seq, drafts []ledger.Draft) error {
	if len(drafts) == 0 {
		drafts = []ledger.Draft{{Kind: PlannerAdvanced, Key: fmt.Sprintf("planned:%d", through)}}
	}
	for i := range drafts {
		drafts[i].Meta.Through = through
		if drafts[i].Occurred.IsZero() {
			drafts[i].Occurred = p.Now().UTC()
		}
	}
	answers, err := appendPatiently(ctx, p.Log, drafts)
	if err != nil {
		return err
	}
	p.own = max(p.own, answers[len(answers)-1].Entry.Seq)
	if through > 0 {
		p.written = through
	}
	if !anyAdded(answers) && through > 0 {
		// All of it was there already, with an older place: say the new one.
		return p.append(ctx, through, nil)
	}
	return nil
}

func anyAdded(answers []ledger.Appended) bool {
	for _, a := range answers {
		if a.Added {
			return true
		}
	}
	return len(answers) == 1 && answers[0].Entry.Kind == PlannerAdvanced
}

// appendPatiently appends and, while the ledger has no room or no time, waits.
func appendPatiently(ctx context.Context, log ledger.Appender, drafts []ledger.Draft) ([]ledger.Appended, error) {
	for {
		answers, err := log.Append(ctx, drafts...)
		if !passes(err) {
			return answers, err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// passes reports whether an append failed for a time only. While the ledger is
// damaged it takes nothing, and the service stays for people to look.
func passes(err error) bool {
	return errors.Is(err, ledger.ErrFull) || errors.Is(err, ledger.ErrBusy) || errors.Is(err, ledger.ErrCorrupt)
}
