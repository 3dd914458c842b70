package projections

import (
	"slices"
	"strings"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// LeadStatus is where a lead stands in its life: new → engaged → touring →
// negotiating → sold or lost; deleted from anywhere.
type LeadStatus string

// The life cycle of a lead.
const (
	StatusNew         LeadStatus = "new"
	StatusEngaged     LeadStatus = "engaged"
	StatusTouring     LeadStatus = "touring"
	StatusNegotiating LeadStatus = "negotiating"
	StatusSold        LeadStatus = "sold"
	StatusLost        LeadStatus = "lost"
	StatusDeleted     LeadStatus = "deleted"
)

// life is what a lead's status follows from. It is worked out from what there
// is, so that it does not depend on the order of events.
type life struct {
	gone     bool
	engaged  bool             // the lead, or a deal or an appointment of it, was heard of
	bargains bool             // an open deal's stage sounds like a bargain
	deals    map[string]stamp // since when deals are open, won, lost: the newest of each
	tours    map[string]stamp // the same of appointments: scheduled, completed, …
}

func (v *life) deal(m spans) { newestOf(&v.deals, m) }
func (v *life) tour(m spans) { newestOf(&v.tours, m) }

// newestOf raises the stamp of the state that holds.
func newestOf(states *map[string]stamp, m spans) {
	if *states == nil {
		*states = map[string]stamp{}
	}
	state, since := m.current()
	newest := (*states)[state]
	newest.raise(since)
	(*states)[state] = newest
}

// status: an open deal is negotiating once a tour was done or its stage says
// so; a lost lead is touring again when a tour was booked since.
func (v life) status() LeadStatus {
	open, toured, booked := v.deals["open"], v.tours["completed"], v.tours["scheduled"]
	switch {
	case v.gone:
		return StatusDeleted
	case !v.deals["won"].isZero():
		return StatusSold
	case !open.isZero() && (!toured.isZero() || v.bargains):
		return StatusNegotiating
	case open.isZero() && !v.deals["lost"].isZero() && !booked.after(v.deals["lost"]):
		return StatusLost
	case !booked.isZero() || !toured.isZero():
		return StatusTouring
	case v.engaged:
		return StatusEngaged
	}
	return StatusNew
}

// bargains reports whether a stage's name sounds like a bargain.
func bargains(stage string) bool {
	stage = strings.ToLower(stage)
	return slices.ContainsFunc(bargaining, func(word string) bool { return strings.Contains(stage, word) })
}

var bargaining = []string{"negotiat", "offer", "contract", "escrow", "closing", "proposal"}

// engages reports whether the touch is a deed of its recipient.
func (t touchRow) engages() bool { return ghl.CampaignAction(t.Action) != ghl.Failed }

// closing is how a deal stands, and how it ended if it did.
type closing struct {
	status string // open, won, lost or deleted
	since  stamp
	price  float64 // of a won deal
	date   string  // as the sender wrote it; "" if nobody said
	reason string  // of a lost deal, in words
}

// closing takes for the end of a deal only what was said of this end: a deal
// that was lost, re-opened and won has no lost reason, and another date.
func (r rows) closing(location string, row *opportunityRow) (c closing) {
	c.status, c.since = row.Status.current()
	if c.status == "" {
		c.status = "open"
	}
	said := map[string]register[string]{}
	for name, f := range row.Fields {
		if !c.since.after(f.S) {
			said[name] = f
		}
	}
	if c.status == "won" || c.status == "lost" {
		c.date = said["close_date"].V
	}
	switch {
	case c.status == "lost":
		c.reason = r.nameOf(said, "reason", location, readLostReasons)
	case c.status == "won" && !c.since.after(row.Final.S):
		c.price = row.Final.V
	case c.status == "won":
		c.price = row.Value.V
	}
	return c
}
