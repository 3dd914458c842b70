package boltlog_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
	"golang.org/x/sync/errgroup"
)

// appendMany appends n entries about so many contacts from 256 senders, and
// returns the seconds it took. Keys begin with run, which is used once; contacts
// with about.
func appendMany(ctx context.Context, l *boltlog.Log, run, about string, n, contacts int) (took float64, err error) {
	begun := time.Now()
	all, ctx := errgroup.WithContext(ctx)
	for s := range 256 {
		all.Go(func() error {
			for i := s; i < n; i += 256 {
				d := event(fmt.Sprint(run, " ", i), fmt.Sprint(about, " contact ", i%contacts))
				if _, err := l.Append(ctx, d); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = all.Wait()
	return time.Since(begun).Seconds(), err
}

// event is a draft with a body as large as the mean of testdata/webhooks.
func event(key, contact string) ledger.Draft {
	d := of(key, contact)
	d.Body = fmt.Appendf(nil, `{"type":"contact.created","key":%q,"data":{"contact_id":%q,"custom_fields":%q}}`, key, contact, filling)
	return d
}

var filling = strings.Repeat("three bedrooms, a garden, ", 28)

// grown makes a ledger of n entries, a thousand a commit.
func grown(b *testing.B, n int) (dir string) {
	b.Helper()
	dir = b.TempDir()
	l := open(b, dir, boltlog.Options{})
	for i := 0; i < n; i += 1000 {
		ds := make([]ledger.Draft, 0, 1000)
		for j := range 1000 {
			ds = append(ds, event(fmt.Sprint("old ", i+j), fmt.Sprint("contact ", (i+j)%100000)))
		}
		logtest.Append(b, l, ds...)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	return dir
}

// BenchmarkLarge compares a ledger of two million entries with an empty one in
// one run: start after a clean stop, start after a crash, append rate, Erase and
// Verify.
// The rounds are short and take turns, as those of BenchmarkSealing.
//
//	GHL_LEDGER_BENCH_ENTRIES  how many (2,000,000)
//	GHL_LEDGER_BENCH_PAIRS    how many pairs of rounds (200)
//	GHL_LEDGER_BENCH_ROUND    how many entries in a round (2560)
func BenchmarkLarge(b *testing.B) {
	n := int(fromEnv(b, "GHL_LEDGER_BENCH_ENTRIES", 2_000_000))
	dirs := [2]string{grown(b, n), grown(b, 0)}
	for b.Loop() {
		starts := starts(b, dirs)
		logs := [2]*boltlog.Log{open(b, dirs[0], boltlog.Options{}), open(b, dirs[1], boltlog.Options{})}
		r := compare(b, here(b, logs), pairs(b, 200), roundEntries(b, 2560), 0)
		b.ReportMetric(eraseOne(b, logs[0]), "large-erase-ms")
		if err := errors.Join(logs[0].Close(), logs[1].Close()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(starts[0], "large-start-ms")
		b.ReportMetric(starts[1], "empty-start-ms")
		r.report(b, "large", "empty")
		b.ReportMetric(startAfterCrash(b, dirs[0]), "large-crash-start-ms")
		b.ReportMetric(startAfterCrash(b, dirs[1]), "empty-crash-start-ms")
	}
	begun := time.Now()
	r, err := boltlog.Verify(b.Context(), dirs[0], nil)
	if err != nil || !r.Sound() {
		b.Fatal(r.Faults, err)
	}
	b.ReportMetric(float64(r.Whole)/time.Since(begun).Seconds(), "verified-entries/s")
}

// starts opens each stopped ledger eight times, in turns, and returns the
// median time in milliseconds.
func starts(b *testing.B, dirs [2]string) (ms [2]float64) {
	var took [2][]float64
	for range 8 {
		for j, dir := range dirs {
			begun := time.Now()
			l := open(b, dir, boltlog.Options{})
			took[j] = append(took[j], time.Since(begun).Seconds()*1000)
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
		}
	}
	return [2]float64{median(took[0]), median(took[1])}
}

// eraseOne returns how many milliseconds it takes to erase one contact.
func eraseOne(b *testing.B, l *boltlog.Log) (ms float64) {
	b.Helper()
	begun := time.Now()
	if err := l.Erase(b.Context(), ledger.Erasure{Subject: "contact 1"}); err != nil {
		b.Fatal(err)
	}
	return time.Since(begun).Seconds() * 1000
}

// startAfterCrash has a process append to a ledger, kills it, and returns how many
// milliseconds the next start takes.
func startAfterCrash(b *testing.B, dir string) (ms float64) {
	b.Helper()
	a := newAppender(b, dir, "sealed")
	a.append(fmt.Sprint("crash-", time.Now().UnixNano()), "all", 256, 256)
	if err := a.cmd.Process.Kill(); err != nil {
		b.Fatal(err)
	}
	_ = a.cmd.Wait() // it was killed
	begun := time.Now()
	l := open(b, dir, boltlog.Options{})
	ms = time.Since(begun).Seconds() * 1000
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	return ms
}

// side appends n entries about so many contacts, as appendMany does, and returns
// the seconds it took.
type side func(run, about string, n, contacts int) float64

// here returns two logs of this process as sides.
func here(b *testing.B, logs [2]*boltlog.Log) (sides [2]side) {
	for i, l := range logs {
		sides[i] = func(run, about string, n, contacts int) float64 {
			runtime.GC() // not the other's garbage in this one's time
			took, err := appendMany(b.Context(), l, run, about, n, contacts)
			if err != nil {
				b.Fatal(err)
			}
			return took
		}
	}
	return sides
}

// compared are the rounds of two logs.
type compared struct {
	round  int        // entries in each
	took   [2]float64 // seconds of all
	ratios []float64  // of the rates of each pair
	memory [2]float64 // in MB at the end, of processes of their own
}

// add adds the rounds of two other logs.
func (c *compared) add(d compared) {
	c.round = d.round
	c.took[0], c.took[1] = c.took[0]+d.took[0], c.took[1]+d.took[1]
	c.ratios = append(c.ratios, d.ratios...)
	c.memory = [2]float64{max(c.memory[0], d.memory[0]), max(c.memory[1], d.memory[1])}
}

// pairs is how many pairs of rounds to run.
func pairs(b *testing.B, otherwise uint64) int {
	b.Helper()
	return int(fromEnv(b, "GHL_LEDGER_BENCH_PAIRS", otherwise))
}

// compare has two logs append in rounds of so many entries that take turns, so that
// what else the machine does is in both; either goes first by turns.
// The contacts are so many, or new ones for each entry if that is 0.
func compare(b *testing.B, sides [2]side, rounds, entries, contacts int) compared {
	c := compared{round: entries}
	for round := range rounds {
		run := fmt.Sprint(round)
		about := "all"
		if contacts == 0 {
			about = run
		}
		var took [2]float64
		for _, j := range inOrder(round) {
			took[j] = sides[j](run, about, entries, cmp.Or(contacts, entries))
			c.took[j] += took[j]
		}
		c.ratios = append(c.ratios, took[1]/took[0])
	}
	return c
}

// report reports the rates, their ratio over all rounds, merges of the index
// included, and the median ratio of pairs that follow one another.
func (c compared) report(b *testing.B, one, other string) {
	entries := float64(len(c.ratios) * c.round)
	b.ReportMetric(entries/c.took[0], one+"-entries/s")
	b.ReportMetric(entries/c.took[1], other+"-entries/s")
	b.ReportMetric(c.took[1]/c.took[0], one+"/"+other)
	b.ReportMetric(median(c.ratios), one+"/"+other+"-median")
	if c.memory[0] > 0 {
		b.ReportMetric(c.memory[0], one+"-MB")
		b.ReportMetric(c.memory[1], other+"-MB")
	}
}

// roundEntries is how many entries a round has.
func roundEntries(b *testing.B, otherwise uint64) int {
	b.Helper()
	return int(fromEnv(b, "GHL_LEDGER_BENCH_ROUND", otherwise))
}

// inOrder returns both sides, either first by turns.
func inOrder(turn int) [2]int { return [2]int{turn % 2, 1 - turn%2} }

func median(list []float64) float64 {
	slices.Sort(list)
	return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
}
