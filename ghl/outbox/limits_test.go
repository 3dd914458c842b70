package outbox_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/ghlapi"
	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
)

// sandbox puts a real client and a GoHighLevel with limits, faults and fields
// into the world.
func (w *world) sandbox(o ghltest.Options) *ghltest.Server {
	server := ghltest.New(o)
	client := ghlapi.New(ghlapi.Config{
		BaseURL: "https://ghl.test", Token: func(location string) string { return "pit-" + location },
		Rate: ghlapi.Rate{N: 100, Per: 10 * time.Second}, Daily: 200_000, Transport: server.Transport(),
	})
	before := w.courier
	w.courier = func(c *outbox.CourierConfig) {
		c.Contacts, c.Deeds = client, client
		if before != nil {
			before(c)
		}
	}
	return server
}

// in appends an event of another location.
func (w *world) in(location string, kind ghl.Type, contact string, data map[string]any) {
	w.t.Helper()
	w.n++
	d := seed(kind, contact, fmt.Sprintf("delivery_%d", w.n), data)
	d.Location = location
	w.append(d)
}

// A thousand updates of three locations under GoHighLevel's limits, with one
// call in five failing, one in twenty refused for its rate, and one location's
// token refused: all arrive but that location's.
func TestThousandUnderLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.planner = func(c *outbox.PlannerConfig) {
			c.Rules = outbox.Rules(outbox.RulesConfig{Sequences: map[string]string{outbox.AutoResponse: "off"}})
		}
		w.courier = func(c *outbox.CourierConfig) { c.Retry = outbox.Retry{Max: 10} }
		server := w.sandbox(ghltest.Options{Seed: 1, Locations: []ghltest.Location{
			{ID: "location_1", Token: "pit-location_1"}, {ID: "location_2", Token: "pit-location_2"}, {ID: "location_3", Token: "pit-location_3"},
		}})
		defer server.Close()
		server.Fault(ghltest.Fault{Location: "location_3", Method: "PUT", Status: 401})
		server.Fault(ghltest.Fault{Method: "PUT", Fraction: 0.2, Status: 503})
		server.Fault(ghltest.Fault{Method: "PUT", Fraction: 0.05, Status: 429, RetryAfter: 15 * time.Second})
		w.start()
		defer func() { w.stop() }()
		for round := range 3 {
			for i := range 334 {
				contact := fmt.Sprintf("contact_%03d", i)
				w.in(fmt.Sprintf("location_%d", i%3+1), ghl.MessageReceived, contact, map[string]any{
					"message_id": fmt.Sprintf("m%d_%d", i, round), "channel": "sms", "content": "Hello",
				})
			}
			time.Sleep(10 * time.Minute)
		}
		time.Sleep(6 * time.Hour)
		synctest.Wait()
		checkDelivered(t, w)
		checkLimits(t, server.Calls())
		checkOrder(t, server.Calls())
	})
}

// checkDelivered checks that everything is delivered but what goes to location_3.
func checkDelivered(t *testing.T, w *world) {
	t.Helper()
	n := map[outbox.EffectState]int{}
	for _, e := range w.effects() {
		n[e.State]++
		switch held := e.LocationID == "location_3"; {
		case held && e.State != outbox.StateHeld && e.State != outbox.StateSuperseded:
			t.Errorf("%s of location_3 is %s (%s), want it held", e.ID, e.State, e.Error)
		case !held && e.State != outbox.StateDelivered && e.State != outbox.StateSuperseded:
			t.Errorf("%s is %s (%s) after %d attempts, want it delivered", e.ID, e.State, e.Error, e.Attempts)
		}
	}
	t.Logf("effects: %v", n)
	if n[outbox.StateDelivered] < 600 || n[outbox.StateHeld] < 300 {
		t.Errorf("states %v, want at least 600 delivered and 300 held", n)
	}
	alerted := 0
	for _, a := range w.alerts.list() {
		if strings.Contains(a.Group, "location_3") {
			alerted++
		}
	}
	if alerted != 1 {
		t.Errorf("%d alerts about location_3, want one", alerted)
	}
}

// checkLimits checks that no location had more than 100 calls in any 10 s.
func checkLimits(t *testing.T, calls []ghltest.Call) {
	t.Helper()
	at := map[string][]time.Time{}
	for _, c := range calls {
		at[c.Location] = append(at[c.Location], c.At)
	}
	for location, times := range at {
		for i := range times {
			if j := i + 100; j < len(times) && times[j].Sub(times[i]) < 10*time.Second {
				t.Fatalf("%s: 101 calls in %s, want at most 100 in 10 s", location, times[j].Sub(times[i]))
			}
		}
	}
	t.Logf("calls: %d", len(calls))
}

// checkOrder checks that each contact's score, which only rises, arrived in order.
func checkOrder(t *testing.T, calls []ghltest.Call) {
	t.Helper()
	last := map[string]float64{}
	for _, c := range calls {
		if c.Method != "PUT" || !c.Taken {
			continue
		}
		score := highest(t, c.Body)
		if score < last[c.Contact] {
			t.Errorf("%s: score %v after %v", c.Contact, score, last[c.Contact])
		}
		last[c.Contact] = score
	}
}

// highest returns the largest number that an update writes: the score.
func highest(t *testing.T, body []byte) float64 {
	t.Helper()
	var update struct {
		CustomFields []struct {
			Value any `json:"field_value"`
		} `json:"customFields"`
	}
	if err := json.Unmarshal(body, &update); err != nil {
		t.Fatal(err)
	}
	var numbers []float64
	for _, f := range update.CustomFields {
		if n, ok := f.Value.(float64); ok {
			numbers = append(numbers, n)
		}
	}
	return slices.Max(numbers)
}

// A location whose GoHighLevel is slow, or whose day is over, delays no other.
func TestFairBetweenLocations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.planner = onlyFields
		server := w.sandbox(ghltest.Options{Locations: []ghltest.Location{
			{ID: "location_1", Token: "pit-location_1"}, {ID: "location_2", Token: "pit-location_2"},
		}})
		defer server.Close()
		server.Fault(ghltest.Fault{Location: "location_1", Method: "PUT", Latency: 15 * time.Second})
		w.start()
		defer func() { w.stop() }()
		for i := range 300 {
			w.in("location_1", ghl.ContactCreated, fmt.Sprintf("slow_%03d", i), person())
		}
		time.Sleep(time.Second)
		w.in("location_2", ghl.ContactCreated, "quick", person())
		time.Sleep(time.Second)
		synctest.Wait()
		es, _, err := w.pending.List(outbox.Filter{ContactID: "quick"})
		if err != nil || len(es) != 1 || es[0].State != outbox.StateDelivered {
			t.Errorf("a second later: %+v, %v; want it delivered", es, err)
		}
		if s, err := w.pending.Stats(); err != nil || s.States[outbox.StatePending] < 250 {
			t.Errorf("stats %+v, %v; want the other location waiting still", s, err)
		}
	})
}

// An outage rests the location: what waits loses no try, one call at a time
// tries whether it is over, and then all goes.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.planner = onlyFields
		w.ghl.refusing(func(c call) error { return status(503, true) })
		w.start()
		defer func() { w.stop() }()
		for i := range 500 {
			w.add(ghl.ContactCreated, fmt.Sprintf("contact_%03d", i), person())
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		counts, _ := w.pending.Counts()
		tries := len(w.ghl.tried("update"))
		if counts[outbox.StateDead] > 20 || counts[outbox.StatePending] < 480 || tries > 60 {
			t.Errorf("after an outage of 2 h: %v and %d tries; want most of 500 pending still and few tries", counts, tries)
		}
		if n := groupsOf(w.alerts.list())["faults:location_1"]; n != 1 {
			t.Errorf("%d alerts of the outage, want one", n)
		}
		w.ghl.refusing(nil)
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		counts, _ = w.pending.Counts()
		if counts[outbox.StatePending] != 0 || counts[outbox.StateDelivered]+counts[outbox.StateDead] != 500 {
			t.Errorf("11 minutes after it: %v, want all delivered but the dead", counts)
		}
	})
}

// groupsOf counts alerts by group.
func groupsOf(all []outbox.Alert) map[string]int {
	n := map[string]int{}
	for _, a := range all {
		n[a.Group] += max(a.Count, 1)
	}
	return n
}

// What was used of a day's budget is known again after a restart.
func TestBudgetKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.planner = onlyFields
		server := ghltest.New(ghltest.Options{})
		defer server.Close()
		var client *ghlapi.Client
		w.courier = func(c *outbox.CourierConfig) { // a restart makes a new client
			client = ghlapi.New(ghlapi.Config{
				BaseURL: "https://ghl.test", Token: func(string) string { return "pit-1" }, Daily: 10, Transport: server.Transport(),
			})
			c.Contacts, c.Deeds = client, client
		}
		w.start()
		defer func() { w.stop() }()
		for i := range 6 {
			w.add(ghl.ContactCreated, fmt.Sprintf("contact_%d", i), person())
		}
		synctest.Wait()
		w.stop()
		w.start()
		synctest.Wait()
		if used := client.Used()[location]; used != 6 {
			t.Errorf("after a restart %d calls are counted, want the 6 updates", used)
		}
		for i := range 20 {
			w.add(ghl.ContactCreated, fmt.Sprintf("contact_%d", 10+i), person())
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(server.Calls()); n > 14 { // the first life's questions for the fields have no receipt
			t.Errorf("%d calls on one day, want 10 and at most 4 of the first life", n)
		}
		time.Sleep(72 * time.Hour)
		synctest.Wait()
		if counts, _ := w.pending.Counts(); counts[outbox.StateDelivered] != 26 {
			t.Errorf("three days later %v, want 26 delivered", counts)
		}
	})
}
