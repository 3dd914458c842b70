// Package logtest is the contract of ledger.Log as tests. A backend calls Run
// from its own tests; what passes may stand in for any other backend.
package logtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
)

// Open makes an empty log whose clock is now. Run closes it.
type Open func(t *testing.T, now func() time.Time) ledger.Log

// Run tests the backend that open makes.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, log ledger.Log)
	}{
		{"an empty log", empty},
		{"an entry is its draft", roundTrip},
		{"a key is one entry", oneEntryAKey},
		{"a call is one", atomicCall},
		{"what is not valid", invalidDrafts},
		{"places to go on from", places},
		{"read ends at the head of its call", readEnds},
		{"tail waits and is woken", tailWaits},
		{"tail ends with its context", tailEnds},
		{"closing", closing},
		{"a context that is over", contextOver},
		{"erasing", erasing},
		{"many at once", manyAtOnce},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := open(t, steady())
			defer closeLog(t, log)
			test.run(t, log)
		})
	}
	t.Run("any interleaving", func(t *testing.T) { interleavings(t, open) })
}

// Start is when the clock of most tests begins.
var Start = time.Date(2026, 1, 10, 15, 30, 0, 0, time.UTC)

// steady is a clock that goes a millisecond at each look.
func steady() func() time.Time {
	n := make(chan int, 1)
	n <- 0
	return func() time.Time {
		i := <-n
		n <- i + 1
		return Start.Add(time.Duration(i) * time.Millisecond)
	}
}

// Draft returns a small draft with the key.
func Draft(key string) ledger.Draft {
	return ledger.Draft{
		Kind: "contact.created", Key: key, Subject: "contact of " + key, Location: "location_1",
		Occurred: Start.Add(-time.Minute), Meta: ledger.Meta{Scheme: "hmac", Dialect: "seed", KeyName: "first"},
		Body: []byte(`{"type":"contact.created","data":{"contact_id":"` + key + `"}}`),
	}
}

func closeLog(t *testing.T, log ledger.Log) {
	t.Helper()
	if err := log.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// Append appends and fails the test if that does not work.
func Append(t testing.TB, log ledger.Appender, ds ...ledger.Draft) []ledger.Appended {
	t.Helper()
	answers, err := log.Append(t.Context(), ds...)
	if err != nil {
		t.Fatalf("append %q: %v", keys(ds), err)
	}
	if len(answers) != len(ds) {
		t.Fatalf("append %q: %d answers, want %d", keys(ds), len(answers), len(ds))
	}
	return answers
}

func keys(ds []ledger.Draft) []string {
	keys := make([]string, len(ds))
	for i, d := range ds {
		keys[i] = d.Key
	}
	return keys
}

// Entries returns what is after the cursor.
func Entries(t testing.TB, log ledger.Reader, after ledger.Cursor) []ledger.Entry {
	t.Helper()
	var es []ledger.Entry
	for e, err := range log.Read(context.Background(), after) {
		if err != nil {
			t.Fatalf("read after %v: %v", after, err)
		}
		es = append(es, e)
	}
	return es
}

// Sound says what is wrong with the order of a whole log's entries.
func Sound(es []ledger.Entry) error {
	var errs []error
	var last ledger.Entry
	seen := map[string]ledger.Seq{}
	for _, e := range es {
		if e.Seq != last.Seq+1 {
			errs = append(errs, fmt.Errorf("entry %d follows %d", e.Seq, last.Seq))
		}
		if e.ID.Compare(last.ID) <= 0 {
			errs = append(errs, fmt.Errorf("entry %d: id %s is not after %s", e.Seq, e.ID, last.ID))
		}
		if e.Prev != last.Hash {
			errs = append(errs, fmt.Errorf("entry %d is not chained to the one before", e.Seq))
		}
		if first, ok := seen[e.Key]; ok {
			errs = append(errs, fmt.Errorf("entries %d and %d have the key %q", first, e.Seq, e.Key))
		}
		seen[e.Key], last = e.Seq, e
	}
	return errors.Join(errs...)
}

// different returns an id that no test makes.
func different() ulid.ULID { return ulid.ULID{0xff, 0xff, 1} }
