package projections

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// keptMessages is how many of a lead's newest messages a score looks at.
const keptMessages = 100

// leadReader works a lead out of its rows.
type leadReader struct {
	Meaning
	rows
	contact  string
	row      *leadRow
	lead     Lead
	messages []messageRow // newest first
	touches  []touchRow   // newest first
}

// read returns the contact's lead, and false if no event told of it.
func (r rows) read(m Meaning, contact string) (Lead, bool, error) {
	lead, ok, err := r.unmatched(m, contact)
	if err != nil || !ok {
		return lead, ok, err
	}
	lead.PropertyMatches, err = r.matches(lead.LocationID, lead.Preferences.Preferences)
	return lead, true, err
}

// unmatched is read without the properties that fit the lead: no score knows of
// them, and to look for them takes as long as all the rest.
func (r rows) unmatched(m Meaning, contact string) (Lead, bool, error) {
	row, _, err := r.lead(contact)
	if err != nil || row.First.isZero() && !row.Forgotten {
		return Lead{}, false, err
	}
	l := &leadReader{Meaning: m.orDefault(), rows: r, contact: contact, row: row}
	for _, step := range []func() error{l.profile, l.fields, l.preferences, l.deals, l.engagement, l.score} {
		if err := step(); err != nil {
			return Lead{}, false, err
		}
	}
	l.lead.Status = l.life().status()
	l.lead.Facts = l.facts()
	return l.lead, true, nil
}

func (l *leadReader) profile() error {
	p := func(name string) string { return l.row.Profile[name].V }
	l.lead = Lead{
		ContactID: l.contact, LocationID: l.row.Location.V,
		Name: p("name"), FirstName: p("first_name"), LastName: p("last_name"),
		Email: p("email"), Phone: p("phone"), Source: p("source"), AssignedTo: p("assigned_to"),
		Tags: l.row.Tags.V, CustomFields: map[string]any{},
		Opportunities: []LeadOpportunity{}, Appointments: []LeadAppointment{}, PropertyMatches: []PropertyMatch{},
		Created: l.row.First.time(), Updated: l.row.Newest.time(),
		AsOf: ledger.FormatID(l.row.AsOf), Asked: l.row.Asked, Introduced: !l.row.Created.isZero(),
	}
	if full := strings.TrimSpace(l.lead.FirstName + " " + l.lead.LastName); full != "" {
		l.lead.Name = full
	}
	if l.lead.Tags == nil {
		l.lead.Tags = []string{}
	}
	for _, address := range l.row.Emails {
		if !l.bearsAlso(l.lead.LocationID, address, l.contact) {
			l.lead.Addresses = append(l.lead.Addresses, address)
		}
	}
	return nil
}

// bearsAlso reports whether another contact of the location has the address,
// now or before.
func (r rows) bearsAlso(location, address, contact string) bool {
	for other := range r.under("addresses", key(location, address)) {
		if string(other) != contact {
			return true
		}
	}
	return false
}

// fields resolves custom fields to their names and works out what
// GoHighLevel holds in ours. Of two names for one field the newer value wins.
func (l *leadReader) fields() error {
	newest, known := map[string]stamp{}, maps.Clone(l.row.Written)
	for _, raw := range sortedKeys(l.row.Custom) {
		reg := l.row.Custom[raw]
		name := strings.TrimPrefix(l.fieldName(l.row.Location.V, raw), "#")
		if reg.S.after(newest[name]) {
			newest[name] = reg.S
			l.lead.CustomFields[name] = reg.V
		}
		if ghl.IsOurs(name) {
			put(&known, name, reg.V, reg.S)
		}
	}
	l.lead.Known = map[string]any{}
	for name, reg := range known {
		l.lead.Known[name] = reg.V
	}
	return nil
}

func (l *leadReader) preferences() error {
	seen, err := l.observations(l.Meaning, l.row.Location.V, l.contact)
	if err != nil {
		return err
	}
	l.lead.Preferences, l.lead.PreferenceChanges = readPreferences(seen)
	if l.lead.PreferenceChanges == nil {
		l.lead.PreferenceChanges = []Change{}
	}
	return nil
}

func (l *leadReader) deals() error {
	for _, id := range sortedKeys(l.row.Opps) {
		row := l.row.Opps[id]
		if status, _ := row.Status.current(); status != "deleted" {
			l.lead.Opportunities = append(l.lead.Opportunities, l.opportunity(id, row))
		}
	}
	for _, id := range sortedKeys(l.row.Appts) {
		l.lead.Appointments = append(l.lead.Appointments, l.appointment(id, l.row.Appts[id]))
	}
	return nil
}

func (l *leadReader) opportunity(id string, row *opportunityRow) LeadOpportunity {
	location := l.row.Location.V
	o := LeadOpportunity{
		ID: id, Name: row.Fields["name"].V, Value: row.Value.V, RawStatus: row.Raw.V,
		Stage:           l.nameOf(row.Fields, "stage", location, readStages),
		Pipeline:        l.nameOf(row.Fields, "pipeline", location, readPipelines),
		PropertyAddress: row.property(l.Address),
	}
	c := l.closing(location, row)
	o.Status, o.FinalPrice, o.CloseDate, o.Reason = c.status, c.price, c.date, c.reason
	return o
}

// property is the address that the deal names, or that its name begins with.
func (row *opportunityRow) property(address func(string) string) string {
	if said := row.Fields["property_address"].V; said != "" {
		return said
	}
	if name := row.Fields["name"].V; name != "" {
		return address(name)
	}
	return ""
}

func (l *leadReader) appointment(id string, row *appointmentRow) LeadAppointment {
	a := LeadAppointment{
		ID: id, PropertyAddress: row.Fields["property_address"].V,
		DurationMinutes: row.Minutes.V, Feedback: row.Fields["feedback"].V, Sentiment: row.Feedback.V,
		Type: row.Fields["type"].V,
	}
	if a.Type == "" {
		a.Type = l.named(l.row.Location.V, readCalendars, row.Fields["#calendar"].V)
	}
	if a.Status, _ = row.Status.current(); a.Status == "" {
		a.Status = "scheduled"
	}
	if !row.Start.S.isZero() {
		start := time.Unix(row.Start.V, 0).UTC()
		a.Start = &start
	}
	return a
}

func (l *leadReader) engagement() (err error) {
	if l.messages, err = l.rows.messages(l.contact, keptMessages); err != nil {
		return err
	}
	if l.touches, err = l.rows.touches(l.row.subjects(l.contact)); err != nil {
		return err
	}
	e := &l.lead.Engagement
	e.MessagesIn, e.MessagesOut = l.row.In, l.row.Out
	for _, t := range l.touches {
		switch ghl.CampaignAction(t.Action) {
		case ghl.Opened:
			e.Opens++
		case ghl.Clicked:
			e.Clicks++
		}
	}
	if i := slices.IndexFunc(l.messages, func(m messageRow) bool { return m.Inbound }); i >= 0 {
		e.LastMessage = l.messages[i].last()
		e.LastInboundAt = &e.LastMessage.At
	}
	l.optOut()
	return nil
}

func (m messageRow) last() *LastMessage {
	return &LastMessage{
		EventID: m.S.event(), Channel: m.Channel, Intent: m.Intent,
		Sentiment: m.Sentiment, SentimentLabel: m.Label, At: m.S.time(),
	}
}

// optOut: the contact's do-not-disturb as last set, or a word to stop that
// nobody has lifted since.
func (l *leadReader) optOut() {
	l.lead.Forgotten = l.row.Forgotten
	out := l.row.OptedOut
	for _, t := range l.touches {
		if ghl.CampaignAction(t.Action).OptsOut() {
			out.raise(t.S)
		}
	}
	switch {
	case out.after(l.row.OptedIn):
		l.lead.OptedOut, l.lead.OptedOutBy = true, out.event()
	case l.row.DND.V:
		l.lead.OptedOut, l.lead.OptedOutBy = true, l.row.DND.S.event()
	}
}

func (l *leadReader) score() error {
	if l.row.Score == nil {
		return nil
	}
	l.lead.Score, l.lead.ScoredAs = &scoring.Score{}, l.row.ScoredAs
	return Decode("leads", l.row.Score, l.lead.Score)
}

// life is what the lead's status follows from.
func (l *leadReader) life() life {
	v := life{gone: l.row.Gone.V || l.row.Forgotten, bargains: slices.ContainsFunc(l.lead.Opportunities, LeadOpportunity.bargains)}
	for _, row := range l.row.Opps {
		v.deal(row.Status)
	}
	for _, row := range l.row.Appts {
		v.tour(row.Status)
	}
	v.engaged = l.row.In > 0 || slices.ContainsFunc(l.touches, touchRow.engages) || len(l.row.Opps) > 0 || len(l.row.Appts) > 0
	return v
}

func (o LeadOpportunity) bargains() bool { return o.Status == "open" && bargains(o.Stage) }
