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

// searchBeside searches until so few entries are left that the writer may search
// them while others wait.
func (l *Log) searchBeside(ctx context.Context, s *search) error {
	for l.head.Load().seq > s.upto+pageEntries {
		if err := l.search(ctx, s, l.livePage); err != nil {
			return err
		}
	}
	return nil
}

// search looks at the entries up to the head.
func (l *Log) search(ctx context.Context, s *search, read func(at, upto ledger.Seq) ([][]byte, error)) error {
	for upto := l.head.Load().seq; s.upto < upto; {
		if err := ctx.Err(); err != nil {
			return err
		}
		page, err := read(s.upto, upto)
		if errors.Is(err, ledger.ErrCorrupt) {
			s.upto++
			l.missed(s, err)
			continue
		}
		if err != nil {
			return err
		}
		for _, stored := range page {
			s.upto++
			if r, err := ledger.ParseRecord(stored); err != nil {
				l.missed(s, err)
			} else if of, ok := s.whose(&r); ok {
				s.slots[of] = append(s.slots[of], r.Slot)
			}
		}
	}
	return nil
}

// whose says which of those that are searched for a sealed body is about.
func (s *search) whose(r *ledger.Record) (of int, ok bool) {
	switch {
	case r.Slot == 0:
		return 0, false
	case r.Subject != "":
		of, ok = s.contacts[r.Subject]
	default:
		of, ok = s.people[r.Owner]
	}
	return of, ok
}

// missed notes that an entry cannot be read. It is passed over: that it is damaged
// must not keep the others.
func (l *Log) missed(s *search, err error) {
	l.found(err)
	if s.unread == nil {
		s.unread = fmt.Errorf("all was erased but what entry %d may have, which cannot be read: %w", s.upto, err)
	}
}

// portion returns how many, from one on, are erased at once, and their slots.
func (s *search) portion(from int) (n int, slots []uint64) {
	for _, of := range s.slots[from:] {
		if n > 0 && len(slots)+len(of) > erasedAtOnce {
			break
		}
		n, slots = n+1, append(slots, of...)
	}
	slices.Sort(slots)
	return n, slices.Compact(slots) // bodies of one contact shared one before each had its own
}
