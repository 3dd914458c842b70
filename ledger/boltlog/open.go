package boltlog

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"go.etcd.io/bbolt"
)

var (
	entriesBucket   = []byte("entries")
	forgottenBucket = []byte("forgotten")
	destroyedBucket = []byte("destroyed")
)

// Open opens the ledger in dir, or makes a new one. It locks dir for this
// process, reads from the disk what it serves rather than what memory still has
// (P8), compares the ledger with its head witness, so that one which has lost
// entries is refused (P9), and finishes an erasure that was cut off. It ends with
// ErrLocked, ErrMode, ledger.ErrCorrupt, ledger.ErrNewer or the error of the
// operating system.
func Open(dir string, o Options) (*Log, error) {
	o.setDefaults()
	lock, err := lockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	l := &Log{
		dir: dir, o: o, lock: lock,
		calls: make(chan *call, o.MaxWaiting),
		done:  make(chan struct{}),
		grown: make(chan struct{}),
	}
	if err := l.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger in %s: %w", dir, err), l.abandon())
	}
	go l.write()
	return l, nil
}

func (l *Log) path(name string) string { return filepath.Join(l.dir, name) }

func (l *Log) open() (err error) {
	if err := l.create(); err != nil {
		return err
	}
	if l.pack, err = newPacker(); err != nil {
		return err
	}
	for _, name := range [...]string{logName, keysName, headName} {
		if err := gate(l.path(name)); err != nil {
			return err
		}
	}
	if l.keys, err = openKeys(l.path(keysName), os.O_RDWR); err != nil {
		return err
	}
	return l.noted(l.openEntries)
}

// noted does what opens the file of entries, with a note beside it meanwhile. Over a
// damaged page that can end the process: bbolt looks at every page of a file that was
// not closed, in a goroutine, and goes round in pages that name each other. So the
// start that finds a note looks at all pages first, without bbolt.
func (l *Log) noted(open func(whole bool) error) error {
	note := l.path(openingName)
	ended, err := exists(note)
	if err != nil {
		return err
	}
	if ended {
		l.o.Logger.Warn("the last start ended while it opened the ledger: every page of it is looked at first", "file", logName)
	}
	whole, err := l.checkFile(ended)
	if err != nil {
		return err // the note stays
	}
	_ = os.WriteFile(note, nil, 0o600) // without room for it there is none
	err = open(whole)
	_ = os.Remove(note) // left behind, it has one start look
	return err
}

// openEntries opens the file and finds the head in it. Whole says that it has a meta
// page: bbolt calls one that it cannot read just now a file without.
func (l *Log) openEntries(whole bool) error {
	err := readingAhead(l.path(logName), func() (err error) {
		l.db, err = openBolt(l.path(logName))
		return err
	})
	if whole && isDamage(err) {
		return fmt.Errorf("open %s: %w: a moment ago it could be read", l.path(logName), syscall.EIO)
	}
	if err != nil {
		return err
	}
	if err := l.loadHead(); err != nil {
		return err
	}
	if err := l.checkWitness(); err != nil {
		return err
	}
	if err := l.finishErasure(); err != nil {
		return err
	}
	return l.loadIndex()
}

// checkFile refuses a file that was cut off: bbolt would take what is left of its
// last page for all of it, zeros included, and may go round in it for ever. With
// pages it refuses one with a page in the tree that is damaged, too. It says whether
// a meta page is whole.
func (l *Log) checkFile(pages bool) (whole bool, err error) {
	f, err := os.Open(l.path(logName))
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	var first error
	fault := func(err error) { first = cmp.Or(first, err) }
	im, err := openImage(&readAhead{file: f}, info.Size(), func(err error) {
		if errors.Is(err, errCutOff) { // of a meta page that a power cut tore there is another
			fault(err)
		}
	})
	if errors.Is(err, errNoMeta) {
		return false, nil // bbolt refuses it, or fills an empty one, which then has no entries
	}
	if err == nil && pages {
		im.fault = fault
		im.check()
	}
	if _, disk := errors.AsType[syscall.Errno](first); first != nil && !disk {
		first = fmt.Errorf("%w: %s: %w", ledger.ErrCorrupt, f.Name(), first)
	}
	return err == nil, errors.Join(err, first)
}

// abandon closes what a failed open left open.
func (l *Log) abandon() error {
	var errs []error
	if l.pack != nil {
		l.pack.close()
	}
	if l.index != nil {
		l.index.close(false)
	}
	if l.db != nil {
		errs = append(errs, l.db.Close())
	}
	if l.keys != nil {
		errs = append(errs, l.keys.close())
	}
	if l.witness != nil {
		errs = append(errs, l.witness.Close())
	}
	return errors.Join(append(errs, l.lock.Close())...)
}

// openBolt opens the file as measured: the list of free pages is not written
// with every commit, and the mapping is larger than the file will soon be,
// since a new mapping makes the writer wait for every reader.
func openBolt(path string) (db *bbolt.DB, err error) {
	var file *os.File
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil { // bbolt panics on a file cut off, and keeps its lock
			db, err = nil, errors.Join(fmt.Errorf("%w: %s cannot be read, as when it was cut off: %w", ledger.ErrCorrupt, path, causeOf(p)), file.Close())
		}
	}()
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:         time.Second,
		NoFreelistSync:  true,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: 16 << 30,
		PageSize:        4096,
		NoStatistics:    true,
		OpenFile: func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
			file, err = os.OpenFile(name, flag, mode)
			return file, err
		},
	})
	if isDamage(err) {
		return nil, fmt.Errorf("%w: %s: %w", ledger.ErrCorrupt, path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.AllocSize = 1 << 20
	return db, nil
}

// causeOf is what a panic of bbolt says. Of a fault of the mapping, the runtime's
// word about a pointer would be read as a fault of this program.
func causeOf(p any) error {
	if _, ok := p.(runtime.Error); ok {
		return errors.New("a page is not there")
	}
	return fmt.Errorf("%v", p)
}

func seqKey(seq ledger.Seq) []byte { return binary.BigEndian.AppendUint64(nil, uint64(seq)) }

// loadHead finds the newest entry.
func (l *Log) loadHead() error {
	h := &head{}
	err := l.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(entriesBucket)
		if b == nil {
			return fmt.Errorf("%w: no bucket of entries", ledger.ErrCorrupt)
		}
		key, value := lastEntry(b.Cursor())
		if key == nil {
			return nil
		}
		r, err := ledger.ParseRecord(value)
		if err != nil {
			return fmt.Errorf("newest entry: %w", err)
		}
		*h = head{witness{r.Seq, ledger.HashRecord(value)}, r.ID, r.Recorded}
		first, err := ledger.ParseRecord(b.Get(seqKey(1)))
		l.first.Store(&first.Recorded)
		return err
	})
	l.head.Store(h)
	l.turn.id = h.id
	return err
}

// checkWitness refuses a ledger that has lost entries, or has others.
func (l *Log) checkWitness() error {
	file, w, err := openWitness(l.path(headName), l.keys.id)
	if err != nil {
		return err
	}
	l.witness = file
	if l.unwitnessed && l.head.Load().seq > 0 {
		l.o.Logger.Warn("the head witness is missing: that the newest entries were not rolled back cannot be told; a new one is written", "file", headName, "seq", l.head.Load().seq)
	}
	if w.seq > l.head.Load().seq {
		return fmt.Errorf("%w: the ledger ends at entry %d, but had come to %d", ledger.ErrCorrupt, l.head.Load().seq, w.seq)
	}
	if w.seq > 0 && !l.has(w) {
		return fmt.Errorf("%w: entry %d is not the one that was written", ledger.ErrCorrupt, w.seq)
	}
	return nil
}

// has says whether the ledger has that very entry.
func (l *Log) has(w witness) bool {
	found := false
	_ = l.view(func(tx *bbolt.Tx) error {
		value := tx.Bucket(entriesBucket).Get(seqKey(w.seq))
		found = value != nil && ledger.HashRecord(value) == w.hash
		return nil
	})
	return found
}

// finishErasure destroys what was to be destroyed when the process was cut off.
func (l *Log) finishErasure() error {
	l.forgotten = map[digest]bool{}
	var slots []uint64
	err := l.view(func(tx *bbolt.Tx) error {
		return errors.Join(
			eachNote(tx, forgottenBucket, func(contact []byte) { l.forgotten[digest(contact)] = true }),
			eachNote(tx, destroyedBucket, func(slot []byte) { slots = append(slots, binary.BigEndian.Uint64(slot)) }))
	})
	if err != nil {
		return err
	}
	return l.keys.destroy(slots)
}

func eachNote(tx *bbolt.Tx, bucket []byte, each func(key []byte)) error {
	b := tx.Bucket(bucket)
	if b == nil {
		return fmt.Errorf("%w: no bucket %s", ledger.ErrCorrupt, bucket)
	}
	return b.ForEach(func(key, value []byte) error {
		err := parseNote(string(bucket), key, value)
		if err == nil {
			each(key)
		}
		return err
	})
}

// loadIndex opens the index and adds what is newer than its file.
func (l *Log) loadIndex() error {
	l.index = openIndex(l.dir, l.keys.id, l.o.Logger, l.has)
	for at := l.index.base.upto.seq; at < l.head.Load().seq; {
		page, err := l.rawPage(at, l.head.Load().seq)
		if err != nil {
			return err
		}
		for _, stored := range page {
			r, err := ledger.ParseRecord(stored)
			if err != nil {
				return fmt.Errorf("entry %d: %w", at+1, err)
			}
			at++
			l.index.add(witness{r.Seq, ledger.HashRecord(stored)}, l.keys.keyDigest(r.Key), r.Slot)
			l.index.tend()
		}
	}
	used := max(l.index.fresh.slot, firstSlot) - 1
	if used >= l.keys.made() { // new keys in their place would open nothing
		return fmt.Errorf("%w: %s is cut off: an entry is sealed by slot %d, and it ends at %d: restore it", ledger.ErrCorrupt, keysName, used, l.keys.made())
	}
	l.keys.used.Store(used)
	return nil
}
