package outbox_test

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

// story is a ledger in which all happened that the view folds: failures,
// deaths, retries, holds, releases, pauses, an erasure, a restore.
func story(t *testing.T) (entries []ledger.Entry) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.courier = func(c *outbox.CourierConfig) { c.Cap = outbox.Cap{Messages: 3, Per: time.Hour} }
		calls := 0
		w.ghl.refuse = func(call) error {
			calls++
			return []error{nil, status(503, true), status(400, true), nil, status(429, true), status(401, true), nil, status(404, true)}[calls%8]
		}
		w.start()
		defer func() { w.stop() }()
		for i := range 8 {
			contact := fmt.Sprintf("contact_%d", i%5)
			w.add(ghl.ContactCreated, contact, person())
			w.add(ghl.OpportunityWon, contact, map[string]any{"opportunity_id": "o" + contact})
			w.pause([]string{outbox.SenderPaused, outbox.SenderResumed}[i%2], []string{"", location}[i/2%2])
			time.Sleep(10 * time.Minute)
		}
		w.pause(outbox.SenderResumed, "")
		w.act(w.some(outbox.StateHeld), outbox.Acts.Release)
		w.act(w.some(outbox.StateDead), outbox.Acts.Retry)
		w.append(ledger.Draft{Kind: outbox.ClockTicked, Key: "tick", Occurred: time.Now()})
		w.append(ledger.Draft{Kind: outbox.LedgerRestored, Key: "restored"})
		w.append(ledger.Draft{Kind: "audit.leads.forget", Key: "forget", Subject: "contact_1", Location: location})
		w.add(ghl.MessageReceived, "contact_2", map[string]any{"message_id": "m1", "channel": "sms", "content": "Hello"})
		time.Sleep(time.Hour)
		synctest.Wait()
		entries = w.entries()
	})
	return entries
}

// some returns an effect of a state.
func (w *world) some(s outbox.EffectState) outbox.Effect {
	w.t.Helper()
	es, _, err := w.pending.List(outbox.Filter{State: s, Limit: 1})
	if err != nil || len(es) == 0 {
		w.t.Fatalf("no effect is %s, %v: %v", s, err, w.states())
	}
	return es[0]
}

// The view is the same for any batching, and for any stop between two batches.
func TestPendingLaw(t *testing.T) {
	entries := story(t)
	whole := fold(t, entries, []int{len(entries)})
	if len(whole) < 1000 {
		t.Fatalf("the view has %d bytes: nothing much happened", len(whole))
	}
	if !long {
		_ = flag.Set("rapid.checks", "25") // each check opens a file for every batch
	}
	rapid.Check(t, func(r *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(1, 9), 1, 9).Draw(r, "sizes")
		if got := fold(t, entries, sizes); got != whole {
			r.Fatalf("in batches of %v the view is\n%s\nwant\n%s", sizes, got, whole)
		}
	})
}

// fold folds entries in batches of the sizes, over and over, opening the file
// anew for each, and returns all that the view holds.
func fold(t *testing.T, entries []ledger.Entry, sizes []int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "view")
	for i := 0; len(entries) > 0; i++ {
		n := min(sizes[i%len(sizes)], len(entries))
		inView(t, path, func(tx *bbolt.Tx) error {
			for _, e := range entries[:n] {
				if err := (outbox.Pending{}).Apply(tx, e); err != nil {
					return err
				}
			}
			return nil
		})
		entries = entries[n:]
	}
	var all strings.Builder
	inView(t, path, func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				fmt.Fprintf(&all, "%s %q %q\n", name, k, v)
				return nil
			})
		})
	})
	return all.String()
}

func inView(t *testing.T, path string, do func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err == nil {
		err = db.Update(do)
	}
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
