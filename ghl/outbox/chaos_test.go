package outbox_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
)

// Calls fail in every way there is, before and after GoHighLevel took them, and
// the service stops at any moment, with and without its views: no message goes
// twice, none is lost, and in the end GoHighLevel holds what was asked last.
func TestChaos(t *testing.T) {
	t.Parallel()
	seeds := uint64(6)
	if long {
		seeds = 500
	}
	unknown, calls := 0, 0
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			u, c := chaos(t, seed)
			unknown, calls = unknown+u, calls+c
		})
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
	t.Logf("%d seeds, %d calls, %d messages of unknown fate", seeds, calls, unknown)
	if unknown == 0 {
		t.Error("no message lost its answer: the faults did not hit")
	}
}

func chaos(t *testing.T, seed uint64) (unknown, calls int) {
	w := newWorld(t)
	chance := rand.New(rand.NewPCG(seed, 1))
	server := w.sandbox(ghltest.Options{Seed: seed})
	defer server.Close()
	for _, f := range []ghltest.Fault{
		{Fraction: 0.1, Cut: ghltest.CutAfter}, {Fraction: 0.1, Cut: ghltest.CutBefore}, {Fraction: 0.05, Cut: ghltest.CutConnect},
		{Fraction: 0.05, Cut: ghltest.CutBody}, {Fraction: 0.1, Status: 503}, {Fraction: 0.1, Status: 429, RetryAfter: 3 * time.Second},
		{Latency: 700 * time.Millisecond},
	} {
		server.Fault(f)
	}
	w.start()
	defer func() { w.stop() }()
	for i := range 36 {
		w.anything(i, chance)
		time.Sleep(time.Duration(chance.IntN(3000)) * time.Millisecond)
		if chance.IntN(6) == 0 {
			w.stop()
			if chance.IntN(3) == 0 {
				if err := os.RemoveAll(filepath.Join(w.dir, "views")); err != nil {
					t.Fatal(err)
				}
			}
			w.start()
		}
	}
	time.Sleep(6 * time.Hour)
	synctest.Wait()
	server.Heal()
	for _, e := range w.effects() {
		if e.State == outbox.StateDead {
			w.act(e, outbox.Acts.Retry)
		}
	}
	time.Sleep(6 * time.Hour)
	synctest.Wait()
	return w.checkChaos(server), len(server.Calls())
}

// anything adds an event of one of five contacts.
func (w *world) anything(i int, chance *rand.Rand) {
	contact := fmt.Sprintf("contact_%d", chance.IntN(5))
	switch chance.IntN(4) {
	case 0:
		w.add(ghl.ContactCreated, contact, person())
	case 1:
		w.add(ghl.OpportunityWon, contact, map[string]any{"opportunity_id": fmt.Sprintf("o%d", i), "final_price": 1000 * i, "property_address": fmt.Sprintf("%d Elm", i)})
	case 2:
		w.add(ghl.AppointmentScheduled, contact, map[string]any{
			"appointment_id": fmt.Sprintf("a%d", i), "property_address": fmt.Sprintf("%d Oak", i),
			"appointment_date": time.Now().Add(72 * time.Hour).UTC().Format(time.RFC3339),
		})
	default:
		w.add(ghl.MessageReceived, contact, map[string]any{"message_id": fmt.Sprintf("m%d", i), "channel": "sms", "content": "Hello"})
	}
}

// checkChaos checks what holds whatever happened.
func (w *world) checkChaos(server *ghltest.Server) (unknowns int) {
	w.t.Helper()
	delivered := 0
	for _, e := range w.effects() {
		message := e.Kind != outbox.UpdateContact
		if message && e.State == outbox.StateDelivered {
			delivered++
		}
		unknown := message && e.State == outbox.StateHeld && strings.Contains(e.Error, "fate unknown")
		if unknown {
			unknowns++
		}
		if e.State != outbox.StateDelivered && e.State != outbox.StateSuperseded && !unknown {
			w.t.Errorf("%s %s is %s: %s", e.Kind, e.ID, e.State, e.Error)
		}
	}
	if again := server.Twice(); len(again) > 0 {
		w.t.Errorf("done twice: %+v", again)
	}
	if n := len(server.Deeds()); n < delivered {
		w.t.Errorf("%d messages arrived, %d are said to be delivered", n, delivered)
	}
	for i := range 5 {
		contact := fmt.Sprintf("contact_%d", i)
		lead, _, err := w.leads.Get(contact)
		if err != nil {
			w.t.Fatal(err)
		}
		has, _ := server.Contact(contact)
		for key, want := range lead.Asked {
			if !ghl.SameValue(has.Fields[key], want) {
				w.t.Errorf("%s: GoHighLevel has %s = %v, want %v", contact, key, has.Fields[key], want)
			}
		}
	}
	return unknowns
}
