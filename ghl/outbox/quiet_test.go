package outbox_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
)

// nextVersion folds as Pending does, and is told apart from it.
type nextVersion struct{ outbox.Pending }

func (nextVersion) Version() int { return outbox.Pending{}.Version() + 1 }

// of returns a contact.created of so long ago, as it may be admitted or
// reconciled.
func of(contact string, age time.Duration, meta ledger.Meta) ledger.Draft {
	d := seed(ghl.ContactCreated, contact, "old_"+contact, person())
	var body map[string]any
	if err := json.Unmarshal(d.Body, &body); err != nil {
		panic(err)
	}
	delete(body, "timestamp")
	if age > 0 {
		body["timestamp"] = time.Now().Add(-age).UTC().Format(time.RFC3339)
		d.Occurred = time.Now().Add(-age)
	}
	d.Body, _ = json.Marshal(body)
	meta.Scheme, meta.Dialect = d.Meta.Scheme, d.Meta.Dialect
	d.Meta = meta
	return d
}

const month = 30 * 24 * time.Hour

// None of these sends a message beyond those that were sent before.
func TestNoMessage(t *testing.T) {
	welcomed := func(w *world) { w.add(ghl.ContactCreated, "contact_1", person()) }
	again := func(w *world) { w.stop(); w.start() }
	tests := []struct {
		name   string
		first  func(w *world) // in the mode given
		mode   outbox.Mode
		then   func(w *world) // an hour later, live
		before int            // messages that are due by then
		held   int            // messages that a person has to look at
	}{
		{"a reconcile of 500 contacts, some of them young", func(w *world) {
			for i := range 500 {
				w.append(of(fmt.Sprintf("contact_%03d", i), time.Duration(i)*time.Hour, ledger.Meta{Backfill: true}))
			}
		}, outbox.Live, again, 0, 0},
		{"a month-old body", func(w *world) { w.append(of("contact_1", month, ledger.Meta{})) }, outbox.Live, again, 0, 0},
		{"a body without a time, admitted after a month", func(w *world) {
			w.append(of("contact_1", 0, ledger.Meta{Arrived: time.Now().Add(-month)}))
		}, outbox.Live, again, 0, 0},
		{"from dry-run to live", welcomed, outbox.DryRun, again, 0, 0},
		{"from dry-run to live, told again", welcomed, outbox.DryRun, func(w *world) { again(w); welcomed(w) }, 0, 0},
		{"from off to live", welcomed, outbox.Off, again, 0, 0},
		{"a rebuild", welcomed, outbox.Live, func(w *world) {
			for _, view := range []string{"pending", "leads"} {
				if err := w.runner.Rebuild(view); err != nil {
					w.t.Error(err)
				}
			}
		}, 1, 0},
		{"views deleted", welcomed, outbox.Live, func(w *world) { w.stop(); w.dir = w.t.TempDir(); w.start() }, 1, 0},
		{"a raised version", welcomed, outbox.Live, func(w *world) { w.fold = nextVersion{}; again(w) }, 1, 0},
		{"a rescore", welcomed, outbox.Live, func(w *world) {
			w.append(ledger.Draft{Kind: outbox.RescoreAsked, Key: "rescore", Body: []byte(`{}`)})
		}, 1, 0},
		{"a rescore of what never was written to", func(w *world) { w.append(of("contact_1", 0, ledger.Meta{Backfill: true})) },
			outbox.Live, func(w *world) {
				w.append(ledger.Draft{Kind: outbox.RescoreAsked, Key: "rescore", Body: []byte(`{}`)})
			}, 0, 0},
		{"an API key given after a week", func(w *world) {
			w.stop()
			keyless := true
			w.courier = func(c *outbox.CourierConfig) { c.HasKey = func(string) bool { return !keyless } }
			w.start()
			welcomed(w)
			time.Sleep(7 * 24 * time.Hour)
			keyless = false
		}, outbox.Live, again, 0, 1},
		{"a restore from a backup made before the receipt", welcomed, outbox.Live, func(w *world) {
			w.stop()
			whole := w.entries()
			asked := slices.IndexFunc(whole, func(e ledger.Entry) bool {
				return e.Kind == outbox.Attempted
			})
			w.log, w.dir = backupOf(w.t, whole[:asked]), w.t.TempDir()
			w.append(ledger.Draft{Kind: outbox.LedgerRestored, Key: "restored"})
			w.start()
		}, 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				scorer := &risingScorer{value: 40}
				mode := tt.mode
				w.planner = func(c *outbox.PlannerConfig) { c.Mode, c.Scorer, c.Roll = mode, scorer, w.leads }
				w.start()
				defer func() { w.stop() }()
				tt.first(w)
				time.Sleep(time.Hour)
				synctest.Wait()
				before := len(w.ghl.tried("message"))
				if before != tt.before {
					t.Fatalf("%d messages before it, want %d", before, tt.before)
				}
				mode = outbox.Live
				scorer.set(70)
				tt.then(w)
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				if n := len(w.ghl.tried("message")); n != before {
					t.Errorf("%d messages sent by it, want none", n-before)
				}
				if counts, _ := w.pending.Counts(); counts[outbox.StateHeld] != tt.held {
					t.Errorf("%v: %d are to be looked at by a person, no other message is to go", counts, tt.held)
				}
				t.Logf("messages: %d sent before, %d by it, %d held for a person", before, len(w.ghl.tried("message"))-before, tt.held)
				if len(w.entries(outbox.LeadScored)) == 0 {
					t.Error("nothing was scored")
				}
			})
		})
	}
}

// A ledger restored from a backup made at any moment of a welcome sends no
// second one: what may have gone is held, until a person says that it did not.
func TestRestoreSendsNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.add(ghl.ContactCreated, "contact_1", person())
		w.add(ghl.OpportunityWon, "contact_1", map[string]any{"opportunity_id": "o1"})
		time.Sleep(time.Minute)
		synctest.Wait()
		w.stop()
		whole, sent := w.entries(), len(w.ghl.tried("message"))
		if sent != 2 {
			t.Fatalf("%d messages sent, want a welcome and congratulations", sent)
		}
		for n := 1; n <= len(whole); n++ {
			w.log, w.dir = backupOf(t, whole[:n]), t.TempDir()
			w.append(ledger.Draft{Kind: outbox.LedgerRestored, Key: "restored"})
			w.start()
			time.Sleep(time.Hour)
			synctest.Wait()
			if again := len(w.ghl.tried("message")) - sent; again != 0 {
				t.Errorf("restored as of entry %d (%s): %d messages sent", n, whole[n-1].Kind, again)
			}
			for _, e := range w.effects() {
				if message := e.Kind != outbox.UpdateContact; message && e.State != outbox.StateHeld && e.State != outbox.StateDelivered {
					t.Errorf("restored as of entry %d: %s is %s, want it held or known as delivered", n, e.Kind, e.State)
				}
			}
			w.stop()
		}
		w.start()
		defer func() { w.stop() }()
	})
}

// backupOf is a ledger with the entries as they were, ids and all.
func backupOf(t *testing.T, entries []ledger.Entry) *memlog.Log {
	t.Helper()
	var at time.Time
	log := memlog.New(func() time.Time {
		if at.IsZero() {
			return time.Now()
		}
		return at
	})
	for _, e := range entries {
		at = e.Recorded
		answers, err := log.Append(t.Context(), e.Draft)
		if err != nil || answers[0].Entry.ID != e.ID {
			t.Fatalf("entry %d is %s in the backup, %v; want %s", e.Seq, answers[0].Entry.ID, err, e.ID)
		}
	}
	at = time.Time{}
	return log
}
