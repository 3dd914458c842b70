package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/projections"
	"golang.org/x/sync/semaphore"
)

// forgetting destroys what is known of a contact: the keys in the ledger, then
// the views' files. A mark beside the views says that it is under way, so that
// the next start finishes what was cut off. It holds the ledger's head as the
// first of those under way was asked for: their entries come after it.
type forgetting struct {
	ledger *boltlog.Log
	runner *projections.Runner
	mark   string // a file

	order *semaphore.Weighted // an erasure holds one from its word to its end, a readmission all: it is before the one or after the other
	one   *semaphore.Weighted // erasures go one after the other

	mu         sync.Mutex // guards what follows, and the mark
	owe        int        // erasures under way: they share the mark
	unfinished bool       // the mark is an earlier life's too, or of one that failed
}

// everyErasure is more than there are at a time.
const everyErasure = 1 << 30

func newForgetting(l *boltlog.Log, r *projections.Runner, dataDir string) *forgetting {
	f := &forgetting{ledger: l, runner: r, mark: filepath.Join(dataDir, "forgetting"),
		order: semaphore.NewWeighted(everyErasure), one: semaphore.NewWeighted(1)}
	_, err := os.Stat(f.mark)
	f.unfinished = err == nil
	return f
}

// Forget implements handlers.Forgetter. Many are forgotten at the price of one: the
// ledger is read and the views are rewritten once. What fails is tried again by the
// next start, or the next readmission.
func (f *forgetting) Forget(ctx context.Context, say func(context.Context) ([]projections.Lead, error)) (err error) {
	if err := f.order.Acquire(ctx, 1); err != nil {
		return err
	}
	defer f.order.Release(1)
	if err := f.begin(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.end(err != nil)) }()
	leads, err := say(ctx)
	if err != nil || len(leads) == 0 {
		return err
	}
	var who []ledger.Erasure
	for _, lead := range leads {
		who = append(who, ledger.Erasure{Subject: lead.ContactID, People: handlers.PeopleOf(lead)})
	}
	return f.destroy(ctx, who)
}

// destroy takes the keys and rewrites the views. In a damaged ledger the keys go
// and the views stay, since none can be built of it; the next start tries again.
func (f *forgetting) destroy(ctx context.Context, who []ledger.Erasure) error {
	if err := f.one.Acquire(ctx, 1); err != nil {
		return err
	}
	defer f.one.Release(1)
	if err := f.ledger.Erase(ctx, who...); err != nil {
		return err
	}
	return f.runner.Rewrite(ctx)
}

// begin notes, durably, that somebody is about to be forgotten.
func (f *forgetting) begin(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.owe == 0 && !f.unfinished {
		head, err := f.ledger.Head(ctx)
		if err != nil {
			return err
		}
		if err := writeDurable(f.mark, strconv.FormatUint(uint64(head.Seq), 10)); err != nil {
			return err
		}
	}
	f.owe++
	return nil
}

// end takes the mark away once nothing is owed.
func (f *forgetting) end(failed bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.owe--
	f.unfinished = f.unfinished || failed
	if f.owe > 0 || f.unfinished {
		return nil
	}
	if err := os.Remove(f.mark); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Readmit implements handlers.Forgetter. Whoever was to be forgotten before is
// forgotten first, which may take as long as that does.
func (f *forgetting) Readmit(ctx context.Context, contact string, say func(ctx context.Context, was bool) error) error {
	if err := f.order.Acquire(ctx, everyErasure); err != nil {
		return err
	}
	defer f.order.Release(everyErasure)
	if err := f.catchUp(ctx); err != nil {
		return err
	}
	was, err := f.ledger.Readmit(ctx, contact)
	if err != nil {
		return err
	}
	return say(ctx, was)
}

// finish does what an earlier life was about to do.
func (f *forgetting) finish(ctx context.Context) error {
	if err := f.order.Acquire(ctx, 1); err != nil {
		return err
	}
	defer f.order.Release(1)
	return f.catchUp(ctx)
}

// catchUp does what an earlier life was about to do, and what failed in this one.
// The caller holds order.
func (f *forgetting) catchUp(ctx context.Context) (err error) {
	if !f.takeUnfinished() {
		return nil
	}
	defer func() { err = errors.Join(err, f.end(err != nil)) }()
	who, err := f.asked(ctx, f.since())
	if err == nil {
		err = f.destroy(ctx, who)
	}
	if err != nil {
		return fmt.Errorf("finish forgetting: %w", err)
	}
	return nil
}

// takeUnfinished says whether there is something to finish, which is then owed by
// who asked first. What fails from then on is not among it.
func (f *forgetting) takeUnfinished() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.unfinished {
		return false
	}
	f.unfinished = false
	f.owe++
	return true
}

// writeDurable makes a file of that text, there after a power cut too. One cut
// off while it writes leaves an empty one at most.
func writeDurable(name, text string) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(name)) // half a number would be another
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// since is where the mark says to begin. One without a number, as a crash in
// the midst of writing leaves it, means the whole ledger.
func (f *forgetting) since() ledger.Seq {
	text, err := os.ReadFile(f.mark)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return 0
	}
	return ledger.Seq(n)
}

// asked returns whose erasure was asked for after an entry and not done: what is
// done has erased the body that asked, too.
func (f *forgetting) asked(ctx context.Context, after ledger.Seq) (who []ledger.Erasure, err error) {
	for e, err := range f.ledger.Read(ctx, ledger.Cursor{Seq: after}) {
		if err != nil {
			return nil, err
		}
		if e.Kind != projections.KindForgotten || e.Erased {
			continue
		}
		var asked struct {
			Details struct {
				People []string `json:"people"`
			} `json:"details"`
		}
		_ = json.Unmarshal(e.Body, &asked) // ours; without it there is the contact alone
		who = append(who, ledger.Erasure{Subject: e.Subject, People: asked.Details.People})
	}
	return who, nil
}
