package projections_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

// script is a ledger written by the test, which decides the ids too: an event
// keeps its id wherever it is put.
type script []ledger.Entry

func (s script) Head(context.Context) (ledger.Cursor, error) {
	if len(s) == 0 {
		return ledger.Cursor{}, nil
	}
	return s[len(s)-1].Cursor(), nil
}

func (s script) Read(_ context.Context, after ledger.Cursor) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		for _, e := range s[after.Seq:] {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (s script) Tail(ctx context.Context, after ledger.Cursor) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		for e := range s.Read(ctx, after) {
			if !yield(e, nil) {
				return
			}
		}
		<-ctx.Done()
		yield(ledger.Entry{}, ctx.Err())
	}
}

// arrived is when every entry of a script is recorded: late enough that no
// event time is in the future.
var arrived = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// scripted puts the bodies in a ledger in that order. The id of a body is its
// place in bodies; a repetition has a higher one.
func scripted(bodies []string, order []int) script {
	var s script
	times := map[int]int{}
	for _, i := range order {
		e := ledger.Entry{Seq: ledger.Seq(len(s) + 1), Recorded: arrived}
		e.ID[9], e.ID[10] = byte(times[i]), byte(i+1)
		times[i]++
		e.Draft = draftOf(bodies[i])
		s = append(s, e)
	}
	return s
}

// folded runs the projections over the script until its end, stopping and
// starting again after the given numbers of entries, and returns the folder.
func folded(t *rapid.T, dir string, s script, batch int, stops []int, ps ...projections.Projection) {
	for _, n := range append(stops, len(s)) {
		part := s[:n]
		r, err := projections.NewRunner(dir, part, projections.Options{Logger: quiet.Logger, Batch: batch}, ps...)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		for _, p := range ps {
			if err := r.Wait(ctx, p.Name(), ledger.Seq(n)); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		if err := errors.Join(<-done, clean(r), r.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// clean says what is parked.
func clean(r *projections.Runner) error {
	for _, s := range r.Status() {
		if parked, err := r.Parked(s.Name); err != nil || len(parked) > 0 {
			return fmt.Errorf("%s parked %+v, %v", s.Name, parked, err)
		}
	}
	return nil
}

// dump returns every row of every bucket but the runner's own.
func dump(t *rapid.T, dir string, s script, p projections.Projection) map[string]string {
	r, err := projections.NewRunner(dir, s, projections.Options{Logger: quiet.Logger}, p)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all := map[string]string{}
	err = r.View(p.Name(), func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			if name[0] == '~' {
				return nil
			}
			return b.ForEach(func(k, v []byte) error {
				all[fmt.Sprintf("%s/%q", name, k)] = string(v)
				return nil
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// equalRows says which rows differ.
func equalRows(t *rapid.T, got, want map[string]string) {
	for k, v := range want {
		if got[k] != v {
			t.Errorf("row %s\n got %s\nwant %s", k, got[k], v)
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			t.Errorf("row %s should not be there", k)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

func tempDir(t *rapid.T) string {
	dir, err := os.MkdirTemp("", "views")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// bodies is a contact's history with everything in it that the order could
// change: fields set and set again, a deal won, reopened and lost, a tour moved
// and done, a message reported twice, words to stop.
var bodies = []string{
	seed(1, "contact.created", created),
	seed(2, "contact.updated", `,"updated_fields":{"phone":"+1-555-123-4568","custom_fields":{"budget":"400000-600000"}}`),
	seed(2, "contact.updated", `,"updated_fields":{"phone":"+1-555-999","tags":["a","b"]}`),
	seed(3, "contact.updated", `,"updated_fields":{"email":"new@example.com","dnd":true,"custom_fields":{"budget":"400000-600000","ai_score":"50"}}`),
	seed(4, "contact.updated", `,"updated_fields":{"dnd":false,"custom_fields":{"budget":"300000-500000"}}`),
	seed(3, "opportunity.created", `,"opportunity_id":"o1","name":"123 Main Street - Buyer","value":425000,"status":"lead"`),
	seed(5, "opportunity.won", `,"opportunity_id":"o1","property_address":"123 Main Street","final_price":430000,"close_date":"2026-02-15"`),
	seed(6, "opportunity.updated", `,"opportunity_id":"o1","name":"125 Main Street - Buyer","value":410000,"status":"open"`),
	seed(7, "opportunity.lost", `,"opportunity_id":"o1","reason":"Found different agent","closed_date":"2026-01-10"`),
	seed(4, "opportunity.created", `,"opportunity_id":"o2","name":"9 Elm Road","value":0`),
	seed(8, "opportunity.deleted", `,"opportunity_id":"o2"`),
	seed(4, "appointment.scheduled", `,"appointment_id":"a1","property_address":"123 Main Street","appointment_date":"2026-01-15T14:00:00Z"`),
	seed(5, "appointment.scheduled", `,"appointment_id":"a1","appointment_date":"2026-01-16T14:00:00Z"`),
	seed(9, "appointment.completed", `,"appointment_id":"a1","feedback":"very interested","duration_minutes":45`),
	seed(9, "appointment.missed", `,"appointment_id":"a2"`),
	seed(6, "message.received", `,"message_id":"m1","channel":"sms","content":"I'm interested"`),
	seed(7, "message.received", `,"message_id":"m1","channel":"sms","content":"I'm interested, still"`),
	seed(6, "message.received", `,"message_id":"m2","channel":"email","content":"budget 450000"`),
	seed(8, "message.received", `,"message_id":"m3","channel":"sms","content":"STOP"`),
	seed(8, "message.sent", `,"message_id":"m4","channel":"sms","content":"Bye"`),
	seed(9, "campaign.opened", `,"campaign_id":"x"`),
	seed(9, "campaign.clicked", `,"campaign_id":"x"`),
	flat(5, "ContactUpdate", `,"id":"c1","firstName":"Jon","email":"John@example.com","dnd":false,"tags":["c"],"customFields":[{"id":"cf1","value":"200000-250000"},{"id":"cf2","value":"77"}]`),
	flat(6, "ContactUpdate", `,"id":"c1","firstName":"Jon","phone":"+1555","customFields":[{"id":"cf1","value":"210000-250000"}]`),
	flat(9, "ContactDelete", `,"id":"c1"`),
	flat(7, "OpportunityUpdate", `,"id":"o1","contactId":"c1","name":"123 Main Street - Buyer","monetaryValue":420000,"status":"lost","pipelineStageId":"s1","lostReasonId":"r1"`),
	flat(7, "OpportunityStatusUpdate", `,"id":"o1","contactId":"c1","name":"123 Main Street - Buyer","monetaryValue":420000,"status":"lost"`),
	flat(9, "OpportunityStatusUpdate", `,"id":"o1","contactId":"c1","monetaryValue":420000,"status":"open"`),
	flat(8, "AppointmentUpdate", `,"appointment":{"id":"a1","contactId":"c1","appointmentStatus":"noshow","startTime":"2026-01-16T14:00:00+05:30"}`),
	flat(8, "InboundMessage", `,"contactId":"c1","messageId":"m5","messageType":"SMS","body":"budget 480000"`),
	flat(8, "LCEmailStats", `,"webhookPayload":{"event":"opened","recipient":"JOHN@example.com"}`),
	flat(9, "LCEmailStats", `,"webhookPayload":{"event":"unsubscribed","recipient":"new@example.com"}`),
	`ghl.read {"what":"custom_fields","location_id":"loc","items":[{"id":"cf1","name":"Budget","fieldKey":"contact.budget"},{"id":"cf2","name":"AI Score","fieldKey":"contact.ai_score"}]}`,
	`ghl.read {"what":"lost_reasons","location_id":"loc","items":[{"id":"r1","name":"Bought elsewhere"}]}`,
	`clock.ticked {}`,
}

func seed(minute int, kind, data string) string {
	return fmt.Sprintf(`{"type":%q,"timestamp":"2026-01-10T10:%02d:00Z","data":{"contact_id":"c1"%s}}`, kind, minute, data)
}

// flat is an event in GoHighLevel's own dialect.
func flat(minute int, kind, fields string) string {
	return fmt.Sprintf(`{"type":%q,"locationId":"loc","timestamp":"2026-01-10T10:%02d:00.000Z"%s}`, kind, minute, fields)
}

// draftOf is what the webhook makes of a body; other bodies are the service's
// own, with their kind in front.
func draftOf(body string) ledger.Draft {
	d := ledger.Draft{Location: "loc", Body: []byte(body)}
	if kind, own, ok := strings.Cut(body, " {"); ok {
		d.Kind, d.Body = kind, []byte("{"+own)
		if strings.HasPrefix(kind, "audit.leads.") || strings.HasPrefix(kind, "effect.") || kind == "lead.scored" {
			d.Subject = "c1"
		}
		return d
	}
	ev, err := ghl.ParseEvent(d.Body, "")
	if err != nil {
		panic(fmt.Sprint(body, err))
	}
	d.Kind, d.Subject = string(ev.Type), ev.ContactID
	return d
}

// order draws an order of n things, some of them repeated.
func order(t *rapid.T, n int) []int {
	list := append(indexes(n), rapid.SliceOfN(rapid.IntRange(0, n-1), 0, n).Draw(t, "repeated")...)
	return rapid.Permutation(list).Draw(t, "order")
}

// The same events in any order, some of them repeated, make the same lead.
func TestLeadIsTheSameInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOfNDistinct(rapid.IntRange(0, len(bodies)-1), 1, len(bodies), rapid.ID).Draw(t, "events")
		chosen := make([]string, len(some))
		inOrder := make([]int, len(some))
		for i, n := range some {
			chosen[i], inOrder[i] = bodies[n], i
		}
		want := leadOf(t, scripted(chosen, inOrder))
		got := leadOf(t, scripted(chosen, order(t, len(chosen))))
		if got != want {
			t.Fatalf("lead\n got %s\nwant %s", got, want)
		}
	})
}

// every makes all projections of the package.
func every() []projections.Projection { return everyFor(meaning) }

func everyFor(m projections.Meaning) []projections.Projection {
	return []projections.Projection{projections.NewLeads(m), projections.NewOutcomes(m), projections.Metrics{}}
}

// leadOf returns what the views say of the lead and its outcomes.
func leadOf(t *rapid.T, s script) string {
	dir := tempDir(t)
	folded(t, dir, s, 100, nil, every()...)
	r, err := projections.NewRunner(dir, s, projections.Options{Logger: quiet.Logger}, every()...)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	lead, ok, err := projections.LeadsView{Runner: r, Meaning: meaning}.Get("c1")
	if err != nil {
		t.Fatal(ok, err)
	}
	lead.AsOf = "" // the newest entry, which a repetition moves
	view := projections.OutcomesView{Runner: r, Meaning: meaning}
	funnel, err := view.Funnel(projections.FunnelFilter{By: "source"})
	if err != nil {
		t.Fatal(err)
	}
	ends, _, err := view.List(projections.OutcomeFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, stage := range funnel.Total.Stages {
		if lead.Status == stage.Stage && stage.Now != 1 {
			t.Fatalf("the lead is %s, the funnel has %+v", lead.Status, funnel.Total)
		}
	}
	campaigns, err := view.Campaigns("")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.MarshalIndent([]any{lead, lead.Facts, lead.Known, funnel, ends, campaigns}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// The rows of a view do not depend on the size of batches, nor on where its
// process was stopped.
func TestRowsAreTheSameForAnyBatching(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := scripted(bodies, order(t, len(bodies)))
		dir, again := tempDir(t), tempDir(t)
		folded(t, dir, s, 1000, nil, every()...)
		n := len(s)
		a := rapid.IntRange(0, n).Draw(t, "first stop")
		b := rapid.IntRange(a, n).Draw(t, "second stop")
		ps := rapid.Permutation(every()).Draw(t, "followers")
		folded(t, again, s, rapid.IntRange(1, 9).Draw(t, "batch"), []int{a, b}, ps...)
		for _, p := range ps {
			equalRows(t, dump(t, again, s, p), dump(t, dir, s, p))
		}
	})
}

// A walk, which folds only what rows are made from, knows of a lead at any entry
// what the view knew then, but for the properties that fit it; whether it holds
// what it knows in memory, or reads and writes it for each entry.
func TestWalkKnowsWhatTheViewKnew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		some := slices.Concat(bodies, own, []string{seed(6, "opportunity.updated", `,"opportunity_id":"o1","value":415000`)})
		s := scripted(some, rapid.Permutation(indexes(len(some))).Draw(t, "order"))
		n := rapid.IntRange(1, len(s)).Draw(t, "entries")
		got := walked(t, s, 1)
		for i, held := range walked(t, s, 64<<20) {
			if got[i] != held {
				t.Fatalf("lead at entry %d\nread and written %s\nheld in memory  %s", i+1, got[i], held)
			}
		}
		dir := tempDir(t)
		folded(t, dir, s[:n], 100, nil, every()...)
		r, err := projections.NewRunner(dir, s[:n], projections.Options{Logger: quiet.Logger}, every()...)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		lead, ok, err := projections.LeadsView{Runner: r, Meaning: meaning}.Get("c1")
		if want := known(t, lead, ok, err); got[n-1] != want {
			t.Fatalf("lead at entry %d\n got %s\nwant %s", n, got[n-1], want)
		}
	})
}

// own are entries that the service writes about c1.
var own = []string{
	"audit.leads.forget {}", "audit.leads.readmit {}", "audit.leads.opt_out {}", "audit.leads.opt_in {}",
	`lead.scored {"score":50.5,"quality":"warm","as_of_seq":3}`, `lead.scored {"score":71,"quality":"hot","as_of_seq":9}`,
	`effect.requested {"kind":"contact.fields","fields":{"ai_score":50.5,"ai_quality":"warm","ai_hot":false}}`,
	`effect.delivered {"fields":{"ai_score":50.5,"ai_quality":"warm","ai_list":["a",1]}}`,
}

// walked is what a walk knows of c1 after each entry.
func walked(t *rapid.T, s script, memory int) (list []string) {
	walk := projections.Walk{Log: s, Dir: tempDir(t), Meaning: meaning, Memory: memory}
	err := walk.Each(context.Background(), func(e ledger.Entry, lead projections.LeadAt) error {
		got, ok, err := lead("c1")
		list = append(list, known(t, got, ok, err))
		return nil
	})
	if err != nil || len(list) != len(s) {
		t.Fatal(len(list), err)
	}
	return list
}

// known is all that a score or a courier may know of a lead.
func known(t *rapid.T, lead projections.Lead, ok bool, err error) string {
	lead.PropertyMatches = nil
	raw, jerr := json.Marshal([]any{ok, lead, lead.Facts, lead.Known, lead.Asked, lead.Addresses, lead.ScoredAs, lead.Introduced})
	if err := errors.Join(err, jerr); err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Nor do they depend on rebuilds, previews and rollbacks, which a stop finds
// anywhere.
func TestRowsAreTheSameAfterRebuilds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := scripted(bodies, order(t, len(bodies)))
		dir, again := tempDir(t), tempDir(t)
		folded(t, dir, s, 1000, nil, every()...)
		stops := append(rapid.SliceOfNDistinct(rapid.IntRange(0, len(s)-1), 1, 5, rapid.ID).Draw(t, "stops"), len(s))
		slices.Sort(stops)
		for _, n := range stops {
			r, err := projections.NewRunner(again, s[:n], projections.Options{Logger: quiet.Logger, Batch: 3}, every()...)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- r.Run(ctx) }()
			for _, p := range every() {
				acts := []func(string) error{r.Rebuild, r.Rollback, r.Preview, r.Accept, r.Discard, func(name string) error { return r.Sync(ctx, name) }}
				for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(acts)-1), 0, 4).Draw(t, p.Name()) {
					_ = acts[i](p.Name()) // one that is not to be done now says so
				}
			}
			cancel()
			if err := errors.Join(<-done, clean(r), r.Close()); err != nil {
				t.Fatal(err)
			}
		}
		folded(t, again, s, 5, nil, every()...)
		for _, p := range every() {
			equalRows(t, dump(t, again, s, p), dump(t, dir, s, p))
		}
	})
}

// What a view has of a contact that was forgotten is what a rebuild has, to
// which the contact's bodies are gone.
func TestForgottenIsTheSameAfterARebuild(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		some := append(bodies[:len(bodies):len(bodies)], "audit.leads.forget {}", "lead.scored {}", "audit.leads.readmit {}")
		s := scripted(some, rapid.Permutation(indexes(len(some))).Draw(t, "order"))
		erased := make(script, len(s))
		forgotten := slices.IndexFunc(s, func(e ledger.Entry) bool { return e.Kind == projections.KindForgotten })
		readmitted := slices.IndexFunc(s, func(e ledger.Entry) bool { return e.Kind == projections.KindReadmitted })
		for i, e := range s {
			gone := e.Subject != "" && (i <= forgotten || i < readmitted) || i < forgotten && isTo(e, addressesIn(s[:forgotten]))
			if readmitted < forgotten {
				gone = gone || e.Subject != ""
			}
			if gone {
				e.Erased, e.Body = true, nil
			}
			erased[i] = e
			if gone && i > forgotten {
				s[i] = e // it was erased as it came
			}
		}
		dir, again := tempDir(t), tempDir(t)
		folded(t, dir, s, 100, nil, every()...)
		folded(t, again, erased, 100, nil, every()...)
		for _, p := range every() {
			equalRows(t, dump(t, dir, s, p), dump(t, again, erased, p))
		}
	})
}

// addressesIn are the e-mail addresses that the contact's events name.
func addressesIn(s script) (list []string) {
	for _, e := range s {
		if ev, err := ghl.ParseEvent(e.Body, ""); err == nil && ev.Contact != nil && ev.Contact.Email != nil {
			list = append(list, strings.ToLower(*ev.Contact.Email))
		}
	}
	return list
}

func isTo(e ledger.Entry, addresses []string) bool {
	ev, err := ghl.ParseEvent(e.Body, "")
	return err == nil && slices.Contains(addresses, strings.ToLower(ev.Address))
}

func indexes(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
