package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"golang.org/x/time/rate"
)

// copier is where copies of a ledger come from: an open one, or the service
// that has it open.
type copier interface {
	Backup(ctx context.Context, w io.Writer) error
	BackupKeys(ctx context.Context, w io.Writer) error
}

// Backup has the service send a copy of its ledger.
func (r *remote) Backup(ctx context.Context, w io.Writer) error { return r.download(ctx, "backup", w) }

// BackupKeys has the service send a copy of its keys.
func (r *remote) BackupKeys(ctx context.Context, w io.Writer) error {
	return r.download(ctx, "backup/keys", w)
}

func (r *remote) download(ctx context.Context, path string, w io.Writer) error {
	resp, err := r.send(ctx, http.MethodGet, apiRoot+path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		return errors.Join(err, r.refused(resp.StatusCode, b))
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the service's copy ended early: %w: try again; its log says why", err)
	}
	return nil
}

// copyJob is a backup to be made: entries at path, keys at keys.
type copyJob struct {
	from       copier
	path, keys string
	perSecond  Size // zero: as fast as it goes
	progress   func(at, total int64)
}

// run makes the backup. Both files get their names once they are flushed and
// the entries were verified with the keys, as the disk has them; until then
// nothing new stays, and the keys of older backups are as they were.
func (j copyJob) run(ctx context.Context) (r boltlog.Report, err error) {
	defer func() {
		if err != nil || !r.Sound() {
			err = errors.Join(err, removeIfThere(j.path+tempSuffix), removeIfThere(j.keys+tempSuffix))
		}
	}()
	r, err = j.copied(ctx)
	for range 2 {
		if err != nil || r.GoneSince == 0 {
			break
		}
		r, err = j.copied(ctx) // somebody was erased between the two copies, which the entries' does not say
	}
	switch {
	case err != nil || !r.Sound():
		return r, err
	case r.GoneSince > 0: // they would count as erased, and replace a file that still has them
		return r, fmt.Errorf("%d of the ledger's keys are gone though nobody destroyed them: `ghl-ledger verify` names the entries; the key file of the newest backup has them", r.GoneSince)
	}
	return r, j.name()
}

const tempSuffix = ".new"

// copied makes both files under temporary names and verifies them.
func (j copyJob) copied(ctx context.Context) (r boltlog.Report, err error) {
	slow := func(ctx context.Context, w io.Writer) error { return j.from.Backup(ctx, j.slowed(ctx, w)) }
	if err := write(ctx, j.path+tempSuffix, slow); err != nil {
		return r, err
	}
	// After the entries, so that no entry is newer than the keys.
	if err := write(ctx, j.keys+tempSuffix, j.from.BackupKeys); err != nil {
		return r, err
	}
	return verifyBackupFile(ctx, j.path+tempSuffix, j.keys+tempSuffix, j.progress)
}

// name gives both files their names, the keys first: they open all backups
// there are, while entries without their keys are nothing. A key file that has
// not all the keys of the one in its place would make older backups unreadable,
// so that one stays, and the entries get no name either.
func (j copyJob) name() error {
	if err := nameKeys(j.keys); err != nil {
		return err
	}
	if err := os.Rename(j.path+tempSuffix, j.path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(j.path))
}

// nameKeys puts a key file in the place of an older copy, durably.
func nameKeys(path string) error {
	if err := boltlog.KeysSucceed(path+tempSuffix, path); errors.Is(err, boltlog.ErrKeys) {
		return fmt.Errorf("%w: backups there may need it: name another folder, or move them away with it", err)
	} else if err != nil {
		return err
	}
	if err := os.Rename(path+tempSuffix, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// write makes one flushed file.
func write(ctx context.Context, path string, copyTo func(context.Context, io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = copyTo(ctx, f)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// slowed returns w, or one that takes so many bytes a second.
func (j copyJob) slowed(ctx context.Context, w io.Writer) io.Writer {
	if j.perSecond == 0 {
		return w
	}
	return &slowed{ctx, w, rate.NewLimiter(rate.Limit(j.perSecond), slowedPart)}
}

const slowedPart = 64 << 10

type slowed struct {
	ctx   context.Context
	w     io.Writer
	limit *rate.Limiter
}

// Write implements io.Writer.
func (s *slowed) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		part := b[:min(len(b), slowedPart)]
		if err = s.limit.WaitN(s.ctx, len(part)); err != nil {
			break
		}
		var m int
		m, err = s.w.Write(part)
		n, b = n+m, b[len(part):]
	}
	return n, err
}

// verifyBackupFile checks a backup with the key file beside it, if there is one.
func verifyBackupFile(ctx context.Context, path, keys string, progress func(at, total int64)) (boltlog.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return boltlog.Report{}, err
	}
	defer f.Close()
	boltlog.Cold(f)
	return boltlog.VerifyBackup(ctx, f, keys, bySeq(progress))
}

// bySeq is progress as the ledger reports it.
func bySeq(progress func(at, total int64)) func(done, total ledger.Seq) {
	if progress == nil {
		return nil
	}
	return func(done, total ledger.Seq) { progress(int64(done), int64(total)) }
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
