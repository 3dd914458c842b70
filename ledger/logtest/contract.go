package logtest

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

func empty(t *testing.T, log ledger.Log) {
	if head, err := log.Head(t.Context()); err != nil || head != (ledger.Cursor{}) {
		t.Errorf("head of an empty log = %v, %v, want zero", head, err)
	}
	if es := Entries(t, log, ledger.Cursor{}); len(es) != 0 {
		t.Errorf("an empty log has entries: %v", es)
	}
	if answers, err := log.Append(t.Context()); len(answers) != 0 || err != nil {
		t.Errorf("append of nothing = %v, %v", answers, err)
	}
}

// whole has every field of a draft set.
func whole() ledger.Draft {
	d := Draft("whole")
	d.Cause[3] = 7
	d.Occurred = time.Date(2026, 2, 3, 4, 5, 6, 789, time.FixedZone("somewhere", 3600))
	d.Meta = ledger.Meta{
		Scheme: "token", Dialect: "workflow", KeyName: "second", Type: "contact.updated",
		Arrived: Start.Add(time.Nanosecond), Through: 12, Conflict: true, Backfill: true,
	}
	return d
}

func roundTrip(t *testing.T, log ledger.Log) {
	big, bare := Draft("big"), ledger.Draft{Kind: "clock.ticked", Key: "bare"}
	big.Body = []byte(strings.Repeat(`{"a":[1,2,3]} `, 10000))
	for _, d := range []ledger.Draft{Draft("one"), whole(), big, bare} {
		a := Append(t, log, d)[0]
		if !a.Added {
			t.Errorf("append %q: added false", d.Key)
		}
		want := d
		want.Occurred, want.Meta.Arrived = d.Occurred.UTC(), d.Meta.Arrived.UTC()
		e, err := ledger.Get(t.Context(), log, a.Entry.ID)
		if err != nil {
			t.Fatalf("get %q: %v", d.Key, err)
		}
		if !reflect.DeepEqual(e.Draft, want) {
			t.Errorf("read %q =\n%+v\nwant\n%+v", d.Key, e.Draft, want)
		}
		if !reflect.DeepEqual(e, a.Entry) {
			t.Errorf("append %q answered\n%+v\nread\n%+v", d.Key, a.Entry, e)
		}
	}
	if err := Sound(Entries(t, log, ledger.Cursor{})); err != nil {
		t.Error(err)
	}
}

func oneEntryAKey(t *testing.T, log ledger.Log) {
	first := Append(t, log, Draft("a"))[0]
	other := Draft("a")
	other.Body = []byte("another body")
	again := Append(t, log, Draft("b"), other, Draft("b"))
	if again[1].Added || !reflect.DeepEqual(again[1].Entry, first.Entry) {
		t.Errorf("second append of a = %+v, want the first entry, not added", again[1])
	}
	if !again[0].Added || again[2].Added || again[2].Entry.Seq != again[0].Entry.Seq {
		t.Errorf("b twice in a call = %+v", again)
	}
	if es := Entries(t, log, ledger.Cursor{}); len(es) != 2 {
		t.Errorf("%d entries, want 2", len(es))
	}
}

func atomicCall(t *testing.T, log ledger.Log) {
	bad := Draft("bad")
	bad.Kind = ""
	if _, err := log.Append(t.Context(), Draft("good"), bad); !errors.Is(err, ledger.ErrDraft) {
		t.Errorf("append with a bad draft: %v, want ErrDraft", err)
	}
	if es := Entries(t, log, ledger.Cursor{}); len(es) != 0 {
		t.Errorf("a refused call left %d entries", len(es))
	}
	as := Append(t, log, Draft("1"), Draft("2"), Draft("3"))
	for i, a := range as {
		if a.Entry.Seq != ledger.Seq(i+1) {
			t.Errorf("draft %d became entry %d", i, a.Entry.Seq)
		}
	}
}

func invalidDrafts(t *testing.T, log ledger.Log) {
	for name, change := range map[string]func(d *ledger.Draft){
		"no kind":         func(d *ledger.Draft) { d.Kind = "" },
		"no key":          func(d *ledger.Draft) { d.Key = "" },
		"a long subject":  func(d *ledger.Draft) { d.Subject = strings.Repeat("s", ledger.MaxName+1) },
		"a long key name": func(d *ledger.Draft) { d.Meta.KeyName = strings.Repeat("s", ledger.MaxName+1) },
		"a huge body":     func(d *ledger.Draft) { d.Body = make([]byte, ledger.MaxBody+1) },
		"year 10000":      func(d *ledger.Draft) { d.Occurred = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"year 0":          func(d *ledger.Draft) { d.Meta.Arrived = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		d := Draft("key")
		change(&d)
		if _, err := log.Append(t.Context(), d); !errors.Is(err, ledger.ErrDraft) {
			t.Errorf("%s: %v, want ErrDraft", name, err)
		}
	}
	for _, year := range []int{1, 9999} {
		d := Draft("year")
		d.Key += string(rune('0' + year%10))
		d.Occurred = time.Date(year, 12, 31, 23, 59, 59, 999999999, time.UTC)
		if got := Append(t, log, d)[0].Entry.Occurred; !got.Equal(d.Occurred) {
			t.Errorf("occurred %v, want %v", got, d.Occurred)
		}
	}
}

func places(t *testing.T, log ledger.Log) {
	as := Append(t, log, Draft("1"), Draft("2"), Draft("3"))
	second := as[1].Entry
	for name, test := range map[string]struct {
		after ledger.Cursor
		want  int
	}{
		"the start":       {ledger.Cursor{}, 3},
		"seq and id":      {second.Cursor(), 1},
		"seq alone":       {ledger.Cursor{Seq: 2}, 1},
		"id alone":        {ledger.Cursor{ID: second.ID}, 1},
		"a later id":      {ledger.Cursor{ID: different()}, 0},
		"the end":         {as[2].Entry.Cursor(), 0},
		"past the end":    {ledger.Cursor{Seq: 9}, 0},
		"an id before it": {ledger.Cursor{ID: [16]byte{1}}, 3},
	} {
		if got := len(Entries(t, log, test.after)); got != test.want {
			t.Errorf("%s: %d entries after %v, want %d", name, got, test.after, test.want)
		}
	}
	for _, foreign := range []ledger.Cursor{{Seq: 2, ID: different()}, {Seq: 9, ID: second.ID}} {
		for _, err := range log.Read(t.Context(), foreign) {
			if !errors.Is(err, ledger.ErrNone) {
				t.Errorf("read after another ledger's cursor %v: %v, want ErrNone", foreign, err)
			}
		}
	}
	if _, err := ledger.Get(t.Context(), log, different()); !errors.Is(err, ledger.ErrNone) {
		t.Errorf("get of an id that is not there: %v, want ErrNone", err)
	}
	if head, _ := log.Head(t.Context()); head != as[2].Entry.Cursor() {
		t.Errorf("head = %v, want %v", head, as[2].Entry.Cursor())
	}
}

func readEnds(t *testing.T, log ledger.Log) {
	Append(t, log, Draft("1"), Draft("2"))
	read := log.Read(t.Context(), ledger.Cursor{})
	n := 0
	for range read {
		Append(t, log, Draft("more"+string(rune('a'+n))))
		n++
	}
	if n != 2 {
		t.Errorf("read while appending gave %d entries, want the 2 that were there", n)
	}
}

func tailWaits(t *testing.T, log ledger.Log) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	Append(t, log, Draft("before"))
	got := make(chan string)
	go func() {
		defer close(got)
		for e, err := range log.Tail(ctx, ledger.Cursor{}) {
			if err != nil {
				return
			}
			got <- e.Key
		}
	}()
	for _, key := range []string{"before", "then", "after that"} {
		if key != "before" {
			Append(t, log, Draft(key))
		}
		if k := <-got; k != key {
			t.Errorf("tail gave %q, want %q", k, key)
		}
	}
	cancel()
	<-got
}

func tailEnds(t *testing.T, log ledger.Log) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	Append(t, log, Draft("1"))
	var last error
	for _, err := range log.Tail(ctx, ledger.Cursor{}) {
		last = err
		cancel()
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("tail ended with %v, want the context's error", last)
	}
}

func closing(t *testing.T, log ledger.Log) {
	Append(t, log, Draft("1"))
	ended := make(chan error, 1)
	go func() {
		var last error
		for _, err := range log.Tail(context.Background(), ledger.Cursor{Seq: 1}) {
			last = err
		}
		ended <- last
	}()
	closeLog(t, log)
	if err := <-ended; !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("tail of a closed log ended with %v, want ErrClosed", err)
	}
	if _, err := log.Append(t.Context(), Draft("2")); !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("append to a closed log: %v, want ErrClosed", err)
	}
	for _, err := range log.Read(t.Context(), ledger.Cursor{}) {
		if !errors.Is(err, ledger.ErrClosed) {
			t.Errorf("read of a closed log: %v, want ErrClosed", err)
		}
	}
	closeLog(t, log) // again is no error
}

func contextOver(t *testing.T, log ledger.Log) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := log.Append(ctx, Draft("1")); !errors.Is(err, context.Canceled) {
		t.Errorf("append with a context that is over: %v", err)
	}
	Append(t, log, Draft("2"))
	var last error
	for _, err := range log.Read(ctx, ledger.Cursor{}) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("read with a context that is over ended with %v", last)
	}
}

func erasing(t *testing.T, log ledger.Log) {
	eraser, ok := log.(ledger.Eraser)
	if !ok {
		t.Skip("this log erases nothing")
	}
	of := func(key, subject string) ledger.Draft {
		d := Draft(key)
		d.Subject = subject
		return d
	}
	step := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	Append(t, log, of("1", "them"), of("2", "others"), of("3", "them"))
	step("erase", eraser.Erase(t.Context(), ledger.Erasure{Subject: "them"}))
	Append(t, log, of("4", "them"), of("5", "others"))
	step("erase again", eraser.Erase(t.Context(), ledger.Erasure{Subject: "them"}))
	for _, want := range []bool{true, false} {
		was, err := eraser.Readmit(t.Context(), "them")
		step("readmit", err)
		if was != want {
			t.Errorf("readmit: erased before %v, want %v", was, want)
		}
	}
	Append(t, log, of("6", "them"))

	erased := map[string]bool{"1": true, "3": true, "4": true}
	es := Entries(t, log, ledger.Cursor{})
	for _, e := range es {
		if e.Erased != erased[e.Key] || (e.Body == nil) != erased[e.Key] {
			t.Errorf("entry %s: erased %v with a body of %d bytes, want erased %v", e.Key, e.Erased, len(e.Body), erased[e.Key])
		}
	}
	if err := Sound(es); err != nil {
		t.Error(err)
	}
	if a := Append(t, log, of("1", "them"))[0]; a.Added || !a.Entry.Erased {
		t.Errorf("append of an erased entry's key = %+v, want that entry", a)
	}
}
