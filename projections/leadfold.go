package projections

import (
	"maps"
	"slices"
	"strings"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// leadFold folds one entry into the rows of one contact.
type leadFold struct {
	Meaning
	rows
	e       ledger.Entry
	ev      ghl.Event
	s       stamp
	contact string
	row     *leadRow
	before  map[string][]byte // where the indexes have the contact
	changed map[string]any    // fields that e changed, for its Moment
}

// open reads the contact's row.
func (f *leadFold) open(contact string) (err error) {
	f.contact = contact
	f.row, _, err = f.lead(contact)
	f.before = f.indexed(f.row)
	return err
}

// close keeps the row and adds e to the timeline.
func (f *leadFold) close(text string) error {
	if f.e.ID.Compare(f.row.AsOf) > 0 {
		f.row.AsOf = f.e.ID
	}
	if err := f.putLead(f.contact, f.before, f.row); err != nil {
		return err
	}
	return f.putMoment(contactSubject(f.contact), text)
}

// foldEvent folds what a sender said.
func (f *leadFold) foldEvent(ev ghl.Event) error {
	f.ev, f.s = ev, stampOf(f.e, eventTime(f.e, ev))
	contact := ev.ContactID
	if contact == "" {
		contact = f.e.Subject
	}
	if contact == "" {
		return f.foldAddressed()
	}
	if err := f.open(contact); err != nil {
		return err
	}
	if f.row.Forgotten { // it came before its key was gone: a rebuild will not have it
		return nil
	}
	f.row.Location.set(f.e.Location, f.s)
	f.row.First.lower(f.s)
	f.row.Newest.raise(f.s)
	if err := f.foldPayload(); err != nil {
		return err
	}
	return f.close(f.describe())
}

func (f *leadFold) foldPayload() error {
	switch ev := f.ev; {
	case ev.Type == ghl.ContactDeleted:
		f.row.Gone.set(true, f.s)
	case ev.Contact != nil:
		return f.foldContact(ev.Contact)
	case ev.Opportunity != nil:
		return f.foldOpportunity(ev.Opportunity)
	case ev.Appointment != nil:
		return f.foldAppointment(ev.Appointment)
	case ev.Message != nil:
		return f.foldMessage(ev.Message)
	case ev.Campaign != nil:
		return f.foldTouch(contactSubject(f.contact), ev.Campaign)
	}
	return nil
}

func (f *leadFold) foldContact(c *ghl.Contact) error {
	if f.ev.Type == ghl.ContactCreated {
		f.row.Created.lower(f.s)
		f.row.Gone.set(false, f.s)
	}
	for name, v := range profileOf(c) {
		if v != nil {
			f.note(put(&f.row.Profile, name, *v, f.s), name, *v)
		}
	}
	if c.Tags != nil {
		f.note(f.row.Tags.set(*c.Tags, f.s), "tags", *c.Tags)
	}
	if c.DND != nil {
		f.note(f.row.DND.set(*c.DND, f.s), "dnd", *c.DND)
	}
	for _, cf := range c.CustomFields {
		name := customKey(cf)
		f.note(put(&f.row.Custom, name, cf.Value, f.s), "custom_fields."+name, cf.Value)
	}
	if err := f.foldEmail(c.Email); err != nil {
		return err
	}
	return f.observeFields(c.CustomFields)
}

// customKey is the name of a custom field, or # and its id where only that is
// known: it is resolved when the row is read.
func customKey(cf ghl.CustomField) string {
	if cf.Name == "" {
		return "#" + cf.ID
	}
	return cf.Name
}

// note remembers a changed field for the timeline.
func (f *leadFold) note(changed bool, name string, v any) {
	if !changed || f.lean {
		return
	}
	if f.changed == nil {
		f.changed = map[string]any{}
	}
	f.changed[name] = v
}

// foldEmail remembers the address for the events that name only an address.
func (f *leadFold) foldEmail(email *string) error {
	if email == nil {
		return nil
	}
	address := normalAddress(*email)
	if !f.row.addEmail(address) {
		return nil
	}
	return f.putRaw("addresses", key(f.e.Location, address, f.contact), nil)
}

func normalAddress(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// profileOf names the text fields of a contact event.
func profileOf(c *ghl.Contact) map[string]*string {
	return map[string]*string{
		"first_name": c.FirstName, "last_name": c.LastName, "name": c.Name,
		"email": c.Email, "phone": c.Phone, "source": c.Source, "assigned_to": c.AssignedTo,
		"city": c.City, "state": c.State, "postal_code": c.PostalCode, "country": c.Country,
		"address1": c.Address1, "website": c.Website, "company_name": c.CompanyName,
	}
}

func (f *leadFold) foldOpportunity(o *ghl.Opportunity) error {
	row := f.row.opportunity(idOr(o.ID, f.s))
	row.fold(f.ev, o, f.s)
	address := deref(o.PropertyAddress)
	if address == "" && o.Name != nil {
		address = f.Address(*o.Name)
	}
	return f.seeProperty(address, o.Value)
}

// fold folds what an event says of the deal.
func (row *opportunityRow) fold(ev ghl.Event, o *ghl.Opportunity, s stamp) {
	fields := map[string]*string{
		"name": o.Name, "pipeline": o.Pipeline, "#pipeline": o.PipelineID, "stage": o.Stage, "#stage": o.StageID,
		"source": o.Source, "assigned_to": o.AssignedTo, "property_address": o.PropertyAddress,
		"close_date": o.CloseDate, "reason": o.Reason, "#reason": o.LostReasonID,
	}
	for name, v := range fields {
		if v != nil {
			put(&row.Fields, name, *v, s)
		}
	}
	if o.Value != nil {
		row.Value.set(*o.Value, s)
	}
	status, raw := opportunityStatus(ev.Type, o.Status)
	if status == "" {
		return
	}
	row.Status.report(status, s)
	row.Raw.set(raw, s)
	if status == "won" && o.Value != nil {
		row.Final.set(*o.Value, s)
	}
}

// opportunityStatus is what an event says of a deal's state: its status where
// it names one, else what its type implies. The raw status is kept beside it:
// GoHighLevel's abandoned is lost, the seed's lead is open.
func opportunityStatus(t ghl.Type, said *string) (status, raw string) {
	raw = strings.ToLower(strings.TrimSpace(deref(said)))
	switch t {
	case ghl.OpportunityDeleted:
		return "deleted", raw
	case ghl.OpportunityWon:
		return "won", raw
	case ghl.OpportunityLost:
		return "lost", raw
	}
	switch raw {
	case "won", "lost", "open":
		return raw, raw
	case "abandoned":
		return "lost", raw
	case "":
		if t == ghl.OpportunityCreated {
			return "open", raw
		}
		return "", raw
	}
	return "open", raw
}

func (f *leadFold) foldAppointment(a *ghl.Appointment) error {
	row := f.row.appointment(idOr(a.ID, f.s))
	fields := map[string]*string{
		"type": a.Type, "title": a.Title, "#calendar": a.CalendarID,
		"property_address": a.PropertyAddress, "feedback": a.Feedback, "assigned_to": a.AssignedTo,
	}
	for name, v := range fields {
		if v != nil {
			put(&row.Fields, name, *v, f.s)
		}
	}
	if a.Start != nil {
		row.Start.set(a.Start.Unix(), f.s)
	}
	if a.Duration != nil {
		row.Minutes.set(a.Duration.Minutes(), f.s)
	}
	if status, ok := appointmentStatus[f.ev.Type]; ok {
		row.Status.report(status, f.s)
	}
	if err := f.seeProperty(deref(a.PropertyAddress), nil); err != nil || deref(a.Feedback) == "" {
		return err
	}
	said := f.Text(*a.Feedback)
	row.Feedback.set(said.Sentiment, f.s)
	return f.observeText(said.Preferences)
}

var appointmentStatus = map[ghl.Type]string{
	ghl.AppointmentScheduled: "scheduled",
	ghl.AppointmentCompleted: "completed",
	ghl.AppointmentMissed:    "missed",
	ghl.AppointmentCancelled: "cancelled",
}

// idOr returns id, or a name of the event's own for a thing without one.
func idOr(id string, s stamp) string {
	if id == "" {
		text, _ := stamp{at: s.at, hash: s.hash}.MarshalText()
		return "event-" + string(text[:22])
	}
	return id
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// sortedKeys is for what must not depend on the order of a map.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
