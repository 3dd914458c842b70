package outbox_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// person returns what a contact.created says of Jane.
func person() map[string]any {
	return map[string]any{"first_name": "Jane", "email": "jane@example.com", "phone": "+15551234567"}
}

func tour(days int) map[string]any {
	return map[string]any{
		"appointment_id": "a1", "property_address": "123 Main Street",
		"appointment_date": time.Now().Add(time.Duration(days) * 24 * time.Hour).UTC().Format(time.RFC3339),
	}
}

// pause appends what a person's pause or resume is.
func (w *world) pause(kind, location string) {
	w.n++
	w.append(ledger.Draft{Kind: kind, Key: fmt.Sprintf("audit:%d", w.n), Location: location, Body: []byte(`{}`)})
}

// Between asking and sending the world goes on: the courier looks again.
func TestLooksAgain(t *testing.T) {
	tests := []struct {
		name   string
		event  ghl.Type
		data   func() map[string]any
		then   func(w *world) // while the sender is paused
		wait   time.Duration
		state  outbox.EffectState
		reason string
		fields outbox.EffectState // of the field update
	}{
		{"nothing happened", ghl.ContactCreated, person, func(*world) {}, 0, "delivered", "", "delivered"},
		{"opted out", ghl.ContactCreated, person, func(w *world) {
			w.add(ghl.MessageReceived, "contact_1", map[string]any{"message_id": "m1", "channel": "sms", "content": "STOP"})
		}, 0, "discarded", "opted out", "delivered"},
		{"deleted", ghl.ContactCreated, person, func(w *world) { w.add(ghl.ContactDeleted, "contact_1", nil) }, 0, "discarded", "deleted", "discarded"},
		{"erased", ghl.ContactCreated, person, func(w *world) {
			w.append(ledger.Draft{Kind: projections.KindForgotten, Key: "forget", Subject: "contact_1", Location: location})
			if err := w.log.Erase(w.t.Context(), ledger.Erasure{Subject: "contact_1"}); err != nil {
				w.t.Fatal(err)
			}
		}, 0, "discarded", "erased", "discarded"},
		{"too old", ghl.ContactCreated, person, func(*world) {}, 25 * time.Hour, "held", "older than 24 hours", "delivered"},
		{"a tour ahead is confirmed late", ghl.AppointmentScheduled, func() map[string]any { return tour(9) }, func(*world) {}, 8 * 24 * time.Hour, "delivered", "", "delivered"},
		{"the tour has begun", ghl.AppointmentScheduled, func() map[string]any { return tour(1) }, func(*world) {}, 25 * time.Hour, "discarded", "begun", "delivered"},
		{"the tour was moved", ghl.AppointmentScheduled, func() map[string]any { return tour(2) }, func(w *world) {
			w.add(ghl.AppointmentScheduled, "contact_1", tour(5))
		}, 0, "discarded", "moved", "superseded"},
		{"restored meanwhile", ghl.ContactCreated, person, func(w *world) {
			w.append(ledger.Draft{Kind: outbox.LedgerRestored, Key: "restored"})
		}, 0, "held", "restored", "delivered"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.start()
				defer func() { w.stop() }()
				w.pause(outbox.SenderPaused, "")
				w.add(tt.event, "contact_1", tt.data())
				synctest.Wait()
				if n := len(w.ghl.tried("")); n != 0 {
					t.Fatalf("%d calls while paused, want none", n)
				}
				time.Sleep(time.Second)
				tt.then(w)
				time.Sleep(tt.wait)
				synctest.Wait()
				w.pause(outbox.SenderResumed, "")
				synctest.Wait()
				es := w.effects()
				if es[1].State != tt.state || !strings.Contains(es[1].Error, tt.reason) {
					t.Errorf("message is %s (%s), want %s with %q", es[1].State, es[1].Error, tt.state, tt.reason)
				}
				if es[0].State != tt.fields {
					t.Errorf("field update is %s (%s), want %s", es[0].State, es[0].Error, tt.fields)
				}
			})
		})
	}
}

// One location is paused, the other goes on.
func TestPauseOneLocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		defer func() { w.stop() }()
		w.pause(outbox.SenderPaused, location)
		w.add(ghl.OpportunityCreated, "contact_1", map[string]any{"opportunity_id": "o1"})
		d := seed(ghl.OpportunityCreated, "contact_2", "other", map[string]any{"opportunity_id": "o2"})
		d.Location = "location_2"
		w.append(d)
		synctest.Wait()
		if calls := w.ghl.tried(""); len(calls) != 1 || calls[0].Contact != "contact_2" {
			t.Errorf("calls = %v, want one for contact_2", calls)
		}
		w.pause(outbox.SenderResumed, location)
		synctest.Wait()
		if calls := w.ghl.tried(""); len(calls) != 2 {
			t.Errorf("calls after resume = %v, want two", calls)
		}
	})
}

// Without a key effects are held; with one, a week later, fields are written
// and no stale message goes.
func TestKeyAfterAWeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		key := false
		w.courier = func(c *outbox.CourierConfig) { c.HasKey = func(string) bool { return key } }
		w.start()
		defer func() { w.stop() }()
		w.add(ghl.ContactCreated, "contact_1", person())
		synctest.Wait()
		w.add(ghl.OpportunityCreated, "contact_1", map[string]any{"opportunity_id": "o1"})
		synctest.Wait()
		for _, e := range w.effects() {
			if e.State != outbox.StateHeld || !strings.Contains(e.Error, "GHL_API_KEY") {
				t.Errorf("effect = %+v, want it held for want of a key", e)
			}
		}
		w.stop()
		time.Sleep(7 * 24 * time.Hour)
		key = true
		w.start()
		synctest.Wait()
		if m, u := len(w.ghl.tried("message")), len(w.ghl.tried("update")); m != 0 || u == 0 {
			t.Errorf("%d messages and %d updates, want none and some", m, u)
		}
	})
}

// A refused token makes its location wait, and no other; resume tries again.
func TestRefusedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.ghl.refuse = func(c call) error {
			if c.Contact == "contact_1" {
				return status(401, true)
			}
			return nil
		}
		w.start()
		defer func() { w.stop() }()
		w.add(ghl.ContactCreated, "contact_1", person())
		d := seed(ghl.ContactCreated, "contact_2", "other", person())
		d.Location = "location_2"
		w.append(d)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		want := map[string]outbox.EffectState{"contact_1": "held", "contact_2": "delivered"}
		for _, e := range w.effects() {
			if e.State != want[e.ContactID] {
				t.Errorf("%s is %s (%s), want %s", e.ContactID, e.State, e.Error, want[e.ContactID])
			}
		}
		w.ghl.refusing(nil)
		w.pause(outbox.SenderResumed, location)
		synctest.Wait()
		for _, e := range w.effects() {
			if held := e.Kind != outbox.UpdateContact && e.ContactID == "contact_1"; !held && e.State != "delivered" {
				t.Errorf("after resume %+v, want it delivered", e)
			}
		}
	})
}

// A token that may not send messages holds the location's messages and nothing
// else; resume tries them again, and an old one still does not go.
func TestForbiddenCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.ghl.refuse = func(c call) error {
			if c.What == "message" {
				return status(403, true)
			}
			return nil
		}
		w.start()
		defer func() { w.stop() }()
		for i := range 3 {
			w.add(ghl.ContactCreated, fmt.Sprintf("contact_%d", i), person())
			time.Sleep(20 * time.Hour)
			synctest.Wait()
		}
		if n := len(w.ghl.tried("message")); n != 1 {
			t.Errorf("%d messages tried, want one: the others wait", n)
		}
		if counts, _ := w.pending.Counts(); counts[outbox.StateDelivered] != 3 || counts[outbox.StateHeld] != 3 {
			t.Errorf("%v, want the three updates delivered and the messages held", counts)
		}
		holds, err := w.pending.Holds()
		if err != nil || len(holds) != 1 || holds[0].Call != outbox.CallMessage {
			t.Errorf("holds %+v, %v; want one, of messages", holds, err)
		}
		w.ghl.refusing(nil)
		w.pause(outbox.SenderResumed, location)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(w.ghl.taken("message")); n != 1 {
			t.Errorf("%d messages after resume, want the newest: the others are a day old", n)
		}
		if counts, _ := w.pending.Counts(); counts[outbox.StateHeld] != 2 {
			t.Errorf("%v, want the two old messages held for a person", counts)
		}
	})
}

// A field that does not exist holds the update with the advice; when it does,
// a release sends it.
func TestMissingField(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.ghl.missing = []string{"churn_risk"}
		w.start()
		defer func() { w.stop() }()
		w.add(ghl.OpportunityCreated, "contact_1", map[string]any{"opportunity_id": "o1"})
		synctest.Wait()
		e := w.effects()[0]
		if e.State != "held" || !strings.Contains(e.Error, "ghl fields --create") || !strings.Contains(e.Error, "churn_risk") {
			t.Errorf("effect = %+v, want it held with the advice", e)
		}
		w.ghl.missing = nil
		w.act(e, outbox.Acts.Release)
		if e := w.effects()[0]; e.State != "delivered" {
			t.Errorf("after release %+v, want it delivered", e)
		}
	})
}

// What exceeds the cap is held; a released one goes.
func TestMessageCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.courier = func(c *outbox.CourierConfig) { c.Cap = outbox.Cap{Messages: 3, Per: time.Hour} }
		w.start()
		defer func() { w.stop() }()
		for i := range 5 {
			w.add(ghl.ContactCreated, fmt.Sprintf("contact_%d", i), person())
		}
		synctest.Wait()
		held, _, err := w.pending.List(outbox.Filter{State: outbox.StateHeld})
		if err != nil || len(held) != 2 || len(w.ghl.tried("message")) != 3 {
			t.Fatalf("%d messages sent, %d held, %v; want 3 and 2", len(w.ghl.tried("message")), len(held), err)
		}
		w.stop() // the count is in the ledger
		w.start()
		w.add(ghl.ContactCreated, "contact_9", person())
		synctest.Wait()
		if n := len(w.ghl.tried("message")); n != 3 {
			t.Errorf("%d messages after a restart, want 3", n)
		}
		w.act(held[0], outbox.Acts.Release)
		if n := len(w.ghl.tried("message")); n != 4 {
			t.Errorf("%d messages after a release, want 4", n)
		}
		time.Sleep(time.Hour + time.Second)
		w.add(ghl.ContactCreated, "contact_10", person())
		synctest.Wait()
		if n := len(w.ghl.tried("message")); n != 5 {
			t.Errorf("%d messages an hour later, want 5", n)
		}
	})
}
