package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections/export"
	"github.com/oklog/ulid/v2"
)

// served is a running service as a source.
type served struct {
	*remote
	bar func(at, total int64)
	n   int64 // bytes that have come, of all exports

	told        bool      // by the last export, that after until comes next
	until, next ulid.ULID // so that an export day by day asks for each day once
}

var _ export.Source = (*served)(nil)

// Head implements export.Source.
func (s *served) Head(ctx context.Context) (ulid.ULID, error) {
	var head struct{ ID string }
	if err := s.get(ctx, "ledger", nil, &head); err != nil || head.ID == "" {
		return ulid.ULID{}, err
	}
	return ledger.ParseID(head.ID)
}

// Next implements export.Source.
func (s *served) Next(ctx context.Context, after ulid.ULID) (ulid.ULID, error) {
	if s.told && after == s.until {
		return s.next, nil
	}
	q := url.Values{"limit": {"1"}}
	if after != (ulid.ULID{}) {
		q.Set("after", ledger.FormatID(after))
	}
	var page struct{ Data []struct{ ID string } }
	if err := s.get(ctx, "events", q, &page); err != nil || len(page.Data) == 0 {
		return ulid.ULID{}, err
	}
	return ledger.ParseID(page.Data[0].ID)
}

// Export implements export.Source. An answer that was cut has no trailer.
func (s *served) Export(ctx context.Context, r export.Request, w io.Writer) (sum export.Summary, err error) {
	q := url.Values{"dataset": {r.Dataset}, "format": {string(r.Format)}, "after": {ledger.FormatID(r.After)}, "until": {ledger.FormatID(r.Until)}}
	if r.PII {
		q.Set("pii", "true")
	}
	resp, err := s.send(ctx, http.MethodGet, apiRoot+"export?"+q.Encode(), nil)
	if err != nil {
		return sum, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // what it says is the error
		return sum, s.refused(resp.StatusCode, b)
	}
	if _, err := io.Copy(counted{w, s}, resp.Body); err != nil {
		return sum, fmt.Errorf("the export was cut: %w: look at the service's log", err)
	}
	if err := json.Unmarshal([]byte(resp.Trailer.Get(handlers.SummaryTrailer)), &sum); err != nil {
		return sum, errors.New("the export was cut: it does not end with a summary; a proxy may have dropped the trailer")
	}
	return sum, s.hear(r.Until, resp.Header)
}

// hear notes what the service says of the entry after the export.
func (s *served) hear(until ulid.ULID, h http.Header) (err error) {
	s.told, s.until, s.next = len(h.Values(handlers.NextHeader)) > 0, until, ulid.ULID{}
	if id := h.Get(handlers.NextHeader); id != "" {
		s.next, err = ledger.ParseID(id)
	}
	return err
}

// counted shows how many bytes have come; how many will, nobody says.
type counted struct {
	w io.Writer
	s *served
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.s.n += int64(n)
	c.s.bar(c.s.n, -1)
	return n, err
}
