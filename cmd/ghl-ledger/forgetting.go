package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// forgetting destroys what is known of a contact: the keys in the ledger, then
// the views' files. A mark beside the views says that it is under way, so that
// the next start finishes what was cut off.
type forgetting struct {
	ledger *boltlog.Log
	runner *projections.Runner
	mark   string // a file

	unfinished bool       // the mark is an earlier life's
	one        sync.Mutex // erasures go one after the other
}

func newForgetting(l *boltlog.Log, r *projections.Runner, dataDir string) *forgetting {
	f := &forgetting{ledger: l, runner: r, mark: filepath.Join(dataDir, "forgetting")}
	_, err := os.Stat(f.mark)
	f.unfinished = err == nil
	return f
}

// Prepare implements handlers.Forgetter.
func (f *forgetting) Prepare() error {
	file, err := os.OpenFile(f.mark, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(f.mark))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Forget implements handlers.Forgetter. Many are forgotten at the price of one:
// the views are rewritten once.
func (f *forgetting) Forget(ctx context.Context, leads ...projections.Lead) error {
	f.one.Lock()
	defer f.one.Unlock()
	for _, lead := range leads {
		if err := f.ledger.Erase(ctx, lead.ContactID, handlers.PeopleOf(lead)...); err != nil {
			return err
		}
	}
	return f.rewrite(ctx)
}

// rewrite makes the views anew, without what was destroyed.
func (f *forgetting) rewrite(ctx context.Context) error {
	if err := f.runner.Rewrite(ctx); err != nil {
		return err
	}
	if err := os.Remove(f.mark); !errors.Is(err, fs.ErrNotExist) { // two that were asked for together share it
		return err
	}
	return nil
}

// lookBack is how many of the newest entries a start searches for an erasure
// that was cut off: nothing but what was under way at that moment follows it.
const lookBack = 10_000

// finish does what an earlier life was about to do.
func (f *forgetting) finish(ctx context.Context) error {
	if !f.unfinished {
		return nil
	}
	f.one.Lock()
	defer f.one.Unlock()
	head, err := f.ledger.Head(ctx)
	if err != nil {
		return err
	}
	for e, err := range f.ledger.Read(ctx, ledger.Cursor{Seq: head.Seq - min(head.Seq, lookBack)}) {
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
		_ = json.Unmarshal(e.Body, &asked) // ours; without it the contact's own key is what there is
		if err := f.ledger.Erase(ctx, e.Subject, asked.Details.People...); err != nil {
			return fmt.Errorf("finish forgetting %s: %w", e.Subject, err)
		}
	}
	return f.rewrite(ctx)
}
