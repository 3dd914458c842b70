package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
)

// TestAlertsAreGrouped raises a thousand alerts of one kind: the operators get
// the first and one for the rest, and the console counts them all.
func TestAlertsAreGrouped(t *testing.T) {
	sent := make(chan string, 1100)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent <- string(body)
	}))
	defer hook.Close()
	a, err := newAlerts([]string{"generic+" + hook.URL}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- a.Run(ctx) }()

	raise := func(group, text string) {
		a.Alert(outbox.Alert{Severity: outbox.High, Group: group, Title: group, Text: text})
	}
	raise("dead letter", "the first")
	if got := <-sent; !strings.Contains(got, "the first") {
		t.Errorf("sent %s", got)
	}
	for i := range 999 {
		raise("dead letter", fmt.Sprint("number ", i))
	}
	raise("other", "another matter")
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	close(sent)
	var rest bytes.Buffer
	n := 0
	for text := range sent {
		n++
		rest.WriteString(text)
	}
	if n != 2 || !strings.Contains(rest.String(), "999 more of dead letter; the newest") || !strings.Contains(rest.String(), "number 998") {
		t.Errorf("%d more messages, want one for the rest and one for the other matter:\n%s", n, rest.String())
	}
	raised := a.Raised()
	if len(raised) != 2 || raised[0].Group != "other" || raised[1].Count != 1000 || raised[1].Text != "number 998" {
		t.Errorf("remembered %+v", raised)
	}
}

// TestAlertURLIsASecret holds back what stands in a URL that is not understood.
func TestAlertURLIsASecret(t *testing.T) {
	_, err := newAlerts([]string{"slakc://token-a/token-b"}, slog.New(slog.DiscardHandler))
	if err == nil || strings.Contains(err.Error(), "token") || !strings.Contains(err.Error(), "slakc") {
		t.Errorf("got %v, want the scheme and no token", err)
	}
}
