package ghltest

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// window is what a location has called of late.
type window struct {
	times []time.Time // within the last interval, oldest first
	day   string
	used  int // on day
}

// take counts a call, or says how long to wait. GoHighLevel counts in some
// window of its own; this one is the strictest: no more than N in any interval.
func (w *window) take(l Limit, now time.Time) (wait time.Duration) {
	for len(w.times) > 0 && !w.times[0].After(now.Add(-l.Per)) {
		w.times = w.times[1:]
	}
	if day := now.UTC().Format(time.DateOnly); day != w.day {
		w.day, w.used = day, 0
	}
	switch {
	case l.Daily > 0 && w.used >= l.Daily:
		return now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now)
	case l.N > 0 && len(w.times) >= l.N:
		return w.times[0].Add(l.Per).Sub(now)
	}
	w.times = append(w.times, now)
	w.used++
	return 0
}

// tell writes what is left into h, as every answer of GoHighLevel says it.
func (w *window) tell(l Limit, h http.Header) {
	put := func(name string, n int) { h.Set(name, strconv.Itoa(max(0, n))) }
	if l.N > 0 {
		put("X-RateLimit-Max", l.N)
		put("X-RateLimit-Remaining", l.N-len(w.times))
		put("X-RateLimit-Interval-Milliseconds", int(l.Per.Milliseconds()))
	}
	if l.Daily > 0 {
		put("X-RateLimit-Limit-Daily", l.Daily)
		put("X-RateLimit-Daily-Remaining", l.Daily-w.used)
	}
}

// seconds is d as Retry-After has it: rounded up, for too early is in vain.
func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }
