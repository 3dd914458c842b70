package outbox_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
)

// The clock ticks once a day, at midnight UTC; days that nobody ticked are
// caught up, a week of them at most; a restart ticks no day twice.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		defer func() { w.stop() }()
		tick := func(d time.Duration) {
			ctx, stop := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() {
				if err := (outbox.Clock{Log: w.log, Pending: w.pending}).Run(ctx); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(d)
			synctest.Wait()
			stop()
			running.Wait()
		}
		days := func() (days []int) {
			for _, e := range w.entries(outbox.ClockTicked) {
				days = append(days, e.Occurred.YearDay())
			}
			return days
		}
		time.Sleep(9 * time.Hour) // Jan 1, 09:00
		tick(14 * time.Hour)
		if got := days(); len(got) != 0 {
			t.Errorf("a new ledger ticked on its first day: %v", got)
		}
		w.add(ghl.ContactCreated, "contact_1", person())
		tick(2 * time.Hour) // a restart ticks for today, and then midnight passes
		tick(time.Hour)
		time.Sleep(3 * 24 * time.Hour) // Jan 5
		tick(time.Hour)
		if got, want := days(), []int{1, 2, 3, 4, 5}; !slices.Equal(got, want) {
			t.Errorf("ticked on days %v, want %v", got, want)
		}
		time.Sleep(30 * 24 * time.Hour) // Feb 4 is day 35
		tick(time.Hour)
		if got, want := days()[5:], []int{29, 30, 31, 32, 33, 34, 35}; !slices.Equal(got, want) {
			t.Errorf("after a month away ticked on days %v, want the last week %v", got, want)
		}
	})
}
