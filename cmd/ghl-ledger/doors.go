package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"

	"github.com/enterprisehub/ghl-ledger/handlers"
	pages "github.com/enterprisehub/ghl-ledger/handlers/console"
	"golang.org/x/sync/errgroup"
)

// doors are the listeners: one for webhooks, one for people. They may be one.
type doors struct{ public, admin net.Listener }

// listen opens the doors of the configuration.
func (c *Config) listen() (d doors, err error) {
	if d.public, err = net.Listen("tcp", c.Listen); err != nil {
		return d, cannotListen("LEDGER_LISTEN", err)
	}
	if c.AdminListen == c.Listen {
		d.admin = d.public
		return d, nil
	}
	if d.admin, err = net.Listen("tcp", c.AdminListen); err != nil {
		return d, errors.Join(cannotListen("LEDGER_ADMIN_LISTEN", err), d.public.Close())
	}
	return d, nil
}

// cannotListen says of which variable an address cannot be listened on, and
// what to do if another program has it.
func cannotListen(variable string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: %w: stop the other program, or set %s to a free address", variable, err, variable)
	}
	return fmt.Errorf("%s: %w", variable, err)
}

// Close closes doors that nobody serves.
func (d doors) Close() error {
	if d.public == d.admin {
		return d.public.Close()
	}
	return errors.Join(d.public.Close(), d.admin.Close())
}

// serve answers until ctx ends or a worker has failed, then drains.
func (s *service) serve(ctx, working context.Context, d doors) error {
	trusted, err := s.cfg.trusted()
	if err != nil {
		return err
	}
	var g errgroup.Group
	open := s.open(d, trusted)
	for _, door := range open {
		g.Go(door.serve)
	}
	select {
	case <-ctx.Done():
	case <-working.Done():
	}
	s.drain(ctx, open)
	return g.Wait()
}

// open puts a server behind each door.
func (s *service) open(d doors, trusted []netip.Prefix) []*door {
	deps := s.deps(trusted)
	deps.Console = pages.New(pages.Config{API: handlers.Admin(deps), Logger: s.log, Role: func(token string) string {
		return string(handlers.RoleOf(token, s.cfg.AdminToken, s.cfg.AnalystToken))
	}})
	behind := func(l net.Listener, h http.Handler) *door {
		return newDoor(handlers.NewServer(h, s.log), handlers.Guard(l, 0, trusted))
	}
	if d.public == d.admin {
		return []*door{behind(d.public, handlers.Both(deps))}
	}
	return []*door{behind(d.public, handlers.Public(deps)), behind(d.admin, handlers.Admin(deps))}
}

// drain closes the doors: what is under way is answered.
func (s *service) drain(ctx context.Context, open []*door) {
	s.draining.Store(true)
	s.log.Info("draining")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	var ends sync.WaitGroup
	for _, d := range open {
		ends.Go(func() {
			if err := d.close(ctx); err != nil {
				s.log.Warn("cut what was under way", "err", err)
			}
		})
	}
	ends.Wait()
}
