package boltlog

import (
	"errors"
	"fmt"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"go.etcd.io/bbolt"
)

// draft is a Draft with what can be worked out before its turn.
type draft struct {
	ledger.Draft
	key    digest
	owner  digest // whose slot seals the body; zero: a slot of its own
	filed  filed  // what the index file has of both
	packed []byte // the body, perhaps compressed
	zstd   bool   // it is
}

// prepare runs in the caller's goroutine, so that the writer has less to do.
func (l *Log) prepare(d ledger.Draft) draft {
	p := draft{Draft: d, key: l.keys.keyDigest(d.Key)}
	switch {
	case d.Subject != "":
		p.owner = l.keys.subjectDigest(d.Subject)
	case d.Person != "":
		p.owner = l.keys.personDigest(d.Person)
	}
	p.Occurred, p.Meta.Arrived = d.Occurred.UTC().Round(0), d.Meta.Arrived.UTC().Round(0)
	p.Person = ""
	p.filed = l.index.ask(p.key, p.owner)
	p.packed, p.zstd = l.pack.pack(d.Body)
	return p
}

// batch is a commit in the making. What it will have added to the log's state
// is here until it is durable.
type batch struct {
	l       *Log
	tx      *bbolt.Tx
	bucket  *bbolt.Bucket
	head    head
	slot    uint64 // the newest slot given out
	entries []ledger.Entry
	added   []addition        // beside entries
	keys    map[digest]int    // → place in entries
	owners  map[digest]uint64 // → slot
	buffer  []byte
}

// addition is what the index must know of an entry. The owner is zero if it
// knows the owner's slot already.
type addition struct {
	hash       [32]byte
	key, owner digest
	slot       uint64
}

// addition describes the newest entry.
func (b *batch) addition(d *draft, slot uint64) addition {
	a := addition{hash: b.head.hash, key: d.key, slot: slot}
	if _, isNew := b.owners[d.owner]; isNew {
		a.owner = d.owner
	}
	return a
}

// fill begins a batch with the drafts of all calls. An error is the storage's;
// what is wrong with one call is in its answer.
func (l *Log) fill(group []*call) (b *batch, answers []answer, err error) {
	defer l.recovered(&err)
	tx, err := l.db.Begin(true)
	if err != nil {
		return nil, nil, fmt.Errorf("begin: %w", err)
	}
	b = &batch{l: l, tx: tx, bucket: tx.Bucket(entriesBucket), head: *l.head.Load(), slot: l.keys.used.Load(),
		keys: map[digest]int{}, owners: map[digest]uint64{}}
	b.bucket.FillPercent = 1.0 // entries only go to the end
	if err := putStops(b.bucket); err != nil {
		return nil, nil, errors.Join(err, tx.Rollback())
	}
	for _, c := range group {
		a, err := b.call(c)
		if err != nil {
			return nil, nil, errors.Join(err, tx.Rollback())
		}
		answers = append(answers, a)
	}
	return b, answers, nil
}

// recovered turns a panic of the writer's, mostly bbolt's, into an error, which
// nobody takes for less than doubt. bbolt may keep its lock then, and would never
// be closed. The writer lets faults of the mapping be panics, too.
func (l *Log) recovered(err *error) {
	if p := recover(); p != nil {
		l.stuck = true
		*err = fmt.Errorf("panic: %v", p)
	}
}

func (b *batch) commit() (err error) {
	defer b.l.recovered(&err)
	if len(b.entries) == 0 {
		return b.tx.Rollback()
	}
	return b.tx.Commit()
}

// call adds the drafts of one call: all of them, or none if one of them meets
// an entry that cannot be read.
func (b *batch) call(c *call) (answer, error) {
	known := make([]*ledger.Entry, len(c.drafts))
	for i := range c.drafts {
		e, err := b.known(&c.drafts[i])
		if err != nil {
			return answer{err: err}, nil
		}
		known[i] = e
	}
	a := answer{appended: make([]ledger.Appended, len(c.drafts))}
	for i := range c.drafts {
		d := &c.drafts[i]
		if at, ok := b.keys[d.key]; ok { // perhaps by an earlier draft of this call
			known[i] = &b.entries[at]
		}
		if known[i] != nil {
			a.appended[i] = ledger.Appended{Entry: *known[i]}
			continue
		}
		e, err := b.add(d)
		if err != nil {
			return a, err
		}
		a.appended[i] = ledger.Appended{Entry: e, Added: true}
	}
	return a, nil
}

// known returns the entry that has the draft's key already, or nil. What the
// index says is checked against the entry itself, so dedupe is exact (P3).
func (b *batch) known(d *draft) (*ledger.Entry, error) {
	if _, ok := b.keys[d.key]; ok {
		return nil, nil
	}
	seq, ok := b.l.index.find(d.key, &d.filed)
	if !ok {
		return nil, nil
	}
	e, err := b.l.decode(b.bucket.Get(seqKey(seq)), seq)
	if err == nil && e.Key != d.Key {
		err = fmt.Errorf("%w: the index takes entry %d for the one with key %q: delete %s and start again",
			ledger.ErrCorrupt, seq, d.Key, indexName)
	}
	if err != nil {
		b.l.found(err)
		return nil, err
	}
	return &e, nil
}

// add makes d the newest entry.
func (b *batch) add(d *draft) (ledger.Entry, error) {
	l := b.l
	now := l.o.Now().UTC().Round(0)
	id, err := nextID(b.head.id, now, l.o.Entropy)
	if err != nil {
		return ledger.Entry{}, fmt.Errorf("make an id: %w", err)
	}
	r := ledger.Record{Seq: b.head.seq + 1, ID: id, Recorded: now, Prev: b.head.hash, Draft: d.Draft}
	if err := b.seal(&r, d); err != nil {
		return ledger.Entry{}, fmt.Errorf("seal entry %d: %w", r.Seq, err)
	}
	stored := ledger.AppendRecord(make([]byte, 0, 256+len(r.Body)), &r)
	if err := b.bucket.Put(seqKey(r.Seq), stored); err != nil {
		return ledger.Entry{}, err
	}
	b.head = head{witness{r.Seq, ledger.HashRecord(stored)}, id, now}
	e := entry(&r, b.head.hash, len(stored))
	e.Body = d.Body
	if e.Erased {
		e.Body = nil
	}
	b.keys[d.key] = len(b.entries)
	b.entries = append(b.entries, e)
	b.added = append(b.added, b.addition(d, r.Slot))
	return e, nil
}

// seal sets flags, slot and body as they are stored.
func (b *batch) seal(r *ledger.Record, d *draft) (err error) {
	if r.Subject == "" {
		r.Owner = d.owner
	}
	if d.owner != (digest{}) && b.l.forgotten[d.owner] {
		r.Flags, r.Body = ledger.Gone, nil
		return nil
	}
	r.Body = d.packed
	if d.zstd {
		r.Flags |= ledger.Zstd
	}
	if len(d.Body) == 0 || b.l.o.Plain {
		return nil
	}
	if r.Slot, err = b.slotFor(d); err != nil {
		return err
	}
	r.Flags |= ledger.Sealed | ledger.ChaCha
	b.buffer, err = b.l.keys.seal(b.buffer[:0], r.Slot, r.ID, r.Body)
	r.Body = b.buffer
	return err
}

// slotFor returns the slot of the draft's owner, or a new one if it has none or its key was
// destroyed.
func (b *batch) slotFor(d *draft) (uint64, error) {
	if d.owner == (digest{}) {
		return b.newSlot()
	}
	slot, ok := b.owners[d.owner]
	if !ok {
		slot, ok = b.l.index.slotOf(d.owner, &d.filed)
	}
	if ok && !b.l.keys.destroyed(slot) {
		return slot, nil
	}
	slot, err := b.newSlot()
	b.owners[d.owner] = slot
	return slot, err
}

func (b *batch) newSlot() (uint64, error) {
	for {
		b.slot++
		if b.slot >= b.l.keys.made() {
			if err := b.l.keys.reach(b.slot); err != nil {
				return 0, err
			}
		}
		// A power cut while keys were made leaves zeros, which seal nothing.
		if !b.l.keys.destroyed(b.slot) {
			return b.slot, nil
		}
	}
}

// intoIndex hands the batch over, once it is durable.
func (b *batch) intoIndex() {
	for i, a := range b.added {
		b.l.index.add(witness{b.entries[i].Seq, a.hash}, a.key, a.owner, a.slot)
	}
}

// entry returns the record as its readers see it, but for the body.
func entry(r *ledger.Record, hash [32]byte, size int) ledger.Entry {
	return ledger.Entry{Seq: r.Seq, ID: r.ID, Recorded: r.Recorded, Prev: r.Prev, Hash: hash, Size: size,
		Erased: r.Flags&ledger.Gone != 0, Draft: r.Draft}
}
