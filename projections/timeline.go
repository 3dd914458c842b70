package projections

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

func (f *leadFold) putMoment(subject, text string) error {
	if f.lean {
		return nil
	}
	m := Moment{
		EventID: ledger.FormatID(f.e.ID), Seq: uint64(f.e.Seq), Kind: f.e.Kind,
		Occurred: f.s.time(), Recorded: f.e.Recorded, Cause: ledger.FormatID(f.e.Cause),
		Text: text, Changed: f.changed,
	}
	return f.put("timeline", momentKey(subject, f.e.Seq), m)
}

func momentKey(subject string, seq ledger.Seq) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(subject), 0), uint64(seq))
}

// moments are up to limit lines of the subjects' timelines after a seq, in
// order, and whether there are more.
func (r rows) moments(subjects []string, after ledger.Seq, limit int) (list []Moment, more bool, err error) {
	b := r.tx.Bucket([]byte("timeline"))
	if b == nil {
		return nil, false, nil
	}
	for _, subject := range subjects {
		prefix := append([]byte(subject), 0)
		c := b.Cursor()
		n := 0
		for k, v := c.Seek(momentKey(subject, after+1)); strings.HasPrefix(string(k), string(prefix)) && n <= limit; k, v = c.Next() {
			var m Moment
			if err := Decode("timeline", v, &m); err != nil {
				return nil, false, err
			}
			list = append(list, m)
			n++
		}
	}
	slices.SortFunc(list, func(a, b Moment) int { return int(int64(a.Seq) - int64(b.Seq)) })
	if len(list) > limit {
		return list[:limit], true, nil
	}
	return list, false, nil
}

// resolved is m with the names of custom fields that were not known when it
// was folded.
func (r rows) resolved(location string, m Moment) Moment {
	for _, name := range sortedKeys(m.Changed) {
		field, custom := strings.CutPrefix(name, "custom_fields.")
		if known := r.fieldName(location, field); custom && known != field {
			m.Changed["custom_fields."+known] = m.Changed[name]
			delete(m.Changed, name)
		}
	}
	return m
}

// describe says what happened, where there is a timeline.
func (f *leadFold) describe() string {
	if f.lean {
		return ""
	}
	return describe(f.ev, f.changed)
}

// describe says what happened, as a person would.
func describe(ev ghl.Event, changed map[string]any) string {
	switch {
	case ev.Type == ghl.ContactUpdated && len(changed) > 0:
		return "Contact updated: " + strings.Join(fieldNames(changed), ", ")
	case ev.Opportunity != nil:
		return describeOpportunity(ev)
	case ev.Appointment != nil:
		return describeAppointment(ev)
	case ev.Message != nil:
		return describeMessage(ev)
	case ev.Campaign != nil:
		return "E-mail " + string(ev.Campaign.Action)
	}
	return sentence(string(ev.Type))
}

func fieldNames(changed map[string]any) []string {
	names := sortedKeys(changed)
	for i, name := range names {
		names[i] = strings.ReplaceAll(strings.TrimPrefix(name, "custom_fields."), "_", " ")
	}
	return names
}

func describeOpportunity(ev ghl.Event) string {
	text, o := sentence(string(ev.Type)), ev.Opportunity
	if name := cmp.Or(deref(o.Name), deref(o.PropertyAddress)); name != "" {
		text += ": " + shorten(name)
	}
	if o.Value != nil {
		text += " for $" + grouped(*o.Value)
	}
	if o.Reason != nil {
		text += " (" + shorten(*o.Reason) + ")"
	}
	return text
}

func describeAppointment(ev ghl.Event) string {
	text, a := sentence(string(ev.Type)), ev.Appointment
	if a.Start != nil {
		text += " for " + a.Start.UTC().Format("Mon 2 Jan 2006 15:04 MST")
	}
	if a.PropertyAddress != nil {
		text += ": " + shorten(*a.PropertyAddress)
	}
	if a.Feedback != nil {
		text += ": “" + shorten(*a.Feedback) + "”"
	}
	return text
}

func describeMessage(ev ghl.Event) string {
	text, m := sentence(string(ev.Type)), ev.Message
	if m.Channel != "" {
		text += " by " + m.Channel
	}
	if content := plainText(m); content != "" {
		text += ": “" + shorten(content) + "”"
	}
	return text
}

// sentence makes words of a kind: appointment.scheduled is Appointment scheduled.
func sentence(kind string) string {
	words := strings.NewReplacer(".", " ", "_", " ").Replace(kind)
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// shorten keeps the first 140 characters on one line.
func shorten(s string) string {
	const most = 140
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

// grouped writes a sum with commas: 425,000.
func grouped(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
