package ghltest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"syscall"
)

// Transport reaches the server without a network, so that it works in a
// synctest bubble. A cut is what net/http's own transport makes of it: no
// connection, an end without an answer, or a body that breaks off.
func (s *Server) Transport() http.RoundTripper { return inProcess{s} }

type inProcess struct{ s *Server }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RequestURI = r.URL.RequestURI()
	w := &wire{header: http.Header{}, trace: httptrace.ContextClientTrace(r.Context())}
	cut := w.serve(t.s, in)
	if err := r.Context().Err(); err != nil {
		return nil, err // it waited no longer
	}
	return w.response(r, cut)
}

// wire keeps an answer, and whether the call arrived.
type wire struct {
	header  http.Header
	status  int
	body    bytes.Buffer
	trace   *httptrace.ClientTrace
	arrived bool
}

func (w *wire) Header() http.Header         { return w.header }
func (w *wire) Write(b []byte) (int, error) { return w.body.Write(b) }
func (w *wire) Flush()                      {}
func (w *wire) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *wire) received() {
	w.arrived = true
	if w.trace != nil && w.trace.WroteHeaders != nil {
		w.trace.WroteHeaders()
	}
}

// serve lets h answer and reports whether it cut the connection.
func (w *wire) serve(h http.Handler, r *http.Request) (cut bool) {
	defer func() {
		if e := recover(); e != nil {
			if e != http.ErrAbortHandler {
				panic(e)
			}
			cut = true
		}
	}()
	h.ServeHTTP(w, r)
	return false
}

func (w *wire) response(r *http.Request, cut bool) (*http.Response, error) {
	switch {
	case cut && !w.arrived:
		return nil, fmt.Errorf("dial %s: %w", r.URL.Host, syscall.ECONNREFUSED)
	case cut && w.status == 0:
		return nil, io.EOF
	}
	body := io.Reader(bytes.NewReader(w.body.Bytes()))
	if cut {
		body = io.MultiReader(body, brokenOff{})
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Header: w.header, Body: io.NopCloser(body),
		ContentLength: -1, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
	}, nil
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
