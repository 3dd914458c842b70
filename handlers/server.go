package handlers

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Limits of the servers. A stream lifts the write time-out for itself.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 90 * time.Second
	maxHeaderBytes    = 16 << 10
)

// NewServer returns a server for h with every time-out and limit set. Serve it
// on a listener that Guard returned, and on no other: without it a request with
// two lengths is not noticed, and connections are not counted.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    2 * maxHeaderBytes, // what is between the two is answered by observed
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnContext:       withConn,

		DisableGeneralOptionsHandler: true, // OPTIONS * is answered like any other path
	}
}

// Guard wraps a listener: at most max connections at once, at most an eighth of
// them from one sender that is not a trusted proxy, and each watched for
// requests with two lengths. A max of 0 is 4,096.
func Guard(l net.Listener, max int, trusted []netip.Prefix) net.Listener {
	if max <= 0 {
		max = 4096
	}
	return &guard{Listener: l, trusted: trusted, each: (max + 7) / 8, slots: make(chan struct{}, max),
		closed: make(chan struct{}), held: map[netip.Prefix]int{}}
}

type guard struct {
	net.Listener
	trusted []netip.Prefix
	each    int // connections of one sender
	slots   chan struct{}
	closed  chan struct{}
	once    sync.Once

	mu   sync.Mutex
	held map[netip.Prefix]int // by networkOf
}

// Accept implements net.Listener. A sender that holds too many connections
// is refused by closing the new one, so that the others' turn comes at once.
func (g *guard) Accept() (net.Conn, error) {
	for {
		select {
		case g.slots <- struct{}{}:
		case <-g.closed:
			return nil, net.ErrClosed
		}
		c, err := g.Listener.Accept()
		if err != nil {
			<-g.slots
			return nil, err
		}
		sender, ok := g.enter(peerOf(c.RemoteAddr().String()))
		if !ok {
			<-g.slots
			countRefusedConnection()
			_ = c.Close() // nothing was promised to it
			continue
		}
		return &conn{Conn: c, leave: sync.OnceFunc(func() { g.leave(sender) })}, nil
	}
}

// Close implements net.Listener.
func (g *guard) Close() error {
	g.once.Do(func() { close(g.closed) })
	return g.Listener.Close()
}

// enter counts a connection of addr, and returns what it is counted under: the
// zero Prefix if it is not, as a trusted proxy's, whose neighbours are.
func (g *guard) enter(addr netip.Addr) (sender netip.Prefix, ok bool) {
	if !addr.IsValid() || isTrusted(addr, g.trusted) {
		return netip.Prefix{}, true
	}
	sender = networkOf(addr)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held[sender] >= g.each {
		return sender, false
	}
	g.held[sender]++
	return sender, true
}

func (g *guard) leave(sender netip.Prefix) {
	<-g.slots
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held[sender]--; g.held[sender] <= 0 {
		delete(g.held, sender)
	}
}

// conn is a connection that is counted and watched.
type conn struct {
	net.Conn
	leave func()
	heads heads
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.heads.watch(p[:n])
	return n, err
}

// Write passes p on, but for the refusals that net/http writes by itself before
// there is a handler: those become ours, so that all refusals look the same.
func (c *conn) Write(p []byte) (int, error) {
	own := plainRefusal(p)
	if own == nil {
		return c.Conn.Write(p)
	}
	if _, err := c.Conn.Write(own); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *conn) Close() error {
	c.leave()
	return c.Conn.Close()
}

type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	if c, ok := c.(*conn); ok {
		return context.WithValue(ctx, connKey{}, c)
	}
	return ctx
}

// bothLengths reports whether r's connection has carried a request with both
// Content-Length and Transfer-Encoding.
func bothLengths(r *http.Request) bool {
	c, ok := r.Context().Value(connKey{}).(*conn)
	return ok && c.heads.bad.Load()
}
