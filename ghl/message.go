package ghl

import (
	"strings"
	"time"
)

// messageEvent reads InboundMessage and OutboundMessage.
func messageEvent(ev *Event, f fields) {
	ev.Type = MessageSent
	if isInbound(ev.RawType, f) {
		ev.Type = MessageReceived
	}
	ev.ContactID = f.requiredID("contactId", "contact_id")
	ev.emitted(f, "dateAdded")
	m := &Message{
		ID:             f.id("messageId", "emailMessageId"),
		ConversationID: f.id("conversationId"),
		Channel:        channel(f.str("messageType", "messageTypeString")),
		Content:        orEmpty(f.long("body")),
		Subject:        f.str("subject"),
		From:           first(f.addresses("from")),
		To:             f.addresses("to"),
		Status:         f.str("status", "callStatus"),
		Source:         f.str("source"),
		Attachments:    len(f.member("attachments").items),
	}
	m.finish(ev, f.str("contentType"))
	if d := f.duration("callDuration", time.Second); d != nil {
		m.CallDuration = *d
	}
	ev.Message = m
}

// isInbound tells a message's direction. An inbound call may come as an
// OutboundMessage whose direction is inbound; but so do GoHighLevel's samples
// of real outbound ones, which have a source, as only those have.
func isInbound(rawType string, f fields) bool {
	inbound := strings.EqualFold(f.str("direction"), "inbound")
	return rawType == "InboundMessage" || inbound && !f.has("source")
}

// finish settles what follows from the other fields.
func (m *Message) finish(ev *Event, contentType string) {
	if m.Channel == "call" && strings.EqualFold(m.Status, "voicemail") {
		m.Channel = "voicemail"
	}
	if m.ID == "" {
		m.ID = ev.ID
	}
	m.HTML = strings.HasPrefix(contentType, "text/html") ||
		contentType == "" && m.Channel == "email" && strings.Contains(m.Content, "<")
}

// isProviderMessage tells a message that GoHighLevel asks a provider to
// deliver, by its shape: its type is only SMS or Email.
func isProviderMessage(v value) bool {
	switch v.member("type").text {
	case "SMS", "Email":
		return v.member("messageId").isString() && v.member("contactId").isString()
	}
	return false
}

func providerMessage(ev *Event, f fields) {
	ev.Type = MessageSent
	ev.ContactID = f.requiredID("contactId")
	ev.Message = &Message{
		ID:          f.id("messageId", "emailMessageId"),
		Channel:     channel(ev.RawType),
		Content:     orEmpty(f.long("message", "html")),
		Subject:     f.str("subject"),
		From:        first(f.addresses("emailFrom")),
		To:          append(f.addresses("emailTo"), f.addresses("phone")...),
		Attachments: len(f.member("attachments").items),
	}
	ev.Message.finish(ev, "")
}

// addresses reads a from or a to: a string, an array of them, or an object of
// a custom provider, which may be empty. Whatever else it is, it is no fault.
func (f fields) addresses(name string) []string {
	v := f.member(name)
	items := v.items
	if !v.isArray() {
		items = []value{v}
	}
	var all []string
	for _, item := range items {
		if item.isObject() {
			item = firstString(item, "email", "address", "phone", "number", "id")
		}
		if item.isString() && item.text != "" {
			all = append(all, bareAddress(item.text))
		}
	}
	return all
}

func firstString(v value, names ...string) value {
	for _, name := range names {
		if s := v.member(name); s.isString() {
			return s
		}
	}
	return absent
}

// bareAddress is the address in "Name <address>".
func bareAddress(s string) string {
	if _, rest, ok := strings.Cut(s, "<"); ok {
		s, _, _ = strings.Cut(rest, ">")
	}
	return strings.TrimSpace(s)
}

func first(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// channel returns a channel's one name: GoHighLevel writes "FB", "TYPE_SMS"
// and "Live Chat" where the seed writes "facebook" and "sms".
func channel(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	s = strings.TrimPrefix(s, "type_")
	if name, ok := channels[s]; ok {
		return name
	}
	return s
}

var channels = map[string]string{
	"fb":        "facebook",
	"ig":        "instagram",
	"live chat": "chat",
	"live_chat": "chat",
	"webchat":   "chat",

	// A workflow writes the message's type as a number.
	"1": "call", "2": "sms", "3": "email", "5": "chat",
	"11": "facebook", "18": "instagram", "19": "whatsapp", "29": "chat",
}

// duration reads a number of units, at most a year's worth and not negative.
func (f fields) duration(name string, unit time.Duration) *time.Duration {
	n := f.number(name)
	if n == nil {
		return nil
	}
	const year = 366 * 24 * time.Hour
	if *n < 0 || *n > float64(year/unit) {
		f.fault(f.path+name, "out of range")
		return nil
	}
	d := time.Duration(*n * float64(unit))
	return &d
}
