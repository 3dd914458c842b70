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

func TestReadTextPreferences(t *testing.T) {
	for text, want := range map[string]string{
		"Looking for a 3 bedroom in Austin under 400k":                            `{"budget_max":400000,"locations":["Austin"]}`,
		"We want a condo in Round Rock or near Cedar Park, $300k to $350k":        `{"budget_min":300000,"budget_max":350000,"property_type":"condo","locations":["Round Rock","Cedar Park"]}`,
		"we're looking to move in 3 months, budget is around 450,000":             `{"budget_max":450000,"timeline_months":3}`,
		"any condos under 300k downtown?":                                         `{"budget_max":300000,"property_type":"condo"}`,
		"Need a townhouse ASAP":                                                   `{"property_type":"townhouse"}`,
		"We need to move within 30 days":                                          `{"timeline_months":1}`,
		"Any chance they'd take 380k?":                                            `{}`,
		"it has been on the market 3 months":                                      `{}`,
		"looking to sell our condo in Plano":                                      `{}`,
		"I do not want a condo":                                                   `{}`,
		"our lease is up in August":                                               `{}`,
		"Can I see 123 Main Street at 2?":                                         `{}`,
		"STOP":                                                                    `{}`,
		"approved for 350k, want something in the Domain area or in Pflugerville": `{"budget_max":350000,"locations":["Pflugerville"]}`,
	} {
		got, err := json.Marshal(scoring.ReadText(text).Preferences)
		if err != nil || string(got) != want {
			t.Errorf("preferences in %q = %s, %v; want %s", text, got, err, want)
		}
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
