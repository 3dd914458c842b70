package handlers_test

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/handlers"
)

// TestFloodOfOneAddress: ten times the limit from one address, rightly signed
// and of the same location, costs another address nothing.
func TestFloodOfOneAddress(t *testing.T) {
	d := open(t, func(deps *handlers.Deps) {
		deps.Rate = handlers.Rate{N: 20, Per: time.Hour}
		deps.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	post := func(from string, n int) int {
		t.Helper()
		body := fmt.Sprintf(`{"type":"contact.created","data":{"contact_id":"c-%s-%d"}}`, from, n)
		ts := ghl.Timestamp(time.Now())
		return d.do(d.request("POST", "/webhooks/ghl", body, "X-Forwarded-For", from,
			"X-GHL-Timestamp", ts, "X-GHL-Signature", ghl.SignHMAC(secret, ts, []byte(body)))).status
	}
	counts := map[int]int{}
	for n := range 200 {
		counts[post("192.0.2.1", n)]++
	}
	if counts[200] != 20 || counts[429] != 180 {
		t.Errorf("the flood was answered %v, want 20 stored", counts)
	}
	for n := range 20 {
		if got := post("192.0.2.2", n); got != 200 {
			t.Fatalf("delivery %d of the other address: %d", n, got)
		}
	}
}

// TestFloodOfOneLocation: eight addresses flood one location, each within what
// one address may send and all of them beyond what the location may have.
// Another address that sends less than its part is not refused once, and the
// location has no more than is its.
func TestFloodOfOneLocation(t *testing.T) {
	var clock atomic.Int64
	clock.Store(time.Now().UnixNano())
	d := open(t, func(deps *handlers.Deps) {
		deps.Rate = handlers.Rate{N: 20, Per: time.Second} // so 80 of the location
		deps.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		deps.Now = func() time.Time { return time.Unix(0, clock.Load()) }
	})
	sent := 0
	post := func(from string) int {
		t.Helper()
		sent++
		body := fmt.Sprintf(`{"type":"contact.created","data":{"contact_id":"c-%d"}}`, sent)
		ts := ghl.Timestamp(time.Unix(0, clock.Load()))
		return d.do(d.request("POST", "/webhooks/ghl", body, "X-Forwarded-For", from,
			"X-GHL-Timestamp", ts, "X-GHL-Signature", ghl.SignHMAC(secret, ts, []byte(body)))).status
	}
	const seconds, ticks = 6, 8
	flood := map[int]int{}
	for range seconds * ticks {
		for n := range 8 {
			for range 3 {
				flood[post(fmt.Sprintf("192.0.2.%d", n+1))]++
			}
		}
		if got := post("198.51.100.1"); got != 200 {
			t.Fatalf("the address that keeps to its part got %d; the flood %v", got, flood)
		}
		clock.Add(int64(time.Second / ticks))
	}
	own := seconds * ticks
	most := (seconds+2)*80 + 9 // two bursts, and one request of each address
	if got := flood[200] + own; got > most || got < seconds*80 {
		t.Errorf("%d were stored of one location in %d s, want %d to %d", got, seconds, seconds*80, most)
	}
	t.Logf("in %d s: the address that keeps to its part %d of %d; the flood %d of %d", seconds, own, own, flood[200], flood[200]+flood[429])
}
