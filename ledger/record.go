package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/oklog/ulid/v2"
)

// Version is the format that AppendRecord writes.
const Version = 1

// Flags of a stored entry. A flag that this release does not know refuses the
// entry (ErrNewer): it may change what the body means.
const (
	Sealed Flags = 1 << iota // the body is sealed under the key in Slot, by AES-256-GCM
	Zstd                     // the body was compressed before it was sealed
	Gone                     // the subject was erased already: the body was never kept
	ChaCha                   // sealed by ChaCha20-Poly1305 instead

	allFlags = Sealed | Zstd | Gone | ChaCha
)

// Flags say how the body of a stored entry is kept.
type Flags uint8

// Record is an Entry as a backend stores it: Body is the stored body, perhaps
// compressed and sealed. Prev links it to the record before; its hash, which
// the next one's Prev repeats, is HashRecord of its bytes.
type Record struct {
	Seq      Seq
	ID       ulid.ULID
	Recorded time.Time
	Prev     [32]byte
	Flags    Flags
	Slot     uint64   // which slot of the key file seals Body; zero if not Sealed
	Owner    [16]byte // keyed hash of Draft.Person, where there is no Subject; else zero
	Draft
}

// The encoding, version 1. Numbers are big endian. A time is its seconds since
// 1970 (8 bytes, signed) and nanoseconds (4), in the years 1 to 9999. Text is
// its length as a uvarint, in the fewest bytes, and its bytes.
//
//	 at  size  what
//	  0     1  version: 1
//	  1     1  flags: 1 sealed, 2 zstd, 4 gone, 8 by ChaCha20-Poly1305
//	  2     8  seq
//	 10    16  id, a ULID
//	 26    12  recorded, a time
//	 38    12  occurred, a time
//	 50    16  cause, a ULID, or zeros
//	 66     8  slot of the key file, or zero
//	 74    32  prev: the SHA-256 of the record before; zeros for the first
//	106        kind, key, subject, location: four texts
//	           fields: how many (1 byte), then for each, tags ascending:
//	             tag (1 byte), value (a text, never empty)
//	           body, a text
//	 -4     4  CRC-32C of all before it
//
// Every version ends with that checksum and begins with its number, so a
// release can tell a newer record from a damaged one. A record has exactly one
// encoding: ParseRecord refuses every other.
//
//	tag  field          value
//	  1  Meta.Scheme    its bytes
//	  2  Meta.Dialect   its bytes
//	  3  Meta.KeyName   its bytes
//	  4  Meta.Type      its bytes
//	  5  Meta.Arrived   a time
//	  6  Meta.Through   8 bytes
//	  7  Meta.Conflict  01
//	  8  Meta.Backfill  01
//	  9  Owner          16 bytes
//
// A field with its zero value is left out. A tag that this release does not
// know refuses the record (ErrNewer): it may say that no message may follow.
const (
	atSeq   = 2
	atSlot  = 66
	atPrev  = 74
	atNames = 106
	crcSize = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// HashRecord returns the hash of a stored record, which the next one's Prev is.
func HashRecord(stored []byte) [32]byte { return sha256.Sum256(stored) }

// AppendRecord appends the encoding of r to b. The draft must be valid.
func AppendRecord(b []byte, r *Record) []byte {
	start := len(b)
	b = append(AppendHead(b, r, len(r.Body)), r.Body...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// RecordTail is how many bytes follow the body of a record.
const RecordTail = crcSize

// AppendHead appends the encoding of r up to its body, which is of so many
// bytes. When they and RecordTail more have been appended, PlaceRecord makes it
// a record: so a body can be sealed where it is to stand.
func AppendHead(b []byte, r *Record, body int) []byte {
	b = append(b, Version, byte(r.Flags))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Seq))
	b = append(b, r.ID[:]...)
	b = appendTime(b, r.Recorded)
	b = appendTime(b, r.Occurred)
	b = append(b, r.Cause[:]...)
	b = binary.BigEndian.AppendUint64(b, r.Slot)
	b = append(b, r.Prev[:]...)
	for _, s := range [...]string{r.Kind, r.Key, r.Subject, r.Location} {
		b = appendText(b, s)
	}
	return binary.AppendUvarint(appendFields(b, r), uint64(body))
}

// PlaceRecord gives a stored record its place: it sets seq, prev and the
// checksum. AppendRecord can so be done before the place is known.
func PlaceRecord(stored []byte, seq Seq, prev [32]byte) {
	binary.BigEndian.PutUint64(stored[atSeq:], uint64(seq))
	copy(stored[atPrev:], prev[:])
	end := len(stored) - crcSize
	binary.BigEndian.PutUint32(stored[end:], crc32.Checksum(stored[:end], castagnoli))
}

func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTime(b []byte, t time.Time) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(t.Unix()))
	return binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond()))
}

func appendFields(b []byte, r *Record) []byte {
	count := len(b)
	b = append(b, 0)
	var scratch [MaxName]byte
	for i, f := range fields {
		value := f.append(scratch[:0], r)
		if len(value) == 0 {
			continue
		}
		b[count]++
		b = appendText(append(b, byte(i+1)), value)
	}
	return b
}

// field is one row of the table of tags: append writes its value, nothing for
// its zero; parse is the inverse and says whether the value is one.
type field struct {
	append func(b []byte, r *Record) []byte
	parse  func(r *Record, value []byte) bool
}

// fields are in the order of their tags, from 1.
var fields = [...]field{
	textField(func(r *Record) *string { return &r.Meta.Scheme }),
	textField(func(r *Record) *string { return &r.Meta.Dialect }),
	textField(func(r *Record) *string { return &r.Meta.KeyName }),
	textField(func(r *Record) *string { return &r.Meta.Type }),
	{appendArrived, parseArrived},
	{appendThrough, parseThrough},
	boolField(func(r *Record) *bool { return &r.Meta.Conflict }),
	boolField(func(r *Record) *bool { return &r.Meta.Backfill }),
	{appendOwner, parseOwner},
}

func textField(of func(*Record) *string) field {
	return field{
		append: func(b []byte, r *Record) []byte { return append(b, *of(r)...) },
		parse:  func(r *Record, v []byte) bool { *of(r) = string(v); return len(v) <= MaxName },
	}
}

func boolField(of func(*Record) *bool) field {
	return field{
		append: func(b []byte, r *Record) []byte {
			if *of(r) {
				b = append(b, 1)
			}
			return b
		},
		parse: func(r *Record, v []byte) bool { *of(r) = true; return len(v) == 1 && v[0] == 1 },
	}
}

func appendArrived(b []byte, r *Record) []byte {
	if r.Meta.Arrived.IsZero() {
		return b
	}
	return appendTime(b, r.Meta.Arrived)
}

func parseArrived(r *Record, v []byte) bool {
	p := parser{rest: v}
	r.Meta.Arrived = p.time()
	return !p.bad && len(p.rest) == 0 && !r.Meta.Arrived.IsZero()
}

func appendThrough(b []byte, r *Record) []byte {
	if r.Meta.Through == 0 {
		return b
	}
	return binary.BigEndian.AppendUint64(b, uint64(r.Meta.Through))
}

func parseThrough(r *Record, v []byte) bool {
	if len(v) == 8 {
		r.Meta.Through = Seq(binary.BigEndian.Uint64(v))
	}
	return r.Meta.Through != 0
}

func appendOwner(b []byte, r *Record) []byte {
	if r.Owner == ([16]byte{}) {
		return b
	}
	return append(b, r.Owner[:]...)
}

func parseOwner(r *Record, v []byte) bool {
	return copy(r.Owner[:], v) == len(v) && len(v) == 16 && r.Owner != [16]byte{}
}
