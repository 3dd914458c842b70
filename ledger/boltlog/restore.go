package boltlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"go.etcd.io/bbolt"
)

// ErrNotEmpty is the error of a Restore to where something is already.
var ErrNotEmpty = errors.New("ledger: the directory is not empty")

// textsName is the folder of an operator's texts, which init makes before there
// is a ledger; it is no ledger.
const textsName = "templates"

// restoring is the folder in which a ledger is put together.
const restoring = "restoring"

// Restore makes a ledger in dir, which must be empty or not there, from a
// backup and the key file at the path keys. The ledger appears there, durably
// and as a whole, once every entry was checked and the files were verified as
// they are on the disk; a backup that is not sound leaves nothing, and the
// report says why. If said is not nil, what it makes of the report is appended
// as the newest entry. It should have a body: that is sealed by a slot behind all
// that the key file has, so no body gets one that the ledger had given out since
// the backup, and that another backup may have.
//
// Contacts whose keys were destroyed since the backup stay erased and
// forgotten; the report names them.
func Restore(ctx context.Context, dir string, backup io.Reader, keys string, progress func(done, total ledger.Seq), said func(Report) ledger.Draft) (Report, error) {
	r, err := restore(ctx, dir, backup, keys, progress, said)
	if err != nil {
		return r, fmt.Errorf("restore to %s: %w", dir, err)
	}
	return r, nil
}

func restore(ctx context.Context, dir string, backup io.Reader, keys string, progress func(done, total ledger.Seq), said func(Report) ledger.Draft) (r Report, err error) {
	temp, top := filepath.Join(dir, restoring), topMissing(dir)
	defer func() {
		if err != nil || !r.Sound() {
			unmake(dir, top)
		}
	}()
	if err := beginRestore(dir, temp); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	r, err = build(ctx, temp, backup, keys, progress)
	if err != nil || !r.Sound() {
		return r, err
	}
	if err := appendSaid(ctx, temp, r, said); err != nil {
		return r, err
	}
	if check, err := Verify(ctx, temp, nil); err != nil || !check.Sound() {
		return r, errors.Join(fmt.Errorf("%w: what was written does not verify: %v", ledger.ErrCorrupt, check.Faults), err)
	}
	return r, moveUp(temp, dir)
}

// topMissing returns the highest folder on the way to dir that is not there, or
// "" if dir is.
func topMissing(dir string) (top string) {
	for dir = filepath.Clean(dir); ; dir = filepath.Dir(dir) {
		if ok, err := exists(dir); ok || err != nil {
			return top
		}
		top = dir
	}
}

// unmake removes the folders from dir up to top, which we made. One that is not
// empty stays.
func unmake(dir, top string) {
	for dir = filepath.Clean(dir); top != "" && os.Remove(dir) == nil && dir != top; dir = filepath.Dir(dir) {
	}
}

func beginRestore(dir, temp string) error {
	found, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	found = slices.DeleteFunc(found, func(f os.DirEntry) bool {
		return f.IsDir() && (f.Name() == textsName || f.Name() == restoring)
	})
	if len(found) > 0 {
		return fmt.Errorf("%w: it has %s", ErrNotEmpty, found[0].Name())
	}
	if err := os.RemoveAll(temp); err != nil { // of a restore that was cut off
		return err
	}
	return makeDir(temp)
}

// build puts the files together from the backup, checking all of it.
func build(ctx context.Context, dir string, backup io.Reader, keys string, progress func(done, total ledger.Seq)) (r Report, err error) {
	if err := copyKeys(keys, filepath.Join(dir, keysName)); err != nil {
		return r, err
	}
	c, err := newChecker(ctx, progress, &r)
	if err != nil {
		return r, err
	}
	defer c.close()
	if c.keys, err = openKeys(filepath.Join(dir, keysName), os.O_RDONLY); err != nil {
		return r, err
	}
	path := filepath.Join(dir, logName)
	if err := createBolt(path); err != nil {
		return r, err
	}
	db, err := openBolt(path)
	if err != nil {
		return r, err
	}
	db.NoSync = true // it is flushed as a whole
	b := builder{db: db}
	n, err := c.backup(backup, b.keep)
	if err == nil {
		err = b.finish(c, n)
	}
	if err := errors.Join(err, db.Sync(), db.Close()); err != nil {
		return r, err
	}
	w := witness{r.Head.Seq, r.Hash}
	return r, writeWitness(filepath.Join(dir, headName), c.keys.id, w)
}

func copyKeys(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return newFile(to, func(copied *os.File) error {
		_, err := io.Copy(copied, f)
		return err
	})
}

// builder writes entries as they come, many to a commit.
type builder struct {
	db    *bbolt.DB
	seq   ledger.Seq
	batch [][]byte
}

func (b *builder) keep(stored []byte) error {
	if b.batch = append(b.batch, stored); len(b.batch) < groupDrafts {
		return nil
	}
	return b.flush()
}

func (b *builder) flush() error {
	err := b.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(entriesBucket)
		bucket.FillPercent = 1.0
		for _, stored := range b.batch {
			b.seq++
			if err := bucket.Put(seqKey(b.seq), stored); err != nil {
				return err
			}
		}
		return nil
	})
	b.batch = b.batch[:0]
	return err
}

// finish writes the last entries, and who was forgotten: by the backup's notes,
// and by the keys destroyed since.
func (b *builder) finish(c *checker, n notes) error {
	for slot, subject := range c.since {
		n.destroyed = append(n.destroyed, slot)
		if subject != "" {
			n.forgotten = append(n.forgotten, c.keys.subjectDigest(subject))
		}
	}
	return errors.Join(b.flush(), b.db.Update(func(tx *bbolt.Tx) error {
		var errs []error
		for _, contact := range n.forgotten {
			errs = append(errs, note(tx, forgottenBucket, contact[:]))
		}
		for _, slot := range n.destroyed {
			errs = append(errs, note(tx, destroyedBucket, binary.BigEndian.AppendUint64(nil, slot)))
		}
		return errors.Join(errs...)
	}))
}

// appendSaid opens the ledger as a service would, which makes its index, too.
func appendSaid(ctx context.Context, dir string, r Report, said func(Report) ledger.Draft) error {
	l, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	l.keys.used.Store(l.keys.made() - 1)
	if said != nil {
		_, err = l.Append(ctx, said(r))
	}
	return errors.Join(err, l.Close())
}

// moveUp gives the files their place, in an order in which Open refuses what it
// finds until the ledger is whole: entries without keys.
func moveUp(temp, dir string) error {
	for _, name := range [...]string{logName, keysName, headName, indexName} {
		err := os.Rename(filepath.Join(temp, name), filepath.Join(dir, name))
		if err != nil && !(name == indexName && errors.Is(err, os.ErrNotExist)) { // it is only a view
			return err
		}
	}
	return syncDir(dir)
}
