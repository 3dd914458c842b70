package export_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"github.com/enterprisehub/ghl-ledger/projections/export"
	"github.com/oklog/ulid/v2"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"
)

// TestSameBytes: an export does not change, neither by being made again nor by
// what comes later in the ledger.
func TestSameBytes(t *testing.T) {
	o := newOffice(t)
	for i := range 12 {
		o.week(fmt.Sprintf("contact_%d", i))
	}
	head, err := o.log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := map[export.Request][]byte{}
	everything(func(r export.Request) {
		r.Until = head.ID
		first[r], _ = o.export(r)
	})
	o.event("contact.updated", "contact_3", `,"first_name":"Later","email":"later@example.com"`)
	o.week("contact_later")
	for r, want := range first {
		if got, _ := o.export(r); !bytes.Equal(got, want) {
			t.Errorf("%s %s pii=%v: %d bytes the second time, %d the first, or others", r.Dataset, r.Format, r.PII, len(got), len(want))
		}
	}
}

// TestRowsAgree: the three formats have the same values, of the types of the
// dictionary, and as many rows as the summary says.
func TestRowsAgree(t *testing.T) {
	o := newOffice(t)
	for i := range 5 {
		o.week(fmt.Sprintf("contact_%d", i))
	}
	for _, dataset := range export.Datasets() {
		lines, s := o.export(export.Request{Dataset: dataset, Format: export.JSONL, PII: true})
		table, _ := o.export(export.Request{Dataset: dataset, Format: export.CSV, PII: true})
		file, _ := o.export(export.Request{Dataset: dataset, Format: export.Parquet, PII: true})
		records, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", dataset, err)
		}
		rows := parquetRows(t, dataset, file)
		texts := bytes.Split(bytes.TrimSuffix(lines, []byte("\n")), []byte("\n"))
		if s.Rows == 0 || len(texts) != int(s.Rows) || len(records) != int(s.Rows)+1 || len(rows) != int(s.Rows) {
			t.Fatalf("%s: %d lines, %d records, %d Parquet rows, the summary says %d", dataset, len(texts), len(records), len(rows), s.Rows)
		}
		for i := range rows {
			agree(t, dataset, texts[i], records[i+1], rows[i])
		}
	}
}

// parquetRows reads a file by parquet-go's own reader, and its types.
func parquetRows(t *testing.T, dataset string, file []byte) []parquet.Row {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatalf("%s: %v", dataset, err)
	}
	for i, field := range f.Schema().Fields() {
		c := export.Columns(dataset)[i]
		want := map[export.Type]string{export.Integer: "INT(64,true)", export.Float: "DOUBLE", export.Boolean: "BOOLEAN", export.Text: "STRING", export.Timestamp: "TIMESTAMP(isAdjustedToUTC=true,unit=MICROS)"}[c.Type]
		if field.Name() != c.Name || field.Type().String() != want || field.Optional() != c.Nulls {
			t.Errorf("%s.%s is %s (optional %v), the dictionary says %s %s (nulls %v)", dataset, field.Name(), field.Type(), field.Optional(), c.Name, c.Type, c.Nulls)
		}
	}
	var all []parquet.Row
	for _, g := range f.RowGroups() {
		rows := g.Rows()
		buf := make([]parquet.Row, 64)
		for {
			n, err := rows.ReadRows(buf)
			for _, r := range buf[:n] {
				all = append(all, r.Clone())
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		_ = rows.Close()
	}
	return all
}

func agree(t *testing.T, dataset string, line []byte, record []string, row parquet.Row) {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(line, &m); err != nil {
		t.Fatalf("%s: %v: %s", dataset, err, line)
	}
	for i, c := range export.Columns(dataset) {
		inJSON, ok := m[c.Name]
		got := row[i]
		if !ok || (inJSON == nil) != got.IsNull() {
			t.Errorf("%s.%s: %v in JSON, %v in Parquet", dataset, c.Name, inJSON, got)
			continue
		}
		text := ""
		switch {
		case got.IsNull():
		case c.Type == export.Timestamp:
			text = time.UnixMicro(got.Int64()).UTC().Format("2006-01-02T15:04:05.000000Z")
		case c.Type == export.Float:
			text = fmt.Sprint(got.Double())
			inJSON, record[i] = fmt.Sprint(inJSON), fmt.Sprint(inJSON)
		case c.Type == export.Text:
			text = string(got.ByteArray())
		default:
			text = got.String()
			if n, ok := inJSON.(float64); ok {
				inJSON = fmt.Sprintf("%.0f", n)
			}
		}
		if inJSON != nil && fmt.Sprint(inJSON) != text || strings.TrimPrefix(record[i], "'") != strings.ReplaceAll(text, "\r\n", "\n") {
			t.Errorf("%s.%s: %v in JSON, %q in CSV, %q in Parquet", dataset, c.Name, inJSON, record[i], text)
		}
	}
}

// TestPseudonyms: without personal data nothing of a person is in any export;
// one person has one pseudonym everywhere.
func TestPseudonyms(t *testing.T) {
	o := newOffice(t)
	o.week("contact_secret")
	for _, dataset := range export.Datasets() {
		for _, format := range []export.Format{export.JSONL, export.CSV} {
			b, _ := o.export(export.Request{Dataset: dataset, Format: format})
			for _, text := range []string{"contact_secret", "xample.com", "555-0100", "Zoë", "Quill", "vip", "calc", "wh:1", `"o1"`} {
				if bytes.Contains(b, []byte(text)) {
					t.Errorf("%s as %s has %q", dataset, format, text)
				}
			}
		}
	}
	of := map[string]bool{}
	for _, dataset := range export.Datasets() {
		b, _ := o.export(export.Request{Dataset: dataset, Format: export.JSONL})
		for line := range bytes.Lines(b) {
			var row struct {
				Contact *string `json:"contact_id"`
			}
			if err := json.Unmarshal(line, &row); err != nil {
				t.Fatal(err)
			}
			if row.Contact != nil {
				of[*row.Contact] = true
			}
		}
	}
	if len(of) != 1 {
		t.Errorf("one person has the pseudonyms %v", of)
	}
}

// TestModelsNamed: a score says which model made it, and which one the risk of
// churn: two models that come and go apart.
func TestModelsNamed(t *testing.T) {
	o := newOffice(t)
	o.week("contact_1")
	for _, dataset := range []string{"scores", "leads"} {
		b, _ := o.export(export.Request{Dataset: dataset, Format: export.JSONL})
		var row struct {
			Model string `json:"model_id"`
			Churn string `json:"churn_model_id"`
		}
		if err := json.Unmarshal(b, &row); err != nil || row.Model != "m1" || row.Churn != "c1" {
			t.Errorf("%s: %v, scored by %q and %q, want m1 and c1", dataset, err, row.Model, row.Churn)
		}
	}
}

// TestErased: after an erasure nothing of the person is in any export, even
// with personal data; events go on without a gap, and the summary counts it.
func TestErased(t *testing.T) {
	o := newOffice(t)
	o.week("contact_gone")
	o.event("message.received", "contact_gone", `,"message_id":"m2","content":"Only Gone Lane"`)
	o.week("contact_stays")
	o.add("audit.leads.forget", "contact_gone", `{}`)
	if err := o.log.Erase(t.Context(), ledger.Erasure{Subject: "contact_gone"}); err != nil {
		t.Fatal(err)
	}
	everything(func(r export.Request) {
		b, s := o.export(r)
		for _, text := range []string{"contact_gone", "Only Gone Lane"} {
			if bytes.Contains(b, []byte(text)) {
				t.Errorf("%s %s pii=%v still has %q", r.Dataset, r.Format, r.PII, text)
			}
		}
		if s.Erased != 8 {
			t.Errorf("%s %s: %d erased, want 8", r.Dataset, r.Format, s.Erased)
		}
		if want := map[string]int64{"events": 16, "leads": 1, "features": 1, "labels": 1, "scores": 1}[r.Dataset]; want > 0 && s.Rows != want {
			t.Errorf("%s %s: %d rows, want %d", r.Dataset, r.Format, s.Rows, want)
		}
	})
}

// TestFormulas: no cell of a CSV file begins as a formula does, whatever people
// have written.
func TestFormulas(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := newOffice(t)
		name := rapid.StringMatching(`[=+\-@\t\r\n "',;a-z]{1,8}`).Draw(rt, "name")
		quoted, _ := json.Marshal(name)
		o.event("contact.created", "=contact", `,"first_name":`+string(quoted))
		b, _ := o.export(export.Request{Dataset: "leads", Format: export.CSV, PII: true})
		records, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
		if err != nil || len(records) != 2 {
			rt.Fatalf("%d records, %v: %q", len(records), err, b)
		}
		for i, c := range export.Columns("leads") {
			if f := records[1][i]; c.Type == export.Text && f != "" && strings.ContainsAny(f[:1], "=+-@\t\r") {
				rt.Errorf("%s is %q", c.Name, f)
			}
		}
	})
}

// TestSplits: a range in parts, at any places, is the range.
func TestSplits(t *testing.T) {
	o := newOffice(t)
	var ids []ulid.ULID
	for i := range 12 {
		o.week(fmt.Sprintf("contact_%d", i%5))
	}
	for e, err := range o.log.Read(t.Context(), ledger.Cursor{}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	rapid.Check(t, func(rt *rapid.T) {
		dataset := rapid.SampledFrom([]string{"events", "scores", "labels"}).Draw(rt, "dataset")
		pii := rapid.Bool().Draw(rt, "pii")
		whole, _ := o.export(export.Request{Dataset: dataset, Format: export.JSONL, PII: pii})
		var parts []byte
		var after ulid.ULID
		n := rapid.IntRange(0, 5).Draw(rt, "cuts")
		places := rapid.SliceOfN(rapid.IntRange(0, len(ids)-1), n, n).Draw(rt, "places")
		for _, p := range append(places, len(ids)-1) {
			if ids[p].Compare(after) <= 0 {
				continue
			}
			b, _ := o.export(export.Request{Dataset: dataset, Format: export.JSONL, PII: pii, After: after, Until: ids[p]})
			parts, after = append(parts, b...), ids[p]
		}
		if !bytes.Equal(parts, whole) {
			rt.Fatalf("%s in %d parts: %d bytes, whole %d", dataset, n+1, len(parts), len(whole))
		}
	})
}

// TestImport: JSONL with personal data is a ledger again, body for body.
func TestImport(t *testing.T) {
	o := newOffice(t)
	for i := range 10 {
		o.week(fmt.Sprintf("contact_%d", i))
	}
	b, _ := o.export(export.Request{Dataset: "events", Format: export.JSONL, PII: true})
	var at time.Time
	again := memlog.New(func() time.Time { return at })
	for line := range bytes.Lines(b) {
		d, err := export.Draft(line)
		if err != nil {
			t.Fatal(err)
		}
		at = d.Occurred
		if got, err := again.Append(t.Context(), d); err != nil || !got[0].Added {
			t.Fatalf("%s: %v", line, err)
		}
	}
	if b, _ := (&office{t: t, log: again, x: o.x}).export(export.Request{Dataset: "events", Format: export.JSONL}); len(b) == 0 {
		t.Error("the export of the second ledger is empty")
	}
	want := read(t, o.log)
	for i, e := range read(t, again) {
		w := want[i]
		if e.Kind != w.Kind || e.Key != w.Key || e.Subject != w.Subject || !bytes.Equal(e.Body, w.Body) || e.Meta != w.Meta ||
			!e.Occurred.Equal(w.Occurred.Truncate(time.Microsecond)) || e.Location != w.Location || e.Cause != w.Cause {
			t.Errorf("entry %d: got %+v, want %+v", i+1, e, w)
		}
	}
}

func read(t *testing.T, log ledger.Reader) (list []ledger.Entry) {
	t.Helper()
	for e, err := range log.Read(t.Context(), ledger.Cursor{}) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

// TestRefused: what cannot be exported is said before anything is written.
func TestRefused(t *testing.T) {
	o := newOffice(t)
	for _, r := range []export.Request{{Dataset: "nothing", Format: export.CSV}, {Dataset: "events", Format: "xlsx"}, {}} {
		if _, err := o.x.Plan(t.Context(), r); err == nil {
			t.Errorf("%+v is taken", r)
		}
	}
	everything(func(r export.Request) { // of an empty ledger
		if _, s := o.export(r); s.Rows != 0 {
			t.Errorf("%+v: %+v", r, s)
		}
	})
}
