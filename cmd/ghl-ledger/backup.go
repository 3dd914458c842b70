package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
)

type backupCmd struct {
	remote  `embed:""`
	DataDir string `name:"ledger-data-dir" hidden:"" default:"./data"`
	File    string `arg:"" help:"Where it goes; - is standard output, to ship it off the machine."`
	Keys    string `placeholder:"FILE" help:"Where the copy of the key file goes; FILE.keys if not given. A backup without it cannot be read, and whoever has both can read everything: keep them apart."`
	Rate    Size   `placeholder:"SIZE" help:"Bytes a second at most, of the entries (the key file is small), like 10MiB; as fast as it goes if not given."`
	Output  string `enum:"table,json" default:"table" help:"${enum}."`
}

// Help is what backup --help says beside its flags.
func (backupCmd) Help() string {
	return `Copies the ledger of a running service while it goes on, or of a stopped one.
The files get their names once they are flushed and every entry was verified.
Two files, since bodies are sealed and the keys are in the second. With - the
entries go to standard output, and the keys are not among them: --keys FILE has
them written to a file at the same time. What is said of the copy goes to
standard error then.

Exit codes:
  0   made and verified
  1   what was copied is not sound: nothing was kept
  2   could not copy
  70 to 75  a stopped ledger could not be opened: see serve --help

Examples:
  ghl-ledger backup /backups/ledger.bak --keys /elsewhere/ledger.keys
  ghl-ledger backup - --keys ledger.keys | ssh vault 'cat > ledger.bak'`
}

// Run makes a backup and says what is in it.
func (c *backupCmd) Run(ctx context.Context, con *console) error {
	from, done, err := c.source(con)
	if err != nil {
		return err
	}
	defer done()
	if c.File == "-" {
		return c.stream(ctx, con, from)
	}
	if c.Keys == "" {
		c.Keys = c.File + ".keys"
	}
	if err := errors.Join(absent(c.File), absent(c.Keys)); err != nil {
		return err
	}
	bar, stop := con.bar("verify")
	r, err := copyJob{from: from, path: c.File, keys: c.Keys, perSecond: c.Rate, progress: bar}.run(ctx)
	stop()
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return c.tell(con.out, r)
}

// source is the stopped ledger, or the service that has it open.
func (c *backupCmd) source(con *console) (from copier, done func() error, err error) {
	if _, err := os.Stat(filepath.Join(c.DataDir, "ledger.db")); err == nil { // or Open would make one
		l, err := boltlog.Open(c.DataDir, boltlog.Options{})
		if err == nil {
			return l, l.Close, nil
		}
		if !errors.Is(err, boltlog.ErrLocked) {
			return nil, nil, storageError(c.DataDir, err)
		}
	}
	c.find(con.set)
	return &c.remote, func() error { return nil }, nil
}

// stream sends the entries to standard output and verifies them on their way.
func (c *backupCmd) stream(ctx context.Context, con *console, from copier) error {
	if c.Keys != "" { // before an hour's copying
		if err := absent(c.Keys); err != nil {
			return err
		}
	}
	j := copyJob{from: from, perSecond: c.Rate}
	in, out := io.Pipe()
	copied := make(chan error, 1)
	go func() {
		err := from.Backup(ctx, j.slowed(ctx, io.MultiWriter(con.out, out)))
		out.CloseWithError(err) // without an error, it reads as the end
		copied <- err
	}()
	r, err := boltlog.VerifyBackup(ctx, in, "", nil)
	in.CloseWithError(err)
	if err := errors.Join(err, <-copied); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if c.Keys != "" && r.Sound() {
		err := write(ctx, c.Keys+tempSuffix, from.BackupKeys)
		if err == nil {
			err = nameKeys(c.Keys)
		}
		if err != nil {
			return fmt.Errorf("backup of the keys: %w", errors.Join(err, removeIfThere(c.Keys+tempSuffix)))
		}
	}
	return c.tell(con.err, r)
}

// absent refuses a file that is there: it may be the only backup, or the keys
// of another. Its folder must be.
func absent(path string) error {
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no folder %s: make it, or name another", filepath.Dir(path))
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s is there already: name another file, or move it away", path)
	}
	return nil
}

const noKeys = "the keys are not in the stream, and without them no body in it can be read: `ghl-ledger backup - --keys FILE` writes them to a file beside it, to be kept apart; those of a later backup of this ledger will do, too"

// tell prints what a backup has in it, or that it does not count.
func (c *backupCmd) tell(w io.Writer, r boltlog.Report) error {
	v := verdictOf(r)
	if c.Keys == "" {
		v.Notes = append(v.Notes, noKeys)
	}
	if c.Output == "json" {
		if err := printJSON(w, v); err != nil {
			return err
		}
	} else if err := v.print(w); err != nil {
		return err
	}
	switch {
	case !v.Sound && c.File == "-":
		return answerNo{errors.New("what was sent is not sound, throw it away: run `ghl-ledger verify`")}
	case !v.Sound:
		return answerNo{errors.New("the copy is not sound, and was not kept: run `ghl-ledger verify`")}
	case c.Output == "json" || c.Keys == "":
		return nil
	}
	_, err := fmt.Fprintf(w, "entries: %s\nkeys:    %s (keep it apart; `ghl-ledger restore %s --keys %s` needs both)\n", c.File, c.Keys, c.File, c.Keys)
	return err
}
