package handlers_test

import (
	"fmt"
	"net/netip"
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
