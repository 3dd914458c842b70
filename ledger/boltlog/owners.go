package boltlog

import (
	"maps"
	"sync"
)

// owners knows the slots that were given out since the index file was written,
// by owner. A slot is noted when it is given, not when its entry is committed:
// whoever comes next of the same owner uses it, also where that entry never was.
type owners struct {
	mu      sync.Mutex
	fresh   map[digest]uint64
	merging map[digest]uint64 // on their way into the next file, or nil
	filter  filter            // of both
	slot    uint64            // the first never given out
}

// newOwners returns owners of whom slots were given out up to slot.
func newOwners(slot uint64) owners {
	return owners{fresh: map[digest]uint64{}, filter: newFilter(minFresh), slot: slot}
}

// give notes the slot of an owner; a zero owner owns nothing.
func (o *owners) give(owner digest, slot uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.slot = max(o.slot, slot+1)
	if owner != (digest{}) {
		o.fresh[owner] = slot
		o.filter.add(owner)
	}
}

// slotOf returns the slot that an owner was given last since the file.
func (o *owners) slotOf(owner digest) (slot uint64, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.filter.mayHave(owner) {
		return 0, false
	}
	if slot, ok = o.fresh[owner]; !ok {
		slot, ok = o.merging[owner]
	}
	return slot, ok
}

// first returns the first slot that was never given out.
func (o *owners) first() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.slot
}

// start returns what is to be merged, which nobody changes until end, and the
// first slot that was never given out.
func (o *owners) start() (list map[digest]uint64, slot uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.merging, o.fresh = o.fresh, make(map[digest]uint64, len(o.fresh))
	return o.merging, o.slot
}

// end says whether what start returned is in the file now. If not, it comes
// back.
func (o *owners) end(merged bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !merged {
		maps.Copy(o.merging, o.fresh)
		o.fresh = o.merging
	}
	o.merging = nil
	o.filter = newFilter(max(minFresh, len(o.fresh)))
	for owner := range o.fresh {
		o.filter.add(owner)
	}
}
