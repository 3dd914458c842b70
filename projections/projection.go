// Package projections folds the ledger into views. A view is a file that may be
// thrown away: reading the log again makes it anew, byte for byte.
//
// On disk a view is one bbolt file per version and generation,
// views/<name>@<version>.<generation>.db. Its cursor moves in the transaction
// that folds the entries, so a crash leaves both or neither.
//
// A rebuild is not a mode: the same follower runs the same Apply into an empty
// file beside the one that serves, and takes over when it has caught up.
package projections

import (
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"go.etcd.io/bbolt"
)

// Projection is one way to fold the ledger.
type Projection interface {
	// Name names the view's files.
	Name() string

	// Version says how Apply folds. Raise it when that changes: the runner
	// builds a new generation beside the old one and takes over by itself.
	Version() int

	// Apply folds e into the view. It is pure: it neither waits nor calls,
	// never reads the clock, and gives the same view for any batching. Its
	// buckets are its own; it makes them when it needs them.
	Apply(view *bbolt.Tx, e ledger.Entry) error
}

// State of a view's follower.
type State string

// What a follower may be doing.
const (
	Starting   State = "starting"   // has not reached the head since the start
	Live       State = "live"       // follows the head
	Rebuilding State = "rebuilding" // serves while a new generation is built beside it
	Halted     State = "halted"     // its disk failed; Status.Err says how
)

// Status is where a view stands.
type Status struct {
	Name       string   `json:"name"`
	Version    int      `json:"version"`
	Generation int      `json:"generation"` // one more at each take-over
	Seq        uint64   `json:"seq"`
	Head       uint64   `json:"head"`
	LagEvents  uint64   `json:"lag_events"`
	LagSeconds float64  `json:"lag_seconds"` // age of the oldest entry not yet folded
	State      State    `json:"state"`
	Rebuild    *Rebuild `json:"rebuild"` // null when none is under way
	Parked     int      `json:"parked"`  // entries that Apply could not digest, and those waiting behind them
	Err        string   `json:"error,omitempty"`
}

// Rebuild is how far a new generation has come.
type Rebuild struct {
	Seq             uint64    `json:"seq"`
	Target          uint64    `json:"target"`
	Percent         float64   `json:"percent"`
	EventsPerSecond float64   `json:"events_per_second"`
	ETASeconds      float64   `json:"eta_seconds"`
	Started         time.Time `json:"started_at"`
	Preview         bool      `json:"preview"` // takes over only when Accept says so
	Ready           bool      `json:"ready"`   // a preview at the head: Diff says what it would change
}
