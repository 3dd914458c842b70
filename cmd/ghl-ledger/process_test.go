package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

const (
	testSecret = "webhook-secret-of-the-tests"
	testToken  = "admin-token-of-the-tests-0123456789abcdef"
)

// process is `ghl-ledger serve` as an operator runs it, on a directory of the test.
type process struct {
	t                   testing.TB
	dir, data           string
	public, admin       string // addresses
	env                 []string
	cmd                 *exec.Cmd
	log                 *os.File
	client              http.Client
	token               string // of the administrator
	startTime, waitTime time.Duration
}

// newProcess prepares a service with the given settings on free ports.
func newProcess(t testing.TB, settings map[string]string) *process {
	dir := t.TempDir()
	p := &process{t: t, dir: dir, data: filepath.Join(dir, "data"), token: testToken, public: freeAddress(t), admin: freeAddress(t), startTime: 20 * time.Second, waitTime: 60 * time.Second}
	p.client.Timeout = 10 * time.Second
	p.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir,
		"GHL_WEBHOOK_SECRET=" + testSecret, "LEDGER_ADMIN_TOKEN=" + testToken, "LEDGER_DATA_DIR=" + p.data,
		"LEDGER_LISTEN=" + p.public, "LEDGER_ADMIN_LISTEN=" + p.admin, "LEDGER_MIN_FREE_DISK=0", "LEDGER_RATE_LIMIT=0",
	}
	for key, v := range settings {
		p.env = append(p.env, key+"="+v)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	p.log = log
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			b, _ := os.ReadFile(log.Name())
			b = bytes.Join(slices.DeleteFunc(bytes.SplitAfter(b, []byte("\n")), func(line []byte) bool {
				return bytes.Contains(line, []byte(`"/readyz"`)) // asked all the time until it is ready
			}), nil)
			t.Logf("the service's log, its end:\n%s", b[max(0, len(b)-4000):])
		}
		_ = log.Close()
	})
	return p
}

func freeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start runs the service and waits until it takes webhooks.
func (p *process) start() {
	p.t.Helper()
	p.launch()
	p.until(p.startTime, "ready", p.ready)
}

func (p *process) launch() {
	p.t.Helper()
	p.cmd = exec.Command("ghl-ledger", "serve")
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = p.dir, p.env, p.log, p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// ready reports whether the service takes webhooks.
func (p *process) ready() bool {
	resp, err := p.client.Get("http://" + p.public + "/readyz")
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// kill ends the process as a power cut would, but for what the kernel holds.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	p.cmd = nil
}

// stop asks the process to end and returns its exit code.
func (p *process) stop() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait()
	code := p.cmd.ProcessState.ExitCode()
	p.cmd = nil
	return code
}

// until asks again and again until done says yes.
func (p *process) until(limit time.Duration, what string, done func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(limit)
	for !done() {
		if time.Now().After(deadline) {
			p.t.Fatalf("not %s after %s", what, limit)
		}
		time.Sleep(5 * time.Millisecond) // another process: there is nothing to wait on
	}
}

// deliver sends one event as the seed's gateway does. Its error is that there
// was no answer.
func (p *process) deliver(body []byte) (received, error) {
	stamp := ghl.Timestamp(time.Now())
	return post(p.t.Context(), "http://"+p.public+"/webhooks/ghl", body, map[string]string{
		"X-GHL-Timestamp": stamp, "X-GHL-Signature": ghl.SignHMAC(testSecret, stamp, body),
	})
}

// get reads one object of the API into out, and returns the status.
func (p *process) get(path string, out any) int {
	return p.do(http.MethodGet, path, nil, out)
}

// do makes one call of the API; the answer is decoded into out, if there is one.
func (p *process) do(method, path string, in, out any) int {
	p.t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequest(method, "http://"+p.admin+path, bytes.NewReader(b))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			p.t.Fatalf("%s %s answered %d %.300s: %v", method, path, resp.StatusCode, answer, err)
		}
	}
	return resp.StatusCode
}

// list reads every page of a list of the API.
func list[T any](p *process, path string) (all []T) {
	p.t.Helper()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	for after := ""; ; {
		var page struct {
			Data []T     `json:"data"`
			Next *string `json:"next"`
		}
		if status := p.get(fmt.Sprintf("%s%slimit=500&after=%s", path, sep, after), &page); status != http.StatusOK {
			p.t.Fatalf("GET %s answered %d", path, status)
		}
		all = append(all, page.Data...)
		if page.Next == nil || *page.Next == "" {
			return all
		}
		after = *page.Next
	}
}
