package projections

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
	"go.etcd.io/bbolt"
)

// MetricsView reads the metrics view.
//
//	Health(ctx, now)       the webhooks of the last hour, for GET /webhooks/ghl/health
//	Metrics(MetricsFilter) counts and times by type and minute, hour or day
//	Status(ids...)         how events stand: received, planned, delivered, failed
//	Wait(ctx, seq)         until the view has folded the entry
//
// An event has failed if it was quarantined, is parked in a view, or has a dead
// effect; it has none any more once that is repaired.
type MetricsView struct{ Runner *Runner }

// EventStatus is how an event stands.
type EventStatus string

// What may be said of an event.
const (
	EventReceived  EventStatus = "received"
	EventPlanned   EventStatus = "planned"   // scored, and what follows is decided
	EventDelivered EventStatus = "delivered" // GoHighLevel has all that was owed
	EventFailed    EventStatus = "failed"
)

// LastHour counts the webhooks of one hour by arrival.
type LastHour struct {
	Events, Failed int
	Scored         int           // those that were answered
	Processing     time.Duration // summed over Scored: arrival to lead.scored
}

// Wait returns once the view has folded the entry at seq.
func (v MetricsView) Wait(ctx context.Context, seq ledger.Seq) error {
	return v.Runner.Wait(ctx, MetricsName, seq)
}

// eachCell tells of all cells of that grain from since to until.
func (r rows) eachCell(grain byte, since, until time.Time, tell func(at time.Time, t string, n tally)) error {
	from, to := metricCell(grain, since.UnixMicro(), ""), metricCell(grain, until.Add(lengthOf[grain]-1).UnixMicro(), "")
	for k, raw := range r.between("cells", from, to) {
		n := tally{}
		if err := Decode("cells", raw, &n); err != nil {
			return err
		}
		tell(time.UnixMicro(int64(binary.BigEndian.Uint64(k[1:]))).UTC(), string(k[9:]), n)
	}
	return nil
}

// parked are the events that are parked in any view, with their kinds.
func (v MetricsView) parked() (map[ulid.ULID]string, error) {
	events := map[ulid.ULID]string{}
	for _, view := range v.Runner.views {
		if view.serving.Load().parked.Load() == 0 {
			continue
		}
		list, err := v.Runner.Parked(view.p.Name())
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			if id, err := ledger.ParseID(p.EventID); err == nil && !isOwn(p.Kind) {
				events[id] = p.Kind
			}
		}
	}
	return events, nil
}

// eachParked tells how parked events count beside what the cells say of them:
// one that is parked in this very view is not in the cells at all.
func (r rows) eachParked(parked map[ulid.ULID]string, since, until time.Time, tell func(at time.Time, t string, n tally)) error {
	for id, kind := range parked {
		row, n := eventRow{Type: kind, Arrived: int64(id.Time()) * 1000}, tally{"failed": 1}
		found, err := r.get("events", id[:], &row)
		if err != nil {
			return err
		}
		if !found {
			n["n"] = 1
		}
		at := time.UnixMicro(row.Arrived).UTC()
		if !row.Uncounted && !row.failed() && !at.Before(since) && at.Before(until) {
			tell(at, row.Type, n)
		}
	}
	return nil
}

// Status returns how the events with those ids stand; others are not in it.
func (v MetricsView) Status(ids ...ulid.ULID) (map[ulid.ULID]EventStatus, error) {
	list := map[ulid.ULID]EventStatus{}
	parked, err := v.parked()
	if err != nil {
		return nil, err
	}
	err = v.view(func(r rows) error {
		through := r.through()
		for _, id := range ids {
			var row eventRow
			found, err := r.get("events", id[:], &row)
			if err != nil {
				return err
			}
			_, isParked := parked[id]
			switch {
			case isParked:
				list[id] = EventFailed
			case found:
				list[id] = row.status(through)
			}
		}
		return nil
	})
	return list, err
}

func (row eventRow) status(through ledger.Seq) EventStatus {
	switch {
	case row.failed():
		return EventFailed
	case row.Delivered > 0 && row.Open == 0:
		return EventDelivered
	case row.Answered || ledger.Seq(row.Seq) <= through:
		return EventPlanned
	}
	return EventReceived
}

// freshly is how long Health waits for the view to have what the ledger has.
const freshly = 500 * time.Millisecond

// Health counts the webhooks of the hour before now, exactly: whole minutes by
// their cells, the rest of a minute event by event. It waits a moment for the
// view to be at the head, so that whoever has just delivered an event sees it.
func (v MetricsView) Health(ctx context.Context, now time.Time) (h LastHour, err error) {
	fresh, cancel := context.WithTimeout(ctx, freshly)
	defer cancel()
	if err := v.Runner.Sync(fresh, MetricsName); err != nil && ctx.Err() != nil {
		return h, ctx.Err()
	}
	parked, err := v.parked()
	if err != nil {
		return h, err
	}
	total := tally{}
	since, until := now.Add(-time.Hour), now.Add(time.Second) // the clock may have moved on while we waited
	whole := since.Add(time.Minute - 1).Truncate(time.Minute)
	sum := func(_ time.Time, _ string, n tally) { total.add(n, 1) }
	err = v.view(func(r rows) error {
		return errors.Join(r.eachCell(minutes, whole, until, sum), r.addEvents(total, since, whole), r.eachParked(parked, since, until, sum))
	})
	return LastHour{
		Events: int(total["n"]), Failed: int(total["failed"]),
		Scored: int(total["took"]), Processing: time.Duration(total["took+"]) * time.Microsecond,
	}, err
}

// addEvents adds what arrived from since to before until, one by one.
func (r rows) addEvents(t tally, since, until time.Time) error {
	for _, raw := range r.between("events", firstID(since), firstID(until)) {
		var row eventRow
		if err := Decode("events", raw, &row); err != nil {
			return err
		}
		if row.Uncounted || row.Arrived < since.UnixMicro() {
			continue
		}
		t.bump("n", 1)
		if row.failed() {
			t.bump("failed", 1)
		}
		if row.Took > 0 {
			t.took("took", time.Duration(row.Took)*time.Microsecond)
		}
	}
	return nil
}

// firstID is the smallest id that an entry recorded then may have.
func firstID(at time.Time) []byte {
	var id ulid.ULID
	_ = id.SetTime(uint64(max(0, at.UnixMilli()))) // fails after the year 10889
	return id[:]
}

// view runs f on the rows of the view that serves.
func (v MetricsView) view(f func(rows) error) error {
	return v.Runner.View(MetricsName, func(tx *bbolt.Tx) error { return f(rows{tx: tx}) })
}
