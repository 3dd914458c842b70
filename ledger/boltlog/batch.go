package boltlog

import (
	"errors"
	"fmt"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"go.etcd.io/bbolt"
)

// draft is a Draft with what can be worked out before its turn.
type draft struct {
	ledger.Record        // but for seq and prev; Body as it was received
	key           digest // of Key
	contact       digest // of Subject, or zero
	filed         filed  // what the index file has of its key
	packed        []byte // the body, perhaps compressed
	zstd          bool   // it is
	stored        []byte // the record, but for seq, prev and checksum
}

// prepare runs in the caller's goroutine, so that the writer has less to do.
func (l *Log) prepare(p *draft, d *ledger.Draft) {
	p.Draft, p.key = *d, l.keys.keyDigest(d.Key)
	switch {
	case d.Subject != "":
		p.contact = l.keys.subjectDigest(d.Subject)
	case d.Person != "":
		p.Owner = l.keys.personDigest(d.Person)
	}
	p.Occurred, p.Meta.Arrived = d.Occurred.UTC().Round(0), d.Meta.Arrived.UTC().Round(0)
	p.Person = ""
	p.filed = l.index.ask(p.key)
	p.packed, p.zstd = l.pack.pack(d.Body)
}

// batch is a commit in the making. What it will have added to the log's state
// is here until it is durable.
type batch struct {
	l       *Log
	tx      *bbolt.Tx
	bucket  *bbolt.Bucket
	head    head
	entries []ledger.Entry
	added   []*draft       // beside entries
	unused  []uint64       // slots of drafts that are not in added
	keys    map[digest]int // → place in entries
}

// fill begins a batch with the drafts of all calls. An error is the storage's;
// what is wrong with one call is in its answer.
func (l *Log) fill(group []*call) (b *batch, answers []answer, err error) {
	defer l.recovered(&err)
	tx, err := l.db.Begin(true)
	if err != nil {
		return nil, nil, fmt.Errorf("begin: %w", err)
	}
	b = &batch{l: l, tx: tx, bucket: tx.Bucket(entriesBucket), head: *l.head.Load(),
		keys: make(map[digest]int, len(group))}
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
			b.unused = append(b.unused, c.slots()...)
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
			if d.Slot != 0 {
				b.unused = append(b.unused, d.Slot)
			}
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
	d.Seq, d.Prev = b.head.seq+1, b.head.hash
	ledger.PlaceRecord(d.stored, d.Seq, d.Prev)
	if err := b.bucket.Put(seqKey(d.Seq), d.stored); err != nil {
		return ledger.Entry{}, err
	}
	b.head = head{witness{d.Seq, ledger.HashRecord(d.stored)}, d.ID, d.Recorded}
	e := entry(&d.Record, b.head.hash, len(d.stored))
	if e.Erased {
		e.Body = nil
	}
	b.keys[d.key] = len(b.entries)
	b.entries = append(b.entries, e)
	b.added = append(b.added, d)
	return e, nil
}

// intoIndex hands the batch over, once it is durable.
func (b *batch) intoIndex() {
	for i, d := range b.added {
		b.l.index.add(witness{d.Seq, b.entries[i].Hash}, d.key, d.Slot)
	}
}

// entry returns the record as its readers see it, but for the body.
func entry(r *ledger.Record, hash [32]byte, size int) ledger.Entry {
	return ledger.Entry{Seq: r.Seq, ID: r.ID, Recorded: r.Recorded, Prev: r.Prev, Hash: hash, Size: size,
		Erased: r.Flags&ledger.Gone != 0, Draft: r.Draft}
}
