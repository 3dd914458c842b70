package projections_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// What is counted of a contact that was forgotten follows from the kinds of its
// entries alone: before it was forgotten, after, and of another one never.
func TestCountsOfAForgottenContact(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after []string // kinds
		want          string   // leads, open, won, lost, sold
	}{
		{"nothing of deals", []string{"contact.created", "message.received"}, nil, "1 0 0 0 0"},
		{"a deal open", []string{"contact.created", "opportunity.created"}, nil, "1 1 0 0 0"},
		{"a deal won", []string{"opportunity.created", "opportunity.won"}, nil, "1 0 1 0 1"},
		{"a deal lost", []string{"opportunity.created", "opportunity.lost"}, nil, "1 0 0 1 0"},
		{"won without its creation", []string{"opportunity.won"}, nil, "1 0 1 0 1"},
		{"ended more often than begun", []string{"opportunity.created", "opportunity.lost", "opportunity.won", "opportunity.lost"}, nil, "1 0 1 0 1"},
		{"one of each", []string{"opportunity.created", "opportunity.created", "opportunity.created", "opportunity.won", "opportunity.lost"}, nil, "1 1 1 1 1"},
		{"it came after", []string{"contact.created"}, []string{"opportunity.created", "opportunity.won"}, "1 0 1 0 1"},
		{"our own entries are nothing of it", []string{"contact.created"}, []string{"lead.scored", "effect.requested"}, "1 0 0 0 0"},
		{"nothing was known", nil, []string{"opportunity.created"}, "1 1 0 0 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{T: t}
				w.open(t.TempDir(), every()...)
				defer w.stop()
				for i, kind := range tt.before {
					w.say(i, kind, fmt.Sprintf(`,"opportunity_id":"o%d"`, i))
				}
				w.add(ledger.Draft{Kind: projections.KindForgotten, Subject: "c1", Body: []byte(`{}`)})
				for i, kind := range tt.after {
					w.say(10+i, kind, `,"opportunity_id":"o1"`)
				}
				synctest.Wait()
				if got := w.counted(); got != tt.want {
					t.Errorf("leads, open, won, lost, sold = %s, want %s", got, tt.want)
				}
				if err := w.leads.Runner.Rebuild(projections.OutcomesName); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if got := w.counted(); got != tt.want {
					t.Errorf("after a rebuild %s, want %s", got, tt.want)
				}
			})
		})
	}
}

// counted is what the funnel has of all: leads, deals open, won and lost, and
// how many leads were sold to.
func (w *world) counted() string {
	w.Helper()
	f := w.funnel(projections.FunnelFilter{}).Total
	return fmt.Sprint(f.Stages[0].Reached, " ", f.Deals.Open, " ", f.Deals.Won, " ", f.Deals.Lost, " ", f.Stages[4].Reached)
}
