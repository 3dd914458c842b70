package projections

import (
	"html"
	"regexp"
	"strings"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// intentOptOut is the intent of a message that asks to be left alone.
const intentOptOut = "opt_out"

// foldMessage keeps a message once by its id, the newest word of it. Sums and
// rows are apart, so that a lead's row does not grow with its messages.
func (f *leadFold) foldMessage(m *ghl.Message) error {
	row := messageRow{ID: idOr(m.ID, f.s), Inbound: f.ev.Type == ghl.MessageReceived, Channel: m.Channel, S: f.s}
	if row.Inbound && m.Content != "" {
		said := f.Text(plainText(m))
		row.Intent, row.Sentiment, row.Label, row.Machine = said.Intent, said.Sentiment, said.Label, said.Machine
		if said.Intent == intentOptOut {
			f.row.OptedOut.raise(f.s)
		}
		if err := f.observeText(said.Preferences); err != nil {
			return err
		}
	}
	fresh, err := f.putMessage(row)
	switch {
	case err != nil || !fresh:
		return err
	case row.Inbound:
		f.row.In++
	default:
		f.row.Out++
	}
	return nil
}

// putMessage reports whether the message is a new one.
func (f *leadFold) putMessage(row messageRow) (fresh bool, err error) {
	var known stamp
	idKey := key(f.contact, row.ID)
	found, err := f.get("message_ids", idKey, &known)
	if err != nil || found && !row.S.after(known) {
		return false, err
	}
	if found {
		if err := f.delete("messages", key([]byte(f.contact), known.key())); err != nil {
			return false, err
		}
	}
	if err := f.put("message_ids", idKey, row.S); err != nil {
		return false, err
	}
	return !found, f.put("messages", key([]byte(f.contact), row.S.key()), row)
}

// foldTouch keeps what became of an e-mail, under the contact or, where the
// event names none, under the address until a contact bears it.
func (f *leadFold) foldTouch(subject string, c *ghl.Campaign) error {
	k := key([]byte(subject), f.s.key())
	var known touchRow
	if found, err := f.get("touches", k, &known); err != nil || found && !f.s.after(known.S) {
		return err
	}
	return f.put("touches", k, touchRow{Action: string(c.Action), Campaign: c.ID, S: f.s})
}

// foldAddressed folds an e-mail event that names an address only. It may come
// before its contact: both are matched when the lead is read.
func (f *leadFold) foldAddressed() error {
	if f.ev.Campaign == nil || f.ev.Address == "" {
		return nil
	}
	subject := addressSubject(f.e.Location, normalAddress(f.ev.Address))
	if err := f.foldTouch(subject, f.ev.Campaign); err != nil {
		return err
	}
	return f.putMoment(subject, f.describe())
}

var tags = regexp.MustCompile(`(?s)<(style|script|head)\b.*?</(style|script|head)>|<[^>]*>`)

// plainText is a message's text without its markup.
func plainText(m *ghl.Message) string {
	if !m.HTML {
		return m.Content
	}
	text := tags.ReplaceAllString(m.Content, "\n")
	return strings.TrimSpace(html.UnescapeString(text))
}

// touches are the contact's e-mail events, newest first.
func (r rows) touches(subjects []string) (list []touchRow, err error) {
	for _, subject := range subjects {
		for _, v := range r.newest("touches", []byte(subject)) {
			var t touchRow
			if err := Decode("touches", v, &t); err != nil {
				return nil, err
			}
			list = append(list, t)
		}
	}
	sortNewest(list, func(t touchRow) stamp { return t.S })
	return list, nil
}

// messages are the contact's newest messages, newest first.
func (r rows) messages(contact string, limit int) (list []messageRow, err error) {
	for _, v := range r.newest("messages", []byte(contact)) {
		var m messageRow
		if err := Decode("messages", v, &m); err != nil {
			return nil, err
		}
		if list = append(list, m); len(list) == limit {
			break
		}
	}
	return list, nil
}

func (m messageRow) fact() scoring.Message {
	return scoring.Message{
		At: m.S.time(), Inbound: m.Inbound, Channel: m.Channel,
		Intent: m.Intent, Sentiment: m.Sentiment, Machine: m.Machine, Event: m.S.event(),
	}
}
