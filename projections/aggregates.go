package projections

import (
	"bytes"
	"cmp"
	"container/list"
	"iter"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
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
	err    error     // why one could not be read or written: nothing counts after it
}

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

// lead returns the contact's row itself, or a new one if there is none. What is
// changed in it shows at once, and is kept by putLead.
func (a *aggregates) lead(contact string) (row *leadRow, known bool, err error) {
	of := a.of(contactSubject(contact))
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
	a.grow(of, changeWeight)
	of.row, of.changed = row, true
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
	of, err := a.load(name)
	a.err = cmp.Or(a.err, err)
	a.hold(of)
	return of
}

func (a *aggregates) hold(of *aggregate) {
	a.recent[of.name] = a.order.PushFront(of)
	a.held += of.size
}

func (a *aggregates) load(name string) (*aggregate, error) {
	of := &aggregate{name: name, buckets: map[string][]aggregateRow{}, size: emptyWeight}
	at, ok := a.places[name]
	if !ok {
		return of, nil
	}
	raw, err := a.spool.read(at)
	if err == nil {
		err = of.decode(raw)
	}
	return of, err
}

// fetch reads the aggregates that will be asked for, side by side, and as many
// as half of the memory has room for.
func (a *aggregates) fetch(names []string) {
	var missing []string
	seen, room := map[string]bool{}, int64(a.most/2)
	for _, name := range names {
		at, written := a.places[name]
		if _, held := a.recent[name]; held || !written || seen[name] {
			continue
		}
		if room -= at.size * (1 + rowWeight); room < 0 {
			break
		}
		missing, seen[name] = append(missing, name), true
	}
	loaded := make([]*aggregate, len(missing))
	err := sideBySide(len(missing), func(i int, _ []byte) (_ []byte, err error) {
		loaded[i], err = a.load(missing[i])
		return nil, err
	})
	if a.err = cmp.Or(a.err, err); a.err != nil {
		return
	}
	for _, of := range slices.Backward(loaded) { // what is asked for first is the last to go
		a.hold(of)
	}
}

// settle, once a quarter more is held than may be, writes those used least,
// side by side.
func (a *aggregates) settle() error {
	if a.held <= a.most+a.most/4 {
		return a.err
	}
	var changed []*aggregate
	for a.held > a.most && a.order.Len() > 0 {
		of := a.order.Remove(a.order.Back()).(*aggregate)
		delete(a.recent, of.name)
		a.held -= of.size
		if of.changed {
			changed = append(changed, of)
		}
	}
	places := make([]extent, len(changed))
	err := sideBySide(len(changed), func(i int, buffer []byte) (piece []byte, err error) {
		if piece, err = changed[i].encode(buffer); err == nil {
			places[i], err = a.spool.write(a.places[changed[i].name], piece)
		}
		return piece, err
	})
	for i, of := range changed {
		a.places[of.name] = places[i]
	}
	a.err = cmp.Or(a.err, err)
	return a.err
}

// sideBySide does n things on all processors. What do returns is the buffer of
// what is done next.
func sideBySide(n int, do func(i int, buffer []byte) ([]byte, error)) error {
	var group errgroup.Group
	parts := min(runtime.GOMAXPROCS(0), n)
	for part := range parts {
		group.Go(func() (err error) {
			var buffer []byte
			for i := part; i < n && err == nil; i += parts {
				buffer, err = do(i, buffer[:0])
			}
			return err
		})
	}
	return group.Wait()
}
