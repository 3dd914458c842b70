package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// inherited returns the doors that systemd holds for us (ghl-ledger.socket):
// it keeps them over a restart, so that who comes meanwhile waits instead of
// being refused. The first is for webhooks, the second for people, unless their
// addresses say otherwise. ok is false where we were given none.
func (c *Config) inherited() (d doors, ok bool, err error) {
	given, err := activation.Listeners()
	if err != nil || len(given) == 0 {
		return d, false, err
	}
	for i, l := range given {
		if l == nil {
			return d, false, fmt.Errorf("socket %d that systemd handed over is no TCP listener: look at ghl-ledger.socket", i+1)
		}
	}
	switch {
	case len(given) > 2:
		return d, false, fmt.Errorf("systemd handed over %d sockets: ghl-ledger.socket should have one for webhooks and one for the API", len(given))
	case len(given) == 1 && c.AdminListen != c.Listen:
		return d, false, errors.New("systemd handed over one socket: ghl-ledger.socket should have two, or LEDGER_ADMIN_LISTEN should equal LEDGER_LISTEN")
	case len(given) == 1:
		return doors{given[0], given[0]}, true, nil
	case given[0].Addr().String() == c.AdminListen:
		// The API must not stand where the world reaches webhooks.
		return doors{public: given[1], admin: given[0]}, true, nil
	}
	return doors{public: given[0], admin: given[1]}, true, nil
}

// notify tells systemd where the service stands; without systemd, nobody.
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd was not told", "state", state, "err", err)
	}
}

// supervised calls run and keeps systemd informed: that we are ready, that we
// live, and that we are ending.
func supervised(ctx context.Context, log *slog.Logger, alive func(context.Context) error, run func() error) error {
	notify(log, daemon.SdNotifyReady)
	over, cancel := context.WithCancel(context.WithoutCancel(ctx)) // draining is life, too
	done := make(chan struct{})
	go func() {
		defer close(done)
		watch(over, log, alive)
	}()
	stop := context.AfterFunc(ctx, func() { notify(log, daemon.SdNotifyStopping) })
	defer func() { stop(); cancel(); <-done }()
	return run()
}

// watch tells systemd's watchdog that we live for as long as alive says so. It
// starts a service anew that says nothing.
func watch(ctx context.Context, log *slog.Logger, alive func(context.Context) error) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("no watchdog", "err", err)
	}
	if err != nil || interval == 0 {
		return
	}
	tick := time.NewTicker(interval / 3)
	defer tick.Stop()
	for {
		if err := within(ctx, interval/3, alive); err == nil {
			notify(log, daemon.SdNotifyWatchdog)
		} else if ctx.Err() == nil {
			log.Error("the ledger does not answer: the watchdog will end this process", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func within(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return do(ctx)
}

// alive returns nil if the ledger answers.
func (s *service) alive(ctx context.Context) error {
	_, err := s.ledger.Head(ctx)
	return err
}

// inheritedOrOpen are the doors that the service stands behind.
func (c *Config) inheritedOrOpen() (doors, error) {
	d, ok, err := c.inherited()
	if ok || err != nil {
		return d, err
	}
	return c.listen()
}
