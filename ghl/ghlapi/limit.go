package ghlapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is so many calls in so long.
type Rate struct {
	N   int
	Per time.Duration
}

// limit is what one location may still call. GoHighLevel counts in windows of
// Per, so N calls may go at once and no more than N in any window: the bucket
// holds half of N and is refilled with the other half in one Per.
type limit struct {
	now   func() time.Time
	daily int

	mu     sync.Mutex
	bucket *rate.Limiter // nil: no limit
	paused time.Time     // GoHighLevel said: nothing before
	day    string        // UTC, of used
	used   int
}

func (c *Client) limit(location string) *limit {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, ok := c.limits[location]
	if !ok {
		l = &limit{now: c.c.Now, daily: c.c.Daily, bucket: newBucket(c.c.Rate)}
		c.limits[location] = l
	}
	return l
}

func newBucket(r Rate) *rate.Limiter {
	if r.N <= 0 || r.Per <= 0 {
		return nil
	}
	burst := max(1, r.N/2)
	refill := max(1, r.N-burst)
	return rate.NewLimiter(rate.Limit(float64(refill)/r.Per.Seconds()), burst)
}

// Turn returns when a call of the location may go, as far as is known now. It
// takes no turn: who must look at something before each call waits here first
// and looks then.
func (c *Client) Turn(ctx context.Context, location string) error {
	return c.limit(location).until(ctx, (*limit).peek)
}

// wait takes a turn when there is one, or returns ctx's error.
func (l *limit) wait(ctx context.Context) error { return l.until(ctx, (*limit).delay) }

// until waits as long as delay says that there is something to wait for.
func (l *limit) until(ctx context.Context, delay func(*limit) time.Duration) error {
	for {
		d := delay(l)
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

// peek returns how long to wait for a turn.
func (l *limit) peek() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if d := l.closed(now); d > 0 || l.bucket == nil {
		return d
	}
	if missing := 1 - l.bucket.TokensAt(now); missing > 0 {
		return time.Duration(missing / float64(l.bucket.Limit()) * float64(time.Second))
	}
	return 0
}

// delay takes a turn and returns 0, or says how long to wait before asking anew.
func (l *limit) delay() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if d := l.closed(now); d > 0 {
		return d
	}
	if l.bucket != nil {
		r := l.bucket.ReserveN(now, 1)
		if d := r.DelayFrom(now); d > 0 {
			r.CancelAt(now)
			return d
		}
	}
	l.used++
	return 0
}

// closed is how long nothing may go at all: by GoHighLevel's word, or because
// the day's calls are used up.
func (l *limit) closed(now time.Time) time.Duration {
	if d := l.paused.Sub(now); d > 0 {
		return d
	}
	if today := now.UTC().Format(time.DateOnly); today != l.day {
		l.day, l.used = today, 0
	}
	if l.daily > 0 && l.used >= l.daily {
		return now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now)
	}
	return 0
}

// learn takes GoHighLevel's own word on what is left: nothing in this window,
// or nothing today.
func (l *limit) learn(h http.Header, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if left, err := strconv.Atoi(h.Get("X-RateLimit-Remaining")); err == nil && left <= 0 || status == http.StatusTooManyRequests {
		l.pause(now.Add(interval(h)))
	}
	if left, err := strconv.Atoi(h.Get("X-RateLimit-Daily-Remaining")); err == nil && left <= 0 {
		l.pause(now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour))
	}
}

func (l *limit) pause(until time.Time) {
	if until.After(l.paused) {
		l.paused = until
	}
}

// Used returns how many calls each location has made in the current UTC day,
// so that the budget can be kept across a restart (see Resume).
func (c *Client) Used() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	used := map[string]int{}
	today := c.c.Now().UTC().Format(time.DateOnly)
	for location, l := range c.limits {
		l.mu.Lock()
		if l.day == today {
			used[location] = l.used
		}
		l.mu.Unlock()
	}
	return used
}

// Resume says how many calls a location has made today already.
func (c *Client) Resume(location string, used int) {
	l := c.limit(location)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.day = l.now().UTC().Format(time.DateOnly)
	l.used = max(l.used, used)
}
