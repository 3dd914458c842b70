package outbox

import (
	"encoding/binary"
	"encoding/json"
	"strings"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// obey holds r if its location may not send it.
func (b *buckets) obey(r *record) {
	if r.State != StatePending {
		return
	}
	for _, call := range []Call{"", r.Call} {
		key := holdKey(r.LocationID, call)
		if reason := b.holds.Get(key); reason != nil {
			r.State, r.HeldBy = StateHeld, string(key)
			r.Error = string(reason)
			return
		}
	}
}

// holdLocation holds what a location has pending, and what it will be asked.
func (b *buckets) holdLocation(e ledger.Entry) error {
	var body Receipt
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return err
	}
	if err := b.holds.Put(holdKey(e.Location, body.Call), []byte(body.Reason)); err != nil {
		return err
	}
	rs, err := b.records(StatePending)
	if err != nil {
		return err
	}
	for _, r := range rs {
		if r.LocationID != e.Location || r.Tried {
			continue // a call under way tells its own fate
		}
		if err := b.put(r); err != nil {
			return err
		}
	}
	return nil
}

// releaseLocation ends a location's hold; what only it held is pending again.
func (b *buckets) releaseLocation(e ledger.Entry) error {
	var body Receipt
	if len(e.Body) > 0 {
		if err := json.Unmarshal(e.Body, &body); err != nil {
			return err
		}
	}
	return b.unhold(holdKey(e.Location, body.Call))
}

func (b *buckets) unhold(key []byte) error {
	if b.holds.Get(key) == nil {
		return nil
	}
	if err := b.holds.Delete(key); err != nil {
		return err
	}
	rs, err := b.records(StateHeld)
	if err != nil {
		return err
	}
	for _, r := range rs {
		if r.HeldBy != string(key) {
			continue
		}
		r.State, r.HeldBy, r.Error = StatePending, "", ""
		if err := b.put(r); err != nil {
			return err
		}
	}
	return nil
}

func (b *buckets) pause(e ledger.Entry) error {
	return b.paused.Put(pauseKey(e.Location), binary.BigEndian.AppendUint64(nil, uint64(e.Seq)))
}

// resume ends a person's pause and every hold of the location, or of all.
func (b *buckets) resume(e ledger.Entry) error {
	var prefix []byte
	if e.Location != "" {
		prefix = holdKey(e.Location, "")
	}
	var holds [][]byte
	for k := range keysFrom(b.holds, prefix, prefix) {
		holds = append(holds, k)
	}
	for _, k := range holds {
		if err := b.unhold(k); err != nil {
			return err
		}
	}
	return b.paused.Delete(pauseKey(e.Location))
}

// pauseKey is never empty, which bbolt refuses: all locations are "*".
func pauseKey(location string) []byte {
	if location == "" {
		location = everywhere
	}
	return []byte(location)
}

const everywhere = "*"

// restored holds messages that may have been sent after the backup was made:
// their receipts are gone. Those that were held or dead in the backup are no
// exception: a person may have released or retried them since, or their
// location's hold may have ended.
func (b *buckets) restored(e ledger.Entry) error {
	if err := b.facts.Put(restoredKey, e.ID[:]); err != nil {
		return err
	}
	for _, state := range []EffectState{StatePending, StateHeld, StateDead} {
		rs, err := b.records(state)
		if err != nil {
			return err
		}
		for _, r := range rs {
			if r.Call == CallFields {
				continue
			}
			r.hold(strings.TrimSuffix(reasonRestored+"; before that: "+r.Error, "; before that: "))
			if err := b.put(r); err != nil {
				return err
			}
		}
	}
	return nil
}
