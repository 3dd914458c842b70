package projections_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/oklog/ulid/v2"
	"go.etcd.io/bbolt"
)

// answer appends an entry of the service that answers another.
func (w *world) answer(kind string, to ledger.Entry) ledger.Entry {
	return w.add(ledger.Draft{Kind: kind, Subject: to.Subject, Cause: to.ID, Body: []byte(`{}`)})
}

func (w *world) health() string {
	w.Helper()
	h, err := w.metrics.Health(w.Context(), time.Now())
	if err != nil {
		w.Fatal(err)
	}
	return fmt.Sprintf("%d events, %d failed, %d answered in %v", h.Events, h.Failed, h.Scored, h.Processing)
}

func (w *world) status(e ledger.Entry) projections.EventStatus {
	w.Helper()
	w.lead()
	got, err := w.metrics.Status(e.ID, ulid.ULID{1})
	if err != nil || len(got) > 1 {
		w.Fatal(got, err)
	}
	return got[e.ID]
}

// An event's status and the hour's health follow what becomes of its effects.
func TestStatusAndHealth(t *testing.T) {
	inWorld(t, func(w *world) {
		e := w.say(1, "contact.created", created)
		var one, two ledger.Entry
		for _, step := range []struct {
			what   string
			do     func()
			status projections.EventStatus
			health string
		}{
			{"arrived", func() {}, "received", "1 events, 0 failed, 0 answered in 0s"},
			{"scored after 40 ms", func() { time.Sleep(40 * time.Millisecond); w.answer("lead.scored", e) }, "planned", "1 events, 0 failed, 1 answered in 40ms"},
			{"scored again", func() { time.Sleep(time.Second); w.answer("lead.scored", e) }, "planned", "1 events, 0 failed, 1 answered in 40ms"},
			{"requested", func() { one, two = w.answer("effect.requested", e), w.answer("effect.requested", e) }, "planned", "1 events, 0 failed, 1 answered in 40ms"},
			{"one delivered", func() { w.answer("effect.attempted", one); w.answer("effect.delivered", one) }, "planned", "1 events, 0 failed, 1 answered in 40ms"},
			{"the other dead", func() { w.answer("effect.failed", two); w.answer("effect.dead", two) }, "failed", "1 events, 1 failed, 1 answered in 40ms"},
			{"retried", func() { w.answer("effect.retried", two) }, "planned", "1 events, 0 failed, 1 answered in 40ms"},
			{"dead again", func() { w.answer("effect.dead", two) }, "failed", "1 events, 1 failed, 1 answered in 40ms"},
			{"discarded", func() { w.answer("effect.discarded", two) }, "delivered", "1 events, 0 failed, 1 answered in 40ms"},
			{"what is done stays done", func() { w.answer("effect.dead", one) }, "delivered", "1 events, 0 failed, 1 answered in 40ms"},
		} {
			step.do()
			if got := w.status(e); got != step.status {
				w.Errorf("%s: status = %s, want %s", step.what, got, step.status)
			}
			if got := w.health(); got != step.health {
				w.Errorf("%s: health = %s, want %s", step.what, got, step.health)
			}
		}
	})
}

// What nothing is scored for is answered by its receipt; what the planner went
// past is planned.
func TestAnsweredWithoutAScore(t *testing.T) {
	inWorld(t, func(w *world) {
		e := w.say(1, "message.sent", ``)
		w.add(ledger.Draft{Kind: "planner.advanced", Meta: ledger.Meta{Through: e.Seq}})
		if got := w.status(e); got != projections.EventPlanned {
			w.Errorf("status = %s, want planned", got)
		}
		effect := w.answer("effect.requested", e)
		time.Sleep(time.Second)
		w.answer("effect.delivered", effect)
		if got, want := w.health(), "1 events, 0 failed, 1 answered in 1s"; got != want {
			w.Errorf("health = %s, want %s", got, want)
		}
	})
}

// The hour is exact, not by whole minutes; what did not come by itself, or has
// another's clock, is not counted.
func TestHealthIsOfTheLastHour(t *testing.T) {
	inWorld(t, func(w *world) {
		time.Sleep(37*time.Second + 500*time.Millisecond)
		for i := range 3 {
			if i > 0 {
				time.Sleep(10 * time.Second)
			}
			e := w.say(i, "message.received", fmt.Sprintf(`,"content":"%d"`, i))
			w.answer("lead.scored", e)
			w.answer("lead.scored", e)
		}
		w.say(9, "contact.created", created)
		w.add(ledger.Draft{Kind: "contact.created", Subject: "c9", Body: []byte(`{"type":"contact.created","data":{"contact_id":"c9"}}`), Meta: ledger.Meta{Scheme: "hmac", Backfill: true}})
		w.add(ledger.Draft{Kind: "contact.created", Subject: "c8", Body: []byte(`{"type":"contact.created","data":{"contact_id":"c8"}}`), Meta: ledger.Meta{Scheme: "hmac", Arrived: time.Now().Add(-time.Minute)}})
		w.add(ledger.Draft{Kind: "event.quarantined", Body: []byte(`{}`), Meta: ledger.Meta{Scheme: "hmac"}})
		w.add(ledger.Draft{Kind: "unknown.Fancy", Body: []byte(`{"type":"Fancy","locationId":"loc"}`), Meta: ledger.Meta{Scheme: "ed25519"}})
		w.lead()
		for _, tt := range []struct {
			later time.Duration
			want  string
		}{
			{0, "6 events, 1 failed, 3 answered in 3µs"}, {59*time.Minute + 39*time.Second, "6 events, 1 failed"}, {2 * time.Second, "5 events, 1 failed, 2 answered in 2µs"},
			{10 * time.Second, "4 events, 1 failed"}, {10 * time.Second, "0 events, 0 failed"},
		} {
			time.Sleep(tt.later)
			if got := w.health(); !strings.HasPrefix(got, tt.want) {
				w.Errorf("%v later: health = %s, want %s", tt.later, got, tt.want)
			}
		}
	})
}

func TestMetricsByPeriod(t *testing.T) {
	inWorld(t, func(w *world) { // 2000-01-01T00:00:00Z
		for day := range 3 {
			for i := range 20 {
				e := w.say(day*20+i, "message.received", fmt.Sprintf(`,"content":"%d"`, i))
				time.Sleep(time.Duration(i+1) * time.Millisecond)
				w.answer("lead.scored", e)
			}
			time.Sleep(24 * time.Hour)
		}
		w.say(1, "contact.created", created)
		w.add(ledger.Draft{Kind: "event.quarantined", Body: []byte(`{}`), Meta: ledger.Meta{Scheme: "hmac"}})
		w.lead()
		begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
		for _, tt := range []struct {
			filter projections.MetricsFilter
			want   string
		}{
			{projections.MetricsFilter{By: "day"}, "all 62/1 4; message.received 60/0 3; contact.created 1/0 1; quarantined 1/1 1"},
			{projections.MetricsFilter{}, "all 22/1 2; message.received 20/0 1; contact.created 1/0 1; quarantined 1/1 1"},
			{projections.MetricsFilter{By: "hour", Since: begin, Until: begin.Add(time.Hour)}, "all 20/0 1; message.received 20/0 1"},
			{projections.MetricsFilter{By: "minute", Type: "contact.created"}, "all 1/0 1; contact.created 1/0 1"},
			{projections.MetricsFilter{By: "minute", Since: begin}, "all 42/1 3; message.received 40/0 2; contact.created 1/0 1; quarantined 1/1 1"}, // minutes of the first day are gone
		} {
			m, err := w.metrics.Metrics(tt.filter)
			if err != nil {
				w.Fatal(err)
			}
			var got []string
			for _, c := range append([]projections.TypeCounts{m.Total}, m.Types...) {
				got = append(got, fmt.Sprintf("%s %d/%d %d", c.Type, c.Count, c.Failure, len(c.Periods)))
			}
			if got := strings.Join(got, "; "); got != tt.want {
				w.Errorf("Metrics(%+v)\n got %s\nwant %s", tt.filter, got, tt.want)
			}
		}
		m, _ := w.metrics.Metrics(projections.MetricsFilter{By: "day"})
		c := m.Types[0].Counts
		if p95 := 19.0; *c.AverageMS != 10.5 || *c.P95MS < p95*0.968 || *c.P95MS > p95*1.032 || *c.SuccessRate != 100 {
			w.Errorf("times: average %v, p95 %v, success %v", *c.AverageMS, *c.P95MS, *c.SuccessRate)
		}
		if _, err := w.metrics.Metrics(projections.MetricsFilter{By: "year"}); err != projections.ErrPeriod {
			w.Errorf("by year: %v", err)
		}
	})
}

// broken is a projection with a planted bug.
type broken struct{ projections.Projection }

func (broken) Apply(*bbolt.Tx, ledger.Entry) error { panic("planted") }

// An event that is parked in any view has failed, be it in the very view that
// counts them.
func TestParkedHasFailed(t *testing.T) {
	for i, p := range every() {
		synctest.Test(t, func(t *testing.T) {
			w, ps := &world{T: t}, every()
			ps[i] = broken{p}
			w.open(t.TempDir(), ps...)
			defer w.stop()
			e := w.say(1, "contact.created", created)
			synctest.Wait()
			if got, want := w.health(), "1 events, 1 failed, 0 answered in 0s"; got != want {
				t.Errorf("%s broken: health = %s, want %s", p.Name(), got, want)
			}
			if got, err := w.metrics.Status(e.ID); err != nil || got[e.ID] != projections.EventFailed {
				t.Errorf("%s broken: status = %v, %v, want failed", p.Name(), got, err)
			}
			if m, err := w.metrics.Metrics(projections.MetricsFilter{}); err != nil || m.Total.Failure != 1 || m.Total.Count != 1 {
				t.Errorf("%s broken: metrics = %+v, %v", p.Name(), m.Total, err)
			}
		})
	}
}
