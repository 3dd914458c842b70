package boltlog

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// call is what somebody waits for: drafts to be appended, or a deed to be done
// by the writer between two commits.
type call struct {
	ctx    context.Context
	drafts []draft
	bytes  int64
	sealed sync.WaitGroup // the writer waits for it
	broken error          // why the drafts could not be sealed
	deed   func() error
	over   chan struct{} // closed after the deed
	answer chan answer   // has room for one
}

type answer struct {
	appended []ledger.Appended
	err      error
}

// waiting counts what is on its way to the writer.
type waiting struct{ drafts, bytes atomic.Int64 }

// Append implements ledger.Appender. It returns without an error only after
// both flushes of the commit (P1). Calls that wait share a commit, and no
// commit waits for company. The drafts of one call are committed together, and
// get the next places (P4). A key that is there already is found for ever,
// exactly (P3).
//
// It ends with ErrBusy at once when too much waits (P10), with ErrFull while
// there is no room, with ErrDoubt after the storage failed (P8), and with
// ErrCorrupt once damage was found (P9): none of these is an answer that
// acknowledges (P2).
func (l *Log) Append(ctx context.Context, ds ...ledger.Draft) ([]ledger.Appended, error) {
	if len(ds) == 0 {
		return nil, ctx.Err()
	}
	c := &call{ctx: ctx, drafts: make([]draft, len(ds)), answer: make(chan answer, 1)}
	for i := range ds {
		if err := ds[i].Validate(); err != nil {
			return nil, err
		}
		l.prepare(&c.drafts[i], &ds[i])
		c.bytes += int64(len(ds[i].Body))
	}
	c.sealed.Add(1)
	if err := l.send(c); err != nil {
		return nil, fmt.Errorf("append %s: %w", ds[0].Kind, err)
	}
	l.seal(c) // the writer has other calls to see to meanwhile
	a, err := c.wait()
	if err != nil {
		return nil, fmt.Errorf("append %s: %w", ds[0].Kind, err)
	}
	return a.appended, nil
}

// wait returns the answer, or the context's error if that comes first: then
// the drafts may be kept or not.
func (c *call) wait() (answer, error) {
	select {
	case a := <-c.answer:
		return a, a.err
	case <-c.ctx.Done():
		return answer{}, c.ctx.Err()
	}
}

// send hands c to the writer, or says why it cannot wait. It gives the drafts
// their ids and slots in the order in which the writer takes them.
func (l *Log) send(c *call) error {
	if err := l.turn.take(c.ctx); err != nil {
		return err
	}
	defer l.turn.mu.Unlock()
	if l.closed.yes {
		return ledger.ErrClosed
	}
	drafts, bytes := l.waiting.add(c)
	alone := drafts == int64(len(c.drafts))
	if !alone && (drafts > int64(l.o.MaxWaiting) || bytes > l.o.MaxWaitingBytes) {
		l.waiting.remove(c)
		return ledger.ErrBusy
	}
	if err := l.give(c); err != nil {
		l.waiting.remove(c)
		return err
	}
	select {
	case l.calls <- c:
		l.turn.sent(c)
		return nil
	default:
		l.waiting.remove(c)
		return ledger.ErrBusy
	}
}

func (w *waiting) add(c *call) (drafts, bytes int64) {
	return w.drafts.Add(int64(len(c.drafts))), w.bytes.Add(c.bytes)
}

func (w *waiting) remove(c *call) {
	w.drafts.Add(-int64(len(c.drafts)))
	w.bytes.Add(-c.bytes)
}

// seal encodes the drafts of a call that was sent, but for their places. It
// runs in the caller's goroutine, beside the writer, which may be waiting for
// the disk.
func (l *Log) seal(c *call) {
	defer c.sealed.Done()
	defer l.beneath(&c.broken)()
	for i := range c.drafts {
		d := &c.drafts[i]
		if err := l.encode(d); err != nil {
			c.broken = l.failed(fmt.Errorf("seal entry %s: %w", ledger.FormatID(d.ID), err))
			return
		}
	}
}

// encode sets d.stored.
func (l *Log) encode(d *draft) (err error) {
	r, body := &d.Record, d.packed
	size := len(body)
	switch {
	case r.Flags&ledger.Gone != 0:
		body, size = nil, 0
	case r.Slot != 0:
		size += sealing
	}
	about := 160 + len(r.Kind) + len(r.Key) + len(r.Subject) + len(r.Location) + size
	b := ledger.AppendHead(make([]byte, 0, about), r, size)
	if r.Slot == 0 {
		b = append(b, body...)
	} else if b, err = l.keys.seal(b, r.Slot, r.ID[:], body); err != nil {
		return err
	}
	d.stored, d.packed = append(b, make([]byte, ledger.RecordTail)...), nil
	return nil
}
