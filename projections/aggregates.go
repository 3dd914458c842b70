package projections

import (
	"bytes"
	"container/list"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// aggregates keeps the rows of leads while a ledger is walked: those of one
// contact, or of one address, together, so that an entry costs one read and one
// write however many contacts there are. The ones used last are in memory, the
// others in a file without a name. It is read and written, never mapped: what
// is mapped counts as memory of the process, with its neighbours.
type aggregates struct {
	spool  *spool
	places map[string]extent // of those that are in the file
	recent map[string]*list.Element
	order  list.List // of *aggregate, the one used last in front
	held   int       // bytes of those in memory, about
	most   int       // bytes that may be held
	buffer []byte
	err    error // why one could not be read or written: nothing counts after it
}

// aggregate is the rows of one contact or address: of each bucket, by key.
type aggregate struct {
	name    string
	buckets map[string][]aggregateRow
	row     *leadRow // nil until it is asked for, or where there is none
	rawRow  []byte   // as it is in the file; nil once row is not
	size    int      // bytes, about
	changed bool
}

// aggregateRow is a row without what of its key is the aggregate's name.
type aggregateRow struct{ key, value []byte }

func (r aggregateRow) compare(k []byte) int { return bytes.Compare(r.key, k) }

// What things take in memory, about: a row beside its bytes, a lead's row for
// each byte of it that was read, and one that is new.
const (
	keyedWeight  = 48
	rowWeight    = 5
	newRowWeight = 2 << 10
)

func newAggregates(dir string, most int) (*aggregates, error) {
	s, err := newSpool(dir)
	if err != nil {
		return nil, err
	}
	return &aggregates{spool: s, places: map[string]extent{}, recent: map[string]*list.Element{}, most: most}, nil
}

func (a *aggregates) close() error { return a.spool.close() }

// aggregateOf splits the key of a row into the name of its aggregate and the
// rest. What belongs to nobody is together under no name; there is little of it.
func aggregateOf(bucket string, k []byte) (name string, rest []byte) {
	first, rest, _ := bytes.Cut(k, []byte{0})
	switch bucket {
	case "names", "clock":
		return "", k
	case "touches", "timeline": // by subject
		return string(first), rest
	case "addresses": // by location and address
		address, rest, _ := bytes.Cut(rest, []byte{0})
		return addressSubject(string(first), string(address)), rest
	}
	return contactSubject(string(first)), rest
}

// get returns the row at k, nil if there is none.
func (a *aggregates) get(bucket string, k []byte) []byte {
	name, rest := aggregateOf(bucket, k)
	rows := a.of(name).buckets[bucket]
	if i, found := slices.BinarySearchFunc(rows, rest, aggregateRow.compare); found {
		return rows[i].value
	}
	return nil
}

// put keeps k and v, which the caller must not change afterwards.
func (a *aggregates) put(bucket string, k, v []byte) error {
	name, rest := aggregateOf(bucket, k)
	of := a.of(name)
	rows := of.buckets[bucket]
	i, found := slices.BinarySearchFunc(rows, rest, aggregateRow.compare)
	grown := len(v)
	if found {
		grown -= len(rows[i].value)
		rows[i].value = v
	} else {
		grown += len(rest) + keyedWeight
		of.buckets[bucket] = slices.Insert(rows, i, aggregateRow{rest, v})
	}
	of.changed = true
	a.grow(of, grown)
	return a.err
}

func (a *aggregates) delete(bucket string, k []byte) error {
	name, rest := aggregateOf(bucket, k)
	of := a.of(name)
	rows := of.buckets[bucket]
	if i, found := slices.BinarySearchFunc(rows, rest, aggregateRow.compare); found {
		gone := len(rows[i].key) + len(rows[i].value) + keyedWeight
		of.buckets[bucket], of.changed = slices.Delete(rows, i, i+1), true
		a.grow(of, -gone)
	}
	return a.err
}

func (a *aggregates) grow(of *aggregate, grown int) {
	of.size += grown
	a.held += grown
}

// lead returns the contact's row, a new one if there is none. What is changed in
// it counts once putLead has it.
func (a *aggregates) lead(contact string) (row *leadRow, known bool, err error) {
	of := a.of(contactSubject(contact))
	if of.row == nil && len(of.rawRow) > 0 {
		of.row = &leadRow{}
		if err := json.Unmarshal(of.rawRow, of.row); err != nil {
			a.err = errors.Join(a.err, err)
		}
		a.grow(of, rowWeight*len(of.rawRow))
		of.rawRow = nil
	}
	if of.row == nil {
		return &leadRow{}, false, a.err
	}
	return of.row, true, a.err
}

func (a *aggregates) putLead(contact string, row *leadRow) error {
	of := a.of(contactSubject(contact))
	if of.row == nil {
		a.grow(of, newRowWeight)
	}
	of.row, of.rawRow, of.changed = row, nil, true
	return a.err
}

// under yields what rows.under yields, and newest what rows.newest does. The
// prefix names a whole aggregate.
func (a *aggregates) under(bucket string, prefix []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(rest, value []byte) bool) {
		for _, r := range a.rows(bucket, prefix) {
			if !yield(r.key, r.value) {
				return
			}
		}
	}
}

func (a *aggregates) newest(bucket string, prefix []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(rest, value []byte) bool) {
		for _, r := range slices.Backward(a.rows(bucket, prefix)) {
			if !yield(r.key, r.value) {
				return
			}
		}
	}
}

func (a *aggregates) rows(bucket string, prefix []byte) []aggregateRow {
	name, _ := aggregateOf(bucket, append(bytes.Clone(prefix), 0))
	return a.of(name).buckets[bucket]
}

// of returns the aggregate of that name, an empty one if there is none.
func (a *aggregates) of(name string) *aggregate {
	if e, ok := a.recent[name]; ok {
		a.order.MoveToFront(e)
		return e.Value.(*aggregate)
	}
	of := &aggregate{name: name, buckets: map[string][]aggregateRow{}}
	if at, ok := a.places[name]; ok {
		raw, err := a.spool.read(at)
		if err == nil {
			err = of.decode(raw)
		}
		a.err = errors.Join(a.err, err)
	}
	a.recent[name] = a.order.PushFront(of)
	a.held += of.size
	return of
}

// settle writes those used least until no more is held than may be.
func (a *aggregates) settle() error {
	for a.held > a.most && a.order.Len() > 0 && a.err == nil {
		e := a.order.Back()
		of := e.Value.(*aggregate)
		if of.changed {
			a.err = a.write(of)
		}
		a.order.Remove(e)
		delete(a.recent, of.name)
		a.held -= of.size
	}
	return a.err
}

func (a *aggregates) write(of *aggregate) (err error) {
	if a.buffer, err = of.encode(a.buffer[:0]); err == nil {
		a.places[of.name], err = a.spool.write(a.places[of.name], a.buffer)
	}
	return err
}

// asViews writes a row as encoding/json writes it in a view, which is slower.
var asViews = json.JoinOptions(json.FormatNilSliceAsNull(true), json.FormatNilMapAsNull(true), jsonv1.OmitEmptyWithLegacySemantics(true))

// encode appends the lead's row, and then of each bucket its name, the number of
// its rows, and of each its key and its value; every one with its length in
// front.
func (of *aggregate) encode(b []byte) (_ []byte, err error) {
	text := func(s []byte) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	if of.row != nil {
		if of.rawRow, err = json.Marshal(of.row, asViews); err != nil {
			return b, fmt.Errorf("row of %q: %w", of.name, err)
		}
	}
	text(of.rawRow)
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
	of.rawRow = d.text()
	for len(d.rest) > 0 && !d.broken {
		bucket, n := string(d.text()), d.number()
		rows := make([]aggregateRow, 0, min(n, uint64(len(raw))))
		for i := uint64(0); i < n && !d.broken; i++ {
			rows = append(rows, aggregateRow{d.text(), d.text()})
		}
		of.buckets[bucket] = rows
		of.size += len(rows) * keyedWeight
	}
	of.size += len(raw)
	if d.broken {
		return fmt.Errorf("the rows of %q came back otherwise than they were written", of.name)
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
