package projections

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// The runner's own bucket in every view:
//
//	~runner/cursor    seq, 8 bytes, and id, 16 bytes, of the newest entry folded
//	~runner/complete  present once the generation has taken over
//	~runner/served    present once the generation was taken back to serve again
//	~runner/held      present while a person is to say whether it takes over
//	~runner/parked/   seq, 8 bytes → Parked as JSON
//	~runner/waiting/  contact of which an entry is parked → 1
var (
	runnerBucket = []byte("~runner")
	cursorKey    = []byte("cursor")
	completeKey  = []byte("complete")
	servedKey    = []byte("served")
	heldKey      = []byte("held")
	parkedKey    = []byte("parked")
	waitingKey   = []byte("waiting")
)

// generation is one file of a view, open. One follower folds into it; any
// number may read.
type generation struct {
	file
	dir      string
	db       *bbolt.DB
	readOnly bool // of another version: this binary has not its fold
	complete bool
	served   bool // before it was taken back
	held     bool // takes over when a person says so
	purges   bool // nothing that served before it is kept: see Rewrite
	place    atomic.Pointer[ledger.Cursor]
	parked   atomic.Int64
	met      error       // what its follower met that may be damage
	anew     atomic.Bool // folded from nothing after damage was met: what is met again is not the file's fault
}

// errUnreadable marks a view that cannot be used and is to be made anew.
var errUnreadable = errors.New("unreadable view")

// openGeneration opens f in dir, making it if it is not there. A file that is
// not a view is errUnreadable.
func openGeneration(dir string, f file, readOnly bool) (g *generation, err error) {
	defer func() {
		// bbolt panics on a truncated file, and keeps its lock. The caller
		// removes the file; a new one by that name has another lock.
		if p := recover(); p != nil {
			g, err = nil, fmt.Errorf("%w: %s: %v", errUnreadable, f, p)
		}
	}()
	path := filepath.Join(dir, f.String())
	// A crash between the making of a file and its first page leaves an empty one.
	if info, err := os.Stat(path); err == nil && info.Size() == 0 {
		return nil, fmt.Errorf("%w: %s is empty", errUnreadable, f)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:         time.Second,
		ReadOnly:        readOnly,
		NoSync:          true, // see claim
		NoGrowSync:      true,
		NoFreelistSync:  true,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: 256 << 20, // a remap waits for every open reader
	})
	if isDisk(err) { // in use, no rights, too many files: nothing is wrong with the view
		return nil, fmt.Errorf("open view %s: %w", f, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errUnreadable, f, err)
	}
	g = &generation{file: f, dir: dir, db: db, readOnly: readOnly}
	err = db.View(g.whole)
	if isDisk(err) {
		return nil, errors.Join(fmt.Errorf("open view %s: %w", f, err), db.Close())
	}
	if err == nil {
		err = errors.Join(db.View(g.load), g.unmap())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s: %w", errUnreadable, f, err), db.Close())
	}
	return g, nil
}

// isDisk tells a fault of the disk from one of the file's contents.
func isDisk(err error) bool {
	var path *fs.PathError
	var errno syscall.Errno
	return errors.Is(err, bbolterrors.ErrTimeout) || errors.As(err, &path) || errors.As(err, &errno)
}

// whole says whether the file has all the pages that it says it has. bbolt has read
// none but the first two yet, if it was opened to be read only, and what is behind
// the end of a mapped file is a fault, which ends the process.
func (g *generation) whole(tx *bbolt.Tx) error {
	info, err := os.Stat(g.path())
	if err == nil && info.Size() < tx.Size() {
		err = fmt.Errorf("it is cut off: %d bytes of %d are there", info.Size(), tx.Size())
	}
	return err
}

func (g *generation) load(tx *bbolt.Tx) error {
	g.place.Store(new(ledger.Cursor))
	b := tx.Bucket(runnerBucket)
	if b == nil {
		return nil
	}
	c, err := decodeCursor(b.Get(cursorKey))
	if err != nil {
		return err
	}
	g.place.Store(&c)
	g.complete, g.served, g.held = b.Get(completeKey) != nil, b.Get(servedKey) != nil, b.Get(heldKey) != nil
	if parked := b.Bucket(parkedKey); parked != nil {
		g.parked.Store(int64(parked.Stats().KeyN))
	}
	return nil
}

// readAll reads all of a view. What bbolt or a reader would find damaged later, where
// a panic ends the process, is errUnreadable here.
func (g *generation) readAll() (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %s: %v", errUnreadable, g.file, p)
		}
	}()
	return g.db.View(func(tx *bbolt.Tx) error {
		defer unmap(tx)
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error { return readBucket(b) })
	})
}

// readBucket reads a bucket, whose keys must be in order, and those in it.
func readBucket(b *bbolt.Bucket) error {
	var last []byte
	n := 0
	return b.ForEach(func(key, value []byte) error {
		if last != nil && bytes.Compare(last, key) >= 0 {
			return fmt.Errorf("%w: a key is out of order", errUnreadable)
		}
		last = append(last[:0], key...)
		if n++; n%4096 == 0 {
			unmap(b.Tx())
		}
		if value != nil {
			return nil
		}
		return readBucket(b.Bucket(key))
	})
}

// unmap gives back the pages that were read; see unmap.
func (g *generation) unmap() error {
	return g.db.View(func(tx *bbolt.Tx) error {
		unmap(tx)
		return nil
	})
}

func (g *generation) path() string          { return filepath.Join(g.dir, g.file.String()) }
func (g *generation) cursor() ledger.Cursor { return *g.place.Load() }

// finish marks g as one that has taken over, so that the next start serves it.
func (g *generation) finish() error {
	if err := g.mark(completeKey, true); err != nil {
		return err
	}
	g.complete = true
	return nil
}

// reopen takes the mark away: g has to catch up before it serves again. Word
// that it has served comes first: without it, a stop before g has its new number
// would leave what looks like a build that something newer has made worthless.
func (g *generation) reopen() error {
	if err := errors.Join(g.mark(servedKey, true), g.mark(completeKey, false)); err != nil {
		return err
	}
	g.complete, g.served = false, true
	return nil
}

// hold has g wait for a person before it takes over, or no longer.
func (g *generation) hold(held bool) error {
	if err := g.mark(heldKey, held); err != nil {
		return err
	}
	g.held = held
	return nil
}

func (g *generation) mark(k []byte, on bool) error {
	return g.db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(runnerBucket)
		if err != nil {
			return err
		}
		if !on {
			return b.Delete(k)
		}
		return b.Put(k, []byte{1})
	})
}

// close waits for g's readers. What it was given is on the disk after release.
// It writes the list of free pages, which commits leave out: who opens a file
// without one looks at every page, and holds all of it in memory.
func (g *generation) close() error {
	if !g.readOnly {
		g.db.NoFreelistSync = false
		_ = g.db.Update(func(*bbolt.Tx) error { return nil }) // without room for it, the next open takes longer
	}
	return g.db.Close()
}

// remove closes g and deletes its file.
func (g *generation) remove() error {
	return errors.Join(g.db.Close(), os.Remove(g.path()))
}

// rename gives g another generation number, on disk too.
func (g *generation) rename(number int) error {
	to := g.file
	to.generation = number
	if err := os.Rename(g.path(), filepath.Join(g.dir, to.String())); err != nil {
		return err
	}
	g.file = to
	return nil
}

func encodeCursor(c ledger.Cursor) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(c.Seq)), c.ID[:]...)
}

func decodeCursor(b []byte) (c ledger.Cursor, err error) {
	switch len(b) {
	case 0:
		return c, nil
	case 24:
		c.Seq = ledger.Seq(binary.BigEndian.Uint64(b))
		copy(c.ID[:], b[8:])
		return c, nil
	}
	return c, fmt.Errorf("cursor of %d bytes", len(b))
}
