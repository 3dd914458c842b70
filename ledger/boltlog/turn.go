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
// is held for that only, never while a call is sealed or committed.
type turn struct {
	mu   sync.Mutex
	id   ulid.ULID     // the newest given out
	deed chan struct{} // closed when the last deed is done, or nil
}

// take locks mu. While a deed waits nobody takes a turn: what is sealed then
// could be sealed by a key that the deed destroys, or for one it forgets.
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
		known, err := l.giveSlot(c, d)
		if err != nil {
			return err
		}
		if known {
			continue
		}
		d.Recorded = l.o.Now().UTC().Round(0)
		if l.turn.id, err = nextID(l.turn.id, d.Recorded, l.o.Entropy); err != nil {
			return l.failed(fmt.Errorf("make an id: %w", err))
		}
		d.ID = l.turn.id
	}
	return nil
}

// giveSlot sets flags and slot: the slot of the draft's owner, or a new one if
// it has none or its key was destroyed. A draft that has an entry already, as
// the writer will find, gets none: else every retry would use up a key. That of
// an owner who never had a slot is not looked for: it is nobody's retry.
func (l *Log) giveSlot(c *call, d *draft) (known bool, err error) {
	owned := d.owner != (digest{})
	if owned && l.forgotten[d.owner] {
		d.Flags = ledger.Gone
		return false, nil
	}
	if d.zstd {
		d.Flags |= ledger.Zstd
	}
	if len(d.Body) == 0 || l.o.Plain {
		return false, nil
	}
	d.Flags |= ledger.Sealed | ledger.ChaCha
	if owned {
		d.Slot, _ = l.index.slotOf(d.owner, &d.filed)
		if d.Slot != 0 && !l.keys.destroyed(d.Slot) {
			return false, nil
		}
	}
	if (!owned || d.Slot != 0) && l.index.has(d.key, &d.filed) {
		return true, nil
	}
	if d.Slot, err = l.newSlot(c); err != nil {
		return false, err
	}
	l.index.owners.give(d.owner, d.Slot)
	return false, nil
}

// newSlot returns a slot that was never given out. While appends are refused
// for want of room none is used up by them.
func (l *Log) newSlot(c *call) (uint64, error) {
	if l.tight.Load() {
		if err := l.room().refuses(c.ctx); err != nil {
			return 0, err
		}
	}
	slot, err := l.keys.next()
	if err != nil {
		return 0, l.failed(fmt.Errorf("make keys: %w", err))
	}
	return slot, nil
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
