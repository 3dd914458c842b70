package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
)

type restoreCmd struct {
	DataDir string `name:"ledger-data-dir" hidden:"" default:"./data"`
	File    string `arg:"" help:"A backup; - is standard input."`
	Keys    string `placeholder:"FILE" help:"The key file; FILE.keys if not given, or ledger.keys in the backup's folder. The newest one there is keeps erased what was erased since the backup."`
	Data    string `placeholder:"DIR" help:"Where the ledger goes: an empty directory, or none yet. LEDGER_DATA_DIR if not given."`
	DryRun  bool   `help:"Verify the backup, and restore nothing."`
	Output  string `enum:"table,json" default:"table" help:"${enum}."`
}

// Help is what restore --help says beside its flags.
func (restoreCmd) Help() string {
	return `Verifies every entry, then makes the ledger as of the backup. Its views are
made anew by the next start. Messages that had been asked for are held, whatever
they waited for, and so are answers to what happened before the restore and is
told after it: they may have been sent after the backup was made. They are shown
by effects list --state held.

Exit codes:
  0   restored
  1   the backup is not sound: nothing was restored
  2   could not restore: the directory is not empty, a file is missing

Examples:
  ghl-ledger restore /backups/ledger.bak --keys /elsewhere/ledger.keys --dry-run`
}

// restoredBody is the body of ledger.restored.
type restoredBody struct {
	Backup      string     `json:"backup"`
	Seq         ledger.Seq `json:"seq"` // of the newest entry of the backup
	Head        string     `json:"head"`
	ErasedSince []string   `json:"erased_since,omitempty"`
}

// Run restores, and says who was erased since the backup.
func (c *restoreCmd) Run(ctx context.Context, con *console) error {
	in, err := c.open(con)
	if err != nil {
		return err
	}
	defer in.Close()
	if c.Data == "" {
		c.Data = c.DataDir
	}
	bar, done := con.bar("restore")
	r, err := c.restore(ctx, in, bar)
	done()
	switch {
	case errors.Is(err, boltlog.ErrNotEmpty):
		return fmt.Errorf("%w: restore elsewhere with --data, or move what is there away", err)
	case err != nil:
		return err
	}
	return c.tell(con.out, r)
}

func (c *restoreCmd) restore(ctx context.Context, in io.Reader, bar func(at, total int64)) (boltlog.Report, error) {
	if c.DryRun {
		return boltlog.VerifyBackup(ctx, in, c.Keys, bySeq(bar))
	}
	return boltlog.Restore(ctx, c.Data, in, c.Keys, bySeq(bar), c.said)
}

// said is the entry that tells every view what happened here.
func (c *restoreCmd) said(r boltlog.Report) ledger.Draft {
	now := time.Now().UTC()
	body, err := json.Marshal(restoredBody{filepath.Base(c.File), r.Head.Seq, ledger.FormatID(r.Head.ID), r.ErasedSince})
	if err != nil {
		panic(err) // strings and numbers
	}
	return ledger.Draft{Kind: outbox.LedgerRestored, Key: "restored:" + now.Format(time.RFC3339Nano), Occurred: now, Body: body}
}

// open opens the backup and finds its keys.
func (c *restoreCmd) open(con *console) (io.ReadCloser, error) {
	in := io.NopCloser(con.in)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, fmt.Errorf("the backup: %w", err)
		}
		in = f
	}
	if err := c.findKeys(); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return in, nil
}

// findKeys looks for the key file where it may be, and says what to do if it
// is not there.
func (c *restoreCmd) findKeys() error {
	if c.Keys == "" && c.File != "-" {
		for _, keys := range []string{c.File + ".keys", filepath.Join(filepath.Dir(c.File), sharedKeys)} {
			if _, err := os.Stat(keys); err == nil {
				c.Keys = keys
				return nil
			}
		}
		return fmt.Errorf("%s.keys is not there: --keys says where the key file is, without which no body can be read", c.File)
	}
	if c.Keys == "" {
		return errors.New("restore from standard input: --keys says where the key file is")
	}
	if _, err := os.Stat(c.Keys); err != nil {
		return fmt.Errorf("the key file: %w: --keys says where it is; without it no body can be read", err)
	}
	return nil
}

func (c *restoreCmd) tell(w io.Writer, r boltlog.Report) error {
	v := verdictOf(r)
	if c.Output == "json" {
		if err := printJSON(w, v); err != nil {
			return err
		}
	} else if err := v.print(w); err != nil {
		return err
	}
	switch {
	case v.Newer > 0:
		return answerNo{errors.New("a newer release made this backup: nothing was restored; restore it with that release, or one after it")}
	case !v.Sound:
		return answerNo{errors.New("nothing was restored: if it is the backup that is not sound, try an older one")}
	}
	if c.Output == "json" {
		return nil
	}
	p := &printer{w: w}
	for _, contact := range v.ErasedSince {
		p.line("erased since the backup, and stays so: %s", contact)
	}
	if !c.DryRun {
		p.line("restored to %s. Messages asked for before are held: `ghl-ledger effects list --state held`, once it serves.", c.Data)
	}
	return p.err
}
