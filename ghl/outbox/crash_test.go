package outbox_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// long runs every crash point there is, which takes minutes.
var long = os.Getenv("GHL_LEDGER_LONG") != ""

// crash is a fault of the Nth append that planner and courier make.
type crash struct {
	nth   int
	after bool // the entries are kept, and the answer is lost
	drop  bool // the views are gone when the service starts again
	hit   bool
	kind  string
}

func (c *crash) plant(w *world) {
	n := 0
	fail := func(ds []ledger.Draft) error {
		if c.hit || ds[0].Meta.Scheme != "" {
			return nil
		}
		if n++; n < c.nth {
			return nil
		}
		c.hit, c.kind = true, ds[0].Kind
		return errPlanted
	}
	if c.after {
		w.log.FailAfter = fail
		return
	}
	w.log.FailBefore = fail
}

func (c *crash) String() string {
	return fmt.Sprintf("append %d (%s), kept %t, views dropped %t", c.nth, c.kind, c.after, c.drop)
}

// A stop at any append of planner and courier, with the append kept or not,
// the views kept or not, loses nothing and sends no message twice.
func TestCrashPoints(t *testing.T) {
	t.Parallel()
	for _, c := range []crash{{}, {after: true}, {drop: true}, {after: true, drop: true}} {
		step := 1
		if c.drop && !long {
			step = 8
		}
		points := 0
		for nth, hit := 1, true; hit; nth += step {
			c := c
			c.nth = nth
			points++
			synctest.Test(t, func(t *testing.T) { hit = crashOnce(t, &c) })
			if t.Failed() {
				t.Fatalf("with a crash at %v", &c)
			}
		}
		t.Logf("%d stops, append kept %t, views dropped %t: 18 effects settled after each, no message twice", points-1, c.after, c.drop)
	}
}

// crashOnce plays a story with one crash, and reports whether the crash was hit.
func crashOnce(t *testing.T, c *crash) bool {
	w := newWorld(t)
	calls := 0
	w.ghl.refuse = func(call) error {
		if calls++; calls%3 == 0 {
			return status(429, false)
		}
		return nil
	}
	c.plant(w)
	w.start()
	defer func() { w.stop() }()
	between := func() {
		if c.drop {
			if err := os.RemoveAll(filepath.Join(w.dir, "views")); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 3 {
		contact := fmt.Sprintf("contact_%d", i)
		w.add(ghl.ContactCreated, contact, map[string]any{"first_name": "Jane", "email": "jane@example.com"})
		w.add(ghl.MessageReceived, contact, map[string]any{"channel": "sms", "content": "Hello", "message_id": "m" + contact})
		w.live(time.Second, between)
		w.add(ghl.OpportunityWon, contact, map[string]any{"opportunity_id": "o" + contact, "final_price": 425000})
	}
	w.live(time.Hour, between)
	w.retryDead(between)
	checkSettled(t, w)
	return c.hit
}

// retryDead has a person retry the dead letters until there are none.
func (w *world) retryDead(between func()) {
	w.ghl.refusing(nil)
	for _, e := range w.effects() {
		if e.State != outbox.StateDead {
			continue
		}
		w.retry(e)
	}
	w.live(time.Hour, between)
}

// retry has a person retry an effect, and again if the stop hit that very act.
func (w *world) retry(e outbox.Effect) {
	w.t.Helper()
	id, err := ledger.ParseID(e.ID)
	for err == nil {
		_, err = outbox.Acts{Log: w.log, Pending: w.pending}.Retry(w.t.Context(), id, "ann")
		if !errors.Is(err, errPlanted) {
			break
		}
		err = nil
		synctest.Wait() // if the act was kept nevertheless, its effect goes now
	}
	if err != nil && !errors.Is(err, outbox.ErrState) { // it is on its way already
		w.t.Fatal(err)
	}
}

// checkSettled checks what holds when everything that can be done was done.
func checkSettled(t *testing.T, w *world) {
	t.Helper()
	for _, e := range w.effects() {
		unknown := e.State == outbox.StateHeld && strings.Contains(e.Error, "fate unknown")
		if e.State != outbox.StateDelivered && e.State != outbox.StateSuperseded && !unknown {
			t.Errorf("effect %+v, want it delivered, superseded or held with its fate unknown", e)
		}
	}
	sent := map[string]int{}
	for _, c := range w.ghl.taken("message") {
		sent[c.Contact+" "+c.Message.Subject+c.Message.Message]++
	}
	for m, n := range sent {
		if n > 1 {
			t.Errorf("message %q sent %d times", m, n)
		}
	}
	scored := map[string]int{}
	for _, e := range w.entries(outbox.LeadScored) {
		scored[e.Cause.String()]++
	}
	for _, e := range w.entries() {
		if e.Meta.Scheme != "" && scored[e.ID.String()] != 1 {
			t.Errorf("%s %d scored %d times, want once", e.Kind, e.Seq, scored[e.ID.String()])
		}
	}
	if n := len(w.entries(outbox.Requested)); n != 18 {
		t.Errorf("%d effects requested, want a field update and a message for each of 9 events", n)
	}
	checkFields(t, w)
}

// checkFields checks that GoHighLevel holds what was asked last.
func checkFields(t *testing.T, w *world) {
	t.Helper()
	has := map[string]map[string]any{}
	for _, c := range w.ghl.taken("update") {
		if has[c.Contact] == nil {
			has[c.Contact] = map[string]any{}
		}
		maps.Copy(has[c.Contact], c.Fields)
	}
	for contact, fields := range has {
		lead, _, err := w.leads.Get(contact)
		if err != nil {
			t.Fatal(err)
		}
		for k, want := range lead.Asked {
			if !ghl.SameValue(fields[k], want) {
				t.Errorf("%s: GoHighLevel has %s = %v, want %v", contact, k, fields[k], want)
			}
		}
	}
}
