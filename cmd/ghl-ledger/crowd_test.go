package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// TestCrowd has slow clients and a flood at ten times the limit come from one
// address, and a sender that keeps to the limit from another. That one gets
// only 200s, and what anybody was told is stored is there after a kill.
// LEDGER_CROWD_SECONDS makes it as big as an attack and says how long each half
// takes (make crowd); the ratio that it prints is of the sender's waits.
func TestCrowd(t *testing.T) {
	c := crowd{limit: 40, slow: 20, good: 20, seconds: 1}
	if n, _ := strconv.Atoi(os.Getenv("LEDGER_CROWD_SECONDS")); n > 0 {
		c = crowd{limit: 200, slow: 200, good: 50, seconds: n}
	}
	if l, err := net.Listen("tcp", "127.0.0.2:0"); err != nil {
		t.Skip("this machine has no address 127.0.0.2")
	} else {
		_ = l.Close()
	}
	c.process = newProcess(t, map[string]string{"GHL_EFFECTS": "off", "LEDGER_RATE_LIMIT": fmt.Sprintf("%d/1s", c.limit)})
	c.start()
	quiet := c.keepTo("127.0.0.2", "quiet")

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	cut := c.crawl(ctx, "127.0.0.1")
	flooded := make(chan string, 1)
	go func() { flooded <- c.flood("127.0.0.1") }()
	beside := c.keepTo("127.0.0.2", "beside")
	report := <-flooded
	stop()
	t.Logf("sender of %d/s alone:            %s", c.good, quiet)
	t.Logf("sender of %d/s beside the crowd: %s", c.good, beside)
	t.Logf("flood from one address: %s", report)
	t.Logf("%d slow clients at that address, cut %d times", c.slow, cut())
	t.Logf("p99 beside / quiet = %.2f", float64(beside.at(0.99))/float64(quiet.at(0.99)))
	c.kill()
	c.start()
	c.checkKept()
}

// crowd is who comes, and what they were told.
type crowd struct {
	*process
	limit, good int // a second
	slow        int
	seconds     int

	mu    sync.Mutex
	acked []string
}

// clientAt sends from a loopback address of its own.
func clientAt(address string) *http.Client {
	dial := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: dial.DialContext, MaxIdleConnsPerHost: 256}}
}

// tell sends an event of its own and returns the status; 0 is no answer.
func (c *crowd) tell(client *http.Client, name string, i int) int {
	body := fmt.Appendf(nil, `{"type":"contact.created","data":{"contact_id":"%s-%d"}}`, name, i)
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, "http://"+c.public+"/webhooks/ghl", bytes.NewReader(body))
	if err != nil {
		return 0
	}
	stamp := ghl.Timestamp(time.Now())
	req.Header.Set("X-GHL-Timestamp", stamp)
	req.Header.Set("X-GHL-Signature", ghl.SignHMAC(testSecret, stamp, body))
	resp, err := client.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	var r received
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
		return 0
	}
	if resp.StatusCode == http.StatusOK {
		c.mu.Lock()
		c.acked = append(c.acked, r.Data.EventID)
		c.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// keepTo sends at an even pace below the limit; anything but a 200 is an error.
// A wait is from when an event was due.
func (c *crowd) keepTo(address, name string) (all waits) {
	client := clientAt(address)
	var mu sync.Mutex
	var senders sync.WaitGroup
	began := time.Now()
	for i := range c.good * c.seconds {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(c.good))
		time.Sleep(time.Until(due))
		senders.Go(func() {
			if status := c.tell(client, name, i); status != http.StatusOK {
				c.t.Errorf("%s: delivery %d was answered %d", name, i, status)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, time.Since(due))
		})
	}
	senders.Wait()
	slices.Sort(all)
	return all
}

// flood sends ten times what the limit allows, and says what came of it.
func (c *crowd) flood(address string) string {
	client := clientAt(address)
	rate := 10 * c.limit
	n := rate * c.seconds
	var next, stored, limited, unanswered atomic.Int64
	var senders sync.WaitGroup
	began := time.Now()
	for range 64 {
		senders.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(rate))))
				switch status := c.tell(client, "flood", i); status {
				case http.StatusOK:
					stored.Add(1)
				case http.StatusTooManyRequests:
					limited.Add(1)
				case 0:
					unanswered.Add(1)
				default:
					c.t.Errorf("the flood was answered %d", status)
				}
			}
		})
	}
	senders.Wait()
	took := time.Since(began).Seconds()
	if most := float64(c.limit) * (took + 2); float64(stored.Load()) > most || stored.Load() == 0 || limited.Load() == 0 {
		c.t.Errorf("of the flood %d were stored and %d refused, want at most %.0f stored", stored.Load(), limited.Load(), most)
	}
	return fmt.Sprintf("%.0f/s, %.1f times the limit of %d/s: %d stored, %d told to wait, %d without an answer",
		float64(n)/took, float64(n)/took/float64(c.limit), c.limit, stored.Load(), limited.Load(), unanswered.Load())
}

// crawl keeps slow clients at work until ctx ends; cut waits for their end and
// says how often the service cut one off. A third of them sends a head byte by
// byte, a third a body, a third begins and then is silent.
func (c *crowd) crawl(ctx context.Context, address string) (cut func() int64) {
	var n atomic.Int64
	var clients sync.WaitGroup
	for i := range c.slow {
		clients.Go(func() {
			for ctx.Err() == nil {
				if c.crawlOnce(ctx, address, i%3) {
					n.Add(1)
				}
				select { // and comes back
				case <-ctx.Done():
				case <-time.After(300 * time.Millisecond):
				}
			}
		})
	}
	return func() int64 { clients.Wait(); return n.Load() }
}

// crawlOnce is one connection; it reports whether the service ended it.
func (c *crowd) crawlOnce(ctx context.Context, address string, way int) bool {
	dial := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	conn, err := dial.DialContext(ctx, "tcp", c.public)
	if err != nil {
		return false
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	head := "POST /webhooks/ghl HTTP/1.1\r\nHost: x\r\nX-GHL-Timestamp: 1\r\nX-GHL-Signature: 00\r\nContent-Length: 100000\r\n"
	begin, rest := []string{"", head + "\r\n", head}[way], []string{head, string(make([]byte, 1000)), ""}[way]
	if _, err := io.WriteString(conn, begin); err != nil {
		return ctx.Err() == nil
	}
	for i := range rest {
		if _, err := io.WriteString(conn, rest[i:i+1]); err != nil {
			return ctx.Err() == nil
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(200 * time.Millisecond):
		}
	}
	_, _ = io.Copy(io.Discard, conn) // until the service has had enough
	return ctx.Err() == nil
}

// checkKept looks for every event that anybody was told is stored.
func (c *crowd) checkKept() {
	c.t.Helper()
	kept := map[string]bool{}
	for _, e := range list[struct{ ID string }](c.process, "/api/v1/events?kind=contact.created") {
		kept[e.ID] = true
	}
	lost := 0
	for _, id := range c.acked {
		if !kept[id] {
			lost++
		}
	}
	if lost > 0 || len(c.acked) == 0 {
		c.t.Errorf("%d of %d acknowledged events are lost", lost, len(c.acked))
	}
	c.t.Logf("acknowledged %d, after a kill -9 and a restart lost %d", len(c.acked), lost)
}
