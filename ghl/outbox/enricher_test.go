package outbox_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/ghlapi"
	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// apiOf is a real client of a sandbox.
func apiOf(server *ghltest.Server) *ghlapi.Client {
	return ghlapi.New(ghlapi.Config{
		BaseURL: "https://ghl.test", Token: func(string) string { return "pit-1" },
		Rate: ghlapi.Rate{N: 100, Per: 10 * time.Second}, Transport: server.Transport(),
	})
}

// enrich runs an enricher until the test ends or stop is called.
func (w *world) enrich(server *ghltest.Server, locations ...string) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	n := outbox.NewEnricher(outbox.EnricherConfig{Log: w.log, Names: w.leads, Definitions: apiOf(server), Locations: locations})
	go func() { done <- n.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("enricher: %v", err)
		}
	}
}

// flat appends an event in GoHighLevel's own dialect.
func (w *world) flat(kind ghl.Type, contact, body string) {
	w.t.Helper()
	w.n++
	w.append(ledger.Draft{
		Kind: string(kind), Key: fmt.Sprintf("flat_%d", w.n), Subject: contact, Location: location, Occurred: time.Now(),
		Meta: ledger.Meta{Scheme: "ed25519", Dialect: "ghl"}, Body: []byte(body),
	})
}

// TestEnricher: what events name by id has its name once it was read, at the
// start or when an id turns up that nobody knows; what was read is read again
// after a day.
func TestEnricher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.planner = func(c *outbox.PlannerConfig) { c.Mode = outbox.Off }
		at := ghltest.Location{
			ID:          location,
			Fields:      []ghl.Definition{{ID: "cf1", Name: "Budget", DataType: "TEXT"}},
			Pipelines:   []ghltest.Pipeline{{Named: ghltest.Named{ID: "p1", Name: "Buyers"}, Stages: []ghltest.Named{{ID: "s1", Name: "Negotiating"}}}},
			Calendars:   []ghltest.Named{{ID: "k1", Name: "Tours"}},
			LostReasons: []ghltest.Named{{ID: "r1", Name: "Bought elsewhere"}},
		}
		server := ghltest.New(ghltest.Options{Locations: []ghltest.Location{at}})
		w.start()
		defer func() { w.stop() }()
		w.flat(ghl.ContactUpdated, "c1", `{"type":"ContactUpdate","locationId":"location_1","id":"c1","customFields":[{"id":"cf1","value":"500000"}]}`)
		w.flat(ghl.OpportunityUpdated, "c1", `{"type":"OpportunityUpdate","locationId":"location_1","id":"o1","contactId":"c1","status":"lost","lostReasonId":"r1","pipelineId":"p1","pipelineStageId":"s1"}`)
		w.flat(ghl.AppointmentScheduled, "c1", `{"type":"AppointmentCreate","locationId":"location_1","appointment":{"id":"a1","contactId":"c1","calendarId":"k1","startTime":"2000-01-02T00:00:00Z"}}`)
		stop := w.enrich(server, location)
		synctest.Wait()
		lead, _, err := w.leads.Get("c1")
		if err != nil {
			t.Fatal(err)
		}
		o, a := lead.Opportunities[0], lead.Appointments[0]
		if lead.CustomFields["budget"] != "500000" || o.Pipeline != "Buyers" || o.Stage != "Negotiating" || o.Reason != "Bought elsewhere" || a.Type != "Tours" {
			t.Errorf("fields %v, opportunity %+v, appointment %+v, want names", lead.CustomFields, o, a)
		}
		if n := len(server.Calls()); n != 4 {
			t.Errorf("%d calls at the start, want 4", n)
		}

		// A field is made, and an event has it: read, though not at once.
		apiOf(server).CreateField(t.Context(), location, ghl.Definition{Name: "Pet", DataType: "TEXT"})
		pet, _ := apiOf(server).Fields(t.Context(), location)
		calls := len(server.Calls())
		for range 3 {
			w.flat(ghl.ContactUpdated, "c1", `{"type":"ContactUpdate","locationId":"location_1","id":"c1","customFields":[{"id":"`+pet["pet"].ID+`","value":"cat"}]}`)
		}
		time.Sleep(11 * time.Minute)
		if lead, _, err = w.leads.Get("c1"); err != nil || lead.CustomFields["pet"] != "cat" {
			t.Errorf("fields %v, %v, want the new one by its key", lead.CustomFields, err)
		}
		if n := len(server.Calls()) - calls; n != 1 {
			t.Errorf("%d calls for three events with the new field, want 1", n)
		}
		// One that nobody lists does not have it read again and again.
		calls = len(server.Calls())
		for range 12 {
			w.flat(ghl.ContactUpdated, "c1", `{"type":"ContactUpdate","locationId":"location_1","id":"c1","customFields":[{"id":"gone","value":"x"}]}`)
			time.Sleep(5 * time.Minute)
		}
		if n := len(server.Calls()) - calls; n > 6 {
			t.Errorf("%d calls in an hour for an id that is not listed, want at most 6", n)
		}
		time.Sleep(25 * time.Hour)
		reads := w.entries(outbox.GHLRead)
		stop()
		// Four at the start, one with the new field, four on the next day.
		if len(reads) != 9 {
			t.Errorf("%d entries %s, want 9", len(reads), outbox.GHLRead)
		}
		w.enrich(server, location)()
	})
}

// TestEnricherIsPatient: a refusal or an outage ends nothing; a location
// without a key is not asked for.
func TestEnricherIsPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		server := ghltest.New(ghltest.Options{Locations: []ghltest.Location{{ID: location, Calendars: []ghltest.Named{{ID: "k1", Name: "Tours"}}}}})
		server.Fault(ghltest.Fault{Path: "/calendars", Status: 503, Times: 8}) // two reads, each repeated
		server.Fault(ghltest.Fault{Path: "/locations", Status: 403})
		w.start()
		defer func() { w.stop() }()
		stop := w.enrich(server, location)
		defer stop()
		time.Sleep(time.Hour)
		if name, err := w.leads.NameOf(location, "calendars", "k1"); err != nil || name != "Tours" {
			t.Errorf("name %q, %v, want it read when GoHighLevel was back", name, err)
		}
		refused := 0
		for _, c := range server.Calls() {
			if c.Status == 403 {
				refused++
			}
		}
		if refused != 1 {
			t.Errorf("%d calls without the scope in an hour, want 1", refused)
		}
	})
}

// TestEnricherReadsWhyADealWasLost: no webhook of GoHighLevel tells it.
func TestEnricherReadsWhyADealWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.planner = func(c *outbox.PlannerConfig) { c.Mode = outbox.Off }
		at := ghltest.Location{ID: location, LostReasons: []ghltest.Named{{ID: "r1", Name: "Bought elsewhere"}}}
		for _, id := range []string{"o1", "o2", "untold"} {
			o := ghltest.Opportunity{ID: id, ContactID: "c_" + id, Name: "1 Elm Street", Status: "lost", LostReasonID: "r1", UpdatedAt: time.Now()}
			if id == "untold" {
				o.LostReasonID = ""
			}
			at.Opportunities = append(at.Opportunities, o)
		}
		server := ghltest.New(ghltest.Options{Locations: []ghltest.Location{at}})
		server.Fault(ghltest.Fault{Path: "/opportunities/o2", Status: 503, Times: 5}) // a read and its repetitions, and one more
		w.start()
		defer func() { w.stop() }()
		defer w.enrich(server, location)()
		synctest.Wait()
		lost := func(id string) {
			w.flat(ghl.OpportunityLost, "c_"+id, `{"type":"OpportunityStatusUpdate","locationId":"location_1","id":"`+id+`","contactId":"c_`+id+`","status":"lost"}`)
		}
		lost("o1")
		lost("o2")
		lost("untold")
		lost("nowhere")
		w.add(ghl.OpportunityLost, "c_seed", map[string]any{"opportunity_id": "seed"})
		time.Sleep(time.Hour)
		for id, want := range map[string]string{"o1": "Bought elsewhere", "o2": "Bought elsewhere", "untold": "", "nowhere": "", "seed": ""} {
			lead, _, err := w.leads.Get("c_" + id)
			if err != nil || len(lead.Opportunities) != 1 || lead.Opportunities[0].Reason != want {
				t.Errorf("%s was lost for %+v, %v, want %q", id, lead.Opportunities, err, want)
			}
		}
		asked := map[string]int{}
		for _, c := range server.Calls() {
			asked[c.Path]++
		}
		if asked["/opportunities/nowhere"] != 1 || asked["/opportunities/seed"] != 0 || asked["/opportunities/o1"] != 1 {
			t.Errorf("asked for %v, want each once, and not for the seed's", asked)
		}
		told := w.entries(string(ghl.OpportunityUpdated))
		if len(told) != 2 || !told[0].Meta.Backfill || told[0].Cause.IsZero() {
			t.Errorf("%d entries tell of it, the first %+v; want two that answer the events", len(told), told[0].Draft.Meta)
		}
	})
}
