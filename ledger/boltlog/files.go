package boltlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	berrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"
)

// Names in the data directory.
const (
	logName   = "ledger.db"    // the entries, a bbolt file
	keysName  = "ledger.keys"  // the keys that seal their bodies
	headName  = "ledger.head"  // the head witness
	indexName = "ledger.index" // where the entry with a key is; may be deleted
	tempExt   = ".new"         // a file being made, until it is whole

	openingName = "ledger.opening" // there while the file of entries is opened
)

// lockDir makes dir if it is not there, closes it to others and locks it. The
// lock ends with the process or when the file is closed.
func lockDir(dir string) (*os.File, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		f.Close()
		return nil, err
	}
	if err := private(f, dir); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// makeDir makes dir, and those above it, where they are not there, durably: of
// a folder whose name was not flushed a power cut leaves nothing, whatever was
// flushed in it.
func makeDir(dir string) error {
	if ok, err := exists(dir); err != nil || ok {
		return err // is it a folder? who opens it is told
	}
	above := filepath.Dir(dir)
	if err := makeDir(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(above)
}

// flock locks a directory for this process.
func flock(dir *os.File) error {
	err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("%w: %s", ErrLocked, dir.Name())
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", dir.Name(), err)
	}
	return nil
}

// private takes the directory away from everybody else.
func private(f *os.File, dir string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := f.Chmod(0o700); err != nil {
		return fmt.Errorf("%w: others may enter %s: %v", ErrMode, dir, err)
	}
	return nil
}

// gate makes the page cache say what the disk says. After a failed flush the
// kernel keeps the lost pages as if they were clean, so what a read returns may
// never have been written: flush again, drop the cache, and only then trust it.
func gate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%w: others may read %s (mode %04o): chmod 600", ErrMode, path, info.Mode().Perm())
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("flush %s before opening it: %w", path, err)
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return fmt.Errorf("drop %s from the page cache: %w", path, err)
	}
	return f.Close()
}

// newFile makes a file that is either whole and flushed under its name or not
// there at all.
func newFile(path string, write func(f *os.File) error) (err error) {
	temp := path + tempExt
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(temp)
		}
	}()
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	return settle(path)
}

// settle gives a flushed temporary file its name, durably.
func settle(path string) error {
	if err := os.Rename(path+tempExt, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// exists says whether the file is there; doubt about that is an error.
func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// free returns how many bytes the directory's file system has for us.
func free(dir *os.File) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// amount is a number of bytes for people.
func amount(n int64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// isDamage reports whether err is bbolt's word for a file that is not, or not
// any more, what bbolt wrote: its two first pages are both unreadable.
func isDamage(err error) bool {
	return errors.Is(err, berrors.ErrInvalid) || errors.Is(err, berrors.ErrChecksum) || errors.Is(err, berrors.ErrVersionMismatch)
}
