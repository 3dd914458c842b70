package boltlog

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
)

// checker takes the entries of a ledger, one after the other, and holds each
// against the one before, its key against all others, and its body against the
// key file.
type checker struct {
	ctx      context.Context
	progress func(done, total ledger.Seq)
	report   *Report
	keys     *keyring // nil: sealed bodies stay closed
	pack     *packer
	witness  witness // how far the ledger had come
	index    *run    // its file, or the zero run
	fits     bool    // the index has met its last entry

	last   place
	lastID ulid.ULID
	rows   []row // a digest of each key → its entry

	// since, if not nil, takes slots without a key, and whose they were: a key
	// file may be newer than the backup that it is held against.
	since map[uint64]string
}

func newChecker(ctx context.Context, progress func(done, total ledger.Seq), r *Report) (*checker, error) {
	pack, err := newPacker()
	if progress == nil {
		progress = func(_, _ ledger.Seq) {}
	}
	return &checker{ctx: ctx, progress: progress, report: r, pack: pack, index: &run{}}, err
}

func (c *checker) close() {
	c.pack.close()
	c.index.close()
	if c.keys != nil {
		c.keys.close()
	}
}

// checkEvery is how many entries go by between two looks at the context.
const checkEvery = 1024

// next checks what is stored as entry seq. It says false when ctx is over.
func (c *checker) next(seq ledger.Seq, stored []byte) bool {
	if c.last.seq+1 < seq {
		c.lost(seq-1, "cannot be read")
	}
	c.last.seq++
	c.report.Bytes += int64(len(stored))
	if err := c.entry(seq, stored); err != nil {
		what := strings.TrimPrefix(err.Error(), ledger.ErrCorrupt.Error()+": ") // which is what we are here for
		c.report.fault(Fault{First: seq, Last: seq, What: what, Newer: errors.Is(err, ledger.ErrNewer)})
		c.last.hash = [32]byte{} // what was stored is unknown, so no fault of the next one
	}
	if seq%checkEvery == 0 {
		c.progress(seq, max(seq, c.witness.seq))
		return c.ctx.Err() == nil
	}
	return true
}

// lost reports that the entries up to that one are not there.
func (c *checker) lost(upto ledger.Seq, what string) {
	c.report.fault(Fault{First: c.last.seq + 1, Last: upto, What: what})
	c.last = place{seq: upto}
}

// entry returns what is wrong with one entry; it is sound if nothing is.
func (c *checker) entry(seq ledger.Seq, stored []byte) error {
	r, err := ledger.ParseRecord(stored)
	if err != nil {
		return err
	}
	before, hash := c.last.hash, ledger.HashRecord(stored)
	c.last.hash = hash
	switch {
	case r.Seq != seq:
		return fmt.Errorf("says that it is entry %d", r.Seq)
	case before != r.Prev && (seq == 1 || before != [32]byte{}):
		return fmt.Errorf("does not follow entry %d: one of the two was changed", seq-1)
	case r.ID.Compare(c.lastID) <= 0:
		return fmt.Errorf("has an id that is not after %s", ledger.FormatID(c.lastID))
	case seq == c.witness.seq && hash != c.witness.hash:
		return errors.New("is not the one that was written: the head witness has another hash")
	}
	if err := c.body(&r); err != nil {
		return err
	}
	c.sound(&r, hash, len(stored))
	return nil
}

// body opens the entry's body, or counts it as erased.
func (c *checker) body(r *ledger.Record) (err error) {
	body := r.Body
	if r.Flags&ledger.Sealed != 0 {
		if c.keys == nil {
			c.report.Unopened++
			return nil
		}
		body, err = c.keys.open(r)
		if err != nil && c.since != nil && c.keys.has(r.Slot) && c.keys.destroyed(r.Slot) {
			c.since[r.Slot], err = r.Subject, errErased
		}
	}
	if err == nil && r.Flags&ledger.Zstd != 0 {
		_, err = c.pack.unpack(body)
	}
	if errors.Is(err, errErased) || r.Flags&ledger.Gone != 0 {
		c.report.Erased++
		return nil
	}
	return err
}

// sound notes an entry that nothing is wrong with.
func (c *checker) sound(r *ledger.Record, hash [32]byte, size int) {
	c.lastID = r.ID
	c.report.Whole++
	c.report.Head, c.report.Hash = ledger.Cursor{Seq: r.Seq, ID: r.ID}, hash
	c.fits = c.fits || c.index.upto == witness{r.Seq, hash}
	c.rows = append(c.rows, row{c.keyDigest(r.Key), uint64(r.Seq)})
}

func (c *checker) keyDigest(key string) digest {
	if c.keys != nil {
		return c.keys.keyDigest(key)
	}
	sum := sha256.Sum256([]byte(key))
	return digest(sum[:16])
}

// finish checks what only all entries together tell.
func (c *checker) finish() error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if c.witness.seq > c.last.seq {
		c.lost(c.witness.seq, "missing at the end: the ledger had come so far")
	}
	c.report.Entries = c.last.seq
	slices.SortFunc(c.rows, row.compare)
	for i := 1; i < len(c.rows); i++ {
		if a, b := c.rows[i-1], c.rows[i]; a.digest == b.digest {
			seq := ledger.Seq(max(a.number, b.number))
			c.report.fault(Fault{First: seq, Last: seq, What: fmt.Sprintf("has the key of entry %d", min(a.number, b.number))})
		}
	}
	if c.index.upto.seq > 0 {
		c.checkIndex()
	}
	c.report.Upto = c.last.seq
	if c.report.broken > 0 {
		c.report.Upto = c.report.broken - 1
	}
	c.progress(c.last.seq, c.last.seq)
	return nil
}

// nameErased reports whose keys were destroyed since a backup was made.
func (c *checker) nameErased() {
	c.report.GoneSince = len(c.since)
	for _, subject := range c.since {
		if subject != "" && !slices.Contains(c.report.ErasedSince, subject) {
			c.report.ErasedSince = append(c.report.ErasedSince, subject)
		}
	}
	slices.Sort(c.report.ErasedSince)
}

// checkIndex compares the index with the entries, which it is made from. One
// that is wrong would take a known delivery for a new one.
func (c *checker) checkIndex() {
	if !c.fits {
		c.report.note("%s is of another ledger, or of what this one had before: the next start makes it anew", indexName)
		return
	}
	for _, r := range c.rows {
		if at, ok := c.index.keys.find(r.digest); r.number <= uint64(c.index.upto.seq) && (!ok || at != r.number) {
			seq := ledger.Seq(r.number)
			c.report.fault(Fault{First: seq, Last: seq, What: "is not found by its key: delete " + indexName})
			return // very likely all of it is wrong
		}
	}
}
