package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
)

type sandboxCmd struct {
	Listen     string        `default:"127.0.0.1:8090" help:"Where to answer."`
	Token      string        `help:"The only token that is taken; any where empty."`
	RateLimit  Rate          `default:"100/10s" help:"Calls per location, as GoHighLevel has it; 0 is none."`
	FailEvery  int           `placeholder:"N" help:"Refuse every Nth call."`
	Status     int           `default:"503" help:"What --fail-every answers."`
	Latency    time.Duration `help:"Answer so much later."`
	Strict     bool          `help:"A contact that nobody created is not found; else it is created when it is named."`
	Echo       string        `placeholder:"URL" help:"Send each update of a contact back there as a signed webhook, as GoHighLevel does."`
	EchoSecret string        `help:"HMAC secret of --echo; the first of GHL_WEBHOOK_SECRET if not given."`
	Output     string        `enum:"table,json" default:"table" help:"How calls are printed: ${enum}."`

	Secrets []string `name:"ghl-webhook-secret" hidden:""`
}

// Help is what sandbox --help says beside its flags.
func (sandboxCmd) Help() string {
	return "A GoHighLevel of our own, for working offline. It keeps everything in memory.\n" +
		"Beside the API, GET /sandbox says what else it answers: calls, faults, contacts.\n\n" +
		"Examples:\n" +
		"  ghl-ledger sandbox\n" +
		"  ghl-ledger sandbox --fail-every 3 --status 429 --echo http://127.0.0.1:8080/webhooks/ghl"
}

// Run answers until SIGTERM or SIGINT.
func (c *sandboxCmd) Run(ctx context.Context, con *console) error {
	if err := c.check(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	server := ghltest.New(c.options(con))
	defer server.Close()
	if c.FailEvery > 0 {
		server.Fault(ghltest.Fault{Every: c.FailEvery, Status: c.Status})
	}
	if c.Latency > 0 {
		server.Fault(ghltest.Fault{Latency: c.Latency})
	}
	c.greet(con, listener.Addr().String())
	return serveUntil(ctx, listener, server)
}

func (c *sandboxCmd) check() error {
	if c.EchoSecret == "" && len(c.Secrets) > 0 {
		c.EchoSecret = c.Secrets[0]
	}
	switch {
	case c.Echo != "" && c.EchoSecret == "":
		return errors.New("--echo needs --echo-secret or GHL_WEBHOOK_SECRET, to sign what it sends")
	case c.FailEvery < 0:
		return errors.New("--fail-every: want a number above 0")
	case c.Status < 400 || c.Status > 599:
		return fmt.Errorf("--status %d: want a refusal, 400 to 599", c.Status)
	}
	return nil
}

func (c *sandboxCmd) options(con *console) ghltest.Options {
	limit := ghltest.Limit{N: c.RateLimit.N, Per: c.RateLimit.Per}
	if c.RateLimit.N == 0 {
		limit.N = -1
	}
	tell := printCall
	if c.Output == "json" {
		tell = func(w io.Writer, call ghltest.Call) error { return printJSON(w, call) }
	}
	return ghltest.Options{
		Token: c.Token, Strict: c.Strict, Limit: limit,
		Webhook: ghltest.Webhook{URL: c.Echo, Secret: c.EchoSecret},
		OnCall:  func(call ghltest.Call) { _ = tell(con.out, call) }, // nobody reads: no reason to stop
	}
}

// greet says how to point the service here.
func (c *sandboxCmd) greet(con *console, addr string) {
	if c.Output == "json" {
		return // nothing but calls
	}
	fmt.Fprintf(con.out, `A GoHighLevel of our own at http://%[1]s. Point the service at it with
  GHL_API_BASE_URL=http://%[1]s GHL_API_KEY=%[2]s
Faults, calls and contacts: curl http://%[1]s/sandbox

`, addr, cmp.Or(c.Token, "anything"))
}

// printCall prints a call as one line.
func printCall(w io.Writer, c ghltest.Call) error {
	status := fmt.Sprint(c.Status)
	if c.Status == 0 {
		status = "cut"
	}
	said := string(c.Body)
	if c.Status >= 400 {
		said += " -> " + string(c.Answer)
	}
	if c.Fault != "" {
		said += " [" + c.Fault + "]"
	}
	_, err := fmt.Fprintf(w, "%s %s %-4s %s %s\n", c.At.Format("15:04:05.000"), status, c.Method, c.Path, strings.TrimSpace(said))
	return err
}

// serveUntil serves h until ctx ends, and answers what is under way.
func serveUntil(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	drained := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(drained)
		wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if server.Shutdown(wait) != nil {
			_ = server.Close() // the time is over
		}
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-drained // Serve returns when Shutdown begins
	return nil
}
