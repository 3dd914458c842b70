package logtest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"pgregory.net/rapid"
)

func manyAtOnce(t *testing.T, log ledger.Log) {
	const writers, each = 16, 20
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				// Every key is appended by two writers.
				key := fmt.Sprintf("%d.%d", w/2, i)
				if _, err := log.Append(t.Context(), Draft(key)); err != nil {
					t.Errorf("append %s: %v", key, err)
				}
			}
		})
	}
	all.Wait()
	es := Entries(t, log, ledger.Cursor{})
	if want := writers / 2 * each; len(es) != want {
		t.Errorf("%d entries, want %d", len(es), want)
	}
	if err := Sound(es); err != nil {
		t.Error(err)
	}
}

// jumpy is a clock that is set by hand.
type jumpy struct {
	mu sync.Mutex
	at time.Time
}

func (c *jumpy) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *jumpy) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// jumps are what clocks do, both ways.
var jumps = []time.Duration{0, time.Nanosecond, time.Millisecond, time.Second, time.Hour, 365 * 24 * time.Hour}

// interleavings is the law of a log: whatever is appended at once, in calls of
// whatever size, while the clock jumps back and forth, the entries have
// increasing ids, a gap-free seq and one entry a key, and every answer is what
// is read afterwards.
func interleavings(t *testing.T, open Open) {
	rapid.Check(t, func(rt *rapid.T) {
		clock := &jumpy{at: Start}
		log := open(t, clock.now)
		defer closeLog(t, log)
		var answers []ledger.Appended
		for range rapid.IntRange(1, 6).Draw(rt, "rounds") {
			jump := rapid.SampledFrom(jumps).Draw(rt, "jump")
			if rapid.Bool().Draw(rt, "back") {
				jump = -jump
			}
			clock.jump(jump)
			calls := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, 40), 1, 5), 1, 8).Draw(rt, "calls")
			answers = append(answers, appendAll(rt, t, log, calls)...)
		}
		check(rt, Entries(t, log, ledger.Cursor{}), answers)
	})
}

// appendAll makes the calls at once; a call is the numbers of its keys.
func appendAll(rt *rapid.T, t *testing.T, log ledger.Log, calls [][]int) []ledger.Appended {
	results := make([][]ledger.Appended, len(calls))
	errs := make([]error, len(calls))
	var all sync.WaitGroup
	for i, call := range calls {
		all.Go(func() {
			ds := make([]ledger.Draft, len(call))
			for j, key := range call {
				ds[j] = Draft(fmt.Sprint("key ", key))
			}
			results[i], errs[i] = log.Append(t.Context(), ds...)
		})
	}
	all.Wait()
	var answers []ledger.Appended
	for i := range calls {
		if errs[i] != nil {
			rt.Fatalf("append %v: %v", calls[i], errs[i])
		}
		for j := 1; j < len(results[i]); j++ {
			if a, b := results[i][j-1], results[i][j]; a.Added && b.Added && b.Entry.Seq != a.Entry.Seq+1 {
				rt.Errorf("drafts of one call became entries %d and %d", a.Entry.Seq, b.Entry.Seq)
			}
		}
		answers = append(answers, results[i]...)
	}
	return answers
}

func check(rt *rapid.T, es []ledger.Entry, answers []ledger.Appended) {
	if err := Sound(es); err != nil {
		rt.Error(err)
	}
	added := map[ledger.Seq]int{}
	for _, a := range answers {
		seq := a.Entry.Seq
		if seq < 1 || int(seq) > len(es) {
			rt.Fatalf("answered with entry %d of %d", seq, len(es))
		}
		if e := es[seq-1]; e.ID != a.Entry.ID || e.Hash != a.Entry.Hash || e.Key != a.Entry.Key || string(e.Body) != string(a.Entry.Body) {
			rt.Errorf("answered with\n%+v\nread\n%+v", a.Entry, e)
		}
		if a.Added {
			added[seq]++
		}
	}
	for _, e := range es {
		if added[e.Seq] != 1 {
			rt.Errorf("entry %d was added %d times", e.Seq, added[e.Seq])
		}
	}
}
