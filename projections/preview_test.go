package projections_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"github.com/enterprisehub/ghl-ledger/projections"
	"go.etcd.io/bbolt"
)

// said is a projection that keeps the last body of each contact; one whose
// mapping is wrong takes a body for another contact's.
type said struct{ wrong *bool }

func (said) Name() string { return "counts" }
func (said) Version() int { return 1 }

func (p said) Apply(tx *bbolt.Tx, e ledger.Entry) error {
	b, err := tx.CreateBucketIfNotExists([]byte("said"))
	if err != nil {
		return err
	}
	contact := e.Subject
	if *p.wrong && contact == "b" {
		contact = "z"
	}
	return b.Put([]byte(contact), fmt.Appendf(nil, "%q", e.Body))
}

// A preview is built beside the view that serves, says what it would change,
// and takes over or goes as a person wants, through restarts.
func TestPreview(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, log, wrong := t.TempDir(), memlog.New(time.Now), true
		r, stop := start(t, dir, log, said{&wrong})
		appendBodies(t, log, "a", "1", "2")
		appendBodies(t, log, "b", "3")
		synctest.Wait()
		for _, ask := range []func() error{
			func() error { _, err := r.Diff(t.Context(), "counts", 1); return err },
			func() error { return r.Accept("counts") },
			func() error { return r.Discard("counts") },
		} {
			if err := ask(); !errors.Is(err, projections.ErrNoPreview) {
				t.Errorf("without a preview: %v", err)
			}
		}
		wrong = false
		if err := r.Preview("counts"); err != nil {
			t.Fatal(err)
		}
		check := func(want string) {
			t.Helper()
			synctest.Wait()
			appendBodies(t, log, "a", "more") // what comes while it waits is in both
			head, _ := log.Head(t.Context())
			synctest.Wait()
			d, err := r.Diff(t.Context(), "counts", 5)
			if err != nil || d.Seq != uint64(head.Seq) || len(d.Buckets) != 1 {
				t.Fatalf("diff %+v, %v", d, err)
			}
			var got strings.Builder
			got.WriteString(fmt.Sprintf("%d.%d to %d.%d: +%d -%d ~%d", d.Before.Version, d.Before.Generation, d.After.Version, d.After.Generation, d.Added, d.Removed, d.Changed))
			for _, row := range d.Buckets[0].Sample {
				got.WriteString(fmt.Sprintf(" %s:%s>%s", row.Key, row.Before, row.After))
			}
			if got.String() != want {
				t.Errorf("diff = %s, want %s", got.String(), want)
			}
			if s := r.Status()[0]; s.Rebuild == nil || !s.Rebuild.Ready || s.State != projections.Live || s.Generation != d.Before.Generation {
				t.Errorf("status while it waits %+v", s)
			}
		}
		check(`1.1 to 1.2: +1 -1 ~0 b:null>"3" z:"3">null`)
		stop()
		r, stop = start(t, dir, log, said{&wrong})
		check(`1.1 to 1.2: +1 -1 ~0 b:null>"3" z:"3">null`)

		if err := r.Discard("counts"); err != nil {
			t.Fatal(err)
		}
		if files, _ := filepath.Glob(filepath.Join(dir, "*.db")); len(files) != 1 {
			t.Errorf("files after the discard: %v", files)
		}
		if err := r.Preview("counts"); err != nil {
			t.Fatal(err)
		}
		check(`1.1 to 1.2: +1 -1 ~0 b:null>"3" z:"3">null`)
		if err := r.Accept("counts"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := r.Status()[0]; s.Generation != 2 || s.Rebuild != nil {
			t.Errorf("status after the word %+v", s)
		}
		stop()
		r, stop = start(t, dir, log, said{&wrong})
		defer stop()
		synctest.Wait()
		if s := r.Status()[0]; s.Generation != 2 || s.Rebuild != nil || s.State != projections.Live {
			t.Errorf("status after a restart %+v", s)
		}
	})
}

// A word may come before the preview is built.
func TestPreviewSaidEarly(t *testing.T) {
	for _, accept := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			dir, log, wrong := t.TempDir(), memlog.New(time.Now), false
			r, err := projections.NewRunner(dir, log, quiet, said{&wrong})
			if err != nil {
				t.Fatal(err)
			}
			appendBodies(t, log, "a", "1", "2")
			if err := r.Preview("counts"); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Diff(t.Context(), "counts", 1); !errors.Is(err, projections.ErrNotReady) {
				t.Errorf("diff of what is not built: %v", err)
			}
			act, want := r.Discard, 1
			if accept {
				act, want = r.Accept, 2
			}
			if err := errors.Join(act("counts"), r.Close()); err != nil {
				t.Fatal(err)
			}
			r, stop := start(t, dir, log, said{&wrong})
			defer stop()
			synctest.Wait()
			if s := r.Status()[0]; s.Generation != want || s.Rebuild != nil {
				t.Errorf("accepted %v: status %+v, want generation %d", accept, s, want)
			}
		})
	}
}
