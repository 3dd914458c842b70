package outbox_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// A person's word that a contact may not be written to, or may again, moves the
// score at once, at GoHighLevel too, and sends no message.
func TestWordByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.planner = func(c *outbox.PlannerConfig) { c.Scorer = scoring.DefaultCard() }
		w.start()
		defer func() { w.stop() }()
		w.add(ghl.ContactCreated, "contact_1", person())
		w.live(time.Hour, func() {})
		messages := len(w.ghl.tried("message"))
		for _, tt := range []struct {
			kind string
			bars bool
		}{{projections.KindOptOut, true}, {projections.KindOptIn, false}} {
			w.append(ledger.Draft{Kind: tt.kind, Key: tt.kind, Subject: "contact_1", Location: location, Body: []byte(`{}`)})
			w.live(time.Hour, func() {})
			scores := w.entries(outbox.LeadScored)
			newest := scores[len(scores)-1]
			if got := strings.Contains(string(newest.Body), scoring.DoNotContact); got != tt.bars || newest.Cause != w.entries(tt.kind)[0].ID {
				t.Errorf("after %s: do not contact %t, want %t, because of it: %s", tt.kind, got, tt.bars, newest.Body)
			}
			effects := w.effects()
			if e := effects[len(effects)-1]; e.State != outbox.StateDelivered || e.Kind != outbox.UpdateContact {
				t.Errorf("after %s GoHighLevel is told by %s, which is %s", tt.kind, e.Kind, e.State)
			}
		}
		if n := len(w.ghl.tried("message")); n != messages {
			t.Errorf("%d messages, want the %d from before", n, messages)
		}
	})
}
