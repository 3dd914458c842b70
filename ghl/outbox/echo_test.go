package outbox_test

import (
	"crypto/ed25519"
	"encoding/json"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// definitions are our fields as GoHighLevel has them at the location.
func definitions() (list []ghl.Definition) {
	for _, d := range ghl.OurFields {
		d.ID, d.Key = "field_"+d.Key, "contact."+d.Key
		list = append(list, d)
	}
	return list
}

// deliver appends what GoHighLevel sent.
func (w *world) deliver(d ghltest.Delivery) {
	ev, err := ghl.ParseEvent(d.Body, "")
	if err != nil {
		w.t.Error(err)
		return
	}
	w.append(ledger.Draft{
		Kind: string(ev.Type), Key: "wh:" + ev.ID, Subject: ev.ContactID, Location: location, Occurred: ev.Time,
		Meta: ledger.Meta{Scheme: "ed25519", Dialect: string(ev.Dialect)}, Body: d.Body,
	})
}

// GoHighLevel tells us of our own update, in either dialect: it is folded, and
// neither scored nor answered. A change by a person is.
func TestEcho(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, hook := range map[string]ghltest.Webhook{"seed": {Secret: "s"}, "ghl": {Key: key, AppID: "app_1"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { checkEcho(t, hook) })
		})
	}
}

func checkEcho(t *testing.T, hook ghltest.Webhook) {
	w := newWorld(t)
	hook.To = w.deliver
	server := w.sandbox(ghltest.Options{Webhook: hook, Locations: []ghltest.Location{{ID: location, Fields: definitions()}}})
	defer server.Close()
	server.Put(ghltest.Contact{ID: "contact_1", Location: location, Properties: map[string]any{"firstName": "Jane", "email": "jane@example.com", "phone": "+15551234567"}})
	w.start()
	defer func() { w.stop() }()
	body, err := json.Marshal(map[string]any{"what": "custom_fields", "location_id": location, "items": definitions()})
	if err != nil {
		t.Fatal(err)
	}
	w.append(ledger.Draft{Kind: "ghl.read", Key: "read", Location: location, Body: body})
	w.add(ghl.ContactCreated, "contact_1", person())
	time.Sleep(time.Hour)
	synctest.Wait()
	if n := len(w.entries(string(ghl.ContactUpdated))); n != 1 {
		t.Errorf("%d echoes, want one", n)
	}
	if scored, updates := len(w.entries(outbox.LeadScored)), puts(server); scored != 1 || updates != 1 {
		t.Errorf("scored %d times with %d updates, want one each", scored, updates)
	}
	w.add(ghl.ContactUpdated, "contact_1", map[string]any{"updated_fields": map[string]any{"custom_fields": map[string]any{"ai_score": "99"}}})
	time.Sleep(time.Hour)
	synctest.Wait()
	if scored, updates := len(w.entries(outbox.LeadScored)), puts(server); scored != 2 || updates != 2 {
		t.Errorf("after a person's change scored %d times with %d updates, want two each", scored, updates)
	}
}

func puts(s *ghltest.Server) (n int) {
	for _, c := range s.Calls() {
		if c.Method == "PUT" {
			n++
		}
	}
	return n
}

// Newer values replace older ones that wait.
func TestNewerValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		defer func() { w.stop() }()
		w.pause(outbox.SenderPaused, "")
		for i := range 3 {
			w.add(ghl.OpportunityUpdated, "contact_1", map[string]any{"opportunity_id": "o1", "value": i})
			synctest.Wait()
		}
		w.pause(outbox.SenderResumed, "")
		synctest.Wait()
		if n := len(w.ghl.tried("update")); n != 1 {
			t.Errorf("%d calls, want one", n)
		}
		for i, e := range w.effects() {
			if i < 2 && (e.State != outbox.StateSuperseded || e.Error != "newer values are asked for") || i == 2 && e.State != outbox.StateDelivered {
				t.Errorf("effect %d: %s (%s), want the last delivered and the others superseded", i, e.State, e.Error)
			}
		}
	})
}

// Values that GoHighLevel has already are not written again.
func TestHasItAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		defer func() { w.stop() }()
		change := map[string]any{"updated_fields": map[string]any{"source": "web"}}
		for range 3 {
			w.add(ghl.ContactUpdated, "contact_1", maps.Clone(change))
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		es := w.effects()
		if len(w.ghl.tried("update")) != 1 || len(es) == 0 {
			t.Fatalf("%d calls for %v, want one", len(w.ghl.tried("update")), w.states())
		}
		for _, e := range es[1:] {
			if e.State != outbox.StateSuperseded || e.Error != "GoHighLevel has these values already" {
				t.Errorf("effect %+v, want it superseded, since nothing changes", e)
			}
		}
	})
}
