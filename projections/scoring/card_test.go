package scoring_test

import (
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// TestParseCard: a card that could break a promise, or that people could not
// read, is refused with the place of its fault.
func TestParseCard(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"a tour that counts against", `"TOUR_BOOKED": {"group": "intent", "points": 12`, `"TOUR_BOOKED": {"group": "intent", "points": -12`, "signals.TOUR_BOOKED.points: points the wrong way"},
		{"an opt-out that counts for", `"OPT_OUT": {"group": "risk", "points": -40`, `"OPT_OUT": {"group": "risk", "points": 40`, "signals.OPT_OUT.points"},
		{"a fault that fades", `"MISSED_TOUR": {"group": "risk", "points": -8`, `"MISSED_TOUR": {"group": "risk", "half_life_days": 9, "points": -8`, "signals.MISSED_TOUR.half_life_days"},
		{"an unknown signal", `"HAS_PHONE"`, `"HAS_PHONES"`, "signals.HAS_PHONES: there is no such signal"},
		{"an unknown field", `"tiers"`, `"teirs"`, "unknown field"},
		{"a reason without a text", `"text": "Left a phone number"`, `"text": ""`, "signals.HAS_PHONE.text"},
		{"a reason with a control character", `"text": "Left a phone number"`, `"text": "Left\u001b[31m a number"`, "signals.HAS_PHONE.text: longer than 200 bytes, or has control characters"},
		{"a place that nothing fills", `"many": "Wrote to us {n} times"`, `"many": "Wrote to us {count} times"`, "signals.WROTE.many: has a place"},
		{"tiers the wrong way round", `"hot": 65, "warm": 35`, `"hot": 35, "warm": 65`, "tiers"},
		{"another format", `"format": 1`, `"format": 2`, "format: want 1"},
		{"churn that falls with silence", `{"days": 60, "risk": 0.86}`, `{"days": 60, "risk": 0.1}`, "churn.curve[4]"},
		{"a tour that raises churn", `"tour_ahead": -0.6`, `"tour_ahead": 0.6`, "churn.tour_ahead"},
		{"an opt-out that may stay", `"opted_out": 0.95`, `"opted_out": 0.5`, "churn.opted_out"},
		{"too many points", `"points": 12, "cap": 16`, `"points": 1e300, "cap": 16`, "signals.TOUR_BOOKED.points: want -100 to 100"},
		{"no card", "{", "", "read card"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := string(scoring.DefaultCardJSON())
			edited := strings.Replace(text, tt.old, tt.new, 1)
			if edited == text {
				t.Fatalf("the card does not have %s", tt.old)
			}
			_, err := scoring.ParseCard([]byte(edited))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ParseCard = %v, want %q", err, tt.want)
			}
		})
	}
}

// TestCardID: the id is of what the card says, not of how it is laid out.
func TestCardID(t *testing.T) {
	text := string(scoring.DefaultCardJSON())
	again, err := scoring.ParseCard([]byte(strings.ReplaceAll(text, "\n", " \n\t")))
	if err != nil || again.ID() != scoring.DefaultCard().ID() {
		t.Errorf("laid out otherwise: %v, %v, want %s", again.ID(), err, scoring.DefaultCard().ID())
	}
	other, err := scoring.ParseCard([]byte(strings.Replace(text, `"points": 12`, `"points": 11`, 1)))
	if err != nil || other.ID() == scoring.DefaultCard().ID() {
		t.Errorf("another card has the same id: %v", err)
	}
}

func FuzzParseCard(f *testing.F) {
	f.Add(scoring.DefaultCardJSON())
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := scoring.ParseCard(data); err == nil {
			c.Score(scoring.Facts{AsOf: noon})
		}
	})
}

func FuzzReadText(f *testing.F) {
	for _, s := range []string{"STOP", "can we stop by?", "<p>hi</p>&nbsp;", "> quoted\nyes", "👍🏽", "300-400k"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := scoring.ReadText(s); got.Sentiment < -1 || got.Sentiment > 1 || got.Intent == "" {
			t.Errorf("ReadText(%q) = %+v", s, got)
		}
	})
}
