package export

import (
	"context"
	"iter"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// A lot of entries is full at so many, or with so many bytes of bodies. Four
// lots are in memory at the most.
const (
	lotEntries = 256
	lotBytes   = 1 << 20
)

// ahead yields what seq yields, in lots, and reads on while the caller works: a
// ledger is read and opened on one processor, its rows are encoded on another.
// Nothing goes on when it returns.
func ahead(ctx context.Context, read func(context.Context) iter.Seq2[ledger.Entry, error]) iter.Seq2[[]ledger.Entry, error] {
	return func(yield func([]ledger.Entry, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		lots, failed := make(chan []ledger.Entry, 2), make(chan error, 1)
		go func() {
			defer close(lots)
			failed <- fill(ctx, read(ctx), lots)
		}()
		defer func() {
			stop()
			for range lots { // until the reader has ended
			}
		}()
		for lot := range lots {
			if !yield(lot, nil) {
				return
			}
		}
		if err := <-failed; err != nil {
			yield(nil, err)
		}
	}
}

// fill sends what entries yields in lots, until ctx ends.
func fill(ctx context.Context, entries iter.Seq2[ledger.Entry, error], lots chan<- []ledger.Entry) error {
	var lot []ledger.Entry
	size := 0
	send := func() error {
		select {
		case lots <- lot:
			lot, size = make([]ledger.Entry, 0, lotEntries), 0
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for e, err := range entries {
		if err != nil {
			return err
		}
		lot, size = append(lot, e), size+len(e.Body)
		if len(lot) < lotEntries && size < lotBytes {
			continue
		}
		if err := send(); err != nil {
			return err
		}
	}
	return send()
}
