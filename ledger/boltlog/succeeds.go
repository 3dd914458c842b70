package boltlog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrKeys is the error of a key file that must not take another one's place.
var ErrKeys = errors.New("ledger: not all the keys that are there")

// KeysSucceed says whether the key file at newer may take the place of the one
// at older, without which backups may not be readable: both are one ledger's,
// and newer has every key that older has, or zeros where it was destroyed. If
// not, it ends with ErrKeys: a ledger that was restored with an older key file
// has made other keys since, and other people are erased in it.
func KeysSucceed(newer, older string) error {
	n, err := os.Open(newer)
	if err != nil {
		return err
	}
	defer n.Close()
	o, err := os.Open(older)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer o.Close()
	return compareKeys(bufio.NewReaderSize(n, 1<<20), bufio.NewReaderSize(o, 1<<20), older)
}

func compareKeys(newer, older io.Reader, name string) error {
	var is, was [slotSize]byte
	for slot := uint64(0); ; slot++ {
		_, err := io.ReadFull(older, was[:])
		switch {
		case err == io.EOF && slot >= firstSlot:
			return nil
		case err != nil:
			return fmt.Errorf("%w: %s is cut off", ErrKeys, name)
		}
		if _, err := io.ReadFull(newer, is[:]); err != nil {
			return fmt.Errorf("%w: %s has one in slot %d, which is more than this ledger has", ErrKeys, name, slot)
		}
		switch {
		case is == was, is == [slotSize]byte{} && slot >= firstSlot:
		case slot < firstSlot:
			return fmt.Errorf("%w: %s is the key file of another ledger", ErrKeys, name)
		default:
			return fmt.Errorf("%w: %s has another one in slot %d", ErrKeys, name, slot)
		}
	}
}

// BackupID returns the id of the ledger that a backup is of; ok is false if it
// is no backup.
func BackupID(path string) (id [16]byte, ok bool) {
	f, err := os.Open(path)
	if err != nil {
		return id, false
	}
	defer f.Close()
	var head [32]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || string(head[:16]) != backupMagic {
		return id, false
	}
	return [16]byte(head[16:]), true
}

// ID returns the ledger's id, made with it. A restored ledger has the same.
func (l *Log) ID() [16]byte { return l.keys.id }
