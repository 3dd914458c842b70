//go:build torture

package boltlog_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
	"golang.org/x/sys/unix"
)

// TestInjected has strace fail the first, second, third … call of a kind, once
// and for ever, until a whole scenario goes by without a failure. What was
// acknowledged must be there; after a failed flush nobody is answered, and the
// process ends with its code.
func TestInjected(t *testing.T) {
	for _, fault := range []struct {
		call, errno string
		fatal       bool // leaves open what is on the disk
	}{
		{"fdatasync", "EIO", true}, {"fdatasync", "ENOSPC", true}, {"fsync", "EIO", true},
		{"pwrite64", "EIO", true}, {"pwrite64", "EROFS", true}, {"pwrite64", "ENOSPC", false},
	} {
		for _, often := range []string{"", "+"} {
			runs, ended := 0, map[int]int{}
			for n := 1; ; n++ {
				when := fmt.Sprint(n, often)
				code, hit, ledgerHit := inject(t, fault.call, fault.errno, when)
				if !hit {
					break
				}
				runs++
				ended[code]++
				if fault.fatal && ledgerHit && code == 0 {
					t.Errorf("%s, %s: it went on after the failed call %s", fault.call, fault.errno, when)
				}
			}
			t.Logf("%-9s %-6s %1s %3d runs, exit codes %v", fault.call, fault.errno, often, runs, ended)
			if runs == 0 {
				t.Errorf("%s was never called: nothing was tried", fault.call)
			}
		}
	}
}

// inject runs the scenario with a failing call, and checks what is left. It
// says whether a call failed, and whether one did that was not about the index,
// which is only a view.
func inject(t *testing.T, call, errno, when string) (code int, hit, ledgerHit bool) {
	t.Helper()
	dir, trace := t.TempDir(), filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command("strace", "-f", "-y", "-qq", "-o", trace, "-e", "trace=rename,renameat,renameat2,"+call,
		"-e", fmt.Sprintf("inject=%s:error=%s:when=%s", call, errno, when), os.Args[0], dir)
	cmd.Env = append(os.Environ(), "GHL_LEDGER_TEST_ROLE=scenario", "GOMAXPROCS=1")
	out, err := cmd.Output()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	code = cmd.ProcessState.ExitCode()
	if code != 0 && code != 1 && code != exitDoubt {
		t.Errorf("%s, %s, %s: exit code %d", call, errno, when, code)
	}
	checkScenario(t, dir, string(out))
	renamed, folder := "", "<"+dir+">)" // a flush of the folder is about what was renamed last
	begun := map[string]string{}        // by thread: a call that another one's line comes between
	for line := range strings.Lines(string(b)) {
		thread, _, _ := strings.Cut(line, " ")
		if strings.Contains(line, "<unfinished") {
			begun[thread] = line
		}
		if strings.Contains(line, "rename") {
			renamed = line
		}
		if strings.Contains(line, "INJECTED") {
			if strings.Contains(line, "resumed>") {
				line = begun[thread] + line
			}
			if strings.Contains(line, folder) {
				line += renamed
			}
			hit = true
			ledgerHit = ledgerHit || !strings.Contains(line, "ledger.index")
		}
	}
	return code, hit, ledgerHit
}

func checkScenario(t *testing.T, dir, acks string) {
	t.Helper()
	l, err := boltlog.Open(dir, boltlog.Options{})
	if err != nil {
		t.Fatalf("the next start: %v", err)
	}
	ids := map[string]string{}
	for _, e := range logtest.Entries(t, l, ledger.Cursor{}) {
		ids[e.Key] = ledger.FormatID(e.ID)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(acks) {
		if f := strings.Fields(line); f[0] == "ack" && ids[f[1]] != f[2] {
			t.Errorf("acknowledged and lost: %s", line)
		}
	}
	if r := verify(t, dir); !r.Sound() {
		t.Errorf("verify: %v", r.Faults)
	}
}

// TestFullDisk fills a small disk: while it is full appends end with ErrFull
// and reads go on; with room again, so do appends.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=3m")
	if errors.Is(err, unix.EPERM) {
		t.Skip("NOT TRIED: only root may mount a small disk")
	}
	if err != nil {
		t.Fatalf("mount a small disk: %v", err)
	}
	defer unix.Unmount(disk, 0)
	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(disk, "data")
	l, err := boltlog.Open(dir, boltlog.Options{Doubt: func(err error) { t.Errorf("in doubt: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for ; err == nil; kept++ {
		_, err = l.Append(t.Context(), of(fmt.Sprint("key ", kept), "contact"))
	}
	kept--
	for range 20 {
		if _, err := l.Append(t.Context(), of("while full", "contact")); !errors.Is(err, ledger.ErrFull) {
			t.Errorf("append while full: %v, want ErrFull", err)
		}
	}
	if n := len(logtest.Entries(t, l, ledger.Cursor{})); n != kept {
		t.Errorf("read %d entries while full, want %d", n, kept)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for err = ledger.ErrFull; errors.Is(err, ledger.ErrFull) && time.Since(begun) < 10*time.Second; {
		_, err = l.Append(t.Context(), of("with room again", "contact"))
	}
	if err != nil {
		t.Errorf("append with room again: %v", err)
	}
	t.Logf("%d entries fit; with room again it went on after %v", kept, time.Since(begun).Round(time.Millisecond))
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if r := verify(t, dir); !r.Sound() || r.Whole < ledger.Seq(kept) {
		t.Errorf("verify: %+v", r)
	}
}

// traced runs the scenario in dir under strace, and returns the trace and what
// it said on standard error.
func traced(t *testing.T, dir string, options ...string) (trace, said string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trace")
	args := append([]string{"-f", "-y", "-qq", "-o", file}, options...)
	cmd := exec.Command("strace", append(args, os.Args[0], dir)...)
	cmd.Env = append(os.Environ(), "GHL_LEDGER_TEST_ROLE=scenario")
	var b strings.Builder
	cmd.Stderr = &b
	if err := cmd.Run(); err != nil {
		if _, ended := errors.AsType[*exec.ExitError](err); !ended {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), b.String()
}

// TestInjectedRead: a head witness that cannot be read says nothing of the
// ledger, which is not damaged by that.
func TestInjectedRead(t *testing.T) {
	dir := t.TempDir()
	traced(t, dir, "-e", "trace=none")
	trace, said := traced(t, dir, "-P", filepath.Join(dir, "ledger.head"), "-e", "trace=pread64", "-e", "inject=pread64:error=EIO")
	if !strings.Contains(trace, "INJECTED") {
		t.Fatal("the witness was not read: nothing was tried")
	}
	if !strings.Contains(said, "input/output error") || strings.Contains(said, "corrupt") {
		t.Errorf("a start that cannot read the witness says %q", said)
	}
}

// TestInjectedLook: a page that the disk does not give is no damage, either, to the
// start that looks at all of them. It looks again at the next.
func TestInjectedLook(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	l, err := boltlog.Open(dir, boltlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 { // more than is read at once
		body := make([]byte, 10_000)
		_, _ = rand.Read(body) // never fails
		logtest.Append(t, l, ledger.Draft{Kind: "contact.updated", Key: fmt.Sprint("large ", i), Body: body})
	}
	note := filepath.Join(dir, "ledger.opening")
	if err := errors.Join(l.Close(), os.WriteFile(note, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	looked := false
	for when := 1; ; when++ {
		trace, said := traced(t, dir, "-P", filepath.Join(dir, "ledger.db"), "-e", "trace=pread64", "-e", fmt.Sprintf("inject=pread64:error=EIO:when=%d+", when))
		if !strings.Contains(trace, "INJECTED") {
			break
		}
		if !strings.Contains(said, "input/output error") || strings.Contains(said, "corrupt") {
			t.Errorf("a start that cannot read from the %d. time on says %q", when, said)
		}
		if strings.Contains(said, "read page") {
			looked = true
			if _, err := os.Stat(note); err != nil {
				t.Errorf("the next start does not look: %v", err)
			}
		}
	}
	if !looked {
		t.Error("all pages were read at once: nothing was tried")
	}
}

// TestInjectedNewFolder: the names of new folders are flushed in those above.
func TestInjectedNewFolder(t *testing.T) {
	above := t.TempDir()
	trace, _ := traced(t, filepath.Join(above, "new", "data"), "-e", "trace=fsync")
	for _, dir := range []string{above, filepath.Join(above, "new"), filepath.Join(above, "new", "data")} {
		if !strings.Contains(trace, "<"+dir+">)") {
			t.Errorf("%s was not flushed", dir)
		}
	}
}
