package boltlog

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// image reads a bbolt file without bbolt, which checks no contents, panics on
// much of what can be wrong with a file and has one answer to it. It trusts
// nothing: whatever the bytes are, it ends, with what it found.
//
// A page, numbers little endian:
//
//	at  size  what
//	 0     8  its number
//	 8     2  1 branch, 2 leaf, 4 meta, 16 list of free pages
//	10     2  how many elements
//	12     4  how many more pages belong to it
//	16        elements of 16 bytes: branch: offset of the key from here (4),
//	          its size (4), page (8); leaf: 1 if a bucket (4), offset (4), size
//	          of the key (4), of the value behind it (4)
//
// A bucket's value is its root page (8) and a sequence (8); a root of zero
// means that the page is the rest of the value.
type image struct {
	file  io.ReaderAt
	size  int64
	meta  meta
	seen  []uint64    // a bit for each page in use
	fault func(error) // told what cannot be read; the walk goes on
}

const (
	pageSize   = 4096
	pageHeader = 16
	isBranch   = 1
	isLeaf     = 2
	isMeta     = 4
	isFreeList = 16
	maxDepth   = 32
	noFreeList = ^uint64(0) // a commit that left the list out
)

// meta is what a meta page says.
type meta struct {
	root  uint64 // page of the bucket of buckets
	free  uint64 // page of the list of free pages
	pages uint64 // how many pages are in use or free
	tx    uint64
}

var (
	errPage   = errors.New("is damaged")
	errNoMeta = errors.New("no meta page is whole")
	errCutOff = errors.New("the file is cut off")
)

// parseMeta checks and reads meta page n, the first or the second of a file.
func parseMeta(b []byte, n uint64) (m meta, err error) {
	le := binary.LittleEndian
	if len(b) < 80 {
		return m, fmt.Errorf("meta page %d is cut off", n)
	}
	sum := fnv.New64a()
	sum.Write(b[16:72])
	switch {
	case le.Uint64(b) != n || le.Uint16(b[8:]) != isMeta || le.Uint32(b[16:]) != 0xED0CDAED,
		le.Uint64(b[72:]) != sum.Sum64():
		return m, fmt.Errorf("meta page %d %w", n, errPage)
	case le.Uint32(b[20:]) != 2 || le.Uint32(b[24:]) != pageSize:
		return m, fmt.Errorf("meta page %d: version %d with pages of %d bytes", n, le.Uint32(b[20:]), le.Uint32(b[24:]))
	}
	return meta{root: le.Uint64(b[32:]), free: le.Uint64(b[48:]), pages: le.Uint64(b[56:]), tx: le.Uint64(b[64:])}, nil
}

// openImage chooses the newer meta page that is whole, as bbolt does, and
// tells fault about one that is not.
func openImage(file io.ReaderAt, size int64, fault func(error)) (*image, error) {
	im := &image{file: file, size: size, fault: fault}
	found := false
	for n := range uint64(2) {
		b := make([]byte, 80)
		if _, err := file.ReadAt(b, int64(n)*pageSize); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		m, err := parseMeta(b, n)
		if err != nil {
			fault(err)
			continue
		}
		if !found || m.tx > im.meta.tx {
			im.meta, found = m, true
		}
	}
	if !found {
		return nil, errNoMeta
	}
	if have := uint64(size) / pageSize; have < im.meta.pages {
		fault(fmt.Errorf("%w: %d pages of %d are there", errCutOff, have, im.meta.pages))
		im.meta.pages = have
	}
	im.seen = make([]uint64, im.meta.pages/64+1)
	return im, nil
}

// claim notes that the pages from n on are in use; each is used once.
func (im *image) claim(n, count uint64) error {
	if n < 2 || n >= im.meta.pages || count > im.meta.pages-n {
		return fmt.Errorf("page %d is outside of the file", n)
	}
	for ; count > 0; n, count = n+1, count-1 {
		if im.used(n) {
			return fmt.Errorf("page %d is in two places", n)
		}
		im.seen[n/64] |= 1 << (n % 64)
	}
	return nil
}

func (im *image) used(n uint64) bool { return im.seen[n/64]&(1<<(n%64)) != 0 }

// page reads a page with all that belongs to it.
func (im *image) page(n uint64) ([]byte, error) {
	if err := im.claim(n, 1); err != nil {
		return nil, err
	}
	b := make([]byte, pageSize)
	if _, err := im.file.ReadAt(b, int64(n)*pageSize); err != nil {
		return nil, fmt.Errorf("read page %d: %w", n, err)
	}
	if binary.LittleEndian.Uint64(b) != n {
		return nil, fmt.Errorf("page %d %w", n, errPage)
	}
	more := uint64(binary.LittleEndian.Uint32(b[12:]))
	if more == 0 {
		return b, nil
	}
	if err := im.claim(n+1, more); err != nil {
		return nil, err
	}
	b = append(b, make([]byte, more*pageSize)...)
	if _, err := im.file.ReadAt(b[pageSize:], int64(n+1)*pageSize); err != nil {
		return nil, fmt.Errorf("read page %d: %w", n, err)
	}
	return b, nil
}

// pair is a key with its value (bucket if that is one), or with a page.
type pair struct {
	key, value []byte
	bucket     bool
	page       uint64
}

// element returns a page's element.
func element(b []byte, i int, leaf bool) (p pair, err error) {
	le, at := binary.LittleEndian, pageHeader+16*i
	if at+16 > len(b) {
		return p, errPage
	}
	var offset, ksize, vsize int
	if leaf {
		offset, ksize, vsize = int(le.Uint32(b[at+4:])), int(le.Uint32(b[at+8:])), int(le.Uint32(b[at+12:]))
		p.bucket = le.Uint32(b[at:])&1 != 0
	} else {
		offset, ksize = int(le.Uint32(b[at:])), int(le.Uint32(b[at+4:]))
		p.page = le.Uint64(b[at+8:])
	}
	offset += at
	if offset < at+16 || offset+ksize+vsize > len(b) {
		return p, errPage
	}
	p.key, p.value = b[offset:offset+ksize], b[offset+ksize:offset+ksize+vsize]
	return p, nil
}

// span is where the keys of a page must lie: from lo on, before hi. A nil hi is
// no bound. A key outside is not found by a search from the root.
type span struct{ lo, hi []byte }

func (s span) holds(key []byte) bool {
	return bytes.Compare(key, s.lo) >= 0 && (s.hi == nil || bytes.Compare(key, s.hi) < 0)
}

// walk calls each with every pair below a page, in order. What cannot be read
// is told to fault and left out. It ends when each says false.
func (im *image) walk(n uint64, in span, depth int, each func(pair) bool) bool {
	b, err := im.page(n)
	if err == nil && depth > maxDepth {
		err = errors.New("the tree is too deep")
	}
	if err != nil {
		im.fault(err)
		return true
	}
	return im.walkPage(n, b, in, depth, each)
}

func (im *image) walkPage(n uint64, b []byte, in span, depth int, each func(pair) bool) bool {
	flags, count := binary.LittleEndian.Uint16(b[8:]), int(binary.LittleEndian.Uint16(b[10:]))
	if flags != isBranch && flags != isLeaf {
		im.fault(fmt.Errorf("page %d is neither branch nor leaf", n))
		return true
	}
	pairs := make([]pair, 0, count)
	var last []byte
	for i := range count {
		p, err := element(b, i, flags == isLeaf)
		if err == nil && (!in.holds(p.key) || i > 0 && bytes.Compare(p.key, last) <= 0) {
			err = errors.New("its key is out of order")
		}
		if err != nil {
			im.fault(fmt.Errorf("page %d, element %d: %w", n, i, err))
			continue
		}
		last, pairs = p.key, append(pairs, p)
	}
	for i, p := range pairs {
		var more bool
		if flags == isLeaf {
			more = each(p)
		} else {
			below := span{p.key, in.hi}
			if i+1 < len(pairs) {
				below.hi = pairs[i+1].key
			}
			more = im.walk(p.page, below, depth+1, each)
		}
		if !more {
			return false
		}
	}
	return true
}

// bucket calls each with every pair of a bucket, given its value.
func (im *image) bucket(value []byte, each func(pair) bool) {
	switch {
	case len(value) < 16:
		im.fault(errors.New("a bucket is cut off"))
	case binary.LittleEndian.Uint64(value) != 0:
		im.walk(binary.LittleEndian.Uint64(value), span{}, 0, each)
	case len(value) < 16+pageHeader:
		im.fault(errors.New("a bucket is cut off"))
	default:
		im.walkPage(im.meta.root, value[16:], span{}, 0, each)
	}
}

// buckets returns the values of the buckets by name.
func (im *image) buckets() map[string][]byte {
	found := map[string][]byte{}
	im.walk(im.meta.root, span{}, 0, func(p pair) bool {
		if p.bucket {
			found[string(p.key)] = p.value
		}
		return true
	})
	return found
}

// check reads every page of every bucket, none of which has buckets in it.
func (im *image) check() {
	for name, value := range im.buckets() {
		im.bucket(value, func(p pair) bool {
			if p.bucket {
				im.fault(fmt.Errorf("something in %s says that it is a bucket", name))
			}
			return true
		})
	}
	im.freeList()
}

// freeList checks the list of free pages, after all buckets were walked: a page
// that is in use and on the list would be overwritten by a later commit.
func (im *image) freeList() {
	if im.meta.free == noFreeList {
		return
	}
	b, err := im.page(im.meta.free)
	if err != nil || binary.LittleEndian.Uint16(b[8:]) != isFreeList {
		im.fault(cmp.Or(err, fmt.Errorf("page %d is not the list of free pages", im.meta.free)))
		return
	}
	count, ids := uint64(binary.LittleEndian.Uint16(b[10:])), b[pageHeader:]
	if count == 0xffff { // the count is the first number
		count, ids = binary.LittleEndian.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids))/8 {
		im.fault(fmt.Errorf("the list of free pages %w", errPage))
		return
	}
	for i := range count {
		if err := im.claim(binary.LittleEndian.Uint64(ids[8*i:]), 1); err != nil {
			im.fault(fmt.Errorf("free %w", err))
		}
	}
}
