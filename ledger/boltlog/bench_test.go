package boltlog_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
)

// appendMany appends n entries about so many contacts from 256 senders, and
// returns entries a second. Keys begin with run, which is used once.
func appendMany(b *testing.B, l *boltlog.Log, run string, n, contacts int) float64 {
	b.Helper()
	begun := time.Now()
	var all sync.WaitGroup
	for s := range 256 {
		all.Go(func() {
			for i := s; i < n; i += 256 {
				d := of(fmt.Sprint(run, " ", i), fmt.Sprint(run[:1], " contact ", i%contacts))
				if _, err := l.Append(b.Context(), d); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	return float64(n) / time.Since(begun).Seconds()
}

// grown makes a ledger of n entries, a thousand a commit.
func grown(b *testing.B, n int) (dir string) {
	b.Helper()
	dir = b.TempDir()
	l := open(b, dir, boltlog.Options{})
	for i := 0; i < n; i += 1000 {
		ds := make([]ledger.Draft, 0, 1000)
		for j := range 1000 {
			ds = append(ds, of(fmt.Sprint("old ", i+j), fmt.Sprint("contact ", (i+j)%100000)))
		}
		logtest.Append(b, l, ds...)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	return dir
}

// BenchmarkLarge compares a ledger of two million entries with an empty one in
// one run: start after a clean stop, append rate, and Verify. The rounds take
// turns, so that what else the machine does is in both.
//
//	GHL_LEDGER_BENCH_ENTRIES  how many (2,000,000)
func BenchmarkLarge(b *testing.B) {
	n := int(fromEnv(b, "GHL_LEDGER_BENCH_ENTRIES", 2_000_000))
	dirs := [2]string{grown(b, n), b.TempDir()}
	var rates, starts [2][]float64
	var ratios []float64
	for b.Loop() {
		for i := range 8 {
			for _, j := range []int{i % 2, 1 - i%2} { // each goes first as often
				begun := time.Now()
				l := open(b, dirs[j], boltlog.Options{})
				starts[j] = append(starts[j], time.Since(begun).Seconds()*1000)
				rates[j] = append(rates[j], appendMany(b, l, fmt.Sprint(len(rates[j])), 20000, 20000))
				if err := l.Close(); err != nil {
					b.Fatal(err)
				}
			}
			ratios = append(ratios, rates[0][len(rates[0])-1]/rates[1][len(rates[1])-1])
		}
	}
	begun := time.Now()
	r, err := boltlog.Verify(b.Context(), dirs[0], nil)
	if err != nil || !r.Sound() {
		b.Fatal(r.Faults, err)
	}
	for j, name := range []string{"large", "empty"} {
		b.ReportMetric(median(rates[j]), name+"-entries/s")
		b.ReportMetric(median(starts[j]), name+"-start-ms")
	}
	b.ReportMetric(median(ratios), "large/empty-rate")
	b.ReportMetric(float64(r.Whole)/time.Since(begun).Seconds(), "verified-entries/s")
}

// BenchmarkSealing compares appends with sealing and without, for new contacts
// and for known ones, in one run. The ratio is the median of pairs of rounds
// that follow one another.
func BenchmarkSealing(b *testing.B) {
	for _, who := range []struct {
		name     string
		contacts int
	}{{"new", 20000}, {"known", 100}} {
		b.Run(who.name, func(b *testing.B) {
			sealed := open(b, filepath.Join(b.TempDir(), "sealed"), boltlog.Options{})
			plain := open(b, filepath.Join(b.TempDir(), "plain"), boltlog.Options{Plain: true})
			var ratios, rates []float64
			for b.Loop() {
				for i := range 10 {
					run := fmt.Sprint(string(rune('a'+i)), len(rates))
					pair := []*boltlog.Log{sealed, plain}
					var rate [2]float64
					for _, j := range []int{i % 2, 1 - i%2} { // each goes first as often
						rate[j] = appendMany(b, pair[j], run, 20000, who.contacts)
					}
					ratios, rates = append(ratios, rate[0]/rate[1]), append(rates, rate[0])
				}
			}
			b.ReportMetric(median(rates), "sealed-entries/s")
			b.ReportMetric(median(ratios), "sealed/plain")
		})
	}
}

func median(list []float64) float64 {
	slices.Sort(list)
	return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
}
