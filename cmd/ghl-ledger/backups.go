package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
)

// backups makes a backup of the ledger every so often: DIR/ledger-TIME.bkup.
// The keys are in one file for all of them, DIR/ledger.keys, which is as of the
// newest: what is forgotten is unreadable in the older ones, too.
type backups struct {
	from  copier
	dir   string
	every time.Duration
	keep  int      // how many stay; 0: all
	of    [16]byte // the ledger's id: backups of another are let be; zeros: of any
	log   *slog.Logger
	alert func(title, text string)

	newest atomic.Int64 // when the newest verified one was begun, unix seconds; 0: none
}

const (
	sharedKeys   = "ledger.keys"
	backupPrefix = "ledger-"
	backupSuffix = ".bkup"
	backupTime   = "20060102T150405Z"

	scheduledRate = 64 << 20 // bytes a second, so that webhooks do not wait for a backup
	backupRetry   = 10 * time.Minute
)

// Run makes backups until ctx ends. One that fails is alerted, and tried again
// soon.
func (b *backups) Run(ctx context.Context) error {
	if b.every == 0 || b.dir == "" {
		return nil
	}
	if list, err := b.list(time.Now()); err == nil && len(list) > 0 && !list[len(list)-1].After(time.Now()) {
		b.newest.Store(list[len(list)-1].Unix())
	}
	next := time.Unix(b.newest.Load(), 0).Add(b.every)
	for {
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		begun := time.Now()
		next = begun.Add(b.every)
		if err := b.make(ctx, begun); err != nil && ctx.Err() == nil {
			b.log.Error("backup not made", "err", err)
			b.alert("backup not made", err.Error())
			next = begun.Add(min(b.every, backupRetry))
		}
	}
}

// make makes one backup and removes those that are too many.
func (b *backups) make(ctx context.Context, now time.Time) error {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(b.dir)); err != nil { // where it was made just now
		return err
	}
	path := b.path(now)
	r, err := copyJob{from: b.from, path: path, keys: filepath.Join(b.dir, sharedKeys), perSecond: scheduledRate}.run(ctx)
	if err != nil {
		return err
	}
	if !r.Sound() {
		return fmt.Errorf("%s is not sound: %s", path, r.Faults[0])
	}
	b.newest.Store(now.Unix())
	b.log.Info("backup made and verified", "path", path, "seq", r.Head.Seq, "took", time.Since(now).Round(time.Millisecond))
	return b.prune(now)
}

func (b *backups) path(at time.Time) string {
	return filepath.Join(b.dir, backupPrefix+at.UTC().Format(backupTime)+backupSuffix)
}

// prune removes the oldest, never the one that was just made.
func (b *backups) prune(now time.Time) error {
	list, err := b.list(now)
	if err != nil || b.keep == 0 || len(list) <= b.keep {
		return err
	}
	for _, at := range list[:len(list)-b.keep] {
		if err := os.Remove(b.path(at)); err != nil {
			return err
		}
	}
	return nil
}

// list returns when the backups of this ledger in the folder were begun, oldest
// first. One from after now was made while the clock was wrong: it comes first,
// or it would be kept in the place of all that are newer.
func (b *backups) list(now time.Time) (times []time.Time, err error) {
	found, err := os.ReadDir(b.dir)
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		name, ok := strings.CutPrefix(f.Name(), backupPrefix)
		name, ended := strings.CutSuffix(name, backupSuffix)
		at, err := time.Parse(backupTime, name)
		if ok && ended && err == nil && b.ours(f.Name()) {
			times = append(times, at)
		}
	}
	slices.SortFunc(times, func(x, y time.Time) int {
		switch future := x.After(now); {
		case future == y.After(now):
			return x.Compare(y)
		case future:
			return -1
		}
		return 1
	})
	return times, nil
}

// ours says whether a file is a backup of this ledger.
func (b *backups) ours(name string) bool {
	id, ok := boltlog.BackupID(filepath.Join(b.dir, name))
	return ok && (id == b.of || b.of == [16]byte{})
}

// at returns when the newest verified backup was begun; zero if there is none.
func (b *backups) at() time.Time {
	if newest := b.newest.Load(); newest > 0 {
		return time.Unix(newest, 0)
	}
	return time.Time{}
}

// warning says that the newest backup is too old; "" where that is as it should be.
func (b *backups) warning(now time.Time) string {
	newest := b.newest.Load()
	switch {
	case b.every == 0:
		return ""
	case newest == 0:
		return "no verified backup yet in " + b.dir
	case now.Sub(time.Unix(newest, 0)) > 2*b.every:
		return fmt.Sprintf("the newest verified backup is %s old, one is due every %s", now.Sub(time.Unix(newest, 0)).Round(time.Second), b.every)
	}
	return ""
}

// writeMetrics writes the age of the newest verified backup, if there is one.
func (b *backups) writeMetrics(w io.Writer) {
	if newest := b.newest.Load(); newest > 0 {
		metrics.WriteGaugeFloat64(w, "ghl_ledger_backup_age_seconds", time.Since(time.Unix(newest, 0)).Seconds())
	}
}
