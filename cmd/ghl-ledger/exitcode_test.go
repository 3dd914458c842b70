package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
)

// TestStorageErrors: each trouble of the ledger's files and of their disk ends
// serve with a code of its own, which its help lists, and with what to do.
func TestStorageErrors(t *testing.T) {
	disk := func(errno syscall.Errno) error { return &fs.PathError{Op: "open", Path: "data/ledger.db", Err: errno} }
	for _, tt := range []struct {
		err  error
		code int
		says string
	}{
		{boltlog.ErrLocked, exitLocked, "stop the other service first"},
		{boltlog.ErrMode, exitMode, "open to other users"},
		{ledger.ErrCorrupt, exitCorrupt, "ghl-ledger verify --data data"},
		{ledger.ErrNewer, exitNewer, "start that release"},
		{ledger.ErrDoubt, exitStorageDoubt, "storage in doubt"},
		{disk(syscall.ENOSPC), exitStorageDoubt, "no space left on device: look at the disk of data"},
		{disk(syscall.EROFS), exitStorageDoubt, "read-only file system: look at the disk of data"},
		{disk(syscall.EIO), exitStorageDoubt, "input/output error: look at the disk of data"},
		{disk(syscall.EMFILE), exitFailed, "too many open files"},
		{disk(syscall.EACCES), exitUsage, "permission denied"},
		{errors.New("bind: address in use"), exitUsage, "address in use"},
	} {
		var said strings.Builder
		if code := complain(&said, storageError("data", fmt.Errorf("open: %w", tt.err))); code != tt.code || !strings.Contains(said.String(), tt.says) {
			t.Errorf("%v: exit %d, %q, want %d and %q", tt.err, code, said.String(), tt.code, tt.says)
		}
		if tt.code != exitUsage && !strings.Contains(serveExitCodes, fmt.Sprintf("\n  %d  ", tt.code)) {
			t.Errorf("serve --help does not list %d", tt.code)
		}
	}
}

// TestEndErrors: nothing that ends a service which was up has the code of a bad
// configuration, on which it would not be started again.
func TestEndErrors(t *testing.T) {
	for _, tt := range []struct {
		err  error
		code int
	}{
		{nil, exitDone},
		{errors.New("a worker could not go on"), exitFailed},
		{ledger.ErrCorrupt, exitCorrupt},
		{ledger.ErrDoubt, exitStorageDoubt},
		{fs.ErrPermission, exitFailed},
	} {
		if code := complain(io.Discard, endError("data", tt.err)); code != tt.code {
			t.Errorf("%v: exit %d, want %d", tt.err, code, tt.code)
		}
	}
}

// TestWatchdog: a watchdog's SIGABRT ends the service as a signal does, not with
// Go's 2, and without a core.
func TestWatchdog(t *testing.T) {
	p := newProcess(t, nil)
	p.start()
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`Max core file size +0 +0 `).Match(limits) {
		t.Errorf("a core may be dumped:\n%s", limits)
	}
	if err := p.cmd.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait()
	if state := p.cmd.ProcessState; !aborted(state) {
		t.Errorf("ended by %v, want SIGABRT", state)
	}
	unit, err := os.ReadFile("deploy/ghl-ledger.service")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("\nRestartPreventExitStatus=%d %d %d %d\n", exitUsage, exitCorrupt, exitNewer, exitMode); !strings.Contains(string(unit), want) {
		t.Errorf("the unit has no %q", want)
	}
}

func aborted(state *os.ProcessState) bool {
	status, ok := state.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGABRT
}

// TestServeWithoutViews has a service that cannot open its views: it says so,
// and leaves the ledger closed.
func TestServeWithoutViews(t *testing.T) {
	dir := someLedger(t)
	if err := os.WriteFile(filepath.Join(dir, "views"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := Config{DataDir: dir}
	_, err := openService(cfg, newLogger(io.Discard, "error", "text"), &alerts{}, nil)
	if code := complain(io.Discard, err); code != exitFailed || !strings.Contains(err.Error(), "views") {
		t.Errorf("the service opens with %v, exit %d, want what is wrong with its views, and %d", err, code, exitFailed)
	}
	if l, err := boltlog.Open(dir, boltlog.Options{}); err != nil {
		t.Errorf("the ledger after it: %v", err)
	} else if err := l.Close(); err != nil {
		t.Error(err)
	}
}
