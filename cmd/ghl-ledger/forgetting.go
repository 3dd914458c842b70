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
)

// forgetting destroys what is known of a contact: the keys in the ledger, then
// the views' files. A mark beside the views says that it is under way, so that
// the next start finishes what was cut off. It holds the ledger's head as the
// first of those under way was asked for: their entries come after it.
type forgetting struct {
	ledger *boltlog.Log
	runner *projections.Runner
	mark   string // a file

	unfinished bool       // the mark is an earlier life's
	one        sync.Mutex // erasures go one after the other

	mu  sync.Mutex // guards owe, unfinished and the mark
	owe int        // erasures asked for and not done: they share the mark
}

func newForgetting(l *boltlog.Log, r *projections.Runner, dataDir string) *forgetting {
	f := &forgetting{ledger: l, runner: r, mark: filepath.Join(dataDir, "forgetting")}
	_, err := os.Stat(f.mark)
	f.unfinished = err == nil
	return f
}

// Prepare implements handlers.Forgetter. One that no Forget follows leaves the
// mark to the next start, which finds nothing to do.
func (f *forgetting) Prepare() error {
	head, err := f.ledger.Head(context.Background())
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.owe++
	if _, err := os.Stat(f.mark); err == nil {
		return nil // of one that began before
	}
	return writeDurable(f.mark, strconv.FormatUint(uint64(head.Seq), 10))
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

// Forget implements handlers.Forgetter. Many are forgotten at the price of one:
// the ledger is read and the views are rewritten once. In a damaged ledger the keys
// go and the views stay, since none can be built of it; the next start tries again.
func (f *forgetting) Forget(ctx context.Context, leads ...projections.Lead) error {
	f.one.Lock()
	defer f.one.Unlock()
	var who []ledger.Erasure
	for _, lead := range leads {
		who = append(who, ledger.Erasure{Subject: lead.ContactID, People: handlers.PeopleOf(lead)})
	}
	if err := f.ledger.Erase(ctx, who...); err != nil {
		return err
	}
	if err := f.runner.Rewrite(ctx); err != nil {
		return err
	}
	return f.done(1)
}

// Readmit implements handlers.Forgetter. What an earlier life was about to forget is
// forgotten first: it was asked for before.
func (f *forgetting) Readmit(ctx context.Context, contact string) (was bool, err error) {
	if err := f.finish(ctx); err != nil {
		return false, err
	}
	f.one.Lock()
	defer f.one.Unlock()
	return f.ledger.Readmit(ctx, contact)
}

// done takes the mark away, unless another erasure is owed.
func (f *forgetting) done(n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.owe -= n; f.owe > 0 || f.unfinished {
		return nil
	}
	if err := os.Remove(f.mark); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// finish does what an earlier life was about to do.
func (f *forgetting) finish(ctx context.Context) error {
	f.one.Lock()
	defer f.one.Unlock()
	if !f.isUnfinished() {
		return nil
	}
	if err := f.eraseAsked(ctx, f.since()); err != nil {
		return err
	}
	if err := f.runner.Rewrite(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	f.unfinished = false
	f.mu.Unlock()
	return f.done(0)
}

func (f *forgetting) isUnfinished() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.unfinished
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

// eraseAsked erases those whose erasure was asked for after an entry and not
// done: what is done has erased the body that asked, too.
func (f *forgetting) eraseAsked(ctx context.Context, after ledger.Seq) error {
	var who []ledger.Erasure
	for e, err := range f.ledger.Read(ctx, ledger.Cursor{Seq: after}) {
		if err != nil {
			return err
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
	if err := f.ledger.Erase(ctx, who...); err != nil {
		return fmt.Errorf("finish forgetting: %w", err)
	}
	return nil
}
