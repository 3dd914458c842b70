package main

// serve's own exit codes: what the storage did to end it. A supervisor should
// restart on all of them but 2; systemd's Restart=always does the right thing.
const (
	exitStorageDoubt = 70 // a flush failed: nothing was answered, the next start reads from the disk
	exitCorrupt      = 71 // the ledger is damaged where the start looks: see `ghl-ledger verify`, restore a backup
	exitLocked       = 72 // another process has the ledger open
)

// serveExitCodes is what serve --help says of them.
const serveExitCodes = `Exit codes:
  0   stopped by SIGTERM or SIGINT, everything acknowledged is durable
  2   bad configuration, or could not listen
  70  storage in doubt: a write or flush failed; nothing was answered after it. Start again: the ledger is read from the disk
  71  the ledger is damaged where a start looks (its files, its head, the newest entries) and was not served:
      look with ghl-ledger verify --data DIR, and restore a backup. Damage further back is found when it is
      read, by a view, an export, verify or a backup: then the service stays, serves what is sound, answers
      webhooks with 429, and /readyz, the log and an alert name the entry
  72  another process has this data directory open`

// codedError ends serve with a code of its own.
type codedError struct {
	code int
	error
}

func (e codedError) Unwrap() error { return e.error }
