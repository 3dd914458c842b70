package projections

import (
	"bytes"
	"fmt"
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

// What things take in memory, about: an aggregate without rows, a row beside its
// bytes, a contact's own for each byte of it that was read, one that is new, and
// what a change adds to one.
const (
	emptyWeight  = 300
	keyedWeight  = 48
	rowWeight    = 12
	newRowWeight = 2 << 10
	changeWeight = 200
)

// encode appends the rows for decode.
func (of *aggregate) encode(b []byte) ([]byte, error) {
	c := &coder{b: b}
	of.codeRow(c)
	codeMap(c, &of.buckets, codeList(codeKeyed))
	return c.b, c.broken
}

// decode fills of with what encode returned, which it keeps.
func (of *aggregate) decode(raw []byte) error {
	c := &coder{reads: true, b: raw}
	of.codeRow(c)
	of.size += len(raw) + rowWeight*(len(raw)-len(c.b))
	codeMap(c, &of.buckets, codeList(codeKeyed))
	for _, rows := range of.buckets {
		of.size += keyedWeight * len(rows)
	}
	if c.broken != nil {
		return fmt.Errorf("the rows of %q came back otherwise than they were written: %w", of.name, c.broken)
	}
	return nil
}

func (of *aggregate) codeRow(c *coder) {
	has := of.row != nil
	if c.bool(&has); has {
		codePointer(codeLead)(c, &of.row)
	}
}

func codeKeyed(c *coder, r *aggregateRow) {
	c.bytes(&r.key)
	c.bytes(&r.value)
}
