package projections

import (
	"maps"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tally is counters by name. What a row adds to a tally can be taken out of it
// again, exactly, since counters are integers: sums of money are in cents, of
// time in microseconds. A counter at zero is not there.
type tally map[string]int64

func (t tally) bump(name string, n int64) {
	if t[name] += n; t[name] == 0 {
		delete(t, name)
	}
}

// add adds o, sign times.
func (t tally) add(o tally, sign int64) {
	for name, n := range o {
		t.bump(name, sign*n)
	}
}

// sum counts one thing under the name, and its value.
func (t tally) sum(name string, value float64) {
	t.bump(name, 1)
	t.bump("$"+name, int64(math.Round(value*100)))
}

func (t tally) money(name string) float64 { return float64(t["$"+name]) / 100 }

// took counts a duration under the name: how many, their sum, and their
// spread in buckets.
func (t tally) took(name string, d time.Duration) {
	us := max(0, d.Microseconds())
	t.bump(name, 1)
	t.bump(name+"+", us)
	t.bump(name+"~"+strconv.Itoa(bucketOf(uint64(us))), 1)
}

// average is over what took counted; zero if there was nothing.
func (t tally) average(name string) time.Duration {
	if t[name] == 0 {
		return 0
	}
	return time.Duration(t[name+"+"]/t[name]) * time.Microsecond
}

// quantile returns the middle of the bucket that the q-th of what took counted
// lies in: at most 3.2 % off.
func (t tally) quantile(name string, q float64) time.Duration {
	rank := int64(math.Ceil(q * float64(t[name])))
	for _, b := range t.buckets(name) {
		if rank -= b.n; rank <= 0 {
			return time.Duration(middleOf(b.bucket)) * time.Microsecond
		}
	}
	return 0
}

type filled struct {
	bucket int
	n      int64
}

// buckets are those with something in them, smallest first.
func (t tally) buckets(name string) (list []filled) {
	for k, n := range t {
		if text, ok := strings.CutPrefix(k, name+"~"); ok {
			bucket, _ := strconv.Atoi(text) // written by took
			list = append(list, filled{bucket, n})
		}
	}
	slices.SortFunc(list, func(a, b filled) int { return a.bucket - b.bucket })
	return list
}

// with returns the counters under the prefix, by the rest of their name,
// without the sums beside them.
func (t tally) with(prefix string) map[string]int64 {
	list := map[string]int64{}
	for name, n := range t {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			list[rest] = n
		}
	}
	return list
}

// Buckets are sixteen to each doubling, and one for each of the first sixteen
// values. They are worked out in integers, so that they are the same on any
// machine.
const perDoubling = 16

func bucketOf(v uint64) int {
	if v < perDoubling {
		return int(v)
	}
	shift := bits.Len64(v) - 5 // leaves the top five bits, of which the first is set
	return perDoubling*shift + int(v>>shift)
}

func middleOf(bucket int) uint64 {
	if bucket < 2*perDoubling {
		return uint64(bucket)
	}
	shift := bucket/perDoubling - 1
	low := uint64(bucket%perDoubling+perDoubling) << shift
	return low + (uint64(1)<<shift)/2
}

// tallyOf returns the tally at k, a new one if there is none.
func (r rows) tallyOf(bucket string, k []byte) (tally, error) {
	t := tally{}
	_, err := r.get(bucket, k, &t)
	return t, err
}

// addTally adds to the tally at k; one with nothing in it is not kept.
func (r rows) addTally(bucket string, k []byte, o tally, sign int64) error {
	if len(o) == 0 {
		return nil
	}
	t, err := r.tallyOf(bucket, k)
	if err != nil {
		return err
	}
	t.add(o, sign)
	if len(t) == 0 {
		return r.delete(bucket, k)
	}
	return r.put(bucket, k, t)
}

// replaceTally takes old, which is at k, out and puts t in at l.
func (r rows) replaceTally(bucket string, k []byte, old tally, l []byte, t tally) error {
	if string(k) == string(l) {
		if maps.Equal(old, t) {
			return nil
		}
		t = maps.Clone(t)
		t.add(old, -1)
		return r.addTally(bucket, l, t, 1)
	}
	if err := r.addTally(bucket, k, old, -1); err != nil {
		return err
	}
	return r.addTally(bucket, l, t, 1)
}
