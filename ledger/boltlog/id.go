package boltlog

import (
	"encoding/binary"
	"io"
	"math/bits"
	"time"

	"github.com/oklog/ulid/v2"
)

// nextID returns an id later than last, whatever the clock does: where it
// stands still or steps back, the time of last stays and its random part grows
// by a random step. The step is random so that two ledgers restored from one
// backup do not make the same id, which is also the nonce of a body.
func nextID(last ulid.ULID, now time.Time, entropy io.Reader) (ulid.ULID, error) {
	ms := uint64(min(max(now.UnixMilli(), 0), int64(ulid.MaxTime())))
	if ms <= last.Time() && last != (ulid.ULID{}) {
		id, ok, err := stepped(last, entropy)
		if ok || err != nil {
			return id, err
		}
		ms = last.Time() + 1 // the random part is used up
	}
	var id ulid.ULID
	if err := id.SetTime(ms); err != nil {
		return id, err
	}
	_, err := io.ReadFull(entropy, id[6:])
	return id, err
}

// stepped adds 1 to 2^32 to the random part of an id; not ok if it overflows.
func stepped(id ulid.ULID, entropy io.Reader) (next ulid.ULID, ok bool, err error) {
	var step [4]byte
	if _, err := io.ReadFull(entropy, step[:]); err != nil {
		return id, false, err
	}
	low, carry := bits.Add64(binary.BigEndian.Uint64(id[8:]), uint64(binary.BigEndian.Uint32(step[:]))+1, 0)
	high := uint64(binary.BigEndian.Uint16(id[6:])) + carry
	binary.BigEndian.PutUint64(id[8:], low)
	binary.BigEndian.PutUint16(id[6:], uint16(high))
	return id, high <= 0xffff, nil
}
