package boltlog

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"golang.org/x/sys/unix"
)

// The index file. Numbers are big endian.
//
//	 at  size  what
//	  0     8  "ghl-indx"
//	  8     8  version: 1
//	 16    16  the ledger's id
//	 32     8  seq of the last entry in it
//	 40    32  the hash of that entry
//	 72     8  the first slot of the key file that none of its entries has
//	 80     8  n, the number of keys
//	 88     8  m, the number of further rows
//	 96    28  zeros
//	124     4  CRC-32C of all before it
//	128  24·n  keys: digest (16), seq (8), ascending
//	     24·m  rows that nobody reads: of the first ledgers, else m is 0
//	  -4    4  CRC-32C of the rows
const (
	runMagic  = "ghl-indx\x00\x00\x00\x00\x00\x00\x00\x01"
	runHeader = 128
	rowSize   = 24
)

var (
	errForeign = errors.New("the index is of another ledger")
	errIndex   = errors.New("the index file is damaged")
)

// run is an index file, mapped. The zero run is empty.
type run struct {
	mapped []byte
	upto   witness
	slot   uint64
	keys   table
}

// table is sorted rows of digest and number.
type table struct {
	rows   []byte
	filter filter
}

func newTable(rows []byte) table {
	t := table{rows, newFilter(len(rows) / rowSize)}
	for i := range t.len() {
		t.filter.add(digest(t.row(i)[:16]))
	}
	return t
}

func (t table) len() int                    { return len(t.rows) / rowSize }
func (t table) row(i int) []byte            { return t.rows[i*rowSize : (i+1)*rowSize] }
func (t table) top(i int) uint64            { return binary.BigEndian.Uint64(t.row(i)) }
func (t table) number(i int) uint64         { return binary.BigEndian.Uint64(t.row(i)[16:]) }
func (t table) compare(i int, d digest) int { return digest(t.row(i)[:16]).compare(d) }

// find guesses where the digest stands, since they are spread evenly, and
// closes in on it: three or four looks among millions.
func (t table) find(d digest) (uint64, bool) {
	if !t.filter.mayHave(d) {
		return 0, false
	}
	lo, hi := 0, t.len()
	low, high, want := uint64(0), ^uint64(0), binary.BigEndian.Uint64(d[:])
	for look := 0; lo < hi; look++ {
		at := lo + (hi-lo)/2
		if look < 8 && high > low {
			at = lo + int(float64(want-low)/float64(high-low)*float64(hi-lo))
			at = min(max(at, lo), hi-1)
		}
		switch c := t.compare(at, d); {
		case c == 0:
			return t.number(at), true
		case c < 0:
			lo, low = at+1, t.top(at)
		default:
			hi, high = at, t.top(at)
		}
	}
	return 0, false
}

// openRun maps an index file and checks all of it.
func openRun(path string, id [16]byte) (*run, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < runHeader+4 {
		return nil, errIndex
	}
	m, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	r := &run{mapped: m}
	if err := r.parse(id); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *run) parse(id [16]byte) error {
	m, rows := r.mapped, r.mapped[runHeader:len(r.mapped)-4]
	n, further := binary.BigEndian.Uint64(m[80:]), binary.BigEndian.Uint64(m[88:])
	switch {
	case string(m[:16]) != runMagic,
		binary.BigEndian.Uint32(m[124:]) != crc32.Checksum(m[:124], castagnoli),
		n > uint64(len(rows)), further > uint64(len(rows)),
		(n+further)*rowSize != uint64(len(rows)),
		binary.BigEndian.Uint32(m[len(m)-4:]) != crc32.Checksum(rows, castagnoli):
		return errIndex
	case [16]byte(m[16:32]) != id:
		return errForeign
	}
	r.upto = witness{ledger.Seq(binary.BigEndian.Uint64(m[32:])), [32]byte(m[40:72])}
	r.slot = binary.BigEndian.Uint64(m[72:])
	r.keys = newTable(rows[:n*rowSize])
	return nil
}

func (r *run) close() error {
	if r.mapped == nil {
		return nil
	}
	m := r.mapped
	*r = run{}
	return unix.Munmap(m)
}

// mergeRun writes base and what is new as the next file and opens it.
func mergeRun(path string, id [16]byte, base *run, new delta) (*run, error) {
	err := newFile(path, func(f *os.File) error {
		if _, err := f.Seek(runHeader, io.SeekStart); err != nil {
			return err
		}
		sum := crc32.New(castagnoli)
		w := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<20)
		n := writeRows(w, base.keys, new.keys)
		if err := w.Flush(); err != nil {
			return err
		}
		if _, err := f.Write(sum.Sum(nil)); err != nil {
			return err
		}
		_, err := f.WriteAt(encodeRunHeader(id, new, n), 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	return openRun(path, id)
}

func encodeRunHeader(id [16]byte, new delta, keys int) []byte {
	b := append(make([]byte, 0, runHeader), runMagic...)
	b = append(b, id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(new.upto.seq))
	b = append(b, new.upto.hash[:]...)
	b = binary.BigEndian.AppendUint64(b, new.slot)
	b = binary.BigEndian.AppendUint64(b, uint64(keys))
	b = append(b, make([]byte, 36)...) // no further rows
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// row is a digest and its number.
type row struct {
	digest digest
	number uint64
}

func (a row) compare(b row) int {
	if c := a.digest.compare(b.digest); c != 0 {
		return c
	}
	return cmp.Compare(a.number, b.number)
}

// writeRows writes the rows of both in order; where both have a digest the
// newer row counts. It returns how many it wrote. Flush repeats its error.
func writeRows(w *bufio.Writer, old table, newer *memtable) (n int) {
	from := 0
	var own [rowSize]byte
	for r := range newer.all() {
		to, same := old.seek(from, r.digest)
		w.Write(old.rows[from*rowSize : to*rowSize])
		copy(own[:], r.digest[:])
		binary.BigEndian.PutUint64(own[len(r.digest):], r.number)
		w.Write(own[:])
		n += to - from + 1
		from = to
		if same {
			from++ // the newer row counts
		}
	}
	w.Write(old.rows[from*rowSize:])
	return n + old.len() - from
}

// seek returns the first row from i on that does not stand before d, and
// whether it is d's.
func (t table) seek(i int, d digest) (at int, there bool) {
	for ; i < t.len(); i++ {
		if c := t.compare(i, d); c >= 0 {
			return i, c == 0
		}
	}
	return i, false
}
