package outbox_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/projections"
)

func lead(name string) projections.Lead {
	return projections.Lead{ContactID: "contact_1", FirstName: name, Name: name, Email: "j@example.com"}
}

// The table of fates: what one refusal makes of a field update, and of a
// message, and how often each goes in an hour.
func TestFates(t *testing.T) {
	tests := []struct {
		name           string
		refusal        error
		field, message outbox.EffectState
		fieldTries     int
		messageTries   int
	}{
		{"nothing written", status(0, false), "dead", "dead", 3, 3},
		{"429", status(429, true), "dead", "dead", 3, 3},
		{"503", status(503, true), "dead", "held", 3, 1},
		{"time-out after writing", status(0, true), "dead", "held", 3, 1},
		{"400", status(400, true), "dead", "dead", 1, 1},
		{"422", status(422, true), "dead", "dead", 2, 1}, // once more with fields looked up anew
		{"404", status(404, true), "dead", "dead", 1, 1},
		{"401", status(401, true), "held", "held", 1, 1},
		{"403", status(403, true), "held", "held", 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { checkFate(t, "update", tt.refusal, tt.field, tt.fieldTries) })
			for _, deed := range []string{"message", "workflow", "task"} {
				synctest.Test(t, func(t *testing.T) { checkFate(t, deed, tt.refusal, tt.message, tt.messageTries) })
			}
		})
	}
}

// checkFate has GoHighLevel refuse one sort of call for an hour.
func checkFate(t *testing.T, what string, refusal error, want outbox.EffectState, tries int) {
	w := newWorld(t)
	w.ghl.refuse = func(c call) error {
		if c.What == what {
			return refusal
		}
		return nil
	}
	w.planner = asking[what]
	w.start()
	defer func() { w.stop() }()
	w.add(ghl.ContactCreated, "contact_1", person())
	time.Sleep(time.Hour)
	synctest.Wait()
	es := w.effects()
	if e := es[len(es)-1]; e.State != want {
		t.Errorf("%s is %s (%s), want %s", e.Kind, e.State, e.Error, want)
	}
	if e := es[len(es)-1]; what == "update" && want == outbox.StateDead && e.Attempts != tries {
		t.Errorf("%d attempts told, want the %d calls that were made", e.Attempts, tries)
	}
	if n := len(w.ghl.tried(what)); n != tries {
		t.Errorf("%d tries of the %s, want %d", n, what, tries)
	}
	if len(w.alerts.list()) == 0 {
		t.Error("nobody was alerted")
	}
}

// asking has planners that ask for one sort of call beside field updates, or for
// none: a message may find the contact gone before it goes.
var asking = map[string]func(*outbox.PlannerConfig){
	"update":  onlyFields,
	"message": nil,
	"workflow": func(c *outbox.PlannerConfig) {
		c.Rules = outbox.Rules(outbox.RulesConfig{Sequences: map[string]string{outbox.Welcome: "workflow:wf_1"}})
	},
	"task": func(c *outbox.PlannerConfig) {
		c.Scorer = &risingScorer{value: 90}
		c.Rules = outbox.Rules(outbox.RulesConfig{HotLeadTask: true, Sequences: map[string]string{outbox.Welcome: "off"}})
	},
}

// onlyFields turns the welcome off.
func onlyFields(c *outbox.PlannerConfig) {
	c.Rules = outbox.Rules(outbox.RulesConfig{Sequences: map[string]string{outbox.Welcome: "off"}})
}

// A message whose answer was lost waits for a person and goes when one says
// so; a field update is repeated.
func TestLostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.ghl.lose = func(c call) error {
			if c.At == 0 {
				return status(0, true)
			}
			return nil
		}
		w.start()
		defer func() { w.stop() }()
		w.add(ghl.ContactCreated, "contact_1", map[string]any{"first_name": "Jane", "email": "j@example.com"})
		time.Sleep(72 * time.Hour)
		synctest.Wait()
		es := w.effects()
		if es[0].State != "delivered" || len(w.ghl.tried("update")) != 2 {
			t.Errorf("field update %+v with %d tries, want it delivered by the second", es[0], len(w.ghl.tried("update")))
		}
		if es[1].State != "held" || len(w.ghl.tried("message")) != 1 {
			t.Errorf("message %+v with %d tries, want it held after one", es[1], len(w.ghl.tried("message")))
		}
		t.Logf("answers lost: the field update went %d times, the message once and is held (%s)", len(w.ghl.tried("update")), es[1].Error)
		w.act(es[1], outbox.Acts.Release)
		if got := w.effects()[1]; got.State != "delivered" || len(w.ghl.tried("message")) != 2 {
			t.Errorf("after a release %+v, want it delivered", got)
		}
	})
}

// Retry-After is respected, up to the longest wait of the policy.
func TestRetryAfter(t *testing.T) {
	for _, tt := range []struct{ asked, want time.Duration }{
		{time.Second, time.Minute}, {10 * time.Minute, 10 * time.Minute}, {30 * 24 * time.Hour, time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.ghl.refuse = func(c call) error {
				if c.At == 0 {
					return &ghl.APIError{Status: 429, RetryAfter: tt.asked}
				}
				return nil
			}
			w.start()
			defer func() { w.stop() }()
			w.add(ghl.OpportunityCreated, "contact_1", map[string]any{"opportunity_id": "o1"})
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			if calls := w.ghl.tried("update"); len(calls) != 2 || calls[1].At != tt.want {
				t.Errorf("asked to wait %s: calls %v, want the second after %s", tt.asked, calls, tt.want)
			}
		})
	}
}
