package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/oklog/ulid/v2"
)

// Records is the part of GoHighLevel that lists what it holds.
type Records interface {
	// Contacts lists those that changed at or after since; all where it is zero.
	Contacts(ctx context.Context, location string, since time.Time) iter.Seq2[ghl.Record, error]
	Opportunities(ctx context.Context, location string) iter.Seq2[ghl.Record, error]
}

// Reconciler reads contacts and opportunities back from GoHighLevel, compares
// them with the leads, and appends what the ledger missed: as entries of the
// ordinary kinds, marked Backfill, so that they are folded and scored and no
// message follows. It corrects nothing else, and says what it found.
//
// The same record is appended once, however often it is read.
type Reconciler struct {
	Log     ledger.Log
	Leads   Leads
	Names   Names
	Roll    Roll
	Records Records
	Now     func() time.Time
}

// Gap is what the ledger missed of a location.
type Gap struct {
	Location      string   `json:"location_id"`
	Contacts      Tally    `json:"contacts"`
	Opportunities Tally    `json:"opportunities"`
	Added         int      `json:"added"`    // entries appended; the same record is not appended again
	Unlisted      int      `json:"unlisted"` // leads that GoHighLevel no longer lists; known only where all are read
	Sample        []Missed `json:"sample"`   // the first fifty
}

// Tally counts the records of a sort.
type Tally struct {
	Read    int `json:"read"`
	New     int `json:"new"`     // the ledger had never heard of it
	Changed int `json:"changed"` // the ledger has it otherwise
	Deleted int `json:"deleted"` // deleted or forgotten here: left so
	Invalid int `json:"invalid"` // it cannot be read as an event
}

// Missed reports how many records the ledger did not have as they are.
func (g Gap) Missed() int {
	return g.Contacts.New + g.Contacts.Changed + g.Opportunities.New + g.Opportunities.Changed
}

// Missed is one record that the ledger did not have as it is.
type Missed struct {
	Kind      string   `json:"kind"` // of the entry that tells it
	ID        string   `json:"id"`
	ContactID string   `json:"contact_id"`
	Fields    []string `json:"fields"` // that differ; none for a new one
}

const maxMissed = 50 // in a Gap's sample

// Reconcile says what to read.
type Reconcile struct {
	Location string    // all where empty
	Since    time.Time // all records where zero
	DryRun   bool      // look only
	Cause    ulid.ULID // the entry of who asked
}

// reconciling is one location under way.
type reconciling struct {
	Reconciler
	Reconcile
	gap    Gap
	listed map[string]bool // contacts, where all are read
	drafts []ledger.Draft
	told   func(Gap)
}

// reconcilePage is how many records are compared with the same view, and
// appended at once.
const reconcilePage = 100

// Run reconciles one location. Told, if not nil, hears how far it has come.
// What was appended before an error stays, and is not appended again.
func (r Reconciler) Run(ctx context.Context, o Reconcile, told func(Gap)) (Gap, error) {
	w := &reconciling{Reconciler: r, Reconcile: o, gap: Gap{Location: o.Location, Sample: []Missed{}}, listed: map[string]bool{}, told: told}
	err := w.each(ctx, w.Records.Contacts(ctx, o.Location, o.Since), w.contact)
	if err == nil {
		err = w.each(ctx, w.Records.Opportunities(ctx, o.Location), w.opportunity)
	}
	if err == nil && o.Since.IsZero() {
		w.gap.Unlisted, err = w.unlisted(ctx)
	}
	if err != nil {
		return w.gap, fmt.Errorf("reconcile location %s: %w", o.Location, err)
	}
	return w.gap, w.sayGap(ctx)
}

// each compares records in pages, each with a view that includes what was
// appended before it.
func (w *reconciling) each(ctx context.Context, records iter.Seq2[ghl.Record, error], compare func(ghl.Record) error) error {
	n := 0
	for r, err := range records {
		if err == nil && n%reconcilePage == 0 {
			err = w.turnPage(ctx)
		}
		if err == nil {
			err = compare(r)
		}
		if err != nil {
			return err
		}
		n++
	}
	return w.turnPage(ctx)
}

func (w *reconciling) turnPage(ctx context.Context) error {
	if len(w.drafts) > 0 && !w.DryRun {
		answers, err := appendPatiently(ctx, w.Log, w.drafts)
		if err != nil {
			return err
		}
		for _, a := range answers {
			if a.Added {
				w.gap.Added++
			}
		}
	}
	w.drafts = nil
	if w.told != nil {
		w.told(w.gap)
	}
	head, err := w.Log.Head(ctx)
	if err != nil {
		return err
	}
	return w.Leads.Wait(ctx, head.Seq)
}

// contact compares a contact with its lead.
func (w *reconciling) contact(r ghl.Record) error {
	w.gap.Contacts.Read++
	if w.Since.IsZero() {
		w.listed[r.ID] = true
	}
	lead, ok, err := w.Leads.Get(r.ID)
	switch {
	case err != nil:
		return err
	case lead.Status == projections.StatusDeleted:
		w.gap.Contacts.Deleted++
		return nil
	case !ok:
		return w.miss(&w.gap.Contacts, r, "ContactCreate", w.changed(r), nil)
	}
	ev, err := event(r, "ContactUpdate", w.Location, w.changed(r))
	if err != nil {
		w.gap.Contacts.Invalid++
		return nil
	}
	fields, err := w.contactDiffers(ev.Contact, lead)
	if err != nil || len(fields) == 0 {
		return err
	}
	return w.miss(&w.gap.Contacts, r, "ContactUpdate", w.changed(r), fields)
}

// changed is when a record took the form that it has, as far as it says.
func (w *reconciling) changed(r ghl.Record) time.Time {
	switch {
	case !r.Updated.IsZero():
		return r.Updated
	case !r.Added.IsZero():
		return r.Added
	}
	return w.Now()
}

// opportunity compares an opportunity with that of its lead.
func (w *reconciling) opportunity(r ghl.Record) error {
	if r.Updated.Before(w.Since) {
		return nil
	}
	w.gap.Opportunities.Read++
	lead, _, err := w.Leads.Get(r.ContactID)
	if err != nil {
		return err
	}
	if lead.Status == projections.StatusDeleted {
		w.gap.Opportunities.Deleted++
		return nil
	}
	ev, err := event(r, "OpportunityUpdate", w.Location, w.changed(r))
	if err != nil {
		w.gap.Opportunities.Invalid++
		return nil
	}
	known, ok := findOpportunity(lead, r.ID)
	fields, err := w.opportunityDiffers(ev.Opportunity, known)
	if err != nil || ok && len(fields) == 0 {
		return err
	}
	if !ok {
		fields = nil
	}
	rawType, at := toldBy(r, ev.Opportunity, known, ok, w.changed(r))
	return w.miss(&w.gap.Opportunities, r, rawType, at, fields)
}

// miss counts what the ledger does not have as it is, and drafts the entry
// that tells it.
func (w *reconciling) miss(tally *Tally, r ghl.Record, rawType string, at time.Time, fields []string) error {
	body, err := r.As(rawType, w.Location, at)
	if err != nil {
		tally.Invalid++
		return nil
	}
	ev, err := ghl.ParseEvent(body, "")
	if err != nil {
		tally.Invalid++
		return nil
	}
	if tally.Changed++; fields == nil {
		tally.Changed--
		tally.New++
	}
	if len(w.gap.Sample) < maxMissed {
		w.gap.Sample = append(w.gap.Sample, Missed{Kind: string(ev.Type), ID: r.ID, ContactID: r.ContactID, Fields: fields})
	}
	sum := sha256.Sum256(body)
	w.drafts = append(w.drafts, ledger.Draft{
		Kind: string(ev.Type), Key: "reconciled:" + r.ID + ":" + hex.EncodeToString(sum[:16]),
		Subject: ev.ContactID, Location: w.Location, Cause: w.Cause, Occurred: at.UTC(),
		Meta: ledger.Meta{Dialect: string(ev.Dialect), Backfill: true}, Body: body,
	})
	return nil
}

func event(r ghl.Record, rawType, location string, at time.Time) (ghl.Event, error) {
	body, err := r.As(rawType, location, at)
	if err != nil {
		return ghl.Event{}, err
	}
	return ghl.ParseEvent(body, "")
}

// unlisted counts the leads of the location that GoHighLevel did not list.
// They may have been deleted there; to say so is for a person.
func (w *reconciling) unlisted(ctx context.Context) (n int, err error) {
	if w.Roll == nil {
		return 0, nil
	}
	for after, more := "", true; more; more = after != "" {
		leads, next, err := w.Roll.Roll(w.Location, after, rollPage)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return n, err
		}
		for _, lead := range leads {
			if !w.listed[lead.ContactID] {
				n++
			}
		}
		after = next
	}
	return n, nil
}

// sayGap records what was found.
func (w *reconciling) sayGap(ctx context.Context) error {
	if w.DryRun {
		return nil
	}
	now := w.Now().UTC()
	body, err := json.Marshal(struct {
		What  string    `json:"what"`
		Since time.Time `json:"since,omitzero"`
		Gap
	}{"reconciled", w.Since, w.gap})
	if err != nil {
		return err
	}
	_, err = appendPatiently(ctx, w.Log, []ledger.Draft{{
		Kind: GHLRead, Key: fmt.Sprintf("reconciled:%s:%d", w.Location, now.UnixNano()),
		Location: w.Location, Cause: w.Cause, Occurred: now, Body: body,
	}})
	return err
}
