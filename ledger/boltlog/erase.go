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

// erasedAtOnce is the most slots that are destroyed between two commits, but for a
// contact that has more: appends wait for that.
const erasedAtOnce = 4096

// Erase implements ledger.Eraser. It reads the ledger for the slots that seal bodies
// about those people, beside the writer, which only looks at what came since. Of each
// it is first written down in the ledger file, durably, what is to be destroyed; then
// the slots are overwritten and flushed. If the process is cut off between the two,
// Open finishes it. An entry that cannot be read is passed over, and named in the
// error.
func (l *Log) Erase(ctx context.Context, who ...ledger.Erasure) error {
	s := l.newSearch(who)
	for done := 0; done < len(who); {
		if err := l.searchBeside(ctx, s); err != nil {
			return fmt.Errorf("erase: %w", err)
		}
		err := l.deed(ctx, "erase", func() error {
			if err := l.search(ctx, s, l.walk); err != nil {
				return err
			}
			n, slots := s.take(done)
			if err := l.erase(who[done:done+n], slots); err != nil {
				return err
			}
			done += n
			return nil
		})
		if err != nil {
			return err
		}
	}
	return s.unread
}

// Readmit implements ledger.Eraser.
func (l *Log) Readmit(ctx context.Context, subject string) (was bool, err error) {
	contact := l.keys.subjectDigest(subject)
	var forgotten bool // the writer's, which may be at work when ctx ends
	err = l.deed(ctx, "readmit", func() error {
		if forgotten = l.forgotten[contact]; !forgotten {
			return nil
		}
		err := l.update(func(tx *bbolt.Tx) error { return tx.Bucket(forgottenBucket).Delete(contact[:]) })
		if err == nil {
			delete(l.forgotten, contact)
		}
		return err
	})
	if err != nil {
		return false, err
	}
	return forgotten, nil
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

// erase forgets those of them who are contacts, and destroys the slots. It runs in
// the writer.
func (l *Log) erase(who []ledger.Erasure, slots []uint64) error {
	var contacts []digest
	for _, w := range who {
		if w.Subject != "" {
			contacts = append(contacts, l.keys.subjectDigest(w.Subject))
		}
	}
	err := l.update(func(tx *bbolt.Tx) error {
		for _, slot := range slots {
			if err := note(tx, destroyedBucket, binary.BigEndian.AppendUint64(nil, slot)); err != nil {
				return err
			}
		}
		for _, contact := range contacts {
			if err := note(tx, forgottenBucket, contact[:]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, contact := range contacts {
		l.forgotten[contact] = true
	}
	if err := l.keys.destroy(slots); err != nil {
		// Not even a want of room is harmless here: the next start destroys them,
		// and until then they would be served.
		return l.failed(fmt.Errorf("destroy keys: %w", errors.Join(err, errNotPlain)))
	}
	return nil
}

// note puts what into a bucket, with a checksum: a flipped bit in the number of
// a slot would have the next start destroy the key of another body.
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
