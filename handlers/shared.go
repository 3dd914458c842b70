package handlers

import (
	"context"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// Shared is what all doors of one service have in common: the public one, the
// admin's and the console's. With one each, two operators could settle the same
// delivery, and a repeat of what was just admitted would be stored again.
type Shared struct {
	tokens   *tokens
	ward     *ward
	settling turn // held from looking at a delivery's state to its new one
}

// NewShared returns what the doors on log have in common.
func NewShared(log ledger.Reader) *Shared {
	return &Shared{tokens: newTokens(log), ward: newWard(log), settling: newTurn()}
}

// turn is a lock whose waiters leave when their context ends: a scan of the
// ledger under it must not hold those who gave up.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turn) leave() { <-t }
