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
	"syscall"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
)

// BenchmarkSealing compares appends with sealing and without, for new contacts
// and for known ones, in one run. Both logs do the same work but for the
// sealing: they compress alike.
//
//   - In one process both share a collector: what either costs comes out most
//     clearly.
//   - With each log in a process of its own, as a service has it, the collector
//     does less the more memory is in use, and rounds last long enough that merges
//     of the index fall into them.
//
// Two logs of one kind, compared like that, differ by up to 2 %, by where their
// files happen to lie, and by 3 % in 200 pairs of short rounds: so there are
// several logs of each kind, one after the other, and many rounds. All of it takes
// six to fifteen minutes.
//
//	GHL_LEDGER_BENCH_LOGS   how many logs of each kind (5)
//	GHL_LEDGER_BENCH_PAIRS  how many pairs of rounds with each two (300; 30 in processes)
//	GHL_LEDGER_BENCH_ROUND  how many entries in a round (2,560; 25,600 in processes)
func BenchmarkSealing(b *testing.B) {
	for _, where := range []struct {
		name    string
		compare func(b *testing.B, contacts int) compared
	}{{"one-process", sealingHere}, {"processes", sealingApart}} {
		for _, who := range []struct {
			name     string
			contacts int
		}{{"new", 0}, {"known", 100}} {
			b.Run(where.name+"/"+who.name, func(b *testing.B) {
				for b.Loop() {
					var all compared
					for range fromEnv(b, "GHL_LEDGER_BENCH_LOGS", 5) {
						all.add(where.compare(b, who.contacts))
					}
					all.report(b, "sealed", "plain")
				}
			})
		}
	}
}

// sealingHere compares two new logs of this process.
func sealingHere(b *testing.B, contacts int) compared {
	dir := b.TempDir()
	logs := [2]*boltlog.Log{
		open(b, filepath.Join(dir, "sealed"), boltlog.Options{}),
		open(b, filepath.Join(dir, "plain"), boltlog.Options{Plain: true}),
	}
	c := compare(b, here(b, logs), pairs(b, 300), roundEntries(b, 2560), contacts)
	if err := errors.Join(logs[0].Close(), logs[1].Close(), os.RemoveAll(dir)); err != nil {
		b.Fatal(err)
	}
	return c
}

// sealingApart compares two new logs of two new processes.
func sealingApart(b *testing.B, contacts int) compared {
	dir := b.TempDir()
	sealed, plain := newAppender(b, filepath.Join(dir, "sealed"), "sealed"), newAppender(b, filepath.Join(dir, "plain"), "plain")
	c := compare(b, [2]side{sealed.append, plain.append}, pairs(b, 30), roundEntries(b, 25600), contacts)
	c.peak = [2]float64{sealed.stop(), plain.stop()}
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

func (a *appender) append(run, about string, n, contacts int) (took float64) {
	fmt.Fprintln(a.in, run, about, n, contacts)
	if !a.says.Scan() {
		a.b.Fatal("the appender ended")
	}
	if _, err := fmt.Sscan(a.says.Text(), &took); err != nil {
		a.b.Fatal(err)
	}
	return took
}

// stop returns the most memory that the process had, in MB.
func (a *appender) stop() (peak float64) {
	if err := errors.Join(a.in.Close(), a.cmd.Wait()); err != nil {
		a.b.Fatal(err)
	}
	return float64(a.cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) / 1000
}

// appends is what an appender does.
func appends(dir, kind string) error {
	l, err := boltlog.Open(dir, boltlog.Options{Plain: kind == "plain"})
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
	return l.Close()
}
