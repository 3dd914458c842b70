package projections_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"github.com/enterprisehub/ghl-ledger/projections"
	"go.etcd.io/bbolt"
)

const first = 60

// laborious takes a second for each of the first entries. What comes later costs
// nothing, so that no take-over sleeps with the live follower waiting for it.
type laborious struct{ counts }

func (l laborious) Apply(tx *bbolt.Tx, e ledger.Entry) error {
	if e.Seq <= first {
		time.Sleep(time.Second)
	}
	return l.counts.Apply(tx, e)
}

// A build has half of the time while entries come, all of it while none do, and
// all of it, too, where it would otherwise never reach the head.
func TestBuildGivesWay(t *testing.T) {
	for _, tt := range []struct {
		name     string
		every    time.Duration // an entry comes, while the rebuild is under way
		atLeast  time.Duration
		noLonger time.Duration
	}{
		{"nothing comes", 0, 60 * time.Second, 61 * time.Second},
		{"an entry now and then", 4 * time.Second, 110 * time.Second, 130 * time.Second},
		{"as many as it can fold", 1500 * time.Millisecond, 60 * time.Second, 70 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := memlog.New(time.Now)
				r, stop := start(t, t.TempDir(), log, laborious{counts{version: 1}})
				defer stop()
				for range first {
					appendBodies(t, log, "a", "1")
				}
				if err := r.Wait(t.Context(), "counts", first); err != nil {
					t.Fatal(err)
				}
				if err := r.Rebuild("counts"); err != nil {
					t.Fatal(err)
				}
				took := untilRebuilt(t, r, log, tt.every)
				if took < tt.atLeast || took > tt.noLonger {
					t.Errorf("rebuilt in %s, want %s to %s", took, tt.atLeast, tt.noLonger)
				}
				t.Logf("%d entries of a second each rebuilt in %s, an entry every %s", first, took, tt.every)
			})
		})
	}
}

// untilRebuilt appends an entry now and then until the rebuild has taken over,
// and returns how long that was.
func untilRebuilt(t *testing.T, r *projections.Runner, log *memlog.Log, every time.Duration) time.Duration {
	began := time.Now()
	for wait := every; r.Status()[0].Generation == 1; time.Sleep(500 * time.Millisecond) {
		if wait -= 500 * time.Millisecond; every > 0 && wait <= 0 {
			appendBodies(t, log, "b", "more")
			wait = every
		}
	}
	return time.Since(began)
}
