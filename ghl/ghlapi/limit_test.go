package ghlapi_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/ghlapi"
	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
)

// flood makes n updates from so many goroutines at once.
func flood(t *testing.T, c *ghlapi.Client, n, workers int) {
	t.Helper()
	jobs := make(chan struct{}, n)
	for range n {
		jobs <- struct{}{}
	}
	close(jobs)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for range jobs {
				_ = c.UpdateContact(t.Context(), location, "contact_1", nil) // the server counts
			}
		})
	}
	running.Wait()
}

// statuses counts a server's answers.
func statuses(s *ghltest.Server) map[int]int {
	n := map[int]int{}
	for _, c := range s.Calls() {
		n[c.Status]++
	}
	return n
}

// busiest is the largest number of calls in any interval.
func busiest(s *ghltest.Server, per time.Duration) (most int) {
	calls := s.Calls()
	for i, first := 0, 0; i < len(calls); i++ {
		for !calls[first].At.After(calls[i].At.Add(-per)) {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// TestLimits holds a flood to what the server takes, which refuses one call
// too many in any ten seconds.
func TestLimits(t *testing.T) {
	tests := []struct {
		name    string
		server  ghltest.Limit
		own     ghlapi.Rate
		refused int           // at most
		took    time.Duration // at most
	}{
		{"own limit", ghltest.Limit{N: -1}, ghlapi.Rate{N: 100, Per: 10 * time.Second}, 0, 31 * time.Second},
		{"the same on both sides", ghltest.Limit{}, ghlapi.Rate{N: 100, Per: 10 * time.Second}, 0, 33 * time.Second},
		{"the server's is lower", ghltest.Limit{N: 50, Per: 5 * time.Second}, ghlapi.Rate{N: 1000, Per: time.Minute}, 8, 40 * time.Second},
		{"no own limit", ghltest.Limit{}, ghlapi.Rate{}, 8, 45 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := ghltest.New(ghltest.Options{Limit: tt.server})
				server.Fault(ghltest.Fault{Latency: 50 * time.Millisecond})
				c := client(server, func(c *ghlapi.Config) { c.Rate = tt.own })
				began := time.Now()
				flood(t, c, 350, 8)
				if got := statuses(server); got[429] > tt.refused {
					t.Errorf("answers %v, want at most %d refused", got, tt.refused)
				}
				if tt.own.N > 0 && busiest(server, tt.own.Per) > tt.own.N {
					t.Errorf("%d calls in %v, want at most %d", busiest(server, tt.own.Per), tt.own.Per, tt.own.N)
				}
				if took := time.Since(began); took > tt.took {
					t.Errorf("it took %v, want at most %v", took, tt.took)
				}
			})
		})
	}
}

// TestShared: another program calls with the same token; what is left is told
// by the answers.
func TestShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := ghltest.New(ghltest.Options{Limit: ghltest.Limit{N: 100, Per: 10 * time.Second}})
		flood(t, client(server), 95, 1)
		flood(t, client(server), 20, 1)
		if got := statuses(server); got[429] > 0 {
			t.Errorf("answers %v, want none refused", got)
		}
	})
}

// TestPauses: when the next call goes after an answer that asks to wait.
func TestPauses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault ghltest.Fault
		limit ghltest.Limit
		want  time.Duration
	}{
		{"429 with Retry-After", ghltest.Fault{Status: 429, RetryAfter: 30 * time.Second, Times: 1}, ghltest.Limit{}, 30 * time.Second},
		{"429 without", ghltest.Fault{Status: 429, Times: 1}, ghltest.Limit{}, 10 * time.Second},
		{"429 for a year", ghltest.Fault{Status: 429, RetryAfter: 365 * 24 * time.Hour, Times: 1}, ghltest.Limit{}, time.Hour},
		{"nothing left", ghltest.Fault{}, ghltest.Limit{N: 1, Per: 40 * time.Second}, 40 * time.Second},
		{"nothing left today", ghltest.Fault{}, ghltest.Limit{Daily: 1}, 24 * time.Hour},
		{"503", ghltest.Fault{Status: 503, Times: 1}, ghltest.Limit{}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := ghltest.New(ghltest.Options{Limit: tt.limit})
				server.Fault(tt.fault)
				c := client(server)
				flood(t, c, 1, 1)
				began := time.Now()
				if pause := c.Standings()[0].Paused; tt.want > 0 && !pause.Equal(began.Add(tt.want)) {
					t.Errorf("paused until %v, want %v from now", pause, tt.want)
				}
				flood(t, c, 1, 1)
				if waited := time.Since(began); waited < tt.want || waited > tt.want+tt.want/50 {
					t.Errorf("the next call went after %v, want %v", waited, tt.want)
				}
				if calls := server.Calls(); calls[1].Status != 200 {
					t.Errorf("and was answered %d", calls[1].Status)
				}
			})
		})
	}
}

// TestDailyBudget: the budget holds across a restart, by our own count or by
// GoHighLevel's, and is new at midnight UTC.
func TestDailyBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := ghltest.New(ghltest.Options{})
		small := func(c *ghlapi.Config) { c.Daily = 10 }
		c := client(server, small)
		flood(t, c, 6, 1)
		again := client(server, small)
		again.Resume(location, c.Used()[location])
		if used := again.Used()[location]; used != 6 {
			t.Errorf("%d used after a restart, want 6", used)
		}
		time.Sleep(time.Hour)
		flood(t, again, 5, 1)
		if at := server.Calls()[10].At; !at.Equal(at.Truncate(24*time.Hour)) || len(server.Calls()) != 11 {
			t.Errorf("the eleventh of ten calls a day went at %v, want midnight", at)
		}
		if used := again.Used()[location]; used != 1 {
			t.Errorf("%d used on the next day, want 1", used)
		}
	})
}

// TestDayToldByAnswer: what others used today counts too.
func TestDayToldByAnswer(t *testing.T) {
	server := ghltest.New(ghltest.Options{})
	flood(t, client(server), 5, 1)
	c := client(server)
	flood(t, c, 1, 1)
	if used := c.Used()[location]; used != 6 {
		t.Errorf("%d used, want 6: five were another's", used)
	}
}

// TestLocationsDoNotWait: one location's limit is no other's.
func TestLocationsDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := ghltest.New(ghltest.Options{})
		server.Fault(ghltest.Fault{Status: 429, RetryAfter: time.Minute, Times: 1})
		c := client(server)
		flood(t, c, 1, 1)
		began := time.Now()
		if err := c.UpdateContact(t.Context(), "location_2", "contact_2", nil); err != nil || time.Since(began) > 0 {
			t.Errorf("another location waited %v, err %v", time.Since(began), err)
		}
	})
}

// TestTurn: it waits like a call and takes nothing; a call waits no longer
// than its context.
func TestTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := ghltest.New(ghltest.Options{Limit: ghltest.Limit{N: -1}})
		c := client(server, func(c *ghlapi.Config) { c.Rate = ghlapi.Rate{N: 1, Per: 10 * time.Second} })
		began := time.Now()
		for range 3 {
			if err := c.Turn(t.Context(), location); err != nil || time.Since(began) > 0 {
				t.Fatalf("with nothing called it waited %v, err %v", time.Since(began), err)
			}
		}
		flood(t, c, 1, 1)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.UpdateContact(short, location, "contact_1", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err = %v, want the context's", err)
		}
		if err := c.Turn(t.Context(), location); err != nil || time.Since(began) < 10*time.Second {
			t.Errorf("after a call it waited %v, err %v, want 10 s", time.Since(began), err)
		}
		if n := len(server.Calls()); n != 1 {
			t.Errorf("%d calls, want 1", n)
		}
	})
}

// TestRetryAfterAsDate: a date counts from the answer's own clock.
func TestRetryAfterAsDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		date := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
		c := ghlapi.New(ghlapi.Config{BaseURL: "http://ghl", Token: func(string) string { return token }, Transport: answers{429, http.Header{
			"Date": {date.Format(http.TimeFormat)}, "Retry-After": {date.Add(42 * time.Second).Format(http.TimeFormat)},
		}}})
		_ = c.UpdateContact(t.Context(), location, "contact_1", nil)
		if pause := time.Until(c.Standings()[0].Paused); pause != 42*time.Second {
			t.Errorf("paused for %v, want 42 s", pause)
		}
	})
}

// answers is a server that always says the same.
type answers struct {
	status int
	header http.Header
}

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: a.header, Body: http.NoBody, Request: r}, nil
}
