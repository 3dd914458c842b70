package projections_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"go.etcd.io/bbolt"
)

// release is a projection as one version of the program has it: with a bug or
// without, which bodies with a word in them provoke.
type release struct {
	projections.Projection
	version int
	bug     string // the word; none if empty
}

func (r release) Version() int { return r.version }

func (r release) Apply(tx *bbolt.Tx, e ledger.Entry) error {
	if err := r.Projection.Apply(tx, e); err != nil {
		return err
	}
	if r.bug != "" && bytes.Contains(e.Body, []byte(r.bug)) {
		panic("planted bug")
	}
	return nil
}

// releases are all views as a release has them, with a bug in one of them.
func releases(buggy string, version int, bug string) []projections.Projection {
	ps := append(every(), outbox.Pending{})
	for i, p := range ps {
		if p.Name() == buggy {
			ps[i] = release{p, version, bug}
		}
	}
	return ps
}

// A fold with a bug parks the entry that provokes it and what comes after it of
// the same contact; the others go on. Once the bug is gone and the version
// raised, all is digested and planned by itself, while the old view serves.
func TestPlantedBug(t *testing.T) {
	for _, buggy := range []string{projections.LeadsName, projections.OutcomesName, projections.MetricsName} {
		synctest.Test(t, func(t *testing.T) {
			w, dir := &world{T: t}, t.TempDir()
			w.open(dir, releases(buggy, 1, "poison")...)
			stopPlanning := w.plan()
			w.say(1, "contact.created", created)
			poison := w.say(2, "message.received", `,"message_id":"m1","content":"poison"`)
			behind := w.say(3, "appointment.scheduled", `,"appointment_id":"a1"`)
			other := `{"type":"message.received","data":{"contact_id":"c2","content":"interested"}}`
			healthy := w.add(ledger.Draft{Kind: "message.received", Subject: "c2", Body: []byte(other), Meta: ledger.Meta{Scheme: "hmac"}})
			synctest.Wait()
			parked, err := w.leads.Runner.Parked(buggy)
			if err != nil || len(parked) < 2 || parked[0].Seq != uint64(poison.Seq) || parked[0].Error != "panic: planted bug" || parked[1].Seq != uint64(behind.Seq) || !parked[1].Behind {
				t.Errorf("%s: parked %+v, %v", buggy, parked, err)
			}
			for _, p := range parked {
				if p.Contact != "c1" {
					t.Errorf("%s: entry %d of %s is parked too", buggy, p.Seq, p.Contact)
				}
			}
			if !w.scored(healthy) {
				t.Errorf("%s: another contact's event is not scored", buggy)
			}
			stopPlanning()
			w.stop()

			fixed, err := projections.NewRunner(dir, w.log, projections.Options{Logger: quiet.Logger}, releases(buggy, 2, "")...)
			if err != nil {
				t.Fatal(err)
			}
			w.leads = projections.LeadsView{Runner: fixed} // before it runs: it builds faster than one can look
			if s := w.statusOf(buggy); s.Version != 1 || s.State != projections.Rebuilding || s.Parked != len(parked) {
				t.Errorf("%s: at the start of the fixed release %+v, want the old view to serve", buggy, s)
			}
			if err := fixed.Close(); err != nil {
				t.Fatal(err)
			}
			w.open(dir, releases(buggy, 2, "")...)
			defer w.stop()
			defer w.plan()()
			synctest.Wait()
			if s := w.statusOf(buggy); s.Version != 2 || s.State != projections.Live || s.Parked != 0 {
				t.Errorf("%s: with the bug fixed %+v", buggy, s)
			}
			t.Logf("%s: %d parked under version 1, %d under version 2", buggy, len(parked), w.statusOf(buggy).Parked)
			for _, e := range []ledger.Entry{poison, behind} {
				if !w.scored(e) {
					t.Errorf("%s: entry %d was not made up for", buggy, e.Seq)
				}
			}
			if lead := w.lead(); lead.Engagement.MessagesIn != 1 || lead.Status != projections.StatusTouring {
				t.Errorf("%s: lead %+v", buggy, lead)
			}
		})
	}
}

func (w *world) statusOf(view string) projections.Status {
	for _, s := range w.leads.Runner.Status() {
		if s.Name == view {
			return s
		}
	}
	w.Fatalf("no view %s", view)
	return projections.Status{}
}

// scored reports whether a score answers the event.
func (w *world) scored(event ledger.Entry) bool {
	for e, err := range w.log.Read(w.Context(), ledger.Cursor{}) {
		if err != nil {
			w.Fatal(err)
		}
		if e.Kind == "lead.scored" && e.Cause == event.ID {
			return true
		}
	}
	return false
}

// said is what the views say of the lead.
func (w *world) said() string {
	w.Helper()
	raw, err := json.Marshal([]any{w.lead(), w.lead().Facts, w.outcomesOf(projections.OutcomeFilter{}), w.funnel(projections.FunnelFilter{})})
	if err != nil {
		w.Fatal(err)
	}
	return string(raw)
}

// Views that are rebuilt, or deleted, say the same, and the planner has nothing
// to add: whatever was sent is not sent again.
func TestRebuildSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, dir := &world{T: t}, t.TempDir()
		ps := append(every(), outbox.Pending{})
		w.open(dir, ps...)
		stopPlanning := w.plan()
		for i, kind := range []string{"contact.created", "message.received", "opportunity.created", "opportunity.won", "appointment.scheduled"} {
			w.say(i, kind, fmt.Sprintf(`,"first_name":"Ann","email":"ann@example.com","content":"interested","opportunity_id":"o1","value":%d,"appointment_id":"a1"`, i))
		}
		synctest.Wait()
		head, _ := w.log.Head(t.Context())
		want := w.said()
		check := func(what string) {
			t.Helper()
			time.Sleep(time.Hour)
			synctest.Wait()
			if now, _ := w.log.Head(t.Context()); now != head {
				t.Errorf("%s added %d entries", what, now.Seq-head.Seq)
			}
			if got := w.said(); got != want {
				t.Errorf("after %s\n got %s\nwant %s", what, got, want)
			}
		}
		for _, p := range ps {
			if err := w.leads.Runner.Rebuild(p.Name()); err != nil {
				t.Fatal(err)
			}
		}
		check("a rebuild of everything")
		stopPlanning()
		w.stop()
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		w.open(dir, ps...)
		defer w.stop()
		defer w.plan()()
		check("the loss of the views")
	})
}
