package outbox_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/google/go-cmp/cmp"
)

var jane = map[string]any{"first_name": "Jane", "email": "jane@example.com"}

// A webhook becomes an updated contact and a welcome, each with its receipt.
func TestOutboxTellsGHL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		defer func() { w.stop() }()
		e := w.add(ghl.ContactCreated, "contact_1", jane)
		synctest.Wait()

		want := map[string]any{"ai_score": 40.0, "score_confidence": 0.3, "lead_quality": "warm", "recommended_action": "Call now"}
		updates := w.ghl.tried("update")
		if len(updates) != 1 || cmp.Diff(updates[0].Fields, want) != "" {
			t.Errorf("updates = %v, want one with %v", updates, want)
		}
		messages := w.ghl.tried("message")
		if len(messages) != 1 || messages[0].Message.Subject != "Welcome, Jane! Let's find your home" {
			t.Errorf("messages = %v, want one welcome", messages)
		}
		for _, answer := range w.entries(outbox.LeadScored, outbox.Requested) {
			if answer.Cause != e.ID || answer.Subject != "contact_1" || answer.Meta.Through != e.Seq {
				t.Errorf("%s: cause %s subject %s through %d, want those of the event", answer.Kind, answer.Cause, answer.Subject, answer.Meta.Through)
			}
		}
		for _, e := range w.entries() {
			if e.Occurred.IsZero() {
				t.Errorf("%s occurred never", e.Kind)
			}
		}
		if got, want := w.states(), []string{"contact.update:delivered", "sequence.welcome:delivered"}; cmp.Diff(got, want) != "" {
			t.Errorf("effects = %v, want %v", got, want)
		}
	})
}

// GoHighLevel answers 503: the seed's policy in fake time. Tries at 0, 60 and
// 120 s after a failure, then the dead letters and an alert; then a person
// sends it. go test -v -run TestSeedRetryPolicy prints what happened.
func TestSeedRetryPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.ghl.refusing(func(call) error { return status(503, true) })
		w.planner = onlyFields
		w.start()
		defer func() { w.stop() }()
		w.add(ghl.ContactCreated, "contact_1", jane)
		time.Sleep(time.Hour)
		synctest.Wait()

		var at []time.Duration
		for _, c := range w.ghl.tried("") {
			at = append(at, c.At)
		}
		if want := []time.Duration{0, time.Minute, 3 * time.Minute}; cmp.Diff(at, want) != "" {
			t.Errorf("tries at %v, want %v: at once, then 60 s and 120 s after a failure", at, want)
		}
		dead := w.effects()[0]
		if dead.State != outbox.StateDead || dead.Status != outbox.NeedsInvestigation || dead.Attempts != 3 || dead.Error == "" {
			t.Errorf("effect = %+v, want a dead letter with 3 attempts and the error", dead)
		}
		if len(w.alerts.list()) != 1 || w.alerts.list()[0].Severity != outbox.High {
			t.Errorf("alerts = %v, want one of severity high", w.alerts.list())
		}

		w.ghl.refusing(nil)
		w.act(dead, outbox.Acts.Retry)
		if e := w.effects()[0]; e.State != outbox.StateDelivered || e.Attempts != 4 {
			t.Errorf("after a retry: %+v, want delivered at the 4th attempt", e)
		}
		w.tell()
	})
}

// tell prints what happened: every entry, every call, every alert.
func (w *world) tell() {
	for _, e := range w.entries() {
		var body outbox.Receipt
		_ = json.Unmarshal(e.Body, &body) // not all are receipts
		w.t.Logf("%8s  entry %2d  %-18s %s", e.Recorded.Sub(w.began), e.Seq, e.Kind, strings.TrimSpace(body.Error+" "+body.Status))
	}
	for _, c := range w.ghl.tried("") {
		w.t.Logf("%8s  call  %s %s: %v", c.At, c.What, c.Contact, c.Err)
	}
	for _, a := range w.alerts.list() {
		w.t.Logf("alert [%s] %s: %s", a.Severity, a.Title, a.Text)
	}
}
