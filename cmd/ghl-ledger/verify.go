package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
)

type verifyCmd struct {
	remote  `embed:""`
	DataDir string `name:"ledger-data-dir" hidden:"" default:"./data"`
	Data    string `placeholder:"DIR" help:"Verify the ledger of a stopped service, or a copy of one, in DIR. Without it: LEDGER_DATA_DIR, or the running service if that has it open."`
	Output  string `enum:"table,json" default:"table" help:"${enum}."`
}

// Help is what verify --help says beside its flags.
func (verifyCmd) Help() string {
	return `Reads every entry: checksum, place, chain and key; that its body opens or was
erased; the head against its witness, and every page that leads to them.

It needs the key file beside the ledger: without it nobody can read a body, and
it says what it could check nevertheless. A backup is verified by
ghl-ledger restore FILE --dry-run.

Exit codes:
  0   sound
  1   not sound: the entries are named, what is still sound, and what could not
      be looked at
  2   could not look

Examples:
  ghl-ledger verify
  ghl-ledger verify --data /var/lib/ghl-ledger --output json`
}

// Run verifies, prints what it found, and ends with answerNo if that is not sound.
func (c *verifyCmd) Run(ctx context.Context, con *console) error {
	v, err := c.verify(ctx, con)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		err = printJSON(con.out, v)
	} else {
		err = v.print(con.out)
	}
	if err == nil && !v.Sound {
		err = answerNo{v.advice()}
	}
	return err
}

// verify looks at the directory, or asks the service that has it open.
func (c *verifyCmd) verify(ctx context.Context, con *console) (verdict, error) {
	dir := c.Data
	if dir == "" {
		dir = c.DataDir
	}
	bar, done := con.bar("verify")
	r, err := boltlog.Verify(ctx, dir, bySeq(bar))
	done()
	switch {
	case err == nil:
		return verdictOf(r), nil
	case isFile(dir):
		return verdict{}, fmt.Errorf("%s is a file: --data names the directory of a stopped service; a backup is verified by `ghl-ledger restore %[1]s --dry-run`", dir)
	case !errors.Is(err, boltlog.ErrLocked):
		return verdict{}, fmt.Errorf("%w: --data names the directory of a stopped service", err)
	case c.Data != "":
		return verdict{}, fmt.Errorf("%w: stop the service, or leave --data out to ask it", err)
	}
	c.find(con.set)
	if !isTerminal(con.err) { // nobody sees a bar
		return c.ask(ctx, nil)
	}
	bar, done = con.bar("verify, by the service")
	defer done()
	return c.ask(ctx, bar)
}

// ask has the service that has the ledger open verify it. progress, if not nil,
// is told how far it is.
func (c *verifyCmd) ask(ctx context.Context, progress func(at, total int64)) (verdict, error) {
	var answer struct {
		Verified verdict `json:"verified"`
	}
	working, over := context.WithCancel(ctx)
	var watching sync.WaitGroup
	if progress != nil {
		watching.Go(func() { c.watch(working, progress) })
	}
	r := c.remote
	r.patience = allTime
	err := r.call(ctx, "GET", "/api/v1/ledger?verify=true", nil, &answer)
	over()
	watching.Wait()
	return answer.Verified, err
}

// watch asks the service how far it is until ctx ends. An answer that does not
// come is no reason to give up on the verdict.
func (c *verifyCmd) watch(ctx context.Context, progress func(at, total int64)) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		var now struct {
			Storage struct{ Verifying *verifying }
		}
		if err := c.call(ctx, "GET", "/api/v1/ledger", nil, &now); err == nil && now.Storage.Verifying != nil {
			progress(int64(now.Storage.Verifying.Seq), int64(now.Storage.Verifying.Of))
		}
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// verdict is a report as it is printed.
type verdict struct {
	Sound     bool       `json:"sound"`
	Entries   ledger.Seq `json:"entries"`
	Whole     ledger.Seq `json:"whole"`      // entries that are sound
	SoundUpTo ledger.Seq `json:"sound_upto"` // all up to here are
	Erased    ledger.Seq `json:"erased"`
	Unopened  ledger.Seq `json:"unopened"`        // bodies not looked at, for want of the keys
	Newer     ledger.Seq `json:"newer,omitempty"` // of a newer release, which can read them
	Bytes     int64      `json:"bytes"`
	Head      string     `json:"head"`
	Hash      string     `json:"hash"`
	Faults    []fault    `json:"faults"`
	More      int        `json:"more_faults"`
	Notes     []string   `json:"notes"`

	ErasedSince []string `json:"erased_since,omitempty"` // contacts, since a backup
}

// fault is one thing that is wrong, about the entries first to last, or, where
// they are 0, about the file.
type fault struct {
	First ledger.Seq `json:"first"`
	Last  ledger.Seq `json:"last"`
	What  string     `json:"what"`
	Newer bool       `json:"newer,omitempty"` // written by a newer release: no damage
}

func verdictOf(r boltlog.Report) verdict {
	v := verdict{
		Sound: r.Sound(), Entries: r.Entries, Whole: r.Whole, SoundUpTo: r.Upto, Erased: r.Erased, Unopened: r.Unopened, Newer: r.Newer, Bytes: r.Bytes,
		Head: ledger.FormatID(r.Head.ID), Hash: hex.EncodeToString(r.Hash[:]), More: r.More,
		Faults: []fault{}, Notes: append([]string{}, r.Notes...), ErasedSince: r.ErasedSince,
	}
	for _, f := range r.Faults {
		v.Faults = append(v.Faults, fault(f))
	}
	return v
}

func (v verdict) print(w io.Writer) error {
	p := &printer{w: w}
	if v.Sound {
		p.line("sound: %d entries, %d of them erased, %d bytes", v.Entries, v.Erased, v.Bytes)
	} else if v.Whole == v.Entries {
		p.line("NOT SOUND, though each of %d entries is as it was written:", v.Entries)
	} else {
		p.line("NOT SOUND: %d of %d entries are as they were written, all up to entry %d", v.Whole, v.Entries, v.SoundUpTo)
	}
	for _, f := range v.Faults {
		p.line("  %s", boltlog.Fault(f))
	}
	if v.More > 0 {
		p.line("  and %d more", v.More)
	}
	if v.Unopened > 0 {
		p.line("  not looked into: %d bodies, which are sealed; their checksum, place, chain and key were checked", v.Unopened)
	}
	for _, n := range v.Notes {
		p.line("  note: %s", n)
	}
	if v.Whole > 0 {
		p.line("head: %s, hash %s", v.Head, v.Hash)
	}
	return p.err
}

// advice says what to do about a ledger that is not sound.
func (v verdict) advice() error {
	if v.Newer > 0 {
		return errors.New("a newer release wrote in this ledger, and only that one can tell whether it is sound: verify with it, and restore nothing")
	}
	if v.Unopened > 0 {
		return errors.New("the ledger is not sound without its keys: put a copy of its key file beside it as ledger.keys (that of its newest backup will do), and verify again")
	}
	return errors.New("the ledger is not sound: stop the service and restore a backup")
}

// printer remembers the first error of many lines.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}
