package scoring_test

import (
	"encoding/json"
	"testing"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

func TestReadPreferences(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fields map[string]any
		want   string
	}{
		{"the seed's", map[string]any{"budget": "300000-500000", "timeline": "3 months", "property_type": "single_family"},
			`{"budget_min":300000,"budget_max":500000,"timeline_months":3,"property_type":"single_family"}`},
		{"display names", map[string]any{"Property Type": "Townhome", "Price Range": "$300k - $450k"},
			`{"budget_min":300000,"budget_max":450000,"property_type":"townhouse"}`},
		{"thousands", map[string]any{"budget": "400k"}, `{"budget_max":400000}`},
		{"millions", map[string]any{"Budget": "$1.2M"}, `{"budget_max":1200000}`},
		{"one scale for both", map[string]any{"budget": "300-400k"}, `{"budget_min":300000,"budget_max":400000}`},
		{"millions for both", map[string]any{"budget": "1-1.5 million"}, `{"budget_min":1000000,"budget_max":1500000}`},
		{"an upper bound", map[string]any{"budget": "under 500k"}, `{"budget_max":500000}`},
		{"a lower bound", map[string]any{"budget": "500k+"}, `{"budget_min":500000}`},
		{"a number", map[string]any{"budget": 450000.0}, `{"budget_max":450000}`},
		{"at once", map[string]any{"timeline": "ASAP"}, `{"timeline_months":0}`},
		{"the later end", map[string]any{"timeline": "6-9 months"}, `{"timeline_months":9}`},
		{"weeks", map[string]any{"Timeframe": "2 weeks"}, `{"timeline_months":0.5}`},
		{"a year", map[string]any{"timeline": "1 year"}, `{"timeline_months":12}`},
		{"places", map[string]any{"Preferred Locations": []any{"Austin", "Round Rock"}}, `{"locations":["Austin","Round Rock"]}`},
		{"what cannot be read", map[string]any{"budget": "tbd", "timeline": nil, "favourite_colour": "blue"}, `{}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := json.Marshal(scoring.ReadPreferences(tt.fields))
			if err != nil || string(got) != tt.want {
				t.Errorf("ReadPreferences(%v) = %s, %v; want %s", tt.fields, got, err, tt.want)
			}
		})
	}
}

func TestPropertyAddress(t *testing.T) {
	for name, want := range map[string]string{
		"123 Main Street - Buyer":          "123 Main Street",
		"Buyer – 12 Oak Ave, Austin":       "12 Oak Ave, Austin",
		"Smith: 9B Hill Rd":                "9B Hill Rd",
		"123 Main Street":                  "123 Main Street",
		"John Smith":                       "",
		"3 bed condo - Jones":              "",
		"500k buyer":                       "",
		"":                                 "",
		"1600 Pennsylvania Ave | Seller":   "1600 Pennsylvania Ave",
		"Web lead - 7 days - 44 Elm Court": "44 Elm Court",
	} {
		if got := scoring.PropertyAddress(name); got != want {
			t.Errorf("PropertyAddress(%q) = %q, want %q", name, got, want)
		}
	}
}
