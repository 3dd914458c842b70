package boltlog

import (
	"errors"
	"fmt"
	"os"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"go.etcd.io/bbolt"
)

// create makes the files of a new ledger, the witness last. A ledger that has
// a witness had entries, so if one of its files is missing it was lost.
func (l *Log) create() error {
	if cut, err := exists(l.path(restoring)); err != nil || cut {
		return errors.Join(err, fmt.Errorf("%w: a restore was cut off here: empty the directory and run it again", ledger.ErrCorrupt))
	}
	var have [3]bool
	for i, name := range [...]string{logName, keysName, headName} {
		var err error
		if have[i], err = exists(l.path(name)); err != nil {
			return err
		}
	}
	switch {
	case have == [3]bool{true, true, true}:
		return nil
	case have[2] && !have[0]:
		return fmt.Errorf("%w: %s is not there, though it had entries: restore a backup", ledger.ErrCorrupt, logName)
	case have[0] && !have[1]:
		return fmt.Errorf("%w: %s is not there, without which no body opens: put the key file of the newest backup in its place", ledger.ErrCorrupt, keysName)
	}
	if !have[1] {
		if err := createKeys(l.path(keysName)); err != nil {
			return err
		}
	}
	keys, err := openKeys(l.path(keysName), os.O_RDONLY)
	if err != nil {
		return err
	}
	id := keys.id
	if err := keys.close(); err != nil {
		return err
	}
	if !have[0] {
		if err := createBolt(l.path(logName)); err != nil {
			return err
		}
	}
	l.unwitnessed = have[0]
	return writeWitness(l.path(headName), id, witness{})
}

// createBolt makes the bbolt file under its temporary name first.
func createBolt(path string) error {
	temp := path + tempExt
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	db, err := openBolt(temp)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [...][]byte{entriesBucket, forgottenBucket, destroyedBucket} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Sync(), db.Close()); err != nil {
		return err
	}
	return settle(path)
}
