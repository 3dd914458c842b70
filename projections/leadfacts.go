package projections

import (
	"slices"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// facts is what a score may know of the lead.
func (l *leadReader) facts() scoring.Facts {
	lead := &l.lead
	f := scoring.Facts{
		AsOf: l.asOf(), Created: lead.Created, Source: lead.Source,
		HasEmail: lead.Email != "", HasPhone: lead.Phone != "", Completeness: completeness(*lead),
		BudgetMin: lead.Preferences.BudgetMin, BudgetMax: lead.Preferences.BudgetMax,
		TimelineMonths: lead.Preferences.TimelineMonths, PropertyType: lead.Preferences.PropertyType,
		Locations: lead.Preferences.Locations, PreferenceChanges: len(lead.PreferenceChanges),
		CreatedBy: l.row.First.event(), PreferencesBy: l.preferencesBy(),
		OptedOut: lead.OptedOut, OptedOutBy: lead.OptedOutBy, Deleted: l.row.Gone.V || l.row.Forgotten,
	}
	if !l.row.Created.isZero() {
		f.CreatedBy = l.row.Created.event()
	}
	if l.row.Gone.V {
		f.DeletedBy = l.row.Gone.S.event()
	}
	if lead.Score != nil {
		f.Quality = lead.Score.Quality
	}
	f.Opportunities, f.Appointments = l.opportunityFacts(), l.appointmentFacts()
	for _, m := range slices.Backward(l.messages) {
		f.Messages = append(f.Messages, m.fact())
	}
	f.Opens, f.Clicks = l.touched(ghl.Opened), l.touched(ghl.Clicked)
	return f
}

// asOf is the time of the newest event, or of the newest tick of the clock.
func (l *leadReader) asOf() time.Time {
	asOf := l.lead.Updated
	var tick int64
	if ok, err := l.get("clock", []byte("tick"), &tick); err == nil && ok && time.UnixMicro(tick).After(asOf) {
		asOf = time.UnixMicro(tick).UTC()
	}
	return asOf
}

// completeness is how much of what we would like to know we do.
func completeness(l Lead) float64 {
	p := l.Preferences
	known := []bool{
		l.FirstName != "" || l.Name != "", l.LastName != "" || l.Name != "", l.Email != "", l.Phone != "", l.Source != "",
		p.BudgetMin != 0 || p.BudgetMax != 0, p.TimelineMonths != nil, p.PropertyType != "", len(p.Locations) > 0,
	}
	n := 0
	for _, k := range known {
		if k {
			n++
		}
	}
	return float64(n) / float64(len(known))
}

// preferencesBy is the newest event that a preference comes from.
func (l *leadReader) preferencesBy() string {
	newest := ""
	for _, id := range l.lead.Preferences.From {
		newest = max(newest, id)
	}
	return newest
}

func (l *leadReader) opportunityFacts() (list []scoring.Opportunity) {
	for _, o := range l.lead.Opportunities {
		_, since := l.row.Opps[o.ID].Status.current()
		list = append(list, scoring.Opportunity{
			ID: o.ID, Stage: o.Stage, Status: o.Status, Value: o.Value, At: since.time(), Event: since.event(),
		})
	}
	return list
}

func (l *leadReader) appointmentFacts() (list []scoring.Appointment) {
	for _, a := range l.lead.Appointments {
		row := l.row.Appts[a.ID]
		_, since := row.Status.current()
		fact := scoring.Appointment{ID: a.ID, Status: a.Status, Sentiment: a.Sentiment, Event: since.event()}
		if a.Start != nil {
			fact.Start = *a.Start
		}
		fact.Booked = row.first().time()
		if a.Status != "scheduled" {
			fact.Ended = since.time()
		}
		list = append(list, fact)
	}
	return list
}

// first is when the appointment was first heard of.
func (row *appointmentRow) first() (oldest stamp) {
	for _, sp := range row.Status {
		oldest.lower(sp.First)
	}
	return oldest
}

// touched are the newest e-mail events of that action, newest last.
func (l *leadReader) touched(action ghl.CampaignAction) (list []scoring.Touch) {
	for _, t := range l.touches {
		if t.Action != string(action) {
			continue
		}
		if list = append(list, scoring.Touch{At: t.S.time(), Event: t.S.event()}); len(list) == keptMessages {
			break
		}
	}
	slices.Reverse(list)
	return list
}
