package projections_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"github.com/enterprisehub/ghl-ledger/projections"
	"go.etcd.io/bbolt"
)

// watched is counts, and tells of each entry before it is folded.
type watched struct {
	counts
	before func()
}

func (w watched) Apply(tx *bbolt.Tx, e ledger.Entry) error {
	w.before()
	return w.counts.Apply(tx, e)
}

// A stop finds a rollback anywhere: before the file of the generation before
// has its new number, before it has folded anything, between two entries, at
// the head. After the next start one of the two serves, whole; and there is
// still one to go back to.
func TestRollbackCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, log := t.TempDir(), memlog.New(time.Now)
		var mu sync.Mutex
		var images []string
		image := func() {
			mu.Lock()
			defer mu.Unlock()
			to := filepath.Join(t.TempDir(), "views")
			if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
				t.Error(err)
			}
			images = append(images, to)
		}
		var cutting atomic.Bool
		r, stop := start(t, dir, log, watched{counts{version: 1}, func() {
			if cutting.Load() {
				image()
			}
		}})
		appendBodies(t, log, "a", "1", "2", "3", "4", "5", "6", "7", "8", "9")
		synctest.Wait()
		if err := r.Rebuild("counts"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		appendBodies(t, log, "a", "10", "11", "12", "13", "14", "15")
		synctest.Wait()
		image()
		unmark(t, filepath.Join(images[0], "counts@1.1.db")) // as it is before it is renamed
		cutting.Store(true)
		if err := r.Rollback("counts"); err != nil {
			t.Fatal(err)
		}
		image()
		synctest.Wait()
		image()
		stop()
		served := map[int]int{}
		for i, dir := range images {
			served[afterCut(t, fmt.Sprint("stop ", i), dir, log)]++
		}
		t.Logf("%d stops: at the start generation 2 served %d times, 3 %d times", len(images), served[2], served[3])
		if len(images) < 9 || served[2] == 0 || served[3] == 0 {
			t.Errorf("%d stops, generations that served: %v", len(images), served)
		}
	})
}

// unmark does to a file what a rollback does to it first.
func unmark(t *testing.T, path string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		own := tx.Bucket([]byte("~runner"))
		if err := own.Put([]byte("served"), []byte{1}); err != nil {
			return err
		}
		return own.Delete([]byte("complete"))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// afterCut starts on what a stop has left, and returns the generation that
// serves then.
func afterCut(t *testing.T, name, dir string, log *memlog.Log) (generation int) {
	t.Helper()
	r, err := projections.NewRunner(dir, log, quiet, counts{version: 1})
	if err != nil {
		t.Fatal(err)
	}
	s := r.Status()[0]
	if got := count(t, r, "a"); s.Seq < 9 || got != s.Seq { // every entry is of a
		t.Errorf("%s: %d counted at entry %d", name, got, s.Seq)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r, stop := start(t, dir, log, counts{version: 1})
	defer stop()
	for range 2 { // what was begun ends, and there is one to go back to, and back
		synctest.Wait()
		if got, now := count(t, r, "a"), r.Status()[0]; got != 15 || now.Rebuild != nil || now.State != projections.Live {
			t.Errorf("%s: %d counted, %+v", name, got, now)
		}
		if err := r.Rollback("counts"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	synctest.Wait()
	return s.Generation
}

// TestRollbackAgain: a rollback that failed can be tried again.
func TestRollbackAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, r, stop := threeCounted(t)
		rebuilt(t, r)
		inTheWay := filepath.Join(dir, "counts@1.3.db")
		if err := os.MkdirAll(filepath.Join(inTheWay, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := r.Rollback("counts"); err == nil {
			t.Error("a rollback to a name that is taken")
		}
		if err := errors.Join(os.RemoveAll(inTheWay), r.Rollback("counts")); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got := r.Status()[0].Generation; got != 4 {
			t.Errorf("generation %d serves, want the 4th, which was brought back", got)
		}
		stop()
	})
}
