package outbox

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
)

// Stats is where the outbox stands, as far as the view has come.
type Stats struct {
	States    map[EffectState]int `json:"states"`
	Oldest    *time.Time          `json:"oldest_pending_at"` // null when nothing is pending
	Place     ledger.Seq          `json:"planned_seq"`       // everything up to here is planned
	Skipped   int                 `json:"skipped"`           // events that could not be planned yet
	Locations []LocationStats     `json:"locations"`         // those with something pending, held or paused
}

// LocationStats is where one location stands.
type LocationStats struct {
	Location string     `json:"location_id"`
	Pending  int        `json:"pending"`
	Oldest   *time.Time `json:"oldest_pending_at"` // null when nothing is pending
	Paused   bool       `json:"paused"`            // by a person
	Holds    []Hold     `json:"holds"`             // by GoHighLevel's refusals, or for want of a key
}

// Age is how long the oldest pending effect has waited; 0 when there is none.
func (s Stats) Age(now time.Time) time.Duration {
	if s.Oldest == nil {
		return 0
	}
	return max(0, now.Sub(*s.Oldest))
}

// Stats returns where the outbox stands. It looks at one key per pending effect.
func (v PendingView) Stats() (s Stats, err error) {
	s.States, err = v.Counts()
	if err != nil {
		return s, err
	}
	err = v.read(func(b *buckets) error {
		s.Place, s.Skipped = b.place(), b.skipped.Stats().KeyN
		of := locations{}
		if err := of.waiting(b); err != nil {
			return err
		}
		if err := of.stopped(b); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(of)) {
			s.Locations = append(s.Locations, *of[name])
			s.Oldest = earlier(s.Oldest, of[name].Oldest)
		}
		return nil
	})
	return s, err
}

// locations are the stats by location.
type locations map[string]*LocationStats

func (l locations) at(location string) *LocationStats {
	if l[location] == nil {
		l[location] = &LocationStats{Location: location, Holds: []Hold{}}
	}
	return l[location]
}

// waiting counts what is in the queue. An effect's id tells when it was asked
// for.
func (l locations) waiting(b *buckets) error {
	return b.queue.ForEach(func(k, location []byte) error {
		s := l.at(string(location))
		s.Pending++
		id := ulid.ULID(k[2+int(binary.BigEndian.Uint16(k))+1:])
		asked := id.Timestamp().UTC()
		s.Oldest = earlier(s.Oldest, &asked)
		return nil
	})
}

// stopped notes what is paused and held.
func (l locations) stopped(b *buckets) error {
	err := b.paused.ForEach(func(k, _ []byte) error {
		if name := string(k); name != everywhere {
			l.at(name).Paused = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	return b.holds.ForEach(func(k, reason []byte) error {
		location, call := cut(k)
		s := l.at(location)
		s.Holds = append(s.Holds, Hold{Location: location, Call: Call(call), Reason: string(reason)})
		return nil
	})
}

func earlier(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.Before(*a) {
		return b
	}
	return a
}
