package boltlog

import (
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"sync"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// index finds the entry with a key and the slot of a contact. Both are in the
// entries, so it is only a view of the log: an immutable sorted file as of some
// entry, and in memory what is newer. When that has grown, a goroutine merges
// both into the next file, outside the commits that senders wait for.
//
// The writer owns it: no method may run beside another, but for ask, has, slotOf
// and those of owners.
type index struct {
	path    string
	mu      sync.RWMutex // held to change what is below, and by those who are not the writer
	id      [16]byte
	log     *slog.Logger
	base    *run   // the file; never nil
	merging *delta // on its way into the next file, or nil
	fresh   *delta // newer than both
	merged  chan merge
	owners  owners

	ahead  bool           // the writer's: tables for the next start are made, or being made
	tables chan tables    // where they come; has room for them
	beside sync.WaitGroup // those who make tables and unmap files beside the writer
}

// tables are what a start begins to fill.
type tables struct{ keys, owners *memtable }

// delta is what came after a file. upto is the last entry in it.
type delta struct {
	upto witness
	keys *memtable
}

// merge is the outcome of merging a delta into a file.
type merge struct {
	run *run
	err error
}

// openIndex opens the index file, or begins an empty one if it is missing,
// damaged or not this ledger's; fits says whether the ledger has that entry.
// It is missing until the first merge or Close, which is nothing to warn of.
func openIndex(dir string, id [16]byte, log *slog.Logger, fits func(witness) bool) *index {
	ix := &index{path: filepath.Join(dir, indexName), id: id, log: log, merged: make(chan merge, 1), tables: make(chan tables, 1)}
	base, err := openRun(ix.path, id)
	if err == nil && base.upto.seq > 0 && !fits(base.upto) {
		base.close()
		err = errForeign
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			log.Warn("index made anew from the ledger", "err", err)
		}
		base = &run{slot: firstSlot}
	}
	ix.base = base
	keys, owners := 0, 0
	if due := ix.due(); due > minFresh { // senders wait for a table of a large ledger to grow
		keys = due
		owners = keys * base.owners.len() / base.keys.len()
	}
	ix.fresh = &delta{base.upto, newMemtable(keys)}
	ix.owners = newOwners(base.slot, owners)
	return ix
}

// filed is what an index file says of a key and an owner. Among millions that
// costs more than all else that the writer does for an entry, so those who
// append ask before their turn.
type filed struct {
	file             *run // which was asked
	seq, slot        uint64
	hasKey, hasOwner bool
}

// ask looks into the file. It may run beside the writer. Where the file was cut
// off beneath the mapping it has no answer: whoever needs it looks again, and
// what becomes of that is the storage's failure, not the caller's.
func (ix *index) ask(key, owner digest) (f filed) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			f = filed{}
		}
	}()
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	f.file = ix.base
	f.seq, f.hasKey = ix.base.keys.find(key)
	if owner != (digest{}) {
		f.slot, f.hasOwner = ix.base.owners.find(owner)
	}
	return f
}

// find returns the entry that may have the key.
func (ix *index) find(key digest, f *filed) (ledger.Seq, bool) {
	seq, ok := ix.fresh.keys.find(key)
	if !ok && ix.merging != nil {
		seq, ok = ix.merging.keys.find(key)
	}
	switch {
	case ok:
	case f.file == ix.base:
		seq, ok = f.seq, f.hasKey
	default: // another file has taken its place since
		seq, ok = ix.base.keys.find(key)
	}
	return ledger.Seq(seq), ok
}

// has says whether an entry has the key. It may run beside the writer.
func (ix *index) has(key digest, f *filed) bool {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	_, ok := ix.find(key, f)
	return ok
}

// slotOf returns the slot that the owner had last. It may run beside the writer.
func (ix *index) slotOf(owner digest, f *filed) (uint64, bool) {
	if slot, ok := ix.owners.slotOf(owner); ok {
		return slot, true
	}
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if f.file == ix.base {
		return f.slot, f.hasOwner
	}
	return ix.base.owners.find(owner)
}

// add notes the key of an entry.
func (ix *index) add(at witness, key digest) {
	ix.fresh.upto = at
	ix.fresh.keys.add(key, uint64(at.seq))
}

// Bounds of what is kept in memory before it is merged into the file: a
// quarter of the file, so that merging costs a constant share of appending.
const (
	minFresh = 1 << 17
	maxFresh = 1 << 20
)

// due is how many keys in memory are merged.
func (ix *index) due() int { return min(max(ix.base.keys.len()/4, minFresh), maxFresh) }

// tend takes a finished merge in, and starts one when there is enough. When there
// is half of that, it has the tables made that a start needs.
func (ix *index) tend() {
	select {
	case m := <-ix.merged:
		ix.install(m)
	default:
	}
	due, have := ix.due(), ix.fresh.keys.len()
	if have >= due/2 && !ix.ahead {
		keys := roomAfter(due)
		ix.makeTables(keys, keys*ix.owners.len()/have)
	}
	if ix.merging == nil && have >= due {
		select {
		case t := <-ix.tables:
			ix.ahead = false
			ix.start(t)
		default: // not made yet
		}
	}
}

// makeTables makes tables beside the writer: if it made those of a large ledger,
// senders would wait a tenth of a second.
func (ix *index) makeTables(keys, owners int) {
	ix.ahead = true
	ix.beside.Go(func() { ix.tables <- tables{newMapped(keys), newMapped(owners)} })
}

// roomAfter is how many keys there will be to merge after a merge of so many: a
// quarter more, as the file has grown by then. A table takes an eighth more than it
// has room for before it grows, if the merge takes longer than that.
func roomAfter(due int) int { return min(due+due/4, maxFresh) }

// start has a goroutine merge what is in memory, and goes on with empty tables.
func (ix *index) start(empty tables) {
	ix.mu.Lock()
	ix.merging, ix.fresh = ix.fresh, &delta{ix.fresh.upto, empty.keys}
	ix.mu.Unlock()
	news := news{delta: *ix.merging}
	news.owners, news.slot = ix.owners.start(empty.owners)
	base := ix.base
	go func() { ix.merged <- ix.merge(base, news) }()
}

// news is what a merge adds to a file.
type news struct {
	delta
	owners *memtable
	slot   uint64 // the first never given out
}

// merge writes the next file. That a file was cut off beneath its mapping is
// the writer's to find, at the next key that it looks for.
func (ix *index) merge(base *run, n news) (m merge) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer unreadable(&m.err)
	m.run, m.err = mergeRun(ix.path, ix.id, base, n)
	return m
}

// install puts a merged file in the place of the old one. A failed merge loses
// nothing: what it was to write goes back to memory.
func (ix *index) install(m merge) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if m.err != nil {
		ix.log.Warn("index not written", "err", m.err)
		ix.merging.keys.addAll(ix.fresh.keys)
		ix.fresh.keys = ix.merging.keys
	} else {
		old := ix.replace(m.run)
		ix.beside.Go(func() { old.close() }) // of a large file that takes long
	}
	ix.merging = nil
	ix.owners.end(m.err == nil) // after the file is there: whoever asks finds them here or there
}

// replace puts a file in base's place and returns the old one. The caller holds
// mu, as do those who read it, and the merge that read it is over.
func (ix *index) replace(r *run) (old *run) {
	old, ix.base = ix.base, r
	return old
}

// wait takes a running merge in.
func (ix *index) wait() {
	if ix.merging != nil {
		ix.install(<-ix.merged)
	}
}

// close writes what is in memory, so that the next start need not read it from
// the log again.
func (ix *index) close(flush bool) {
	ix.wait()
	if flush && ix.fresh.upto.seq > ix.base.upto.seq {
		ix.start(tables{newMemtable(0), newMemtable(0)})
		ix.wait()
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.replace(&run{}).close()
	ix.beside.Wait()
}
