package scoring

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// The names under which a preference is kept in a CRM, as fieldName gives them.
var preferenceFields = map[string]func(*Preferences, string){
	"budget": setBudget, "budget_range": setBudget, "price_range": setBudget, "price": setBudget, "price_point": setBudget,
	"budget_max": setBudgetMax, "max_budget": setBudgetMax, "maximum_budget": setBudgetMax, "max_price": setBudgetMax, "price_max": setBudgetMax,
	"budget_min": setBudgetMin, "min_budget": setBudgetMin, "minimum_budget": setBudgetMin, "min_price": setBudgetMin, "price_min": setBudgetMin,
	"timeline": setTimeline, "time_line": setTimeline, "timeframe": setTimeline, "time_frame": setTimeline, "timeline_months": setTimeline,
	"move_in": setTimeline, "moving_timeline": setTimeline, "purchase_timeline": setTimeline, "buying_timeline": setTimeline,
	"property_type": setPropertyType, "home_type": setPropertyType, "type_of_property": setPropertyType, "type_of_home": setPropertyType,
	"location": setLocations, "locations": setLocations, "preferred_location": setLocations, "preferred_locations": setLocations,
	"area": setLocations, "areas": setLocations, "preferred_area": setLocations, "preferred_areas": setLocations,
	"neighborhood": setLocations, "neighborhoods": setLocations, "neighbourhood": setLocations, "desired_location": setLocations,
}

// ReadPreferences takes what a lead looks for from custom fields, by the names
// that people give them, however they are written ("Property Type",
// "property_type"). What it cannot read stays unknown.
func ReadPreferences(fields map[string]any) Preferences {
	var p Preferences
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		key := fieldName(name)
		set, ok := preferenceFields[key]
		if ok && !ghl.IsOurs(key) {
			set(&p, fieldText(fields[name]))
		}
	}
	return p
}

// fieldName is a name in lower case with underscores: "Property Type",
// "contact.propertyType" and "property-type" are property_type.
func fieldName(name string) string {
	name = strings.TrimPrefix(strings.TrimSpace(name), "contact.")
	var b strings.Builder
	gap, lower := false, false
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			gap = b.Len() > 0
			continue
		}
		if gap || lower && unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		gap, lower = false, unicode.IsLower(r)
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// fieldText is a value as text; several values are separated by commas.
func fieldText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return strings.TrimSpace(v)
	case float64:
		return strings.TrimSuffix(fmt.Sprintf("%.2f", v), ".00")
	case []any:
		parts := make([]string, 0, len(v))
		for _, x := range v {
			parts = append(parts, fieldText(x))
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v)
}

func setBudget(p *Preferences, s string) {
	if b := budgetOfField(s); b != (budget{}) {
		p.BudgetMin, p.BudgetMax = b.low, b.high
	}
}

func setBudgetMax(p *Preferences, s string) {
	if b := budgetOfField(s); b != (budget{}) {
		p.BudgetMax = max(b.low, b.high)
	}
}

func setBudgetMin(p *Preferences, s string) {
	if b := budgetOfField(s); b.high > 0 {
		p.BudgetMin = b.high
	} else if b.low > 0 {
		p.BudgetMin = b.low
	}
}

func setTimeline(p *Preferences, s string) {
	if m, ok := timelineOf(strings.ToLower(s), true); ok {
		p.TimelineMonths = &m
	}
}

func setPropertyType(p *Preferences, s string) {
	if s != "" {
		p.PropertyType = propertyTypeOf(s)
	}
}

func setLocations(p *Preferences, s string) {
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == ';' || r == '/' || r == '|' || r == '\n' }) {
		if part = strings.TrimSpace(part); part != "" && !slices.Contains(p.Locations, part) {
			p.Locations = append(p.Locations, part)
		}
	}
}

// propertyTypeOf names a type as the views do; what has no name of ours keeps
// its own.
func propertyTypeOf(s string) string {
	name := fieldName(s)
	for _, t := range propertyTypes {
		if slices.Contains(t.names, name) {
			return t.code
		}
	}
	return name
}

var propertyTypes = []struct {
	code  string
	names []string
}{
	{"single_family", []string{"single_family", "single_family_home", "single_family_house", "sfh", "sfr", "house", "detached", "detached_house", "home"}},
	{"condo", []string{"condo", "condos", "condominium", "condominiums"}},
	{"townhouse", []string{"townhouse", "townhouses", "townhome", "townhomes", "town_house", "town_home", "row_house", "rowhouse"}},
	{"multi_family", []string{"multi_family", "multifamily", "duplex", "triplex", "fourplex", "multi_family_home", "2_4_units"}},
	{"apartment", []string{"apartment", "apartments", "flat", "flats"}},
	{"land", []string{"land", "lot", "lots", "acreage", "vacant_land"}},
	{"mobile_home", []string{"mobile_home", "manufactured", "manufactured_home", "mobile"}},
	{"commercial", []string{"commercial", "commercial_property", "office", "retail"}},
}
