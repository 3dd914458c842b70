package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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

// TestServeWithoutViews has a service that cannot open its views: it says so,
// and leaves the ledger closed.
func TestServeWithoutViews(t *testing.T) {
	dir := someLedger(t)
	if err := os.WriteFile(filepath.Join(dir, "views"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := Config{DataDir: dir}
	if _, err := openService(cfg, newLogger(io.Discard, "error", "text"), &alerts{}, nil); err == nil || !strings.Contains(err.Error(), "views") {
		t.Errorf("the service opens with %v, want what is wrong with its views", err)
	}
	if l, err := boltlog.Open(dir, boltlog.Options{}); err != nil {
		t.Errorf("the ledger after it: %v", err)
	} else if err := l.Close(); err != nil {
		t.Error(err)
	}
}
