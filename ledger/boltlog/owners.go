package boltlog

import "sync"

// owners knows the slots that were given out since the index file was written,
// by owner. A slot is noted when it is given, not when its entry is committed:
// whoever comes next of the same owner uses it, also where that entry never was.
type owners struct {
	mu      sync.Mutex
	fresh   *memtable
	merging *memtable // on their way into the next file, or nil
	slot    uint64    // the first never given out
}

// newOwners returns owners of whom slots were given out up to slot, with room for n
// more.
func newOwners(slot uint64, n int) owners {
	return owners{fresh: newMemtable(n), slot: slot}
}

// give notes the slot of an owner; a zero owner owns nothing.
func (o *owners) give(owner digest, slot uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.slot = max(o.slot, slot+1)
	if owner != (digest{}) {
		o.fresh.add(owner, slot)
	}
}

// slotOf returns the slot that an owner was given last since the file.
func (o *owners) slotOf(owner digest) (slot uint64, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if slot, ok = o.fresh.find(owner); !ok {
		slot, ok = o.merging.find(owner)
	}
	return slot, ok
}

// first returns the first slot that was never given out.
func (o *owners) first() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.slot
}

// len returns how many slots were noted since the last start.
func (o *owners) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.fresh.len()
}

// start returns what is to be merged, which nobody changes until end, and the
// first slot that was never given out. From now on slots are noted in next.
func (o *owners) start(next *memtable) (list *memtable, slot uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.merging, o.fresh = o.fresh, next
	return o.merging, o.slot
}

// end says whether what start returned is in the file now. If not, it comes
// back.
func (o *owners) end(merged bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !merged {
		o.merging.addAll(o.fresh)
		o.fresh = o.merging
	}
	o.merging = nil
}
