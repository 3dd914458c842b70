package projections_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"github.com/enterprisehub/ghl-ledger/projections"
	"go.etcd.io/bbolt"
)

// A rewrite leaves one file of the view: the one that it made. Not those of
// another version, nor those of a rebuild whose end a reader holds up.
func TestRewriteLeavesNothingBehind(t *testing.T) {
	dir, log, wrong := t.TempDir(), memlog.New(time.Now), false
	r, stop := start(t, dir, log, said{&wrong})
	appendBodies(t, log, "a", "1", "2")
	if err := r.Wait(t.Context(), "counts", 2); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "counts@7.9.db"), []byte("of a binary that was newer"), 0o600); err != nil {
		t.Fatal(err)
	}
	reading, begun, read := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() { // of the first generation
		read <- r.View("counts", func(*bbolt.Tx) error { close(begun); <-reading; return nil })
	}()
	<-begun
	if err := r.Rebuild("counts"); err != nil { // takes over, and waits for the reader
		t.Fatal(err)
	}
	for r.Status()[0].Generation != 2 {
		runtime.Gosched()
	}
	rewritten := make(chan error, 1)
	go func() { rewritten <- r.Rewrite(t.Context()) }()
	for r.Status()[0].Rebuild == nil { // it has begun
		runtime.Gosched()
	}
	close(reading)
	for _, c := range []chan error{read, rewritten} {
		if err := <-c; err != nil {
			t.Fatal(err)
		}
	}
	onlyFile(t, dir, "counts@1.3.db")
	stop()
	onlyFile(t, dir, "counts@1.3.db")
}

// Two at once, and a preview that a person asked for meanwhile: each returns
// after a view was made that began after it was called.
func TestRewritesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, log, wrong := t.TempDir(), memlog.New(time.Now), false
		r, stop := start(t, dir, log, said{&wrong})
		defer stop()
		appendBodies(t, log, "a", "1")
		synctest.Wait()
		if err := r.Preview("counts"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		ended := make(chan error, 2)
		for range 2 {
			go func() { ended <- r.Rewrite(t.Context()) }()
		}
		for range 2 {
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
		}
		onlyFile(t, dir, "counts@1.3.db")
		if s := r.Status()[0]; s.State != projections.Live || s.Rebuild != nil {
			t.Errorf("status %+v", s)
		}
	})
}

func onlyFile(t *testing.T, dir, want string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.db"))
	if err != nil || !slices.Equal(files, []string{filepath.Join(dir, want)}) {
		t.Errorf("files %v %v, want %s alone", files, err, want)
	}
}

// A stop in the midst of a rewrite ends it: who asked goes on at the next start.
func TestRewriteEndsWithTheRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := projections.NewRunner(t.TempDir(), memlog.New(time.Now), quiet, counts{version: 1})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if err := r.Rewrite(t.Context()); err == nil {
			t.Error("a rewrite that nobody follows ended well")
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestRollbackWhileRewriting: nobody brings back what was written before an erasure,
// while a reader keeps the one that served from being closed.
func TestRollbackWhileRewriting(t *testing.T) {
	dir, log := t.TempDir(), memlog.New(time.Now)
	r, stop := start(t, dir, log, counts{version: 1})
	appendBodies(t, log, "a", "1", "2", "3")
	serves := func(generation int) {
		for r.Status()[0].Generation != generation {
			time.Sleep(time.Millisecond) // bbolt's locks are none that a fake clock knows
		}
	}
	if err := errors.Join(r.Sync(t.Context(), "counts"), r.Rebuild("counts")); err != nil {
		t.Fatal(err)
	}
	serves(2)
	reading, goOn, read := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		read <- r.View("counts", func(*bbolt.Tx) error {
			close(reading)
			<-goOn
			return nil
		})
	}()
	<-reading
	rewritten := make(chan error, 1)
	go func() { rewritten <- r.Rewrite(t.Context()) }()
	serves(3)
	if err := r.Rollback("counts"); !errors.Is(err, projections.ErrNoPrevious) {
		t.Errorf("a rollback while the views are rewritten: %v", err)
	}
	close(goOn)
	if err := errors.Join(<-read, <-rewritten); err != nil {
		t.Error(err)
	}
	stop()
	if left := filesIn(t, dir); !slices.Equal(left, []string{"counts@1.3.db"}) {
		t.Errorf("left are %v, want the rewritten one", left)
	}
}
