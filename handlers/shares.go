package handlers

import (
	"sync"
	"time"
)

// shares lets N requests of one location pass per period, and divides them when
// they do not suffice: an address that has had less than its even part of them
// passes even then, so that no number of addresses that flood shuts another
// out. Over time no more than N pass per period, and one of each address that
// is new. A nil shares or one of rate zero lets all pass.
//
// The even part is N by the number of addresses that sent to the location
// within the last period or two. What an address took while there was enough
// for all is not held against it.
type shares struct {
	rate Rate

	mu    sync.Mutex
	of    map[string]*share // by location
	known int               // addresses, of all locations together
}

// share is one location's.
type share struct {
	due     time.Time            // when all that passed has drained, at the pace of the rate
	senders map[string]time.Time // the same of each address, at the pace of its part
	swept   time.Time
}

func newShares(rate Rate) *shares { return &shares{rate: rate, of: map[string]*share{}} }

// take lets one request of sender to location pass and returns 0, or returns
// how long to wait.
func (s *shares) take(location, sender string, now time.Time) (wait time.Duration) {
	if s == nil || s.rate.N <= 0 || s.rate.Per <= 0 {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.enter(location, sender, now)
	pace := s.rate.Per / time.Duration(s.rate.N)
	part := pace * time.Duration(len(l.senders))
	forAll, waitAll := drip(l.due, now, pace, s.rate.Per)
	forOwn, waitOwn := drip(l.senders[sender], now, part, max(s.rate.Per, part)) // one request is in any part
	if waitAll > 0 && waitOwn > 0 {
		return min(waitAll, waitOwn)
	}
	// What passes on an own part fills the whole over its brim, or as much
	// again would pass beside it.
	l.due = minTime(forAll, now.Add(2*s.rate.Per))
	l.senders[sender] = minTime(forOwn, now.Add(max(s.rate.Per, part)))
	return 0
}

// drip adds one request to what drains at pace: when it will have drained then,
// and how long the request would have to wait for that to be within burst.
func drip(due, now time.Time, pace, burst time.Duration) (time.Time, time.Duration) {
	if due.Before(now) {
		due = now
	}
	due = due.Add(pace)
	return due, max(due.Sub(now)-burst, 0)
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// enter returns the location's share, with sender among those that it is
// divided by. Which locations and addresses there are may be the senders'
// choice: when they are too many to remember, all begin anew.
func (s *shares) enter(location, sender string, now time.Time) *share {
	if s.known >= maxKeys {
		clear(s.of)
		s.known = 0
	}
	l := s.of[location]
	if l == nil {
		l = &share{senders: map[string]time.Time{}, swept: now}
		s.of[location] = l
	}
	if now.Sub(l.swept) >= s.rate.Per {
		s.sweep(l, now)
	}
	if _, ok := l.senders[sender]; !ok {
		l.senders[sender] = time.Time{}
		s.known++
	}
	return l
}

// sweep forgets the addresses that owe nothing.
func (s *shares) sweep(l *share, now time.Time) {
	l.swept = now
	for sender, due := range l.senders {
		if !due.After(now) {
			delete(l.senders, sender)
			s.known--
		}
	}
}
