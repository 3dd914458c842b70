package outbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// reconcile reads location back from a sandbox.
func (w *world) reconcile(server *ghltest.Server, o outbox.Reconcile) (outbox.Gap, error) {
	r := outbox.Reconciler{Log: w.log, Leads: w.leads, Names: w.leads, Roll: w.leads, Records: apiOf(server), Now: time.Now}
	o.Location = location
	gap, err := r.Run(w.t.Context(), o, nil)
	synctest.Wait()
	return gap, err
}

// oldLocation is a location with so many contacts and their deals, some hours
// old: not so old that their age alone would keep messages back.
func oldLocation(n int) ghltest.Location {
	began := time.Now().Add(-time.Duration(n)*time.Minute - 2*time.Hour)
	at := ghltest.Location{ID: location, Fields: definitions(), LostReasons: []ghltest.Named{{ID: "r1", Name: "Bought elsewhere"}}}
	for i := range n {
		id, when := fmt.Sprintf("contact_%03d", i), began.Add(time.Duration(i)*time.Minute)
		at.Contacts = append(at.Contacts, ghltest.Contact{ID: id, Added: when, Updated: when, Properties: map[string]any{
			"firstName": "Old", "lastName": fmt.Sprintf("Friend %d", i), "email": id + "@example.com", "phone": "+15550000000", "type": "lead",
		}})
		status := []string{"open", "won", "lost", "abandoned"}[i%4]
		o := ghltest.Opportunity{
			ID: "deal_" + id, ContactID: id, Name: "1 Elm Street", MonetaryValue: 450_000, Status: status,
			CreatedAt: when, UpdatedAt: when.Add(time.Hour), LastStatusChange: when.Add(30 * time.Minute),
		}
		if status == "lost" {
			o.LostReasonID = "r1"
		}
		at.Opportunities = append(at.Opportunities, o)
	}
	return at
}

// TestReconcileAll is the first day: every contact of the location is known,
// scored and told its score, and nobody gets a message. Once more finds
// nothing.
func TestReconcileAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 500
		w := newWorld(t)
		server := w.sandbox(ghltest.Options{Strict: true, Locations: []ghltest.Location{oldLocation(n)}})
		w.start()
		defer func() { w.stop() }()
		defer w.enrich(server, location)()
		synctest.Wait()
		if gap, err := w.reconcile(server, outbox.Reconcile{DryRun: true}); err != nil || gap.Missed() != 2*n || len(w.entries("contact.created")) > 0 {
			t.Errorf("a look found %d, %v, want %d and nothing appended", gap.Missed(), err, 2*n)
		}
		gap, err := w.reconcile(server, outbox.Reconcile{})
		if err != nil || gap.Contacts.New != n || gap.Opportunities.New != n || gap.Added != 2*n || gap.Unlisted != 0 {
			t.Errorf("gap = %+v, %v, want %d of each new", gap, err, n)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if deeds := server.Deeds(); len(deeds) > 0 {
			t.Errorf("%d messages, the first: %+v", len(deeds), deeds[0])
		}
		for _, e := range w.effects() {
			if e.Kind != outbox.UpdateContact || e.State != outbox.StateDelivered && e.State != outbox.StateSuperseded {
				t.Fatalf("effect %+v, want updates alone, delivered", e)
			}
		}
		checkOldLeads(t, w, n)
		if c, _ := server.Contact("contact_001"); c.Fields["status"] == nil || c.Fields["ai_score"] == nil {
			t.Errorf("a sold lead's fields at GoHighLevel: %v", c.Fields)
		}
		before := len(w.entries())
		gap, err = w.reconcile(server, outbox.Reconcile{})
		if err != nil || gap.Missed() != 0 || gap.Contacts.Read != n || len(w.entries()) > before+2 { // what was found, and the planner's place
			t.Errorf("once more: %+v, %v, %d entries more, want nothing missed", gap, err, len(w.entries())-before)
		}
	})
}

func checkOldLeads(t *testing.T, w *world, n int) {
	t.Helper()
	status := map[int]projections.LeadStatus{1: projections.StatusSold, 2: projections.StatusLost, 3: projections.StatusLost}
	for i := range n {
		lead, ok, err := w.leads.Get(fmt.Sprintf("contact_%03d", i))
		if err != nil || !ok || lead.Score == nil || lead.Name != fmt.Sprintf("Old Friend %d", i) || len(lead.Opportunities) != 1 {
			t.Fatalf("contact %d: %+v, %v, %v", i, lead, ok, err)
		}
		if want := status[i%4]; want != "" && lead.Status != want {
			t.Errorf("contact %d is %s, want %s", i, lead.Status, want)
		}
		if o := lead.Opportunities[0]; i%4 == 2 && o.Reason != "Bought elsewhere" {
			t.Errorf("contact %d lost its deal for %q", i, o.Reason)
		}
	}
}

// TestReconcileFinds is what is missed and what is not, for a contact that the
// ledger has.
func TestReconcileFinds(t *testing.T) {
	tests := []struct {
		name    string
		there   func(*ghltest.Location) // what GoHighLevel has, beside what the ledger has
		here    func(*world)
		missed  []string // fields in the sample, by space; "new" for one the ledger never heard of
		deleted int
	}{
		{name: "the same"},
		{name: "another phone", there: func(l *ghltest.Location) { l.Contacts[0].Properties["phone"] = "+1999" }, missed: []string{"phone"}},
		{name: "case of an address", there: func(l *ghltest.Location) { l.Contacts[0].Properties["email"] = "JANE@example.com" }},
		{name: "tags in another order", there: func(l *ghltest.Location) { l.Contacts[0].Properties["tags"] = []string{"b", "a"} }},
		{name: "another tag", there: func(l *ghltest.Location) { l.Contacts[0].Properties["tags"] = []string{"a"} }, missed: []string{"tags"}},
		{name: "our own fields", there: func(l *ghltest.Location) { l.Contacts[0].Fields = map[string]any{"ai_score": 12.0} }},
		{name: "a field", there: func(l *ghltest.Location) { l.Contacts[0].Fields = map[string]any{"budget": "600000"} }, missed: []string{"custom_fields.budget"}},
		{name: "do not disturb", there: func(l *ghltest.Location) { l.Contacts[0].Properties["dnd"] = true }, missed: []string{"dnd"}},
		{name: "cleared", there: func(l *ghltest.Location) { delete(l.Contacts[0].Properties, "phone") }},
		{name: "won meanwhile", there: func(l *ghltest.Location) { l.Opportunities[0].Status = "won" }, missed: []string{"status"}},
		{name: "worth more", there: func(l *ghltest.Location) { l.Opportunities[0].MonetaryValue++ }, missed: []string{"value"}},
		{name: "another contact", there: func(l *ghltest.Location) { l.Contacts = append(l.Contacts, ghltest.Contact{ID: "c2"}) }, missed: []string{"new"}},
		{name: "deleted here", here: func(w *world) { w.add(ghl.ContactDeleted, "c1", nil) }, deleted: 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.planner = func(c *outbox.PlannerConfig) { c.Mode = outbox.Off }
				at := janes()
				if tt.there != nil {
					tt.there(&at)
				}
				server := w.sandbox(ghltest.Options{Locations: []ghltest.Location{at}})
				w.start()
				defer func() { w.stop() }()
				defer w.enrich(server, location)()
				w.add(ghl.ContactCreated, "c1", map[string]any{
					"first_name": "Jane", "email": "jane@example.com", "phone": "+1555", "tags": []string{"a", "b"},
					"custom_fields": map[string]any{"budget": "500000"},
				})
				w.add(ghl.OpportunityCreated, "c1", map[string]any{"opportunity_id": "o1", "name": "1 Elm Street", "value": 400000, "status": "open"})
				if tt.here != nil {
					tt.here(w)
				}
				time.Sleep(time.Hour)
				gap, err := w.reconcile(server, outbox.Reconcile{})
				if err != nil {
					t.Fatal(err)
				}
				var missed []string
				for _, m := range gap.Sample {
					if missed = append(missed, m.Fields...); m.Fields == nil {
						missed = append(missed, "new")
					}
				}
				if !slices.Equal(missed, tt.missed) || gap.Contacts.Deleted+gap.Opportunities.Deleted != tt.deleted {
					t.Errorf("missed %q in %+v, want %q", missed, gap, tt.missed)
				}
				if again, err := w.reconcile(server, outbox.Reconcile{}); err != nil || again.Missed() > 0 {
					t.Errorf("once more: %+v, %v, want nothing missed", again, err)
				}
			})
		})
	}
}

// janes is a location with one contact and its deal, changed a minute from now:
// after the ledger heard of them.
func janes() ghltest.Location {
	at := time.Now().Add(time.Minute)
	return ghltest.Location{
		ID: location, Fields: append(definitions(), ghl.Definition{Name: "Budget", DataType: "TEXT"}),
		Contacts: []ghltest.Contact{{ID: "c1", Added: at, Updated: at, Fields: map[string]any{"budget": "500000"}, Properties: map[string]any{
			"firstName": "Jane", "email": "jane@example.com", "phone": "+1555", "tags": []string{"a", "b"},
		}}},
		Opportunities: []ghltest.Opportunity{{ID: "o1", ContactID: "c1", Name: "1 Elm Street", MonetaryValue: 400000, Status: "open", CreatedAt: at, UpdatedAt: at}},
	}
}

// TestReconcileSince reads what changed, and says which leads GoHighLevel does
// not list only where it read all.
func TestReconcileSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.planner = func(c *outbox.PlannerConfig) { c.Mode = outbox.Off }
		at := oldLocation(200)
		server := w.sandbox(ghltest.Options{Locations: []ghltest.Location{at}})
		w.start()
		defer func() { w.stop() }()
		w.add(ghl.ContactCreated, "merged away", person())
		gap, err := w.reconcile(server, outbox.Reconcile{Since: at.Contacts[150].Updated})
		if err != nil || gap.Contacts.New != 50 || gap.Opportunities.New != 50+60 || gap.Unlisted != 0 { // deals changed an hour later than their contacts
			t.Errorf("gap %+v, %v, want 50 contacts and 110 deals", gap, err)
		}
		if gap, err = w.reconcile(server, outbox.Reconcile{}); err != nil || gap.Unlisted != 1 {
			t.Errorf("gap %+v, %v, want one lead unlisted", gap, err)
		}
	})
}

// TestReconcileGoesOn: what was appended before a failure stays, and the next
// run adds the rest, each once.
func TestReconcileGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.planner = func(c *outbox.PlannerConfig) { c.Mode = outbox.Off }
		server := w.sandbox(ghltest.Options{Locations: []ghltest.Location{oldLocation(350)}})
		w.start()
		defer func() { w.stop() }()
		server.Fault(ghltest.Fault{Every: 3, Path: "/contacts/search", Status: 403})
		gap, err := w.reconcile(server, outbox.Reconcile{})
		if err == nil || !strings.Contains(err.Error(), location) || gap.Added == 0 || gap.Added == 350 {
			t.Errorf("gap %+v, %v, want a failure in its midst", gap, err)
		}
		server.Heal()
		if _, err = w.reconcile(server, outbox.Reconcile{}); err != nil {
			t.Fatal(err)
		}
		if created := len(w.entries("contact.created")); created != 350 {
			t.Errorf("%d entries contact.created, want 350", created)
		}
	})
}
