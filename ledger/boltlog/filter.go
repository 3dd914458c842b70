package boltlog

import (
	"encoding/binary"
	"math/bits"
)

// filter says of nearly every digest that is not in a set that it is not, in
// one look at memory that is small enough to be near: most that is asked for is
// new. The zero filter says so of every digest.
type filter []uint64

// newFilter returns a filter for so many digests: with 16 bits for each, of
// which it sets four in one word, it errs on about one in a hundred.
func newFilter(n int) filter { return make(filter, n/4+1) }

// word is where a digest, which is as good as random, has its bits.
func (f filter) word(d digest) (at uint64, mask uint64) {
	at, _ = bits.Mul64(binary.BigEndian.Uint64(d[:]), uint64(len(f)))
	r := binary.BigEndian.Uint64(d[8:])
	return at, 1<<(r&63) | 1<<(r>>6&63) | 1<<(r>>12&63) | 1<<(r>>18&63)
}

func (f filter) add(d digest) {
	at, mask := f.word(d)
	f[at] |= mask
}

// mayHave is false only where d was never added.
func (f filter) mayHave(d digest) bool {
	if len(f) == 0 {
		return false
	}
	at, mask := f.word(d)
	return f[at]&mask == mask
}
