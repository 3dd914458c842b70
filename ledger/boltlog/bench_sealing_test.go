package boltlog_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
)

// BenchmarkSealing compares appends with sealing and without, for new contacts
// and for known ones, in one run. Both logs do the same work but for the
// sealing: they compress alike.
//
//   - In one process both share a collector, which is run before each round, and
//     what one does beside its writer, as merges, falls into the other's rounds,
//     too: that shows the cost of the appends themselves.
//   - With each log in a process of its own, as a service has it, the collector
//     does less the more memory is in use, and in rounds that last merges mostly
//     fall to the log that they are of.
//
// Two logs of one kind differ by up to 2 %, by where their files happen to lie,
// and 200 pairs of short rounds by 3 % from run to run: so there are several logs
// of each kind, one after the other, and many rounds. All of it takes six to
// fifteen minutes.
//
//	GHL_LEDGER_BENCH_LOGS   how many logs of each kind (5)
//	GHL_LEDGER_BENCH_PAIRS  how many pairs of rounds with each two (300; 30 in processes)
//	GHL_LEDGER_BENCH_ROUND  how many entries in a round (2,560; 25,600 in processes)
func BenchmarkSealing(b *testing.B) {
	for _, where := range []struct {
		name    string
		compare func(b *testing.B, pair, contacts int) compared
	}{{"one-process", sealingHere}, {"processes", sealingApart}} {
		for _, who := range []struct {
			name     string
			contacts int
		}{{"new", 0}, {"known", 100}} {
			b.Run(where.name+"/"+who.name, func(b *testing.B) {
				for b.Loop() {
					var all compared
					for pair := range fromEnv(b, "GHL_LEDGER_BENCH_LOGS", 5) {
						all.add(where.compare(b, int(pair), who.contacts))
					}
					all.report(b, "sealed", "plain")
				}
			})
		}
	}
}

// kinds are the logs that are compared.
var kinds = [2]string{"sealed", "plain"}

// options are those of a kind.
func options(kind string) boltlog.Options { return boltlog.Options{Plain: kind == "plain"} }

// sealingHere compares two new logs of this process.
func sealingHere(b *testing.B, pair, contacts int) compared {
	dir := b.TempDir()
	var logs [2]*boltlog.Log
	for _, i := range inOrder(pair) {
		logs[i] = open(b, filepath.Join(dir, kinds[i]), options(kinds[i]))
	}
	c := compare(b, here(b, logs), pairs(b, 300), roundEntries(b, 2560), contacts)
	if err := errors.Join(logs[0].Close(), logs[1].Close(), os.RemoveAll(dir)); err != nil {
		b.Fatal(err)
	}
	return c
}

// sealingApart compares two new logs of two new processes.
func sealingApart(b *testing.B, pair, contacts int) compared {
	dir := b.TempDir()
	var appenders [2]*appender
	for _, i := range inOrder(pair) {
		appenders[i] = newAppender(b, filepath.Join(dir, kinds[i]), kinds[i])
	}
	c := compare(b, [2]side{appenders[0].append, appenders[1].append}, pairs(b, 30), roundEntries(b, 25600), contacts)
	c.memory = [2]float64{appenders[0].stop(), appenders[1].stop()}
	if err := os.RemoveAll(dir); err != nil {
		b.Fatal(err)
	}
	return c
}

// appender is a process that appends what it is told to.
type appender struct {
	b    *testing.B
	cmd  *exec.Cmd
	in   io.WriteCloser
	says *bufio.Scanner
}

func newAppender(b *testing.B, dir, kind string) *appender {
	a := &appender{b: b, cmd: exec.Command(os.Args[0], dir, kind)}
	a.cmd.Env = append(os.Environ(), "GHL_LEDGER_TEST_ROLE=appender")
	a.cmd.Stderr = os.Stderr
	in, err := a.cmd.StdinPipe()
	out, err2 := a.cmd.StdoutPipe()
	if err := errors.Join(err, err2, a.cmd.Start()); err != nil {
		b.Fatal(err)
	}
	a.in, a.says = in, bufio.NewScanner(out)
	return a
}

func (a *appender) append(run, about string, n, contacts int) float64 {
	fmt.Fprintln(a.in, run, about, n, contacts)
	return a.number()
}

// stop returns the memory that the process had at the end, in MB.
func (a *appender) stop() float64 {
	if err := a.in.Close(); err != nil {
		a.b.Fatal(err)
	}
	memory := a.number()
	if err := a.cmd.Wait(); err != nil {
		a.b.Fatal(err)
	}
	return memory
}

// number returns what the process answers.
func (a *appender) number() (n float64) {
	if !a.says.Scan() {
		a.b.Fatal("the appender ended")
	}
	if _, err := fmt.Sscan(a.says.Text(), &n); err != nil {
		a.b.Fatal(err)
	}
	return n
}

// appends is what an appender does. At the end it says how many MB the runtime has
// from the operating system.
func appends(dir, kind string) error {
	l, err := boltlog.Open(dir, options(kind))
	if err != nil {
		return err
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var run, about string
		var n, contacts int
		if _, err := fmt.Sscan(in.Text(), &run, &about, &n, &contacts); err != nil {
			return err
		}
		took, err := appendMany(context.Background(), l, run, about, n, contacts)
		if err != nil {
			return err
		}
		fmt.Println(took)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Println(float64(m.Sys-m.HeapReleased) / 1e6)
	return l.Close()
}
