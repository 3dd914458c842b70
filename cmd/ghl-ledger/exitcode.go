package main

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
)

// serve's own exit codes: what the storage did to end it. A supervisor should
// start it again, however often, on 70, 72 and 75; the others wait for a person.
const (
	exitStorageDoubt = 70 // a write or flush failed: nothing was answered, the next start reads from the disk
	exitCorrupt      = 71 // the ledger is damaged where the start looks: see `ghl-ledger verify`, restore a backup
	exitLocked       = 72 // another process has the ledger open
	exitNewer        = 73 // a newer release wrote the ledger: put that one back
	exitMode         = 74 // others may read the ledger's files
	exitFailed       = 75 // it could not go on, for no reason named above (EX_TEMPFAIL of sysexits.h)
)

// serveExitCodes is what serve --help says of them.
const serveExitCodes = `Exit codes:
  0   stopped by SIGTERM or SIGINT, everything acknowledged is durable
  2   bad configuration, or could not listen
  70  the storage failed: a write or flush, and nothing was answered after it; or at the start the disk is full,
      read-only or cannot be read. Start again, until it can: the ledger is read from the disk
  71  the ledger is damaged where a start looks (its files, its head, the newest entries; after a crash every
      page of ledger.db, which may take a second start to say so) and was not served: look with ghl-ledger
      verify --data DIR, and restore a backup. Damage further back is found when it is read, by a view, an
      export, verify or a backup: then the service stays, serves what is sound, answers webhooks with 429,
      and /readyz, the log and an alert name the entry
  72  another process has this data directory open
  73  a newer release wrote this ledger; this one has changed nothing: put the newer one back
  74  other users may read the ledger's files, which are named: chmod 600
  75  it could not go on, for the reason in the last line: start again
A fault of the program itself, or a watchdog, ends it by SIGABRT, with what every thread did in the log:
start again, and tell us`

// codedError ends serve with a code of its own.
type codedError struct {
	code int
	error
}

func (e codedError) Unwrap() error { return e.error }

// storageError gives what the ledger's files and their disk did to us its own
// exit code, and says what to do about it.
func storageError(dir string, err error) error {
	coded := func(code int, todo string) error { return codedError{code, fmt.Errorf("%w: %s", err, todo)} }
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(codedError)): // it has been said
		return err
	case errors.Is(err, boltlog.ErrLocked):
		return coded(exitLocked, "stop the other service first, or set LEDGER_DATA_DIR")
	case errors.Is(err, boltlog.ErrMode):
		return codedError{exitMode, err}
	case errors.Is(err, ledger.ErrCorrupt):
		return coded(exitCorrupt, fmt.Sprintf("look with `ghl-ledger verify --data %s`, or restore a backup", dir))
	case errors.Is(err, ledger.ErrNewer):
		return coded(exitNewer, "start that release, or one after it; nothing was changed")
	case errors.Is(err, ledger.ErrDoubt):
		return codedError{exitStorageDoubt, fmt.Errorf("%s: %w", dir, err)}
	case diskFailed(err):
		return coded(exitStorageDoubt, "look at the disk of "+dir)
	case isAny(err, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN):
		return coded(exitFailed, "the machine, or a limit of the service, has no more of it for now")
	}
	return err
}

// endError is storageError of a service whose configuration was good: what ends it is
// never 2, on which nobody starts it again.
func endError(dir string, err error) error {
	err = storageError(dir, err)
	if err == nil || errors.As(err, new(codedError)) {
		return err
	}
	return codedError{exitFailed, err}
}

// diskFailed says whether a disk that is full, broken or read-only is the
// trouble, which may be over at the next start.
func diskFailed(err error) bool {
	return isAny(err, syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.EROFS)
}

func isAny(err error, errnos ...syscall.Errno) bool {
	return slices.ContainsFunc(errnos, func(errno syscall.Errno) bool { return errors.Is(err, errno) })
}
