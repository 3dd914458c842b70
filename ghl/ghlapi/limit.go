package ghlapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Rate is so many calls in so long.
type Rate struct {
	N   int
	Per time.Duration
}

const (
	// margin is by what part an interval of ours is longer than GoHighLevel's:
	// calls that leave evenly may arrive closer together.
	margin = 50

	// maxPause is the longest wait that an answer may ask for, but for the day's end.
	maxPause = time.Hour
)

// limit is what one location may still call: no more than N in any interval,
// by our own setting and by what GoHighLevel's answers say; so many a day; and
// nothing while an answer asked for a pause.
type limit struct {
	now   func() time.Time
	daily int

	mu     sync.Mutex
	own    Rate
	told   Rate        // X-RateLimit-Max, -Interval-Milliseconds
	times  []time.Time // of calls, oldest first; no older than any rate looks back
	paused time.Time   // nothing before
	day    string      // UTC, of used
	used   int
}

func (c *Client) limit(location string) *limit {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, ok := c.limits[location]
	if !ok {
		l = &limit{now: c.c.Now, daily: c.c.Daily, own: c.c.Rate}
		c.limits[location] = l
	}
	return l
}

// Turn returns when a call of the location may go, as far as is known now. It
// takes no turn: who must look at something before each call waits here first
// and looks then.
func (c *Client) Turn(ctx context.Context, location string) error {
	return c.limit(location).until(ctx, (*limit).closed)
}

// wait takes a turn as soon as there is one, or returns ctx's error.
func (l *limit) wait(ctx context.Context) error { return l.until(ctx, (*limit).take) }

// until waits as long as delay says that there is something to wait for.
func (l *limit) until(ctx context.Context, delay func(*limit, time.Time) time.Duration) error {
	for {
		l.mu.Lock()
		d := delay(l, l.now())
		l.mu.Unlock()
		if d <= 0 {
			return nil
		}
		timer := time.NewTimer(d)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait for a turn at GoHighLevel's rate limit: %w", ctx.Err())
		}
	}
}

// take takes a turn and returns 0, or says how long to wait before asking anew.
func (l *limit) take(now time.Time) time.Duration {
	if d := l.closed(now); d > 0 {
		return d
	}
	l.forget(now)
	l.times = append(l.times, now)
	l.used++
	return 0
}

// closed is how long no call may go.
func (l *limit) closed(now time.Time) time.Duration {
	if today := now.UTC().Format(time.DateOnly); today != l.day {
		l.day, l.used = today, 0
	}
	d := max(l.paused.Sub(now), l.full(l.own, now), l.full(l.told, now))
	if l.daily > 0 && l.used >= l.daily {
		d = max(d, endOfDay(now).Sub(now))
	}
	return max(d, 0)
}

// full is how long r has no room for one call more.
func (l *limit) full(r Rate, now time.Time) time.Duration {
	if r.N <= 0 || len(l.times) < r.N {
		return 0
	}
	per := r.Per + r.Per/margin
	return l.times[len(l.times)-r.N].Add(per).Sub(now)
}

// forget drops the times that no rate looks back to.
func (l *limit) forget(now time.Time) {
	back := max(l.own.Per, l.told.Per)
	back += back / margin
	n := 0
	for n < len(l.times) && !l.times[n].After(now.Add(-back)) {
		n++
	}
	l.times = slices.Delete(l.times, 0, n)
}

// learn takes from an answer what GoHighLevel says of its limits.
func (l *limit) learn(h http.Header, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if n := count(h, "X-RateLimit-Max"); n > 0 {
		l.told = Rate{N: n, Per: interval(h)}
	}
	switch {
	case status == http.StatusTooManyRequests:
		l.pause(now.Add(min(retryAfter(h, status, now), maxPause)))
	case count(h, "X-RateLimit-Remaining") == 0:
		// Somebody else calls with the same token, or its window is not ours.
		l.pause(now.Add(interval(h)))
	}
	l.learnDay(h, now)
}

// learnDay takes over what was used today by others, or before a restart.
func (l *limit) learnDay(h http.Header, now time.Time) {
	limit, left := count(h, "X-RateLimit-Limit-Daily"), count(h, "X-RateLimit-Daily-Remaining")
	if limit > 0 && left >= 0 {
		l.used = max(l.used, limit-left)
	}
	if left == 0 {
		l.pause(endOfDay(now))
	}
}

func (l *limit) pause(until time.Time) {
	if until.After(l.paused) {
		l.paused = until
	}
}

// count is a header's number, -1 where there is none.
func count(h http.Header, name string) int {
	n, err := strconv.Atoi(h.Get(name))
	if err != nil || n < 0 {
		return -1
	}
	return n
}

func endOfDay(now time.Time) time.Time {
	return now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
}
