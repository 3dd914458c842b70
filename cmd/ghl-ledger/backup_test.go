package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
)

func TestBackupAndRestore(t *testing.T) {
	dir, to := someLedger(t), t.TempDir()
	file := filepath.Join(to, "a.bkup")
	empty := func() string { return filepath.Join(t.TempDir(), "new") }
	restoredTo := empty()
	step := func(code int, says string, args ...string) {
		t.Helper()
		got, out := command(t, args...)
		if got != code || !strings.Contains(out, says) {
			t.Fatalf("%v: exit %d, want %d, saying %q:\n%s", args, got, code, says, out)
		}
	}
	step(exitDone, "sound: 3 entries", "backup", file, "--ledger-data-dir", dir, "--rate", "10MiB")
	step(exitUsage, "is there already", "backup", file, "--ledger-data-dir", dir)
	nothing := t.TempDir()
	step(exitUsage, "reach the service", "backup", filepath.Join(to, "n.bkup"), "--ledger-data-dir", nothing, "--ledger-url", "http://127.0.0.1:1", "--ledger-admin-token", testToken)
	if made, err := os.ReadDir(nothing); err != nil || len(made) > 0 {
		t.Errorf("a backup made %v where no ledger was", made)
	}
	step(exitDone, "sound: 3 entries", "restore", file, "--data", restoredTo, "--dry-run")
	step(exitDone, "restored to", "restore", file, "--data", restoredTo)
	step(exitDone, "sound: 4 entries", "verify", "--data", restoredTo)
	step(exitUsage, "not empty", "restore", file, "--data", restoredTo)
	step(exitUsage, "the backup: open", "restore", filepath.Join(to, "b.bkup"), "--data", empty(), "--keys", file+".keys")
	step(exitUsage, "the key file: stat "+file+".no: no such file or directory: --keys says where it is", "restore", file, "--data", empty(), "--keys", file+".no")
	alone := filepath.Join(t.TempDir(), "b.bkup")
	if err := os.Link(file, alone); err != nil {
		t.Fatal(err)
	}
	step(exitUsage, "b.bkup.keys is not there: --keys says where", "restore", alone, "--data", empty())
	if err := os.Truncate(file, 500); err != nil {
		t.Fatal(err)
	}
	refused := empty()
	step(exitNo, "cut short", "restore", file, "--data", refused)
	if _, err := os.Stat(refused); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refused restore left its directory: %v", err)
	}
	there := t.TempDir()
	step(exitNo, "cut short", "restore", file, "--data", there)
	if left, err := os.ReadDir(there); err != nil || len(left) > 0 {
		t.Errorf("a refused restore left %v, %v of a directory that was there", left, err)
	}
}

func TestBackupToStdout(t *testing.T) {
	dir := someLedger(t)
	keys := filepath.Join(t.TempDir(), "keys")
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"backup", "-", "--keys", keys, "--ledger-data-dir", dir}, nil, nil, &out, &errs); code != exitDone {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	into := filepath.Join(t.TempDir(), "new")
	var told bytes.Buffer
	if code := run(t.Context(), []string{"restore", "-", "--keys", keys, "--data", into}, nil, &out, &told, &told); code != exitDone {
		t.Fatalf("exit %d: %s", code, told.String())
	}
}

// TestBackupToStdoutSays where the keys are, which are not in the stream, and
// leaves those alone that are there: they may be another backup's only ones.
func TestBackupToStdoutSays(t *testing.T) {
	dir, keys := someLedger(t), filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte("of another"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{nil, exitDone, "`ghl-ledger backup - --keys FILE`"},
		{[]string{"--output", "json"}, exitDone, "`ghl-ledger backup - --keys FILE`"},
		{nil, exitDone, "not looked into: 3 bodies"},
		{[]string{"--keys", keys}, exitUsage, "is there already"},
		{[]string{"--keys", keys + ".new.keys"}, exitDone, "restore - --keys " + keys + ".new.keys"},
	} {
		var out, errs bytes.Buffer
		args := append([]string{"backup", "-", "--ledger-data-dir", dir}, test.args...)
		if code := run(t.Context(), args, nil, nil, &out, &errs); code != test.code || !strings.Contains(errs.String(), test.says) {
			t.Errorf("%v: exit %d, want %d, saying %q:\n%s", args, code, test.code, test.says, errs.String())
		}
	}
	if b, err := os.ReadFile(keys); err != nil || string(b) != "of another" {
		t.Errorf("the keys that were there are %q, %v", b, err)
	}
}

// TestBackupRate: only the entries are slowed, not half a megabyte of keys.
func TestBackupRate(t *testing.T) {
	dir, to := someLedger(t), filepath.Join(t.TempDir(), "slow")
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		if code, out := command(t, "backup", to, "--rate", "1KiB", "--ledger-data-dir", dir); code != exitDone {
			t.Fatalf("exit %d: %s", code, out)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("a backup of three entries at 1 KiB a second took %v", took)
		}
	})
}

// brokenCopier fails, or sends half of a backup as if it were whole.
type brokenCopier struct {
	copier
	err error
}

func (b brokenCopier) Backup(ctx context.Context, w io.Writer) error {
	var all bytes.Buffer
	if err := b.copier.Backup(ctx, &all); err != nil {
		return err
	}
	_, err := w.Write(all.Bytes()[:all.Len()/2])
	return errors.Join(err, b.err)
}

func TestScheduledBackups(t *testing.T) {
	l, err := boltlog.Open(someLedger(t), boltlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := &backups{from: l, dir: filepath.Join(t.TempDir(), "backups"), every: time.Hour, keep: 2, log: slog.New(slog.DiscardHandler)}
	start := logtest.Start
	if w := b.warning(start); !strings.Contains(w, "no verified backup yet") {
		t.Errorf("before the first backup: %q", w)
	}
	for i := range 4 {
		if err := b.make(t.Context(), start.Add(time.Duration(i)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	list, err := b.list(start.Add(9 * time.Hour))
	if err != nil || len(list) != 2 || !list[1].Equal(start.Add(3*time.Hour)) {
		t.Errorf("kept %v, %v, want the last two", list, err)
	}
	for _, broken := range []copier{brokenCopier{l, nil}, brokenCopier{l, errors.New("gone")}} {
		b.from = broken
		if err := b.make(t.Context(), start.Add(9*time.Hour)); err == nil {
			t.Error("half a backup counted")
		}
	}
	files, err := os.ReadDir(b.dir)
	if err != nil || len(files) != 3 {
		t.Errorf("in the folder are %v, %v, want two backups and the keys", files, err)
	}
	for after, want := range map[time.Duration]string{4 * time.Hour: "", 6 * time.Hour: "3h0m0s old"} {
		if w := b.warning(start.Add(after)); (want == "") != (w == "") || !strings.Contains(w, want) {
			t.Errorf("%v after the first backup: %q, want %q", after, w, want)
		}
	}
	var text bytes.Buffer
	b.writeMetrics(&text)
	if !strings.Contains(text.String(), "ghl_ledger_backup_age_seconds") {
		t.Errorf("metrics: %q", text.String())
	}
	if code, out := command(t, "restore", b.path(list[1]), "--data", filepath.Join(t.TempDir(), "new")); code != exitDone {
		t.Errorf("restore of a scheduled backup: exit %d: %s", code, out)
	}
}

// TestBackupsOfAnotherLedger keeps the backups of a ledger readable when a new
// one, whose data directory is empty, is given the same folder.
func TestBackupsOfAnotherLedger(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "backups")
	scheduled := func() *backups {
		l, err := boltlog.Open(someLedger(t), boltlog.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return &backups{from: l, dir: dir, every: time.Hour, keep: 1, log: slog.New(slog.DiscardHandler)}
	}
	first := scheduled()
	if err := first.make(t.Context(), logtest.Start); err != nil {
		t.Fatal(err)
	}
	if err := scheduled().make(t.Context(), logtest.Start.Add(time.Hour)); err == nil || !strings.Contains(err.Error(), "key file of another ledger") {
		t.Errorf("the backup of another ledger: %v, want a refusal", err)
	}
	if code, out := command(t, "restore", first.path(logtest.Start), "--data", filepath.Join(t.TempDir(), "new")); code != exitDone {
		t.Errorf("the first ledger's backup: exit %d: %s", code, out)
	}
}
