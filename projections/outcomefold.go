package projections

import (
	"bytes"
	"slices"
	"strings"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// outcomeFold folds one entry into the rows of the people whom it is about.
type outcomeFold struct {
	Meaning
	rows
	e       ledger.Entry
	ev      ghl.Event
	s       stamp
	contact string
	row     *personRow
}

// person reads the contact's row, has f change it, and keeps it with what is
// counted of it.
func (f *outcomeFold) person(contact string, change func() error) error {
	if contact == "" {
		return nil
	}
	f.contact, f.row = contact, &personRow{}
	if _, err := f.get("people", []byte(contact), f.row); err != nil {
		return err
	}
	before := f.row.endKeys(f.rows, contact)
	if !isOwn(f.e.Kind) && contact == f.e.Subject {
		f.row.Envelope.add(f.e)
	}
	if err := change(); err != nil {
		return err
	}
	if err := f.moveEnds(before); err != nil {
		return err
	}
	if err := f.count(); err != nil {
		return err
	}
	return f.put("people", []byte(contact), f.row)
}

// recount counts a contact anew after something beside its row has changed.
func (f *outcomeFold) recount(contact string) error {
	of := &outcomeFold{Meaning: f.Meaning, rows: f.rows, contact: contact, row: &personRow{}}
	found, err := f.get("people", []byte(contact), of.row)
	if err != nil || !found {
		return err
	}
	if err := of.count(); err != nil {
		return err
	}
	return f.put("people", []byte(contact), of.row)
}

// count takes out of the totals what was counted of the row, and puts in what
// is to be counted of it now.
func (f *outcomeFold) count() error {
	cell, t := f.counted(f.contact, f.row)
	if err := f.replaceTally("cells", f.row.Cell, f.row.Counted, cell, t); err != nil {
		return err
	}
	f.row.Cell, f.row.Counted = cell, t
	return nil
}

// moveEnds moves the person's deals in the list of outcomes.
func (f *outcomeFold) moveEnds(before [][]byte) error {
	after := f.row.endKeys(f.rows, f.contact)
	for _, k := range before {
		if slices.ContainsFunc(after, func(a []byte) bool { return bytes.Equal(a, k) }) {
			continue
		}
		if err := f.delete("ends", k); err != nil {
			return err
		}
	}
	for _, k := range after {
		if err := f.putRaw("ends", k, nil); err != nil {
			return err
		}
	}
	return nil
}

// endKeys are where the list of outcomes has the person's deals.
func (row *personRow) endKeys(r rows, contact string) (keys [][]byte) {
	for _, id := range sortedKeys(row.Deals) {
		if c := r.closing(row.Location.V, &row.Deals[id].opportunityRow); c.status == "won" || c.status == "lost" {
			keys = append(keys, append(c.since.key(), key(contact, id)...))
		}
	}
	return keys
}

// foldEvent folds what a sender said.
func (f *outcomeFold) foldEvent() error {
	contact := f.ev.ContactID
	if contact == "" {
		contact = f.e.Subject
	}
	if contact == "" {
		return f.foldAddressed()
	}
	return f.person(contact, func() error {
		if f.row.Forgotten { // it came before its key was gone: a rebuild will not have it
			return nil
		}
		f.row.Location.set(f.e.Location, f.s)
		f.row.First.lower(f.s)
		return f.foldPayload()
	})
}

func (f *outcomeFold) foldPayload() error {
	switch ev := f.ev; {
	case ev.Type == ghl.ContactDeleted:
		f.row.Gone.set(true, f.s)
	case ev.Contact != nil:
		return f.foldContact(ev.Contact)
	case ev.Opportunity != nil:
		return f.foldDeal(ev.Opportunity)
	case ev.Appointment != nil:
		f.foldTour(ev.Appointment)
	case ev.Type == ghl.MessageReceived:
		f.row.Engaged.lower(f.s)
	case ev.Campaign != nil:
		return f.foldTouch(contactSubject(f.contact))
	}
	return nil
}

func (f *outcomeFold) foldContact(c *ghl.Contact) error {
	if f.ev.Type == ghl.ContactCreated {
		f.row.Gone.set(false, f.s)
	}
	if c.Source != nil {
		f.row.Source.set(*c.Source, f.s)
	}
	address := normalAddress(deref(c.Email))
	i, found := slices.BinarySearch(f.row.Emails, address)
	if found || address == "" {
		return nil
	}
	f.row.Emails = slices.Insert(f.row.Emails, i, address)
	return f.putRaw("addresses", key(f.e.Location, address, f.contact), nil)
}

func (f *outcomeFold) foldDeal(o *ghl.Opportunity) error {
	deal := f.row.deal(idOr(o.ID, f.s))
	deal.fold(f.ev, o, f.s)
	deal.First.lower(f.s)
	if o.Stage != nil {
		deal.Stages.report(*o.Stage, f.s)
	}
	if o.StageID == nil {
		return nil
	}
	deal.Stages.report("#"+*o.StageID, f.s)
	return f.putRaw("staged", key(f.e.Location, *o.StageID, f.contact), nil)
}

func (f *outcomeFold) foldTour(a *ghl.Appointment) {
	status, ok := appointmentStatus[f.ev.Type]
	if !ok {
		return
	}
	if f.row.Tours == nil {
		f.row.Tours = map[string]spans{}
	}
	id := idOr(a.ID, f.s)
	tour := f.row.Tours[id]
	tour.report(status, f.s)
	f.row.Tours[id] = tour
}

// renamed counts those anew whose deals are in a stage that has a name now.
func (f *outcomeFold) renamed(location, what, id string) error {
	if what != readStages {
		return nil
	}
	var contacts []string
	for contact := range f.under("staged", key(location, id)) {
		contacts = append(contacts, string(contact))
	}
	for _, contact := range contacts {
		if err := f.recount(contact); err != nil {
			return err
		}
	}
	return nil
}

// forget deletes what the view knows of the contact but its counts; or lets
// it be known again. Campaign ids were in bodies: a rebuild does not have
// them, so they are not counted from here on either.
func (f *outcomeFold) forget() error {
	f.row.Forgotten = f.e.Kind == KindForgotten
	if !f.row.Forgotten {
		return nil
	}
	if err := f.forgetTouches(contactSubject(f.contact)); err != nil {
		return err
	}
	for _, address := range f.row.Emails {
		if err := f.delete("addresses", key(f.row.Location.V, address, f.contact)); err != nil {
			return err
		}
		if f.bearsAlso(f.row.Location.V, address, f.contact) {
			continue // what was said of it is the other's
		}
		if err := f.forgetTouches(addressSubject(f.row.Location.V, address)); err != nil {
			return err
		}
	}
	for _, deal := range f.row.Deals {
		for stage := range deal.Stages {
			if id, ok := strings.CutPrefix(stage, "#"); ok {
				if err := f.delete("staged", key(f.row.Location.V, id, f.contact)); err != nil {
					return err
				}
			}
		}
	}
	f.row = &personRow{Envelope: f.row.Envelope, Cell: f.row.Cell, Counted: f.row.Counted, Forgotten: true}
	return nil
}
