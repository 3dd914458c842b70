package outbox_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// A backup is made while a message waits, however it waits. Then it is sent, by
// a person's word or because what held it is over; the disk dies, and the
// backup is restored. Nothing sends it again: it waits for a person.
func TestRestoreOfWhatWaited(t *testing.T) {
	resumed := func(w *world, _ outbox.Effect) { w.pause(outbox.SenderResumed, location) }
	retried := func(w *world, e outbox.Effect) { w.act(e, outbox.Acts.Retry) }
	released := func(w *world, e outbox.Effect) { w.act(e, outbox.Acts.Release) }
	tests := []struct {
		name    string
		refusal error
		cap     outbox.Cap
		before  outbox.EffectState
		send    func(*world, outbox.Effect)
	}{
		{"the token was refused", status(401, true), outbox.Cap{}, "held", resumed},
		{"the token may not send", status(403, true), outbox.Cap{}, "held", resumed},
		{"a dead letter", status(400, true), outbox.Cap{}, "dead", retried},
		{"over the cap", nil, outbox.Cap{Messages: 1, Per: time.Hour}, "held", released},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.ghl.refuse = func(c call) error {
					if c.What == "message" {
						return tt.refusal
					}
					return nil
				}
				w.courier = func(c *outbox.CourierConfig) { c.Cap = tt.cap }
				w.start()
				w.add(ghl.ContactCreated, "contact_0", person())
				synctest.Wait() // contacts don't wait for each other, and one of them uses up the cap
				w.add(ghl.ContactCreated, "contact_1", person())
				time.Sleep(time.Minute)
				synctest.Wait()
				waits := w.effects()[3]
				if waits.State != tt.before {
					t.Fatalf("message is %s (%s) at the backup, want %s", waits.State, waits.Error, tt.before)
				}
				backup := w.entries()
				w.ghl.refusing(nil)
				tt.send(w, waits)
				synctest.Wait()
				sent := len(w.ghl.taken("message"))
				if w.effects()[3].State != outbox.StateDelivered {
					t.Fatalf("message is %s, want it sent", w.effects()[3].State)
				}
				w.stop()
				w.log, w.dir = backupOf(t, backup), t.TempDir()
				w.append(ledger.Draft{Kind: outbox.LedgerRestored, Key: "restored"})
				w.start()
				defer func() { w.stop() }()
				time.Sleep(time.Hour)
				synctest.Wait()
				if again := len(w.ghl.taken("message")) - sent; again != 0 {
					t.Errorf("%d messages sent again", again)
				}
				if e := w.effects()[3]; e.State != outbox.StateHeld || !strings.Contains(e.Error, "restored") {
					t.Errorf("message is %s (%s), want it held because of the restore", e.State, e.Error)
				}
				if tt.before == outbox.StateDead && !strings.Contains(w.effects()[3].Error, "400") {
					t.Errorf("its error is %q, want the one before too", w.effects()[3].Error)
				}
			})
		})
	}
}

// What happened before a restore and is told after it may have been answered in
// the days that the backup has not: its message waits for a person. What
// happens after it is answered.
func TestToldAgainAfterRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.append(ledger.Draft{Kind: outbox.LedgerRestored, Key: "restored"})
		w.start()
		defer func() { w.stop() }()
		time.Sleep(time.Minute)
		w.append(of("contact_1", time.Hour, ledger.Meta{}))
		w.append(of("contact_2", 0, ledger.Meta{}))
		time.Sleep(time.Minute)
		synctest.Wait()
		if sent := w.ghl.tried("message"); len(sent) != 1 || sent[0].Contact != "contact_2" {
			t.Errorf("messages %v, want one to contact_2", sent)
		}
	})
}

// Senders may leave out the ids of what an event is about. Each contact is
// written to nevertheless, and once.
func TestThingsWithoutIDs(t *testing.T) {
	start := func() string { return time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339) }
	for kind, data := range map[ghl.Type]func() map[string]any{
		ghl.OpportunityWon:       func() map[string]any { return map[string]any{"final_price": 425000} },
		ghl.OpportunityLost:      func() map[string]any { return map[string]any{"reason": "price"} },
		ghl.AppointmentScheduled: func() map[string]any { return map[string]any{"appointment_date": start()} },
		ghl.AppointmentCompleted: func() map[string]any { return map[string]any{"feedback": "nice"} },
	} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.start()
				defer func() { w.stop() }()
				for _, contact := range []string{"contact_1", "contact_2"} {
					w.add(kind, contact, data())
					w.add(kind, contact, data()) // the same, by another delivery
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				sent := map[string]int{}
				for _, c := range w.ghl.tried("message") {
					sent[c.Contact]++
				}
				if len(sent) != 2 || sent["contact_1"] != 1 || sent["contact_2"] != 1 {
					t.Errorf("messages by contact: %v, want one each", sent)
				}
			})
		})
	}
}

// An event that this version cannot read is planned by the one that can.
func TestUnreadableIsSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		defer func() { w.stop() }()
		d := seed(ghl.ContactCreated, "contact_1", "bad", nil)
		d.Body, _ = json.Marshal(map[string]any{"type": "contact.created", "data": map[string]any{"contact_id": 7.5}})
		w.append(d)
		synctest.Wait()
		if n, err := w.pending.Skipped(); n != 1 || err != nil {
			t.Errorf("%d skipped, %v, want the one that cannot be read", n, err)
		}
	})
}
