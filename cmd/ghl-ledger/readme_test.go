package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A ```sh block of README.md is run by TestReadme if the line above it is
//
//	<!-- test: run -->         it must end with exit code 0
//	<!-- test: background -->  its last command goes on; what follows is run once the
//	                           service is ready, and in the end SIGTERM must end it with 0
//	<!-- test: analyst -->     TestAnalyst runs it, for it takes scikit-learn
//
// Blocks are run in their order, in one empty directory in which ./ghl-ledger
// is this program and make says what it would do. A block without the line
// must be here, by its first line, with the reason why it is not run.
var notRun = map[string]string{
	"make demo": "TestDemo runs the demo; this one stays up until ctrl-C",
	"make test": "it is what runs this",
}

// block is a ```sh block of a page.
type block struct {
	mark, script string
	line         int // of the page
}

var fence = regexp.MustCompile("(?ms)(?:^<!-- test: (\\w+) -->\n)?^```sh\n(.*?)^```$")

func blocksOf(page string) (blocks []block) {
	for _, m := range fence.FindAllStringSubmatchIndex(page, -1) {
		b := block{script: page[m[4]:m[5]], line: 1 + strings.Count(page[:m[0]], "\n")}
		if m[2] >= 0 {
			b.mark = page[m[2]:m[3]]
		}
		blocks = append(blocks, b)
	}
	return blocks
}

// TestReadme runs the README's commands as a reader would.
func TestReadme(t *testing.T) {
	page := readme(t)
	r := newReader(t)
	seen := map[string]bool{}
	for _, b := range blocksOf(page) {
		first, _, _ := strings.Cut(b.script, "\n")
		seen[first] = true
		switch _, declared := notRun[first]; {
		case b.mark == "run":
			r.run(b)
		case b.mark == "background":
			r.background(b)
		case b.mark == "analyst":
		case b.mark != "":
			t.Errorf("README.md:%d: <!-- test: %s -->: run, background or analyst?", b.line, b.mark)
		case !declared:
			t.Errorf("README.md:%d: %q is neither marked to be run nor in notRun with a reason", b.line, first)
		}
	}
	for first := range notRun {
		if !seen[first] {
			t.Errorf("notRun has %q, which README.md has no more", first)
		}
	}
}

func readme(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// reader types what a page says, in a directory of its own.
type reader struct {
	*process
	addresses *strings.Replacer
}

func newReader(t *testing.T) *reader {
	r := &reader{process: newProcess(t, nil)}
	program, err := exec.LookPath("ghl-ledger")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	shim := fmt.Sprintf("#!/bin/sh\nPATH=%q exec make -n -C %q \"$@\"\n", os.Getenv("PATH"), root)
	err = errors.Join(os.Symlink(program, filepath.Join(r.dir, "ghl-ledger")),
		os.WriteFile(filepath.Join(bin, "make"), []byte(shim), 0o700))
	if err != nil {
		t.Fatal(err)
	}
	// The page's own secrets are in the .env that it writes.
	r.env = []string{"HOME=" + r.dir, "PATH=" + bin + ":" + os.Getenv("PATH"), "LEDGER_LISTEN=" + r.public,
		"LEDGER_ADMIN_LISTEN=" + r.admin, "LEDGER_MIN_FREE_DISK=0"}
	r.addresses = strings.NewReplacer("127.0.0.1:8080", r.public, "127.0.0.1:8081", r.admin, "localhost:8080", r.public, "localhost:8081", r.admin)
	return r
}

func (r *reader) shell(script string) *exec.Cmd {
	c := exec.Command("bash", "-euo", "pipefail", "-c", r.addresses.Replace(script))
	c.Dir, c.Env = r.dir, r.env
	return c
}

func (r *reader) run(b block) {
	out, err := r.shell(b.script).CombinedOutput()
	if err != nil {
		r.t.Fatalf("README.md:%d: %v\n%s%s", b.line, err, b.script, out)
	}
	r.t.Logf("README.md:%d\n%s%s", b.line, b.script, out)
}

// background starts a block whose last command does not end.
func (r *reader) background(b block) {
	lines := strings.Split(strings.TrimSpace(b.script), "\n")
	lines[len(lines)-1] = "exec " + lines[len(lines)-1]
	c := r.shell(strings.Join(lines, "\n"))
	c.Stdout, c.Stderr = r.log, r.log
	if err := c.Start(); err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	r.t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil {
				r.t.Errorf("README.md:%d: it ended with %v", b.line, err)
			}
		case <-time.After(r.startTime):
			_ = c.Process.Kill()
			r.t.Errorf("README.md:%d: SIGTERM did not end it", b.line)
		}
	})
	r.until(r.startTime, "ready", r.ready)
}

// mentioned is a command of ours in the midst of a text, as `ghl-ledger events list`.
var mentioned = regexp.MustCompile("(?:^|[`(/ ])ghl-ledger ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)")

// TestReadmeNames checks that every command that the README names is there.
func TestReadmeNames(t *testing.T) {
	for _, m := range mentioned.FindAllStringSubmatch(readme(t), -1) {
		words := strings.Fields(m[1])
		if !isCommand(words) && !isCommand(words[:1]) {
			t.Errorf("README.md names `ghl-ledger %s`, which is no command", m[1])
		}
	}
}

// spelled is a command of ours between backquotes, with what comes after it.
var spelled = regexp.MustCompile("(?s)`(?:\\./)?ghl-ledger ([a-z][^`]*)`")

// TestReadmeFlags checks that every command in the midst of a text knows the
// flags that it is shown with: somebody types it at night.
func TestReadmeFlags(t *testing.T) {
	for _, m := range spelled.FindAllStringSubmatch(readme(t), -1) {
		known := flagsOf(strings.Fields(m[1]))
		for w := range strings.FieldsSeq(m[1]) {
			name, _, _ := strings.Cut(strings.Trim(w, "[]"), "=")
			if strings.HasPrefix(name, "--") && !slices.Contains(known, name) {
				t.Errorf("README.md shows `ghl-ledger %s`, which has no %s", m[1], name)
			}
		}
	}
}
