package scoring_test

import (
	"os"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// TestAnotherLanguage: a language is a file. A small Spanish one is read with
// no line of code for it.
func TestAnotherLanguage(t *testing.T) {
	data, err := os.ReadFile("testdata/es.json")
	if err != nil {
		t.Fatal(err)
	}
	spanish, err := scoring.ParseLanguage(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ text, intent, label string }{
		{"Ya no me escriban", scoring.OptOut, scoring.Negative},
		{"por favor dejen de llamarme", scoring.OptOut, scoring.Negative},
		{"BASTA", scoring.OptOut, scoring.Negative},
		{"Hola, ¿podemos ver la casa mañana?", scoring.TourRequest, scoring.Neutral},
		{"¿Cuánto cuesta?", scoring.PriceQuestion, scoring.Neutral},
		{"no me interesa", scoring.NotInterested, scoring.Negative},
		{"Me encanta, es hermosa", scoring.Interested, scoring.Positive},
		{"gracias 👍", scoring.Thanks, scoring.Positive},
		{"la casa es horrible", scoring.Other, scoring.Negative},
		{"what a lovely house", scoring.Other, scoring.Neutral}, // English words say nothing here
	} {
		if got := spanish.ReadText(tt.text); got.Intent != tt.intent || got.Label != tt.label {
			t.Errorf("%q is %s, %s (%.2f), want %s, %s", tt.text, got.Intent, got.Label, got.Sentiment, tt.intent, tt.label)
		}
	}
	if got := scoring.ReadText("Ya no me escriban").Intent; got == scoring.OptOut {
		t.Error("English reads Spanish: the test shows nothing")
	}
}

// TestParseLanguage: a file that cannot be is refused, with the place.
func TestParseLanguage(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                                     "unexpected EOF",
		`{"intent": []}`:                        "unknown field",
		`{"intents": [{"intent": "greeting"}]}`: `intents[0]: there is no intent "greeting"`,
		`{"intents": [{"intent": "thanks", "phrases": ["... gracias"]}]}`: "intents[0] thanks",
		`{"tone": [{"add": 1, "phrases": [""]}]}`:                         "tone[0]",
	} {
		if _, err := scoring.ParseLanguage([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is refused with %v, want %q", text, err, want)
		}
	}
}
