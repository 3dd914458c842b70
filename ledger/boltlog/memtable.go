package boltlog

import (
	"encoding/binary"
	"iter"
	"math/bits"
	"slices"
)

// memtable is what the index has in memory: one row for each digest, in order,
// with gaps. Digests are spread evenly, so the first bits of one say where its
// row stands, but for those before it that found their place taken: a look
// touches memory in one place, and to merge all of it nothing is sorted. A gap
// is a row of the zero digest, which nothing has.
//
// Any number may read it, but nobody beside add.
type memtable struct {
	rows []row
	n    int
}

// overhang is how many rows there are behind the last that is some digest's
// place, for those that find it taken.
const overhang = 64

// newMemtable returns a table with room for n rows, which fill two thirds of
// it: it grows at three quarters.
func newMemtable(n int) *memtable { return &memtable{rows: make([]row, n+n/2+overhang)} }

// newMapped returns a table like newMemtable whose memory was written once, from
// end to end. Otherwise the first look into a page maps the shared page of zeros,
// and the first row written there puts another in its place, of which every
// processor has to be told. Both are slow, and somebody waits for them.
func newMapped(n int) *memtable {
	t := newMemtable(n)
	for part := range slices.Chunk(t.rows, 1<<13) {
		clear(part) // in parts: the collector cannot stop whoever is within a clear
	}
	return t
}

func (t *memtable) len() int { return t.n }

// places is how many rows are some digest's place.
func (t *memtable) places() int { return len(t.rows) - overhang }

// place is where the row of d stands, if none before it is in the way.
func (t *memtable) place(d digest) int {
	at, _ := bits.Mul64(binary.BigEndian.Uint64(d[:]), uint64(t.places()))
	return int(at)
}

// seek returns where the row of d stands, or would have to.
func (t *memtable) seek(d digest) (at int, there bool) {
	for at = t.place(d); at < len(t.rows) && !t.gap(at); at++ {
		if c := t.rows[at].digest.compare(d); c >= 0 {
			return at, c == 0
		}
	}
	return at, false
}

func (t *memtable) gap(at int) bool { return t.rows[at].digest == digest{} }

// find returns the number of d. In a nil table there is none.
func (t *memtable) find(d digest) (uint64, bool) {
	if t == nil {
		return 0, false
	}
	at, there := t.seek(d)
	if !there {
		return 0, false
	}
	return t.rows[at].number, true
}

// add sets the number of d.
func (t *memtable) add(d digest, number uint64) {
	at, there := t.seek(d)
	if there {
		t.rows[at].number = number
		return
	}
	gap := at
	for gap < len(t.rows) && !t.gap(gap) {
		gap++
	}
	if gap == len(t.rows) || 4*t.n >= 3*t.places() {
		t.grow()
		t.add(d, number)
		return
	}
	copy(t.rows[at+1:gap+1], t.rows[at:gap])
	t.rows[at] = row{d, number}
	t.n++
}

// grow doubles the room. Each row goes behind the one before it.
func (t *memtable) grow() {
	wider, at := newMemtable(2*t.n+overhang), -1
	for r := range t.all() {
		at = max(at+1, wider.place(r.digest))
		wider.rows[at] = r
	}
	t.rows = wider.rows
}

// addAll adds the rows of another table.
func (t *memtable) addAll(other *memtable) {
	for r := range other.all() {
		t.add(r.digest, r.number)
	}
}

// all returns the rows in order.
func (t *memtable) all() iter.Seq[row] {
	return func(yield func(row) bool) {
		for _, r := range t.rows {
			if r.digest != (digest{}) && !yield(r) {
				return
			}
		}
	}
}
