//go:build torture

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestServeInjected has strace fail the first, second, third … call on the
// ledger's file while `serve` takes deliveries, once and for ever, until a
// whole scenario goes by without a failure. After a failed flush nobody is
// answered and the process ends with 70; a full disk is answered 429 and ends
// nothing; and the next start has what was acknowledged.
func TestServeInjected(t *testing.T) {
	for _, fault := range []struct {
		call, errno string
		fatal       bool // leaves open what is on the disk
	}{
		{"fdatasync", "EIO", true}, {"pwrite64", "EIO", true}, {"pwrite64", "EROFS", true}, {"pwrite64", "ENOSPC", false},
	} {
		for _, often := range []string{"", "+"} {
			s := struct{ runs, acked, refused, cut int }{}
			ended := map[int]int{}
			for n := 1; ; n++ {
				var r servedRun
				t.Run(fmt.Sprint(fault.call, "_", fault.errno, "_", n, often), func(t *testing.T) {
					r = injectServe(t, fault.call, fault.errno, fmt.Sprint(n, often))
					r.check(t, fault.fatal)
				})
				if !r.hit {
					break
				}
				s.runs, s.acked, s.refused, s.cut = s.runs+1, s.acked+len(r.acked), s.refused+r.refused, s.cut+r.cut
				ended[r.code]++
			}
			t.Logf("%-9s %-6s %1s %3d runs: %d acknowledged, %d answered 429, %d without an answer, exit codes %v",
				fault.call, fault.errno, often, s.runs, s.acked, s.refused, s.cut, ended)
			if s.runs == 0 {
				t.Errorf("%s was never called: nothing was tried", fault.call)
			}
		}
	}
}

// servedRun is what came of one run with a failing call.
type servedRun struct {
	hit                bool // a call did fail
	code               int
	acked              []string // ids
	refused, cut, late int
}

func (r servedRun) check(t *testing.T, fatal bool) {
	t.Helper()
	want := 0
	if r.hit && fatal {
		want = exitStorageDoubt
	}
	if r.code != want {
		t.Errorf("exit code %d, want %d", r.code, want)
	}
	if r.late > 0 {
		t.Errorf("%d deliveries were acknowledged after one had no answer", r.late)
	}
}

// injectServe sends ten deliveries to a service of which one kind of call on
// the ledger's file fails, ends it, and checks what the next start has.
func injectServe(t *testing.T, call, errno, when string) (r servedRun) {
	t.Helper()
	p := newProcess(t, map[string]string{"GHL_EFFECTS": "off"})
	p.start()
	p.stop()
	trace := filepath.Join(p.dir, "trace")
	p.cmd = exec.Command("strace", "-f", "-y", "-qq", "-o", trace, "-P", filepath.Join(p.data, "ledger.db"),
		"-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:error=%s:when=%s", call, errno, when), "ghl-ledger", "serve")
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = p.dir, p.env, p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.cmd.Wait()
	}()
	p.until(p.startTime, "ready or ended", func() bool { return isClosed(ended) || p.ready() })
	for i := 0; i < 10 && !isClosed(ended); i++ {
		answer, err := p.deliver(eventOf(i))
		switch {
		case err != nil:
			r.cut++
		case answer.HTTP == 200:
			r.acked = append(r.acked, answer.Data.EventID)
			r.late += min(r.cut, 1)
		case answer.HTTP == 429:
			r.refused++
		default:
			t.Errorf("%s, %s, %s: answered %d", call, errno, when, answer.HTTP)
		}
	}
	terminate(t, p.cmd.Process.Pid, ended)
	r.code = p.cmd.ProcessState.ExitCode()
	p.cmd = nil
	r.hit = strings.Contains(readFile(t, trace), "INJECTED")
	p.start()
	p.has(r.acked)
	p.kill()
	return r
}

// terminate asks what strace runs to end, and waits for both.
func terminate(t *testing.T, strace int, ended chan struct{}) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", strace, strace))
	if pid, err2 := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && err2 == nil {
		_ = syscall.Kill(pid, syscall.SIGTERM)
	}
	<-ended
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// has checks that the ledger has each of the acknowledged events.
func (p *process) has(acked []string) {
	p.t.Helper()
	there := map[string]bool{}
	for _, e := range list[struct {
		ID string `json:"id"`
	}](p, "/api/v1/events") {
		there[e.ID] = true
	}
	for _, id := range acked {
		if !there[id] {
			p.t.Errorf("%s was acknowledged and is not in the ledger", id)
		}
	}
}
