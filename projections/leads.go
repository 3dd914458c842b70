package projections

import (
	"strings"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"go.etcd.io/bbolt"
)

// Kinds of the service's own entries that the leads view folds.
const (
	kindScored    = "lead.scored"
	kindRequested = "effect.requested"
	kindDelivered = "effect.delivered"
	kindRead      = "ghl.read"
	kindTicked    = "clock.ticked"
	kindFeedback  = "feedback.recorded"

	// KindOptOut and KindOptIn are a person's word that a contact may not, or
	// may again, be written to. KindForgotten goes before the erasure of a
	// contact's bodies, KindReadmitted lifts it.
	KindOptOut     = "audit.leads.opt_out"
	KindOptIn      = "audit.leads.opt_in"
	KindForgotten  = "audit.leads.forget"
	KindReadmitted = "audit.leads.readmit"
)

// Leads folds the ledger into leads and their timelines. What its rows say of
// a contact does not depend on the order in which the entries came.
//
// Its buckets (a subject is c<contact>, or a<location>\x01<address> where an
// e-mail event names no contact; parts of keys are joined by \x00):
//
//	leads        contact → leadRow
//	messages     contact, stamp → messageRow
//	message_ids  contact, message id → stamp of its row in messages
//	touches      subject, stamp → touchRow
//	preferences  contact, stamp → observation
//	timeline     subject, seq → Moment
//	addresses    location, address, contact → nothing
//	properties   location, value, address, contact → propertyRow
//	seen         contact, location, address → stamp and value of its row in properties
//	names        location, what, id → name, of what was read from GoHighLevel
//	by_score     score, contact → nothing
//	by_updated   time, contact → nothing
//	clock        tick → time of the newest clock.ticked
type Leads struct {
	meaning Meaning
	lean    bool // see rows
}

// Meaning is how texts and fields are read. A nil field is scoring's own way.
type Meaning struct {
	Text        func(string) scoring.Text
	Preferences func(fields map[string]any) scoring.Preferences
	Address     func(opportunityName string) string
}

func (m Meaning) orDefault() Meaning {
	if m.Text == nil {
		m.Text = scoring.ReadText
	}
	if m.Preferences == nil {
		m.Preferences = scoring.ReadPreferences
	}
	if m.Address == nil {
		m.Address = scoring.PropertyAddress
	}
	return m
}

var _ Projection = Leads{}

// NewLeads returns the projection.
func NewLeads(m Meaning) Leads { return Leads{meaning: m.orDefault()} }

// LeadsName is the name of the leads view.
const LeadsName = "leads"

// Name implements Projection.
func (Leads) Name() string { return LeadsName }

// Version implements Projection. It rises when messages are read, or entries folded,
// otherwise.
func (Leads) Version() int { return 3 }

// Apply implements Projection.
func (l Leads) Apply(tx *bbolt.Tx, e ledger.Entry) error {
	return l.fold(rows{tx: tx, lean: l.lean}, e, nil)
}

// fold folds e into rows; ev is the event in it where that was read already.
func (l Leads) fold(r rows, e ledger.Entry, ev *ghl.Event) error {
	f := &leadFold{Meaning: l.meaning, rows: r, e: e}
	switch {
	case e.Kind == KindForgotten:
		return f.forget()
	case e.Erased && e.Kind != KindReadmitted:
		return nil // a rebuild after an erasure equals the view that forgot
	case isOwn(e.Kind):
		return f.foldOwn()
	}
	if ev != nil {
		return f.foldEvent(*ev)
	}
	read, err := ghl.ParseEvent(e.Body, e.Meta.Type)
	if err != nil {
		return err
	}
	return f.foldEvent(read)
}

// ownKinds begin the kinds that the service itself writes.
var ownKinds = []string{"audit.", "clock.", "effect.", "event.", "feedback.", "ghl.", "lead.", "ledger.", "model.", "planner."}

// isOwn reports whether the service itself writes entries of the kind. A
// sender cannot: its unknown types are unknown.<type>.
func isOwn(kind string) bool {
	for _, own := range ownKinds {
		if strings.HasPrefix(kind, own) {
			return true
		}
	}
	return false
}
