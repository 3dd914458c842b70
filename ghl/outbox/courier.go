package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// Contacts is the part of GoHighLevel that may be told twice.
type Contacts interface {
	UpdateContact(ctx context.Context, location, contact string, fields []ghl.FieldValue) error
	// Fields returns the location's custom fields by key.
	Fields(ctx context.Context, location string) (map[string]ghl.Definition, error)
	// RefreshFields does too, and asks GoHighLevel again.
	RefreshFields(ctx context.Context, location string) (map[string]ghl.Definition, error)
}

// Deeds is the part of GoHighLevel that must not be told twice.
type Deeds interface {
	SendMessage(ctx context.Context, location string, m ghl.OutMessage) (id string, err error)
	StartWorkflow(ctx context.Context, location, contact, workflow string) error
	CreateTask(ctx context.Context, location, contact string, t ghl.Task) error
}

// CourierConfig is what a Courier works with. Log, Pending, Leads, Contacts,
// Deeds and Templates are required.
type CourierConfig struct {
	Log       ledger.Log
	Pending   PendingView
	Leads     Leads
	Contacts  Contacts
	Deeds     Deeds
	Templates *Templates

	HasKey  func(location string) bool // whether there is an API key; nil is yes
	Mode    Mode                       // anything but Live sends nothing; Live where empty
	Retry   Retry
	Cap     Cap
	Workers int           // calls at once, per location; 4 where 0
	Grace   time.Duration // for the call under way at the end of Run; 10 s where 0
	Alerter Alerter       // nil alerts nobody
	Now     func() time.Time
	Logger  *slog.Logger
}

// Courier carries out what is requested and has no receipt, looks once more
// whether it may and must, and appends what came of it. Contacts don't wait
// for each other; what is asked for one contact goes in order, field updates
// in one lane and the rest in another.
type Courier struct {
	CourierConfig
	stuck atomic.Int32 // receipts that cannot be recorded: while there is one, nothing is sent
	caps  *locks       // one message at a time is counted against a location's cap

	holding *locks // one hold at a time is said of a location

	breaker *breaker
}

// NewCourier returns a courier; Run makes it work.
func NewCourier(c CourierConfig) *Courier {
	if c.HasKey == nil {
		c.HasKey = func(string) bool { return true }
	}
	if c.Mode == "" {
		c.Mode = Live
	}
	if c.Workers <= 0 {
		c.Workers = 4
	}
	if c.Grace <= 0 {
		c.Grace = 10 * time.Second
	}
	if c.Alerter == nil {
		c.Alerter = silence{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Retry, c.Cap = c.Retry.withDefaults(), c.Cap.withDefaults()
	return &Courier{CourierConfig: c, caps: newLocks(), holding: newLocks(), breaker: newBreaker()}
}

// Run sends until ctx ends, which is no error, or the ledger or a view fails.
// A call that is under way at the end has some grace to finish, and its
// receipt is recorded.
func (c *Courier) Run(ctx context.Context) error {
	head, err := c.Log.Head(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	// A view short of the head would show effects whose receipts it has not
	// folded yet, and they would go twice.
	if err := c.Pending.Wait(ctx, head.Seq); err != nil {
		return ended(ctx, err)
	}
	if c.Mode != Live {
		<-ctx.Done()
		return nil
	}
	if err := c.resumeBudget(); err != nil {
		return ended(ctx, err)
	}
	if err := c.reopen(ctx); err != nil {
		return ended(ctx, err)
	}
	return ended(ctx, newDispatch(c).run(ctx, head))
}

// due is when r may be tried. A wait longer than any that is ever asked for
// was reckoned by a clock that has been put back since: it is over.
func (c *Courier) due(r *record) time.Time {
	now := c.Now()
	if at := r.due(now); at.Sub(now) <= c.Retry.MaxDelay {
		return at
	}
	return now
}

// reopen ends the holds that a restart may have cured: a location that had no
// key and has one, or whose key was refused.
func (c *Courier) reopen(ctx context.Context) error {
	holds, err := c.Pending.Holds()
	if err != nil {
		return err
	}
	for _, h := range holds {
		if !c.HasKey(h.Location) {
			continue
		}
		if err := c.releaseLocation(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// holdLocation makes a location's calls, or one kind of them, wait.
func (c *Courier) holdLocation(ctx context.Context, h Hold) error {
	defer c.holding.lock(h.Location)() // or each call that was under way would say it
	if held, err := c.isHeld(h); err != nil || held {
		return err // by another call that was under way
	}
	c.Logger.Error("location held", "location", h.Location, "call", string(h.Call), "err", quiet(h.Reason))
	c.Alerter.Alert(Alert{
		Severity: High, Group: "location:" + h.Location + ":" + string(h.Call),
		Title: "GoHighLevel refuses location " + h.Location, Text: quiet(h.Reason),
	})
	return c.sayLocation(ctx, Held, h)
}

func (c *Courier) isHeld(h Hold) (bool, error) {
	holds, err := c.Pending.Holds()
	for _, held := range holds {
		if held.Location == h.Location && (held.Call == "" || held.Call == h.Call) {
			return true, err
		}
	}
	return false, err
}

func (c *Courier) releaseLocation(ctx context.Context, h Hold) error {
	return c.sayLocation(ctx, Released, h)
}

// sayLocation appends an entry about all calls of a location. Its key names
// the head, since a location may be held any number of times.
func (c *Courier) sayLocation(ctx context.Context, kind string, h Hold) error {
	d, err := locationDraft(kind, h, c.Now())
	if err != nil {
		return err
	}
	head, err := c.Log.Head(ctx)
	if err != nil {
		return err
	}
	d.Key = fmt.Sprintf("%s:%s:%s:%d", kind, h.Location, h.Call, head.Seq)
	return c.keep(ctx, d)
}

// keep appends what happened and returns once the pending view includes it.
// What happened is recorded even if we are shutting down, out of the room that
// the ledger keeps for receipts; while it cannot be, nothing more is sent.
func (c *Courier) keep(ctx context.Context, ds ...ledger.Draft) error {
	answers, err := c.write(ctx, ds...)
	if err != nil {
		return err
	}
	return c.Pending.Wait(ctx, answers[len(answers)-1].Entry.Seq)
}

func (c *Courier) write(ctx context.Context, ds ...ledger.Draft) ([]ledger.Appended, error) {
	late, cancel := c.callContext(ctx)
	defer cancel()
	late = ledger.WithReserve(late)
	answers, err := c.Log.Append(late, ds...)
	if passes(err) {
		c.stuck.Add(1)
		answers, err = appendPatiently(late, c.Log, ds)
		c.stuck.Add(-1)
	}
	if err != nil {
		c.stuck.Add(1) // for good: nobody sends what could not be recorded
		c.Alerter.Alert(Alert{Severity: High, Group: "receipt", Title: "Receipts cannot be recorded: sending has stopped", Text: err.Error()})
		return nil, fmt.Errorf("record %s of %s: %w", ds[0].Kind, ds[0].Key, err)
	}
	return answers, nil
}

// free returns once every receipt so far is recorded, or on its way.
func (c *Courier) free(ctx context.Context) error {
	for c.stuck.Load() > 0 {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
