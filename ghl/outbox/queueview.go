package outbox

import (
	"bytes"
	"encoding/binary"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/oklog/ulid/v2"
)

// lane is one contact's queue of one sort, in which effects go in order.
type lane struct {
	location, contact string
	sort              byte
}

// lanes returns every lane in which something is pending.
func (v PendingView) lanes() (ls []lane, err error) {
	err = v.read(func(b *buckets) error {
		return b.queue.ForEach(func(k, location []byte) error {
			n := 2 + int(binary.BigEndian.Uint16(k))
			l := lane{location: string(location), contact: string(k[2:n]), sort: k[n]}
			if len(ls) == 0 || ls[len(ls)-1] != l {
				ls = append(ls, l)
			}
			return nil
		})
	})
	return ls, err
}

// queue returns what is pending in a lane, oldest first.
func (v PendingView) queue(l lane) (rs []*record, err error) {
	err = v.read(func(b *buckets) error {
		prefix := laneKey(l.contact, l.sort)
		for k := range keysFrom(b.queue, prefix, prefix) {
			r, err := b.get(ulid.ULID(k[len(prefix):]))
			if err != nil {
				return err
			}
			if r.LocationID == l.location { // else another lane sends it
				rs = append(rs, r)
			}
		}
		return nil
	})
	return rs, err
}

// sentSince counts the messages of a location that were attempted since then.
func (v PendingView) sentSince(location string, since time.Time) (n int, err error) {
	err = v.read(func(b *buckets) error {
		prefix := append([]byte(location), 0)
		for range keysFrom(b.sent, sentKey(location, since, ulid.ULID{}), prefix) {
			n++
		}
		return nil
	})
	return n, err
}

// isGone reports whether GoHighLevel said that it has the contact no more.
func (v PendingView) isGone(contact string) (gone bool, err error) {
	err = v.read(func(b *buckets) error {
		gone = b.gone.Get([]byte(contact)) != nil
		return nil
	})
	return gone, err
}

// memory is what the rules may know of what was asked before.
type memory struct {
	answered time.Time // when the contact was last answered automatically
	deal     deal
}

func (v PendingView) memory(contact, opportunity string) (m memory, err error) {
	err = v.read(func(b *buckets) error {
		if at := b.answered.Get([]byte(contact)); at != nil {
			if err := m.answered.UnmarshalBinary(at); err != nil {
				return projections.Damaged("answered", err)
			}
		}
		m.deal, err = b.dealOf(opportunity)
		return err
	})
	return m, err
}

func contains(s, part string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(part))
}

// cut splits the key of a hold.
func cut(key []byte) (location, call string) {
	before, after, _ := bytes.Cut(key, []byte{0})
	return string(before), string(after)
}
