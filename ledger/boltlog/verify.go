package boltlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"golang.org/x/sys/unix"
)

// Verify reads every entry of the ledger in dir, which no process has open: a
// stopped one, or a copy. It checks the checksum, place, chain and key of each,
// that its body opens or was erased, the head against its witness, and every
// page of the file that leads to them, both meta pages and the list of free
// pages (P5). It changes nothing, and reads the disk rather than the cache.
// Without its key file a ledger is not sound, and Report.Unopened has what could
// not be looked at.
//
// What is wrong is in the report. An error means that Verify could not look:
// there is no ledger, ErrLocked, ctx is over. progress, if not nil, is told how
// far it is.
func Verify(ctx context.Context, dir string, progress func(done, total ledger.Seq)) (Report, error) {
	var r Report
	lock, err := lockFound(dir)
	if err != nil {
		return r, fmt.Errorf("verify: %w", err)
	}
	defer lock.Close()
	c, err := newChecker(ctx, progress, &r)
	if err != nil {
		return r, err
	}
	defer c.close()
	c.openBeside(dir)
	file, err := openCold(filepath.Join(dir, logName))
	if err != nil {
		return r, fmt.Errorf("verify: %w", err)
	}
	defer file.Close()
	if err := c.file(file); err != nil {
		return r, fmt.Errorf("verify %s: %w", dir, err)
	}
	return r, c.finish()
}

// lockFound locks a directory that has a ledger.
func lockFound(dir string) (*os.File, error) {
	if ok, err := exists(filepath.Join(dir, logName)); err != nil || !ok {
		return nil, errors.Join(fmt.Errorf("no ledger in %s", dir), err)
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// openCold opens a file so that it is read from the disk.
func openCold(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	Cold(f)
	return f, nil
}

// Cold has the next reads of a flushed file ask the disk rather than the cache,
// where the system can do that.
func Cold(f *os.File) {
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) // else they are as good as before
}

// openBeside opens what stands beside the entries.
func (c *checker) openBeside(dir string) {
	keys, err := openKeys(filepath.Join(dir, keysName), os.O_RDONLY)
	switch {
	case err == nil:
		c.keys = keys
	case errors.Is(err, os.ErrNotExist):
		c.report.damaged(fmt.Errorf("%s is not there: without it no body can be read, and none was opened; all else was checked", keysName))
	default:
		c.report.damaged(err)
	}
	c.readWitness(filepath.Join(dir, headName))
	if c.keys == nil {
		return // the index is of keyed hashes
	}
	index, err := openRun(filepath.Join(dir, indexName), keys.id)
	switch {
	case err == nil:
		c.index = index
	case !errors.Is(err, os.ErrNotExist):
		c.report.note("%v: the next start makes it anew", err)
	}
}

// readWitness reads how far the ledger had come. Without the key file, it is
// taken for this ledger's.
func (c *checker) readWitness(path string) {
	b, err := os.ReadFile(path)
	if err == nil {
		var id [16]byte
		if c.keys != nil {
			id = c.keys.id
		} else if len(b) == witnessSize {
			id = [16]byte(b[4:])
		}
		c.witness, err = parseWitness(b, id)
	}
	if err != nil {
		c.report.damaged(err)
	}
}

// file checks the pages and entries of a bbolt file.
func (c *checker) file(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	im, err := openImage(&readAhead{file: f}, info.Size(), c.report.damaged)
	if errors.Is(err, errNoMeta) {
		c.report.damaged(err)
		return nil
	}
	if err != nil {
		return err
	}
	buckets := im.buckets()
	for _, name := range [...][]byte{entriesBucket, forgottenBucket, destroyedBucket} {
		if buckets[string(name)] == nil {
			c.report.damaged(fmt.Errorf("the bucket %s is not there", name))
		}
	}
	c.notes(im, buckets)
	if b := buckets[string(entriesBucket)]; b != nil {
		im.bucket(b, c.pair)
	}
	im.freeList()
	return nil
}

// notes reads which slots were destroyed on purpose, before the entries.
func (c *checker) notes(im *image, buckets map[string][]byte) {
	for _, name := range [...]string{string(forgottenBucket), string(destroyedBucket)} {
		if buckets[name] == nil {
			continue
		}
		im.bucket(buckets[name], func(p pair) bool {
			if err := parseNote(name, p.key, p.value); err != nil {
				c.report.damaged(err)
			} else if p.bucket { // of which bbolt shows no value
				c.report.damaged(fmt.Errorf("a note in %s says that it is a bucket", name))
			} else if c.keys != nil && name == string(destroyedBucket) {
				c.keys.noteGone([]uint64{binary.BigEndian.Uint64(p.key)})
			}
			return true
		})
	}
}

// pair checks one element of the bucket of entries.
func (c *checker) pair(p pair) bool {
	if isStop(p.key, p.value) && !p.bucket {
		return true
	}
	if len(p.key) != 8 || p.bucket {
		c.report.damaged(fmt.Errorf("the entries hold something that is none after entry %d", c.last.seq))
		return true
	}
	seq := ledger.Seq(binary.BigEndian.Uint64(p.key))
	if seq <= c.last.seq {
		c.report.damaged(fmt.Errorf("there is a second entry %d", seq))
		return true
	}
	if limit := max(c.witness.seq, c.last.seq) + 1<<32; seq > limit {
		c.report.damaged(fmt.Errorf("there is an entry %d after entry %d", seq, c.last.seq))
		return true
	}
	return c.next(seq, p.value)
}

// Verify does for an open ledger what the function of the same name does for a
// stopped one, but for the pages of the file, which change under it. It reads
// by short pages and delays nobody. It ends at the head as it was at the call.
// From the first entry that it finds damaged on, nothing new is taken (P9).
func (l *Log) Verify(ctx context.Context, progress func(done, total ledger.Seq)) (Report, error) {
	r, err := l.verify(ctx, progress)
	if i := slices.IndexFunc(r.Faults, func(f Fault) bool { return f.First > 0 && !f.Newer }); i >= 0 {
		l.found(fmt.Errorf("%w: %s", ledger.ErrCorrupt, r.Faults[i]))
	}
	return r, err
}

func (l *Log) verify(ctx context.Context, progress func(done, total ledger.Seq)) (r Report, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // key file and index are mapped
	defer unreadable(&err)
	c, err := newChecker(ctx, progress, &r)
	if err != nil {
		return r, err
	}
	defer func() { c.keys = nil; c.close() }()
	c.keys, c.witness = l.keys, l.head.Load().witness
	switch index, err := openRun(l.path(indexName), l.keys.id); {
	case err != nil: // there is none yet
	case index.upto.seq <= c.witness.seq:
		c.index = index
	default: // it was merged since: it knows of entries after the head
		if err := index.close(); err != nil {
			return r, fmt.Errorf("verify: %w", err)
		}
	}
	for c.last.seq < c.witness.seq {
		at := c.last.seq
		page, err := l.livePage(at, c.witness.seq)
		if errors.Is(err, ledger.ErrCorrupt) {
			c.lost(at+1, "cannot be read")
			continue
		}
		if err != nil {
			return r, fmt.Errorf("verify: %w", err)
		}
		for i, stored := range page {
			if !c.next(at+1+ledger.Seq(i), stored) {
				break
			}
		}
		if err := ctx.Err(); err != nil {
			return r, fmt.Errorf("verify: %w", err)
		}
	}
	return r, c.finish()
}

// livePage is rawPage while the log stays open.
func (l *Log) livePage(at, upto ledger.Seq) ([][]byte, error) {
	l.alive.RLock()
	defer l.alive.RUnlock()
	if l.closed.yes {
		return nil, ledger.ErrClosed
	}
	return l.rawPage(at, upto)
}
