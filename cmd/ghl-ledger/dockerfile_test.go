package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// instruction is a line of a Dockerfile: its word and the rest.
type instruction struct{ word, rest string }

// dockerfile reads deploy/Dockerfile into its stages.
func dockerfile(t *testing.T) (stages [][]instruction) {
	t.Helper()
	text, err := os.ReadFile("deploy/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "" || strings.HasPrefix(word, "#") {
			continue
		}
		if word == "FROM" {
			stages = append(stages, nil)
		}
		stages[len(stages)-1] = append(stages[len(stages)-1], instruction{word, strings.TrimSpace(rest)})
	}
	return stages
}

// TestDockerfile does by hand what a build does where there is no Docker: the
// sources are there, the commands and settings are ours, the image's Go is that
// of go.mod, and the program of its own build line is static and runs alone in
// a root that has nothing else.
func TestDockerfile(t *testing.T) {
	stages := dockerfile(t)
	if len(stages) != 2 || stages[1][0].rest != "scratch" {
		t.Fatalf("%d stages, the last from %v, want a build and scratch", len(stages), stages[len(stages)-1][0])
	}
	made := map[string]bool{"/etc/ssl/certs/ca-certificates.crt": true} // the golang image has it
	for _, in := range stages[0] {
		switch in.word {
		case "FROM":
			version, _, _ := strings.Cut(strings.TrimPrefix(in.rest, "golang:"), " ")
			if want := goOf(t); !strings.HasPrefix(want, version) {
				t.Errorf("FROM %s: go.mod wants Go %s", in.rest, want)
			}
		case "COPY":
			for _, source := range strings.Fields(in.rest)[:len(strings.Fields(in.rest))-1] {
				if _, err := os.Stat(filepath.Join("../..", source)); err != nil {
					t.Errorf("COPY %s: %v", in.rest, err)
				}
			}
		case "RUN":
			if strings.Contains(in.rest, "go build") {
				made["/ghl-ledger"] = true
			}
			if strings.Contains(in.rest, "mkdir -m 0700 /data") {
				made["/data"] = true
			}
		}
	}
	var entry []string
	for _, in := range stages[1] {
		words := strings.Fields(in.rest)
		switch in.word {
		case "COPY":
			if source := words[len(words)-2]; words[0] != "--from=build" || !made[source] {
				t.Errorf("COPY %s: the build does not make %s", in.rest, source)
			}
		case "USER":
			if strings.HasPrefix(in.rest, "0") || strings.HasPrefix(in.rest, "root") {
				t.Errorf("USER %s", in.rest)
			}
		case "ENV":
			for _, set := range words {
				key, _, _ := strings.Cut(set, "=")
				if flag := "--" + strings.ToLower(strings.ReplaceAll(key, "_", "-")); !slices.Contains(flagsOf([]string{"serve"}), flag) {
					t.Errorf("ENV %s is no setting", key)
				}
			}
		case "HEALTHCHECK":
			_, list, _ := strings.Cut(in.rest, "CMD ")
			parses(t, list)
		case "ENTRYPOINT", "CMD":
			var part []string
			if err := json.Unmarshal([]byte(in.rest), &part); err != nil {
				t.Errorf("%s %s: %v", in.word, in.rest, err)
			}
			entry = append(entry, part...)
		}
	}
	whole, _ := json.Marshal(entry) // strings never fail
	parses(t, string(whole))
}

// parses wants a JSON list to be a command line of ours.
func parses(t *testing.T, list string) {
	t.Helper()
	var words []string
	if err := json.Unmarshal([]byte(list), &words); err != nil || len(words) < 2 || words[0] != "/ghl-ledger" {
		t.Errorf("%s: want /ghl-ledger and a command: %v", list, err)
		return
	}
	if _, err := grammar(t).Parse(words[1:]); err != nil {
		t.Errorf("%s: %v", list, err)
	}
}

func goOf(t *testing.T) string {
	t.Helper()
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(mod), "\ngo ")
	version, _, _ := strings.Cut(after, "\n")
	return version
}

// TestImage builds as the Dockerfile's line has it and runs the program in a
// root of its own, as nobody: what it needed besides would be missing. It needs
// root and chroot.
func TestImage(t *testing.T) {
	if os.Getenv("GHL_LEDGER_IMAGE") == "" || os.Geteuid() != 0 {
		t.Skip("GHL_LEDGER_IMAGE is not set, or this is not root: make image runs this")
	}
	var line string
	for _, in := range dockerfile(t)[0] {
		if _, after, ok := strings.Cut(in.rest, "CGO_ENABLED=0"); in.word == "RUN" && ok {
			line, _, _ = strings.Cut("CGO_ENABLED=0"+after, "&&")
		}
	}
	root := t.TempDir()
	for _, dir := range []string{root, filepath.Dir(root)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("sh", "-c", strings.Replace(line, "-o /ghl-ledger", "-o "+root+"/ghl-ledger", 1))
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	if err := os.Mkdir(filepath.Join(root, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(root, "data"), 65532, 65532); err != nil {
		t.Fatal(err)
	}
	if out, _ := exec.Command("ldd", filepath.Join(root, "ghl-ledger")).CombinedOutput(); !bytes.Contains(out, []byte("not a dynamic executable")) {
		t.Errorf("not static: %s", out)
	}
	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"version"}, 0, "ghl-ledger 4.0.0"},
		{[]string{"serve"}, 2, "GHL_WEBHOOK_SECRET"},
		{[]string{"doctor", "--live"}, 1, "connection refused"},
		{[]string{"bench", "--data", "/data", "--entries", "10"}, 0, "verify"},
	} {
		run := exec.Command("chroot", append([]string{"--userspec=65532:65532", root, "/ghl-ledger"}, tt.args...)...)
		run.Env = []string{"LEDGER_DATA_DIR=/data"}
		out, err := run.CombinedOutput()
		code := 0
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			code = e.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if t.Logf("%v: exit %d", tt.args, code); code != tt.code || !strings.Contains(string(out), tt.says) {
			t.Errorf("%v: exit %d %s, want %d and %q", tt.args, code, out, tt.code, tt.says)
		}
	}
}
