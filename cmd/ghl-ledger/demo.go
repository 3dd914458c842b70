package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
)

type demoCmd struct {
	Once bool `help:"End after the story; non-zero if any step was not as it should be."`
}

// Help is what demo --help says beside its flags.
func (demoCmd) Help() string {
	return `Examples:
  ghl-ledger demo
  ghl-ledger demo --once`
}

// Run tells the story of story.go through real HTTP, prints what came of it,
// and stays up until it is interrupted.
func (c *demoCmd) Run(ctx context.Context, con *console) (err error) {
	dir, err := os.MkdirTemp("", "ghl-ledger-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	t, err := newTrial(ctx, dir, newLogger(log, "info", "json"), !c.Once)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	t.sandbox.Fault(ghltest.Fault{
		Method: "PUT", Contact: refused, Status: 422, Message: "the sandbox refuses this contact, for the story's sake",
	})
	if err := (&teller{trial: t, out: con.out}).tell(ctx); ctx.Err() != nil {
		return nil // interrupted: that is no fault of the story
	} else if err != nil {
		return answerNo{fmt.Errorf("the story did not go as it should: %w", err)}
	}
	c.invite(con, t, dir)
	if c.Once {
		return nil
	}
	select {
	case <-ctx.Done():
	case <-t.ended: // Close says of what
	}
	return nil
}

// invite says where to look.
func (c *demoCmd) invite(con *console, t *trial, dir string) {
	public, admin := t.doors.public.Addr(), t.doors.admin.Addr()
	if c.Once {
		fmt.Fprintf(con.out, "\nEverything was as it should be. Without --once it stays up: then the API is on http://%s and health on http://%s.\n", admin, public)
		return
	}
	fmt.Fprintf(con.out, `
It stays up until ctrl-C; everything is in %s and is removed then.
  console  http://%s/console
  token    %s
  API      curl -H "Authorization: Bearer $TOKEN" http://%s/api/v1/leads
  health   curl http://%s/webhooks/ghl/health
  retry    LEDGER_URL=http://%s LEDGER_ADMIN_TOKEN=%s ghl-ledger effects retry --state dead --yes
`, dir, admin, t.cfg.AdminToken, admin, public, admin, t.cfg.AdminToken)
}
