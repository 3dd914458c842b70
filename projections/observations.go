package projections

import (
	"reflect"
	"slices"
	"strings"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// observation is what one event said of a lead's preferences.
type observation struct {
	Said scoring.Preferences `json:"p,omitzero"`
	Raw  map[string]any      `json:"raw,omitempty"` // values of fields of which only the id is known, by id
	Text bool                `json:"text,omitempty"`
	S    stamp               `json:"s"`
}

// maxObservations is how many of a contact's observations are read.
const maxObservations = 500

func (f *leadFold) observeFields(list []ghl.CustomField) error {
	named, raw := map[string]any{}, map[string]any{}
	for _, cf := range list {
		switch name := f.fieldName(f.e.Location, customKey(cf)); {
		case strings.HasPrefix(name, "#"):
			raw[name[1:]] = cf.Value
		case !ghl.IsOurs(name): // what we wrote is not evidence
			named[name] = cf.Value
		}
	}
	if len(raw) == 0 {
		raw = nil
	}
	return f.observe(observation{Said: f.Preferences(named), Raw: raw})
}

func (f *leadFold) observeText(p scoring.Preferences) error {
	return f.observe(observation{Said: p, Text: true})
}

func (f *leadFold) observe(o observation) error {
	if reflect.ValueOf(o.Said).IsZero() && len(o.Raw) == 0 {
		return nil
	}
	o.S = f.s
	k := key([]byte(f.contact), f.s.key())
	var known observation
	if found, err := f.get("preferences", k, &known); err != nil || found && !f.s.after(known.S) {
		return err
	}
	return f.put("preferences", k, o)
}

// observations are the contact's newest, oldest first, with the raw values of
// fields that have been read from GoHighLevel since.
func (r rows) observations(m Meaning, location, contact string) (list []observation, err error) {
	for _, v := range r.newest("preferences", []byte(contact)) {
		var o observation
		if err := Decode("preferences", v, &o); err != nil {
			return nil, err
		}
		if len(o.Raw) > 0 {
			o.Said = merge(o.Said, m.Preferences(r.resolve(location, o.Raw)))
		}
		if list = append(list, o); len(list) == maxObservations {
			break
		}
	}
	slices.Reverse(list)
	return list, nil
}

// resolve returns the fields whose names are known by now.
func (r rows) resolve(location string, byID map[string]any) map[string]any {
	named := map[string]any{}
	for id, v := range byID {
		if name := r.fieldName(location, "#"+id); !strings.HasPrefix(name, "#") && !ghl.IsOurs(name) {
			named[name] = v
		}
	}
	return named
}

// merge fills what p leaves unknown from q.
func merge(p, q scoring.Preferences) scoring.Preferences {
	if p.BudgetMin == 0 && p.BudgetMax == 0 {
		p.BudgetMin, p.BudgetMax = q.BudgetMin, q.BudgetMax
	}
	if p.TimelineMonths == nil {
		p.TimelineMonths = q.TimelineMonths
	}
	if p.PropertyType == "" {
		p.PropertyType = q.PropertyType
	}
	if p.Locations == nil {
		p.Locations = q.Locations
	}
	return p
}

// readPreferences goes through what was said, in the order of time. A field's
// value is news only when it differs from the field's last one: GoHighLevel
// repeats every field in every event, and would else undo what the lead has
// written in a message since.
func readPreferences(list []observation) (p Preferences, changes []Change) {
	p.From = map[string]string{}
	field := map[string]any{}
	for _, o := range list {
		for _, pref := range preferences {
			v := pref.get(o.Said)
			if v == nil || !o.Text && reflect.DeepEqual(v, field[pref.name]) {
				continue
			}
			if !o.Text {
				field[pref.name] = v
			}
			changes = append(changes, pref.set(&p, o)...)
		}
	}
	if len(p.From) == 0 {
		p.From = nil
	}
	return p, changes
}

// preference is one thing that a lead looks for. A budget's two ends are one,
// since a new upper end below the old lower one would make no budget at all.
type preference struct {
	name   string
	fields []string
	get    func(scoring.Preferences) any // nil if unknown
	copy   func(to *scoring.Preferences, from scoring.Preferences)
}

var preferences = []preference{
	{"budget", []string{"budget_min", "budget_max"},
		func(p scoring.Preferences) any {
			if p.BudgetMin == 0 && p.BudgetMax == 0 {
				return nil
			}
			return [2]float64{p.BudgetMin, p.BudgetMax}
		},
		func(to *scoring.Preferences, from scoring.Preferences) {
			to.BudgetMin, to.BudgetMax = from.BudgetMin, from.BudgetMax
		}},
	{"timeline_months", []string{"timeline_months"},
		func(p scoring.Preferences) any {
			if p.TimelineMonths == nil {
				return nil
			}
			return *p.TimelineMonths
		},
		func(to *scoring.Preferences, from scoring.Preferences) { to.TimelineMonths = from.TimelineMonths }},
	{"property_type", []string{"property_type"},
		func(p scoring.Preferences) any {
			if p.PropertyType == "" {
				return nil
			}
			return p.PropertyType
		},
		func(to *scoring.Preferences, from scoring.Preferences) { to.PropertyType = from.PropertyType }},
	{"locations", []string{"locations"},
		func(p scoring.Preferences) any {
			if len(p.Locations) == 0 {
				return nil
			}
			return p.Locations
		},
		func(to *scoring.Preferences, from scoring.Preferences) { to.Locations = from.Locations }},
}

// set takes the preference over from o and returns what that changes.
func (pref preference) set(p *Preferences, o observation) (changes []Change) {
	before := p.Preferences
	pref.copy(&p.Preferences, o.Said)
	for _, name := range pref.fields {
		was, is := valueOf(before, name), valueOf(p.Preferences, name)
		if is != nil {
			p.From[name] = o.S.event()
		} else {
			delete(p.From, name)
		}
		if pref.get(before) != nil && !reflect.DeepEqual(was, is) {
			changes = append(changes, Change{Field: name, Before: was, After: is, At: o.S.time(), EventID: o.S.event()})
		}
	}
	return changes
}

// valueOf returns one field of p, nil if it is unknown.
func valueOf(p scoring.Preferences, name string) any {
	switch {
	case name == "budget_min" && p.BudgetMin != 0:
		return p.BudgetMin
	case name == "budget_max" && p.BudgetMax != 0:
		return p.BudgetMax
	case name == "timeline_months" && p.TimelineMonths != nil:
		return *p.TimelineMonths
	case name == "property_type" && p.PropertyType != "":
		return p.PropertyType
	case name == "locations" && len(p.Locations) > 0:
		return p.Locations
	}
	return nil
}
