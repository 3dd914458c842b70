package main

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// TestSandbox is the sandbox as a developer uses it: with curl, and with the
// service's webhook address as the place where echoes go.
func TestSandbox(t *testing.T) {
	echoes := make(chan string, 1)
	webhooks := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		keys := ghl.Keys{Secrets: ghl.NewSecrets("secret", "sesame"), Tolerance: time.Minute}
		if _, verr := keys.Verify(ghl.SignatureFrom(r.Header.Values), body, time.Now()); err != nil || verr != nil {
			t.Errorf("echo %s: %v, %v", body, err, verr)
		}
		echoes <- string(body)
	}))
	defer webhooks.Close()
	addr := freeAddress(t)
	cmd := exec.Command("ghl-ledger", "sandbox", "--listen", addr, "--token", "pit-1", "--fail-every", "2", "--status", "502",
		"--echo", webhooks.URL, "--echo-secret", "sesame")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "/sandbox") { // listening since the greeting's last line
	}
	for i, want := range []int{200, 502, 200} {
		if got := putContact(t, addr); got != want {
			t.Errorf("call %d answered %d, want %d", i+1, got, want)
		}
	}
	for range 2 {
		if body := <-echoes; !strings.Contains(body, `"contact.updated"`) {
			t.Errorf("echo %s, want contact.updated", body)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var printed []string
	for lines.Scan() {
		if lines.Text() != "" {
			printed = append(printed, lines.Text())
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want exit 0", err)
	}
	if len(printed) != 3 || !strings.Contains(printed[1], "502 PUT  /contacts/c1") || strings.Contains(strings.Join(printed, ""), "pit-1") {
		t.Errorf("printed %q, want one line a call and no token", printed)
	}
}

func putContact(t *testing.T, addr string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+addr+"/contacts/c1", strings.NewReader(`{"firstName":"Ann"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer pit-1")
	r.Header.Set("Version", "2021-07-28")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
