package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"golang.org/x/sync/errgroup"
)

// holder is what systemd is to the service: it holds the listeners over
// restarts and is told where the service stands.
type holder struct {
	*process
	sockets []*os.File
	told    *net.UnixConn

	mu    sync.Mutex
	heard []string
}

func newHolder(t *testing.T) *holder {
	h := &holder{process: newProcess(t, map[string]string{"GHL_EFFECTS": "off"})}
	for _, at := range []*string{&h.public, &h.admin} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		*at = l.Addr().String()
		file, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		h.sockets = append(h.sockets, file)
		t.Cleanup(func() { _ = errors.Join(l.Close(), file.Close()) })
	}
	path := filepath.Join(h.dir, "notify")
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	h.told = told
	t.Cleanup(func() { _ = told.Close() })
	go h.listen()
	h.env = append(h.env, "LISTEN_FDS=2", "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=300000",
		"LEDGER_LISTEN="+h.public, "LEDGER_ADMIN_LISTEN="+h.admin)
	return h
}

func (h *holder) listen() {
	for b := make([]byte, 1024); ; {
		n, err := h.told.Read(b)
		if err != nil {
			return // the test is over
		}
		h.mu.Lock()
		h.heard = append(h.heard, string(b[:n]))
		h.mu.Unlock()
	}
}

// has reports how often the service told systemd so.
func (h *holder) has(state string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.heard {
		if s == state {
			n++
		}
	}
	return n
}

// begin starts the service with the listeners handed over as systemd does it,
// and returns once it says that it is ready.
func (h *holder) begin() {
	h.t.Helper()
	before := h.has("READY=1")
	h.cmd = exec.Command("sh", "-c", "LISTEN_PID=$$ exec ghl-ledger serve")
	h.cmd.Dir, h.cmd.Env, h.cmd.Stdout, h.cmd.Stderr, h.cmd.ExtraFiles = h.dir, h.env, h.log, h.log, h.sockets
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.until(h.startTime, "ready", func() bool { return h.has("READY=1") > before })
}

// sender delivers events at a steady rate, each over a connection of its own or
// over kept ones, and keeps what went wrong.
type sender struct {
	url    string
	client http.Client

	// repeats: a connection that was idle for long may be closed in the moment
	// in which it is used again. No server can help that, and clients of kept
	// connections send again; the ledger takes it once.
	repeats bool

	mu    sync.Mutex
	sent  int
	wrong []string
}

func (s *sender) deliver(ctx context.Context, contact string) {
	body := ghl.SampleOf("contact.created", "seed", ghl.SampleValues{At: time.Now(), Contact: contact})
	stamp := ghl.Timestamp(time.Now())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, strings.NewReader(string(body)))
	if err != nil {
		panic(err)
	}
	req.Header.Set("X-GHL-Timestamp", stamp)
	req.Header.Set("X-GHL-Signature", ghl.SignHMAC(testSecret, stamp, body))
	if s.repeats {
		req.Header.Set("Idempotency-Key", contact) // net/http then sends again what a closed connection took with it
	}
	answer := ""
	resp, err := s.client.Do(req)
	if err != nil {
		answer = err.Error()
	} else {
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			answer = fmt.Sprintf("%d %s", resp.StatusCode, b)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent++
	if answer != "" {
		s.wrong = append(s.wrong, answer)
	}
}

// run delivers every tick until ctx ends, and returns when all are answered. It
// has 200 under way at most: a machine that is too slow for the rate, e.g. one
// that looks for races, is not to be refused for too many connections.
func (s *sender) run(ctx context.Context, name string, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var deliveries errgroup.Group
	deliveries.SetLimit(200)
	defer deliveries.Wait()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
			deliveries.Go(func() error {
				s.deliver(context.WithoutCancel(ctx), fmt.Sprintf("%s_%d", name, n))
				return nil
			})
		case <-ctx.Done():
			return
		}
	}
}

// TestRestartRefusesNobody restarts the service under 200 deliveries a second
// while a parent holds its listeners, as systemd does: no connection is
// refused, and every answer is 200 and in the ledger.
func TestRestartRefusesNobody(t *testing.T) {
	h := newHolder(t)
	h.begin()
	fresh := &sender{url: "http://" + h.public + "/webhooks/ghl", client: http.Client{
		Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
	kept := &sender{url: fresh.url, repeats: true, client: http.Client{
		Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	ctx, stop := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	senders.Go(func() { fresh.run(ctx, "fresh", 10*time.Millisecond) })
	senders.Go(func() { kept.run(ctx, "kept", 10*time.Millisecond) })
	const restarts = 3
	began := time.Now()
	for range restarts {
		h.until(h.waitTime, "delivering again", h.delivering(fresh, kept))
		if code := h.stop(); code != exitDone {
			t.Errorf("serve ended with %d", code)
		}
		h.begin()
	}
	h.until(h.waitTime, "delivering again", h.delivering(fresh, kept))
	stop()
	senders.Wait()

	t.Logf("%.0f deliveries a second over %d restarts", float64(fresh.sent+kept.sent)/time.Since(began).Seconds(), restarts)
	for name, s := range map[string]*sender{"a connection each": fresh, "kept connections": kept} {
		t.Logf("%s: %d deliveries, %d not answered with 200", name, s.sent, len(s.wrong))
		for _, w := range s.wrong {
			t.Errorf("%s: %s", name, w)
		}
	}
	got := list[struct{}](h.process, "/api/v1/events?kind=contact.created")
	if len(got) != fresh.sent+kept.sent {
		t.Errorf("%d events in the ledger after %d deliveries", len(got), fresh.sent+kept.sent)
	}
	if n := h.has("STOPPING=1"); n != restarts {
		t.Errorf("systemd heard %d times that the service is ending, want %d", n, restarts)
	}
	if h.has("WATCHDOG=1") == 0 {
		t.Error("the watchdog heard nothing")
	}
}

// delivering returns a question: have 100 more deliveries been answered?
func (h *holder) delivering(senders ...*sender) func() bool {
	answered := func() (n int) {
		for _, s := range senders {
			s.mu.Lock()
			n += s.sent
			s.mu.Unlock()
		}
		return n
	}
	before := answered()
	return func() bool { return answered() >= before+100 }
}
