package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// Scored is the body of lead.scored.
type Scored struct {
	scoring.Score
	AsOf     ledger.Seq `json:"as_of_seq"`          // the highest wins, not the last
	Previous *float64   `json:"previous,omitempty"` // the score before
}

// Feedback is the body of feedback.recorded: how a deal of the lead ended, and
// what was thought of the lead then.
type Feedback struct {
	Outcome       string   `json:"outcome"` // won, lost
	Positive      bool     `json:"positive"`
	OpportunityID string   `json:"opportunity_id"`
	Score         *float64 `json:"score"` // the score before the outcome was known
	ModelID       string   `json:"model_id,omitempty"`
}

// batch collects the answers to some entries. What it answered earlier is not
// in the views yet, so it remembers what later answers must know.
type batch struct {
	*Planner
	drafts   []ledger.Draft
	advance  Advance
	scores   map[string]scoring.Score
	answered map[string]time.Time
}

func newBatch(p *Planner) *batch {
	return &batch{Planner: p, scores: map[string]scoring.Score{}, answered: map[string]time.Time{}}
}

// plan adds what follows from an event.
func (b *batch) plan(e ledger.Entry) error {
	if e.Erased {
		return nil
	}
	ev, err := ghl.ParseEvent(e.Body, e.Meta.Type)
	if err != nil {
		b.skip(e) // its view parks it; a version that can read it plans it
		return nil
	}
	lead, ok, err := b.lead(e, ev)
	if err != nil || lead.Status == projections.StatusDeleted {
		return err
	}
	if !ok {
		if e.Subject != "" {
			b.skip(e)
		}
		return nil
	}
	m, ok, err := b.Leads.Moment(lead.ContactID, e.Seq)
	if err != nil {
		return err
	}
	if !ok {
		b.skip(e) // its view has set it aside
		return nil
	}
	echo, err := b.isEcho(ev, m, lead)
	if err != nil || echo {
		return err
	}
	return b.decide(e, ev, lead)
}

// heed scores a lead anew by a person's word about it: GoHighLevel must not go
// on to advise a call to whom a person has opted out. It sends no message.
func (b *batch) heed(e ledger.Entry) error {
	lead, ok, err := b.Leads.Get(e.Subject)
	if err != nil || !ok {
		return err
	}
	return b.rescore(e, lead)
}

// lead returns the contact that an event is about.
func (b *batch) lead(e ledger.Entry, ev ghl.Event) (projections.Lead, bool, error) {
	contact := e.Subject
	if contact == "" {
		contact = ev.ContactID
	}
	if finder, ok := b.Leads.(addressFinder); ok && contact == "" && ev.Address != "" {
		return finder.ByAddress(e.Location, ev.Address)
	}
	if contact == "" {
		return projections.Lead{}, false, nil
	}
	return b.Leads.Get(contact)
}

// addressFinder is a leads view that knows contacts by their address, for
// e-mail events, which name no contact.
type addressFinder interface {
	ByAddress(location, address string) (projections.Lead, bool, error)
}

// decide scores the lead and asks the rules.
func (b *batch) decide(e ledger.Entry, ev ghl.Event, lead projections.Lead) error {
	c, err := b.newCase(e, ev, lead)
	if err != nil {
		return err
	}
	if err := b.add(LeadScored, "scored:"+ledger.FormatID(e.ID), c, scored(c)); err != nil {
		return err
	}
	if fb, ok := feedback(c); ok {
		if err := b.add(FeedbackRecorded, "feedback:"+ledger.FormatID(e.ID), c, fb); err != nil {
			return err
		}
	}
	return b.ask(c)
}

// newCase scores the lead anew.
func (b *batch) newCase(e ledger.Entry, ev ghl.Event, lead projections.Lead) (Case, error) {
	before := lead.Score
	if s, ok := b.scores[lead.ContactID]; ok {
		before = &s
	}
	by, err := b.scorer(e.Seq)
	if err != nil {
		return Case{}, err
	}
	score := scoreAnew(lead, before, by)
	lead.Score = &score
	b.scores[lead.ContactID] = score

	opportunity := ""
	if ev.Opportunity != nil {
		opportunity = ev.Opportunity.ID
	}
	m, err := b.Pending.memory(lead.ContactID, opportunity)
	if at, ok := b.answered[lead.ContactID]; ok {
		m.answered = at
	}
	c := Case{Entry: e, Event: ev, Lead: lead, Before: before, Answered: m.answered}
	if ev.Opportunity != nil {
		c.Change = m.deal.change(dealStatus(ev), eventTime(e, ev).UnixNano())
	}
	return c, err
}

// ask adds what the rules want.
func (b *batch) ask(c Case) error {
	if b.Mode == Off {
		return nil
	}
	for _, rule := range b.Rules {
		for _, r := range rule.Decide(c) {
			r.DryRun = b.Mode == DryRun
			if r.Rule == "" {
				r.Rule = rule.Name
			}
			if r.Sequence == AutoResponse {
				b.answered[c.Lead.ContactID] = c.Entry.Recorded
			}
			if err := b.add(Requested, r.Business, c, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *batch) add(kind, key string, c Case, body any) error {
	v, err := json.Marshal(body)
	if err != nil {
		return err
	}
	location := c.Entry.Location
	if location == "" {
		location = c.Lead.LocationID
	}
	b.drafts = append(b.drafts, ledger.Draft{
		Kind: kind, Key: bounded(key), Subject: c.Lead.ContactID, Location: location,
		Cause: c.Entry.ID, Occurred: eventTime(c.Entry, c.Event), Body: v,
	})
	return nil
}

// bounded keeps a key, which senders' ids are part of, within the ledger's
// limit: an entry that could not be appended would stop the planner for good.
func bounded(key string) string {
	if len(key) <= 512 {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return key[:256] + "#" + hex.EncodeToString(sum[:])
}

func scored(c Case) Scored {
	s := Scored{Score: *c.Lead.Score, AsOf: c.Entry.Seq}
	if c.Before != nil {
		s.Previous = &c.Before.Value
	}
	return s
}

func feedback(c Case) (Feedback, bool) {
	won := c.Event.Type == ghl.OpportunityWon
	if !won && c.Event.Type != ghl.OpportunityLost {
		return Feedback{}, false
	}
	fb := Feedback{Outcome: "lost", Positive: won, OpportunityID: c.Event.Opportunity.ID}
	if won {
		fb.Outcome = "won"
	}
	if c.Before != nil {
		fb.Score, fb.ModelID = &c.Before.Value, c.Before.ModelID
	}
	return fb, true
}

// isEvent reports whether a kind is a delivery's, not the service's own.
func isEvent(kind string) bool {
	thing, _, _ := strings.Cut(kind, ".")
	switch thing {
	case "contact", "opportunity", "appointment", "message", "campaign", "unknown":
		return true
	}
	return false
}

// batches yields what waits in the log after a place, at most so many entries
// at once, until ctx ends.
func batches(ctx context.Context, log ledger.Reader, after ledger.Seq, most int) iter.Seq2[[]ledger.Entry, error] {
	return func(yield func([]ledger.Entry, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		entries, failed := follow(ctx, log, ledger.Cursor{Seq: after}, most)
		defer func() {
			stop()
			for range entries { // until the follower has ended
			}
		}()
		for first := range entries {
			batch := append(make([]ledger.Entry, 0, most), first)
			for len(batch) < most && len(entries) > 0 {
				batch = append(batch, <-entries)
			}
			if !yield(batch, nil) {
				return
			}
		}
		yield(nil, fmt.Errorf("read the ledger: %w", <-failed))
	}
}

// follow sends the entries after a cursor as they come. When the log fails, or
// ctx ends, it closes the entries, and failed has the reason.
func follow(ctx context.Context, log ledger.Reader, after ledger.Cursor, most int) (<-chan ledger.Entry, <-chan error) {
	entries, failed := make(chan ledger.Entry, most), make(chan error, 1)
	go func() {
		defer close(entries)
		for e, err := range log.Tail(ctx, after) {
			if err != nil {
				failed <- err
				return
			}
			select {
			case entries <- e:
			case <-ctx.Done():
				failed <- ctx.Err()
				return
			}
		}
		failed <- ledger.ErrClosed
	}()
	return entries, failed
}
