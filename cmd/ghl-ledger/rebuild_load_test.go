package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestRebuildUnderLoad rebuilds every view of a full ledger while webhooks come
// and leads are read, and prints what that does to a sender's wait. It is big:
// LEDGER_REBUILD_EVENTS says how many events are in the ledger (make load).
func TestRebuildUnderLoad(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("LEDGER_REBUILD_EVENTS"))
	if n == 0 {
		t.Skip("LEDGER_REBUILD_EVENTS is not set")
	}
	sender := http.DefaultTransport.(*http.Transport)
	sender.MaxIdleConnsPerHost, sender.MaxConnsPerHost = 64, 64 // it keeps its connections, and a stall makes no more of them
	p := newProcess(t, map[string]string{"GHL_EFFECTS": "off", "GHL_LOCATION_ID": "loc_1"})
	p.startTime, p.waitTime = time.Minute, 20*time.Minute
	p.start()
	began := time.Now()
	p.fill(n)
	t.Logf("%d events delivered in %s", n, time.Since(began).Round(time.Millisecond))
	before := p.atHead()
	t.Logf("all %d entries folded and planned after %s", before[0].Head, time.Since(began).Round(time.Millisecond))

	quiet := make(chan struct{})
	time.AfterFunc(20*time.Second, func() { close(quiet) })
	alone := p.traffic(n, quiet)
	t.Logf("200 events/s, alone:          %s", alone)

	done := make(chan struct{})
	watched := p.watch(done)
	began = time.Now()
	go func() {
		defer close(done)
		if out, err := p.command("projections", "rebuild", "--all", "--yes").CombinedOutput(); err != nil {
			t.Errorf("rebuild: %v\n%s", err, out)
		}
	}()
	beside := p.traffic(2*n, done)
	took := time.Since(began)
	seen := <-watched
	t.Logf("200 events/s, beside rebuild: %s", beside)
	t.Logf("p99 beside / alone = %.2f; %d views rebuilt in %s; %d reads of a lead, slowest %s; %d states of progress",
		float64(beside.at(0.99))/float64(alone.at(0.99)), len(before), took.Round(time.Millisecond), seen.reads, seen.slowest.Round(time.Millisecond), seen.progress)
	if seen.progress < 10 {
		t.Errorf("progress moved %d times", seen.progress)
	}
	for i, v := range p.atHead() {
		if v.Generation != before[i].Generation+1 || v.Parked > 0 {
			t.Errorf("%s after the rebuild: generation %d, %d parked", v.Name, v.Generation, v.Parked)
		}
	}
	t.Logf("the switch: no read of the lead failed or went back, every view one generation on, nothing parked")
	p.rollBack("leads")
	t.Logf("rolled back: the leads view before serves again, and says the same of the lead")
}

// rollBack has the generation before serve again.
func (p *process) rollBack(view string) {
	p.t.Helper()
	lead := p.leadText(contactOf(1))
	generation := generationOf(p.views(), view)
	if out, err := p.command("projections", "rollback", view, "--yes").CombinedOutput(); err != nil {
		p.t.Errorf("rollback: %v\n%s", err, out)
	}
	p.until(p.waitTime, "rolled back", func() bool { return generationOf(p.views(), view) == generation+1 })
	if got := p.leadText(contactOf(1)); got != lead {
		p.t.Errorf("lead after the rollback\n%s\nbefore\n%s", got, lead)
	}
}

func generationOf(views []viewRow, name string) int {
	i := slices.IndexFunc(views, func(v viewRow) bool { return v.Name == name })
	return views[i].Generation
}

// command is the program beside the service, as an operator types it.
func (p *process) command(args ...string) *exec.Cmd {
	c := exec.Command("ghl-ledger", args...)
	c.Dir, c.Env = p.dir, p.env
	return c
}

func (p *process) views() []viewRow { return list[viewRow](p, "/api/v1/projections") }

// atHead waits until every view has folded the ledger and the planner has
// nothing more to say.
func (p *process) atHead() (views []viewRow) {
	p.t.Helper()
	head, since := uint64(0), time.Now()
	p.until(p.waitTime, "at the head", func() bool {
		views = p.views()
		for _, v := range views {
			if v.Lag > 0 || v.Head != head {
				head, since = v.Head, time.Now()
			}
		}
		time.Sleep(50 * time.Millisecond)
		return time.Since(since) > 2*time.Second
	})
	return views
}

func contactOf(i int) string { return fmt.Sprintf("contact_%06d", i) }

// loadEvent is the ith event of a busy office with one contact for ten events.
func loadEvent(i, n int) []byte {
	kinds := []string{
		`"contact.created","data":{"contact_id":%q,"first_name":"Ann","last_name":"Lee %d","email":"ann%[2]d@example.com","source":"website","custom_fields":{"budget":"300000-500000","timeline":"3 months"}}`,
		`"message.received","data":{"contact_id":%q,"message_id":"m%d","channel":"sms","content":"Hi, I'm very interested in the property on Main Street"}`,
		`"message.sent","data":{"contact_id":%q,"message_id":"s%d","channel":"sms","content":"Thank you"}`,
		`"opportunity.created","data":{"contact_id":%q,"opportunity_id":"o%d","name":"%[2]d Main Street - Buyer","value":425000,"status":"lead"}`,
		`"campaign.opened","data":{"contact_id":%q,"campaign_id":"camp_%d"}`,
		`"appointment.scheduled","data":{"contact_id":%q,"appointment_id":"a%d","property_address":"%[2]d Main Street","appointment_date":"2036-01-15T14:00:00Z"}`,
		`"contact.updated","data":{"contact_id":%q,"updated_fields":{"phone":"+1555%07d"}}`,
		`"appointment.completed","data":{"contact_id":%q,"appointment_id":"a%d","feedback":"Very interested"}`,
		`"message.received","data":{"contact_id":%q,"message_id":"r%d","channel":"email","content":"We could go up to 450000"}`,
		`"opportunity.updated","data":{"contact_id":%q,"opportunity_id":"o%d","stage":"Offer made","status":"open"}`,
	}
	contacts := max(1, n/len(kinds))
	return fmt.Appendf(nil, `{"type":`+kinds[i/contacts%len(kinds)]+`,"n":%[3]d}`, contactOf(i%contacts), i%contacts, i)
}

// fill delivers n events as fast as the service takes them.
func (p *process) fill(n int) {
	p.t.Helper()
	var next atomic.Int64
	var senders sync.WaitGroup
	for range 32 {
		senders.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && p.t.Context().Err() == nil; {
				if r, err := p.deliver(loadEvent(i, n)); err == nil && r.HTTP == http.StatusOK {
					i = int(next.Add(1)) - 1
				}
			}
		})
	}
	senders.Wait()
}

// waits are how long senders waited, shortest first.
type waits []time.Duration

func (w waits) at(q float64) time.Duration { return w[min(len(w)-1, int(q*float64(len(w))))] }

func (w waits) String() string {
	return fmt.Sprintf("%d events, p50 %.1f ms, p99 %.1f ms, slowest %.1f ms", len(w),
		float64(w.at(0.5).Microseconds())/1000, float64(w.at(0.99).Microseconds())/1000, float64(w[len(w)-1].Microseconds())/1000)
}

// traffic delivers 200 events a second until done. A wait is from when an event
// was due, so that a stall counts for all who would have come in it.
func (p *process) traffic(from int, done <-chan struct{}) waits {
	var mu sync.Mutex
	var all waits
	var senders sync.WaitGroup
	began := time.Now()
	for i := 0; ; i++ {
		due := began.Add(time.Duration(i) * 5 * time.Millisecond)
		select {
		case <-done:
			senders.Wait()
			slices.Sort(all)
			return all
		case <-time.After(time.Until(due)):
		}
		senders.Go(func() {
			if r, err := p.deliver(loadEvent(from+i, from)); err != nil || r.HTTP != http.StatusOK {
				p.t.Errorf("a delivery was answered %d, %v", r.HTTP, err)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, time.Since(due))
		})
	}
}

// watched is what a reader saw of a rebuild.
type watched struct {
	reads, progress int
	slowest         time.Duration
}

func (p *process) leadText(contact string) string {
	p.t.Helper()
	var lead map[string]any
	if status := p.get("/api/v1/leads/"+contact, &lead); status != http.StatusOK {
		p.t.Errorf("lead answered %d", status)
	}
	return fmt.Sprint(lead["name"], lead["as_of"], lead["score"], lead["status"], lead["preferences"])
}

// watch reads a lead and the state of the rebuild until done: a lead is there
// all the time and never goes back.
func (p *process) watch(done <-chan struct{}) <-chan watched {
	result := make(chan watched, 1)
	go func() {
		var w watched
		states := map[string]bool{}
		newest := ""
		for {
			select {
			case <-done:
				w.progress = len(states)
				result <- w
				return
			case <-time.After(20 * time.Millisecond):
			}
			began := time.Now()
			var lead struct {
				AsOf string `json:"as_of"`
			}
			if status := p.get("/api/v1/leads/"+contactOf(1), &lead); status != http.StatusOK || lead.AsOf < newest {
				p.t.Errorf("lead answered %d, as of %s after %s", status, lead.AsOf, newest)
			}
			newest = lead.AsOf
			w.reads, w.slowest = w.reads+1, max(w.slowest, time.Since(began))
			for _, v := range p.views() {
				if v.Rebuild != nil {
					states[fmt.Sprint(v.Name, v.Rebuild.Seq)] = true
				}
			}
		}
	}()
	return result
}
