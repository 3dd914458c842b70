package main

import (
	"context"
	"errors"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// tellDamage is told of the first entry that was found damaged.
func (s *service) tellDamage(err error) {
	s.alert("ledger damaged", err.Error()+": webhooks are answered 429. Stop the service, look with `ghl-ledger verify`, and restore a backup")
}

// halting does a worker's work. An entry that is damaged ends the work and not
// the service, which stays for people to look at; readyz says why it takes
// nothing.
func (s *service) halting(ctx context.Context, work func(context.Context) error) func() error {
	return func() error {
		err := work(ctx)
		if !errors.Is(err, ledger.ErrCorrupt) {
			return err
		}
		s.log.Error("halted at a damaged entry", "err", err)
		<-ctx.Done()
		return nil
	}
}
