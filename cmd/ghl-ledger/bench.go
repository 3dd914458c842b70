package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"golang.org/x/sync/errgroup"
)

type benchCmd struct {
	Data    string `placeholder:"DIR" help:"Measure on this directory's disk, where a service's data would be; what is written there is removed. By default the system's place for temporary files, which may be memory."`
	Entries int    `default:"5000" help:"How many entries each measurement appends."`
	Output  string `enum:"table,json" default:"table" help:"${enum}."`
}

// Help is what bench --help says beside its flags.
func (benchCmd) Help() string {
	return `Measures what a service would do on this machine: the disk's flush, appends by
one writer (each waits for two flushes) and by 256 (which share them), reading
in order, and verifying. Other work on the machine is in the figures.

Examples:
  ghl-ledger bench --data /var/lib/ghl-ledger
  ghl-ledger bench --entries 100000 --output json`
}

// measure is one line of the result.
type measure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// Run measures, in a directory of its own that it removes, and prints.
func (c *benchCmd) Run(ctx context.Context, con *console) (err error) {
	if c.Entries < 1 {
		return errors.New("--entries: want 1 or more")
	}
	dir, err := os.MkdirTemp(c.Data, "ghl-ledger-bench-")
	if err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	progress, done := con.bar("bench")
	b := &bench{entries: c.Entries, dir: dir, progress: progress}
	err = b.run(ctx)
	done()
	if err != nil {
		return fmt.Errorf("bench in %s: %w", dir, err)
	}
	return printList(con, c.Output, b.found)
}

// bench is a measurement under way.
type bench struct {
	entries  int
	dir      string
	found    []measure
	progress func(at, total int64)
}

// note keeps a figure, to four digits: more would be of the moment.
func (b *bench) note(name string, v float64, unit string) {
	if v > 0 {
		digits := math.Pow(10, 3-math.Floor(math.Log10(v)))
		v = math.Round(v*digits) / digits
	}
	b.found = append(b.found, measure{name, v, unit})
	b.progress(int64(len(b.found)), 10)
}

func (b *bench) run(ctx context.Context) error {
	flush, err := flushTime(b.dir, 100)
	if err != nil {
		return err
	}
	b.note("flush, median", millis(flush), "ms")
	l, err := boltlog.Open(b.dir, boltlog.Options{})
	if err != nil {
		return err
	}
	if err := b.ledger(ctx, l); err != nil {
		return errors.Join(err, l.Close())
	}
	if err := l.Close(); err != nil {
		return err
	}
	return b.verify(ctx)
}

// ledger appends and reads back. One writer gets a tenth of the entries: each
// of them waits for the disk.
func (b *bench) ledger(ctx context.Context, l *boltlog.Log) error {
	if err := b.append(ctx, l, 1, max(1, b.entries/10)); err != nil {
		return err
	}
	if err := b.append(ctx, l, 256, b.entries); err != nil {
		return err
	}
	begun, n := time.Now(), 0
	for _, err := range l.Read(ctx, ledger.Cursor{}) {
		if err != nil {
			return err
		}
		n++
	}
	b.note("read in order", float64(n)/time.Since(begun).Seconds(), "entries/s")
	return nil
}

// append has so many writers append n entries, each waiting for its own.
func (b *bench) append(ctx context.Context, l *boltlog.Log, writers, n int) error {
	took := make([]time.Duration, n)
	begun := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for w := range min(writers, n) {
		g.Go(func() error {
			for i := w; i < n; i += writers {
				asked := time.Now()
				if _, err := l.Append(ctx, benchDraft(writers, i)); err != nil {
					return err
				}
				took[i] = time.Since(asked)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	name := fmt.Sprintf("append, %d writers", writers)
	if writers == 1 {
		name = "append, 1 writer"
	}
	slices.Sort(took)
	b.note(name, float64(n)/time.Since(begun).Seconds(), "entries/s")
	b.note(name+", median", millis(took[n/2]), "ms")
	b.note(name+", 99 %", millis(took[n*99/100]), "ms")
	return nil
}

// benchDraft is the i-th webhook of a run: a sample of the seed's, of one of a
// thousand contacts.
func benchDraft(writers, i int) ledger.Draft {
	contact := fmt.Sprintf("contact_%d", i%1000)
	return ledger.Draft{Kind: string(ghl.ContactCreated), Key: fmt.Sprintf("bench:%d:%d", writers, i), Subject: contact, Location: "bench",
		Body: ghl.SampleOf(ghl.ContactCreated, ghl.Seed, ghl.SampleValues{At: time.Now(), Contact: contact})}
}

// verify times the check of every entry, and wants them all sound.
func (b *bench) verify(ctx context.Context) error {
	begun := time.Now()
	r, err := boltlog.Verify(ctx, b.dir, nil)
	if err != nil {
		return err
	}
	if !r.Sound() {
		return answerNo{errors.New("what was written did not verify: do not trust this disk")}
	}
	b.note("verify", float64(r.Whole)/time.Since(begun).Seconds(), "entries/s")
	b.note("ledger file", float64(r.Bytes)/float64(r.Entries), "bytes/entry")
	return nil
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
