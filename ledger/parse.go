package ledger

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"
)

// Years that an entry can hold: 1 to 9999, in seconds since 1970.
const (
	minSecond = -62135596800
	maxSecond = 253402300799
)

// ParseRecord is the inverse of AppendRecord. The Body of what it returns is a
// part of stored. Its errors wrap ErrCorrupt, or ErrNewer when a later release
// wrote the record.
func ParseRecord(stored []byte) (Record, error) {
	var r Record
	body, err := checked(stored)
	if err != nil {
		return r, err
	}
	p := parser{rest: body}
	p.header(&r)
	for _, s := range [...]*string{&r.Kind, &r.Key, &r.Subject, &r.Location} {
		*s = string(p.text())
	}
	unknown := p.fields(&r)
	r.Body = p.text()
	switch {
	case unknown != 0:
		return r, fmt.Errorf("%w: field %d", ErrNewer, unknown)
	case p.bad || len(p.rest) > 0:
		return r, fmt.Errorf("%w: entry %d does not parse", ErrCorrupt, r.Seq)
	case !r.consistent():
		return r, fmt.Errorf("%w: entry %d contradicts its flags", ErrCorrupt, r.Seq)
	}
	if len(r.Body) == 0 {
		r.Body = nil
	}
	return r, nil
}

// Sealing is who a stored body is about, and how it is sealed.
type Sealing struct {
	Slot    uint64   // as in Record; where it is zero, the others are, too
	Subject []byte   // a part of the stored record
	Owner   [16]byte // as in Record, where there is no subject
}

// ParseSealing returns of a record what says whom it is about, for whoever looks
// through millions of them. Its errors are those of ParseRecord, but it does not
// look at the rest.
func ParseSealing(stored []byte) (s Sealing, err error) {
	body, err := checked(stored)
	if err != nil {
		return s, err
	}
	s.Slot = binary.BigEndian.Uint64(body[atSlot:])
	if s.Slot == 0 {
		return s, nil
	}
	p := parser{rest: body[atNames:], bad: body[0] != Version}
	p.text()
	p.text()
	if s.Subject = p.text(); len(s.Subject) == 0 {
		var r Record
		p.text()
		if unknown := p.fields(&r); unknown != 0 {
			return s, fmt.Errorf("%w: field %d", ErrNewer, unknown)
		}
		s.Owner = r.Owner
	}
	if p.bad {
		return s, fmt.Errorf("%w: entry %d does not parse", ErrCorrupt, binary.BigEndian.Uint64(body[atSeq:]))
	}
	return s, nil
}

// checked returns stored without its checksum, once that and the version hold.
func checked(stored []byte) ([]byte, error) {
	n := len(stored) - crcSize
	if n < atNames {
		return nil, fmt.Errorf("%w: %d bytes are no entry", ErrCorrupt, len(stored))
	}
	if crc32.Checksum(stored[:n], castagnoli) != binary.BigEndian.Uint32(stored[n:]) {
		return nil, fmt.Errorf("%w: its checksum does not match", ErrCorrupt)
	}
	if v := stored[0]; v > Version {
		return nil, fmt.Errorf("%w: format %d, this release reads up to %d", ErrNewer, v, Version)
	}
	if flags := Flags(stored[1]); flags&^allFlags != 0 {
		return nil, fmt.Errorf("%w: flags %#x", ErrNewer, uint8(flags))
	}
	return stored[:n], nil
}

// consistent says whether flags, slot and body go together.
func (r *Record) consistent() bool {
	if r.Seq == 0 || r.Draft.Kind == "" || r.Key == "" {
		return false
	}
	if r.Flags&Gone != 0 && (r.Flags != Gone || len(r.Body) > 0) {
		return false
	}
	if r.Flags&ChaCha != 0 && r.Flags&Sealed == 0 {
		return false
	}
	return (r.Flags&Sealed != 0) == (r.Slot != 0)
}

// parser takes values off the front of rest. After the first that is not well
// formed it is bad, and what it returns means nothing.
type parser struct {
	rest []byte
	bad  bool
}

func (p *parser) take(n uint64) []byte {
	if p.bad || n > uint64(len(p.rest)) {
		p.bad = true
		return nil
	}
	b := p.rest[:n:n]
	p.rest = p.rest[n:]
	return b
}

func (p *parser) uint64() uint64 {
	if b := p.take(8); !p.bad {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (p *parser) time() time.Time {
	seconds := int64(p.uint64())
	b := p.take(4)
	if p.bad {
		return time.Time{}
	}
	nanos := binary.BigEndian.Uint32(b)
	// More nanoseconds than a second has would be another encoding of a later time.
	p.bad = nanos > 999999999 || seconds < minSecond || seconds > maxSecond
	return time.Unix(seconds, int64(nanos)).UTC()
}

func (p *parser) text() []byte {
	n, size := binary.Uvarint(p.rest)
	// A length with a trailing zero group would be another encoding of the same.
	if size <= 0 || size > 1 && p.rest[size-1] == 0 {
		p.bad = true
		return nil
	}
	p.take(uint64(size))
	return p.take(n)
}

func (p *parser) header(r *Record) {
	head := p.take(2)
	if p.bad {
		return
	}
	p.bad = head[0] != Version
	r.Flags = Flags(head[1])
	r.Seq = Seq(p.uint64())
	copy(r.ID[:], p.take(16))
	r.Recorded, r.Occurred = p.time(), p.time()
	copy(r.Cause[:], p.take(16))
	r.Slot = p.uint64()
	copy(r.Prev[:], p.take(32))
}

// fields parses the tagged fields into r and returns the first tag that this
// release does not know, or zero.
func (p *parser) fields(r *Record) (unknown byte) {
	count := p.take(1)
	if p.bad {
		return 0
	}
	last := byte(0)
	for range count[0] {
		tag := p.take(1)
		value := p.text()
		if p.bad || tag[0] <= last || len(value) == 0 {
			p.bad = true
			return 0
		}
		last = tag[0]
		if int(last) > len(fields) {
			return last
		}
		if !fields[last-1].parse(r, value) {
			p.bad = true
		}
	}
	return 0
}
