package ghlapi_test

import (
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
	"github.com/google/go-cmp/cmp"
)

// TestFieldsAreKept: a location's fields are read once, together by all who
// ask at once, and anew when asked for or when one was made.
func TestFieldsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := ghltest.New(ghltest.Options{Locations: []ghltest.Location{{ID: location, Fields: []ghl.Definition{{Name: "AI Score", DataType: "NUMERICAL"}}}}})
		server.Fault(ghltest.Fault{Latency: time.Second})
		c := client(server)
		var asking sync.WaitGroup
		for range 20 {
			asking.Go(func() {
				if fields, err := c.Fields(t.Context(), location); err != nil || fields["ai_score"].ID == "" {
					t.Errorf("fields = %v, %v", fields, err)
				}
			})
		}
		asking.Wait()
		reads := func() int {
			return len(slices.DeleteFunc(server.Calls(), func(c ghltest.Call) bool { return c.Method != "GET" }))
		}
		if got := reads(); got != 1 {
			t.Errorf("20 asked: %d calls, want 1", got)
		}
		for range 10 {
			if _, err := c.RefreshFields(t.Context(), location); err != nil {
				t.Fatal(err)
			}
		}
		if got := reads(); got != 1 {
			t.Errorf("asked anew at once: %d calls, want still 1", got)
		}
		time.Sleep(time.Minute)
		if _, err := c.RefreshFields(t.Context(), location); err != nil || reads() != 2 {
			t.Errorf("asked anew after a minute: %d calls, %v, want 2", reads(), err)
		}
		if d, err := c.CreateField(t.Context(), location, ghl.Definition{Name: "Pet", DataType: "TEXT"}); err != nil || d.Key != "contact.pet" {
			t.Errorf("created %+v, %v", d, err)
		}
		if fields, err := c.Fields(t.Context(), location); err != nil || fields["pet"].ID == "" {
			t.Errorf("after one was made: %v, %v", fields, err)
		}
	})
}

// records reads all there are.
func records(t *testing.T, seq iter.Seq2[ghl.Record, error]) (ids []string) {
	t.Helper()
	for r, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		if r.Updated.IsZero() || r.ContactID == "" || len(r.Body) == 0 {
			t.Fatalf("record %+v lacks something", r)
		}
		ids = append(ids, r.ID)
	}
	return ids
}

// TestSearches: every record comes once, in order, page by page, through
// faults; since leaves out what did not change.
func TestSearches(t *testing.T) {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, n := range []int{0, 1, 99, 100, 101, 250} {
		synctest.Test(t, func(t *testing.T) {
			at := ghltest.Location{ID: location}
			var want []string
			for i := range n {
				id, when := fmt.Sprintf("id_%03d", i), began.Add(time.Duration(i/3)*time.Hour) // three at a time
				want = append(want, id)
				at.Contacts = append(at.Contacts, ghltest.Contact{ID: id, Added: when, Updated: when})
				at.Opportunities = append(at.Opportunities, ghltest.Opportunity{ID: id, ContactID: "c", CreatedAt: when, UpdatedAt: when})
			}
			server := ghltest.New(ghltest.Options{Locations: []ghltest.Location{at, {ID: "other", Contacts: []ghltest.Contact{{ID: "not ours"}}}}})
			server.Fault(ghltest.Fault{Every: 3, Status: 503})
			c := client(server)
			if diff := cmp.Diff(want, records(t, c.Contacts(t.Context(), location, time.Time{}))); diff != "" {
				t.Errorf("of %d contacts (-want +got):\n%s", n, diff)
			}
			if diff := cmp.Diff(want, records(t, c.Opportunities(t.Context(), location))); diff != "" {
				t.Errorf("of %d opportunities (-want +got):\n%s", n, diff)
			}
			since := began.Add(20 * time.Hour)
			if diff := cmp.Diff(want[min(60, n):], records(t, c.Contacts(t.Context(), location, since)), cmp.Transformer("len", func(s []string) int { return len(s) })); diff != "" {
				t.Errorf("of %d contacts since %v (-want +got):\n%s", n, since, diff)
			}
		})
	}
}

// TestSearchEnds: an error ends a search, and so does a reader that has enough.
func TestSearchEnds(t *testing.T) {
	server := ghltest.New(ghltest.Options{Locations: []ghltest.Location{{ID: location, Contacts: []ghltest.Contact{{ID: "a"}, {ID: "b"}}}}})
	c := client(server)
	for range c.Contacts(t.Context(), location, time.Time{}) {
		break
	}
	server.Fault(ghltest.Fault{Status: 403})
	n := 0
	for r, err := range c.Contacts(t.Context(), location, time.Time{}) {
		if n++; err == nil || r.ID != "" {
			t.Errorf("record %+v, err %v, want an error alone", r, err)
		}
	}
	if n != 1 {
		t.Errorf("%d turns of the loop, want 1", n)
	}
}

func TestNames(t *testing.T) {
	want := ghltest.Location{
		ID:          location,
		Pipelines:   []ghltest.Pipeline{{Named: ghltest.Named{ID: "p1", Name: "Buyers"}, Stages: []ghltest.Named{{ID: "s1", Name: "New"}}}},
		LostReasons: []ghltest.Named{{ID: "r1", Name: "Price"}},
		Calendars:   []ghltest.Named{{ID: "k1", Name: "Tours"}},
		Workflows:   []ghltest.Named{{ID: "w1", Name: "Welcome"}},
	}
	c := client(ghltest.New(ghltest.Options{Locations: []ghltest.Location{want}}))
	pipelines, err1 := c.Pipelines(t.Context(), location)
	reasons, err2 := c.LostReasons(t.Context(), location)
	calendars, err3 := c.Calendars(t.Context(), location)
	workflows, err4 := c.Workflows(t.Context(), location)
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(pipelines) != 1 || pipelines[0].Name != "Buyers" || len(pipelines[0].Stages) != 1 || pipelines[0].Stages[0].Name != "New" {
		t.Errorf("pipelines = %+v", pipelines)
	}
	for name, got := range map[string][]ghl.Named{"Price": reasons, "Tours": calendars, "Welcome": workflows} {
		if len(got) != 1 || got[0].Name != name {
			t.Errorf("got %+v, want %s", got, name)
		}
	}
}
