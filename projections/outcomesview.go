package projections

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"go.etcd.io/bbolt"
)

// OutcomesView reads the outcomes view; its Meaning is that of the projection.
//
//	List(OutcomeFilter)  deals won and lost, newest first, by pages
//	Funnel(FunnelFilter) how far leads came, by source or period of their arrival
//	Campaigns(location)  what became of e-mail campaigns
//	Wait(ctx, seq)       until the view has folded the entry
type OutcomesView struct {
	Runner *Runner
	Meaning
}

// Outcome is a deal that was won or lost and is so still, in the API's form.
type Outcome struct {
	OpportunityID   string    `json:"opportunity_id"`
	ContactID       string    `json:"contact_id"`
	LocationID      string    `json:"location_id"`
	Outcome         string    `json:"outcome"`      // won or lost
	OutcomeType     string    `json:"outcome_type"` // property_purchased or churned
	PropertyAddress string    `json:"property_address"`
	FinalPrice      *float64  `json:"final_price"` // null of a lost one
	Value           float64   `json:"value"`       // as last said of the deal
	CloseDate       string    `json:"close_date"`  // as sent, else the day of the event
	Reason          string    `json:"reason"`
	ReasonCategory  string    `json:"reason_category"` // one of LostReasons, empty of a won one
	Pipeline        string    `json:"pipeline"`
	Stage           string    `json:"stage"`
	Source          string    `json:"source"` // of the lead
	EventID         string    `json:"event_id"`
	Ended           time.Time `json:"ended_at"` // time of the event
}

// OutcomeFilter chooses outcomes; its zero fields choose all.
type OutcomeFilter struct {
	Outcome  string // won or lost
	Category string
	Contact  string
	Location string
	Since    time.Time // of Ended
	Until    time.Time // of Ended, included
	After    string    // the next of the page before
	Limit    int       // default 50
}

// Wait returns once the view has folded the entry at seq.
func (v OutcomesView) Wait(ctx context.Context, seq ledger.Seq) error {
	return v.Runner.Wait(ctx, OutcomesName, seq)
}

// List returns a page of outcomes, the newest first, and where the next one
// begins; "" after the last. An After that no page returned is ErrCursor.
func (v OutcomesView) List(filter OutcomeFilter) (list []Outcome, next string, err error) {
	if filter.Limit <= 0 {
		filter.Limit = 50
	}
	after, err := base64.RawURLEncoding.DecodeString(filter.After)
	if err != nil || len(after) > 0 && len(after) < stampKey {
		return nil, "", ErrCursor
	}
	list = []Outcome{}
	err = v.view(func(r rows) error {
		for k := range r.backwards("ends", filter.from(after)) {
			if len(list) == filter.Limit {
				next = base64.RawURLEncoding.EncodeToString(after)
				return nil
			}
			if filter.ends(k) {
				return nil
			}
			o, err := v.read(r, k)
			if err != nil {
				return err
			}
			if filter.chooses(o) {
				list = append(list, o)
				after = bytes.Clone(k)
			}
		}
		return nil
	})
	return list, next, err
}

// stampKey is the length of a stamp in a key.
const stampKey = 16

// from is the key to read backwards from, nil for the last.
func (f OutcomeFilter) from(after []byte) []byte {
	if len(after) > 0 || f.Until.IsZero() {
		return after
	}
	return stamp{at: f.Until.UnixMicro() + 1}.key()
}

// ends reports whether what follows k is older than is asked for.
func (f OutcomeFilter) ends(k []byte) bool {
	return !f.Since.IsZero() && int64(binary.BigEndian.Uint64(k)) < f.Since.UnixMicro()
}

func (f OutcomeFilter) chooses(o Outcome) bool {
	for _, c := range [][2]string{{f.Outcome, o.Outcome}, {f.Category, o.ReasonCategory}, {f.Contact, o.ContactID}, {f.Location, o.LocationID}} {
		if c[0] != "" && c[0] != c[1] {
			return false
		}
	}
	return true
}

// read works out the outcome that the key in ends names.
func (v OutcomesView) read(r rows, k []byte) (Outcome, error) {
	contact, id, _ := strings.Cut(string(k[stampKey:]), "\x00")
	row := &personRow{}
	if _, err := r.get("people", []byte(contact), row); err != nil || row.Deals[id] == nil {
		return Outcome{}, err
	}
	deal, location := row.Deals[id], row.Location.V
	c := r.closing(location, &deal.opportunityRow)
	o := Outcome{
		OpportunityID: id, ContactID: contact, LocationID: location, Outcome: c.status, OutcomeType: "churned",
		PropertyAddress: deal.property(v.orDefault().Address), Value: deal.Value.V, CloseDate: c.date,
		Pipeline: r.nameOf(deal.Fields, "pipeline", location, readPipelines), Stage: r.stage(row, deal),
		Source: row.Source.V, EventID: c.since.event(), Ended: c.since.time(), Reason: c.reason,
	}
	if o.CloseDate == "" {
		o.CloseDate = o.Ended.Format(time.DateOnly)
	}
	if c.status == "won" {
		o.OutcomeType, o.FinalPrice = "property_purchased", &c.price
	} else {
		o.ReasonCategory = ReasonCategory(c.reason)
	}
	return o, nil
}

// CampaignStats is what became of one campaign's e-mails.
type CampaignStats struct {
	CampaignID   string `json:"campaign_id"` // empty where GoHighLevel names none
	LocationID   string `json:"location_id"`
	Opens        int    `json:"opens"`
	Openers      int    `json:"openers"` // contacts, or addresses that no contact is known by
	Clicks       int    `json:"clicks"`
	Clickers     int    `json:"clickers"`
	Unsubscribes int    `json:"unsubscribes"`
	Complaints   int    `json:"complaints"`
	Failures     int    `json:"failures"`
}

// Campaigns returns what became of the campaigns of a location, of all if it is
// empty, most opened first.
func (v OutcomesView) Campaigns(location string) (list []CampaignStats, err error) {
	list = []CampaignStats{}
	err = v.view(func(r rows) error {
		return r.each("campaigns", func(k, raw []byte) error {
			at, id, _ := strings.Cut(string(k), "\x00")
			if location != "" && at != location {
				return nil
			}
			t := tally{}
			if err := Decode("campaigns", raw, &t); err != nil {
				return err
			}
			list = append(list, campaignOf(at, id, t))
			return nil
		})
	})
	slices.SortStableFunc(list, func(a, b CampaignStats) int { return b.Opens - a.Opens })
	return list, err
}

func campaignOf(location, id string, t tally) CampaignStats {
	n := func(name string) int { return int(t[name]) }
	return CampaignStats{
		CampaignID: id, LocationID: location,
		Opens: n("opened"), Openers: n("people/opened"), Clicks: n("clicked"), Clickers: n("people/clicked"),
		Unsubscribes: n("unsubscribed"), Complaints: n("complained"), Failures: n("failed"),
	}
}

// view runs f on the rows of the view that serves.
func (v OutcomesView) view(f func(rows) error) error {
	return v.Runner.View(OutcomesName, func(tx *bbolt.Tx) error { return f(rows{tx: tx}) })
}
