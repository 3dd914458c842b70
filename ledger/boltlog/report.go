package boltlog

import (
	"fmt"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// Report is what a look at every entry of a ledger found.
type Report struct {
	Head    ledger.Cursor // the newest entry that is sound
	Hash    [32]byte      // its hash
	Entries ledger.Seq    // how many there should be
	Whole   ledger.Seq    // how many of them are sound
	Upto    ledger.Seq    // all entries up to here are sound
	Erased  ledger.Seq    // sound entries whose body's key was destroyed
	Bytes   int64         // the entries as stored

	// Unopened are entries whose body was not opened, for want of the key file.
	// Their checksum and chain say that the sealed body is as it was written,
	// and nobody knows whether it can be read.
	Unopened ledger.Seq

	// Newer are the entries that a newer release wrote, each of which is a fault.
	Newer ledger.Seq

	Faults []Fault    // what is wrong, at most maxFaults
	More   int        // how many faults are left out
	broken ledger.Seq // the first entry that a fault is about
	Notes  []string   // what heals by itself at the next start

	// ErasedSince are the contacts, by their ids, whose keys were destroyed
	// after a backup was made.
	ErasedSince []string

	// GoneSince is how many keys that entries of a backup are sealed with are
	// gone without a word in the backup: destroyed after it was made, or lost.
	GoneSince int
}

// maxFaults bounds a report: a file of garbage has a fault in every entry.
const maxFaults = 100

// Fault is one thing that is wrong.
type Fault struct {
	First, Last ledger.Seq // the entries it is about; zero: none, but the file
	What        string
	Newer       bool // written by a newer release, which can read it: no damage
}

// String says which entries, and what is wrong.
func (f Fault) String() string {
	switch {
	case f.First == 0:
		return f.What
	case f.First == f.Last:
		return fmt.Sprintf("entry %d: %s", f.First, f.What)
	}
	return fmt.Sprintf("entries %d to %d: %s", f.First, f.Last, f.What)
}

// Sound says whether every entry is as it was written, and none is missing.
func (r *Report) Sound() bool { return len(r.Faults) == 0 }

func (r *Report) fault(f Fault) {
	if f.Newer {
		r.Newer++
	}
	if f.First > 0 && (r.broken == 0 || f.First < r.broken) {
		r.broken = f.First
	}
	if len(r.Faults) == maxFaults {
		r.More++
		return
	}
	r.Faults = append(r.Faults, f)
}

// damaged reports a fault of the file.
func (r *Report) damaged(err error) { r.fault(Fault{What: err.Error()}) }

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}
