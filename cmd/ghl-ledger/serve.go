package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

type serveCmd struct {
	Config `embed:""`
}

// Help is what serve --help says beside its flags.
func (serveCmd) Help() string {
	return serveExitCodes + "\n\nExamples:\n  ghl-ledger serve\n  ghl-ledger serve --ledger-listen 0.0.0.0:8080 --ghl-effects dry-run"
}

// Run serves until SIGTERM or SIGINT; SIGHUP reads the secrets anew.
func (c *serveCmd) Run(ctx context.Context, con *console) error {
	c.complete(con.set)
	if err := c.check(); err != nil {
		return fmt.Errorf("the configuration is not complete:\n%w\n`ghl-ledger init` writes a good one, `ghl-ledger demo` needs none", err)
	}
	log := newLogger(con.err, c.LogLevel, c.LogFormat)
	for _, w := range c.warnings() {
		log.Warn(w)
	}
	alerts, err := newAlerts(c.AlertURL, log)
	if err != nil {
		return err
	}
	crashLoudly(log)
	s, err := openService(c.Config, log, alerts, leave(log, alerts))
	if err != nil {
		alerts.lastOf(err)
		return storageError(c.DataDir, err)
	}
	d, err := c.inheritedOrOpen()
	if err != nil {
		return errors.Join(err, s.runner.Close(), s.ledger.Close())
	}
	stop := s.reloadOnHangup(con.reread)
	defer stop()
	log.Info("serving", "webhooks", d.public.Addr().String(), "admin", d.admin.Addr().String(), "data", c.DataDir, "effects", c.Effects)
	err = supervised(ctx, log, s.alive, func() error { return s.run(ctx, d) })
	return endError(c.DataDir, err)
}

// crashLoudly has a panic nobody recovers, and a watchdog, end the process by SIGABRT:
// Go's own exit code for both is 2, which means a bad configuration here, and that
// nobody is to start it again. No core is to be dumped: it would hold keys and personal
// data. (Who takes cores by a pipe is told so by the limit, and has to heed it.)
func crashLoudly(log *slog.Logger) {
	debug.SetTraceback("crash")
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		log.Warn("a crash may dump a core, with keys and personal data in it", "err", err)
	}
}

// leave ends the process at once when the storage is in doubt: whoever waits
// for an answer gets none, and sends again. The next start reads the disk. The
// operators are told first: nobody is answered meanwhile.
func leave(log *slog.Logger, alerts *alerts) func(error) {
	return func(err error) {
		log.Error("storage in doubt: leaving without an answer", "err", err)
		alerts.lastOf(err)
		os.Exit(exitStorageDoubt)
	}
}

// newLogger returns the log of the service: text on a terminal, else JSON.
func newLogger(w io.Writer, level, format string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: l}
	if format == "text" || format == "auto" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}
