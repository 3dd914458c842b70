package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// drainTime is how long requests under way may take when the service ends.
	drainTime = 15 * time.Second
	// farewell is how long, of that, the service waits for its connections to
	// carry nothing any more.
	farewell = 3 * time.Second
	// quiet is how long a kept connection must have been idle before it is
	// closed on its client: one in use may carry the next request already.
	quiet = 500 * time.Millisecond
)

// door is a server on its listener, which can end without losing a request
// that is on its way. http.Server.Shutdown alone loses some: it drops what is
// read after its call, and closes kept connections on their clients.
type door struct {
	server   *http.Server
	listener net.Listener
	ending   atomic.Bool
	served   chan struct{} // closed when nobody is let in any more

	mu    sync.Mutex
	conns map[net.Conn]doing
}

// doing is what a connection does, and since when.
type doing struct {
	state http.ConnState
	since time.Time
}

func newDoor(server *http.Server, l net.Listener) *door {
	d := &door{server: server, listener: l, served: make(chan struct{}), conns: map[net.Conn]doing{}}
	next := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.ending.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
	server.ConnState = d.follow
	return d
}

func (d *door) follow(c net.Conn, s http.ConnState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s == http.StateClosed || s == http.StateHijacked {
		delete(d.conns, c)
		return
	}
	d.conns[c] = doing{s, time.Now()}
}

// serve answers until the door is closed.
func (d *door) serve() error {
	defer close(d.served)
	err := d.server.Serve(d.listener)
	if errors.Is(err, http.ErrServerClosed) || d.ending.Load() && errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// close ends the door. First every answer asks its client to close and what
// comes is still let in, so that kept connections leave; then nobody is let in
// and what is inside is answered. When ctx ends, the rest is cut.
func (d *door) close(ctx context.Context) error {
	d.ending.Store(true)
	d.until(ctx, func(c doing) bool { return c.state != http.StateIdle })
	err := d.listener.Close()
	select {
	case <-d.served: // who was let in at the last moment is counted by now
	case <-ctx.Done():
	}
	d.until(ctx, func(doing) bool { return false })
	if e := d.server.Shutdown(ctx); e != nil {
		err = errors.Join(e, d.server.Close())
	}
	if errors.Is(err, net.ErrClosed) {
		return nil // Shutdown closes the listener once more
	}
	return err
}

// until returns once every connection is away, long idle, or fine; or when the
// farewell is over.
func (d *door) until(ctx context.Context, fine func(doing) bool) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	tick := time.NewTicker(quiet / 20)
	defer tick.Stop()
	for !d.all(fine) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (d *door) all(fine func(doing) bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		if away := c.state == http.StateIdle && time.Since(c.since) > quiet; !away && !fine(c) {
			return false
		}
	}
	return true
}
