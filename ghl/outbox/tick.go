package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// Roll lists the leads of a location, or of all, page by page, in an order
// that nothing changes meanwhile, or a lead would be missed.
type Roll interface {
	Roll(location, after string, limit int) (leads []projections.Lead, next string, err error)
}

// reach is how far a score must have moved to be recorded, and to be sent,
// where neither tier nor first action changed. A score by another model is
// always recorded: it is that model's.
type reach struct{ recorded, sent float64 }

// wide has the kinds that are answered for every lead.
var wide = map[string]reach{
	ClockTicked:                     {5, 5},
	projections.KindModelPromoted:   {0.005, 5},
	projections.KindModelRolledBack: {0.005, 5},
	RescoreAsked:                    {0.005, 0.005},
}

// fansOut reports whether an entry is answered for every lead.
func fansOut(e ledger.Entry) bool { return wide[e.Kind] != reach{} }

// rollPage is how many leads are answered in one append.
const rollPage = 128

// fanOut answers an entry for every lead. The answers are keyed by entry and
// contact, so after a crash it begins again and writes only what is missing;
// the place moves when all of them are there.
func (p *Planner) fanOut(ctx context.Context, e ledger.Entry) error {
	if err := p.catchUp(ctx, e.Seq); err != nil || p.Roll == nil {
		return err
	}
	after := ""
	for more := true; more; more = after != "" {
		leads, next, err := p.Roll.Roll(e.Location, after, rollPage)
		if err != nil {
			return fmt.Errorf("list leads for %s %d: %w", e.Kind, e.Seq, err)
		}
		if err := p.answerFor(ctx, e, leads); err != nil {
			return err
		}
		after = next
	}
	p.place = e.Seq
	return p.append(ctx, e.Seq, nil)
}

func (p *Planner) answerFor(ctx context.Context, e ledger.Entry, leads []projections.Lead) error {
	b := newBatch(p)
	for _, lead := range leads {
		if err := b.guard(e, func() error { return b.rescore(e, lead) }); err != nil {
			return err
		}
	}
	if len(b.drafts) == 0 {
		return ctx.Err()
	}
	return p.append(ctx, 0, b.drafts)
}

// rescore scores a lead for an entry that is not about it. A lead that was
// never scored has its own event to wait for. What is not in wide is about this
// lead alone, and always recorded.
func (b *batch) rescore(e ledger.Entry, lead projections.Lead) error {
	if lead.Score == nil || lead.Status == projections.StatusDeleted {
		return nil
	}
	c, err := b.newCase(e, ghl.Event{Type: ClockTicked, Time: e.Occurred}, lead)
	far, other := wide[e.Kind], c.Before != nil && (c.Before.ModelID != c.Lead.Score.ModelID || c.Before.ChurnModelID != c.Lead.Score.ChurnModelID)
	if err != nil || !other && !differs(*c.Before, *c.Lead.Score, far.recorded) {
		return err
	}
	if err := b.add(LeadScored, "scored:"+ledger.FormatID(e.ID)+":"+lead.ContactID, c, scored(c)); err != nil {
		return err
	}
	if !differs(*c.Before, *c.Lead.Score, far.sent) {
		return nil
	}
	return b.ask(c)
}

// Clock appends clock.ticked once a day, so that scores decay by entries and
// not by the clock, and a replay decays alike.
type Clock struct {
	Log     ledger.Log
	Pending PendingView
	Now     func() time.Time // time.Now where nil
}

// maxMissedTicks is how many days of downtime are caught up.
const maxMissedTicks = 7

// Run ticks until ctx ends, which is no error. Days that passed while nobody
// ticked are caught up, oldest first.
func (c Clock) Run(ctx context.Context) error {
	if c.Now == nil {
		c.Now = time.Now
	}
	head, err := c.Log.Head(ctx)
	if err == nil {
		err = c.Pending.Wait(ctx, head.Seq)
	}
	last, lastErr := c.Pending.Ticked()
	if err == nil {
		err = lastErr
	}
	if head.Seq == 0 {
		last = c.Now() // a new ledger has nothing that could decay today
	}
	for err == nil {
		today := c.Now().UTC().Truncate(day)
		for at := firstTick(last, today); err == nil && !at.After(today); at = at.Add(day) {
			err = c.tick(ctx, at)
		}
		last = today
		if err == nil {
			err = c.sleep(ctx, today.Add(day))
		}
	}
	return ended(ctx, err)
}

const day = 24 * time.Hour

// firstTick is the day after the last tick, if that is not too long ago. A
// ledger that was never ticked begins today, and so does one whose last tick is
// of days to come: the clock was put back.
func firstTick(last, today time.Time) time.Time {
	if last.IsZero() || last.UTC().Truncate(day).After(today) {
		return today
	}
	first := last.UTC().Truncate(day).Add(day)
	if earliest := today.Add(-(maxMissedTicks - 1) * day); first.Before(earliest) {
		return earliest
	}
	return first
}

func (c Clock) tick(ctx context.Context, at time.Time) error {
	_, err := appendPatiently(ctx, c.Log, []ledger.Draft{{
		Kind: ClockTicked, Key: "tick:" + at.Format(time.DateOnly), Occurred: at,
	}})
	return err
}

func (c Clock) sleep(ctx context.Context, until time.Time) error {
	timer := time.NewTimer(until.Sub(c.Now()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
