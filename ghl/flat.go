package ghl

import (
	"strings"
	"time"
	"unicode"
)

// flatPayload reads a payload of GoHighLevel's own events, by its type.
// GoHighLevel sends two of them for most changes of an opportunity; which one
// comes first is not said.
var flatPayload = map[string]func(ev *Event, f fields){
	"ContactCreate":    contactEvent(ContactCreated),
	"ContactUpdate":    contactEvent(ContactUpdated),
	"ContactTagUpdate": contactEvent(ContactUpdated),
	"ContactDndUpdate": contactEvent(ContactUpdated),
	"ContactDelete":    contactEvent(ContactDeleted),

	"OpportunityCreate":              opportunityEvent(OpportunityCreated),
	"OpportunityUpdate":              opportunityEvent(OpportunityUpdated),
	"OpportunityStageUpdate":         opportunityEvent(OpportunityUpdated),
	"OpportunityMonetaryValueUpdate": opportunityEvent(OpportunityUpdated),
	"OpportunityAssignedToUpdate":    opportunityEvent(OpportunityUpdated),
	"OpportunityDelete":              opportunityEvent(OpportunityDeleted),
	"OpportunityStatusUpdate":        opportunityStatusEvent,

	"AppointmentCreate": appointmentEvent,
	"AppointmentUpdate": appointmentEvent,
	"AppointmentDelete": appointmentEvent,

	"InboundMessage":  messageEvent,
	"OutboundMessage": messageEvent,

	"LCEmailStats": emailEvent,
}

// parseFlat reads GoHighLevel's own events: the record's fields at the root.
func parseFlat(ev *Event, root fields) { parseGHL(ev, root, root.value, "") }

// parseGuide reads the shape of GoHighLevel's guide: the record under data.
func parseGuide(ev *Event, root fields) { parseGHL(ev, root, root.member("data"), "data.") }

func parseGHL(ev *Event, root fields, record value, path string) {
	root.types = numerals
	f := root
	f.value, f.path = record, path
	ev.RawType = clip(orEmpty(root.long("type")), maxID)
	read := flatPayload[ev.RawType]
	if read == nil && isProviderMessage(record) {
		read = providerMessage
	}
	if read == nil {
		ev.unhandled(root.value, record)
		return
	}
	ev.envelope(root)
	if ev.LocationID == "" {
		ev.LocationID = f.id("locationId", "location_id")
	}
	read(ev, f)
}

// emitted sets the event's time where the envelope has none, as in the
// samples of GoHighLevel's documentation.
func (ev *Event) emitted(f fields, names ...string) {
	if t := f.time(names...); t != nil && ev.Time.IsZero() {
		ev.Time = *t
	}
}

func contactEvent(t Type) func(ev *Event, f fields) {
	return func(ev *Event, f fields) {
		ev.Type = t
		ev.ContactID = f.requiredID("id", "contactId", "contact_id")
		ev.Contact = &Contact{}
		if t == ContactDeleted {
			return // what it still says of the contact is not to be kept
		}
		if t == ContactCreated {
			ev.emitted(f, "dateAdded")
		}
		ev.Contact.readFlat(f)
	}
}

func (c *Contact) flatFields() []contactField {
	return []contactField{
		{&c.FirstName, []string{"firstName"}},
		{&c.LastName, []string{"lastName"}},
		{&c.Name, []string{"name"}},
		{&c.Email, []string{"email"}},
		{&c.Phone, []string{"phone"}},
		{&c.Source, []string{"source"}},
		{&c.AssignedTo, []string{"assignedTo"}},
		{&c.City, []string{"city"}},
		{&c.State, []string{"state"}},
		{&c.PostalCode, []string{"postalCode"}},
		{&c.Country, []string{"country"}},
		{&c.Address1, []string{"address1"}},
		{&c.Website, []string{"website"}},
		{&c.CompanyName, []string{"companyName"}},
	}
}

func (c *Contact) readFlat(f fields) {
	c.Snapshot = true
	c.read(f, c.flatFields())
	c.Tags = f.list("tags")
	c.DND = f.boolean("dnd")
	if settings, ok := f.object("dndSettings"); ok && settings.blocked() {
		c.DND = new(bool)
		*c.DND = true
	}
	c.CustomFields = f.customFieldList("customFields")
}

// read takes over the text fields that f has, leaving the others.
func (c *Contact) read(f fields, all []contactField) {
	for _, field := range all {
		if s := f.text(field.names...); s != nil {
			*field.to = s
		}
	}
}

// blocked reports whether the contact wants no messages on a channel that we
// write on. One of the two is enough: to be too careful costs a message, to
// be careless a complaint.
func (f fields) blocked() bool {
	for _, name := range []string{"Email", "SMS"} {
		switch strings.ToLower(f.member(name).member("status").text) {
		case "active", "permanent":
			return true
		}
	}
	return false
}

// customFieldList reads [{id, value}]. GoHighLevel has three names for a
// value, and forms that carry the field's key beside its id.
func (f fields) customFieldList(name string) []CustomField {
	v := f.member(name)
	if v.isNull() {
		return nil
	}
	if !v.isArray() {
		f.fault(f.path+name, "must be an array of objects")
		return nil
	}
	var all []CustomField
	for _, item := range v.items {
		if !item.isObject() {
			f.fault(f.path+name, "must be an array of objects")
			return nil
		}
		field := CustomField{ID: item.findID("id"), Name: FieldKey(item.findID("fieldKey", "key", "name"))}
		for _, value := range []string{"value", "field_value", "fieldValue"} {
			if field.Value == nil {
				field.Value = item.member(value).plain()
			}
		}
		if field.ID != "" || field.Name != "" {
			all = append(all, field)
		}
	}
	return all
}

// FieldKey is a custom field's key: "contact.ai_score" and the display name
// "AI Score" are ai_score, as GoHighLevel makes keys of names.
func FieldKey(name string) string {
	name = strings.TrimPrefix(name, "contact.")
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), "_")
}

func opportunityEvent(t Type) func(ev *Event, f fields) {
	return func(ev *Event, f fields) {
		ev.Type = t
		ev.ContactID = f.requiredID("contactId", "contact_id")
		if t == OpportunityCreated {
			ev.emitted(f, "dateAdded")
		}
		ev.Opportunity = &Opportunity{
			ID:           f.id("id", "opportunityId"),
			Name:         f.text("name"),
			Value:        f.money("monetaryValue"),
			PipelineID:   f.optionalID("pipelineId"),
			StageID:      f.optionalID("pipelineStageId"),
			Status:       f.text("status"),
			Source:       f.text("source"),
			AssignedTo:   f.text("assignedTo"),
			LostReasonID: f.optionalID("lostReasonId"),
		}
	}
}

// opportunityStatusEvent reads a change of status. An abandoned opportunity is
// a lost one whose raw status is kept; open is a deal that was taken up again.
func opportunityStatusEvent(ev *Event, f fields) {
	opportunityEvent(OpportunityUpdated)(ev, f)
	switch strings.ToLower(f.str("status")) {
	case "won":
		ev.Type = OpportunityWon
	case "lost", "abandoned":
		ev.Type = OpportunityLost
	default:
		return
	}
	if !ev.Time.IsZero() { // GoHighLevel sends no close date
		day := ev.Time.Format(time.DateOnly)
		ev.Opportunity.CloseDate = &day
	}
}

// appointmentEvent reads what an appointment is now. Its status tells more
// than the type: GoHighLevel's own samples of updates and deletions are
// called AppointmentCreate.
func appointmentEvent(ev *Event, f fields) {
	ev.Type = AppointmentScheduled
	a, ok := f.object("appointment")
	switch {
	case f.has("appointment") && !ok:
		return
	case !ok && f.has("calendarId", "startTime"):
		a = f // the guide's shape may have the record itself under data
	case !ok:
		f.fault(f.path+"appointment", required)
		return
	}
	ev.ContactID = a.requiredID("contactId", "contact_id")
	ev.emitted(a, "dateUpdated", "dateAdded")
	ev.Appointment = &Appointment{
		ID:              a.id("id"),
		Title:           a.text("title"),
		CalendarID:      a.optionalID("calendarId"),
		Status:          a.text("appointmentStatus", "status"),
		Start:           a.time("startTime"),
		End:             a.time("endTime"),
		PropertyAddress: place(a.text("address")),
		Feedback:        a.long("notes"),
		AssignedTo:      a.text("assignedUserId"),
	}
	ev.Appointment.setDuration()
	ev.Type = appointmentType(ev.Appointment.Status)
	if ev.RawType == "AppointmentDelete" {
		ev.Type = AppointmentCancelled
	}
}

// appointmentType is what a status means. One that is booked again, at
// another time, is scheduled again.
func appointmentType(status *string) Type {
	if status == nil {
		return AppointmentScheduled
	}
	switch strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(*status)) {
	case "showed", "completed":
		return AppointmentCompleted
	case "noshow", "missed":
		return AppointmentMissed
	case "cancelled", "canceled", "invalid", "deleted":
		return AppointmentCancelled
	}
	return AppointmentScheduled
}

// setDuration takes what was planned: how long it took nobody says.
func (a *Appointment) setDuration() {
	if a.Start != nil && a.End != nil && a.End.After(*a.Start) {
		d := a.End.Sub(*a.Start)
		a.Duration = &d
	}
}

// place returns an address, unless it is that of a video call.
func place(address *string) *string {
	if address == nil || *address == "" || strings.Contains(*address, "://") {
		return nil
	}
	return address
}
