package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
)

// TestSilence: a location that sends nothing for an hour is told of once, and
// again after it has spoken; what we read back ourselves is not its word.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memlog.New(time.Now)
		n := 0
		say := func(location string, meta ledger.Meta) {
			n++
			meta.Scheme = "hmac"
			if _, err := log.Append(t.Context(), ledger.Draft{Kind: "contact.created", Key: fmt.Sprint(n), Location: location, Meta: meta}); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		var told []string
		s := &silence{log: log, locations: []string{"loc_1", "loc_2"}, after: time.Hour, alert: func(kind, text string) {
			told = append(told, fmt.Sprintf("%s %s", kind, time.Since(began)))
			if !strings.Contains(text, "ghl-ledger reconcile --location-id loc_") {
				t.Errorf("alert %q does not say what to do", text)
			}
		}}
		say("loc_1", ledger.Meta{}) // half an hour before the start
		time.Sleep(30 * time.Minute)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(45 * time.Minute) // 1h15
		say("loc_2", ledger.Meta{})
		say("loc_1", ledger.Meta{Backfill: true})
		time.Sleep(30 * time.Minute) // 1h45
		say("loc_1", ledger.Meta{})
		time.Sleep(90*time.Minute + time.Second) // 3h15
		stop()
		running.Wait()
		want := []string{"silence:loc_1 1h0m0s", "silence:loc_2 2h15m0s", "silence:loc_1 2h45m0s"}
		if !slices.Equal(told, want) {
			t.Errorf("alerts %v, want %v", told, want)
		}
	})
}
