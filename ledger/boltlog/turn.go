package boltlog

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
)

// turn is where those who append get in line: one after the other they take an
// id and a slot and go to the writer, so ids ascend in the order of entries. It
// is held for that, and to give slots back, never while a call is sealed or
// committed.
type turn struct {
	mu   sync.Mutex
	id   ulid.ULID     // the newest given out
	kept []uint64      // slots given back, to be given out next
	deed chan struct{} // closed when the last deed is done, or nil
}

// take locks mu. While a deed waits nobody takes a turn: what is sent then would
// be kept of somebody whom the deed forgets.
func (t *turn) take(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.mu.Lock()
		if !t.deedWaits() {
			return nil
		}
		deed := t.deed
		t.mu.Unlock()
		select {
		case <-deed:
		case <-ctx.Done():
		}
	}
}

func (t *turn) deedWaits() bool {
	if t.deed == nil {
		return false
	}
	select {
	case <-t.deed:
		t.deed = nil
		return false
	default:
		return true
	}
}

// sent notes that c is on its way.
func (t *turn) sent(c *call) {
	if c.deed != nil {
		t.deed = c.over
	}
}

// give gives the drafts of a call their ids, their times and their slots. It
// ends with an error if one of them needs a key and there is none to be had.
func (l *Log) give(c *call) (err error) {
	defer l.beneath(&err)()
	if err := l.doubtful(); err != nil {
		return err
	}
	for i := range c.drafts {
		d := &c.drafts[i]
		if err := l.giveSlot(c, d); err != nil {
			return err
		}
		d.Recorded = l.o.Now().UTC().Round(0)
		if l.turn.id, err = nextID(l.turn.id, d.Recorded, l.o.Entropy); err != nil {
			return l.failed(fmt.Errorf("make an id: %w", err))
		}
		d.ID = l.turn.id
	}
	return nil
}

// giveSlot sets flags and slot: each body has a slot of its own.
func (l *Log) giveSlot(c *call, d *draft) (err error) {
	if len(l.forgotten) > 0 && l.forgotten[d.contact] {
		d.Flags = ledger.Gone
		return nil
	}
	if d.zstd {
		d.Flags |= ledger.Zstd
	}
	if len(d.Body) == 0 || l.o.Plain {
		return nil
	}
	d.Flags |= ledger.Sealed | ledger.ChaCha
	d.Slot, err = l.newSlot(c)
	return err
}

// newSlot returns a slot that seals nothing yet. While appends are refused
// for want of room none is used up by them.
func (l *Log) newSlot(c *call) (uint64, error) {
	if l.tight.Load() {
		if err := l.room().refuses(c.ctx); err != nil {
			return 0, err
		}
	}
	if n := len(l.turn.kept); n > 0 {
		slot := l.turn.kept[n-1]
		l.turn.kept = l.turn.kept[:n-1]
		return slot, nil
	}
	slot, err := l.keys.next()
	if err != nil {
		return 0, l.failed(fmt.Errorf("make keys: %w", err))
	}
	return slot, nil
}

// giveBack takes the slots of drafts that were not appended. Nothing that was sealed
// by their keys was written, so they are as good as new: a sender that repeats
// itself must not use them up.
func (t *turn) giveBack(slots []uint64) {
	if len(slots) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, slots...)
}

// slots returns those that c's drafts were given.
func (c *call) slots() (slots []uint64) {
	for i := range c.drafts {
		if slot := c.drafts[i].Slot; slot != 0 {
			slots = append(slots, slot)
		}
	}
	return slots
}

// beneath has faults of a mapping be panics, and the function that it returns
// turns those into doubt: a file was cut off beneath it (P8).
func (l *Log) beneath(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			*err = l.failed(fmt.Errorf("panic: %v", p))
		}
	}
}
