package boltlog

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// TestReadAhead: the kernel reads ahead in the mapping of a ledger that is open, by
// whatever name, already while it is opened, and after bbolt has asked it again not to.
func TestReadAhead(t *testing.T) {
	dir, link := filepath.Join(physical(t), "ledger"), filepath.Join(physical(t), "link")
	if err := os.Symlink(filepath.Dir(dir), link); err != nil {
		t.Fatal(err)
	}
	t.Chdir(link)
	for _, name := range []string{dir, filepath.Join(link, "ledger"), "ledger"} {
		l, err := Open(name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if atRandom(t, dir) {
			t.Errorf("open as %s: the kernel does not read ahead", name)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	db, err := openBolt(filepath.Join(dir, logName))
	if err != nil {
		t.Fatal(err)
	}
	if !atRandom(t, dir) {
		t.Error("bbolt does not ask the kernel not to read ahead any more")
	}
	if err := db.View(func(tx *bbolt.Tx) error { unmap(tx); return nil }); err != nil || atRandom(t, dir) {
		t.Errorf("as it is read: the kernel does not read ahead (%v)", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	// bbolt looks at all pages before it has opened the file.
	err = readingAhead(filepath.Join("ledger", logName), func() (err error) {
		if db, err = openBolt(filepath.Join(dir, logName)); err != nil {
			return err
		}
		for end := time.Now().Add(time.Minute); atRandom(t, dir); {
			if time.Now().After(end) {
				return errors.New("the kernel does not read ahead while a file is opened")
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Error(err)
	}
}

// physical is a new directory by the name that the kernel has for it.
func physical(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// atRandom says whether the kernel takes reads of a mapped ledger for random ones.
func atRandom(t *testing.T, dir string) bool {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	_, of, _ := bytes.Cut(maps, []byte(" "+filepath.Join(dir, logName)+"\n"))
	_, flags, there := bytes.Cut(of, []byte("VmFlags:"))
	flags, _, _ = bytes.Cut(flags, []byte("\n"))
	if !there {
		t.Fatalf("%s is not mapped", dir)
	}
	return bytes.Contains(flags, []byte(" rr"))
}
