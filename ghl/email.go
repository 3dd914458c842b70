package ghl

import "strings"

// emailTypes are the types of e-mail events by their name at the mail service.
// Of the others only what became of the mail is kept: opt-outs among them.
var emailTypes = map[CampaignAction]Type{Opened: CampaignOpened, Clicked: CampaignClicked}

// emailActions is the inverse.
var emailActions = map[Type]CampaignAction{CampaignOpened: Opened, CampaignClicked: Clicked}

// emailEvent reads LCEmailStats: a mail service's event as it came, without a
// contact. It is matched by the recipient's address.
func emailEvent(ev *Event, f fields) {
	ev.Type = unknownType(ev.RawType)
	payload, ok := f.object("webhookPayload")
	if !ok {
		if !f.has("webhookPayload") {
			f.fault(f.path+"webhookPayload", required)
		}
		return
	}
	ev.ContactID = f.id("contactId", "contact_id")
	ev.Address = strings.ToLower(bareAddress(payload.str("recipient")))
	action := CampaignAction(strings.ToLower(payload.str("event")))
	if t, ok := emailTypes[action]; ok {
		ev.Type = t
	}
	switch action {
	case Opened, Clicked, Unsubscribed, Complained, Failed:
	default:
		return // delivered, accepted, …: nothing follows
	}
	if ev.Address == "" && ev.ContactID == "" {
		payload.fault(payload.path+"recipient", required)
	}
	client, _ := payload.object("client-info")
	ev.Campaign = &Campaign{
		ID:     campaignID(payload.value),
		Device: client.str("device-type"),
		URL:    payload.str("url"),
		Action: action,
	}
	ev.Campaign.happened(ev, payload, "timestamp")
}

// happened sets when it was, and the event's time where the envelope has none.
func (c *Campaign) happened(ev *Event, f fields, names ...string) {
	if t := f.time(names...); t != nil {
		c.At = *t
	}
	ev.emitted(f, names...)
}

// campaignID returns the first of the campaigns, by name or as an object.
func campaignID(payload value) string {
	for _, item := range payload.member("campaigns").items {
		if item.isObject() {
			item = firstString(item, "id", "name")
		}
		if badID(item) == "" {
			return item.text
		}
	}
	return ""
}
