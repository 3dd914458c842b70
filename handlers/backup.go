package handlers

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/julienschmidt/httprouter"
)

// Backuper writes hot copies of the ledger, and of the keys without which no
// body in it opens.
type Backuper interface {
	Backup(ctx context.Context, w io.Writer) error
	BackupKeys(ctx context.Context, w io.Writer) error
}

// backup streams a copy of the ledger, which ends with a checksum: an answer
// cut short does not verify.
func (a *api) backup(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	return a.sendCopy(w, r, "backup", func(to io.Writer) error { return a.Backup.Backup(r.Context(), to) })
}

// backupKeys streams a copy of the key file.
func (a *api) backupKeys(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	return a.sendCopy(w, r, "backup_keys", func(to io.Writer) error { return a.Backup.BackupKeys(r.Context(), to) })
}

// sendCopy records that somebody takes a copy, and lets it go out.
func (a *api) sendCopy(w http.ResponseWriter, r *http.Request, act string, write func(io.Writer) error) error {
	if a.Backup == nil {
		return &notConfigured
	}
	if _, err := a.record(r, deed{Act: act}); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if err := write(&patient{w, http.NewResponseController(w)}); err != nil {
		noteOf(r).err = err
		panic(http.ErrAbortHandler) // the status is sent: cut the connection, so that nobody takes it for whole
	}
	return nil
}

// patient gives every write a time of its own, where the whole answer may take
// longer than the server allows.
type patient struct {
	http.ResponseWriter
	rc *http.ResponseController
}

// Write implements io.Writer.
func (p *patient) Write(b []byte) (int, error) {
	_ = p.rc.SetWriteDeadline(time.Now().Add(writeWait)) // without one the server's own holds
	return p.ResponseWriter.Write(b)
}
