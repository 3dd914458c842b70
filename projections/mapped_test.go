package projections_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// To open a view that was closed in order, and to read all leads of it for an
// export, takes little of its file into the memory of the process.
func TestViewsMapLittle(t *testing.T) {
	log, dir := memlog.New(time.Now), t.TempDir()
	office(t, log, 20_000)
	head, _ := log.Head(t.Context())
	open := func() (v projections.LeadsView, end func()) {
		r, err := projections.NewRunner(dir, log, projections.Options{Logger: quiet.Logger}, projections.NewLeads(meaning))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		if err := r.Wait(ctx, projections.LeadsName, head.Seq); err != nil {
			t.Fatal(err)
		}
		return projections.LeadsView{Runner: r, Meaning: meaning}, func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	_, end := open()
	end()
	size := 0
	files, _ := filepath.Glob(filepath.Join(dir, "leads@*"))
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		size += int(info.Size())
	}
	little := func(what string, before int) {
		t.Helper()
		if grown := mappedBytes(t) - before; grown > size/2 {
			t.Errorf("%s: %d bytes of files are mapped more than before, of a view of %d", what, grown, size)
		}
	}
	before := mappedBytes(t)
	v, end := open()
	defer end()
	little("opened", before)
	before = mappedBytes(t)
	for _, until := range []ledger.Seq{head.Seq, head.Seq - 1} {
		past, err := v.At(t.Context(), until, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		little("as of then", before)
		n := 0
		if err := past.Each(t.Context(), func(projections.Lead) error { n++; return nil }); err != nil || n != 2000 {
			t.Fatal(n, err)
		}
		little("all read", before)
		if err := past.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// mappedBytes is how much of mapped files counts as memory of this process.
func mappedBytes(t *testing.T) int {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(raw) {
		if f := bytes.Fields(line); len(f) > 1 && string(f[0]) == "RssFile:" {
			kb, err := strconv.Atoi(string(f[1]))
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("no RssFile in /proc/self/status")
	return 0
}
