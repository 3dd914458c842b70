package main

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
)

// silence alerts when a location sends nothing for too long: a webhook that was
// switched off in GoHighLevel fails nowhere, it only stops.
type silence struct {
	log       ledger.Reader
	locations []string
	after     time.Duration // 0 never alerts
	alert     func(kind, text string)

	heard map[string]time.Time // when each location last sent something, or the start
	told  map[string]bool      // of this silence
}

// Run listens until ctx ends, which is no error. A location that sent nothing
// before the start, within the time, is given that time from the start on.
func (s *silence) Run(ctx context.Context) error {
	if s.after <= 0 || len(s.locations) == 0 {
		return nil
	}
	began := time.Now()
	s.heard, s.told = map[string]time.Time{}, map[string]bool{}
	for _, location := range s.locations {
		s.heard[location] = began
	}
	if err := s.recall(ctx, began); err != nil {
		return ending(ctx, err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	said := make(chan ledger.Entry)
	failed := make(chan error, 1)
	go func() { failed <- s.follow(ctx, said) }()
	return ending(ctx, s.listen(ctx, said, failed))
}

// recall finds what was said shortly before the start.
func (s *silence) recall(ctx context.Context, began time.Time) error {
	var from ulid.ULID
	if err := from.SetTime(ulid.Timestamp(began.Add(-s.after))); err != nil {
		return err
	}
	before := map[string]time.Time{}
	for e, err := range s.log.Read(ctx, ledger.Cursor{ID: from}) {
		if err != nil {
			return err
		}
		if isDelivery(e) {
			before[e.Location] = e.Recorded
		}
	}
	maps.Copy(s.heard, before)
	return nil
}

// follow sends the deliveries from now on.
func (s *silence) follow(ctx context.Context, said chan<- ledger.Entry) error {
	head, err := s.log.Head(ctx)
	if err != nil {
		return err
	}
	for e, err := range s.log.Tail(ctx, head) {
		if err != nil {
			return err
		}
		if !isDelivery(e) {
			continue
		}
		select {
		case said <- e:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ledger.ErrClosed
}

func (s *silence) listen(ctx context.Context, said <-chan ledger.Entry, failed <-chan error) error {
	tick := time.NewTicker(min(time.Minute, s.after))
	defer tick.Stop()
	for {
		select {
		case e := <-said:
			s.heard[e.Location], s.told[e.Location] = e.Recorded, false
		case <-tick.C:
			s.check(time.Now())
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// check alerts once for each silence.
func (s *silence) check(now time.Time) {
	for _, location := range s.locations {
		since := s.heard[location]
		if s.told[location] || now.Sub(since) < s.after {
			continue
		}
		s.told[location] = true
		s.alert("silence:"+location, fmt.Sprintf(
			"GoHighLevel has sent nothing for location %s since %s. Look at its webhooks there, then run: ghl-ledger reconcile --location-id %s",
			location, since.UTC().Format(time.RFC3339), location))
	}
}

// isDelivery reports whether an entry came in by a webhook, and not from a
// reconcile or out of the quarantine.
func isDelivery(e ledger.Entry) bool { return e.Meta.Scheme != "" && !e.Meta.Backfill }

// ending turns an error that came of the end of ctx into none.
func ending(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
