package handlers_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// mapped says what GoHighLevel's deliveries become, by fixture: the seed's
// event, and the seed's fields with what GoHighLevel says for them. Where it
// says nothing (a closing day, a response time) there is no field.
var mapped = map[string]string{
	"ghl.ContactCreate": "contact.created|contact_id=ZbYIdz86B3kY7jTYNPau|location_id=fCy8yVZK266st7y3PpYo|timestamp=09:01:07.137|webhook_id=0f174bc5-5ff6-4de2-ae6f-9dcb6c5a232a|" +
		"first_name=Noah|last_name=Hale|email=Noah.Hale@Example.com|phone=+15550107788|source=open house form|tags=[buyer open-house]|dnd=false|" +
		"custom_fields=cfBudget000000000001:350000-450000 cfBeds00000000000002:3 cfPlaces000000000003:[Oakwood Lakeside]",
	"ghl.ContactCreate~sparse":         "contact.created|contact_id=K6aRhwZzo9Ay9EAYQK8D|phone=+15550107789",
	"ghl.ContactCreate~documented":     "contact.created|contact_id=cLHPUWfTIbAb0cgeba6S|first_name=Ida",
	"guide.ContactCreate":              "contact.created|contact_id=ZbYIdz86B3kY7jTYNPau|first_name=Noah|email=Noah.Hale@Example.com",
	"ghl.ContactUpdate":                "contact.updated|contact_id=ZbYIdz86B3kY7jTYNPau|email=noah@example.com|custom_fields=cfScore0000000000009:72.50",
	"ghl.ContactTagUpdate":             "contact.updated|contact_id=ZbYIdz86B3kY7jTYNPau|tags=[]",
	"ghl.ContactDndUpdate":             "contact.updated|contact_id=ZbYIdz86B3kY7jTYNPau|dnd=true",
	"ghl.ContactDndUpdate~one-channel": "contact.updated|contact_id=ZbYIdz86B3kY7jTYNPau|dnd=true",
	"ghl.ContactDelete":                "contact.deleted|contact_id=ZbYIdz86B3kY7jTYNPau",

	"ghl.OpportunityCreate": "opportunity.created|contact_id=ZbYIdz86B3kY7jTYNPau|opportunity_id=7TmHVtPb01nRbjogKcu1|name=27 Birch Avenue - Buyer|value=415000|" +
		"pipeline_id=kkliWi32Cc00ahjxXzDN|stage_id=e8a6325a-9b22-4ab7-9178-80b7f73c6a1c|status=open",
	"ghl.OpportunityUpdate":                 "opportunity.updated|opportunity_id=7TmHVtPb01nRbjogKcu1|status=open",
	"ghl.OpportunityUpdate~bare":            "opportunity.updated|opportunity_id=7TmHVtPb01nRbjogKcu1|status=won",
	"ghl.OpportunityStageUpdate":            "opportunity.updated|opportunity_id=7TmHVtPb01nRbjogKcu1|stage_id=e8a6325a-9b22-4ab7-9178-80b7f73c6a1c",
	"ghl.OpportunityMonetaryValueUpdate":    "opportunity.updated|opportunity_id=7TmHVtPb01nRbjogKcu1|value=415000",
	"ghl.OpportunityAssignedToUpdate":       "opportunity.updated|opportunity_id=7TmHVtPb01nRbjogKcu1|assigned_to=WV6zF7wOkMoi03igwz3W",
	"ghl.OpportunityStatusUpdate":           "opportunity.updated|opportunity_id=7TmHVtPb01nRbjogKcu1|status=open",
	"ghl.OpportunityStatusUpdate~won":       "opportunity.won|opportunity_id=7TmHVtPb01nRbjogKcu1|status=won|value=415000|close_date=2026-01-12",
	"ghl.OpportunityStatusUpdate~lost":      "opportunity.lost|opportunity_id=7TmHVtPb01nRbjogKcu1|status=lost|close_date=2026-01-12",
	"ghl.OpportunityStatusUpdate~abandoned": "opportunity.lost|opportunity_id=7TmHVtPb01nRbjogKcu1|status=abandoned|close_date=2026-01-12",
	"guide.OpportunityStatusUpdate~lost":    "opportunity.lost|opportunity_id=7TmHVtPb01nRbjogKcu1|lost_reason_id=lrPrice0000000000001",
	"ghl.OpportunityDelete":                 "opportunity.deleted|opportunity_id=7TmHVtPb01nRbjogKcu1",

	"ghl.AppointmentCreate": "appointment.scheduled|contact_id=ZbYIdz86B3kY7jTYNPau|appointment_id=9kGg8uDerX8gedgWQ86C|appointment_date=2026-01-15T10:30:00Z|duration_minutes=45|" +
		"appointment_type=Tour of 27 Birch Avenue|calendar_id=MWn183alt1ZnHgHeieOe|property_address=27 Birch Avenue, Springfield|status=confirmed",
	"ghl.AppointmentCreate~video":         "appointment.scheduled|status=new|property_address=",
	"guide.AppointmentCreate":             "appointment.scheduled|appointment_id=9kGg8uDerX8gedgWQ86C|appointment_date=2026-01-15T10:30:00Z",
	"ghl.AppointmentUpdate":               "appointment.scheduled|appointment_id=9kGg8uDerX8gedgWQ86C|status=confirmed",
	"ghl.AppointmentUpdate~moved":         "appointment.scheduled|appointment_id=9kGg8uDerX8gedgWQ86C|appointment_date=2026-01-16T17:00:00Z|duration_minutes=30",
	"ghl.AppointmentUpdate~rescheduled":   "appointment.scheduled|status=rescheduled",
	"ghl.AppointmentUpdate~showed":        "appointment.completed|appointment_id=9kGg8uDerX8gedgWQ86C|feedback=Loved the kitchen, wants to talk numbers",
	"ghl.AppointmentUpdate~noshow":        "appointment.missed|appointment_id=9kGg8uDerX8gedgWQ86C",
	"ghl.AppointmentUpdate~called-create": "appointment.missed|appointment_id=aptRecurring00000001_1768000000000_1800",
	"ghl.AppointmentUpdate~cancelled":     "appointment.cancelled|status=cancelled",
	"ghl.AppointmentUpdate~invalid":       "appointment.cancelled|status=invalid",
	"ghl.AppointmentDelete":               "appointment.cancelled|appointment_id=9kGg8uDerX8gedgWQ86C",
	"ghl.AppointmentDelete~called-create": "appointment.cancelled|appointment_id=9kGg8uDerX8gedgWQ86C",

	"ghl.InboundMessage":                 "message.received|contact_id=ZbYIdz86B3kY7jTYNPau|message_id=4fa125c7-df7c-4e28-a99a-870aa38820eb|channel=sms|content=Is 27 Birch still available? We could come by Thursday.",
	"ghl.InboundMessage~email":           "message.received|message_id=o7xvw0Qz3MEDkp|channel=email|html=true|subject=Re: 27 Birch Avenue|from=noah.hale@example.com|to=[office@example.com]",
	"ghl.InboundMessage~call":            "message.received|message_id=QBTVARaCUUEJsXwupgBX|channel=call|content=|seconds=120|attachments=1",
	"ghl.InboundMessage~voicemail":       "message.received|message_id=uNr1WD2ewB1JlNmV0qs0|channel=voicemail|content=|attachments=1",
	"ghl.InboundMessage~custom-provider": "message.received|channel=custom|to=[+15550100000]|content=hello",
	"ghl.InboundMessage~facebook":        "message.received|channel=facebook",
	"ghl.InboundMessage~livechat":        "message.received|channel=chat",
	"ghl.InboundMessage~whatsapp":        "message.received|channel=whatsapp|content=Puedo verla mañana? 🙂",
	"guide.InboundMessage":               "message.received|channel=gmb|content=Call me please",
	"ghl.OutboundMessage":                "message.sent|channel=sms|sender=app|status=delivered",
	"ghl.OutboundMessage~email":          "message.sent|channel=email|sender=workflow|to=[noah.hale@example.com ann.hale@example.com]",
	"ghl.OutboundMessage~call":           "message.sent|channel=call|seconds=95",
	"ghl.OutboundMessage~voicemail":      "message.sent|channel=voicemail",
	"ghl.OutboundMessage~failed":         "message.sent|status=failed|sender=api",
	"ghl.ProviderOutboundMessage":        "message.sent|contact_id=ZbYIdz86B3kY7jTYNPau|channel=sms|to=[+15550107788]",
	"ghl.ProviderOutboundMessage~email":  "message.sent|channel=email|html=true|subject=Three homes",

	"ghl.LCEmailStats~opened":       "campaign.opened|contact_id=|recipient=noah.hale@example.com|campaign_id=spring-listings|device=mobile|open_time=10:00:01.372",
	"ghl.LCEmailStats~no-timestamp": "campaign.opened|recipient=noah.hale@example.com|timestamp=10:00:01.372",
	"ghl.LCEmailStats~clicked":      "campaign.clicked|recipient=noah.hale@example.com|url=https://example.com/listings/27-birch",

	// No event follows from these, but they opt their recipient out.
	"ghl.LCEmailStats~unsubscribed": "unknown.LCEmailStats|recipient=noah.hale@example.com|action=unsubscribed",
	"ghl.LCEmailStats~complained":   "unknown.LCEmailStats|recipient=noah.hale@example.com|action=complained",
}

// said lists what an event says, by the seed's names where it has one.
func said(ev ghl.Event) []string {
	says := []string{"webhook_id=" + ev.ID, "recipient=" + ev.Address}
	say := func(name string, v any) { says = append(says, fmt.Sprintf("%s=%v", name, v)) }
	if c := ev.Contact; c != nil {
		sayAll(say, map[string]*string{"first_name": c.FirstName, "last_name": c.LastName, "email": c.Email, "phone": c.Phone, "source": c.Source})
		var custom []string
		for _, f := range c.CustomFields {
			custom = append(custom, fmt.Sprintf("%s:%v", f.ID+f.Name, f.Value))
		}
		say("custom_fields", strings.Join(custom, " "))
		if c.Tags != nil {
			say("tags", *c.Tags)
		}
		if c.DND != nil {
			say("dnd", *c.DND)
		}
	}
	if o := ev.Opportunity; o != nil {
		sayAll(say, map[string]*string{"name": o.Name, "pipeline_id": o.PipelineID, "stage_id": o.StageID, "status": o.Status,
			"close_date": o.CloseDate, "lost_reason_id": o.LostReasonID, "assigned_to": o.AssignedTo})
		say("opportunity_id", o.ID)
		if o.Value != nil {
			say("value", *o.Value)
		}
	}
	if a := ev.Appointment; a != nil {
		sayAll(say, map[string]*string{"appointment_type": a.Title, "calendar_id": a.CalendarID, "status": a.Status,
			"property_address": a.PropertyAddress, "feedback": a.Feedback})
		say("appointment_id", a.ID)
		if a.Start != nil && a.Duration != nil {
			say("appointment_date", a.Start.Format(time.RFC3339))
			say("duration_minutes", a.Duration.Minutes())
		}
	}
	return append(says, saidByMessage(ev)...)
}

func saidByMessage(ev ghl.Event) (says []string) {
	say := func(name string, v any) { says = append(says, fmt.Sprintf("%s=%v", name, v)) }
	if m := ev.Message; m != nil {
		say("message_id", m.ID)
		say("channel", m.Channel)
		say("content", m.Content)
		say("html", m.HTML)
		say("subject", m.Subject)
		say("from", m.From)
		say("to", m.To)
		say("status", m.Status)
		say("sender", m.Source)
		say("seconds", m.CallDuration.Seconds())
		say("attachments", m.Attachments)
	}
	if c := ev.Campaign; c != nil {
		say("campaign_id", c.ID)
		say("device", c.Device)
		say("url", c.URL)
		say("action", c.Action)
		say("open_time", c.At.Format("15:04:05.000"))
	}
	return says
}

// sayAll says each of the fields; one that the body does not have as empty.
func sayAll(say func(string, any), fields map[string]*string) {
	for name, v := range fields {
		if v == nil {
			say(name, "")
			continue
		}
		say(name, *v)
	}
}
