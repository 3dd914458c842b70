package boltlog_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
)

// fromEnv returns a number that `make torture` sets.
func fromEnv(t testing.TB, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestKill kills a server under load again and again. A client in another
// process writes down, flushed, what was acknowledged, and sends again what was
// not. Nothing acknowledged may be lost, nothing may be there twice, and what
// was erased stays erased.
//
//	GHL_LEDGER_TORTURE_CYCLES  how many kills (10)
//	GHL_LEDGER_TORTURE_SEED    of when they come
func TestKill(t *testing.T) {
	cycles := int(fromEnv(t, "GHL_LEDGER_TORTURE_CYCLES", 10))
	seed := fromEnv(t, "GHL_LEDGER_TORTURE_SEED", uint64(time.Now().UnixNano()))
	t.Logf("%d cycles, GHL_LEDGER_TORTURE_SEED=%d", cycles, seed)
	r := newRack(t, "server")
	chance := rand.New(rand.NewPCG(seed, 0))
	for i := range cycles {
		r.kill(chance)
		if i%50 == 49 || i == cycles-1 {
			c := r.check()
			t.Logf("after %d kills (%d under load): %d entries, %d acknowledged, %d of them found again after a kill, %d erased, lost %d, twice %d",
				i+1, r.loaded, c.entries, c.acked, c.again, c.erased, c.lost, c.twice)
			if c.lost > 0 || c.twice > 0 || t.Failed() {
				t.Fatalf("seed %d, cycle %d", seed, i)
			}
		}
	}
	if c := r.check(); r.loaded == 0 || c.acked == 0 {
		t.Errorf("no kill came under load: nothing was tried")
	}
}

// TestKillControl has a server that answers before it commits: if the harness
// finds no loss there, it finds none anywhere.
func TestKillControl(t *testing.T) {
	r := newRack(t, "hasty server")
	chance := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		r.kill(chance)
		if r.check().lost > 0 {
			return
		}
	}
	t.Error("a server that answers before it commits lost nothing")
}

// rack is a server that is killed, a client, and what the client wrote down.
type rack struct {
	t        *testing.T
	role     string
	dir      string // of the ledger
	acks     string // of the client's files
	listener *os.File
	address  string
	loaded   int // kills that came after the server was ready
}

func newRack(t *testing.T, role string) *rack {
	r := &rack{t: t, role: role, dir: t.TempDir(), acks: t.TempDir()}
	r.address = filepath.Join(r.acks, "socket")
	// The socket is ours, so that the client's calls wait between two servers.
	listener, err := net.Listen("unix", r.address)
	if err != nil {
		t.Fatal(err)
	}
	if r.listener, err = listener.(*net.UnixListener).File(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.listener.Close(); listener.Close() })
	return r
}

// as returns this test binary in another role (see TestMain).
func (r *rack) as(role string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "GHL_LEDGER_TEST_ROLE="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// kill starts server and client, and kills the server at some moment of its
// start or of its work.
func (r *rack) kill(chance *rand.Rand) {
	stop := r.client()
	defer stop()
	server := r.as(r.role, r.dir)
	server.ExtraFiles = []*os.File{r.listener}
	out, err := server.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		r.t.Fatal(err)
	}
	ready := make(chan bool, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		ready <- line == "ready\n"
	}()
	if chance.IntN(3) > 0 {
		if !<-ready {
			r.t.Error("the server did not start")
		}
		r.loaded++
	}
	<-time.After(time.Duration(chance.Int64N(int64(80 * time.Millisecond))))
	server.Process.Kill()
	if err := server.Wait(); server.ProcessState.ExitCode() != -1 {
		r.t.Errorf("the server ended by itself: %v", err)
	}
}

// client starts the client; stop has it end after what it is writing down.
func (r *rack) client() (stop func()) {
	client := r.as("client", r.address, r.acks)
	in, err := client.StdinPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := client.Start(); err != nil {
		r.t.Fatal(err)
	}
	return func() {
		in.Close()
		if err := client.Wait(); err != nil {
			r.t.Errorf("client: %v", err)
		}
	}
}

// counts are what a check found. Lost is what was acknowledged and does not
// hold: an entry that is not there, or an erased contact's that is.
type counts struct{ entries, acked, again, erased, lost, twice int }

// check compares the ledger with what the client wrote down.
func (r *rack) check() (c counts) {
	r.t.Helper()
	l, err := boltlog.Open(r.dir, boltlog.Options{})
	if err != nil {
		r.t.Fatalf("open after a kill: %v", err)
	}
	es := logtest.Entries(r.t, l, ledger.Cursor{})
	if err := l.Close(); err != nil {
		r.t.Fatal(err)
	}
	if report := verify(r.t, r.dir); !report.Sound() {
		r.t.Errorf("verify after a kill: %v", report.Faults)
	}
	byKey, erased, kept := map[string]ledger.Entry{}, map[string]bool{}, map[string]bool{}
	for _, e := range es {
		if _, ok := byKey[e.Key]; ok {
			c.twice++
		}
		byKey[e.Key] = e
		erased[e.Subject] = erased[e.Subject] || e.Erased
		kept[e.Subject] = kept[e.Subject] || !e.Erased
		if !e.Erased && !bytes.Equal(e.Body, bodyOf(e.Key)) {
			r.t.Errorf("entry %d has another body than was sent", e.Seq)
		}
	}
	if err := logtest.Sound(es); err != nil {
		r.t.Error(err)
	}
	c.entries = len(es)
	for _, ack := range r.acknowledged() {
		c.acked++
		switch {
		case ack.erase:
			c.erased++
			if !erased[ack.key] || kept[ack.key] {
				r.t.Logf("contact %s was erased, and is not", ack.key)
				c.lost++
			}
		case !has(byKey, ack.key), ack.answer != "early" && ledger.FormatID(byKey[ack.key].ID) != ack.answer:
			c.lost++
		case ack.again:
			c.again++
		}
	}
	return c
}

func has(m map[string]ledger.Entry, key string) bool { _, ok := m[key]; return ok }

// ack is one line of the client's files.
type ack struct {
	erase, again bool
	key, answer  string
}

func (r *rack) acknowledged() (acks []ack) {
	files, err := filepath.Glob(filepath.Join(r.acks, "acks.*"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			r.t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			acks = append(acks, ack{f[0] == "erase", f[3] == "again", f[1], f[2]})
		}
	}
	return acks
}

// bodyOf returns the body that is sent with a key: some are large.
func bodyOf(key string) []byte {
	n := 1
	if strings.HasSuffix(key, "7") {
		n = 300
	}
	return []byte(strings.Repeat(fmt.Sprintf("{%q:%q}", "contact_id", key), n))
}

// played runs this process in a role of the tests, if it has one.
func played() (code int, has bool) {
	var err error
	switch role := os.Getenv("GHL_LEDGER_TEST_ROLE"); role {
	case "":
		return 0, false
	case "server", "hasty server":
		err = serve(os.Args[1], role == "hasty server")
	case "scenario":
		err = scenario(os.Args[1])
	case "client":
		err = send(os.Args[1], os.Args[2])
	case "appender":
		err = appends(os.Args[1], os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}

// scenario appends twelve entries, one commit each, with an erasure between,
// and says which were acknowledged. Without room it tries twice more.
func scenario(dir string) error {
	l, err := boltlog.Open(dir, boltlog.Options{Doubt: func(error) { os.Exit(exitDoubt) }})
	if err != nil {
		return err
	}
	for i := range 12 {
		for try := range 3 {
			as, err := l.Append(context.Background(), of(fmt.Sprint("key", i), fmt.Sprint("contact", i%3)))
			if err == nil {
				fmt.Println("ack", as[0].Entry.Key, ledger.FormatID(as[0].Entry.ID))
				break
			}
			fmt.Println("refused", try, err)
		}
		if i == 6 {
			if err := l.Erase(context.Background(), ledger.Erasure{Subject: "contact2"}); err != nil {
				fmt.Println("refused", err)
			}
		}
	}
	return l.Close()
}

// exitDoubt is how the server ends when the storage is in doubt.
const exitDoubt = 70

// serve appends and erases for the calls of the socket that it was started
// with: "append KEY SUBJECT", answered with the entry's id and whether it was
// there already, or "erase SUBJECT". A hasty one answers first.
func serve(dir string, hasty bool) error {
	l, err := boltlog.Open(dir, boltlog.Options{Doubt: func(error) { os.Exit(exitDoubt) }})
	if err != nil {
		return err
	}
	listener, err := net.FileListener(os.NewFile(3, "socket"))
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				if hasty {
					fmt.Fprintln(conn, "early new")
				}
				answer, err := answerTo(l, strings.Fields(lines.Text()))
				if err != nil {
					return
				}
				if !hasty {
					fmt.Fprintln(conn, answer)
				}
			}
		}()
	}
}

func answerTo(l *boltlog.Log, call []string) (string, error) {
	ctx := context.Background()
	if call[0] == "erase" {
		return "done new", l.Erase(ctx, ledger.Erasure{Subject: call[1]})
	}
	d := of(call[1], call[2])
	d.Body = bodyOf(d.Key)
	as, err := l.Append(ctx, d)
	if err != nil {
		return "", err
	}
	if !as[0].Added {
		return ledger.FormatID(as[0].Entry.ID) + " again", nil
	}
	return ledger.FormatID(as[0].Entry.ID) + " new", nil
}

// send makes calls from eight writers until standard input ends.
func send(address, acks string) error {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	errs := make(chan error)
	for w := range 8 {
		go func() { errs <- (&writer{number: w, address: address, acks: acks}).run(ctx) }()
	}
	var first error
	for range 8 {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// writer makes one call after the other, each until it is answered, and
// writes down the answer.
type writer struct {
	number        int
	address, acks string
	conn          net.Conn
	in            *bufio.Reader
}

func (w *writer) run(ctx context.Context) error {
	f, err := os.OpenFile(filepath.Join(w.acks, fmt.Sprint("acks.", w.number)), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	for i := bytes.Count(b, []byte("\n")); ; i++ { // go on where the last client ended
		call := fmt.Sprintf("append %d.%d %d.%d", w.number, i, w.number, i/20)
		if i%200 == 199 { // which reads all there is
			call = fmt.Sprintf("erase %d.%d", w.number, i/20)
		}
		answer, err := w.call(ctx, call)
		if err != nil {
			return nil // ctx is over
		}
		if _, err := fmt.Fprintln(f, strings.Join(strings.Fields(call)[:2], " "), answer); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
}

// call makes the call again until it is answered.
func (w *writer) call(ctx context.Context, call string) (string, error) {
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if w.conn == nil {
			conn, err := (&net.Dialer{}).DialContext(ctx, "unix", w.address)
			if err != nil {
				return "", err
			}
			context.AfterFunc(ctx, func() { conn.Close() })
			w.conn, w.in = conn, bufio.NewReader(conn)
		}
		fmt.Fprintln(w.conn, call) // an error shows in the answer
		answer, err := w.in.ReadString('\n')
		if err == nil {
			return strings.TrimSpace(answer), nil
		}
		w.conn = nil
	}
}
