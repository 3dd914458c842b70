package handlers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/export"
)

// leadsAt has the leads folded anew for each export.
type leadsAt struct{ log ledger.Reader }

func (l leadsAt) At(ctx context.Context, until ledger.Seq, dir string) (*projections.Past, error) {
	return projections.FoldLeads(ctx, l.log, projections.Meaning{}, until, dir)
}

// exporting is a door with exports, of a ledger as read sees it.
func exporting(t *testing.T, read func(ledger.Reader) ledger.Reader) *door {
	return open(t, func(d *handlers.Deps) {
		d.Export = &export.Exporter{Log: read(d.Log), Leads: leadsAt{d.Log}, Key: make([]byte, 32), Dir: t.TempDir()}
	})
}

func asItIs(r ledger.Reader) ledger.Reader { return r }

// TestExport: every dataset and format comes whole, with a trailer that says
// so; what is personal is asked for, and audited, once.
func TestExport(t *testing.T) {
	d := exporting(t, asItIs)
	d.signed(created)
	for _, dataset := range export.Datasets() {
		for _, format := range export.Formats {
			path := fmt.Sprintf("/api/v1/export?dataset=%s&format=%s", dataset, format)
			if got := d.get(path); got.status != 200 || got.header.Get("Content-Type") != format.MediaType() || strings.Contains(got.text, "contact_1\"") {
				t.Errorf("%s: %d %s", path, got.status, got.header.Get("Content-Type"))
			}
			if again := d.get(path); again.text != d.get(path).text {
				t.Errorf("%s has other bytes the second time", path)
			}
		}
	}
	before := len(d.entries())
	resp, err := http.DefaultClient.Do(d.request("GET", "/api/v1/export?dataset=events&pii=true", "", "Authorization", "Bearer "+analystToken))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	var s export.Summary
	if err != nil || json.Unmarshal([]byte(resp.Trailer.Get(handlers.SummaryTrailer)), &s) != nil || s.Rows != int64(before) || s.Personal != "included" {
		t.Errorf("%v: %+v, want %d rows", err, s, before)
	}
	if !strings.Contains(string(b), "contact_") || strings.Count(string(b), "\n") != before {
		t.Errorf("with personal data: %s", b)
	}
	if kinds := d.kinds(); len(kinds) != before+1 || kinds[before] != "audit.export" {
		t.Errorf("entries are %v, want one audit.export more", kinds)
	}
}

// TestExportNext: an export that ends before the newest entry says which one
// comes after it, so that whoever goes day by day need not ask.
func TestExportNext(t *testing.T) {
	d := exporting(t, asItIs)
	for i := range 3 {
		if _, err := d.log.Append(t.Context(), ledger.Draft{Kind: "unknown.x", Key: fmt.Sprint(i), Body: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	entries := d.entries()
	last := len(entries) - 1
	for _, tt := range []struct{ until, want string }{
		{"&until=" + ledger.FormatID(entries[0].ID), ledger.FormatID(entries[1].ID)},
		{"&until=" + ledger.FormatID(entries[last].ID), ""},
		{"", ""},
	} {
		got := d.get("/api/v1/export?dataset=events" + tt.until)
		if _, told := got.header[handlers.NextHeader]; got.status != 200 || got.header.Get(handlers.NextHeader) != tt.want || told != (tt.until != "") {
			t.Errorf("%s: %d, %q comes next (told %v), want %q", tt.until, got.status, got.header.Get(handlers.NextHeader), told, tt.want)
		}
	}
}

func TestExportRefused(t *testing.T) {
	d := exporting(t, asItIs)
	for _, q := range []string{"", "dataset=people", "dataset=events&format=xlsx", "dataset=events&after=x", "dataset=events&until=x", "dataset=events&after=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "dataset=events&pii=1", "dataset=events&formt=csv"} {
		if got := d.get("/api/v1/export?" + q); got.status != 400 || got.at("code") != "bad_parameter" {
			t.Errorf("%s: %d %s", q, got.status, got.text)
		}
	}
	if got := open(t).get("/api/v1/export?dataset=events"); got.status != 501 {
		t.Errorf("without an exporter: %d", got.status)
	}
}

// torn is a ledger of which the last entries cannot be read.
type torn struct {
	ledger.Reader
	sound int
}

func (r torn) Read(ctx context.Context, after ledger.Cursor) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		n := 0
		for e, err := range r.Reader.Read(ctx, after) {
			if n++; n > r.sound && after.Seq == 0 {
				yield(e, fmt.Errorf("%w: %d", ledger.ErrCorrupt, e.Seq))
				return
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// TestExportCut: what fails before a byte went out is a refusal; what fails
// later ends the connection, so that nobody takes half for whole.
func TestExportCut(t *testing.T) {
	for _, tt := range []struct {
		sound int
		cut   bool
	}{{1, false}, {700, true}} {
		d := exporting(t, func(r ledger.Reader) ledger.Reader { return torn{r, tt.sound} })
		for i := range 800 {
			_, err := d.log.Append(t.Context(), ledger.Draft{Kind: "unknown.x", Key: fmt.Sprint(i), Body: []byte("{}")})
			if err != nil {
				t.Fatal(err)
			}
		}
		resp, err := http.DefaultClient.Do(d.request("GET", "/api/v1/export?dataset=events", "", "Authorization", "Bearer "+adminToken))
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if cut := errors.Is(err, io.ErrUnexpectedEOF); cut != tt.cut || !cut && (resp.StatusCode != 500 || resp.Header.Get("Trailer") != "") {
			t.Errorf("torn after %d: %d, %v; want cut %v", tt.sound, resp.StatusCode, err, tt.cut)
		}
	}
}
