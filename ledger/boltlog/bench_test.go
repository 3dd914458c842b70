package boltlog_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
)

// appendMany appends n entries about so many contacts from 256 senders, and
// returns entries a second. Keys begin with run, which is used once; contacts
// with about.
func appendMany(b *testing.B, l *boltlog.Log, run, about string, n, contacts int) float64 {
	b.Helper()
	begun := time.Now()
	var all sync.WaitGroup
	for s := range 256 {
		all.Go(func() {
			for i := s; i < n; i += 256 {
				d := event(fmt.Sprint(run, " ", i), fmt.Sprint(about, " contact ", i%contacts))
				if _, err := l.Append(b.Context(), d); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	return float64(n) / time.Since(begun).Seconds()
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
// one run: start after a clean stop, append rate, and Verify. The rounds are
// short and take turns, as those of BenchmarkSealing.
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
		r := compare(b, logs, pairs(b, 200), roundEntries(b))
		if err := errors.Join(logs[0].Close(), logs[1].Close()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(starts[0], "large-start-ms")
		b.ReportMetric(starts[1], "empty-start-ms")
		r.report(b, "large", "empty")
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

// BenchmarkSealing compares appends with sealing and without, for new contacts
// and for known ones, in one run. Both logs do the same work but for the
// sealing: they compress alike. Two logs of one kind, compared like that, differ
// by up to 2 %, by where their files happen to lie, and by 3 % in 200 pairs of
// rounds: so there are several logs of each kind, one after the other, and many
// rounds, which take three to seven minutes for both kinds of contacts. Rounds of
// 25,600 entries are as a load that lasts: merges, and the collector's work, fall
// into them.
//
//	GHL_LEDGER_BENCH_LOGS   how many logs of each kind (5)
//	GHL_LEDGER_BENCH_PAIRS  how many pairs of rounds with each two (300)
//	GHL_LEDGER_BENCH_ROUND  how many entries in a round (2560)
func BenchmarkSealing(b *testing.B) {
	for _, who := range []struct {
		name     string
		contacts int
	}{{"new", roundEntries(b)}, {"known", 100}} {
		b.Run(who.name, func(b *testing.B) {
			for b.Loop() {
				var all compared
				for range fromEnv(b, "GHL_LEDGER_BENCH_LOGS", 5) {
					all.add(compareSealing(b, who.contacts))
				}
				all.report(b, "sealed", "plain")
			}
		})
	}
}

// compareSealing compares two new logs.
func compareSealing(b *testing.B, contacts int) compared {
	dir := b.TempDir()
	logs := [2]*boltlog.Log{
		open(b, filepath.Join(dir, "sealed"), boltlog.Options{}),
		open(b, filepath.Join(dir, "plain"), boltlog.Options{Plain: true}),
	}
	c := compare(b, logs, pairs(b, 300), contacts)
	if err := errors.Join(logs[0].Close(), logs[1].Close(), os.RemoveAll(dir)); err != nil {
		b.Fatal(err)
	}
	return c
}

// compared are the rounds of two logs.
type compared struct {
	round  int        // entries in each
	took   [2]float64 // seconds of all
	ratios []float64  // of the rates of each pair
}

// add adds the rounds of two other logs.
func (c *compared) add(d compared) {
	c.round = d.round
	c.took[0], c.took[1] = c.took[0]+d.took[0], c.took[1]+d.took[1]
	c.ratios = append(c.ratios, d.ratios...)
}

// pairs is how many pairs of rounds to run.
func pairs(b *testing.B, otherwise uint64) int {
	b.Helper()
	return int(fromEnv(b, "GHL_LEDGER_BENCH_PAIRS", otherwise))
}

// compare has two logs append in rounds that are short and take turns, so that
// what else the machine does is in both.
func compare(b *testing.B, logs [2]*boltlog.Log, rounds, contacts int) (c compared) {
	c.round = roundEntries(b)
	for round := range rounds {
		t := turns(b, logs, round, c.round, contacts)
		c.took[0], c.took[1] = c.took[0]+t[0], c.took[1]+t[1]
		c.ratios = append(c.ratios, t[1]/t[0])
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
}

// roundEntries is how many entries a round has.
func roundEntries(b *testing.B) int {
	b.Helper()
	return int(fromEnv(b, "GHL_LEDGER_BENCH_ROUND", 2560))
}

// turns appends a round to each log, and returns the seconds it took. Each goes
// first as often as the other.
func turns(b *testing.B, logs [2]*boltlog.Log, round, entries, contacts int) (took [2]float64) {
	run := fmt.Sprint(round)
	about := run
	if contacts < entries {
		about = "all"
	}
	for _, j := range []int{round % 2, 1 - round%2} {
		runtime.GC() // not the other's garbage in this one's time
		took[j] = float64(entries) / appendMany(b, logs[j], run, about, entries, contacts)
	}
	return took
}

func median(list []float64) float64 {
	slices.Sort(list)
	return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
}
