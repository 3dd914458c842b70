package outbox

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// deal is what was said of an opportunity's status, in the order in which it
// happened, so that a won deal is celebrated once however many deliveries tell
// of it, and whenever they come.
type deal struct {
	Contact string      `json:"contact"`
	Said    []statement `json:"said"` // by event time
}

// statement is a status at a time.
type statement struct {
	Status string `json:"status"`
	At     int64  `json:"at"`    // the event time, in nanoseconds
	Entry  string `json:"entry"` // the first that said so
}

func (s statement) compare(other statement) int {
	return cmp.Or(cmp.Compare(s.At, other.At), cmp.Compare(s.Status, other.Status))
}

// maxSaid bounds a deal; what is oldest goes.
const maxSaid = 64

// change returns the entry that stands for the change to a status that was so
// at a time: of all statements of that status with no other between them, the
// one that came first. It is "" where nothing is known.
func (d deal) change(status string, at int64) (entry string) {
	i, _ := slices.BinarySearchFunc(d.Said, statement{Status: status, At: at}, statement.compare)
	first := func(s statement) bool {
		if s.Status == status && (entry == "" || s.Entry < entry) {
			entry = s.Entry
		}
		return s.Status == status
	}
	for _, s := range d.Said[i:] {
		if !first(s) {
			break
		}
	}
	for _, s := range slices.Backward(d.Said[:i]) {
		if !first(s) {
			break
		}
	}
	return entry
}

func (b *buckets) deal(e ledger.Entry) error {
	if e.Erased {
		return nil
	}
	ev, err := ghl.ParseEvent(e.Body, e.Meta.Type)
	if err != nil || ev.Opportunity == nil || ev.Opportunity.ID == "" {
		return nil // the leads view parks what cannot be read; here it only says nothing
	}
	s := statement{Status: dealStatus(ev), At: eventTime(e, ev).UnixNano(), Entry: ledger.FormatID(e.ID)}
	d, err := b.dealOf(ev.Opportunity.ID)
	if err != nil || s.Status == "" {
		return err
	}
	i, found := slices.BinarySearchFunc(d.Said, s, statement.compare)
	if found {
		return nil
	}
	d.Contact, d.Said = ev.ContactID, slices.Insert(d.Said, i, s)
	d.Said = d.Said[max(0, len(d.Said)-maxSaid):]
	v, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return b.deals.Put([]byte(ev.Opportunity.ID), v)
}

func (b *buckets) dealOf(opportunity string) (deal, error) {
	var d deal
	v := b.deals.Get([]byte(opportunity))
	if v == nil {
		return d, nil
	}
	return d, projections.Decode("deals", v, &d)
}

// dealStatus returns won, lost or open.
func dealStatus(ev ghl.Event) string {
	switch ev.Type {
	case ghl.OpportunityWon:
		return "won"
	case ghl.OpportunityLost:
		return "lost"
	}
	if ev.Opportunity.Status == nil {
		return ""
	}
	switch *ev.Opportunity.Status {
	case "won":
		return "won"
	case "lost", "abandoned":
		return "lost"
	}
	return "open"
}
