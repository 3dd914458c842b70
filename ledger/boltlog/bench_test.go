package boltlog_test

import (
	"fmt"
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
				rates[j] = append(rates[j], appendMany(b, l, fmt.Sprint(len(rates[j])), fmt.Sprint(len(rates[j])), 20000, 20000))
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
// and for known ones, in one run. Rounds are short and take turns, so that what
// else the machine does is in both: sealed/plain is the time of all plain
// rounds by that of all sealed ones, merges of the index included, and
// sealed/plain-median that of pairs which follow one another. Both logs do the
// same work but for the sealing: they compress alike.
//
//	GHL_LEDGER_BENCH_PAIRS  how many pairs of rounds (200)
func BenchmarkSealing(b *testing.B) {
	pairs := int(fromEnv(b, "GHL_LEDGER_BENCH_PAIRS", 200))
	for _, who := range []struct {
		name     string
		contacts int
	}{{"new", roundEntries}, {"known", 100}} {
		b.Run(who.name, func(b *testing.B) {
			logs := [2]*boltlog.Log{
				open(b, filepath.Join(b.TempDir(), "sealed"), boltlog.Options{}),
				open(b, filepath.Join(b.TempDir(), "plain"), boltlog.Options{Plain: true}),
			}
			var ratios []float64
			var took [2]float64
			for b.Loop() {
				for range pairs {
					t := turns(b, logs, len(ratios), who.contacts)
					took[0], took[1] = took[0]+t[0], took[1]+t[1]
					ratios = append(ratios, t[1]/t[0])
				}
			}
			b.ReportMetric(float64(len(ratios)*roundEntries)/took[0], "sealed-entries/s")
			b.ReportMetric(took[1]/took[0], "sealed/plain")
			b.ReportMetric(median(ratios), "sealed/plain-median")
		})
	}
}

const roundEntries = 2560

// turns appends a round to each log, and returns the seconds it took. Each goes
// first as often as the other.
func turns(b *testing.B, logs [2]*boltlog.Log, round, contacts int) (took [2]float64) {
	run := fmt.Sprint(round)
	about := run
	if contacts < roundEntries {
		about = "all"
	}
	for _, j := range []int{round % 2, 1 - round%2} {
		runtime.GC() // not the other's garbage in this one's time
		took[j] = roundEntries / appendMany(b, logs[j], run, about, roundEntries, contacts)
	}
	return took
}

func median(list []float64) float64 {
	slices.Sort(list)
	return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
}
