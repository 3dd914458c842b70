package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
)

// api answers operators and analysts.
type api struct {
	Deps
	streams  chan struct{} // one slot an open stream
	exports  chan struct{} // one slot an export
	document func() schema // made when it is first asked for
}

func newAPI(d Deps) *api {
	beginCounting()
	return &api{Deps: d, streams: make(chan struct{}, maxStreams), exports: make(chan struct{}, maxExports),
		document: sync.OnceValue(func() schema { return document(Routes()) })}
}

// list is the form of every list.
type list[T any] struct {
	Data []T     `json:"data"`
	Next *string `json:"next"` // where to go on after, or null
}

// listOf returns items as a list; next "" is the end.
func listOf[T any](items []T, next string) list[T] {
	l := list[T]{Data: orEmpty(items)}
	if next != "" {
		l.Next = &next
	}
	return l
}

// Limits of lists.
const (
	defaultLimit = 50
	maxLimit     = 500
)

func bad(parameter, format string, args ...any) error {
	return badParameter.with(parameter + ": " + fmt.Sprintf(format, args...))
}

// limitOf returns how many items are asked for.
func limitOf(q url.Values) (int, error) {
	s := q.Get("limit")
	if s == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxLimit {
		return 0, bad("limit", "want 1 to %d", maxLimit)
	}
	return n, nil
}

// known refuses parameters that nothing reads: a filter with a slip of the pen
// would answer with everything.
func known(q url.Values, names ...string) error {
	for name := range q {
		found := false
		for _, n := range names {
			found = found || n == name
		}
		if !found {
			return bad(name, "not a parameter here; there are %s", strings.Join(names, ", "))
		}
	}
	return nil
}

// place parses an id or a time as a place in the ledger: the largest id that
// lies before what it names (upper false), or the largest that belongs to it.
func place(name, s string, upper bool) (ulid.ULID, error) {
	if id, err := ledger.ParseID(s); err == nil {
		if upper {
			return id, nil
		}
		return before(id), nil
	}
	at, err := parseTime(s)
	if err != nil {
		return ulid.ULID{}, bad(name, "want an event's id or a time like 2026-01-31T15:04:05Z")
	}
	if upper {
		return edge(at), nil
	}
	return edge(at.Add(-time.Millisecond)), nil
}

// edge is the largest id of its millisecond.
func edge(at time.Time) (id ulid.ULID) {
	for i := range id {
		id[i] = 0xff
	}
	_ = id.SetTime(uint64(max(at.UnixMilli(), 0))) // only fails past the year 10889
	return id
}

func before(id ulid.ULID) ulid.ULID {
	for i := len(id) - 1; i >= 0; i-- {
		id[i]--
		if id[i] != 0xff {
			break
		}
	}
	return id
}

func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
		if at, err := time.Parse(layout, s); err == nil && at.Year() >= 1970 && at.Year() < 10000 {
			return at, nil
		}
	}
	return time.Time{}, errors.New("not a time")
}

// afterOf returns the cursor that after names; the zero cursor for none or "0".
func afterOf(q url.Values) (ledger.Cursor, error) {
	s := q.Get("after")
	if s == "" || s == "0" {
		return ledger.Cursor{}, nil
	}
	id, err := ledger.ParseID(s)
	if err != nil {
		return ledger.Cursor{}, bad("after", "want the id of an event, or 0")
	}
	return ledger.Cursor{ID: id}, nil
}

// entryOf returns the entry that a path names.
func (a *api) entryOf(ctx context.Context, id string) (ledger.Entry, error) {
	u, err := ledger.ParseID(id)
	if err != nil {
		return ledger.Entry{}, &notFound
	}
	return ledger.Get(ctx, a.Log, u)
}

// maxInput bounds what a person's request may say.
const maxInput = 64 << 10

// input reads the JSON object of a POST into v; no body at all is an empty one.
func input(r *http.Request, v any) error { return inputUpTo(r, maxInput, v) }

// inputUpTo is input for what may be larger.
func inputUpTo(r *http.Request, most int64, v any) error {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, most))
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return nil
	}
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return badParameter.with("the body: want one JSON object with the fields of openapi.json: " + clipped(err.Error(), 200))
	}
	if dec.More() {
		return badParameter.with("the body: something follows the JSON object")
	}
	return nil
}

func clipped(s string, n int) string { return strings.ToValidUTF8(s[:min(len(s), n)], "") }
