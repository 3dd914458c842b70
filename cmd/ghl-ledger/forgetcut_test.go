package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// life is a ledger with its views between a start and a kill.
type life struct {
	t          *testing.T
	log        *boltlog.Log
	forgetting *forgetting
	end        func()
}

// live opens dir; at end only what is on disk is left to the next life.
func live(t *testing.T, dir string) *life {
	t.Helper()
	log, err := boltlog.Open(dir, boltlog.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	runner, err := openViews(dir, log, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	return &life{t, log, newForgetting(log, runner, dir), func() {
		cancel()
		for _, err := range []error{<-ended, runner.Close(), log.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	}}
}

func (l *life) append(kind, contact, body string, n int) {
	l.t.Helper()
	drafts := make([]ledger.Draft, n)
	for i := range drafts {
		drafts[i] = ledger.Draft{Kind: kind, Key: fmt.Sprintf("%s:%s:%d", kind, contact, i), Subject: contact, Body: []byte(body)}
	}
	if _, err := l.log.Append(l.t.Context(), drafts...); err != nil {
		l.t.Fatal(err)
	}
}

// errCut stands for whatever ends an erasure early.
var errCut = errors.New("cut off")

// ask has an erasure cut off after it was asked for.
func (l *life) ask(contact string) {
	l.t.Helper()
	err := l.forgetting.Forget(l.t.Context(), func(context.Context) ([]projections.Lead, error) {
		l.append(projections.KindForgotten, contact, `{"details":{}}`, 1)
		return nil, errCut
	})
	if !errors.Is(err, errCut) {
		l.t.Fatal(err)
	}
}

// forget asks for an erasure, does what comes meanwhile, and has it done.
func (l *life) forget(contact string, meanwhile ...func()) {
	l.t.Helper()
	err := l.forgetting.Forget(l.t.Context(), func(context.Context) ([]projections.Lead, error) {
		l.append(projections.KindForgotten, contact, `{"details":{}}`, 1)
		for _, do := range meanwhile {
			do()
		}
		return []projections.Lead{{ContactID: contact}}, nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// readmit returns whether the contact was forgotten, as whoever records it is told.
func (l *life) readmit(contact string) (was bool) {
	l.t.Helper()
	err := l.forgetting.Readmit(l.t.Context(), contact, func(_ context.Context, forgotten bool) error {
		was = forgotten
		l.append(projections.KindReadmitted, contact, "{}", 1)
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return was
}

func (l *life) finish() {
	l.t.Helper()
	if err := l.forgetting.finish(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
}

// readable are the contacts whose bodies can still be read.
func (l *life) readable() (contacts string) {
	l.t.Helper()
	for e, err := range l.log.Read(l.t.Context(), ledger.Cursor{}) {
		if err != nil {
			l.t.Fatal(err)
		}
		if e.Kind == "contact.created" && !e.Erased {
			contacts += e.Subject
		}
	}
	return contacts
}

// TestForgetCutOff: whatever was asked for and not done when the service ended
// is done by the next start, and the mark stands for as long as that is owed.
func TestForgetCutOff(t *testing.T) {
	for _, tt := range []struct {
		name   string
		do     func(l *life)
		owed   bool // the mark is left
		before string
		after  string
	}{
		{"nothing", func(*life) {}, false, "abc", "abc"},
		{"one done", func(l *life) { l.forget("a") }, false, "bc", "bc"},
		{"one asked for", func(l *life) { l.ask("a") }, true, "abc", "bc"},
		{"two asked for, one done", func(l *life) { l.ask("b"); l.forget("a") }, true, "bc", "c"},
		{"another asked for meanwhile", func(l *life) { l.forget("a", func() { l.ask("b") }) }, true, "bc", "c"},
		{"two done", func(l *life) {
			l.forget("a", func() { l.forget("b") }, func() {
				if _, err := os.Stat(l.forgetting.mark); err != nil {
					l.t.Errorf("the first is owed, and the mark is gone with the second: %v", err)
				}
			})
		}, false, "c", "c"},
		{"one readmitted since", func(l *life) { l.ask("a"); l.readmit("b") }, false, "bc", "bc"},
		{"one asked for long ago", func(l *life) {
			l.ask("a")
			for range 3 {
				l.append("message.received", fmt.Sprint("x", l.head()), "{}", 4_000)
			}
			l.forget("b")
		}, true, "ac", "c"},
		{"one never recorded", func(l *life) {
			cut := func(context.Context) ([]projections.Lead, error) { return nil, errCut }
			if err := l.forgetting.Forget(l.t.Context(), cut); !errors.Is(err, errCut) {
				l.t.Fatal(err)
			}
		}, true, "abc", "abc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			l := live(t, dir)
			for _, contact := range []string{"a", "b", "c"} {
				l.append("contact.created", contact, `{"type":"contact.created","data":{}}`, 1)
			}
			tt.do(l)
			if got := l.readable(); got != tt.before {
				t.Errorf("before the stop %q can be read, want %q", got, tt.before)
			}
			l.end()
			l = live(t, dir)
			if l.forgetting.unfinished != tt.owed {
				t.Errorf("the next start finds something to do: %t, want %t", l.forgetting.unfinished, tt.owed)
			}
			l.finish()
			if got := l.readable(); got != tt.after {
				t.Errorf("after the next start %q can be read, want %q", got, tt.after)
			}
			l.end()
			if again := live(t, dir); again.forgetting.unfinished {
				t.Error("the start after that has something to do again")
			} else {
				again.end()
			}
		})
	}
}

// TestReadmitAfterCutOff: what was asked for before is done before a contact is
// readmitted, whether it failed in this life or was cut off in an earlier one, also
// by who is quicker than the start.
func TestReadmitAfterCutOff(t *testing.T) {
	for name, restart := range map[string]bool{"failed": false, "cut off": true} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			l := live(t, dir)
			l.append("contact.created", "a", `{"type":"contact.created","data":{}}`, 1)
			l.ask("a")
			if restart {
				l.end()
				l = live(t, dir)
			}
			if !l.readmit("a") {
				t.Error("it was not forgotten before")
			}
			if got := l.readable(); got != "" {
				t.Errorf("%q can be read, want what was asked for to be done", got)
			}
			l.append("contact.updated", "a", `{"type":"contact.updated","data":{}}`, 1)
			l.end()
			l = live(t, dir)
			l.finish()
			l.keeps("a")
			l.end()
		})
	}
}

// TestReadmitMeanwhile: a contact is readmitted while it is being forgotten: whatever
// the order, ledger and views agree about it.
func TestReadmitMeanwhile(t *testing.T) {
	l := live(t, filepath.Join(t.TempDir(), "data"))
	l.append("contact.created", "a", `{"type":"contact.created","data":{}}`, 1)
	begun, readmitted := make(chan struct{}), make(chan struct{})
	l.forget("a", func() {
		go func() {
			defer close(readmitted)
			close(begun)
			if !l.readmit("a") {
				t.Error("readmitted before it was forgotten")
			}
		}()
		<-begun
	})
	<-readmitted
	l.keeps("a")
	l.end()
}

// TestReadmitEnds: whoever waits for a turn waits no longer than his context.
func TestReadmitEnds(t *testing.T) {
	l := live(t, filepath.Join(t.TempDir(), "data"))
	l.append("contact.created", "a", `{"type":"contact.created","data":{}}`, 1)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	l.forget("a", func() {
		err := l.forgetting.Readmit(over, "a", func(context.Context, bool) error { return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a readmission whose context is over: %v", err)
		}
	})
	l.end()
}

// keeps says whether what comes about a contact is kept, and was since.
func (l *life) keeps(contact string) {
	l.t.Helper()
	l.append("contact.updated", contact, `{"type":"contact.updated","data":{"first_name":"Ann"}}`, 2)
	for e, err := range l.log.Read(l.t.Context(), ledger.Cursor{}) {
		if err != nil || e.Kind == "contact.updated" && e.Erased {
			l.t.Errorf("what came after the readmission: %+v, %v, want it kept", e, err)
		}
	}
}

func (l *life) head() ledger.Seq {
	head, err := l.log.Head(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return head.Seq
}
