package ledger_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"reflect"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"pgregory.net/rapid"
)

// drawn is any record that may be stored.
func drawn(t *rapid.T) ledger.Record {
	text := func(label string) string { return string(rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, label)) }
	name := func(label string) string { return "x" + text(label) }
	moment := func(label string) time.Time {
		s := rapid.Int64Range(-62135596800, 253402300799).Draw(t, label)
		return time.Unix(s, rapid.Int64Range(0, 999999999).Draw(t, label+" nanos")).UTC()
	}
	r := ledger.Record{
		Seq: ledger.Seq(rapid.Uint64Min(1).Draw(t, "seq")), Recorded: moment("recorded"),
		Draft: ledger.Draft{
			Kind: name("kind"), Key: name("key"), Subject: text("subject"), Location: text("location"),
			Occurred: moment("occurred"), Body: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "body"),
			Meta: ledger.Meta{
				Scheme: text("scheme"), Dialect: text("dialect"), KeyName: text("key name"), Type: text("type"),
				Through: ledger.Seq(rapid.Uint64().Draw(t, "through")), Conflict: rapid.Bool().Draw(t, "conflict"),
				Backfill: rapid.Bool().Draw(t, "backfill"),
			},
		},
	}
	for _, b := range [][]byte{r.ID[:], r.Prev[:], r.Owner[:], r.Cause[:]} {
		copy(b, rapid.SliceOfN(rapid.Byte(), len(b), len(b)).Draw(t, "bytes"))
	}
	if rapid.Bool().Draw(t, "arrived") {
		r.Meta.Arrived = moment("arrived")
	}
	switch rapid.IntRange(0, 3).Draw(t, "flags") {
	case 1:
		r.Flags, r.Slot = ledger.Sealed, rapid.Uint64Min(1).Draw(t, "slot")
	case 2:
		r.Flags, r.Slot = ledger.Sealed|ledger.ChaCha|ledger.Zstd, rapid.Uint64Min(1).Draw(t, "slot")
	case 3:
		r.Flags, r.Body = ledger.Gone, nil
	}
	if len(r.Body) == 0 {
		r.Body = nil
	}
	return r
}

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawn(t)
		stored := ledger.AppendRecord([]byte("before"), &want)[6:]
		got, err := ledger.ParseRecord(stored)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("parse(append(%+v)) = %+v, %v", want, got, err)
		}
		if again := ledger.AppendRecord(nil, &got); !bytes.Equal(again, stored) {
			t.Fatalf("encoded again: %x, want %x", again, stored)
		}
	})
}

// TestParseSealing: what is looked at alone is what the whole record says.
func TestParseSealing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawn(t)
		if rapid.Bool().Draw(t, "nobody's") {
			r.Subject = ""
		}
		var want ledger.Sealing
		if r.Slot != 0 {
			want = ledger.Sealing{Slot: r.Slot, Subject: []byte(r.Subject)}
			if r.Subject == "" {
				want.Owner = r.Owner
			}
		}
		got, err := ledger.ParseSealing(ledger.AppendRecord(nil, &r))
		if err != nil || got.Slot != want.Slot || string(got.Subject) != string(want.Subject) || got.Owner != want.Owner {
			t.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
	})
}

// TestPlaceRecord: what was encoded before its place was known is, once it is
// placed, what AppendRecord makes of the whole record.
func TestPlaceRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawn(t)
		want := ledger.AppendRecord(nil, &r)
		seq, prev := r.Seq, r.Prev
		r.Seq, r.Prev = 0, [32]byte{}
		got := ledger.AppendRecord(nil, &r)
		ledger.PlaceRecord(got, seq, prev)
		if !bytes.Equal(got, want) {
			t.Fatalf("placed: %x, want %x", got, want)
		}
	})
}

// TestRecordEncodesEveryField: a new field that is forgotten in the encoding would
// be lost in silence.
func TestRecordEncodesEveryField(t *testing.T) {
	var full ledger.Record
	fill(reflect.ValueOf(&full).Elem())
	full.Person = "" // is never stored
	full.Flags, full.Slot = ledger.Sealed, 3
	got, err := ledger.ParseRecord(ledger.AppendRecord(nil, &full))
	if err != nil || !reflect.DeepEqual(got, full) {
		t.Errorf("got %+v, %v, want %+v", got, err, full)
	}
}

// fill gives every field of a struct a value that is not its zero.
func fill(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(1, 2).UTC()))
	case v.Kind() == reflect.Struct:
		for _, field := range v.Fields() {
			fill(field)
		}
	case v.Kind() == reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case v.Kind() == reflect.String:
		v.SetString("text")
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.Slice:
		v.SetBytes([]byte("bytes"))
	default:
		v.SetUint(1)
	}
}

// resealed returns a record's bytes with its checksum made right again.
func resealed(b []byte) []byte {
	n := len(b) - 4
	return binary.BigEndian.AppendUint32(b[:n:n], crc32.Checksum(b[:n], crc32.MakeTable(crc32.Castagnoli)))
}

func TestParseRecordRefuses(t *testing.T) {
	good := ledger.Record{Seq: 1, Draft: ledger.Draft{Kind: "k", Key: "key", Meta: ledger.Meta{Type: "t", Backfill: true}}}
	names := 106
	fields := names + 1 + 1 + 1 + 3 + 1 + 1 // kind, key, no subject, no location
	tests := []struct {
		name   string
		change func(b []byte) []byte
		want   error
	}{
		{"an empty record", func([]byte) []byte { return nil }, ledger.ErrCorrupt},
		{"a changed byte", func(b []byte) []byte { b[3]++; return b }, ledger.ErrCorrupt},
		{"a byte more", func(b []byte) []byte { return resealed(append(b, 0)) }, ledger.ErrCorrupt},
		{"a byte less", func(b []byte) []byte { return resealed(b[:len(b)-1]) }, ledger.ErrCorrupt},
		{"format 0", func(b []byte) []byte { b[0] = 0; return resealed(b) }, ledger.ErrCorrupt},
		{"format 2", func(b []byte) []byte { b[0] = 2; return resealed(b) }, ledger.ErrNewer},
		{"an unknown flag", func(b []byte) []byte { b[1] = 16; return resealed(b) }, ledger.ErrNewer},
		{"a cipher and not sealed", func(b []byte) []byte { b[1] = 8; return resealed(b) }, ledger.ErrCorrupt},
		{"an unknown field", func(b []byte) []byte { b[fields+4] = 99; return resealed(b) }, ledger.ErrNewer},
		{"fields out of order", func(b []byte) []byte { b[fields+4] = 3; return resealed(b) }, ledger.ErrCorrupt},
		{"a true that is 2", func(b []byte) []byte { b[fields+6] = 2; return resealed(b) }, ledger.ErrCorrupt},
		{"gone with a slot", func(b []byte) []byte { b[1], b[73] = 4, 1; return resealed(b) }, ledger.ErrCorrupt},
		{"sealed by no slot", func(b []byte) []byte { b[1] = 1; return resealed(b) }, ledger.ErrCorrupt},
		{"a billion nanoseconds", func(b []byte) []byte {
			binary.BigEndian.PutUint32(b[34:], 1e9)
			return resealed(b)
		}, ledger.ErrCorrupt},
		{"seq 0", func(b []byte) []byte { b[9] = 0; return resealed(b) }, ledger.ErrCorrupt},
		{"a length in two bytes", func(b []byte) []byte {
			return resealed(append(append(append([]byte{}, b[:names]...), 0x81, 0x00), b[names+1:]...))
		}, ledger.ErrCorrupt},
	}
	for _, tt := range tests {
		b := tt.change(ledger.AppendRecord(nil, &good))
		if r, err := ledger.ParseRecord(b); !errors.Is(err, tt.want) {
			t.Errorf("%s: %+v, %v, want %v", tt.name, r, err, tt.want)
		}
	}
	if _, err := ledger.ParseRecord(ledger.AppendRecord(nil, &good)); err != nil {
		t.Errorf("the good record: %v", err)
	}
}

// What parses has one encoding. The checksum is made right first, or the
// fuzzer would get no further.
func FuzzParseRecord(f *testing.F) {
	for i := range 20 {
		r := rapid.Custom(drawn).Example(i)
		f.Add(ledger.AppendRecord(nil, &r))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 4 {
			return
		}
		b = resealed(b)
		r, err := ledger.ParseRecord(b)
		if err != nil {
			return
		}
		if again := ledger.AppendRecord(nil, &r); !bytes.Equal(again, b) {
			t.Errorf("two encodings of %+v:\n%x\n%x", r, b, again)
		}
	})
}
