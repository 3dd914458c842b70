package projections_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"github.com/enterprisehub/ghl-ledger/projections"
	"go.etcd.io/bbolt"
)

// counts is a projection that counts the entries of each contact, and fails
// half-way on the bodies that it cannot digest.
type counts struct {
	version int
	bad     string // this body panics
}

func (c counts) Name() string { return "counts" }
func (c counts) Version() int { return c.version }

func (c counts) Apply(tx *bbolt.Tx, e ledger.Entry) error {
	b, err := tx.CreateBucketIfNotExists([]byte("counts"))
	if err != nil {
		return err
	}
	n := uint64(0)
	if v := b.Get([]byte("of " + e.Subject)); v != nil {
		n = binary.BigEndian.Uint64(v)
	}
	if err := b.Put([]byte("of "+e.Subject), binary.BigEndian.AppendUint64(nil, n+1)); err != nil {
		return err
	}
	if c.bad != "" && string(e.Body) == c.bad {
		panic("cannot digest " + c.bad)
	}
	if string(e.Body) == "errs" && c.bad != "" {
		return errors.New("errs")
	}
	return nil
}

func count(t *testing.T, r *projections.Runner, contact string) (n uint64) {
	t.Helper()
	err := r.View("counts", func(tx *bbolt.Tx) error {
		if b := tx.Bucket([]byte("counts")); b != nil && b.Get([]byte("of "+contact)) != nil {
			n = binary.BigEndian.Uint64(b.Get([]byte("of " + contact)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func appendBodies(t *testing.T, log *memlog.Log, contact string, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		head, _ := log.Head(t.Context())
		d := ledger.Draft{Kind: "contact.updated", Key: fmt.Sprint("k", head.Seq), Subject: contact, Body: []byte(body)}
		if _, err := log.Append(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
}

var quiet = projections.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Batch: 4}

// start runs a runner until stop, which closes it.
func start(t *testing.T, dir string, log ledger.Reader, ps ...projections.Projection) (r *projections.Runner, stop func()) {
	t.Helper()
	r, err := projections.NewRunner(dir, log, quiet, ps...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return r, func() {
		t.Helper()
		cancel()
		if err := errors.Join(<-done, r.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFollowsAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, log := t.TempDir(), memlog.New(time.Now)
		appendBodies(t, log, "a", "1", "2", "3", "4", "5", "6")
		for round := range 3 {
			r, stop := start(t, dir, log, counts{version: 1})
			appendBodies(t, log, "a", "more")
			head, _ := log.Head(t.Context())
			if err := r.Wait(t.Context(), "counts", head.Seq); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got, want := count(t, r, "a"), uint64(7+round); got != want {
				t.Errorf("round %d: count = %d, want %d", round, got, want)
			}
			if s := r.Status()[0]; s.State != projections.Live || s.LagEvents != 0 || s.Seq != uint64(head.Seq) {
				t.Errorf("round %d: status %+v", round, s)
			}
			stop()
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stop := start(t, t.TempDir(), memlog.New(time.Now), counts{version: 1})
		defer stop()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Wait(ctx, "counts", 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait = %v, want the deadline", err)
		}
	})
}

func TestParks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, log := t.TempDir(), memlog.New(time.Now)
		appendBodies(t, log, "a", "1", "bad", "2")
		appendBodies(t, log, "b", "1", "2")
		appendBodies(t, log, "", "bad", "1", "errs")
		r, stop := start(t, dir, log, counts{version: 1, bad: "bad"})
		appendBodies(t, log, "a", "3")
		appendBodies(t, log, "b", "3")
		synctest.Wait()
		for contact, want := range map[string]uint64{"a": 1, "b": 3, "": 1} {
			if got := count(t, r, contact); got != want {
				t.Errorf("count of %q = %d, want %d", contact, got, want)
			}
		}
		if s := r.Status()[0]; s.Parked != 5 || s.State != projections.Live || s.LagEvents != 0 {
			t.Errorf("status %+v, want 5 parked and live", s)
		}
		parked, err := r.Parked("counts")
		if err != nil || len(parked) != 5 || parked[0].Error != "panic: cannot digest bad" || !parked[1].Behind {
			t.Errorf("parked = %+v, %v", parked, err)
		}
		stop()

		// A new version digests them, while the old view serves until it has caught up.
		r, stop = start(t, dir, log, counts{version: 2})
		defer stop()
		synctest.Wait()
		if got := count(t, r, "a"); got != 4 {
			t.Errorf("count of a under version 2 = %d, want 4", got)
		}
		if s := r.Status()[0]; s.Parked != 0 || s.Version != 2 || s.Generation != 2 {
			t.Errorf("status under version 2 %+v", s)
		}
	})
}

func TestRebuildTakesOverAndRollsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, log := t.TempDir(), memlog.New(time.Now)
		r, stop := start(t, dir, log, counts{version: 1})
		appendBodies(t, log, "a", "1", "2", "3", "4", "5", "6", "7", "8", "9")
		synctest.Wait()
		if err := r.Rollback("counts"); !errors.Is(err, projections.ErrNoPrevious) {
			t.Errorf("Rollback with nothing to go back to = %v", err)
		}
		for i, act := range []func(string) error{r.Rebuild, r.Rollback, r.Rebuild, r.Rollback} {
			if err := act("counts"); err != nil {
				t.Fatal(err)
			}
			appendBodies(t, log, "a", "more")
			synctest.Wait()
			if got, want := count(t, r, "a"), uint64(10+i); got != want {
				t.Errorf("count after act %d = %d, want %d", i, got, want)
			}
			if s := r.Status()[0]; s.Generation != i+2 || s.Rebuild != nil || s.State != projections.Live {
				t.Errorf("status after act %d %+v", i, s)
			}
		}
		stop()
		if files, _ := filepath.Glob(filepath.Join(dir, "*.db")); len(files) != 2 {
			t.Errorf("files left: %v, want the one that serves and the one before", files)
		}
	})
}

func TestRebuildSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, log := t.TempDir(), memlog.New(time.Now)
		_, stop := start(t, dir, log, counts{version: 1})
		appendBodies(t, log, "a", "1", "2", "3")
		synctest.Wait()
		stop()
		r, err := projections.NewRunner(dir, log, quiet, counts{version: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(r.Rebuild("counts"), r.Close()); err != nil { // asked for, never run
			t.Fatal(err)
		}
		r, stop = start(t, dir, log, counts{version: 1})
		defer stop()
		synctest.Wait()
		if s := r.Status()[0]; s.Generation != 2 || s.Seq != 3 {
			t.Errorf("status after the restart %+v, want generation 2 at 3", s)
		}
	})
}

func TestDiscards(t *testing.T) {
	full := func(t *testing.T, dir string) *memlog.Log {
		log := memlog.New(time.Now)
		_, stop := start(t, dir, log, counts{version: 1})
		appendBodies(t, log, "a", "1", "2", "3")
		synctest.Wait()
		stop()
		return log
	}
	other := func(t *testing.T) *memlog.Log {
		time.Sleep(time.Hour) // other ids
		log := memlog.New(time.Now)
		appendBodies(t, log, "a", "1")
		appendBodies(t, log, "b", "1", "2", "3", "4")
		return log
	}
	for _, tt := range []struct {
		name string
		harm func(t *testing.T, dir string, log *memlog.Log) *memlog.Log
		want uint64
	}{
		{"nothing wrong", func(_ *testing.T, _ string, log *memlog.Log) *memlog.Log { return log }, 3},
		{"another ledger", func(t *testing.T, _ string, _ *memlog.Log) *memlog.Log { return other(t) }, 1},
		{"a shorter ledger", func(*testing.T, string, *memlog.Log) *memlog.Log { return memlog.New(time.Now) }, 0},
		{"a file that a crash left empty", func(t *testing.T, dir string, log *memlog.Log) *memlog.Log {
			if err := os.WriteFile(filepath.Join(dir, "counts@1.7.db"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return log
		}, 3},
		{"not a view", func(t *testing.T, dir string, log *memlog.Log) *memlog.Log {
			if err := os.WriteFile(filepath.Join(dir, "counts@1.7.db"), make([]byte, 1<<16), 0o600); err != nil {
				t.Fatal(err)
			}
			return log
		}, 3},
		{"a power cut", func(t *testing.T, dir string, log *memlog.Log) *memlog.Log {
			if err := os.WriteFile(filepath.Join(dir, ".written-by-boot"), []byte("another"), 0o600); err != nil {
				t.Fatal(err)
			}
			return log
		}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				log := tt.harm(t, dir, full(t, dir))
				r, stop := start(t, dir, log, counts{version: 1})
				defer stop()
				synctest.Wait()
				if got := count(t, r, "a"); got != tt.want {
					t.Errorf("count = %d, want %d", got, tt.want)
				}
			})
		})
	}
}

// TestZeroedView: a page of zeros in the file of a small view that was closed,
// whichever it is, ends no start.
func TestZeroedView(t *testing.T) {
	harmedViews(t, func(whole []byte, try func(what string, harmed []byte) (kept bool)) {
		for page := range len(whole) / 4096 {
			harmed := bytes.Clone(whole)
			clear(harmed[page*4096:][:4096])
			try(fmt.Sprintf("page %d of zeros", page), harmed)
		}
	})
}

// TestCutOffView: a view's file that ends early, anywhere, is made anew.
func TestCutOffView(t *testing.T) {
	harmedViews(t, func(whole []byte, try func(what string, harmed []byte) (kept bool)) {
		for size := 0; size <= len(whole); size += len(whole) / 64 {
			if kept := try(fmt.Sprintf("cut off at %d bytes", size), whole[:size]); kept != (size == len(whole)) {
				t.Errorf("cut off at %d of %d bytes: kept %v", size, len(whole), kept)
			}
		}
	})
}

// harmedViews has each try start with a view's file that is harmed, count what it
// should, and say whether that file is kept.
func harmedViews(t *testing.T, each func(whole []byte, try func(what string, harmed []byte) (kept bool))) {
	synctest.Test(t, func(t *testing.T) {
		dir, log := t.TempDir(), memlog.New(time.Now)
		path := filepath.Join(dir, "counts@1.1.db")
		_, stop := start(t, dir, log, counts{version: 1})
		appendBodies(t, log, "a", "1", "2", "3")
		synctest.Wait()
		stop()
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		each(whole, func(what string, harmed []byte) (kept bool) {
			files, err := filepath.Glob(filepath.Join(dir, "counts@*"))
			for _, f := range files {
				err = errors.Join(err, os.Remove(f))
			}
			if err := errors.Join(err, os.WriteFile(path, harmed, 0o600)); err != nil {
				t.Fatal(err)
			}
			r, stop := start(t, dir, log, counts{version: 1})
			defer stop()
			synctest.Wait()
			if got := count(t, r, "a"); got != 3 {
				t.Errorf("%s: count = %d, want 3", what, got)
			}
			_, err = os.Stat(path)
			return err == nil
		})
	})
}

// opens is a ledger that looks into the folder of views whenever it is read.
type opens struct {
	ledger.Reader
	dir   string
	noted []string
}

func (o *opens) Read(ctx context.Context, c ledger.Cursor) iter.Seq2[ledger.Entry, error] {
	if b, err := os.ReadFile(filepath.Join(o.dir, ".opening")); err == nil {
		o.noted = append(o.noted, string(b))
	}
	return o.Reader.Read(ctx, c)
}

// TestOpeningNoted: while a view is opened and held against the ledger, and no longer,
// a note names it, for the case that the process does not survive that.
func TestOpeningNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, log := t.TempDir(), memlog.New(time.Now)
		_, stop := start(t, dir, log, counts{version: 1})
		appendBodies(t, log, "a", "1", "2", "3")
		synctest.Wait()
		stop()
		o := &opens{Reader: log, dir: dir}
		r, err := projections.NewRunner(dir, o, quiet, counts{version: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if want := []string{"counts@1.1.db"}; !slices.Equal(o.noted, want) {
			t.Errorf("noted are %v, want %v", o.noted, want)
		}
		if _, err := os.Stat(filepath.Join(dir, ".opening")); !os.IsNotExist(err) {
			t.Errorf("the note stays: %v", err)
		}
	})
}
