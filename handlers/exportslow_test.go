package handlers_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"github.com/enterprisehub/ghl-ledger/projections/export"
)

// pipes is a listener whose connections hold no byte that nobody reads.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error   { close(p); return nil } // a server closes it once
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// ask sends a request over a connection of its own, and reads the answer's
// head. What follows is read as slowly as the caller likes.
func (p pipes) ask(t *testing.T, path string) *http.Response {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { _ = here.Close() })
	p <- there
	req, err := http.NewRequest("GET", "http://ledger"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+analystToken)
	if err := req.Write(here); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(here, 4096), req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// readSlowly reads 64 KiB, and waits, again and again.
func readSlowly(r io.Reader) (b []byte, err error) {
	for err == nil {
		time.Sleep(3 * time.Second)
		var part [64 << 10]byte
		n := 0
		n, err = io.ReadFull(r, part[:])
		b = append(b, part[:n]...)
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return b, err
}

// TestExportSlow: a client that reads slowly gets a whole export, however long
// that takes; one that stops is gone after a while, and others may export.
func TestExportSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memlog.New(time.Now)
		for i := range 3000 {
			if _, err := log.Append(t.Context(), ledger.Draft{Kind: "unknown.x", Key: fmt.Sprint(i), Body: []byte(strings.Repeat("x", 500))}); err != nil {
				t.Fatal(err)
			}
		}
		deps := handlers.Deps{Log: log, AdminToken: adminToken, AnalystToken: analystToken,
			Export: &export.Exporter{Log: log, Leads: leadsAt{log}, Key: make([]byte, 32), Dir: t.TempDir()}}
		served, clients := handlers.NewServer(handlers.Admin(deps), nil), make(pipes)
		go func() { _ = served.Serve(clients) }()
		defer func() { _ = served.Close() }()
		const path = "/api/v1/export?dataset=events"
		began, resp := time.Now(), clients.ask(t, path)
		b, err := readSlowly(resp.Body)
		if took := time.Since(began); err != nil || strings.Count(string(b), "\n") != 3000 || resp.Trailer.Get(handlers.SummaryTrailer) == "" || took < 2*served.WriteTimeout {
			t.Errorf("read slowly for %v, an answer may take %v: %d rows, trailer %q, %v", took, served.WriteTimeout, strings.Count(string(b), "\n"), resp.Trailer.Get(handlers.SummaryTrailer), err)
		}
		var stopped []*http.Response
		for range 4 {
			stopped = append(stopped, clients.ask(t, path))
		}
		if got := clients.ask(t, path); got.StatusCode != http.StatusTooManyRequests {
			t.Errorf("a fifth beside four that stopped: %d, want 429", got.StatusCode)
		}
		time.Sleep(11 * time.Second)
		if got := clients.ask(t, path); got.StatusCode != http.StatusOK {
			t.Errorf("after the four are gone: %d", got.StatusCode)
		}
		if _, err := io.ReadAll(stopped[0].Body); err == nil {
			t.Error("one that stopped has a whole export")
		}
	})
}
