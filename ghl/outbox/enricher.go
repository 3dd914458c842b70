package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// GHLRead is the kind of what was read from GoHighLevel.
const GHLRead = "ghl.read"

// What GoHighLevel's events name by id, as a ghl.read entry calls it. The
// stages come with their pipelines.
const (
	readFields      = "custom_fields"
	readPipelines   = "pipelines"
	readStages      = "stages"
	readLostReasons = "lost_reasons"
	readCalendars   = "calendars"
)

// Definitions is the part of GoHighLevel that says what its ids mean.
type Definitions interface {
	CustomFields(ctx context.Context, location string) ([]ghl.Definition, error)
	Pipelines(ctx context.Context, location string) ([]ghl.Pipeline, error)
	LostReasons(ctx context.Context, location string) ([]ghl.Named, error)
	Calendars(ctx context.Context, location string) ([]ghl.Named, error)
	Opportunity(ctx context.Context, location, opportunity string) (ghl.Record, error)
}

// Names knows what was read before.
type Names interface {
	// NameOf returns the name of an id at a location, "" where it is not known.
	NameOf(location, what, id string) (string, error)
}

// EnricherConfig is what an Enricher works with. Log, Names and Definitions
// are required.
type EnricherConfig struct {
	Log         ledger.Log
	Names       Names
	Definitions Definitions
	Locations   []string
	HasKey      func(location string) bool // whether there is an API key; nil is yes
	Now         func() time.Time
	Logger      *slog.Logger
}

// When the enricher reads.
const (
	readEvery = 24 * time.Hour
	readAgain = 10 * time.Minute // at the earliest, where an id is not known
	readRetry = 5 * time.Minute  // after GoHighLevel had no answer
	readShut  = 6 * time.Hour    // after it refused, as it does where a token lacks the scope
)

// Enricher reads what GoHighLevel's ids mean and appends it as ghl.read
// entries: at the start, daily, and when an event names an id that nobody has
// read. The views fold them; an event's own entry stays as it came. Why a deal
// was lost no webhook tells at all: it is read too (lostdeal.go).
type Enricher struct {
	EnricherConfig
	due  map[reading]time.Time
	last map[reading]time.Time // of the last read that succeeded
	lost map[string]*lostDeal  // whose reason is to be read, by opportunity
}

// reading is one list of one location.
type reading struct{ location, what string }

// NewEnricher returns an enricher; Run makes it work.
func NewEnricher(c EnricherConfig) *Enricher {
	if c.HasKey == nil {
		c.HasKey = func(string) bool { return true }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Enricher{EnricherConfig: c, due: map[reading]time.Time{}, last: map[reading]time.Time{}, lost: map[string]*lostDeal{}}
}

// Run reads until ctx ends, which is no error, or the ledger or a view fails.
// A location without a key is left out.
func (n *Enricher) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	head, err := n.Log.Head(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	n.beginAll()
	entries, failed := follow(ctx, n.Log, head, maxBatch)
	defer func() {
		stop()
		for range entries { // until the follower has ended
		}
	}()
	for err == nil {
		if err = n.readDue(ctx); err == nil {
			err = n.listen(ctx, entries, failed)
		}
	}
	return ended(ctx, err)
}

// beginAll makes everything due.
func (n *Enricher) beginAll() {
	for _, location := range n.Locations {
		for _, what := range []string{readFields, readPipelines, readLostReasons, readCalendars} {
			n.due[reading{location, what}] = n.Now()
		}
	}
}

// listen hears an event, or waits until something is due.
func (n *Enricher) listen(ctx context.Context, entries <-chan ledger.Entry, failed <-chan error) error {
	timer := time.NewTimer(n.wait())
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case e, ok := <-entries:
		if !ok {
			return fmt.Errorf("read the ledger: %w", <-failed)
		}
		return n.hear(e)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wait is how long nothing is due.
func (n *Enricher) wait() time.Duration {
	wait := readEvery
	for _, at := range n.due {
		wait = min(wait, at.Sub(n.Now()))
	}
	for _, d := range n.lost {
		wait = min(wait, d.due.Sub(n.Now()))
	}
	return max(wait, 0)
}

// hear has read what an event names and nobody knows.
func (n *Enricher) hear(e ledger.Entry) error {
	if !isEvent(e.Kind) || e.Erased {
		return nil
	}
	ev, err := ghl.ParseEvent(e.Body, e.Meta.Type)
	if err != nil {
		return nil // its view parks it
	}
	n.hearLost(e, ev)
	for _, id := range idsOf(ev) {
		name, err := n.Names.NameOf(e.Location, id.what, id.id)
		if err != nil {
			return err
		}
		if name == "" {
			n.want(reading{e.Location, id.list})
		}
	}
	return nil
}

// want makes a reading due, but not right after the one before: an id may be
// of something that GoHighLevel lists no longer.
func (n *Enricher) want(r reading) {
	at := n.Now()
	if last, ok := n.last[r]; ok && last.Add(readAgain).After(at) {
		at = last.Add(readAgain)
	}
	if due, ok := n.due[r]; !ok || at.Before(due) {
		n.due[r] = at
	}
}

// namedID is an id that an event has: what it is of, and which list has it.
type namedID struct{ list, what, id string }

func idsOf(ev ghl.Event) (ids []namedID) {
	add := func(list, what string, id *string) {
		if id != nil && *id != "" {
			ids = append(ids, namedID{list, what, *id})
		}
	}
	if c := ev.Contact; c != nil {
		for _, f := range c.CustomFields {
			if f.Name == "" {
				add(readFields, readFields, &f.ID)
			}
		}
	}
	if o := ev.Opportunity; o != nil {
		add(readPipelines, readPipelines, o.PipelineID)
		add(readPipelines, readStages, o.StageID)
		add(readLostReasons, readLostReasons, o.LostReasonID)
	}
	if a := ev.Appointment; a != nil {
		add(readCalendars, readCalendars, a.CalendarID)
	}
	return ids
}

// readDue reads what is due.
func (n *Enricher) readDue(ctx context.Context) error {
	for r, at := range n.due {
		if at.After(n.Now()) {
			continue
		}
		if err := n.read(ctx, r); err != nil {
			return err
		}
	}
	return n.readLost(ctx)
}

// read reads one list and says when to read it next. Its error is the ledger's.
func (n *Enricher) read(ctx context.Context, r reading) error {
	if !n.HasKey(r.location) {
		n.due[r] = n.Now().Add(readEvery)
		return nil
	}
	items, err := n.list(ctx, r)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		n.due[r] = n.Now().Add(patience(err))
		n.Logger.Warn("names not read from GoHighLevel", "location", r.location, "what", r.what, "err", quiet(err.Error()), "next", n.due[r])
		return nil
	}
	n.last[r], n.due[r] = n.Now(), n.Now().Add(readEvery)
	return n.keep(ctx, r, items)
}

// patience is how long to leave GoHighLevel alone after a refusal.
func patience(err error) time.Duration {
	if api, ok := errors.AsType[*ghl.APIError](err); ok && api.Status >= 400 && api.Status < 500 && api.Status != 429 {
		return readShut
	}
	return readRetry
}

// list asks GoHighLevel; an empty list is nil.
func (n *Enricher) list(ctx context.Context, r reading) (any, error) {
	switch r.what {
	case readFields:
		return listed(n.Definitions.CustomFields(ctx, r.location))
	case readPipelines:
		return listed(n.Definitions.Pipelines(ctx, r.location))
	case readLostReasons:
		return listed(n.Definitions.LostReasons(ctx, r.location))
	}
	return listed(n.Definitions.Calendars(ctx, r.location))
}

func listed[T any](items []T, err error) (any, error) {
	if len(items) == 0 {
		return nil, err
	}
	return items, err
}

// keep appends what was read. The same list is kept once a day.
func (n *Enricher) keep(ctx context.Context, r reading, items any) error {
	if items == nil {
		return nil
	}
	body, err := json.Marshal(map[string]any{"what": r.what, "location_id": r.location, "items": items})
	if err != nil {
		return err
	}
	now, sum := n.Now().UTC(), sha256.Sum256(body)
	key := fmt.Sprintf("read:%s:%s:%s:%s", r.what, r.location, now.Format(time.DateOnly), hex.EncodeToString(sum[:8]))
	_, err = appendPatiently(ctx, n.Log, []ledger.Draft{{Kind: GHLRead, Key: key, Location: r.location, Occurred: now, Body: body}})
	return err
}
