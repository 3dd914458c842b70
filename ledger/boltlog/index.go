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

// index finds the entry with a key. Keys are in the entries, so it is only a view
// of the log: an immutable sorted file as of some entry, and in memory what is
// newer. When that has grown, a goroutine merges both into the next file, outside
// the commits that senders wait for.
//
// The writer owns it: no method may run beside another, but for ask, which reads
// base.
type index struct {
	path    string
	mu      sync.RWMutex // held to change base, and by ask to read it
	id      [16]byte
	log     *slog.Logger
	base    *run   // the file; never nil
	merging *delta // on its way into the next file, or nil
	fresh   *delta // newer than both
	merged  chan merge

	ahead  bool           // the table for the next start is made, or being made
	tables chan *memtable // where it comes; has room for it
	beside sync.WaitGroup // those who make tables and unmap files beside the writer
}

// delta is what came after a file. upto is the last entry in it, and slot the first
// slot that neither its entries nor the file's have.
type delta struct {
	upto witness
	slot uint64
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
	ix := &index{path: filepath.Join(dir, indexName), id: id, log: log, merged: make(chan merge, 1), tables: make(chan *memtable, 1)}
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
	room := 0
	if due := ix.due(); due > minFresh { // senders wait for a table of a large ledger to grow
		room = due
	}
	ix.fresh = &delta{base.upto, base.slot, newMemtable(room)}
	return ix
}

// filed is what an index file says of a key. Among millions that costs more than
// all else that the writer does for an entry, so those who append ask before
// their turn.
type filed struct {
	file *run // which was asked
	seq  uint64
	has  bool
}

// ask looks into the file. It may run beside the writer. Where the file was cut
// off beneath the mapping it has no answer: whoever needs it looks again, and
// what becomes of that is the storage's failure, not the caller's.
func (ix *index) ask(key digest) (f filed) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			f = filed{}
		}
	}()
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	f.file = ix.base
	f.seq, f.has = ix.base.keys.find(key)
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
		seq, ok = f.seq, f.has
	default: // another file has taken its place since
		seq, ok = ix.base.keys.find(key)
	}
	return ledger.Seq(seq), ok
}

// add notes an entry, its key and its slot, which is zero if it has none.
func (ix *index) add(at witness, key digest, slot uint64) {
	ix.fresh.upto = at
	ix.fresh.slot = max(ix.fresh.slot, slot+1)
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
// is half of that, it has the table made that a start needs.
func (ix *index) tend() {
	select {
	case m := <-ix.merged:
		ix.install(m)
	default:
	}
	due, have := ix.due(), ix.fresh.keys.len()
	if have >= due/2 && !ix.ahead {
		ix.makeTable(roomAfter(due))
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

// makeTable makes a table beside the writer: if it made that of a large ledger,
// senders would wait a tenth of a second.
func (ix *index) makeTable(room int) {
	ix.ahead = true
	ix.beside.Go(func() { ix.tables <- newMapped(room) })
}

// roomAfter is how many keys there will be to merge after a merge of so many: a
// quarter more, as the file has grown by then. A table takes an eighth more than it
// has room for before it grows, if the merge takes longer than that.
func roomAfter(due int) int { return min(due+due/4, maxFresh) }

// start has a goroutine merge what is in memory, and goes on with an empty table.
func (ix *index) start(empty *memtable) {
	ix.merging, ix.fresh = ix.fresh, &delta{ix.fresh.upto, ix.fresh.slot, empty}
	base, news := ix.base, *ix.merging
	go func() { ix.merged <- ix.merge(base, news) }()
}

// merge writes the next file. That a file was cut off beneath its mapping is
// the writer's to find, at the next key that it looks for.
func (ix *index) merge(base *run, n delta) (m merge) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer unreadable(&m.err)
	m.run, m.err = mergeRun(ix.path, ix.id, base, n)
	return m
}

// install puts a merged file in the place of the old one. A failed merge loses
// nothing: what it was to write goes back to memory.
func (ix *index) install(m merge) {
	if m.err != nil {
		ix.log.Warn("index not written", "err", m.err)
		ix.merging.keys.addAll(ix.fresh.keys)
		ix.fresh.keys = ix.merging.keys
	} else {
		old := ix.replace(m.run)
		ix.beside.Go(func() { old.close() }) // of a large file that takes long
	}
	ix.merging = nil
}

// replace puts a file in base's place and returns the old one, which nobody reads
// any more: the merge that did is over.
func (ix *index) replace(r *run) (old *run) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
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
		ix.start(newMemtable(0))
		ix.wait()
	}
	ix.replace(&run{}).close()
	ix.beside.Wait()
}
