package outbox_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// A person acts on an effect at the very moment at which it goes, and the
// service is stopped before it can record what came of it. Whatever was
// clicked, the message goes no second time by itself.
func TestActWhileItGoes(t *testing.T) {
	for _, act := range []string{outbox.Retried, outbox.Discarded} {
		t.Run(act, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.ghl.refuse = func(c call) error {
					if c.What == "message" && len(w.entries(act)) == 0 {
						e := w.entries(outbox.Attempted)[0]
						w.append(ledger.Draft{
							Kind: act, Key: "click", Subject: e.Subject, Location: e.Location, Cause: e.Cause, Body: []byte(`{"by":"evt_ann","reason":"late"}`),
						})
					}
					return nil
				}
				stopped := false
				w.log.FailBefore = func(ds []ledger.Draft) error {
					if ds[0].Kind == outbox.Delivered && !strings.Contains(string(ds[0].Body), "fields") && !stopped {
						stopped = true
						return errPlanted
					}
					return nil
				}
				w.start()
				defer func() { w.stop() }()
				w.add(ghl.ContactCreated, "contact_1", person())
				w.live(time.Hour, func() {})
				if n := len(w.ghl.tried("message")); n != 1 || !stopped {
					t.Errorf("%d messages, stopped %t, want one and a stop after it", n, stopped)
				}
				if e := w.effects()[1]; e.State != outbox.StateHeld || !strings.Contains(e.Error, "fate unknown") {
					t.Errorf("message is %s (%s), want it held with its fate unknown", e.State, e.Error)
				}
			})
		})
	}
}

// racing is a leads view of which a contact is read, and then something happens.
type racing struct {
	outbox.Leads
	once sync.Once
	then func()
}

func (r *racing) Get(contact string) (projections.Lead, bool, error) {
	lead, ok, err := r.Leads.Get(contact)
	if lead.Score != nil {
		r.once.Do(r.then)
	}
	return lead, ok, err
}

// What is in the ledger before a message is recorded as attempted counts, also
// when it came while the courier was about to send.
func TestLastMoment(t *testing.T) {
	tests := []struct {
		name  string
		then  func(w *world)
		state outbox.EffectState
		sent  int
	}{
		{"nothing", func(*world) {}, "delivered", 1},
		{"STOP", func(w *world) {
			w.add(ghl.MessageReceived, "contact_1", map[string]any{"message_id": "m1", "channel": "sms", "content": "STOP"})
		}, "discarded", 0},
		{"opted out by hand", func(w *world) {
			w.append(ledger.Draft{Kind: projections.KindOptOut, Key: "out", Subject: "contact_1", Location: location, Body: []byte(`{}`)})
		}, "discarded", 0},
		{"deleted", func(w *world) { w.add(ghl.ContactDeleted, "contact_1", nil) }, "discarded", 0},
		{"paused", func(w *world) { w.pause(outbox.SenderPaused, "") }, "pending", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.planner = func(c *outbox.PlannerConfig) { // messages only
					c.Rules = outbox.Rules(outbox.RulesConfig{})[1:]
				}
				w.courier = func(c *outbox.CourierConfig) {
					c.Leads = &racing{Leads: c.Leads, then: func() { tt.then(w) }}
				}
				w.start()
				defer func() { w.stop() }()
				w.add(ghl.ContactCreated, "contact_1", person())
				time.Sleep(time.Minute)
				synctest.Wait()
				if n := len(w.ghl.tried("message")); n != tt.sent {
					t.Errorf("%d messages, want %d", n, tt.sent)
				}
				if e := w.effects()[0]; e.State != tt.state {
					t.Errorf("welcome is %s (%s), want %s", e.State, e.Error, tt.state)
				}
				w.pause(outbox.SenderResumed, "")
				synctest.Wait()
				if e := w.effects()[0]; e.State == outbox.StatePending {
					t.Errorf("welcome is pending after resume, want it to go")
				}
			})
		})
	}
}

// Two who act on the same effect at once: one is told that it was too late.
func TestTwoOperators(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.ghl.refuse = func(c call) error {
			if c.What == "message" && c.At < time.Hour {
				return status(400, true)
			}
			return nil
		}
		w.start()
		defer func() { w.stop() }()
		w.add(ghl.ContactCreated, "contact_1", person())
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		id, err := ledger.ParseID(w.effects()[1].ID)
		if err != nil {
			t.Fatal(err)
		}
		acts := outbox.Acts{Log: w.log, Pending: w.pending}
		var both sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			both.Go(func() {
				if _, errs[i] = acts.Retry(t.Context(), id, fmt.Sprintf("evt_%d", i)); i%2 == 1 {
					_, errs[i] = acts.Discard(t.Context(), id, fmt.Sprintf("evt_%d", i), "no")
				}
			})
		}
		both.Wait()
		synctest.Wait()
		for i, err := range errs {
			if err != nil && !errors.Is(err, outbox.ErrState) {
				t.Errorf("operator %d: %v", i, err)
			}
		}
		if n := len(w.ghl.taken("message")); n > 1 {
			t.Errorf("%d messages went, want at most one", n)
		}
	})
}
