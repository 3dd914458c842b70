package boltlog

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestMemtable: whatever is added, and however often, a table has of each
// digest the number that came last, and returns them in order.
func TestMemtable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, want := newMemtable(rapid.IntRange(0, 100).Draw(t, "room")), map[digest]uint64{}
		for i, n := range rapid.SliceOfN(rapid.IntRange(0, 1000), 0, 3000).Draw(t, "added") {
			d := numbered(n)
			if got, ok := table.find(d); got != want[d] || ok != (want[d] != 0) {
				t.Fatalf("before %d is added: %d, %v, want %d", n, got, ok, want[d])
			}
			table.add(d, uint64(i+1))
			want[d] = uint64(i + 1)
		}
		rows := slices.Collect(table.all())
		if !slices.IsSortedFunc(rows, row.compare) || len(rows) != table.len() {
			t.Fatalf("%d of %d rows, or not in order", len(rows), table.len())
		}
		got := map[digest]uint64{}
		for _, r := range rows {
			got[r.digest] = r.number
		}
		if !maps.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

// TestMemtableCrowded: digests that want the same few places push one another
// on, and at the end of the table into what hangs over.
func TestMemtableCrowded(t *testing.T) {
	for _, first := range []byte{0, 0x7f, 0xff} {
		table := newMemtable(1000)
		var want []digest
		for n := range overhang {
			d := numbered(n)
			copy(d[:], []byte{first, first, first})
			want = append(want, d)
			table.add(d, uint64(n+1))
		}
		for n, d := range want {
			if got, ok := table.find(d); !ok || got != uint64(n+1) {
				t.Errorf("of those that begin with %x, %d has %d, %v", first, n, got, ok)
			}
		}
	}
}

// TestMemtableRoom: a table that was made ahead takes what comes from one merge to
// the next, and an eighth more, without growing, since whoever appends waits while
// a table grows.
func TestMemtableRoom(t *testing.T) {
	for due, comes := range map[int]int{minFresh: minFresh * 5 / 4, maxFresh: maxFresh} {
		table := newMapped(roomAfter(due))
		places := len(table.rows)
		for n := range comes * 9 / 8 {
			table.add(numbered(n), 1)
		}
		if len(table.rows) != places {
			t.Errorf("after a merge of %d it grew from %d places to %d", due, places, len(table.rows))
		}
	}
}

func numbered(n int) digest {
	sum := sha256.Sum256(fmt.Append(nil, n))
	return digest(sum[:16])
}
