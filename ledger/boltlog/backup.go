package boltlog

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"go.etcd.io/bbolt"
)

// A backup is one stream. Numbers are big endian.
//
//	at  size  what
//	 0     8  "ghl-bkup"
//	 8     8  version: 1
//	16    16  the ledger's id
//	32     8  seq of its head
//	40    32  the hash of its head
//	72        the entries from the first: each its length (4) and its record
//	          n (8), then forgotten: n keyed hashes (16)
//	          n (8), then destroyed: n slots (8)
//	-32   32  SHA-256 of all before it
//
// The keys are not in it, so that what is destroyed later in the one key file
// kept for all backups is destroyed in all of them.
const (
	backupMagic  = "ghl-bkup\x00\x00\x00\x00\x00\x00\x00\x01"
	backupHeader = 72
	maxRecord    = ledger.MaxBody + 1<<16
)

// Backup writes a copy of the ledger to w, up to the head as it was at the
// call, while appends go on. It reads by short pages, so a slow w delays nobody
// and keeps no page of the file in use. The copy counts once VerifyBackup has
// read it. It cannot be restored without the keys: see BackupKeys.
func (l *Log) Backup(ctx context.Context, w io.Writer) error {
	h := l.head.Load()
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<18)
	out.WriteString(backupMagic) // Flush repeats its error, and that of all others
	out.Write(l.keys.id[:])
	out.Write(binary.BigEndian.AppendUint64(nil, uint64(h.seq)))
	out.Write(h.hash[:])
	for at := ledger.Seq(0); at < h.seq; {
		page, err := l.livePage(at, h.seq)
		if err = errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("backup after entry %d: %w", at, err)
		}
		for _, stored := range page {
			out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(stored))))
			if _, err := out.Write(stored); err != nil {
				return fmt.Errorf("backup after entry %d: %w", at, err)
			}
		}
		at += ledger.Seq(len(page))
	}
	notes, err := l.backupNotes()
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	out.Write(notes)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if _, err := w.Write(sum.Sum(nil)); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

// backupNotes returns who was forgotten and what was destroyed, as a backup has
// it. It is asked after the entries, so that an erasure under way is in it
// rather than missing, and written when nothing of the file is in use any more.
func (l *Log) backupNotes() (notes []byte, err error) {
	l.alive.RLock()
	defer l.alive.RUnlock()
	if l.closed.yes {
		return nil, ledger.ErrClosed
	}
	err = l.view(func(tx *bbolt.Tx) error {
		for _, bucket := range [...][]byte{forgottenBucket, destroyedBucket} {
			var all []byte
			n := uint64(0)
			if err := eachNote(tx, bucket, func(key []byte) { all = append(all, key...); n++ }); err != nil {
				return err
			}
			notes = append(binary.BigEndian.AppendUint64(notes, n), all...)
		}
		return nil
	})
	return notes, err
}

// keysAtOnce is how much of the key file is copied between two commits.
const keysAtOnce = 4 << 20

// BackupKeys writes a copy of the key file to w. Made after a Backup it has the
// keys of all its entries, but for what was destroyed by then. Whoever has both
// can read everything: keep them apart.
func (l *Log) BackupKeys(ctx context.Context, w io.Writer) error {
	for at, end := uint64(0), l.keys.made()*slotSize; at < end; at += keysAtOnce {
		part := make([]byte, min(keysAtOnce, end-at))
		// The writer destroys keys, so between its deeds no slot is half zeros.
		err := l.deed(ctx, "copy keys", func() error { copy(part, l.keys.mapped[at:]); return nil })
		if err == nil {
			_, err = w.Write(part)
		}
		if err != nil {
			return fmt.Errorf("backup of the keys: %w", err)
		}
	}
	return nil
}

// VerifyBackup reads a backup to its end, and checks of every entry what Verify
// checks; bodies only if keys is the path of a key file. A backup cut short is
// not sound. An error means that it could not look.
func VerifyBackup(ctx context.Context, backup io.Reader, keys string, progress func(done, total ledger.Seq)) (Report, error) {
	var r Report
	c, err := newChecker(ctx, progress, &r)
	if err != nil {
		return r, err
	}
	defer c.close()
	if keys != "" {
		if c.keys, err = openKeys(keys, os.O_RDONLY); err != nil {
			return r, fmt.Errorf("verify backup: %w", err)
		}
	}
	_, err = c.backup(backup, func([]byte) error { return nil })
	if err != nil {
		return r, fmt.Errorf("verify backup: %w", err)
	}
	return r, nil
}

// notes are who was forgotten, and which slots were destroyed.
type notes struct {
	forgotten []digest
	destroyed []uint64
}

// backup checks a backup, and has each entry kept that is well formed.
func (c *checker) backup(r io.Reader, keep func(stored []byte) error) (n notes, err error) {
	b := &backupReader{in: bufio.NewReaderSize(r, 1<<18), sum: sha256.New()}
	c.since = map[uint64]string{}
	n, err = c.readBackup(b, keep)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		c.report.damaged(fmt.Errorf("the backup is cut short after entry %d", c.last.seq))
		err = nil
	}
	if bad, ok := errors.AsType[badBackup](err); ok {
		c.report.damaged(bad)
		err = nil
	}
	if err != nil {
		return n, err
	}
	for _, slot := range n.destroyed {
		delete(c.since, slot)
	}
	c.nameErased()
	return n, c.finish()
}

// badBackup says what is wrong with a backup as such.
type badBackup string

func (b badBackup) Error() string { return string(b) }

func (c *checker) readBackup(b *backupReader, keep func(stored []byte) error) (n notes, err error) {
	header := b.take(backupHeader)
	if err := cmp.Or(b.err, c.backupHeader(header)); err != nil {
		return n, err
	}
	for seq := ledger.Seq(1); seq <= c.witness.seq && b.err == nil; seq++ {
		size := b.number(4)
		if size > maxRecord {
			return n, badBackup(fmt.Sprintf("the backup is damaged at entry %d", seq))
		}
		stored := b.take(int(size))
		if b.err != nil {
			break
		}
		if !c.next(seq, stored) {
			return n, c.ctx.Err()
		}
		if err := keep(stored); err != nil {
			return n, err
		}
	}
	for i := b.number(8); i > 0 && b.err == nil; i-- {
		n.forgotten = append(n.forgotten, digest(b.take(len(digest{}))))
	}
	for i := b.number(8); i > 0 && b.err == nil; i-- {
		n.destroyed = append(n.destroyed, b.number(8))
	}
	return n, b.end()
}

func (c *checker) backupHeader(h []byte) error {
	switch {
	case string(h[:8]) != backupMagic[:8]:
		return badBackup("this is no backup of a ledger")
	case string(h[8:16]) != backupMagic[8:]:
		return badBackup("the backup is of another format than 1: a newer release made it")
	case c.keys != nil && [16]byte(h[16:32]) != c.keys.id:
		return badBackup("the key file is another ledger's, not the backup's")
	}
	c.witness = witness{ledger.Seq(binary.BigEndian.Uint64(h[32:])), [32]byte(h[40:72])}
	return nil
}

// backupReader takes values off a stream and sums it up. After the first that
// is not there it has err, and returns zeros.
type backupReader struct {
	in  *bufio.Reader
	sum hash.Hash
	err error
}

// take returns n bytes, which the next call does not overwrite.
func (b *backupReader) take(n int) []byte {
	p := make([]byte, n)
	if b.err == nil {
		_, b.err = io.ReadFull(b.in, p)
		b.sum.Write(p)
	}
	return p
}

func (b *backupReader) number(size int) uint64 {
	p := b.take(size)
	return binary.BigEndian.Uint64(append(make([]byte, 8-size, 8), p...))
}

// end compares the sum, and says so if there is more.
func (b *backupReader) end() error {
	want := b.sum.Sum(nil)
	got := b.take(sha256.Size)
	if b.err != nil {
		return b.err
	}
	if !bytes.Equal(got, want) {
		return badBackup("the backup does not match its checksum")
	}
	if _, err := b.in.ReadByte(); err != io.EOF {
		return cmp.Or(err, error(badBackup("there is something after the end of the backup")))
	}
	return nil
}
