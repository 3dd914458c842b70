package boltlog

import (
	"bytes"

	"go.etcd.io/bbolt"
)

// stops are two keys behind every entry, with nothing in them. When a page is
// full, bbolt leaves its last three keys to the next one: with commits of one
// entry that left pages half empty for ever, and the file grew by 2.4 times
// what was appended. With stops behind it, it leaves the new entry alone.
var stops = [...][]byte{[]byte("\xff\xff\xff\xff\xff\xff\xff\xff1"), []byte("\xff\xff\xff\xff\xff\xff\xff\xff2")}

// isStop says whether a key of the entries is no entry but a stop.
func isStop(key, value []byte) bool {
	return len(value) == 0 && (bytes.Equal(key, stops[0]) || bytes.Equal(key, stops[1]))
}

// putStops adds the stops to a ledger that has none yet.
func putStops(entries *bbolt.Bucket) error {
	for _, key := range stops {
		if entries.Get(key) != nil {
			continue
		}
		if err := entries.Put(key, nil); err != nil {
			return err
		}
	}
	return nil
}

// lastEntry moves c to the newest entry; the key is nil if there is none.
func lastEntry(c *bbolt.Cursor) (key, value []byte) {
	key, value = c.Last()
	for isStop(key, value) {
		key, value = c.Prev()
	}
	return key, value
}
