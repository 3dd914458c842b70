package handlers

import (
	"context"
	"sync"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
)

// hourCounter counts the webhooks of the last hour from the ledger alone. It
// reads on from where it was at each question, and at the first one from an
// hour ago.
type hourCounter struct {
	log ledger.Reader

	mu     sync.Mutex
	cursor ledger.Cursor
	events []hourEvent // by arrival
	index  map[ulid.ULID]int
	owner  map[ulid.ULID]ulid.ULID // event by the effect that it caused
	base   int                     // how many events were dropped from the front
}

type hourEvent struct {
	id         ulid.ULID
	arrived    time.Time
	failed     bool
	processing time.Duration // 0: not scored
}

// maxHourEvents bounds the memory; beyond it the oldest of the hour are left out.
const maxHourEvents = 250_000

func newHourCounter(log ledger.Reader) *hourCounter {
	return &hourCounter{log: log, index: map[ulid.ULID]int{}, owner: map[ulid.ULID]ulid.ULID{}}
}

// Health implements Health.
func (c *hourCounter) Health(ctx context.Context, now time.Time) (LastHour, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cursor == (ledger.Cursor{}) {
		c.cursor.ID = edge(now.Add(-time.Hour))
	}
	for e, err := range c.log.Read(ctx, c.cursor) {
		if err != nil {
			return LastHour{}, err
		}
		c.see(e)
		c.cursor = e.Cursor()
	}
	c.forget(now.Add(-time.Hour))
	return c.sum(), nil
}

func (c *hourCounter) see(e ledger.Entry) {
	switch {
	case e.Meta.Scheme != "" && e.Meta.Arrived.IsZero():
		c.index[e.ID] = c.base + len(c.events)
		c.events = append(c.events, hourEvent{id: e.ID, arrived: e.Recorded, failed: e.Kind == quarantinedKind})
	case e.Kind == outbox.Requested:
		if c.find(e.Cause) != nil {
			c.owner[e.ID] = e.Cause
		}
	case e.Kind == outbox.LeadScored:
		if ev := c.find(e.Cause); ev != nil && ev.processing == 0 {
			ev.processing = max(e.Recorded.Sub(ev.arrived), 1)
		}
	case e.Kind == outbox.Dead, e.Kind == outbox.Delivered:
		if ev := c.find(c.owner[e.Cause]); ev != nil {
			ev.failed = e.Kind == outbox.Dead
		}
	}
}

func (c *hourCounter) find(id ulid.ULID) *hourEvent {
	i, ok := c.index[id]
	if !ok {
		return nil
	}
	return &c.events[i-c.base]
}

// forget drops what arrived before then.
func (c *hourCounter) forget(then time.Time) {
	n := 0
	for n < len(c.events) && (c.events[n].arrived.Before(then) || len(c.events)-n > maxHourEvents) {
		delete(c.index, c.events[n].id)
		n++
	}
	c.base += n
	c.events = append(c.events[:0], c.events[n:]...)
	for effect, event := range c.owner {
		if _, ok := c.index[event]; !ok {
			delete(c.owner, effect)
		}
	}
}

func (c *hourCounter) sum() (h LastHour) {
	for _, e := range c.events {
		h.Events++
		if e.failed {
			h.Failed++
		}
		if e.processing > 0 {
			h.Scored++
			h.Processing += e.processing
		}
	}
	return h
}
