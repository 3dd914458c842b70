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
// the entries were verified with the keys, as the disk has them; if anything is
// wrong nothing new stays.
func (j copyJob) run(ctx context.Context) (r boltlog.Report, err error) {
	temp, keysTemp := j.path+".new", j.keys+".new"
	defer func() {
		if err != nil || !r.Sound() {
			err = errors.Join(err, removeIfThere(temp), removeIfThere(keysTemp))
		}
	}()
	if err := j.write(ctx, temp, j.from.Backup); err != nil {
		return r, err
	}
	// After the entries, so that no entry is newer than the keys.
	if err := j.write(ctx, keysTemp, j.from.BackupKeys); err != nil {
		return r, err
	}
	if r, err = verifyBackupFile(ctx, temp, keysTemp, j.progress); err != nil || !r.Sound() {
		return r, err
	}
	if err := sameLedger(keysTemp, j.keys); err != nil {
		return r, err
	}
	if err := os.Rename(keysTemp, j.keys); err != nil {
		return r, err
	}
	if err := os.Rename(temp, j.path); err != nil {
		return r, err
	}
	return r, errors.Join(syncFolder(filepath.Dir(j.keys)), syncFolder(filepath.Dir(j.path)))
}

// sameLedger refuses to put keys in the place of another ledger's: with a new
// data directory and the old folder of backups, the first backup would make
// all of them unreadable.
func sameLedger(keys, old string) error {
	var heads [2][32]byte // of each: what it is, its version, the ledger's id
	for i, path := range []string{keys, old} {
		f, err := os.Open(path)
		if i == 1 && errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = io.ReadFull(f, heads[i][:])
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
	}
	if heads[0] != heads[1] {
		return fmt.Errorf("%s has the keys of another ledger, without which its backups cannot be read: name another folder, or move those backups away with their keys", old)
	}
	return nil
}

// write makes one flushed file.
func (j copyJob) write(ctx context.Context, path string, copyTo func(context.Context, io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = copyTo(ctx, j.slowed(ctx, f))
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
