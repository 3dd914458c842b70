package projections

import (
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"go.etcd.io/bbolt"
)

// Outcomes folds the ledger into what became of leads: deals won and lost, how
// far each lead came, and how e-mail campaigns were taken. What it says does
// not depend on the order in which the entries came.
//
// Its buckets (parts of keys are joined by \x00, subjects are those of Leads):
//
//	people     contact → personRow
//	ends       stamp, contact, opportunity → nothing; deals won or lost, by when
//	cells      location, source, day → tally of the leads that came then
//	touches    subject, stamp → touchRow
//	deeds      subject, location, campaign, action → how many
//	addresses  location, address, contact → nothing
//	staged     location, stage id, contact → nothing; whose deal was in a stage
//	campaigns  location, campaign → tally
//	names      location, what, id → name, of what was read from GoHighLevel
//
// Of a forgotten contact the counts stay as far as the envelopes of its
// entries tell them: how many deals, won and lost, without values.
type Outcomes struct{ meaning Meaning }

var _ Projection = Outcomes{}

// NewOutcomes returns the projection.
func NewOutcomes(m Meaning) Outcomes { return Outcomes{meaning: m.orDefault()} }

// OutcomesName is the name of the outcomes view.
const OutcomesName = "outcomes"

// Name implements Projection.
func (Outcomes) Name() string { return OutcomesName }

// Version implements Projection.
func (Outcomes) Version() int { return 1 }

// Apply implements Projection.
func (o Outcomes) Apply(tx *bbolt.Tx, e ledger.Entry) error {
	f := &outcomeFold{Meaning: o.meaning, rows: rows{tx: tx}, e: e}
	switch {
	case e.Kind == KindForgotten || e.Kind == KindReadmitted:
		return f.person(e.Subject, f.forget)
	case e.Kind == kindRead && !e.Erased:
		return f.foldNames(e, f.renamed)
	case isOwn(e.Kind):
		return nil
	case e.Erased:
		return f.person(e.Subject, func() error { return nil }) // its envelope counts
	}
	ev, err := ghl.ParseEvent(e.Body, e.Meta.Type)
	if err != nil {
		return err
	}
	f.ev, f.s = ev, stampOf(e, eventTime(e, ev))
	return f.foldEvent()
}

// personRow is what the view keeps of a contact.
type personRow struct {
	Location register[string]    `json:"loc"`
	Source   register[string]    `json:"src"`
	Gone     register[bool]      `json:"gone"`
	First    stamp               `json:"first,omitzero"`   // the oldest event
	Engaged  stamp               `json:"engaged,omitzero"` // the oldest message from it
	Deals    map[string]*dealRow `json:"deals,omitempty"`
	Tours    map[string]spans    `json:"tours,omitempty"`
	Emails   []string            `json:"emails,omitempty"`
	Envelope envelope            `json:"env,omitzero"`
	Cell     []byte              `json:"cell,omitempty"` // where it is counted
	Counted  tally               `json:"n,omitempty"`    // and as what

	Forgotten bool `json:"forgotten,omitempty"` // erased: only Envelope is set, and what follows from it
}

// dealRow is a deal, and the stages that it was seen in.
type dealRow struct {
	opportunityRow
	First  stamp `json:"first,omitzero"`
	Stages spans `json:"stages,omitempty"` // by name, or # and id
}

// envelope is what the entries of a contact tell without their bodies.
type envelope struct {
	Location string    `json:"loc,omitempty"`
	First    time.Time `json:"first,omitzero"` // arrival of the first
	Created  int64     `json:"c,omitempty"`    // opportunity.created
	Won      int64     `json:"w,omitempty"`
	Lost     int64     `json:"l,omitempty"`
}

func (v *envelope) add(e ledger.Entry) {
	if v.First.IsZero() {
		v.First, v.Location = e.Arrived().UTC(), e.Location
	}
	switch ghl.Type(e.Kind) {
	case ghl.OpportunityCreated:
		v.Created++
	case ghl.OpportunityWon:
		v.Won++
	case ghl.OpportunityLost:
		v.Lost++
	}
}

// hidden reports whether nothing is known of the person but envelopes.
func (row *personRow) hidden() bool { return row.First.isZero() }

// subjects are the keys under which touches of the person are.
func (row *personRow) subjects(contact string) []string {
	list := []string{contactSubject(contact)}
	for _, address := range row.Emails {
		list = append(list, addressSubject(row.Location.V, address))
	}
	return list
}

func (row *personRow) deal(id string) *dealRow {
	if row.Deals == nil {
		row.Deals = map[string]*dealRow{}
	}
	if row.Deals[id] == nil {
		row.Deals[id] = &dealRow{}
	}
	return row.Deals[id]
}

// life is what the person's status follows from.
func (r rows) lifeOf(row *personRow, touched stamp) life {
	v := life{gone: row.Gone.V, engaged: !row.Engaged.isZero() || !touched.isZero() || len(row.Deals)+len(row.Tours) > 0}
	for _, deal := range row.Deals {
		v.deal(deal.Status)
		v.bargains = v.bargains || r.closing(row.Location.V, &deal.opportunityRow).status == "open" && bargains(r.stage(row, deal))
	}
	for _, tour := range row.Tours {
		v.tour(tour)
	}
	return v
}

// stage is the name of the stage that the deal is in.
func (r rows) stage(row *personRow, deal *dealRow) string {
	return r.nameOf(deal.Fields, "stage", row.Location.V, readStages)
}
