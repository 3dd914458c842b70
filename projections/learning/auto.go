package learning

import (
	"context"
	"fmt"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"golang.org/x/sync/errgroup"
)

// When a training starts by itself.
const (
	week        = 7 * 24 * time.Hour
	newOutcomes = 50
	leastWon    = 20 // before that no kind of model can be trained
)

// ticked, won and lost are the kinds that can make a training due.
const (
	ticked = "clock.ticked"
	won    = "opportunity.won"
	lost   = "opportunity.lost"
)

// Run carries out what is started, and starts trainings by itself: a week, by
// clock.ticked, or fifty outcomes after the gate last decided. It returns when
// ctx ends, which is no error, or the ledger fails.
func (l *Loop) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return l.work(ctx) })
	g.Go(func() error { return l.follow(ctx) })
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// follow looks at each entry that can make a training due. What became due
// while nobody looked is so at the start.
func (l *Loop) follow(ctx context.Context) error {
	head, err := l.Log.Head(ctx)
	if err == nil {
		err = l.Models.Wait(ctx, head.Seq)
	}
	if err == nil {
		err = l.look(ledger.Entry{})
	}
	if err != nil {
		return err
	}
	for e, err := range l.Log.Tail(ctx, head) {
		if err != nil {
			return err
		}
		if e.Kind != ticked && e.Kind != won && e.Kind != lost {
			continue
		}
		if err := l.Models.Wait(ctx, e.Seq); err != nil {
			return err
		}
		if err := l.look(e); err != nil {
			return err
		}
	}
	return nil
}

// look starts a training if one is due. If another is under way, the next entry
// asks again.
func (l *Loop) look(e ledger.Entry) error {
	s, err := l.Models.Seen()
	if err != nil {
		return err
	}
	l.mu.Lock()
	why := due(s, l.given)
	l.mu.Unlock()
	if why == "" {
		return nil
	}
	if _, err := l.Start(Order{Why: why, Cause: e.ID, watch: true, at: s.Tick}); err == nil {
		l.mu.Lock()
		l.given = s // whatever comes of it, the next one waits as long
		l.mu.Unlock()
	}
	return nil
}

// due says why it is time to train, "" if it is not. Given is when it last was
// tried without a decision.
func due(s, given projections.Seen) string {
	outcomes, tick := s.Tried.Outcomes, s.Tried.Tick
	if given.Won+given.Lost > outcomes || given.Tick.After(tick) {
		outcomes, tick = given.Won+given.Lost, given.Tick
	}
	fresh := s.Won + s.Lost - outcomes
	switch {
	case s.Won < leastWon:
		return ""
	case tick.IsZero() && outcomes == 0:
		return "there are outcomes to learn from"
	case fresh >= newOutcomes:
		return fmt.Sprintf("%d new outcomes", fresh)
	case !s.Tick.Before(tick.Add(week)):
		return "a week has passed"
	}
	return ""
}
