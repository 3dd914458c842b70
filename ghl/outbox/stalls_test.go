package outbox_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"go.etcd.io/bbolt"
)

// The clock runs a year ahead while an update fails, and is then put right: the
// next try is not a year away, neither in this life nor in the next.
func TestClockPutBack(t *testing.T) {
	for _, restart := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			var ahead atomic.Int64
			ahead.Store(int64(365 * 24 * time.Hour))
			w.ghl.refuse = func(c call) error {
				if c.At == 0 {
					return status(503, true)
				}
				return nil
			}
			w.courier = func(c *outbox.CourierConfig) {
				c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())).Round(0) } // a wall clock
			}
			w.planner = onlyFields
			w.start()
			defer func() { w.stop() }()
			w.add(ghl.ContactCreated, "contact_1", person())
			time.Sleep(time.Second)
			synctest.Wait()
			ahead.Store(0)
			if restart {
				w.stop()
				w.start()
			}
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			if e := w.effects()[0]; e.State != outbox.StateDelivered {
				t.Errorf("restarted %t: the update is %s and waits until %v, want it delivered", restart, e.State, e.NextAttempt)
			}
		})
	}
}

// deaf is the pending view with a bug: it cannot fold that something arrived.
type deaf struct{ outbox.Pending }

func (deaf) Apply(tx *bbolt.Tx, e ledger.Entry) error {
	if e.Kind == outbox.Delivered {
		return errors.New("planted")
	}
	return outbox.Pending{}.Apply(tx, e)
}

// A receipt that the view cannot fold must not make the courier send for ever:
// it stops for that contact and says so.
func TestReceiptParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.fold = deaf{}
		w.start()
		defer func() { w.stop() }()
		w.add(ghl.ContactCreated, "contact_1", person())
		time.Sleep(time.Minute)
		synctest.Wait()
		if u, m := len(w.ghl.tried("update")), len(w.ghl.tried("message")); u > 2 || m > 1 {
			t.Errorf("%d updates and %d messages, want them once", u, m)
		}
		if len(w.alerts.list()) == 0 {
			t.Error("nobody was alerted")
		}
	})
}
