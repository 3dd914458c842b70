package ghl_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

func FuzzSeed(f *testing.F)     { fuzzDialect(f, ghl.Seed) }
func FuzzFlat(f *testing.F)     { fuzzDialect(f, ghl.Flat) }
func FuzzGuide(f *testing.F)    { fuzzDialect(f, ghl.Guide) }
func FuzzWorkflow(f *testing.F) { fuzzDialect(f, ghl.Workflow) }

// fuzzDialect begins with the fixtures of one dialect. Whatever is sent, there
// is an event or all its faults, the same each time, and nothing in it breaks a
// path, a key or a log line.
func fuzzDialect(f *testing.F, d ghl.Dialect) {
	for _, fix := range fixtures(f) {
		if fix.dialect == string(d) {
			f.Add(fix.body, fix.hint())
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, hint string) {
		before := string(body)
		ev, err := ghl.ParseEvent(body, hint)
		again, errAgain := ghl.ParseEvent(body, hint)
		if !reflect.DeepEqual(ev, again) || !reflect.DeepEqual(err, errAgain) {
			t.Fatalf("two answers to %q: %+v (%v), %+v (%v)", body, ev, err, again, errAgain)
		}
		if string(body) != before {
			t.Fatalf("the body was changed")
		}
		checkKey(t, ghl.DeliveryKey(ev, body))
		if err != nil {
			checkFaults(t, err)
			return
		}
		checkEvent(t, ev)
	})
}

// checkKey holds what the ledger asks of a key, and a line of the log of it.
func checkKey(t *testing.T, key string) {
	t.Helper()
	if len(key) == 0 || len(key) > 512 || strings.ContainsAny(key, "\r\n\x00") || !utf8.ValidString(key) {
		t.Fatalf("key %q", key)
	}
}

func checkFaults(t *testing.T, err error) {
	t.Helper()
	var invalid *ghl.InvalidError
	if !errors.As(err, &invalid) || len(invalid.Fields) == 0 {
		t.Fatalf("error %v, want an *InvalidError with its faults", err)
	}
	for place := range invalid.Fields {
		if place == "" || len(place) > 300 || strings.ContainsAny(place, "\r\n\x00") || !utf8.ValidString(place) {
			t.Fatalf("fault at %q", place)
		}
	}
}

func checkEvent(t *testing.T, ev ghl.Event) {
	t.Helper()
	for _, id := range []string{string(ev.Type), ev.ID, ev.AppID, ev.LocationID, ev.ContactID} {
		if len(id) > 256 || strings.ContainsAny(id, "\r\n\x00") {
			t.Fatalf("identifier %q in %+v", id, ev)
		}
	}
	email := ev.Dialect != ghl.Seed && ev.Campaign != nil && ev.Address != ""
	if ev.Type.Known() && ev.ContactID == "" && !email {
		t.Fatalf("%s without a contact: %+v", ev.Type, ev)
	}
	if ev.Type == "" || !ev.Type.Known() && !strings.HasPrefix(string(ev.Type), "unknown.") {
		t.Fatalf("type %q", ev.Type)
	}
	if ev.Time.Location() != time.UTC {
		t.Fatalf("time %v is not UTC", ev.Time)
	}
}
