package outbox

import (
	"maps"
	"slices"
	"sync"
	"time"

	"errors"
	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/oklog/ulid/v2"
)

// How a breaker works.
const (
	faultsToOpen = 20 // effects in a row, of one location, that had no useful answer
	firstRest    = 30 * time.Second
	longestRest  = 10 * time.Minute
)

// Break is a location at rest: GoHighLevel had no useful answer for so many
// effects in a row that trying the others would only use up their tries.
type Break struct {
	Location string    `json:"location_id"`
	Faults   int       `json:"faults"`
	Until    time.Time `json:"until"` // then one call tries whether it answers again
}

// breaker rests locations that GoHighLevel does not serve. What waits stays
// pending and loses no try. It is memory only: a restart tries at once.
type breaker struct {
	mu sync.Mutex
	of map[string]*circuit
}

// circuit is one location's breaker: closed while until is zero.
type circuit struct {
	failed  map[ulid.ULID]struct{} // since the last useful answer
	until   time.Time
	rest    time.Duration
	probing bool // one call tries whether it answers again
}

func newBreaker() *breaker { return &breaker{of: map[string]*circuit{}} }

// resting returns when a location may be asked again; zero is now.
func (b *breaker) resting(location string, now time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.of[location]
	switch {
	case c == nil || c.until.IsZero():
		return time.Time{}
	case c.until.After(now) && c.until.Sub(now) <= longestRest: // else the clock was put back
		return c.until
	case c.probing:
		return now.Add(time.Second)
	}
	return time.Time{}
}

// admit lets a call go, or says when to ask again. Of a location that has
// rested one call goes, until leave.
func (b *breaker) admit(location string, now time.Time) (leave func(), until time.Time) {
	if until := b.resting(location, now); !until.IsZero() {
		return nil, until
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.of[location]
	if c == nil || c.until.IsZero() {
		return func() {}, time.Time{}
	}
	if c.probing {
		return nil, now.Add(time.Second) // another was quicker
	}
	c.probing = true
	return func() { b.left(c) }, time.Time{}
}

func (b *breaker) left(c *circuit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.probing = false
}

// hear takes how a call ended, and reports whether the location rests from now
// on that did not before.
func (b *breaker) hear(location string, effect ulid.ULID, err error, now time.Time) (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !isFault(err) {
		delete(b.of, location)
		return false
	}
	c := b.of[location]
	if c == nil {
		c = &circuit{failed: map[ulid.ULID]struct{}{}}
		b.of[location] = c
	}
	c.failed[effect] = struct{}{}
	switch {
	case len(c.failed) < faultsToOpen:
		return false
	case c.until.IsZero():
		c.rest, opened = firstRest, true
	case c.until.After(now):
		return false // under way when it opened
	default:
		c.rest = min(2*c.rest, longestRest)
	}
	c.until = now.Add(c.rest)
	return opened
}

// isFault reports whether err says nothing but that GoHighLevel does not work.
func isFault(err error) bool {
	api, ok := errors.AsType[*ghl.APIError](err)
	return ok && (api.Status == 0 || api.Status == 408 || api.Status >= 500)
}

func (b *breaker) breaks() []Break {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := []Break{}
	for _, location := range slices.Sorted(maps.Keys(b.of)) {
		if c := b.of[location]; !c.until.IsZero() {
			list = append(list, Break{Location: location, Faults: len(c.failed), Until: c.until})
		}
	}
	return list
}

// Breaks returns the locations that rest because GoHighLevel does not answer.
func (c *Courier) Breaks() []Break { return c.breaker.breaks() }

// hear tells the breaker how a call of r ended.
func (c *Courier) hear(r *record, err error) {
	if !c.breaker.hear(r.LocationID, r.id, err, c.Now()) {
		return
	}
	c.Logger.Error("location rests", "location", r.LocationID, "err", quiet(err.Error()))
	c.Alerter.Alert(Alert{
		Severity: High, Group: "faults:" + r.LocationID,
		Title: "GoHighLevel does not answer for location " + r.LocationID + ": sending waits", Text: quiet(err.Error()),
	})
}
