package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// TestDemo tells the whole story: its own checks fail it, and nothing that a
// reader looks for is missing.
func TestDemo(t *testing.T) {
	var out, errw bytes.Buffer
	if code := run(t.Context(), []string{"demo", "--once"}, nil, strings.NewReader(""), &out, &errw); code != 0 {
		t.Fatalf("demo --once ended with %d:\n%s\n%s", code, errw.String(), out.String())
	}
	for _, want := range []string{
		"scored", "delivered", "a duplicate", "FIRST REASON", "NEXT ACTION", "PUT  /contacts/contact_maria",
		"POST /conversations/messages", "needs_investigation", "health", "API",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the demo does not show %q", want)
		}
	}
	if n := strings.Count(out.String(), "\n"); n > 100 {
		t.Errorf("the demo prints %d lines, more than two screens", n)
	}
}

// TestStory holds the story to what it claims: every type of event.
func TestStory(t *testing.T) {
	told := map[ghl.Type]bool{}
	for _, s := range story {
		told[s.kind] = true
	}
	for _, kind := range ghl.SampleTypes() {
		if strings.Contains(string(kind), "cancelled") || kind == "opportunity.deleted" {
			continue // what GoHighLevel has beyond the seed's 14
		}
		if !told[kind] {
			t.Errorf("the story has no %s", kind)
		}
	}
}

// TestDemoInterrupted stops the demo in the middle of its story: that is no
// fault of the story, and nothing stays behind.
func TestDemoInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	t.Setenv("TMPDIR", t.TempDir())
	var errw bytes.Buffer
	if code := run(ctx, []string{"demo"}, nil, strings.NewReader(""), writer(func() { interrupt() }), &errw); code != 0 {
		t.Fatalf("it ended with %d: %s", code, errw.String())
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// writer is told of each write.
type writer func()

func (w writer) Write(p []byte) (int, error) { w(); return len(p), nil }
