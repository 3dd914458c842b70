package outbox

import (
	"encoding/binary"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// budget is a client of GoHighLevel that counts its calls of a day.
type budget interface {
	// Resume says how many calls a location has made today already.
	Resume(location string, used int)
}

// resumeBudget tells the client what was used of today's budget before the
// restart, as the receipts have it. Reads are not among them; GoHighLevel's own
// count corrects the client when little is left.
func (c *Courier) resumeBudget() error {
	client, ok := c.Contacts.(budget)
	if !ok {
		return nil
	}
	used, err := c.Pending.CallsOn(c.Now())
	for location, n := range used {
		client.Resume(location, n)
	}
	return err
}

// countCall counts a call that a receipt tells of, and forgets earlier days.
func (b *buckets) countCall(e ledger.Entry) error {
	key := callsKey(e.Location, e.Recorded)
	prefix := append([]byte(e.Location), 0)
	var old [][]byte
	for k := range keysFrom(b.calls, prefix, prefix) {
		if string(k) < string(key) {
			old = append(old, k)
		}
	}
	for _, k := range old {
		if err := b.calls.Delete(k); err != nil {
			return err
		}
	}
	var n uint64
	if v := b.calls.Get(key); v != nil {
		n = binary.BigEndian.Uint64(v)
	}
	return b.calls.Put(key, binary.BigEndian.AppendUint64(nil, n+1))
}

func callsKey(location string, at time.Time) []byte {
	return append(append([]byte(location), 0), at.UTC().Format(time.DateOnly)...)
}

// CallsOn returns how many calls each location made on the UTC day of a time,
// by their receipts. Only the newest day on which a location called is kept.
func (v PendingView) CallsOn(at time.Time) (map[string]int, error) {
	calls := map[string]int{}
	err := v.read(func(b *buckets) error {
		return b.calls.ForEach(func(k, n []byte) error {
			if location, day := cut(k); day == at.UTC().Format(time.DateOnly) {
				calls[location] = int(binary.BigEndian.Uint64(n))
			}
			return nil
		})
	})
	return calls, err
}
