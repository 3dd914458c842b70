package projections

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// aggregate is the rows of one contact or address: the contact's own, and of
// each bucket others, by key.
type aggregate struct {
	name    string
	row     *leadRow // nil if there is none
	buckets map[string][]aggregateRow
	size    int // bytes in memory, about
	changed bool
}

// aggregateRow is a row without what of its key is the aggregate's name.
type aggregateRow struct{ key, value []byte }

func (r aggregateRow) compare(k []byte) int { return bytes.Compare(r.key, k) }

// What things take in memory, about: a row beside its bytes, a contact's own for
// each byte of it that was read, and one that is new.
const (
	keyedWeight  = 48
	rowWeight    = 5
	newRowWeight = 2 << 10
)

// asViews writes a row as encoding/json, which is slower, writes it in a view.
var asViews = json.JoinOptions(json.FormatNilSliceAsNull(true), json.FormatNilMapAsNull(true), jsonv1.OmitEmptyWithLegacySemantics(true))

// encode appends the contact's own row, and then of each bucket its name, the
// number of its rows, and of each its key and its value; every one with its
// length in front.
func (of *aggregate) encode(b []byte) (_ []byte, err error) {
	text := func(s []byte) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	var row []byte
	if of.row != nil {
		if row, err = json.Marshal(of.row, asViews); err != nil {
			return b, fmt.Errorf("row of %q: %w", of.name, err)
		}
	}
	text(row)
	for bucket, rows := range of.buckets {
		text([]byte(bucket))
		b = binary.AppendUvarint(b, uint64(len(rows)))
		for _, r := range rows {
			text(r.key)
			text(r.value)
		}
	}
	return b, nil
}

// decode fills of with what encode made, which it keeps.
func (of *aggregate) decode(raw []byte) error {
	d := decoder{rest: raw}
	row := d.text()
	for len(d.rest) > 0 && !d.broken {
		bucket, n := string(d.text()), d.number()
		rows := make([]aggregateRow, 0, min(n, uint64(len(raw))))
		for i := uint64(0); i < n && !d.broken; i++ {
			rows = append(rows, aggregateRow{d.text(), d.text()})
		}
		of.buckets[bucket] = rows
		of.size += len(rows) * keyedWeight
	}
	of.size += len(raw) + rowWeight*len(row)
	if d.broken {
		return fmt.Errorf("the rows of %q came back otherwise than they were written", of.name)
	}
	if len(row) == 0 {
		return nil
	}
	of.row = &leadRow{}
	if err := json.Unmarshal(row, of.row); err != nil {
		return fmt.Errorf("row of %q: %w", of.name, err)
	}
	return nil
}

// decoder takes numbers and texts from the front of rest.
type decoder struct {
	rest   []byte
	broken bool // rest ended before what was asked for
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.broken, size = true, 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) text() []byte {
	n := d.number()
	if n > uint64(len(d.rest)) {
		d.broken, n = true, 0
	}
	text := d.rest[:n:n]
	d.rest = d.rest[n:]
	return text
}
