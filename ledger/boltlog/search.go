package boltlog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// search looks for the slots that seal bodies about some people. Whom a body is about
// stands in its entry: the contact, or a keyed hash of an address.
type search struct {
	contacts map[string]int // → place in slots
	people   map[digest]int
	slots    [][]uint64 // what was found of each
	upto     ledger.Seq // the last entry that was looked at
	unread   error      // of the first entry that could not be read
}

func (l *Log) newSearch(who []ledger.Erasure) *search {
	s := &search{contacts: map[string]int{}, people: map[digest]int{}, slots: make([][]uint64, len(who))}
	for i, w := range who {
		if w.Subject != "" {
			s.contacts[w.Subject] = i
		}
		for _, p := range w.People {
			s.people[l.keys.personDigest(p)] = i
		}
	}
	return s
}

// Bounds of what is looked at in one transaction, and how many entries are left to
// the writer.
const (
	searchEntries = 4096
	searchBytes   = 4 << 20
	searchLeft    = 256
)

// searchBeside searches until so few entries are left that the writer may search
// them while others wait.
func (l *Log) searchBeside(ctx context.Context, s *search) error {
	for l.head.Load().seq > s.upto+searchLeft {
		if err := l.search(ctx, s, l.liveWalk); err != nil {
			return err
		}
	}
	return nil
}

// liveWalk is walk while the log stays open.
func (l *Log) liveWalk(at, upto ledger.Seq, visit func(stored []byte) bool) error {
	l.alive.RLock()
	defer l.alive.RUnlock()
	if l.closed.yes {
		return ledger.ErrClosed
	}
	return l.walk(at, upto, visit)
}

// search looks at the entries up to the head.
func (l *Log) search(ctx context.Context, s *search, walk func(at, upto ledger.Seq, visit func([]byte) bool) error) error {
	for upto := l.head.Load().seq; s.upto < upto; {
		if err := ctx.Err(); err != nil {
			return err
		}
		entries, size := 0, 0
		err := walk(s.upto, upto, func(stored []byte) bool {
			if err := s.look(stored); err != nil {
				l.missed(s, err)
			}
			s.upto++
			entries, size = entries+1, size+len(stored)
			return entries < searchEntries && size < searchBytes
		})
		switch {
		case errors.Is(err, ledger.ErrCorrupt): // the next one is not there, or cannot be looked at
			l.missed(s, err)
			s.upto++
		case err != nil:
			return err
		}
	}
	return nil
}

// look notes the slot that seals a record, if that is about one of those that are
// searched for.
func (s *search) look(stored []byte) error {
	sealing, err := ledger.ParseSealing(stored)
	if err != nil || sealing.Slot == 0 {
		return err
	}
	of, ok := s.contacts[string(sealing.Subject)]
	if len(sealing.Subject) == 0 {
		of, ok = s.people[sealing.Owner]
	}
	if ok {
		s.slots[of] = append(s.slots[of], sealing.Slot)
	}
	return nil
}

// missed notes that the next entry cannot be read. It is passed over: that it is damaged
// must not keep the others.
func (l *Log) missed(s *search, err error) {
	l.found(err)
	if s.unread == nil {
		s.unread = fmt.Errorf("all was erased but what entry %d may have, which cannot be read: %w", s.upto+1, err)
	}
}

// take returns how many of them, from that one on, are erased at once, and takes out
// the slots of these, and what came since about those before them.
func (s *search) take(from int) (n int, slots []uint64) {
	for i, of := range s.slots {
		if i > from && len(slots)+len(of) > erasedAtOnce {
			break
		}
		n, slots, s.slots[i] = i+1-from, append(slots, of...), nil
	}
	slices.Sort(slots)
	return n, slices.Compact(slots) // in the first ledgers bodies of one contact share one
}
