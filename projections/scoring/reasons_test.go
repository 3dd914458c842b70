package scoring_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// TestReasonsAreTrue: what a reason says holds of the lead as it is now.
func TestReasonsAreTrue(t *testing.T) {
	said := func(at time.Time, intent string, tone float64) scoring.Message {
		return scoring.Message{At: at, Inbound: true, Intent: intent, Sentiment: tone, Event: "evt_" + intent}
	}
	ago := func(hours int) time.Time { return noon.Add(-time.Duration(hours) * time.Hour) }
	for _, tt := range []struct {
		name      string
		also      func(f *scoring.Facts)
		want, not string // what the reasons say, those of churn too, and what they do not
	}{
		{"a friendly last word", func(f *scoring.Facts) { f.Messages = []scoring.Message{said(ago(1), scoring.Interested, 0.8)} },
			"Sounded positive in the last message", "Turned us away"},
		{"a refusal after a friendly word", func(f *scoring.Facts) {
			f.Messages = []scoring.Message{said(ago(2), scoring.Interested, 0.8), said(ago(1), scoring.NotInterested, -0.4)}
		}, "Turned us away in the last message", "Sounded positive"},
		{"a refusal in the second of the friendly word", func(f *scoring.Facts) {
			f.Messages = []scoring.Message{said(ago(1), scoring.Interested, 0.8), said(ago(1), scoring.OtherAgent, -0.4)}
		}, "Turned us away in the last message", "Sounded positive"},
		{"back after a refusal", func(f *scoring.Facts) {
			f.Messages = []scoring.Message{said(ago(2), scoring.NotInterested, -0.4), said(ago(1), scoring.TourRequest, 0.8)}
		}, "Sounded positive in the last message", "Turned us away"},
		{"sold", func(f *scoring.Facts) {
			f.Opportunities = []scoring.Opportunity{{ID: "opp", Status: "won", At: ago(24), Event: "evt_won"}}
		}, "Closed a deal on Jan 9", "Last heard"},
		{"a source as people write it", func(f *scoring.Facts) { f.Source = " Zillow " }, "Came through Zillow", "zillow"},
		{"a word that fills a page", func(f *scoring.Facts) { f.PropertyType = strings.Repeat("x_", 3000) }, "Knows what to look for: x x", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := scoring.Facts{AsOf: noon, Created: ago(240), CreatedBy: "evt_made", PreferencesBy: "evt_made"}
			tt.also(&f)
			s := scoring.DefaultCard().Score(f)
			var all []string
			for _, r := range append(s.Reasons, s.ChurnReasons...) {
				all = append(all, r.Text)
				if r.EventID == "" || utf8.RuneCountInString(r.Text) > 150 {
					t.Errorf("%+v: want its event, and a text that can be read", r)
				}
			}
			text := strings.Join(all, "; ")
			if !strings.Contains(text, tt.want) || tt.not != "" && strings.Contains(text, tt.not) {
				t.Errorf("the reasons are %q, want %q and not %q", text, tt.want, tt.not)
			}
		})
	}
}
