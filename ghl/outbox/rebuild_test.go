package outbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
)

// Views rebuilt, rolled back or deleted in the midst of traffic, with every
// sixth call failing: each effect has one result at GoHighLevel, and none is
// lost.
func TestRebuildInTraffic(t *testing.T) {
	tests := []struct {
		name string
		do   func(w *world)
	}{
		{"rebuild of both views", func(w *world) {
			for _, view := range []string{"pending", "leads"} {
				if err := w.runner.Rebuild(view); err != nil {
					w.t.Log(err) // one is under way still
				}
			}
		}},
		{"rebuild, then rollback", func(w *world) {
			_ = w.runner.Rebuild("pending") // either may be refused while the other is under way
			_ = w.runner.Rollback("pending")
			_ = w.runner.Rollback("leads")
		}},
		{"views deleted", func(w *world) {
			w.stop()
			if err := os.RemoveAll(filepath.Join(w.dir, "views")); err != nil {
				w.t.Fatal(err)
			}
			w.start()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { rebuildInTraffic(t, tt.do) })
		})
	}
}

func rebuildInTraffic(t *testing.T, do func(*world)) {
	w := newWorld(t)
	w.courier = func(c *outbox.CourierConfig) { c.Retry = outbox.Retry{Max: 10} } // by chance one call may fail thrice
	server := w.sandbox(ghltest.Options{Seed: 7})
	defer server.Close()
	server.Fault(ghltest.Fault{Method: "PUT", Every: 6, Status: 503})
	server.Fault(ghltest.Fault{Method: "POST", Every: 6, Status: 429})
	server.Fault(ghltest.Fault{Latency: 300 * time.Millisecond})
	w.start()
	defer func() { w.stop() }()
	for i := range 120 {
		contact := fmt.Sprintf("contact_%03d", i%40)
		switch i / 40 {
		case 0:
			w.add(ghl.ContactCreated, contact, person())
		case 1:
			w.add(ghl.AppointmentScheduled, contact, map[string]any{
				"appointment_id": "a" + contact, "appointment_date": time.Now().Add(72 * time.Hour).UTC().Format(time.RFC3339),
			})
		case 2:
			w.add(ghl.OpportunityWon, contact, map[string]any{"opportunity_id": "o" + contact, "final_price": 1000 + i})
		}
		time.Sleep(200 * time.Millisecond)
		if i%15 == 14 {
			do(w)
		}
	}
	time.Sleep(6 * time.Hour)
	synctest.Wait()
	checkResults(t, w, server)
}

// checkResults checks that what was asked came about, once.
func checkResults(t *testing.T, w *world, server *ghltest.Server) {
	t.Helper()
	states := map[outbox.EffectState]int{}
	for _, e := range w.effects() {
		states[e.State]++
		if e.State != outbox.StateDelivered && e.State != outbox.StateSuperseded {
			t.Errorf("effect %s %s of %s is %s: %s", e.ID, e.Kind, e.ContactID, e.State, e.Error)
		}
	}
	if again := server.Twice(); len(again) != 0 {
		t.Errorf("done twice: %v", again)
	}
	if deeds := server.Deeds(); len(deeds) != 120 {
		t.Errorf("%d messages, want 3 for each of 40 contacts", len(deeds))
	}
	if n := len(w.entries(outbox.Requested)); n != 240 {
		t.Errorf("%d effects asked for, want an update and a message for each of 120 events", n)
	}
	for i := range 40 {
		c, _ := server.Contact(fmt.Sprintf("contact_%03d", i))
		lead, _, err := w.leads.Get(c.ID)
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range lead.Asked {
			if !ghl.SameValue(c.Fields[key], want) {
				t.Errorf("%s: GoHighLevel has %s = %v, want %v", c.ID, key, c.Fields[key], want)
			}
		}
	}
	t.Logf("%v, %d calls", states, len(server.Calls()))
}
