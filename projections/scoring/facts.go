package scoring

import (
	"slices"
	"time"
)

// refuses reports whether a message turns us away: it is no engagement,
// whatever it says besides.
func refuses(intent string) bool {
	switch intent {
	case OptOut, WrongNumber, NotInterested, OtherAgent:
		return true
	}
	return false
}

// speaks reports whether m is a word of the lead that is worth something.
func (m *Message) speaks() bool { return m.Inbound && !m.Machine && !refuses(m.Intent) }

// when is the appointment's date, or when it was booked if that is not known.
func (a *Appointment) when() time.Time {
	if a.Start.IsZero() {
		return a.Booked
	}
	return a.Start
}

// held reports whether a stands or took place. A missed or cancelled one is
// no sign of life: else a missed tour could raise a score.
func (a *Appointment) held() bool { return a.Status == "scheduled" || a.Status == "completed" }

// lastSpoken is the newest message that speaks, nil if there is none.
func (f *Facts) lastSpoken() *Message {
	var last *Message
	for i := range f.Messages {
		if m := &f.Messages[i]; m.speaks() && (last == nil || !m.At.Before(last.At)) {
			last = m
		}
	}
	return last
}

// lastInbound is the newest message that a person sent, a refusal included.
func (f *Facts) lastInbound() *Message {
	var last *Message
	for i := range f.Messages {
		if m := &f.Messages[i]; m.Inbound && !m.Machine && (last == nil || !m.At.Before(last.At)) {
			last = m
		}
	}
	return last
}

// refusal is the last word of the lead, if that turns us away and the lead did
// not come back since; else nil.
func (f *Facts) refusal() *Message {
	m := f.lastInbound()
	if m == nil || !refuses(m.Intent) || m.At.Before(f.turnedBack()) {
		return nil
	}
	return m
}

// lastActivity is when the lead last did something of its own accord, and the
// entry that tells of it. A refusal is not counted: else it could raise a
// score or lower a risk.
func (f *Facts) lastActivity() (time.Time, string) {
	last, event := f.Created, f.CreatedBy
	newer := func(at time.Time, by string) {
		if at.After(last) {
			last, event = at, by
		}
	}
	if m := f.lastSpoken(); m != nil {
		newer(m.At, m.Event)
	}
	for i := range f.Appointments {
		if a := &f.Appointments[i]; a.held() {
			newer(a.Booked, a.Event)
			newer(a.Ended, a.Event)
		}
	}
	for _, touches := range [2][]Touch{f.Opens, f.Clicks} {
		for _, t := range touches {
			newer(t.At, t.Event)
		}
	}
	return last, event
}

// turnedBack is when the lead last came towards us, zero if never.
func (f *Facts) turnedBack() time.Time {
	var last time.Time
	for i := range f.Messages {
		m := &f.Messages[i]
		if m.speaks() && (m.Intent == TourRequest || m.Intent == Interested) && m.At.After(last) {
			last = m.At
		}
	}
	for i := range f.Appointments {
		if a := &f.Appointments[i]; a.held() && a.Booked.After(last) {
			last = a.Booked
		}
	}
	return last
}

// tourAhead is the next appointment that is still to come, nil if there is
// none. One without a date is ahead until something else is reported of it.
func (f *Facts) tourAhead() *Appointment {
	var next *Appointment
	for i := range f.Appointments {
		a := &f.Appointments[i]
		if a.Status != "scheduled" || !a.Start.IsZero() && a.Start.Before(f.AsOf) {
			continue
		}
		if next == nil || a.when().Before(next.when()) {
			next = a
		}
	}
	return next
}

// newestWith is the appointment with that status that ended last, nil if none.
func (f *Facts) newestWith(status string) *Appointment {
	var last *Appointment
	for i := range f.Appointments {
		a := &f.Appointments[i]
		if a.Status == status && (last == nil || a.Ended.After(last.Ended)) {
			last = a
		}
	}
	return last
}

// outcome is the newest closed deal of a lead without an open one, nil if
// there is none: it says how the lead ended.
func (f *Facts) outcome() *Opportunity {
	var last *Opportunity
	for i := range f.Opportunities {
		o := &f.Opportunities[i]
		if o.Status == "open" {
			return nil
		}
		if (o.Status == "won" || o.Status == "lost") && (last == nil || o.At.After(last.At)) {
			last = o
		}
	}
	return last
}

// count is how many appointments have that status.
func (f *Facts) count(status string) int {
	n := 0
	for i := range f.Appointments {
		if f.Appointments[i].Status == status {
			n++
		}
	}
	return n
}

// asked is the newest message with one of these intents in the days before
// AsOf, nil if there is none.
func (f *Facts) asked(within time.Duration, intents ...string) *Message {
	var last *Message
	for i := range f.Messages {
		m := &f.Messages[i]
		if m.speaks() && slices.Contains(intents, m.Intent) && f.AsOf.Sub(m.At) <= within && (last == nil || m.At.After(last.At)) {
			last = m
		}
	}
	return last
}
