package outbox_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// A contact that GoHighLevel has no more is asked nothing, until it tells of it
// again; a late event of before does not count.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.planner = onlyFields
		w.ghl.refusing(func(call) error { return status(404, true) })
		w.start()
		defer func() { w.stop() }()
		w.add(ghl.ContactCreated, "contact_1", person())
		late := seed(ghl.ContactUpdated, "contact_1", "late", map[string]any{"updated_fields": map[string]any{"source": "web"}})
		time.Sleep(time.Minute)
		w.ghl.refusing(nil)
		w.append(late)
		w.add(ghl.OpportunityCreated, "contact_1", map[string]any{"opportunity_id": "o1"})
		synctest.Wait()
		es := w.effects()
		if es[0].State != outbox.StateDead || len(w.ghl.tried("")) != 1 {
			t.Errorf("%v after %d calls, want the first dead and no other call", w.states(), len(w.ghl.tried("")))
		}
		if e := es[len(es)-1]; e.State != outbox.StateDiscarded || e.Error != "GoHighLevel has no such contact" {
			t.Errorf("effect %+v, want it discarded with the reason", e)
		}
		time.Sleep(time.Minute)
		w.add(ghl.ContactUpdated, "contact_1", map[string]any{"updated_fields": map[string]any{"source": "shop"}})
		synctest.Wait()
		if es := w.effects(); es[len(es)-1].State != outbox.StateDelivered {
			t.Errorf("told of again: %v, want the last delivered", w.states())
		}
	})
}

// A stop while a message is on its way hears its answer: nobody has to ask
// whether it went.
func TestStopWhileSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		server := w.sandbox(ghltest.Options{})
		defer server.Close()
		server.Fault(ghltest.Fault{Path: "/conversations/messages", Latency: 3 * time.Second})
		w.start()
		w.add(ghl.ContactCreated, "contact_1", person())
		time.Sleep(time.Second)
		w.stop() // two seconds before the answer
		w.start()
		defer func() { w.stop() }()
		time.Sleep(time.Hour)
		synctest.Wait()
		for _, e := range w.effects() {
			if e.State != outbox.StateDelivered {
				t.Errorf("effect %+v, want it delivered", e)
			}
		}
		if n := len(server.Deeds()); n != 1 {
			t.Errorf("%d messages, want one", n)
		}
	})
}

// An attempt that the ledger has already was made by somebody else, perhaps
// the process before this one: the message waits for a person.
func TestAttemptedBySomebodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		defer func() { w.stop() }()
		w.pause(outbox.SenderPaused, "")
		w.add(ghl.ContactCreated, "contact_1", person())
		synctest.Wait()
		for _, e := range w.entries(outbox.Requested) {
			id := e.ID.String()
			w.append(ledger.Draft{ // kept, but its cause is not one that the view knows
				Kind: outbox.Attempted, Key: outbox.Attempted + ":" + id + ":" + id, Subject: "contact_1", Location: location, Body: []byte(`{}`),
			})
		}
		w.pause(outbox.SenderResumed, "")
		synctest.Wait()
		if n := len(w.ghl.tried("message")); n != 0 {
			t.Errorf("%d messages sent, want none: the attempt was not ours", n)
		}
		if e := w.effects()[1]; e.State != outbox.StateHeld {
			t.Errorf("message %+v, want it held", e)
		}
	})
}

// An update that was held while newer ones went writes, when it is released,
// what was asked last.
func TestReleasedIsCurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.planner = onlyFields
		w.ghl.missing = []string{"recommended_action"}
		w.start()
		defer func() { w.stop() }()
		w.add(ghl.ContactCreated, "contact_1", person())
		synctest.Wait()
		w.add(ghl.MessageReceived, "contact_1", map[string]any{"message_id": "m1", "channel": "facebook", "content": "Hello"})
		synctest.Wait()
		w.ghl.missing = nil
		w.act(w.effects()[0], outbox.Acts.Release)
		updates := w.ghl.taken("update")
		if len(updates) != 2 || updates[0].Fields["ai_score"] != 50.0 || updates[1].Fields["ai_score"] != 50.0 {
			t.Errorf("updates %v, want ai_score 50 in both: the first one's 40 is old", updates)
		}
	})
}

// A contact that opts out while its message waits for its turn is not written to.
func TestOptOutWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		server := w.sandbox(ghltest.Options{Limit: ghltest.Limit{Daily: 2}})
		defer server.Close()
		w.start()
		defer func() { w.stop() }()
		w.add(ghl.CampaignOpened, "contact_0", nil) // an update and the fields: the day is over
		synctest.Wait()
		w.add(ghl.ContactCreated, "contact_1", person())
		time.Sleep(time.Hour)
		w.append(ledger.Draft{Kind: "audit.leads.opt_out", Key: "opt-out", Subject: "contact_1", Location: location, Body: []byte(`{}`)})
		time.Sleep(48 * time.Hour)
		synctest.Wait()
		if deeds := server.Deeds(); len(deeds) != 0 {
			t.Errorf("messages %v, want none", deeds)
		}
		for _, e := range w.effects() {
			if e.Kind == "sequence.welcome" && (e.State != outbox.StateDiscarded || e.Error != "the contact opted out") {
				t.Errorf("welcome %+v, want it discarded with the reason", e)
			}
		}
	})
}

// A lead that turns hot is a task for its user, once; a rescore gives nobody a
// thousand.
func TestHotLeadTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		scorer := &risingScorer{value: 40}
		w.planner = func(c *outbox.PlannerConfig) {
			c.Rules, c.Scorer, c.Roll = outbox.Rules(outbox.RulesConfig{HotLeadTask: true}), scorer, w.leads
		}
		w.start()
		defer func() { w.stop() }()
		for i, contact := range []string{"contact_1", "contact_2"} {
			data := person()
			data["assigned_to"] = "user_1"
			w.add(ghl.ContactCreated, contact, data)
			synctest.Wait()
			if n := len(w.ghl.tried("task")); n != 0 {
				t.Fatalf("%d tasks for %d cold leads", n, i+1)
			}
		}
		scorer.set(80)
		w.add(ghl.OpportunityCreated, "contact_1", map[string]any{"opportunity_id": "o1"})
		w.add(ghl.OpportunityUpdated, "contact_1", map[string]any{"opportunity_id": "o1", "value": 2})
		synctest.Wait()
		tasks := w.ghl.tried("task")
		if len(tasks) != 1 || tasks[0].Contact != "contact_1" {
			t.Errorf("tasks %v, want one for contact_1", tasks)
		}
		w.append(ledger.Draft{Kind: outbox.RescoreAsked, Key: "rescore", Body: []byte(`{}`)})
		synctest.Wait()
		if n := len(w.ghl.tried("task")); n != 1 {
			t.Errorf("%d tasks after a rescore, want one still", n)
		}
		if lead, _, _ := w.leads.Get("contact_2"); lead.Score.Value != 80 {
			t.Errorf("contact_2 has score %v, want it rescored", lead.Score.Value)
		}
	})
}

// After an erasure nothing of the contact is left in what the view tells.
func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.ghl.refuse = func(c call) error {
			if c.What == "message" {
				return status(400, true)
			}
			return nil
		}
		w.start()
		defer func() { w.stop() }()
		w.add(ghl.ContactCreated, "contact_1", person())
		w.add(ghl.AppointmentScheduled, "contact_1", tour(2))
		w.add(ghl.OpportunityWon, "contact_1", map[string]any{"opportunity_id": "o1", "property_address": "123 Main Street"})
		synctest.Wait()
		w.append(ledger.Draft{Kind: "audit.leads.forget", Key: "forget", Subject: "contact_1", Location: location})
		if err := w.log.Erase(t.Context(), ledger.Erasure{Subject: "contact_1"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		before := w.shown()
		w.stop()
		w.dir = t.TempDir()
		w.start()
		time.Sleep(time.Hour)
		synctest.Wait()
		if after := w.shown(); after != before {
			t.Errorf("made anew, the view shows\n%s\nand before\n%s", after, before)
		}
		for _, e := range w.effects() {
			if e.Request != nil || e.State != outbox.StateDiscarded && e.State != outbox.StateDelivered {
				t.Errorf("effect %+v, want nothing but that it was", e)
			}
		}
	})
}

// shown is everything that the view tells of effects.
func (w *world) shown() string {
	w.t.Helper()
	text, err := json.MarshalIndent(w.effects(), "", " ")
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}
