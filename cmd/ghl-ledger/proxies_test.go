package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestProxies runs the snippets for Caddy and nginx: while the service cannot be
// reached, or its own proxy says 503, a sender is told 429, and nothing but
// webhooks and health is passed on. `make proxies` fetches Debian's.
func TestProxies(t *testing.T) {
	for name, begin := range map[string]func(t *testing.T, program, upstream string) string{"NGINX": nginx, "CADDY": caddy} {
		t.Run(name, func(t *testing.T) {
			program := os.Getenv(name)
			if program == "" {
				t.Skipf("%s is not set: make proxies runs this with Debian's", name)
			}
			service := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/webhooks/refused" {
					w.WriteHeader(http.StatusUnauthorized)
				}
			}))
			upstream := service.Listener.Addr().String()
			at := begin(t, program, upstream)
			service.Start()
			for path, want := range map[string]int{"/webhooks/ghl": 200, "/webhooks/refused": 401, "/healthz": 200, "/console": 404, "/api/v1/leads": 404} {
				if got, _ := knock(t, at+path); got != want {
					t.Errorf("%s with the service there: %d, want %d", path, got, want)
				}
			}
			service.Close()
			if got, after := knock(t, at+"/webhooks/ghl"); got != 429 || after != "60" {
				t.Errorf("with the service gone: %d, Retry-After %q, want 429 and 60", got, after)
			} else {
				t.Logf("with the service gone: %d, Retry-After %s", got, after)
			}
		})
	}
}

// knock posts as a sender does.
func knock(t *testing.T, url string) (status int, retryAfter string) {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Header.Get("Retry-After")
}

// nginx runs the snippet inside an http block, without its TLS.
func nginx(t *testing.T, program, upstream string) string {
	dir, at := t.TempDir(), freeAddress(t)
	var lines []string
	for line := range strings.Lines(snippet(t, "nginx.conf")) {
		if !strings.Contains(line, "ssl_") {
			lines = append(lines, line)
		}
	}
	server := strings.NewReplacer("listen 443 ssl;", "listen "+at+";", "127.0.0.1:8080", upstream).Replace(strings.Join(lines, ""))
	var places strings.Builder
	for _, of := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		places.WriteString(of + "_temp_path " + filepath.Join(dir, of) + ";\n")
	}
	conf := filepath.Join(dir, "nginx.conf")
	text := "daemon off;\npid " + dir + "/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n" + places.String() + server + "}\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return proxy(t, at, exec.Command(program, "-p", dir, "-c", conf, "-e", "stderr"))
}

// caddy runs the snippet on plain HTTP.
func caddy(t *testing.T, program, upstream string) string {
	dir, at := t.TempDir(), freeAddress(t)
	text := strings.NewReplacer("hooks.example.com {", "http://"+at+" {", "127.0.0.1:8080", upstream).Replace(snippet(t, "Caddyfile"))
	conf := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(conf, []byte("{\n\tadmin off\n\tauto_https off\n}\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "run", "--config", conf, "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	return proxy(t, at, cmd)
}

func snippet(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// proxy runs until the test ends, and returns once it answers.
func proxy(t *testing.T, at string, cmd *exec.Cmd) string {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if b, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("the proxy said: %s", b)
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) { // another process: there is nothing to wait on
		resp, err := http.Get("http://" + at + "/nothing")
		if err == nil {
			_ = resp.Body.Close()
			return "http://" + at
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer: %v", cmd.Path, err)
		}
	}
}
