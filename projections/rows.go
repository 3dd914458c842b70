package projections

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"go.etcd.io/bbolt"
)

// rows reads and writes JSON in a view's buckets, or in those of a walk, which
// has no lists.
type rows struct {
	tx     *bbolt.Tx
	walked *aggregates // in place of tx
	lean   bool        // of leads: what only lists and timelines show is left out
}

// key joins parts so that a whole part is a prefix. No part but the last may
// contain \x00; ids are checked for that when an event is parsed.
func key[T string | []byte](first T, parts ...T) []byte {
	k := append([]byte(nil), first...)
	for _, p := range parts {
		k = append(append(k, 0), p...)
	}
	return k
}

// get fills v from the row at k and reports whether there is one.
func (r rows) get(bucket string, k []byte, v any) (bool, error) {
	raw := r.raw(bucket, k)
	if raw == nil {
		return false, nil
	}
	return true, Decode(bucket, raw, v)
}

// raw returns the row at k, nil if there is none. It is valid only within the
// transaction.
func (r rows) raw(bucket string, k []byte) []byte {
	if r.walked != nil {
		return r.walked.get(bucket, k)
	}
	b := r.tx.Bucket([]byte(bucket))
	if b == nil || len(k) == 0 {
		return nil
	}
	return b.Get(k)
}

func (r rows) put(bucket string, k []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s row %q: %w", bucket, k, err)
	}
	return r.putRaw(bucket, k, raw)
}

func (r rows) putRaw(bucket string, k, raw []byte) error {
	if r.walked != nil {
		return r.walked.put(bucket, k, raw)
	}
	b, err := r.tx.CreateBucketIfNotExists([]byte(bucket))
	if err != nil {
		return err
	}
	return b.Put(k, raw)
}

func (r rows) delete(bucket string, k []byte) error {
	if r.walked != nil {
		return r.walked.delete(bucket, k)
	}
	b := r.tx.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	return b.Delete(k)
}

// under yields the rows whose key begins with prefix and \x00, in the order of
// the rest of their key, which comes with them.
func (r rows) under(bucket string, prefix []byte) iter.Seq2[[]byte, []byte] {
	if r.walked != nil {
		return r.walked.under(bucket, prefix)
	}
	return func(yield func(rest, value []byte) bool) {
		b := r.tx.Bucket([]byte(bucket))
		if b == nil {
			return
		}
		prefix := append(bytes.Clone(prefix), 0)
		c := b.Cursor()
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			if !yield(k[len(prefix):], v) {
				return
			}
		}
	}
}

// each calls f with every row of the bucket, in order, until it fails.
func (r rows) each(bucket string, f func(k, v []byte) error) error {
	b := r.tx.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	return b.ForEach(f)
}

// between yields the rows from a key to before another, in order.
func (r rows) between(bucket string, from, to []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		b := r.tx.Bucket([]byte(bucket))
		if b == nil {
			return
		}
		c := b.Cursor()
		for k, v := c.Seek(from); k != nil && bytes.Compare(k, to) < 0; k, v = c.Next() {
			if !yield(k, v) {
				return
			}
		}
	}
}

// newest yields what under yields, backwards.
func (r rows) newest(bucket string, prefix []byte) iter.Seq2[[]byte, []byte] {
	if r.walked != nil {
		return r.walked.newest(bucket, prefix)
	}
	return func(yield func(rest, value []byte) bool) {
		b := r.tx.Bucket([]byte(bucket))
		if b == nil {
			return
		}
		from := append(bytes.Clone(prefix), 0)
		c := b.Cursor()
		for k, v := seekBefore(c, append(bytes.Clone(prefix), 1)); bytes.HasPrefix(k, from); k, v = c.Prev() {
			if !yield(k[len(from):], v) {
				return
			}
		}
	}
}

// seekBefore moves c to the last key before end.
func seekBefore(c *bbolt.Cursor, end []byte) (k, v []byte) {
	if k, _ := c.Seek(end); k == nil {
		return c.Last()
	}
	return c.Prev()
}

// clear deletes what under yields.
func (r rows) clear(bucket string, prefix []byte) error {
	var keys [][]byte // a bbolt cursor may skip a key after a delete
	for rest := range r.under(bucket, prefix) {
		keys = append(keys, key(prefix, rest))
	}
	for _, k := range keys {
		if err := r.delete(bucket, k); err != nil {
			return err
		}
	}
	return nil
}

// sortNewest sorts by stamp, newest first.
func sortNewest[T any](list []T, of func(T) stamp) {
	slices.SortFunc(list, func(a, b T) int { return of(b).compare(of(a)) })
}

// backwards yields the keys of an index from before the one given, or from
// the last.
func (r rows) backwards(bucket string, before []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		b := r.tx.Bucket([]byte(bucket))
		if b == nil {
			return
		}
		c := b.Cursor()
		k, _ := c.Last()
		if len(before) > 0 {
			k, _ = seekBefore(c, before)
		}
		for ; k != nil; k, _ = c.Prev() {
			if !yield(k) {
				return
			}
		}
	}
}
