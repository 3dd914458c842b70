package projections

import (
	"encoding/binary"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
	"go.etcd.io/bbolt"
)

// Metrics folds the ledger into how webhooks fared: how many came of each
// type, how many failed, how long it took to answer them by the ledger's own
// times, and how each of them stands. It knows no person, and reads no body but
// for its type, so that what it counts stays after an erasure.
//
// Its buckets:
//
//	events   event id → eventRow
//	effects  effect id → effectRow
//	cells    m or h, start of the minute or hour, type → tally
//	facts    through → seq up to which all is planned; hour → the newest one
//
// Counted are deliveries, by their arrival. What was read back from
// GoHighLevel, or admitted from the quarantine, was not delivered again: it has
// a status, and is not counted. Minutes are kept for two days.
type Metrics struct{}

var _ Projection = Metrics{}

// MetricsName is the name of the metrics view.
const MetricsName = "metrics"

// Name implements Projection.
func (Metrics) Name() string { return MetricsName }

// Version implements Projection.
func (Metrics) Version() int { return 1 }

// Types that events are counted under beside those of package ghl.
const (
	TypeUnknown     = "unknown"     // verified, and handled by nothing
	TypeQuarantined = "quarantined" // authentic, and not valid
)

// kindQuarantined is the kind of a delivery that was kept apart.
const kindQuarantined = "event.quarantined"

// eventRow is how one event stands.
type eventRow struct {
	Type      string `json:"t"`
	Seq       uint64 `json:"q"`
	Arrived   int64  `json:"a"`           // microseconds
	Took      int64  `json:"p,omitempty"` // microseconds from its arrival to its answer, at least 1
	Open      int    `json:"o,omitempty"` // effects that are owed
	Delivered int    `json:"d,omitempty"`
	Dead      int    `json:"x,omitempty"`
	Answered  bool   `json:"s,omitempty"` // something names it as its cause
	Uncounted bool   `json:"u,omitempty"` // read back or admitted, not delivered
}

func (row eventRow) failed() bool { return row.Dead > 0 || row.Type == TypeQuarantined }

// effectRow is an effect: whose it is and in what condition.
type effectRow struct {
	Event     ulid.ULID `json:"e"`
	Condition string    `json:"c"`
}

// The conditions of an effect.
const (
	conditionOpen      = "o"
	conditionDelivered = "d"
	conditionDead      = "x"
	conditionSettled   = "s" // superseded or discarded: nothing is owed
)

// conditionAfter is the condition that a receipt leaves its effect in; what is
// not here leaves it as it was.
var conditionAfter = map[string]string{
	"effect.delivered":  conditionDelivered,
	"effect.dead":       conditionDead,
	"effect.retried":    conditionOpen,
	"effect.superseded": conditionSettled,
	"effect.discarded":  conditionSettled,
}

// Apply implements Projection.
func (Metrics) Apply(tx *bbolt.Tx, e ledger.Entry) error {
	f := &metricsFold{rows: rows{tx: tx}, e: e}
	if err := f.advance(); err != nil {
		return err
	}
	switch {
	case e.Kind == kindQuarantined:
		return f.arrive(TypeQuarantined)
	case e.Kind == kindScored:
		return f.event(e.Cause, func(row *eventRow) { row.answered(e.Recorded) })
	case e.Kind == kindRequested:
		return f.request()
	case conditionAfter[e.Kind] != "":
		return f.receive(conditionAfter[e.Kind])
	case isOwn(e.Kind):
		return nil
	}
	t, err := typeOf(e)
	if err != nil {
		return err
	}
	return f.arrive(t)
}

// typeOf is the type of an event by its bytes, or by its kind once they are gone.
func typeOf(e ledger.Entry) (string, error) {
	t := ghl.Type(e.Kind)
	if !e.Erased {
		ev, err := ghl.ParseEvent(e.Body, e.Meta.Type)
		if err != nil {
			return "", err
		}
		t = ev.Type
	}
	if !t.Known() {
		return TypeUnknown, nil // the name is the sender's invention
	}
	return string(t), nil
}

// metricsFold folds one entry.
type metricsFold struct {
	rows
	e ledger.Entry
}

// advance notes up to where everything is planned.
func (f *metricsFold) advance() error {
	if f.e.Meta.Through <= f.through() {
		return nil
	}
	return f.putRaw("facts", []byte("through"), binary.BigEndian.AppendUint64(nil, uint64(f.e.Meta.Through)))
}

// through is the seq up to which everything is planned.
func (r rows) through() ledger.Seq {
	if v := r.raw("facts", []byte("through")); v != nil {
		return ledger.Seq(binary.BigEndian.Uint64(v))
	}
	return 0
}

// arrive notes an event, and counts it if it is a delivery.
func (f *metricsFold) arrive(t string) error {
	row := eventRow{Type: t, Seq: uint64(f.e.Seq), Arrived: f.e.Arrived().UnixMicro()}
	row.Uncounted = f.e.Meta.Scheme == "" || !f.e.Meta.Arrived.IsZero() || f.e.Meta.Backfill
	if !row.Uncounted {
		if err := f.forgetMinutes(row.Arrived); err != nil {
			return err
		}
		n := tally{"n": 1}
		if row.failed() {
			n["failed"] = 1
		}
		if err := f.countAt(row, n); err != nil {
			return err
		}
	}
	return f.put("events", f.e.ID[:], row)
}

// event changes the row of the event with that id and counts what follows; an
// id that is no event's changes nothing.
func (f *metricsFold) event(id ulid.ULID, change func(*eventRow)) error {
	var row eventRow
	if found, err := f.get("events", id[:], &row); err != nil || !found {
		return err
	}
	before := row
	change(&row)
	n := tally{}
	if row.failed() != before.failed() {
		n["failed"] = 1
		if before.failed() {
			n["failed"] = -1
		}
	}
	if row.Took > 0 && before.Took == 0 {
		n.took("took", time.Duration(row.Took)*time.Microsecond)
	}
	if !row.Uncounted {
		if err := f.countAt(row, n); err != nil {
			return err
		}
	}
	return f.put("events", id[:], row)
}

// answered: the first answer counts, a score, or the receipt of an effect where
// nothing was scored.
func (row *eventRow) answered(at time.Time) {
	row.Answered = true
	if row.Took == 0 {
		row.Took = max(1, at.UnixMicro()-row.Arrived)
	}
}

func (f *metricsFold) request() error {
	if err := f.put("effects", f.e.ID[:], effectRow{f.e.Cause, conditionOpen}); err != nil {
		return err
	}
	return f.event(f.e.Cause, func(row *eventRow) { row.Answered = true; row.Open++ })
}

// receive moves an effect to another condition. One that is delivered stays
// so, whatever a person clicked meanwhile.
func (f *metricsFold) receive(condition string) error {
	var effect effectRow
	found, err := f.get("effects", f.e.Cause[:], &effect)
	if err != nil || !found || effect.Condition == condition || effect.Condition == conditionDelivered {
		return err
	}
	err = f.event(effect.Event, func(row *eventRow) {
		row.condition(effect.Condition, -1)
		row.condition(condition, 1)
		if condition == conditionDelivered {
			row.answered(f.e.Recorded)
		}
	})
	if err != nil {
		return err
	}
	effect.Condition = condition
	return f.put("effects", f.e.Cause[:], effect)
}

func (row *eventRow) condition(condition string, n int) {
	switch condition {
	case conditionOpen:
		row.Open += n
	case conditionDelivered:
		row.Delivered += n
	case conditionDead:
		row.Dead += n
	}
}

// Cells of minutes and of hours; days are summed when they are read.
const (
	minutes byte = 'm'
	hours   byte = 'h'
)

var lengthOf = map[byte]time.Duration{minutes: time.Minute, hours: time.Hour}

// minutesKept is for how long the cells of minutes are kept.
const minutesKept = 48 * time.Hour

func metricCell(grain byte, at int64, t string) []byte {
	start := time.UnixMicro(at).Truncate(lengthOf[grain]).UnixMicro()
	return append(binary.BigEndian.AppendUint64([]byte{grain}, uint64(start)), t...)
}

// countAt adds to the cells of when the event arrived.
func (f *metricsFold) countAt(row eventRow, n tally) error {
	if err := f.addTally("cells", metricCell(hours, row.Arrived, row.Type), n, 1); err != nil {
		return err
	}
	if time.UnixMicro(row.Arrived).Before(f.newestHour().Add(-minutesKept)) {
		return nil
	}
	return f.addTally("cells", metricCell(minutes, row.Arrived, row.Type), n, 1)
}

func (r rows) newestHour() time.Time {
	if v := r.raw("facts", []byte("hour")); v != nil {
		return time.UnixMicro(int64(binary.BigEndian.Uint64(v)))
	}
	return time.Time{}
}

// forgetMinutes deletes the cells of old minutes when a new hour begins.
func (f *metricsFold) forgetMinutes(arrived int64) error {
	hour := time.UnixMicro(arrived).Truncate(time.Hour)
	if !hour.After(f.newestHour()) {
		return nil
	}
	if err := f.putRaw("facts", []byte("hour"), binary.BigEndian.AppendUint64(nil, uint64(hour.UnixMicro()))); err != nil {
		return err
	}
	var old [][]byte // a bbolt cursor may skip a key after a delete
	for k := range f.between("cells", []byte{minutes}, metricCell(minutes, hour.Add(-minutesKept).UnixMicro(), "")) {
		old = append(old, k)
	}
	for _, k := range old {
		if err := f.delete("cells", k); err != nil {
			return err
		}
	}
	return nil
}
