package ghl

import (
	"slices"
	"strings"
)

// workflowPayload reads a payload of a workflow's webhook, by the seed's type.
var workflowPayload = map[string]func(ev *Event, f fields){
	"contact":     workflowContact,
	"opportunity": workflowOpportunity,
	"appointment": workflowAppointment,
	"message":     workflowMessage,
	"campaign":    workflowCampaign,
}

// parseWorkflow reads the body of a workflow's webhook action: the contact in
// snake_case at the root, custom fields by display name beside it, and what
// the user added under customData, which goes first. Its type is the path's,
// or customData.type.
func parseWorkflow(ev *Event, root fields, typeHint string) {
	root.value = withoutNulls(root.value)
	root.types = loose
	root.custom = root.member("customData")
	ev.RawType = workflowType(typeHint, root)
	ev.Type = Type(ev.RawType)
	ev.LocationID = root.member("location").findID("id")
	switch {
	case ev.RawType == "":
		root.fault("customData.type", required)
		return
	case !slices.Contains(knownTypes, ev.Type):
		ev.unhandled(root.custom, root.value)
		return
	}
	named := ev.LocationID
	if ev.envelope(root); ev.LocationID == "" {
		ev.LocationID = named
	}
	ev.ContactID = root.requiredID("contact_id")
	family, _, _ := strings.Cut(ev.RawType, ".")
	workflowPayload[family](ev, root)
}

// workflowType is the path's type, unless only customData's is one we know.
func workflowType(typeHint string, root fields) string {
	own := root.custom.member("type").text
	if typeHint == "" || slices.Contains(knownTypes, Type(own)) && !slices.Contains(knownTypes, Type(typeHint)) {
		return own
	}
	return typeHint
}

// withoutNulls returns v with what a workflow writes for an empty value, "" or
// "null", as null.
func withoutNulls(v value) value {
	if v.isString() && (v.text == "" || v.text == "null" || v.text == "undefined") {
		return absent
	}
	if len(v.items) > 0 {
		v.items = slices.Clone(v.items)
	}
	for i, item := range v.items {
		v.items[i] = withoutNulls(item)
	}
	return v
}

func workflowContact(ev *Event, f fields) {
	c := &Contact{}
	ev.Contact = c
	if ev.Type == ContactDeleted {
		return
	}
	c.read(f, c.seedFields())
	if c.Source == nil {
		c.Source = f.text("contact_source")
	}
	c.Tags = f.commaList("tags")
	c.DND = f.boolean("dnd")
	if custom, ok := f.object("custom_fields"); ok {
		c.setCustom(custom.customFields()...)
	}
	c.setCustom(f.displayNamed()...)
}

// commaList reads "a, b" or ["a", "b"].
func (f fields) commaList(name string) *[]string {
	v := f.member(name)
	if !v.isString() {
		return f.list(name)
	}
	all := []string{}
	for part := range strings.SplitSeq(v.text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return &all
}

// workflowNames are the members of a workflow's body that are no custom field.
var workflowNames = []string{
	"contact_id", "first_name", "last_name", "full_name", "name", "email", "phone", "tags", "source", "assigned_to",
	"address1", "full_address", "city", "state", "country", "postal_code", "company_name", "website", "timezone",
	"date_of_birth", "date_created", "contact_source", "contact_type", "dnd", "custom_fields", "type", "timestamp",
	"opportunity_name", "opportunity_id", "opportunity_source", "status", "lead_value", "pipeline_name", "pipeline_id",
	"pipeline_stage", "pipleline_stage", "id", "webhookId", "webhook_id", "appId", "app_id", "locationId", "location_id",
	"message", "owner", "user", "contact", "location", "workflow", "triggerData", "customData", "calendar",
	"attributionSource", "campaign",
}

// displayNamed returns the custom fields, which stand at the root by the name
// that people read, by their keys. An object is never one.
func (f fields) displayNamed() []CustomField {
	var all []CustomField
	for i, name := range f.names {
		v := f.items[i]
		if v.isNull() || v.isObject() || slices.Contains(workflowNames, name) {
			continue
		}
		all = append(all, CustomField{Name: FieldKey(name), Value: v.plain()})
	}
	return all
}

func workflowOpportunity(ev *Event, f fields) {
	ev.Opportunity = &Opportunity{
		ID:              f.id("opportunity_id", "id"),
		Name:            f.text("opportunity_name"),
		Value:           f.money("final_price", "lead_value", "value"),
		Pipeline:        f.text("pipeline_name", "pipeline"),
		PipelineID:      f.optionalID("pipeline_id"),
		Stage:           f.text("pipleline_stage", "pipeline_stage"), // GoHighLevel's spelling
		Status:          f.text("status"),
		Source:          f.text("opportunity_source", "source"),
		AssignedTo:      f.text("assigned_to", "owner"),
		PropertyAddress: f.text("property_address"),
		CloseDate:       f.text("close_date", "closed_date"),
		Reason:          f.long("reason", "lost_reason"),
	}
}

func workflowAppointment(ev *Event, f fields) {
	calendar, _ := f.object("calendar")
	calendar.custom = f.custom
	ev.Appointment = &Appointment{
		ID:              calendar.id("appointment_id", "appointmentId"),
		Title:           calendar.text("title", "calendarName"),
		Type:            calendar.text("appointment_type"),
		CalendarID:      calendar.optionalID("calendar_id", "id"),
		Status:          calendar.text("appoinmentStatus", "appointmentStatus", "status"), // GoHighLevel's spelling
		Start:           calendar.time("appointment_date", "startTime"),
		End:             calendar.time("endTime"),
		PropertyAddress: calendar.text("property_address"),
		Feedback:        calendar.long("feedback", "notes"),
	}
	if ev.Appointment.PropertyAddress == nil {
		ev.Appointment.PropertyAddress = place(calendar.text("address"))
	}
	ev.Appointment.setDuration()
}

// workflowMessage reads the message of a reply trigger, which is an object
// with a body, or what the user put into customData.
func workflowMessage(ev *Event, f fields) {
	m := &Message{
		ID:             f.id("message_id"),
		ConversationID: f.id("conversation_id"),
		Channel:        channel(f.str("channel")),
		Content:        orEmpty(f.long("content")),
		Subject:        f.str("subject"),
		Status:         f.str("message_status"),
	}
	ev.Message = m
	if own := f.member("message"); own.isString() && m.Content == "" {
		m.Content = own.text
	} else if own.isObject() {
		m.readWorkflow(fields{value: own, path: "message.", faults: f.faults, types: loose})
	}
	m.finish(ev, "")
}

func (m *Message) readWorkflow(own fields) {
	if m.ID == "" {
		m.ID = own.id("id", "messageId")
	}
	if m.Content == "" {
		m.Content = orEmpty(own.long("body", "content"))
	}
	if m.Subject == "" {
		m.Subject = own.str("subject")
	}
	if m.Channel == "" {
		m.Channel = channel(own.member("type").text)
	}
	m.From, m.To = first(own.addresses("from")), own.addresses("to")
	m.Attachments = len(own.member("attachments").items)
}

func workflowCampaign(ev *Event, f fields) {
	ev.Campaign = &Campaign{
		ID:     f.id("campaign_id"),
		Device: f.str("device"),
		URL:    f.str("url"),
		Action: emailActions[ev.Type],
	}
	ev.Campaign.happened(ev, f, "open_time", "click_time")
}
