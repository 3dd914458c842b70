package handlers_test

import (
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
)

// TestSlowBody: what did not come within the read time-out is to be sent again.
func TestSlowBody(t *testing.T) {
	srv := handlers.NewServer(handlers.Public(handlers.Deps{Log: memlog.New(time.Now)}), nil)
	srv.ReadTimeout = 100 * time.Millisecond // what a connection waits for is no fake clock's
	served := httptest.NewUnstartedServer(nil)
	served.Config = srv
	served.Listener = handlers.Guard(served.Listener, 0, nil)
	served.Start()
	defer served.Close()
	for name, body := range map[string]string{"length": "Content-Length: 9\r\n\r\n{", "chunked": "Transfer-Encoding: chunked\r\n\r\n9\r\n{"} {
		c, err := net.Dial("tcp", served.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		got := make([]byte, 1024)
		if _, err = io.WriteString(c, "POST /webhooks/ghl HTTP/1.1\r\nHost: x\r\n"+body); err != nil {
			t.Fatal(err)
		}
		n, err := c.Read(got)
		if answer := string(got[:n]); !strings.HasPrefix(answer, "HTTP/1.1 429 ") || !strings.Contains(answer, "Retry-After: 5\r\n") {
			t.Errorf("%s: %q, %v, want 429 with Retry-After", name, answer, err)
		}
	}
}

// TestLargestBody: an authentic body is kept, or it is refused so that it comes
// again; never neither.
func TestLargestBody(t *testing.T) {
	for _, tt := range []struct {
		limit, size int
		status      int
		kinds       []string
	}{
		{handlers.MaxWebhook, handlers.MaxWebhook, 400, []string{"event.quarantined"}},
		{15 << 20, 13 << 20, 429, nil},
	} {
		d := open(t, func(deps *handlers.Deps) { deps.MaxBody = int64(tt.limit) })
		got := d.signed(strings.Repeat("x", tt.size))
		if got.status != tt.status || !slices.Equal(d.kinds(), tt.kinds) {
			t.Errorf("%d bytes: %d %.200s, ledger holds %v, want %d, %v", tt.size, got.status, got.text, d.kinds(), tt.status, tt.kinds)
		}
	}
}

// TestStrangersShare: what is not for us is kept only so often, and costs our
// own events nothing.
func TestStrangersShare(t *testing.T) {
	d := open(t, func(deps *handlers.Deps) { deps.Rate = handlers.Rate{N: 12, Per: time.Hour} })
	var statuses []int
	for n := range 5 {
		statuses = append(statuses, d.signed(fmt.Sprintf(`{"type":"contact.created","locationId":"location_%d","data":{"contact_id":"c"}}`, 2+n)).status)
	}
	if want := []int{403, 403, 403, 429, 429}; !slices.Equal(statuses, want) {
		t.Errorf("strangers were answered %v, want %v", statuses, want)
	}
	if got := d.signed(created); got.status != 200 {
		t.Errorf("our own: %d %s", got.status, got.text)
	}
}

// TestMalformedShare: what is quarantined counts among what a location may send.
func TestMalformedShare(t *testing.T) {
	d := open(t, func(deps *handlers.Deps) {
		deps.Rate = handlers.Rate{N: 2, Per: time.Hour}
		deps.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	counts := map[int]int{}
	for n := range 24 { // two of each of twelve addresses; the location has eight, or one of each
		body := fmt.Sprintf("{%d", n)
		ts := ghl.Timestamp(time.Now())
		counts[d.do(d.request("POST", "/webhooks/ghl", body, "X-Forwarded-For", fmt.Sprintf("192.0.2.%d", n%12),
			"X-GHL-Timestamp", ts, "X-GHL-Signature", ghl.SignHMAC(secret, ts, []byte(body)))).status]++
	}
	if counts[400] != 12 {
		t.Errorf("answered %v, want one of each address", counts)
	}
}

// TestPanicOfParse: a body that our reading cannot bear is kept, and a person
// hears of it, but not what was in it.
func TestPanicOfParse(t *testing.T) {
	t.Cleanup(handlers.SetParse(func(body []byte, _ string) (ghl.Event, error) { panic("at " + string(body)) }))
	d := open(t)
	before := d.counted("ghl_ledger_panics_total")
	if got := d.signed("poison"); got.status != 400 || !slices.Equal(d.kinds(), []string{"event.quarantined"}) {
		t.Errorf("%d %s, ledger holds %v", got.status, got.text, d.kinds())
	}
	logs := d.logs.String()
	if !strings.Contains(logs, `"level":"ERROR"`) || !strings.Contains(logs, "TestPanicOfParse") || strings.Contains(logs, "poison") {
		t.Errorf("log: %s", logs)
	}
	if after := d.counted("ghl_ledger_panics_total"); after == before {
		t.Errorf("the metric stayed %q", after)
	}
}

// counted is the line of a metric.
func (d *door) counted(metric string) string {
	for line := range strings.Lines(d.get("/metrics").text) {
		if strings.HasPrefix(line, metric) {
			return line
		}
	}
	return ""
}
