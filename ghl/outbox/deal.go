package outbox

import (
	"encoding/json"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// deal is when an opportunity's status last changed, so that a won deal
// is celebrated once however many deliveries tell of it.
type deal struct {
	Contact string `json:"contact"`
	Status  string `json:"status"`
	Change  string `json:"change"` // the entry that changed it
	At      int64  `json:"at"`     // its event time, in nanoseconds: a late event changes nothing
}

func (b *buckets) deal(e ledger.Entry) error {
	if e.Erased {
		return nil
	}
	ev, err := ghl.ParseEvent(e.Body, e.Meta.Type)
	if err != nil || ev.Opportunity == nil || ev.Opportunity.ID == "" {
		return nil // the leads view parks what cannot be read; here it only says nothing
	}
	status, at := dealStatus(ev), eventTime(e, ev).UnixNano()
	old, err := b.dealOf(ev.Opportunity.ID)
	if err != nil || status == "" || status == old.Status || at < old.At {
		return err
	}
	v, err := json.Marshal(deal{Contact: ev.ContactID, Status: status, Change: ledger.FormatID(e.ID), At: at})
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
	return d, json.Unmarshal(v, &d)
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
