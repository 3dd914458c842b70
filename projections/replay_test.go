package projections_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// replay is a log being replayed: each entry is folded by the leads view and
// what it changes is scored, as the planner does.
type replay struct {
	*testing.T
	log    *memlog.Log
	leads  projections.LeadsView
	now    time.Time
	places map[string]ledger.Seq // of events, by id: ids differ from run to run
	out    bytes.Buffer
}

// TestReplay replays the log of an office of 24 contacts over four months and
// holds every score to a file that was written on amd64; make arm64 runs this
// test under qemu as well. A change of the file is a change of what people are
// told: read its diff.
func TestReplay(t *testing.T) {
	data, err := os.ReadFile("testdata/replay.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	m := projections.Meaning{Text: scoring.ReadText, Preferences: scoring.ReadPreferences, Address: scoring.PropertyAddress}
	r := &replay{T: t, places: map[string]ledger.Seq{}}
	r.log = memlog.New(func() time.Time { return r.now })
	runner, stop := start(t, t.TempDir(), r.log, projections.NewLeads(m))
	defer stop()
	r.leads = projections.LeadsView{Runner: runner, Meaning: m}
	for line := range bytes.Lines(data) {
		r.play(line)
	}
	checkReplay(t, "testdata/replay.golden", r.out.Bytes())
	t.Logf("%d entries replayed, %d scores", bytes.Count(data, []byte("\n")), bytes.Count(r.out.Bytes(), []byte("\n")))
}

// play appends one line of the log and scores whom it is about; a tick is
// about everybody.
func (r *replay) play(line []byte) {
	var d struct {
		At   time.Time
		Kind string
		Body json.RawMessage
	}
	if err := json.Unmarshal(line, &d); err != nil {
		r.Fatalf("%v: %s", err, line)
	}
	r.now = d.At
	draft := ledger.Draft{Kind: d.Kind, Location: "loc_1", Occurred: d.At, Body: d.Body}
	if d.Kind == "" {
		ev, err := ghl.ParseEvent(d.Body, "")
		if err != nil {
			r.Fatalf("%v: %s", err, line)
		}
		draft.Kind, draft.Subject, draft.Meta = string(ev.Type), ev.ContactID, ledger.Meta{Scheme: "hmac"}
	}
	e := r.append(draft)
	if draft.Subject != "" {
		r.score(e, draft.Subject)
		return
	}
	for i := range 24 {
		r.score(e, fmt.Sprintf("contact_%02d", i+1))
	}
}

func (r *replay) append(d ledger.Draft) ledger.Entry {
	head, _ := r.log.Head(r.Context())
	d.Key = fmt.Sprint(head.Seq + 1)
	got, err := r.log.Append(r.Context(), d)
	if err != nil {
		r.Fatal(err)
	}
	e := got[0].Entry
	r.places[ledger.FormatID(e.ID)] = e.Seq
	if err := r.leads.Wait(r.Context(), e.Seq); err != nil {
		r.Fatal(err)
	}
	return e
}

// score scores a lead as of e and records it, so that the next score knows the
// tier before.
func (r *replay) score(e ledger.Entry, contact string) {
	lead, ok, err := r.leads.Get(contact)
	if err != nil {
		r.Fatal(err)
	}
	if !ok {
		return
	}
	s := scoring.DefaultCard().Score(lead.Facts).Since(lead.Score)
	r.print(e, contact, s)
	body, err := json.Marshal(struct {
		scoring.Score
		AsOf ledger.Seq `json:"as_of_seq"`
	}{s, e.Seq})
	if err != nil {
		r.Fatal(err)
	}
	r.append(ledger.Draft{Kind: "lead.scored", Subject: contact, Location: "loc_1", Cause: e.ID, Occurred: e.Occurred, Body: body})
}

// print writes a score, and what it is made of where an event is behind it.
func (r *replay) print(e ledger.Entry, contact string, s scoring.Score) {
	fmt.Fprintf(&r.out, "%d %s %.2f %s %s confidence %.2f churn %.2f %s", e.Seq, contact, s.Value, s.Quality, s.Trend, s.Confidence, s.ChurnRisk, s.Actions[0].Code)
	if e.Subject == "" {
		r.out.WriteByte('\n')
		return
	}
	for _, a := range s.Actions[1:] {
		fmt.Fprintf(&r.out, " %s", a.Code)
	}
	for _, reason := range s.Reasons {
		fmt.Fprintf(&r.out, " %s%+.2f@%d", reason.Code, reason.Points, r.places[reason.EventID])
	}
	r.out.WriteByte('\n')
}

func checkReplay(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	gots, wants := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	if len(gots) != len(wants) {
		t.Errorf("%s has %d lines, got %d", file, len(wants), len(gots))
	}
	for i := range min(len(gots), len(wants)) {
		if !bytes.Equal(gots[i], wants[i]) {
			t.Fatalf("%s:%d\n got %s\nwant %s", file, i+1, gots[i], wants[i])
		}
	}
}
