package boltlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// trouble is why the log cannot append.
type trouble struct {
	err   error // ErrFull or ErrDoubt
	since time.Time
	free  int64 // bytes that were free when it began
}

// Bounds of one commit: beyond a thousand entries it gets no cheaper, only later.
const (
	groupDrafts = 1024
	groupBytes  = 8 << 20
)

// crowd is how many calls are many.
const crowd = 16

// write is the one goroutine that writes. It ends when calls is closed and
// empty.
func (l *Log) write() {
	defer close(l.done)
	debug.SetPanicOnFault(true) // see recovered
	for c := range l.calls {
		for c != nil {
			c = l.take(c)
		}
		l.tend()
	}
	if err := l.keys.await(); err != nil {
		l.failed(fmt.Errorf("make keys: %w", err))
	}
}

// take commits first together with what waits behind it, and returns the call
// that it took out but did not commit, if any. Nobody waits for company: what
// comes while the calls before it are sealed comes along. But when a crowd was
// answered by the commit before, the writer steps aside once more and again for
// who can run, as long as somebody comes and the group has less than half of all
// who were answered or wait. With the writer at its next group at once they would
// come to the one after it; with all of them in one group, nobody would be at work
// while it is at the disk.
func (l *Log) take(first *call) (next *call) {
	if first.deed != nil {
		l.do(first)
		return nil
	}
	g := group{calls: []*call{first}, drafts: len(first.drafts), bytes: first.bytes}
	all := l.answered + len(l.calls) + 1
	for sealed := 0; sealed < len(g.calls); sealed++ {
		g.calls[sealed].sealed.Wait()
		if next == nil && sealed == len(g.calls)-1 {
			if all >= crowd && 2*len(g.calls) < all {
				runtime.Gosched()
			}
			next = l.gather(&g)
		}
	}
	l.answered = len(g.calls)
	l.commit(g.calls)
	return next
}

// group is calls that share a commit.
type group struct {
	calls  []*call
	drafts int
	bytes  int64
}

// gather adds to g the calls that wait, as many as fit, up to a deed, which it
// returns.
func (l *Log) gather(g *group) (deed *call) {
	for g.drafts < groupDrafts && g.bytes < groupBytes {
		select {
		case c := <-l.calls:
			switch {
			case c == nil: // closed
				return nil
			case c.deed != nil:
				return c
			}
			g.calls, g.drafts, g.bytes = append(g.calls, c), g.drafts+len(c.drafts), g.bytes+c.bytes
		default:
			return nil
		}
	}
	return nil
}

func (l *Log) do(c *call) {
	err := l.doubtful()
	if err == nil {
		err = l.act(c.deed)
	}
	close(c.over)
	l.reply(c, answer{err: err})
}

// act does a deed. One that panics, as over a file that was cut off beneath its
// mapping, is no less a failure of the storage than a panic of bbolt's (P8).
func (l *Log) act(deed func() error) error {
	err := func() (err error) {
		defer l.recovered(&err)
		return deed()
	}()
	if l.stuck && l.doubtful() == nil {
		return l.failed(err)
	}
	return err
}

func (l *Log) reply(c *call, a answer) {
	l.waiting.remove(c)
	c.answer <- a
}

func (l *Log) replyAll(calls []*call, err error) {
	for _, c := range calls {
		l.reply(c, answer{err: err})
	}
}

// commit answers every call of the group, after one commit.
func (l *Log) commit(group []*call) {
	group = l.admit(group)
	if len(group) == 0 {
		return
	}
	b, answers, err := l.fill(group)
	if err == nil {
		err = b.commit()
	}
	if err != nil { // no slot is given back: what it seals may be in a page on the disk
		l.replyAll(group, l.failed(err))
		return
	}
	if len(b.entries) > 0 {
		if err := l.publish(b); err != nil {
			l.replyAll(group, l.failed(err))
			return
		}
	}
	l.turn.giveBack(b.unused)
	for i, c := range group {
		l.reply(c, answers[i])
	}
}

// admit answers the calls that cannot be committed and returns the others.
func (l *Log) admit(group []*call) []*call {
	room := l.room()
	l.tight.Store(!room.all)
	admitted := group[:0]
	for _, c := range group {
		if err := cmp.Or(c.ctx.Err(), room.refuses(c.ctx), c.broken); err != nil {
			l.turn.giveBack(c.slots())
			l.reply(c, answer{err: err})
			continue
		}
		admitted = append(admitted, c)
	}
	return admitted
}

// publish makes a committed batch the head. The witness goes first: if the
// disk refuses it, nobody has been told anything.
func (l *Log) publish(b *batch) error {
	if _, err := l.witness.WriteAt(b.head.witness.encode(l.keys.id), 0); err != nil {
		return fmt.Errorf("write the head witness: %w", errors.Join(err, errNotPlain))
	}
	b.intoIndex()
	if l.head.Load().seq == 0 {
		l.first.Store(&b.entries[0].Recorded)
	}
	h := b.head
	l.head.Store(&h)
	l.commits.Add(1)
	l.state.Store(nil)
	l.wake()
	return nil
}

// errNotPlain marks a failure that no free space mends.
var errNotPlain = errors.New("after the commit")

// full says whether err is a plain write that found no room. Nothing that was
// kept is touched by it.
func full(err error) bool {
	call, ok := errors.AsType[*fs.PathError](err)
	return ok && call.Op == "write" && !errors.Is(err, errNotPlain) &&
		(errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT))
}

// failed decides what a failed commit means. Without room the log goes on and
// tries again later. Anything else, above all a failed flush, leaves open what
// is on the disk: Doubt is told before anybody is answered.
func (l *Log) failed(err error) error {
	if full(err) {
		free, _ := free(l.lock)
		err = fmt.Errorf("%w: %v", ledger.ErrFull, err)
		l.state.Store(&trouble{err, time.Now(), free})
		l.tight.Store(true)
		l.o.Logger.Error("no room on the disk", "err", err)
		return err
	}
	err = fmt.Errorf("%w: %w", ledger.ErrDoubt, err)
	l.state.Store(&trouble{err: err, since: time.Now()})
	l.o.Logger.Error("storage in doubt", "err", err)
	l.o.Doubt(err)
	return err
}

func (l *Log) doubtful() error {
	if t := l.state.Load(); t != nil && errors.Is(t.err, ledger.ErrDoubt) {
		return t.err
	}
	return nil
}

// room is who may append: everybody, our own receipts only, or nobody, and why.
type room struct {
	all, receipts bool
	reason        error
}

// refuses returns why an append with that context is refused, or nil.
func (r room) refuses(ctx context.Context) error {
	if r.all || r.receipts && ledger.MayUseReserve(ctx) {
		return nil
	}
	return r.reason
}

func (l *Log) room() room {
	t := l.state.Load()
	if t != nil && errors.Is(t.err, ledger.ErrDoubt) {
		return room{reason: t.err}
	}
	have, err := free(l.lock)
	if err != nil {
		return room{reason: fmt.Errorf("%w: ask for free space: %v", ledger.ErrFull, err)}
	}
	// After a write found no room, try again when there is more of it, or now and then.
	if t != nil && have <= t.free && time.Since(t.since) < time.Second {
		return room{reason: t.err}
	}
	if damage := l.Damage(); damage != nil {
		return room{receipts: have >= l.o.MinFree/4, reason: damage}
	}
	if have >= l.o.MinFree {
		return room{all: true}
	}
	reason := fmt.Errorf("%w: %s free, below the floor of %s", ledger.ErrFull, amount(have), amount(l.o.MinFree))
	return room{receipts: have >= l.o.MinFree/4, reason: reason}
}

// tend does what may be done between commits: the index, and keys ahead.
func (l *Log) tend() {
	if l.doubtful() != nil {
		return
	}
	l.index.tend()
	if err := l.keys.tend(); err != nil {
		l.failed(fmt.Errorf("make keys: %w", err))
	}
}
