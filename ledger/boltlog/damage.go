package boltlog

import (
	"errors"
	"fmt"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// Damage returns the first entry that was found not to be what was written, by
// whoever read it, or nil. It is not served. What came before a restore is lost
// with it, so from then on only our own receipts are taken (ledger.WithReserve);
// reads of all that is sound go on (P9). The next start forgets it until it is
// found again: what Open itself sees it refuses.
func (l *Log) Damage() error {
	if found := l.damage.Load(); found != nil {
		return *found
	}
	return nil
}

// found notes err if it says that an entry is damaged, and tells of the first.
func (l *Log) found(err error) {
	if !errors.Is(err, ledger.ErrCorrupt) {
		return
	}
	damage := fmt.Errorf("the ledger is damaged and takes nothing new: %w", err)
	if l.damage.CompareAndSwap(nil, &damage) {
		l.o.Logger.Error("the ledger is damaged and takes nothing new", "err", err)
		l.o.Damage(damage)
	}
}
