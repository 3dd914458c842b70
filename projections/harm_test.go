package projections_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"github.com/enterprisehub/ghl-ledger/projections"
	"go.etcd.io/bbolt"
)

// TestDamagedRow: a row of a view that cannot be read back is an error of its own, and
// the view is made anew beside the one that serves; without somebody who follows it,
// by the next start.
func TestDamagedRow(t *testing.T) {
	for _, followed := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			dir, log := t.TempDir(), memlog.New(time.Now)
			_, stop := start(t, dir, log, projections.NewLeads(meaning))
			appendBodies(t, log, "c1", `{"type":"contact.created","data":{"contact_id":"c1","first_name":"Ann"}}`)
			synctest.Wait()
			stop()
			damageRow(t, filepath.Join(dir, "leads@3.1.db"), `"Ann"`, `"Ann#`)
			var r *projections.Runner
			if followed {
				r, stop = start(t, dir, log, projections.NewLeads(meaning))
			} else {
				var err error
				if r, err = projections.NewRunner(dir, log, quiet, projections.NewLeads(meaning)); err != nil {
					t.Fatal(err)
				}
			}
			name := func() (string, error) {
				lead, _, err := projections.LeadsView{Runner: r, Meaning: meaning}.Get("c1")
				return lead.FirstName, err
			}
			if got, err := name(); !errors.Is(err, projections.ErrDamaged) {
				t.Errorf("followed %v: a lead whose row is damaged: %q, %v", followed, got, err)
			}
			if !followed {
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
				r, stop = start(t, dir, log, projections.NewLeads(meaning))
			}
			synctest.Wait()
			if got, err := name(); got != "Ann" || err != nil {
				t.Errorf("followed %v: made anew: %q, %v", followed, got, err)
			}
			stop()
			if left, err := filepath.Glob(filepath.Join(dir, "leads@*")); err != nil || len(left) != 1 {
				t.Errorf("followed %v: left are %v, %v", followed, left, err)
			}
		})
	}
}

// damageRow puts one text in the place of another of the same length in a file.
func damageRow(t *testing.T, path, before, after string) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(file, []byte(before)) {
		t.Fatalf("no %s in %s: %v", before, path, err)
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(file, []byte(before), []byte(after)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedRowOfPast: who meets a damaged row in a copy of the view has it made anew,
// too.
func TestDamagedRowOfPast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, log := t.TempDir(), memlog.New(time.Now)
		_, stop := start(t, dir, log, projections.NewLeads(meaning))
		appendBodies(t, log, "c1", `{"type":"contact.created","data":{"contact_id":"c1","first_name":"Ann"}}`)
		synctest.Wait()
		stop()
		damageRow(t, filepath.Join(dir, "leads@3.1.db"), `"Ann"`, `"Ann#`)
		r, stop := start(t, dir, log, projections.NewLeads(meaning))
		defer stop()
		names := func() (names []string, err error) {
			head, _ := log.Head(t.Context())
			past, err := projections.LeadsView{Runner: r, Meaning: meaning}.At(t.Context(), head.Seq, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer past.Close()
			err = past.Each(t.Context(), func(l projections.Lead) error {
				names = append(names, l.FirstName)
				return nil
			})
			return names, err
		}
		if _, err := names(); !errors.Is(err, projections.ErrDamaged) {
			t.Errorf("leads of the past with a damaged row: %v", err)
		}
		synctest.Wait()
		if got, err := names(); err != nil || !slices.Equal(got, []string{"Ann"}) {
			t.Errorf("made anew: %v, %v", got, err)
		}
	})
}

// TestDamagedFiles: whatever else there is of a view in which somebody meets damage,
// the damaged file goes, once it is replaced, and no other that somebody may want.
func TestDamagedFiles(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, r *projections.Runner) // before the damage is met
		left []string
	}{
		{"alone", nil, []string{"counts@2.3.db"}},
		{"after a panic that is the reader's own fault", func(_ *testing.T, r *projections.Runner) {
			defer func() { _ = recover() }()
			_ = r.View("counts", func(*bbolt.Tx) error { panic("of the reader") })
		}, []string{"counts@2.3.db"}},
		{"with one to roll back to", func(t *testing.T, r *projections.Runner) {
			if err := r.Rebuild("counts"); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}, []string{"counts@2.2.db", "counts@2.4.db"}},
		{"with a preview", func(t *testing.T, r *projections.Runner) {
			if err := r.Preview("counts"); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}, []string{"counts@2.3.db"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, log := t.TempDir(), memlog.New(time.Now)
				_, stop := start(t, dir, log, counts{version: 1})
				appendBodies(t, log, "a", "1", "2", "3")
				synctest.Wait()
				stop()
				r, stop := start(t, dir, log, counts{version: 2})
				synctest.Wait()
				if tt.do != nil {
					tt.do(t, r)
				}
				meetDamage(t, r)
				synctest.Wait()
				if got := count(t, r, "a"); got != 3 {
					t.Errorf("count = %d, want 3", got)
				}
				if serves, newest := r.Status()[0].Generation, tt.left[len(tt.left)-1]; newest != fmt.Sprintf("counts@2.%d.db", serves) {
					t.Errorf("generation %d serves, want %s", serves, newest)
				}
				stop()
				want := append([]string{"counts@1.1.db"}, tt.left...) // the older version's, for the binary that has its fold
				if left := filesIn(t, dir); !slices.Equal(left, want) {
					t.Errorf("left are %v, want %v", left, want)
				}
			})
		})
	}
}

// slowLog takes its time to be read while it is told to.
type slowLog struct {
	ledger.Reader
	slow atomic.Bool
}

func (l *slowLog) Read(ctx context.Context, c ledger.Cursor) iter.Seq2[ledger.Entry, error] {
	if l.slow.Load() {
		time.Sleep(time.Second)
	}
	return l.Reader.Read(ctx, c)
}

// TestDamagedMeanwhile: damage is met while a rebuild is under way: that is what mends.
func TestDamagedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, log := t.TempDir(), &slowLog{}
		entries := memlog.New(time.Now)
		log.Reader = entries
		r, stop := start(t, dir, log, counts{version: 1})
		appendBodies(t, entries, "a", "1", "2", "3")
		synctest.Wait()
		log.slow.Store(true)
		rebuilt(t, r)
		meetDamage(t, r)
		synctest.Wait()
		log.slow.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		leaves(t, dir, "counts@1.2.db")
	})
}

// TestDamagedWhileBroughtBack: damage is met while the view before is on its way back,
// and in that, too: neither file stays.
func TestDamagedWhileBroughtBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, log := t.TempDir(), &slowLog{}
		entries := memlog.New(time.Now)
		log.Reader = entries
		r, stop := start(t, dir, log, counts{version: 1})
		appendBodies(t, entries, "a", "1", "2", "3")
		synctest.Wait()
		rebuilt(t, r)
		log.slow.Store(true)
		if err := r.Rollback("counts"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		meetDamage(t, r)
		synctest.Wait()
		log.slow.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		meetDamage(t, r)
		stop()
		if left := filesIn(t, dir); len(left) > 0 {
			t.Errorf("left are %v", left)
		}
	})
}

// TestDamagedLater: a page that goes bad after somebody panicked for a reason of his own
// is found when somebody panics over it.
func TestDamagedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, r, stop := threeCounted(t)
		panics := func(f func(tx *bbolt.Tx) error) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			_ = r.View("counts", f)
		}
		panics(func(*bbolt.Tx) error { panic("of the reader") })
		synctest.Wait()
		harmPages(t, filepath.Join(dir, "counts@1.1.db"))
		time.Sleep(time.Hour)
		panics(func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("counts")).ForEach(func(_, _ []byte) error { return nil })
		})
		synctest.Wait()
		if got := count(t, r, "a"); got != 3 {
			t.Errorf("count = %d, want 3", got)
		}
		stop()
		leaves(t, dir, "counts@1.2.db")
	})
}

// harmPages has all pages but the first two say that they are another's.
func harmPages(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	for page := int64(2); err == nil && page*4096 < info.Size(); page++ {
		_, err = f.WriteAt([]byte{0xff}, page*4096)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestDamagedOlder: rows that this version cannot read are no damage of an older one's
// view, which serves until this one's is built.
func TestDamagedOlder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, log := t.TempDir(), memlog.New(time.Now)
		_, stop := start(t, dir, log, counts{version: 1})
		appendBodies(t, log, "a", "1", "2", "3")
		synctest.Wait()
		stop()
		r, err := projections.NewRunner(dir, log, quiet, counts{version: 2})
		if err != nil {
			t.Fatal(err)
		}
		meetDamage(t, r)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if left := filesIn(t, dir); !slices.Contains(left, "counts@1.1.db") {
			t.Errorf("left are %v", left)
		}
	})
}

// TestDamagedTwice: what is met again after a rebuild is no fault of the file, which
// stays.
func TestDamagedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, r, stop := threeCounted(t)
		for range 3 {
			meetDamage(t, r)
			synctest.Wait()
		}
		stop()
		leaves(t, dir, "counts@1.2.db")
	})
}

// threeCounted is a view that has followed a ledger of three entries.
func threeCounted(t *testing.T) (dir string, r *projections.Runner, stop func()) {
	t.Helper()
	dir, log := t.TempDir(), memlog.New(time.Now)
	r, stop = start(t, dir, log, counts{version: 1})
	appendBodies(t, log, "a", "1", "2", "3")
	synctest.Wait()
	return dir, r, stop
}

func rebuilt(t *testing.T, r *projections.Runner) {
	t.Helper()
	if err := r.Rebuild("counts"); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// leaves wants one file of the view to be there, and no other.
func leaves(t *testing.T, dir, want string) {
	t.Helper()
	if left := filesIn(t, dir); !slices.Equal(left, []string{want}) {
		t.Errorf("left are %v, want %s", left, want)
	}
}

// meetDamage has somebody meet a row in the view that is not as it was written: to
// him, who takes it for one of another form.
func meetDamage(t *testing.T, r *projections.Runner) {
	t.Helper()
	err := r.View("counts", func(tx *bbolt.Tx) error {
		var other struct{ N int }
		_, row := tx.Bucket([]byte("counts")).Cursor().First()
		return projections.Decode("counts", row, &other)
	})
	if !errors.Is(err, projections.ErrDamaged) {
		t.Fatalf("the row was read: %v", err)
	}
}

func filesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "counts@*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	return names
}

// manyContacts fills a view with more than a page of rows, and stops.
func manyContacts(t *testing.T, dir string, log *memlog.Log) {
	t.Helper()
	_, stop := start(t, dir, log, counts{version: 1})
	for i := range 400 {
		appendBodies(t, log, fmt.Sprintf("contact-%04d", i), "1")
	}
	synctest.Wait()
	stop()
}

// harmLeaf has the page with a contact's row say that it is another.
func harmLeaf(t *testing.T, path, contact string) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	harmed := 0
	for page := 2; (page+1)*4096 <= len(file); page++ {
		b := file[page*4096:][:4096]
		if binary.LittleEndian.Uint64(b) == uint64(page) && b[8] == 2 && bytes.Contains(b, []byte(contact)) {
			b[0] ^= 0xff
			harmed++
		}
	}
	if err := os.WriteFile(path, file, 0o600); err != nil || harmed == 0 {
		t.Fatalf("%d pages with %s harmed: %v", harmed, contact, err)
	}
}

// TestDamagedPageFolded: a page that only the fold reads is damaged: what it could not
// fold is parked until the view is made anew.
func TestDamagedPageFolded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, log := t.TempDir(), memlog.New(time.Now)
		manyContacts(t, dir, log)
		harmLeaf(t, filepath.Join(dir, "counts@1.1.db"), "contact-0100")
		r, stop := start(t, dir, log, counts{version: 1})
		synctest.Wait()
		appendBodies(t, log, "contact-0100", "2")
		synctest.Wait()
		if got, parked := count(t, r, "contact-0100"), r.Status()[0].Parked; got != 2 || parked != 0 {
			t.Errorf("count = %d with %d parked, want 2 with none", got, parked)
		}
		stop()
		leaves(t, dir, "counts@1.2.db")
	})
}

// TestDamagedPageCompared: who compares a preview with the view that serves meets a
// damaged page in that.
func TestDamagedPageCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, log := t.TempDir(), memlog.New(time.Now)
		manyContacts(t, dir, log)
		harmLeaf(t, filepath.Join(dir, "counts@1.1.db"), "contact-0100")
		r, stop := start(t, dir, log, counts{version: 1})
		synctest.Wait()
		if err := r.Preview("counts"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic: nothing is damaged")
				}
			}()
			_, err := r.Diff(t.Context(), "counts", 1)
			t.Error(err)
		}()
		synctest.Wait()
		if got := count(t, r, "contact-0100"); got != 1 {
			t.Errorf("count = %d, want 1", got)
		}
		stop()
		leaves(t, dir, "counts@1.2.db")
	})
}

// TestDamagedBroughtBack: the view before one that was made anew is brought back, and
// somebody meets damage in it, too: it is not taken for the one made anew.
func TestDamagedBroughtBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, r, stop := threeCounted(t)
		rebuilt(t, r)
		meetDamage(t, r)
		synctest.Wait()
		if err := r.Rollback("counts"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		meetDamage(t, r)
		stop()
		leaves(t, dir, "counts@1.3.db")
	})
}

// onLog calls f with each message.
type onLog struct {
	slog.Handler
	f func(message string)
}

func (h onLog) Enabled(context.Context, slog.Level) bool { return true }

func (h onLog) Handle(_ context.Context, r slog.Record) error {
	h.f(r.Message)
	return nil
}

// TestDamagedPreviewBetween: somebody asks for another preview while one is discarded
// for the sake of a damaged view: that does not wait for a person either.
func TestDamagedPreviewBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, log := t.TempDir(), memlog.New(time.Now)
		var r *projections.Runner
		asked := 0
		o := quiet
		o.Logger = slog.New(onLog{f: func(message string) {
			if message != "preview discarded: the view that serves is damaged" {
				return
			}
			if asked++; asked == 1 {
				if err := r.Preview("counts"); err != nil {
					t.Error(err)
				}
			}
		}})
		r, err := projections.NewRunner(dir, log, o, counts{version: 1})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		appendBodies(t, log, "a", "1", "2", "3")
		synctest.Wait()
		if err := r.Preview("counts"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		meetDamage(t, r)
		synctest.Wait()
		if got := r.Status()[0].Generation; got == 1 || asked != 2 {
			t.Errorf("generation %d serves, %d previews were discarded", got, asked)
		}
		cancel()
		if err := errors.Join(<-ended, r.Close()); err != nil {
			t.Error(err)
		}
	})
}
