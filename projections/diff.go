package projections

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"go.etcd.io/bbolt"
)

// Diff is what a new generation of a view would change.
type Diff struct {
	Name    string       `json:"name"`
	Seq     uint64       `json:"seq"` // both are as of this entry
	Before  Side         `json:"before"`
	After   Side         `json:"after"`
	Added   int          `json:"added"`
	Removed int          `json:"removed"`
	Changed int          `json:"changed"`
	Buckets []BucketDiff `json:"buckets"` // those that differ
}

// Side is one of the two generations.
type Side struct {
	Version    int `json:"version"`
	Generation int `json:"generation"`
	Rows       int `json:"rows"`
	Parked     int `json:"parked"`
}

// BucketDiff is what would change in one bucket.
type BucketDiff struct {
	Bucket  string    `json:"bucket"`
	Before  int       `json:"rows_before"`
	After   int       `json:"rows_after"`
	Added   int       `json:"added"`
	Removed int       `json:"removed"`
	Changed int       `json:"changed"`
	Sample  []RowDiff `json:"sample"`
}

// RowDiff is one row before and after; null where it is not there.
type RowDiff struct {
	Key    string          `json:"key"` // what cannot be printed is escaped
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
}

func (v *view) diff(ctx context.Context, sample int) (d Diff, err error) {
	v.asking.Lock()
	defer v.asking.Unlock()
	v.mu.Lock()
	g, err := v.preview()
	ready := v.ready
	v.mu.Unlock()
	switch {
	case err != nil:
		return d, err
	case !ready:
		return d, fmt.Errorf("projection %s: %w", v.p.Name(), ErrNotReady)
	}
	if err := v.catchUp(ctx, g, v.foldInto); err != nil { // what it missed while it waited
		return d, err
	}
	before, after, err := v.together(ctx, g)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, before.Rollback(), after.Rollback()) }()
	old := v.serving.Load()
	defer tell(func(err error) { v.suspect(old, err) })
	d = Diff{
		Name: v.p.Name(), Buckets: []BucketDiff{},
		Before: Side{Version: old.version, Generation: old.generation, Parked: int(old.parked.Load())},
		After:  Side{Version: g.version, Generation: g.generation, Parked: int(g.parked.Load())},
	}
	c, err := decodeCursor(after.Bucket(runnerBucket).Get(cursorKey))
	d.Seq = uint64(c.Seq)
	return d, errors.Join(err, d.compare(ctx, before, after, sample))
}

// together begins reading the serving generation and g, both as of one entry:
// the live follower stands still until both have begun.
func (v *view) together(ctx context.Context, g *generation) (before, after *bbolt.Tx, err error) {
	v.fold.Lock()
	defer v.fold.Unlock()
	if err := v.catchUpTo(ctx, g, v.serving.Load().cursor().Seq, v.foldInto); err != nil {
		return nil, nil, err
	}
	if before, err = v.serving.Load().db.Begin(false); err != nil {
		return nil, nil, err
	}
	if after, err = g.db.Begin(false); err != nil {
		return nil, nil, errors.Join(err, before.Rollback())
	}
	return before, after, nil
}

func (d *Diff) compare(ctx context.Context, before, after *bbolt.Tx, sample int) error {
	for _, name := range bucketsOf(before, after) {
		b := BucketDiff{Bucket: name, Sample: []RowDiff{}}
		if err := b.compare(ctx, cursorOf(before, name), cursorOf(after, name), sample); err != nil {
			return err
		}
		d.Before.Rows += b.Before
		d.After.Rows += b.After
		d.Added, d.Removed, d.Changed = d.Added+b.Added, d.Removed+b.Removed, d.Changed+b.Changed
		if b.Added+b.Removed+b.Changed > 0 {
			d.Buckets = append(d.Buckets, b)
		}
	}
	return nil
}

// bucketsOf are the names of all buckets but the runner's own.
func bucketsOf(txs ...*bbolt.Tx) (names []string) {
	for _, tx := range txs {
		_ = tx.ForEach(func(name []byte, _ *bbolt.Bucket) error { // fails only as its function does
			if !bytes.Equal(name, runnerBucket) {
				names = append(names, string(name))
			}
			return nil
		})
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// cursorOf is nil for a bucket that is not there.
func cursorOf(tx *bbolt.Tx, bucket string) *bbolt.Cursor {
	if b := tx.Bucket([]byte(bucket)); b != nil {
		return b.Cursor()
	}
	return nil
}

// compare goes through both in the order of their keys.
func (b *BucketDiff) compare(ctx context.Context, before, after *bbolt.Cursor, sample int) error {
	k, was := first(before)
	l, is := first(after)
	for n := 0; k != nil || l != nil; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		order := bytes.Compare(k, l)
		switch {
		case l == nil || k != nil && order < 0:
			b.note(&b.Removed, sample, k, was, nil)
		case k == nil || order > 0:
			b.note(&b.Added, sample, l, nil, is)
		case !bytes.Equal(was, is):
			b.note(&b.Changed, sample, k, was, is)
		}
		if k != nil && (l == nil || order <= 0) {
			b.Before++
			k, was = before.Next()
			if order == 0 && l != nil {
				b.After++
				l, is = after.Next()
			}
			continue
		}
		b.After++
		l, is = after.Next()
	}
	return nil
}

func first(c *bbolt.Cursor) (k, v []byte) {
	if c == nil {
		return nil, nil
	}
	return c.First()
}

// note counts a difference and keeps the first ones of its kind.
func (b *BucketDiff) note(count *int, sample int, k, was, is []byte) {
	if *count++; *count <= sample {
		key := strconv.Quote(string(k))
		b.Sample = append(b.Sample, RowDiff{key[1 : len(key)-1], printable(was), printable(is)})
	}
}

// printable is a row as JSON, whatever it is.
func printable(row []byte) json.RawMessage {
	switch {
	case row == nil:
		return json.RawMessage("null")
	case json.Valid(row):
		return bytes.Clone(row)
	}
	quoted, _ := json.Marshal(strconv.Quote(string(row))) // a string never fails
	return quoted
}
