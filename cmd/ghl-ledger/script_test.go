package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestScript runs every command as a person types it, with its output, its
// errors and its exit codes. Beside testscript's own commands, scripts have
// $FREE_ADDRESS, on which nobody listens yet, $DEPLOY, where the deployment's
// files are, and:
//
//	service start [KEY=value…]  a service on $WORK/data, with a GoHighLevel of its own; its
//	                            addresses and tokens are set as variables of the script
//	service stop | kill         SIGTERM, which must end with exit code 0 | SIGKILL
//	exits CODE program args…    run it; its exit code must be CODE
//	until PATTERN program args… run it again and again until its output matches
//	capture VAR PATTERN         set VAR to what the pattern's group matches in the last output
//	[!] deliver FILE            send the file as a signed webhook; the answer is the output, and
//	                            it must (not) be a 200
//	fault JSON                  make GoHighLevel fail, as POST /sandbox/faults takes it
//	heal                        and well again
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		Setup:               setupScript,
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"service": onStage(serviceCommand), "exits": exitsCommand, "until": untilCommand,
			"capture": captureCommand, "fault": onStage(faultCommand), "deliver": deliverCommand, "heal": onStage(healCommand),
		},
	})
}

// stage is what a script plays on: a service and a GoHighLevel.
type stage struct {
	*process
	ghl *httptest.Server
}

type stageKey struct{}

func setupScript(env *testscript.Env) error {
	env.Values[stageKey{}] = &stage{process: newProcess(env.T().(testing.TB), nil)}
	env.Setenv("NO_COLOR", "1")
	env.Setenv("GOMAXPROCS", "1") // a command is over in a moment: more would only start threads
	env.Setenv("GOGC", "off")
	env.Setenv("FREE_ADDRESS", freeAddress(env.T().(testing.TB)))
	deploy, err := filepath.Abs("deploy")
	env.Setenv("DEPLOY", deploy)
	return err
}

func onStage(do func(ts *testscript.TestScript, s *stage, args []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("it cannot be negated")
		}
		do(ts, ts.Value(stageKey{}).(*stage), args)
	}
}

func serviceCommand(ts *testscript.TestScript, s *stage, args []string) {
	if len(args) == 0 {
		ts.Fatalf("service start, stop or kill?")
	}
	switch args[0] {
	case "start":
		s.begin(ts, args[1:])
	case "stop":
		if code := s.stop(); code != exitDone {
			ts.Fatalf("serve ended with %d", code)
		}
	case "kill":
		s.kill()
	default:
		ts.Fatalf("service %s: start, stop or kill?", args[0])
	}
}

// begin starts the service, with settings on top of those it had before.
func (s *stage) begin(ts *testscript.TestScript, settings []string) {
	if s.ghl == nil {
		sandbox := ghltest.New(ghltest.Options{Limit: ghltest.Limit{N: -1, Daily: -1}, Token: "pit-of-the-tests", Locations: []ghltest.Location{
			{ID: "loc_1", Contacts: []ghltest.Contact{{ID: "contact_ghl", Properties: map[string]any{"firstName": "Ada", "email": "ada@example.com"}}}},
			{ID: "loc_bare", Fields: []ghl.Definition{}},
		}})
		s.ghl = httptest.NewServer(sandbox)
		ts.Defer(func() { s.ghl.Close(); sandbox.Close() })
		s.dir, s.data = ts.MkAbs("."), ts.MkAbs("data")
		s.env = append(s.env, "LEDGER_DATA_DIR="+s.data, "GHL_API_BASE_URL="+s.ghl.URL,
			"GHL_API_KEY=pit-of-the-tests", "GHL_LOCATION_ID=loc_1", "GHL_RETRY_INITIAL=20ms")
	}
	s.env = append(s.env, settings...)
	for _, pair := range s.env {
		key, v, _ := strings.Cut(pair, "=")
		if hasPrefix(key, prefixes) {
			ts.Setenv(key, v)
		}
	}
	s.start()
}

func exitsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE program args…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := exitCode(ts, args[1:]); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func exitCode(ts *testscript.TestScript, args []string) int {
	err := ts.Exec(args[0], args[1:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	ts.Check(err)
	return 0
}

// patience is how long a script waits for what comes by itself.
const patience = 20 * time.Second

func untilCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN program args…")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for deadline := time.Now().Add(patience); ; {
		exitCode(ts, args[1:])
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no output like %s within %s", args[0], patience)
		}
		time.Sleep(20 * time.Millisecond) // another process: there is nothing to wait on
	}
}

func captureCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture VAR PATTERN")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	found := pattern.FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) < 2 {
		ts.Fatalf("no match of %s in the last output", args[1])
	}
	ts.Setenv(args[0], found[1])
}

func faultCommand(ts *testscript.TestScript, s *stage, args []string) {
	s.askSandbox(ts, http.MethodPost, strings.Join(args, " "))
}

func healCommand(ts *testscript.TestScript, s *stage, _ []string) {
	s.askSandbox(ts, http.MethodDelete, "")
}

func (s *stage) askSandbox(ts *testscript.TestScript, method, body string) {
	req, err := http.NewRequest(method, s.ghl.URL+"/sandbox/faults", bytes.NewBufferString(body))
	ts.Check(err)
	resp, err := s.client.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		ts.Fatalf("%s /sandbox/faults answered %s", method, resp.Status)
	}
}

func deliverCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: deliver FILE")
	}
	s := ts.Value(stageKey{}).(*stage)
	body := []byte(ts.ReadFile(args[0]))
	req, err := http.NewRequest(http.MethodPost, "http://"+s.public+"/webhooks/ghl", bytes.NewReader(body))
	ts.Check(err)
	stamp := ghl.Timestamp(time.Now())
	req.Header.Set("X-GHL-Timestamp", stamp)
	req.Header.Set("X-GHL-Signature", ghl.SignHMAC(testSecret, stamp, body))
	resp, err := s.client.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	_, err = io.Copy(ts.Stdout(), resp.Body)
	ts.Check(err)
	if ok := resp.StatusCode == http.StatusOK; ok == neg {
		ts.Fatalf("the webhook was answered %s", resp.Status)
	}
}
