package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/julienschmidt/httprouter"
)

// Limits of streams.
const (
	maxStreams = 64
	keepAlive  = 15 * time.Second
	writeWait  = 10 * time.Second // a reader that takes longer for one entry is gone
)

// stream sends entries as they come, as server-sent events: from after the
// cursor in Last-Event-ID or after, else from now. It reads by pages and holds
// nothing of the ledger while it waits for the client.
func (a *api) stream(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	f, from, err := a.streamFrom(r)
	if err != nil {
		return err
	}
	select {
	case a.streams <- struct{}{}:
		defer func() { <-a.streams }()
	default:
		return tooFast.with("Too many streams are open.")
	}
	s := &sse{w: w, rc: http.NewResponseController(w)}
	_ = s.rc.SetReadDeadline(time.Time{}) // a server without deadlines has none to lift
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	if err := s.send(": stream\n\n"); err != nil {
		return nil
	}
	s.follow(r.Context(), a, f, from)
	return nil
}

// streamFrom reads what is asked for and where to begin.
func (a *api) streamFrom(r *http.Request) (filter, ledger.Cursor, error) {
	q := r.URL.Query()
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		q.Set("after", last) // a reconnecting browser goes on where it was, not where it began
	}
	f, err := filterOf(q)
	if err != nil {
		return f, ledger.Cursor{}, err
	}
	if q.Get("after") != "" {
		return f, ledger.Cursor{ID: f.after}, nil
	}
	head, err := a.Log.Head(r.Context())
	return f, head, err
}

// sse writes server-sent events.
type sse struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

func (s *sse) send(text string) error {
	_ = s.rc.SetWriteDeadline(time.Now().Add(writeWait))
	if _, err := fmt.Fprint(s.w, text); err != nil {
		return err
	}
	return s.rc.Flush()
}

// follow sends what the ledger gains until the client is gone, the service
// drains, or an entry cannot be read.
func (s *sse) follow(ctx context.Context, a *api, f filter, from ledger.Cursor) {
	ctx, stop := context.WithCancel(ctx)
	entries := make(chan ledger.Entry)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tail(ctx, a.Log, from, f, entries)
	}()
	defer func() { stop(); <-done }()

	tick := time.NewTicker(time.Second) // soon enough for a shutdown
	defer tick.Stop()
	quiet := time.Now()
	for {
		select {
		case e := <-entries:
			if s.send(eventText(e)) != nil {
				return
			}
			quiet = time.Now()
		case <-tick.C:
			if a.Draining() {
				return
			}
			if time.Since(quiet) >= keepAlive {
				if s.send(": keep-alive\n\n") != nil {
					return
				}
				quiet = time.Now()
			}
		case <-done:
			return
		}
	}
}

// tail passes on what f asks for, until ctx ends or the ledger does.
func tail(ctx context.Context, log ledger.Reader, from ledger.Cursor, f filter, to chan<- ledger.Entry) {
	for e, err := range log.Tail(ctx, from) {
		if err != nil {
			return
		}
		if !f.matches(e) {
			continue
		}
		select {
		case to <- e:
		case <-ctx.Done():
			return
		}
	}
}

// eventText is e as one server-sent event. Its fate is not known yet.
func eventText(e ledger.Entry) string {
	data, _ := json.Marshal(viewOf(e, fate{})) // strings and numbers alone: never fails
	return fmt.Sprintf("id: %s\nevent: entry\ndata: %s\n\n", ledger.FormatID(e.ID), data)
}
