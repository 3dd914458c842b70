// Command ghl-ledger receives GoHighLevel's webhooks, keeps each as an entry
// of an event log before it answers, and does what follows: leads scored,
// contacts updated, sequences started, operators alerted.
//
// This package is the one place where concrete types meet: it opens, wires,
// runs and drains. One file a command; the settings are the fields of Config.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes of every command. serve has more, see exitcode.go.
const (
	exitDone  = 0
	exitNo    = 1 // the answer is no
	exitUsage = 2 // usage, configuration, or could not run
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// cli is the whole surface: a field a command.
type cli struct {
	Demo    demoCmd    `cmd:"" help:"Run everything on a temporary directory, with a GoHighLevel of our own beside it, and show what happens."`
	Init    initCmd    `cmd:"" help:"Write .env with fresh secrets, and say what to paste into GoHighLevel."`
	Serve   serveCmd   `cmd:"" help:"Run the service."`
	Config  configCmd  `cmd:"" help:"Check or print the configuration."`
	Trigger triggerCmd `cmd:"" help:"Send a signed sample event to a running service."`
	Sign    signCmd    `cmd:"" help:"Sign a webhook body, or explain why a signature does not match."`
	Sandbox sandboxCmd `cmd:"" help:"A GoHighLevel of our own, for working offline."`
	Verify  verifyCmd  `cmd:"" help:"Check every entry of a ledger."`
	Backup  backupCmd  `cmd:"" help:"Make a verified copy of a ledger, running or stopped."`
	Restore restoreCmd `cmd:"" help:"Make a ledger from a backup."`
	Version versionCmd `cmd:"" help:"Print the version."`

	Events      eventsCmd      `cmd:"" help:"Look at the ledger's entries."`
	Leads       leadsCmd       `cmd:"" help:"Look at leads, and say who is not written to."`
	Effects     effectsCmd     `cmd:"" help:"What is owed to GoHighLevel: dead letters, retries, pause."`
	Quarantine  quarantineCmd  `cmd:"" help:"Verified deliveries that are no valid events."`
	Projections projectionsCmd `cmd:"" help:"The views that are folded from the ledger."`
	Doctor      doctorCmd      `cmd:"" help:"Walk through what a service needs, and say what to do."`
	GHL         ghlCmd         `cmd:"" name:"ghl" help:"What GoHighLevel has, and what its token may do."`
	Reconcile   reconcileCmd   `cmd:"" help:"Read back from GoHighLevel what the ledger missed."`
	Completion  completionCmd  `cmd:"" help:"Print the script that completes this program's commands in your shell."`
	Bench       benchCmd       `cmd:"" help:"Measure what a service would do on this machine."`
	Model       modelCmd       `cmd:"" help:"The models that score: train, try, promote, roll back, bring your own."`
	Export      exportCmd      `cmd:"" help:"Datasets for analysts, as JSONL, CSV or Parquet."`
	Rescore     rescoreCmd     `cmd:"" help:"Score every lead anew, and send what differs."`
	Forget      forgetCmd      `cmd:"" help:"Destroy one contact's personal data everywhere."`
}

// console is where a command reads and writes, and what its settings come from.
type console struct {
	in       io.Reader
	out, err io.Writer
	set      *settings

	args, environ []string // what the program was started with
}

// exit unwinds from kong, which would leave the process (for --help).
type exit int

// answerNo is an error that means: it ran, and the answer is no.
type answerNo struct{ error }

func (a answerNo) Unwrap() error { return a.error }

func run(ctx context.Context, args, environ []string, in io.Reader, out, errw io.Writer) (code int) {
	defer func() {
		if e := recover(); e != nil {
			c, ok := e.(exit)
			if !ok {
				panic(e)
			}
			code = int(c)
		}
	}()
	set, err := readSettings(environ, ".env")
	if err != nil {
		return complain(errw, err)
	}
	parser, err := newParser(ctx, &cli{}, &console{in: in, out: out, err: errw, set: set, args: args, environ: environ})
	if err != nil {
		return complain(errw, err)
	}
	switch {
	case len(args) == 0:
		args = []string{"--help"}
	case args[0] == "--version": // what people try first
		args = append([]string{"version"}, args[1:]...)
	}
	k, err := parser.Parse(args)
	if err != nil {
		return complain(errw, err)
	}
	return complain(errw, k.Run())
}

// newParser returns the program's grammar. What it parses runs with ctx on con.
func newParser(ctx context.Context, c *cli, con *console) (*kong.Kong, error) {
	return kong.New(c, kong.Name("ghl-ledger"),
		kong.Description("GoHighLevel webhooks, kept before they are answered."),
		kong.Writers(con.out, con.err), kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.ValueFormatter(describe),
		kong.Resolvers(con.set), kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(con))
}

// complain prints err and returns the exit code that it means.
func complain(w io.Writer, err error) int {
	if err == nil {
		return exitDone
	}
	if c, ok := errors.AsType[codedError](err); ok {
		fmt.Fprintf(w, "ghl-ledger: %v\n", err)
		return c.code
	}
	fmt.Fprintf(w, "ghl-ledger: %v\n", err)
	if _, ok := errors.AsType[answerNo](err); ok {
		return exitNo
	}
	return exitUsage
}
