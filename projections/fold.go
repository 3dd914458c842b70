package projections

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"go.etcd.io/bbolt"
)

// Parked is an entry that a view could not digest, or that waits behind one of
// the same contact.
type Parked struct {
	Seq     uint64 `json:"seq"`
	EventID string `json:"event_id"`
	Kind    string `json:"kind"`
	Contact string `json:"contact_id,omitempty"`
	Error   string `json:"error,omitempty"` // empty for one that only waits
	Behind  bool   `json:"behind,omitempty"`
}

// errPanic is a fold's, or bbolt's over a damaged page that the fold reads.
var errPanic = errors.New("panic")

// errUndo rolls a transaction back for the sake of one entry in it.
var errUndo = errors.New("undo")

// fold folds the batch, in one transaction if all of it can be digested. An
// entry that cannot is parked; nothing of it stays in the view. The error is
// the disk's: the batch may be folded in part, the cursor says how far.
func (g *generation) fold(p Projection, batch []ledger.Entry) error {
	n := len(batch)
	for len(batch) > 0 {
		bad, fault, err := g.try(p, batch[:n])
		switch {
		case err != nil:
			return err
		case fault == nil:
			batch = batch[n:]
			n = len(batch)
		case bad > 0: // bbolt has no savepoints: keep what came before, then meet it alone
			n = bad
		default:
			if errors.Is(fault, ErrDamaged) || errors.Is(fault, errPanic) {
				g.met = fault
			}
			if err := g.park(batch[0], fault); err != nil {
				return err
			}
			batch = batch[1:]
			n = len(batch)
		}
	}
	return nil
}

// try folds the batch and moves the cursor, both or neither. A fault is what
// the entry at bad did to Apply.
func (g *generation) try(p Projection, batch []ledger.Entry) (bad int, fault, err error) {
	behind := 0
	err = g.commit(batch[len(batch)-1], func(tx *bbolt.Tx, own *bbolt.Bucket) error {
		for i, e := range batch {
			if waits(own, e.Subject) {
				behind++
				if err := keepParked(own, e, nil); err != nil {
					return err
				}
				continue
			}
			if fault = apply(p, tx, e); fault != nil {
				bad = i
				return errUndo
			}
			runtime.Gosched() // a batch is long for a delivery that waits for a processor
		}
		return nil
	})
	if fault != nil {
		return bad, fault, nil
	}
	if err == nil {
		g.parked.Add(int64(behind))
	}
	return 0, nil, err
}

// park sets e aside in the view's own file and goes past it.
func (g *generation) park(e ledger.Entry, fault error) error {
	err := g.commit(e, func(_ *bbolt.Tx, own *bbolt.Bucket) error { return keepParked(own, e, fault) })
	if err == nil {
		g.parked.Add(1)
	}
	return err
}

// commit runs f and moves the cursor to last in one transaction.
func (g *generation) commit(last ledger.Entry, f func(tx *bbolt.Tx, own *bbolt.Bucket) error) error {
	c := last.Cursor()
	err := g.db.Update(func(tx *bbolt.Tx) error {
		own, err := tx.CreateBucketIfNotExists(runnerBucket)
		if err != nil {
			return err
		}
		if err := f(tx, own); err != nil {
			return err
		}
		return own.Put(cursorKey, encodeCursor(c))
	})
	if err != nil {
		return err
	}
	g.place.Store(&c)
	return nil
}

// apply turns a panic of the fold into a fault of the entry.
func apply(p Projection, tx *bbolt.Tx, e ledger.Entry) (fault error) {
	defer func() {
		if r := recover(); r != nil {
			fault = fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	return p.Apply(tx, e)
}

// waits reports whether an entry of the contact is parked, so that later ones
// must not be folded before it. Entries without a contact never wait.
func waits(own *bbolt.Bucket, contact string) bool {
	if contact == "" {
		return false
	}
	b := own.Bucket(waitingKey)
	return b != nil && b.Get([]byte(contact)) != nil
}

func keepParked(own *bbolt.Bucket, e ledger.Entry, fault error) error {
	parked, err := own.CreateBucketIfNotExists(parkedKey)
	if err != nil {
		return err
	}
	row := Parked{Seq: uint64(e.Seq), EventID: ledger.FormatID(e.ID), Kind: e.Kind, Contact: e.Subject, Behind: fault == nil}
	if fault != nil {
		row.Error = fault.Error()
	}
	value, err := json.Marshal(row)
	if err != nil {
		return err
	}
	if err := parked.Put(binary.BigEndian.AppendUint64(nil, uint64(e.Seq)), value); err != nil {
		return err
	}
	if e.Subject == "" {
		return nil
	}
	waiting, err := own.CreateBucketIfNotExists(waitingKey)
	if err != nil {
		return err
	}
	return waiting.Put([]byte(e.Subject), []byte{1})
}

// parkedIn lists what is parked in a view, oldest first.
func parkedIn(tx *bbolt.Tx) (list []Parked, err error) {
	own := tx.Bucket(runnerBucket)
	if own == nil || own.Bucket(parkedKey) == nil {
		return nil, nil
	}
	err = own.Bucket(parkedKey).ForEach(func(_, v []byte) error {
		var p Parked
		if err := Decode("parked", v, &p); err != nil {
			return err
		}
		list = append(list, p)
		return nil
	})
	return list, err
}
