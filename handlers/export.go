package handlers

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections/export"
	"github.com/julienschmidt/httprouter"
	"github.com/oklog/ulid/v2"
)

// maxExports bounds how many exports run at once: each may hold a row group,
// and a copy of the leads view on the disk.
const maxExports = 4

// SummaryTrailer is the trailer that says what an export had in it, as JSON.
// An answer without it was cut.
const SummaryTrailer = "X-Export-Summary"

// NextHeader is the header with the id of the first entry after an export that
// ends before the newest; empty where there was none yet.
const NextHeader = "X-Export-Next"

// export streams a dataset. It holds nothing of the ledger while it waits for
// the client; a client that takes longer than writeWait for 64 KiB is gone. What
// fails before the first byte is an error in JSON; what fails later cuts the
// connection, so that nobody takes half a file for whole.
func (a *api) export(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	if a.Export == nil {
		return &notConfigured
	}
	asked, err := exportOf(r.URL.Query())
	if err != nil {
		return err
	}
	select {
	case a.exports <- struct{}{}:
		defer func() { <-a.exports }()
	default:
		return tooFast.with("Too many exports are running; ask again when one is over.")
	}
	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Time{}) // a copy of the leads may take longer than an answer may
	_ = rc.SetReadDeadline(time.Time{})
	plan, err := a.Export.Plan(r.Context(), asked)
	if err != nil {
		return err
	}
	defer plan.Close()
	if err := a.recordExport(r, asked, plan); err != nil {
		return err
	}
	if asked.Until != (ulid.ULID{}) {
		next, err := plan.Next(r.Context())
		if err != nil {
			return err
		}
		w.Header().Set(NextHeader, ledger.FormatID(next))
	}
	return a.sendExport(w, r, asked, plan)
}

// recordExport notes who takes personal data, before any of it goes out.
func (a *api) recordExport(r *http.Request, asked export.Request, plan *export.Plan) error {
	if !asked.PII {
		return nil
	}
	q := r.URL.Query()
	_, err := a.record(r, deed{Act: "export", On: asked.Dataset, Details: map[string]any{
		"format": asked.Format, "after": q.Get("after"), "until": plan.Until().ID, "pii": true}})
	return err
}

func (a *api) sendExport(w http.ResponseWriter, r *http.Request, asked export.Request, plan *export.Plan) error {
	out := &begun{patient: patient{w, http.NewResponseController(w)}}
	h := w.Header()
	h.Set("Content-Type", asked.Format.MediaType())
	h.Set("Content-Disposition", "attachment; filename="+strconv.Quote(fmt.Sprintf("%s.%s", asked.Dataset, asked.Format)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Export-Until", plan.Until().ID)
	h.Set("Trailer", SummaryTrailer)
	buffer := bufio.NewWriterSize(out, 64<<10)
	s, err := plan.Write(r.Context(), buffer)
	if err == nil {
		err = buffer.Flush()
	}
	if err == nil {
		said, err := json.Marshal(s)
		h.Set(SummaryTrailer, string(said))
		return err
	}
	if !out.yes {
		for _, name := range []string{"Trailer", "Content-Disposition", "X-Export-Until", NextHeader} {
			h.Del(name)
		}
		return err
	}
	noteOf(r).err = err
	panic(http.ErrAbortHandler)
}

// begun knows whether anything has gone out.
type begun struct {
	patient
	yes bool
}

// Write implements io.Writer.
func (b *begun) Write(p []byte) (int, error) {
	b.yes = true
	return b.patient.Write(p)
}

// exportOf reads what is asked for.
func exportOf(q url.Values) (export.Request, error) {
	r := export.Request{Dataset: q.Get("dataset"), Format: export.Format(q.Get("format"))}
	if err := known(q, "dataset", "format", "after", "until", "pii"); err != nil {
		return r, err
	}
	if r.Dataset == "" {
		return r, bad("dataset", "want one of %v", export.Datasets())
	}
	if r.Format == "" {
		r.Format = export.JSONL
	}
	switch q.Get("pii") {
	case "", "false":
	case "true":
		r.PII = true
	default:
		return r, bad("pii", "want true or false")
	}
	var err error
	if after := q.Get("after"); after != "" && after != "0" {
		if r.After, err = place("after", after, true); err != nil {
			return r, err
		}
	}
	if until := q.Get("until"); until != "" {
		r.Until, err = place("until", until, true)
	}
	if err == nil && r.Until == (ulid.ULID{}) && q.Get("until") != "" {
		err = bad("until", "want an event's id or a time")
	}
	return r, err
}
