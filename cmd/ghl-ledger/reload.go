package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// secrets are what a running service takes anew on SIGHUP: the keys of webhook
// senders and the tokens of GoHighLevel's API. They are read-only once in use.
type secrets struct {
	keys  ghl.Keys
	token func(location string) string
}

// useSecrets takes the secrets of c from now on. Deliveries and calls under way
// keep those that they began with.
func (s *service) useSecrets(c Config) error {
	keys, err := c.keys()
	if err != nil {
		return err
	}
	s.secrets.Store(&secrets{keys: keys, token: c.token})
	return nil
}

// senderKeys returns what may verify a delivery now.
func (s *service) senderKeys() ghl.Keys { return s.secrets.Load().keys }

// token returns the API token of a location as it is now, or "".
func (s *service) token(location string) string { return s.secrets.Load().token(location) }

// reread returns the configuration of serve as .env and the files that it names
// have it now. Flags and the environment are those of the start.
func (con *console) reread() (Config, error) {
	set, err := readSettings(con.environ, ".env")
	if err != nil {
		return Config{}, err
	}
	again := *con
	again.set = set
	var c cli
	parser, err := newParser(context.Background(), &c, &again)
	if err != nil {
		return Config{}, err
	}
	if _, err := parser.Parse(con.args); err != nil {
		return Config{}, err
	}
	c.Serve.complete(set)
	return c.Serve.Config, c.Serve.check()
}

// reload takes what reread finds, if the service could start with it; else the
// old secrets stay, for a slip in a file must not shut every sender out.
func (s *service) reload(reread func() (Config, error)) {
	c, err := reread()
	if err == nil {
		err = s.useSecrets(c)
	}
	if err != nil {
		s.log.Error("keys not reloaded: the old ones stay", "err", err)
		return
	}
	keys := s.senderKeys()
	s.log.Info("keys reloaded", "secrets", len(keys.Secrets), "public_keys", len(keys.PublicKeys), "tokens", len(keys.Tokens))
}

// reloadOnHangup reloads the secrets and the points card at each SIGHUP until stop is called.
func (s *service) reloadOnHangup(reread func() (Config, error)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				s.reload(reread)
				s.takeCard(ctx)
			}
		}
	}()
	return func() {
		signal.Stop(hangup)
		cancel()
		<-done
	}
}
