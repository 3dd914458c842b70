package export_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/export"
)

// mostMemory is what an export may hold, in megabytes, pages of files that it
// has mapped included.
const mostMemory = 300

// TestExportRate exports each dataset of a large ledger in a process of its
// own, and says how much memory it held and how fast it was against a bare read
// of the ledger in such a process. GHL_LEDGER_EXPORT_EVENTS says how large, and
// GHL_LEDGER_EXPORT_DATASETS which, as training or
// training/csv, with a comma between; all if it is empty.
func TestExportRate(t *testing.T) {
	if dir := os.Getenv("GHL_LEDGER_EXPORT_CHILD"); dir != "" {
		child(t, dir)
		return
	}
	events, _ := strconv.Atoi(os.Getenv("GHL_LEDGER_EXPORT_EVENTS"))
	if events == 0 {
		t.Skip("make export-bench runs this")
	}
	dir := t.TempDir()
	fill(t, dir, events)
	bare := measured(t, dir, "read", "")
	t.Logf("%-8s %-7s %7.1f s  %9.0f entries/s  resident %4d MB, of it anonymous %4d MB", "read", "", bare.seconds, float64(events)/bare.seconds, bare.all, bare.anonymous)
	for _, dataset := range export.Datasets() {
		for _, format := range export.Formats {
			if only := os.Getenv("GHL_LEDGER_EXPORT_DATASETS"); only != "" && !slices.Contains(strings.Split(only, ","), dataset) && !slices.Contains(strings.Split(only, ","), dataset+"/"+string(format)) {
				continue
			}
			m := measured(t, dir, dataset, string(format))
			t.Logf("%-8s %-7s %7.1f s  1/%-5.1f of the bare read  resident %4d MB, of it anonymous %4d MB  %d rows", dataset, format, m.seconds, m.seconds/bare.seconds, m.all, m.anonymous, m.rows)
			if m.all > mostMemory {
				t.Errorf("%s as %s held %d MB, want at most %d", dataset, format, m.all, mostMemory)
			}
		}
	}
}

type measure struct {
	seconds        float64
	anonymous, all int // megabytes, at the most
	rows           int64
}

func measured(t *testing.T, dir, dataset, format string) (m measure) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestExportRate$", "-test.v")
	cmd.Env = append(os.Environ(), "GHL_LEDGER_EXPORT_CHILD="+dir, "GHL_LEDGER_EXPORT_WHAT="+dataset+" "+format, "GOMEMLIMIT=250MiB")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", dataset, format, err, out)
	}
	for line := range strings.Lines(string(out)) {
		if _, err := fmt.Sscanf(line, "measured %g %d %d %d", &m.seconds, &m.anonymous, &m.all, &m.rows); err == nil {
			return m
		}
	}
	t.Fatalf("%s %s measured nothing:\n%s", dataset, format, out)
	return m
}

// child exports once and prints what that took.
func child(t *testing.T, dir string) {
	log, runner := opened(t, dir)
	x, err := export.New(dir, log, projections.LeadsView{Runner: runner})
	if err != nil {
		t.Fatal(err)
	}
	done, stopped := make(chan struct{}), make(chan int)
	go watchMemory(done, stopped)
	start := time.Now()
	var s export.Summary
	dataset, format, _ := strings.Cut(os.Getenv("GHL_LEDGER_EXPORT_WHAT"), " ")
	if dataset == "read" {
		for e, err := range log.Read(t.Context(), ledger.Cursor{}) {
			if err != nil {
				t.Fatal(err)
			}
			s.Rows += int64(min(1, e.Seq))
		}
	} else if s, err = (export.Local{Exporter: x}).Export(t.Context(), export.Request{Dataset: dataset, Format: export.Format(format), PII: true}, io.Discard); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	close(done)
	anonymous := <-stopped
	fmt.Printf("measured %g %d %d %d\n", took.Seconds(), anonymous, status("VmHWM:"), s.Rows)
}

// watchMemory sends the most anonymous memory that it saw.
func watchMemory(done <-chan struct{}, most chan<- int) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	seen := 0
	for {
		seen = max(seen, status("RssAnon:"))
		select {
		case <-tick.C:
		case <-done:
			most <- seen
			return
		}
	}
}

// status is a figure of /proc/self/status, in megabytes.
func status(name string) int {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if fields := strings.Fields(s.Text()); len(fields) > 1 && fields[0] == name {
			kb, _ := strconv.Atoi(fields[1])
			return kb >> 10
		}
	}
	return 0
}

// opened is the ledger in dir, with a leads view that follows it.
func opened(t *testing.T, dir string) (*boltlog.Log, *projections.Runner) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	log, err := boltlog.Open(dir, boltlog.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	runner, err := projections.NewRunner(filepath.Join(dir, "views"), log, projections.Options{Logger: quiet}, projections.NewLeads(projections.Meaning{}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- runner.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, runner.Close(), log.Close()); err != nil {
			t.Error(err)
		}
	})
	return log, runner
}

// fill appends what an office hears in years, and has the leads view fold it.
func fill(t *testing.T, dir string, events int) {
	t.Run("fill", func(t *testing.T) {
		log, runner := opened(t, dir)
		r := rand.New(rand.NewPCG(1, 2))
		var batch []ledger.Draft
		for n := range events {
			batch = append(batch, someEvent(r, n, events/20))
			if len(batch) == 2000 || n == events-1 {
				if _, err := log.Append(t.Context(), batch...); err != nil {
					t.Fatal(err)
				}
				batch = batch[:0]
			}
		}
		if err := runner.Wait(t.Context(), projections.LeadsName, ledger.Seq(events)); err != nil {
			t.Fatal(err)
		}
	})
}

// someEvent is the nth event of an office of so many leads.
func someEvent(r *rand.Rand, n, leads int) ledger.Draft {
	contact := fmt.Sprintf("contact_%d", r.IntN(leads+1))
	kind, data := "message.received", fmt.Sprintf(`"message_id":"m%d","channel":"sms","content":"Could we see the house on Heron Lane on Saturday? Our budget is up to $%d00k."`, n, 3+r.IntN(5))
	switch r.IntN(20) {
	case 0, 1, 2:
		kind, data = "contact.updated", fmt.Sprintf(`"first_name":"Ann","last_name":"Lee","email":"%s@example.com","phone":"+15550%06d","source":"Zillow"`, contact, n%1e6)
	case 3:
		kind, data = "opportunity.created", fmt.Sprintf(`"opportunity_id":"o%s","name":"12 Heron Lane","value":480000`, contact)
	case 4:
		kind, data = "opportunity.won", fmt.Sprintf(`"opportunity_id":"o%s","final_price":475000`, contact)
	case 5, 6:
		kind, data = "appointment.scheduled", fmt.Sprintf(`"appointment_id":"a%d","appointment_date":"2026-02-03T10:00:00Z"`, n)
	}
	at := time.Now().UTC()
	if r.IntN(4) == 0 {
		return ledger.Draft{Kind: "lead.scored", Key: fmt.Sprint("score:", n), Subject: contact, Location: "loc_1", Occurred: at,
			Body: fmt.Appendf(nil, `{"score":%d.25,"confidence":0.2,"confidence_basis":"evidence_coverage","quality":"warm","churn_risk":0.125,"reasons":[{"code":"FIT","points":7.25,"text":"x"}],"recommended_actions":[{"action":"Call now","code":"call_now"}],"trend":"first","model_id":"m1","as_of_seq":%d}`, r.IntN(100), n)}
	}
	return ledger.Draft{Kind: kind, Key: fmt.Sprint("wh:", n), Subject: contact, Location: "loc_1", Occurred: at, Meta: ledger.Meta{Scheme: "hmac", Dialect: "seed"},
		Body: fmt.Appendf(nil, `{"type":%q,"data":{"contact_id":%q,%s}}`, kind, contact, data)}
}
