package ghl

import (
	"slices"
	"time"
)

// seedPayload reads a payload of the seed's dialect, by type.
var seedPayload = map[Type]func(ev *Event, data fields){
	ContactCreated:       seedContact,
	ContactUpdated:       seedContact,
	ContactDeleted:       seedContact,
	OpportunityCreated:   seedOpportunity,
	OpportunityUpdated:   seedOpportunity,
	OpportunityWon:       seedOpportunity,
	OpportunityLost:      seedOpportunity,
	OpportunityDeleted:   seedOpportunity,
	AppointmentScheduled: seedAppointment,
	AppointmentCompleted: seedAppointment,
	AppointmentMissed:    seedAppointment,
	AppointmentCancelled: seedAppointment,
	MessageReceived:      seedMessage,
	MessageSent:          seedMessage,
	CampaignOpened:       seedCampaign,
	CampaignClicked:      seedCampaign,
}

// parseSeed reads {type, timestamp, data{snake_case}}.
func parseSeed(ev *Event, root fields, typeHint string) {
	if ev.RawType = clip(orEmpty(root.long("type")), maxID); ev.RawType == "" {
		ev.RawType = typeHint
	}
	if ev.RawType == "" && (!root.has("type") || root.member("type").isString()) {
		root.fault("type", required)
	}
	ev.Type = Type(ev.RawType)
	read := seedPayload[ev.Type]
	if read == nil && ev.RawType != "" {
		ev.unhandled(root.value, root.member("data"))
		return
	}
	ev.envelope(root)
	data, ok := root.object("data")
	if !root.has("data") {
		root.fault("data", required)
	}
	if !ok {
		return
	}
	ev.ContactID = data.requiredID("contact_id")
	if ev.LocationID == "" {
		ev.LocationID = data.id("location_id", "locationId")
	}
	if read != nil {
		read(ev, data)
	}
}

func seedContact(ev *Event, data fields) {
	c := &Contact{}
	ev.Contact = c
	if ev.Type == ContactDeleted {
		return
	}
	c.readSeed(data)
	if updated, ok := data.object("updated_fields"); ok {
		c.readSeed(updated)
		c.clearSeed(updated)
	}
}

// contactField is one text field of a contact and its names in a dialect.
type contactField struct {
	to    **string
	names []string
}

func (c *Contact) seedFields() []contactField {
	return []contactField{
		{&c.FirstName, []string{"first_name"}},
		{&c.LastName, []string{"last_name"}},
		{&c.Name, []string{"name", "full_name"}},
		{&c.Email, []string{"email"}},
		{&c.Phone, []string{"phone"}},
		{&c.Source, []string{"source"}},
		{&c.AssignedTo, []string{"assigned_to"}},
		{&c.City, []string{"city"}},
		{&c.State, []string{"state"}},
		{&c.PostalCode, []string{"postal_code"}},
		{&c.Country, []string{"country"}},
		{&c.Address1, []string{"address1"}},
		{&c.Website, []string{"website"}},
		{&c.CompanyName, []string{"company_name"}},
	}
}

// readSeed takes over the fields that f has, leaving the others.
func (c *Contact) readSeed(f fields) {
	c.read(f, c.seedFields())
	if tags := f.list("tags"); tags != nil {
		c.Tags = tags
	}
	if dnd := f.boolean("dnd"); dnd != nil {
		c.DND = dnd
	}
	if custom, ok := f.object("custom_fields"); ok {
		c.setCustom(custom.customFields()...)
	}
}

// clearSeed empties the fields that an update sets to null.
func (c *Contact) clearSeed(updated fields) {
	for _, field := range c.seedFields() {
		if slices.Contains(updated.names, field.names[0]) && updated.member(field.names[0]).isNull() {
			*field.to = new(string)
		}
	}
}

// setCustom takes over fields, each in the place of one of the same name.
func (c *Contact) setCustom(all ...CustomField) {
	for _, field := range all {
		c.CustomFields = append(slices.DeleteFunc(c.CustomFields, func(old CustomField) bool {
			return old.Name == field.Name && old.ID == field.ID
		}), field)
	}
}

// customFields reads an object of fields by name.
func (f fields) customFields() []CustomField {
	all := make([]CustomField, len(f.names))
	for i, name := range f.names {
		all[i] = CustomField{Name: name, Value: f.items[i].plain()}
	}
	return all
}

func seedOpportunity(ev *Event, data fields) {
	o := &Opportunity{
		ID:              data.id("opportunity_id"),
		Name:            data.text("name"),
		Value:           data.money("final_price", "value"),
		Pipeline:        data.text("pipeline"),
		PipelineID:      data.optionalID("pipeline_id"),
		Stage:           data.text("stage"),
		StageID:         data.optionalID("stage_id"),
		Status:          data.text("status"),
		Source:          data.text("source"),
		AssignedTo:      data.text("assigned_to"),
		PropertyAddress: data.text("property_address"),
		CloseDate:       data.text("close_date", "closed_date"),
		Reason:          data.long("reason"),
		LostReasonID:    data.optionalID("lost_reason_id"),
	}
	ev.Opportunity = o
}

func seedAppointment(ev *Event, data fields) {
	ev.Appointment = &Appointment{
		ID:              data.id("appointment_id"),
		Title:           data.text("title"),
		Type:            data.text("appointment_type"),
		CalendarID:      data.optionalID("calendar_id"),
		Status:          data.text("status"),
		Start:           data.time("appointment_date"),
		End:             data.time("end_date"),
		PropertyAddress: data.text("property_address"),
		Duration:        data.duration("duration_minutes", time.Minute),
		Feedback:        data.long("feedback"),
		AssignedTo:      data.text("assigned_to"),
	}
}

func seedMessage(ev *Event, data fields) {
	m := &Message{
		ID:             data.id("message_id"),
		ConversationID: data.id("conversation_id"),
		Channel:        channel(data.str("channel")),
		Content:        orEmpty(data.long("content")),
		Subject:        data.str("subject"),
		Status:         data.str("status"),
		Source:         data.str("source"),
	}
	if d := data.duration("response_time_ms", time.Millisecond); d != nil {
		m.ResponseTime = *d
	}
	if m.ID == "" {
		m.ID = ev.ID
	}
	ev.Message = m
}

func seedCampaign(ev *Event, data fields) {
	ev.Campaign = &Campaign{
		ID:     data.id("campaign_id"),
		Device: data.str("device"),
		URL:    data.str("url"),
		Action: emailActions[ev.Type],
	}
	ev.Campaign.happened(ev, data, "open_time", "click_time")
}
