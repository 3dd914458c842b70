package boltlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"go.etcd.io/bbolt"
)

// Erase implements ledger.Eraser. First it is written down in the ledger file,
// durably, what is to be destroyed; then the slots are overwritten and flushed.
// If the process is cut off between the two, Open finishes it.
func (l *Log) Erase(ctx context.Context, subject string, people ...string) error {
	var owners []digest
	if subject != "" {
		owners = append(owners, l.keys.subjectDigest(subject))
	}
	for _, who := range people {
		owners = append(owners, l.keys.personDigest(who))
	}
	return l.deed(ctx, "erase", func() error { return l.erase(subject != "", owners) })
}

// Readmit implements ledger.Eraser.
func (l *Log) Readmit(ctx context.Context, subject string) error {
	owner := l.keys.subjectDigest(subject)
	return l.deed(ctx, "readmit", func() error {
		err := l.update(func(tx *bbolt.Tx) error { return tx.Bucket(forgottenBucket).Delete(owner[:]) })
		if err == nil {
			delete(l.forgotten, owner)
		}
		return err
	})
}

// deed has the writer do something between two commits.
func (l *Log) deed(ctx context.Context, what string, do func() error) error {
	c := &call{ctx: ctx, deed: do, over: make(chan struct{}), answer: make(chan answer, 1)}
	err := l.send(c)
	if err == nil {
		_, err = c.wait()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// erase forgets the first owner, if that is a contact, and destroys the slots
// of all. It runs in the writer.
func (l *Log) erase(contact bool, owners []digest) error {
	var slots []uint64
	for _, owner := range owners {
		if slot, ok := l.index.slotOf(owner, &filed{}); ok {
			slots = append(slots, slot)
		}
	}
	err := l.update(func(tx *bbolt.Tx) error {
		for _, slot := range slots {
			if err := note(tx, destroyedBucket, binary.BigEndian.AppendUint64(nil, slot)); err != nil {
				return err
			}
		}
		if !contact {
			return nil
		}
		return note(tx, forgottenBucket, owners[0][:])
	})
	if err != nil {
		return err
	}
	if contact {
		l.forgotten[owners[0]] = true
	}
	if err := l.keys.destroy(slots); err != nil {
		// Not even a want of room is harmless here: what is appended meanwhile
		// would be sealed by a key that the next start destroys.
		return l.failed(fmt.Errorf("destroy keys: %w", errors.Join(err, errNotPlain)))
	}
	return nil
}

// note puts what into a bucket, with a checksum: a flipped bit in the number of
// a slot would have the next start destroy another contact's key.
func note(tx *bbolt.Tx, bucket, what []byte) error {
	return tx.Bucket(bucket).Put(what, noteSum(bucket, what))
}

func noteSum(bucket, what []byte) []byte {
	sum := crc32.Update(crc32.Checksum(bucket, castagnoli), castagnoli, what)
	return binary.BigEndian.AppendUint32(nil, sum)
}

// parseNote says whether key and value are what note wrote.
func parseNote(bucket string, key, value []byte) error {
	size := map[string]int{string(forgottenBucket): len(digest{}), string(destroyedBucket): 8}[bucket]
	if len(key) != size || !bytes.Equal(value, noteSum([]byte(bucket), key)) {
		return fmt.Errorf("%w: a note in %s does not match its checksum", ledger.ErrCorrupt, bucket)
	}
	return nil
}

// update commits a change that is not an entry.
func (l *Log) update(change func(*bbolt.Tx) error) (err error) {
	func() {
		defer l.recovered(&err)
		err = l.db.Update(change)
	}()
	if err != nil {
		return l.failed(err)
	}
	return nil
}
