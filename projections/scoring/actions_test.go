package scoring_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// TestActions: what is done next, as one line an action. A lead whose deals
// are closed is not asked to go on as if they were open.
func TestActions(t *testing.T) {
	ago := func(days int) time.Time { return noon.AddDate(0, 0, -days) }
	tour := func(status string, booked, start, ended time.Time) scoring.Appointment {
		return scoring.Appointment{ID: "apt", Status: status, Booked: booked, Start: start, Ended: ended, Event: "evt_tour"}
	}
	done := tour("completed", ago(6), ago(3), ago(2))
	ahead := tour("scheduled", ago(6), noon.AddDate(0, 0, 5), time.Time{})
	deal := func(status string) []scoring.Opportunity {
		return []scoring.Opportunity{{ID: "opp", Status: status, At: ago(1), Event: "evt_deal"}}
	}
	for _, tt := range []struct {
		name string
		also func(f *scoring.Facts)
		want []string
	}{
		{"a tour yesterday", func(f *scoring.Facts) { f.Appointments = []scoring.Appointment{done} },
			[]string{"follow_up_after_tour Jan 9: Toured a property on Jan 8", "ask_financing Jan 12: The budget is not known"}},
		{"sold after a tour", func(f *scoring.Facts) { f.Appointments, f.Opportunities = []scoring.Appointment{done}, deal("won") },
			[]string{"nurture Jan 16: Closed a deal on Jan 9"}},
		{"sold with a tour still in the calendar", func(f *scoring.Facts) { f.Appointments, f.Opportunities = []scoring.Appointment{ahead}, deal("won") },
			[]string{"nurture Jan 16: Closed a deal on Jan 9"}},
		{"lost after a tour", func(f *scoring.Facts) { f.Appointments, f.Opportunities = []scoring.Appointment{done}, deal("lost") },
			[]string{"re_engage Feb 8: The deal was lost on Jan 9"}},
		{"lost, and asks for another tour", func(f *scoring.Facts) {
			f.Opportunities = deal("lost")
			f.Messages = []scoring.Message{{At: noon, Inbound: true, Intent: scoring.TourRequest, Event: "evt_said"}}
		}, []string{"schedule_tour Jan 10: Asked for a tour", "re_engage Feb 8: The deal was lost on Jan 9"}},
		{"lost, with another deal open", func(f *scoring.Facts) {
			f.Appointments, f.Opportunities = []scoring.Appointment{done}, append(deal("lost"), scoring.Opportunity{ID: "next", Status: "open", At: noon})
		}, []string{"follow_up_after_tour Jan 9: Toured a property on Jan 8", "ask_financing Jan 12: The budget is not known"}},
		{"turned us away", func(f *scoring.Facts) {
			f.Messages = []scoring.Message{{At: noon, Inbound: true, Intent: scoring.NotInterested, Event: "evt_said"}}
		}, []string{"nurture Jan 17: Turned us away in the last message"}},
		{"opted out, with a tour ahead", func(f *scoring.Facts) { f.Appointments, f.OptedOut = []scoring.Appointment{ahead}, true },
			[]string{"do_not_contact Jan 10: Asked for no more messages"}},
		{"deleted after a sale", func(f *scoring.Facts) { f.Opportunities, f.Deleted = deal("won"), true },
			[]string{"do_not_contact Jan 10: The contact was deleted"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := scoring.Facts{AsOf: noon, Created: ago(30), CreatedBy: "evt_made", HasEmail: true, HasPhone: true}
			tt.also(&f)
			var got []string
			for _, a := range scoring.DefaultCard().Score(f).Actions {
				got = append(got, fmt.Sprintf("%s %s: %s", a.Code, a.Due.Format("Jan 2"), strings.Join(a.Because, "; ")))
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("actions\n got %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestNames: a model's id is said in words.
func TestNames(t *testing.T) {
	for id, want := range map[string]string{
		"":                                   "",
		scoring.BuiltIn().ID():               "the built-in points card (version " + strings.TrimPrefix(scoring.BuiltIn().ID(), "card:")[:8] + ")",
		"card:0123456789ab":                  "a points card of your own (version 01234567)",
		"model:0123456789abcdef0123456789ab": "a learned model (version 01234567)",
		"oracle":                             "another model",
	} {
		if got := scoring.NameOf(id); got != want {
			t.Errorf("%q is %q, want %q", id, got, want)
		}
	}
}
