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
)

// backups makes a backup of the ledger every so often: DIR/ledger-TIME.bkup.
// The keys are in one file for all of them, DIR/ledger.keys, which is as of the
// newest: what is forgotten is unreadable in the older ones, too.
type backups struct {
	from  copier
	dir   string
	every time.Duration
	keep  int // how many stay; 0: all
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
	if list, err := b.list(); err == nil && len(list) > 0 {
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
	return b.prune()
}

func (b *backups) path(at time.Time) string {
	return filepath.Join(b.dir, backupPrefix+at.UTC().Format(backupTime)+backupSuffix)
}

func (b *backups) prune() error {
	list, err := b.list()
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

// list returns when the backups in the folder were begun, oldest first.
func (b *backups) list() (times []time.Time, err error) {
	found, err := os.ReadDir(b.dir)
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		name, ok := strings.CutPrefix(f.Name(), backupPrefix)
		name, ended := strings.CutSuffix(name, backupSuffix)
		if at, err := time.Parse(backupTime, name); ok && ended && err == nil {
			times = append(times, at)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return times, nil
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
