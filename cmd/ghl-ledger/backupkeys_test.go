package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
)

// TestBackupsKeepKeys: whatever happens to the ledger and its folder of
// backups, an older backup can be restored with the keys that are there.
func TestBackupsKeepKeys(t *testing.T) {
	for _, test := range []struct {
		what string
		harm func(t *testing.T, data, folder string) // between two backups
		want string                                  // why there is no second one
	}{
		{"nothing", func(*testing.T, string, string) {}, ""},
		{"a key is lost", func(t *testing.T, data, _ string) { overwrite(t, data, make([]byte, 32)) }, "1 of the ledger's keys are gone though nobody destroyed them"},
		{"a key is damaged", func(t *testing.T, data, _ string) { overwrite(t, data, []byte("another key")) }, "does not open with the key"},
		{"the file there is cut off", func(t *testing.T, _, folder string) {
			if err := os.Truncate(filepath.Join(folder, sharedKeys), 33); err != nil {
				t.Fatal(err)
			}
		}, "ledger.keys is cut off"},
	} {
		data, folder := someLedger(t), filepath.Join(t.TempDir(), "backups")
		scheduled := func(at time.Time) error {
			l, err := boltlog.Open(data, boltlog.Options{})
			if err != nil {
				t.Fatal(err)
			}
			b := &backups{from: l, dir: folder, every: time.Hour, keep: 1, of: l.ID(), log: slog.New(slog.DiscardHandler)}
			return errors.Join(b.make(t.Context(), at), l.Close())
		}
		if err := scheduled(logtest.Start); err != nil {
			t.Fatal(err)
		}
		test.harm(t, data, folder)
		before := folderOf(t, folder)
		err := scheduled(logtest.Start.Add(time.Hour))
		if (test.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: the second backup: %v, want %q", test.what, err, test.want)
		}
		if test.want != "" && !reflect.DeepEqual(folderOf(t, folder), before) {
			t.Errorf("%s: a backup that was refused changed the folder", test.what)
		}
	}
}

// overwrite writes over the first key of a ledger.
func overwrite(t *testing.T, data string, key []byte) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(data, "ledger.keys"), os.O_RDWR, 0)
	if err == nil {
		_, err = f.WriteAt(key, 2*32)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func folderOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, all := map[string]string{}, os.DirFS(dir)
	err := fs.WalkDir(all, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(all, path)
		files[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestBackupNames: entries get no name when their keys do not.
func TestBackupNames(t *testing.T) {
	dir := t.TempDir()
	j := copyJob{path: filepath.Join(dir, "a.bkup"), keys: filepath.Join(dir, "nosuch", "keys")}
	if err := os.WriteFile(j.path+tempSuffix, []byte("entries"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := j.name(); err == nil {
		t.Fatal("keys that are not there got a name")
	}
	if _, err := os.Stat(j.path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the entries got their name without their keys: %v", err)
	}
}

// TestPruning: a backup of a wrong clock's future does not outlive newer ones,
// nor keep the next from being made; those of another ledger are let be.
func TestPruning(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "backups")
	open := func() *backups {
		l, err := boltlog.Open(someLedger(t), boltlog.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return &backups{from: l, dir: folder, every: time.Hour, keep: 1, of: l.ID(), log: slog.New(slog.DiscardHandler)}
	}
	step := func(b *backups, at time.Time) {
		t.Helper()
		if err := b.make(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	first, second := open(), open()
	step(first, logtest.Start)
	if err := os.Rename(filepath.Join(folder, sharedKeys), filepath.Join(t.TempDir(), "kept apart")); err != nil {
		t.Fatal(err)
	}
	step(second, logtest.Start.AddDate(9, 0, 0))
	step(second, logtest.Start.Add(time.Hour))
	want := []string{filepath.Base(first.path(logtest.Start)), filepath.Base(first.path(logtest.Start.Add(time.Hour))), sharedKeys}
	if got := slices.Sorted(maps.Keys(folderOf(t, folder))); !slices.Equal(got, want) {
		t.Errorf("kept %v, want %v", got, want)
	}
}

// erasing is a ledger of which somebody is erased between the two copies.
type erasing struct {
	*boltlog.Log
	people []string
}

func (e *erasing) BackupKeys(ctx context.Context, w io.Writer) error {
	if len(e.people) > 0 {
		if err := e.Erase(ctx, ledger.Erasure{Subject: e.people[0]}); err != nil {
			return err
		}
		e.people = e.people[1:]
	}
	return e.Log.BackupKeys(ctx, w)
}

// TestBackupWhileErasing: an erasure that falls between the copies is no loss
// of a key. The backup is made again, and says who was erased.
func TestBackupWhileErasing(t *testing.T) {
	l, err := boltlog.Open(someLedger(t), boltlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	j := copyJob{from: &erasing{l, []string{"contact of 1", "contact of 2"}}, path: filepath.Join(dir, "a"), keys: filepath.Join(dir, "keys")}
	if r, err := j.run(t.Context()); err != nil || !r.Sound() || r.Erased != 2 || r.GoneSince != 0 {
		t.Errorf("%+v, %v, want two erased and none since", r, err)
	}
}
