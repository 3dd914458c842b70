package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
	"github.com/google/go-cmp/cmp"
)

// TestKilled kills the service at random moments of a stream of deliveries
// while GoHighLevel refuses every third call. Whatever was acknowledged is
// there once, every effect has a fate, no message went twice; and views made
// anew say the same and send nothing.
func TestKilled(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	sandbox := ghltest.New(ghltest.Options{Token: "pit-test", Limit: ghltest.Limit{N: -1}})
	sandbox.Fault(ghltest.Fault{Every: 3, Status: 503})
	api := httptest.NewServer(sandbox)
	defer api.Close()
	p := newProcess(t, map[string]string{
		"GHL_API_BASE_URL": api.URL, "GHL_API_KEY": "pit-test", "GHL_LOCATION_ID": "loc_1",
		"GHL_API_RATE": "100000/1s", "GHL_RETRY_INITIAL": "20ms", "GHL_RETRY_MAX_DELAY": "50ms",
	})
	p.start()
	acked := deliverAll(p, 200, 10, rand.New(rand.NewPCG(seed, 0)))
	states := p.settle()

	for _, e := range list[effectSeen](p, "/api/v1/effects?state=held") {
		if e.Error == "" {
			t.Errorf("%s of %s is held without a reason", e.Kind, e.Contact)
		}
	}
	thereOnce(p, acked)
	t.Logf("effects: %v, calls to GoHighLevel: %d", states, len(sandbox.Calls()))
	for state := range states {
		if !slices.Contains([]string{"delivered", "dead", "held", "superseded", "discarded"}, state) {
			t.Errorf("%d effects are %s", states[state], state)
		}
	}
	for _, d := range sandbox.Twice() {
		t.Errorf("%s to %s went twice: %s", d.Kind, d.Contact, d.Text)
	}

	before, sent := list[map[string]any](p, "/api/v1/leads?sort=score"), written(sandbox)
	p.kill()
	if err := os.RemoveAll(filepath.Join(p.data, "views")); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.settle()
	if diff := cmp.Diff(before, list[map[string]any](p, "/api/v1/leads?sort=score")); diff != "" {
		t.Errorf("leads of views made anew differ (-before +after):\n%s", diff)
	}
	if now := written(sandbox); now != sent {
		t.Errorf("%d writes to GoHighLevel after the views were made anew", now-sent)
	}
}

// written counts the calls that were to change something.
func written(sandbox *ghltest.Server) (n int) {
	for _, c := range sandbox.Calls() {
		if c.Method != http.MethodGet {
			n++
		}
	}
	return n
}

// effectSeen is what a test reads of an effect.
type effectSeen struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	Contact string `json:"contact_id"`
	State   string `json:"state"`
	Error   string `json:"error"`
}

// deliverAll sends n events from four senders, each until it is acknowledged,
// and kills the service so many times meanwhile. It returns the events' ids.
func deliverAll(p *process, n, kills int, random *rand.Rand) []string {
	p.t.Helper()
	ids := make([]string, n)
	var acked, next atomic.Int64
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				for ids[i] == "" && p.t.Context().Err() == nil {
					if r, err := p.deliver(eventOf(i)); err == nil && r.HTTP == 200 {
						ids[i] = r.Data.EventID
						acked.Add(1)
					}
				}
			}
		})
	}
	at := random.Perm(n - 10)[:kills]
	slices.Sort(at)
	for _, k := range at {
		p.until(p.waitTime, fmt.Sprintf("acknowledged %d", k), func() bool { return acked.Load() >= int64(k) })
		time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond) // the moment is what is random here
		p.kill()
		p.start()
	}
	senders.Wait()
	return ids
}

// eventOf is the ith event of the stream: twenty contacts, each of which comes,
// writes, gets a deal and an appointment, and buys.
func eventOf(i int) []byte {
	contact := fmt.Sprintf("contact_%02d", i%20)
	data := map[string]any{"contact_id": contact}
	kinds := []string{"contact.created", "message.received", "opportunity.created", "appointment.scheduled", "opportunity.won"}
	kind := kinds[i/20%len(kinds)]
	switch kind {
	case "contact.created":
		data["first_name"], data["email"] = "Lead", contact+"@example.com"
	case "message.received":
		data["message_id"], data["channel"], data["content"] = fmt.Sprint("msg_", i), "sms", "Can I see the house tomorrow?"
	case "appointment.scheduled":
		data["appointment_id"], data["appointment_date"] = fmt.Sprint("apt_", i), "2099-01-20T14:00:00Z"
		data["property_address"] = fmt.Sprint(i, " Oak Lane")
	default:
		data["opportunity_id"], data["name"], data["value"] = fmt.Sprint("opp_", contact), "9 Oak Lane - Buyer", 300000
	}
	b, err := json.Marshal(map[string]any{"type": kind, "timestamp": time.Unix(1760000000+int64(i), 0).UTC().Format(time.RFC3339), "data": data})
	if err != nil {
		panic(err)
	}
	return b
}

// thereOnce checks that the ledger has each acknowledged event once, and no
// webhook but those.
func thereOnce(p *process, acked []string) {
	p.t.Helper()
	times := map[string]int{}
	for _, e := range list[struct {
		ID     string `json:"id"`
		Scheme string `json:"scheme"`
	}](p, "/api/v1/events") {
		if e.Scheme != "" {
			times[e.ID]++
		}
	}
	for i, id := range acked {
		if times[id] != 1 {
			p.t.Errorf("event %d, acknowledged as %s, is %d times in the ledger", i, id, times[id])
		}
	}
	if len(times) != len(acked) {
		p.t.Errorf("%d webhooks in the ledger, want %d", len(times), len(acked))
	}
}

// settle waits until what was delivered is done with and no effect is pending.
// It returns how many effects are in each state.
func (p *process) settle() (states map[string]int) {
	p.t.Helper()
	p.until(p.waitTime, "settled", func() bool {
		if !p.caughtUp() {
			return false
		}
		states = map[string]int{}
		for _, e := range list[effectSeen](p, "/api/v1/effects") {
			states[e.State]++
		}
		return len(states) > 0 && states["pending"] == 0
	})
	return states
}

// caughtUp reports whether every event is planned and every view has what was
// planned, in this order: a plan is entries more.
func (p *process) caughtUp() bool {
	for _, e := range list[struct {
		Status string `json:"status"`
	}](p, "/api/v1/events") {
		if e.Status == "received" {
			return false
		}
	}
	return p.viewsAtHead()
}

func (p *process) viewsAtHead() bool {
	for _, v := range list[struct {
		Lag int `json:"lag_events"`
	}](p, "/api/v1/projections") {
		if v.Lag > 0 {
			return false
		}
	}
	return true
}
