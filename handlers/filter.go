package handlers

import (
	"bytes"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
)

// filter says which entries are asked for, from where, and how many.
type filter struct {
	kinds             []string // whole, or ending in *
	contact, location string
	text              []byte    // lower case
	after             ulid.ULID // zero: none
	since, until      ulid.ULID // since excludes, until includes; zero: no bound
	desc              bool      // newest first
	limit             int
}

// A search looks at so many entries, for so long, and then answers with what it
// has and where to go on.
const (
	searchEntries = 500_000
	searchTime    = 4 * time.Second
	searchPage    = 512
)

func filterOf(q url.Values) (f filter, err error) {
	if err := known(q, "kind", "contact_id", "location_id", "since", "until", "q", "after", "limit", "order"); err != nil {
		return f, err
	}
	f.contact, f.location = q.Get("contact_id"), q.Get("location_id")
	f.text = bytes.ToLower([]byte(q.Get("q")))
	if kind := q.Get("kind"); kind != "" {
		f.kinds = strings.Split(kind, ",")
	}
	if f.limit, err = limitOf(q); err != nil {
		return f, err
	}
	switch order := q.Get("order"); order {
	case "", "asc":
	case "desc":
		f.desc = true
	default:
		return f, bad("order", "want asc or desc")
	}
	after, err := afterOf(q)
	if err != nil {
		return f, err
	}
	f.after = after.ID
	return f, f.bounds(q)
}

func (f *filter) bounds(q url.Values) (err error) {
	if s := q.Get("since"); s != "" {
		if f.since, err = place("since", s, false); err != nil {
			return err
		}
	}
	if s := q.Get("until"); s != "" {
		f.until, err = place("until", s, true)
	}
	return err
}

// matches reports whether e is asked for, wherever it stands.
func (f *filter) matches(e ledger.Entry) bool {
	switch {
	case f.contact != "" && e.Subject != f.contact,
		f.location != "" && e.Location != f.location,
		len(f.kinds) > 0 && !slices.ContainsFunc(f.kinds, func(k string) bool { return isKind(e.Kind, k) }):
		return false
	}
	return len(f.text) == 0 || f.mentions(e)
}

func isKind(kind, pattern string) bool {
	prefix, any := strings.CutSuffix(pattern, "*")
	return kind == pattern || any && strings.HasPrefix(kind, prefix)
}

func (f *filter) mentions(e ledger.Entry) bool {
	text := string(f.text)
	return strings.Contains(strings.ToLower(e.Kind+"\n"+e.Key+"\n"+e.Subject+"\n"+ledger.FormatID(e.ID)), text) ||
		bytes.Contains(bytes.ToLower(e.Body), f.text)
}

// find returns the entries that f asks for, and where to go on, or "" at the end.
func (a *api) find(ctx context.Context, f filter) ([]ledger.Entry, string, error) {
	s := search{filter: f, ends: time.Now().Add(searchTime)}
	var err error
	if f.desc {
		err = s.backward(ctx, a.Log)
	} else {
		err = s.forward(ctx, a.Log)
	}
	if err != nil {
		return nil, "", err
	}
	return s.found, s.next, nil
}

// search is a find under way.
type search struct {
	filter
	ends  time.Time
	seen  int
	found []ledger.Entry
	next  string
}

// take looks at e, and reports whether the search is over: at the limit, or
// when it has looked long enough.
func (s *search) take(e ledger.Entry) (over bool) {
	if s.matches(e) {
		s.found = append(s.found, e)
	}
	s.seen++
	over = len(s.found) == s.limit || s.seen == searchEntries || s.seen%searchPage == 0 && time.Now().After(s.ends)
	if over {
		s.next = ledger.FormatID(e.ID)
	}
	return over
}

func (s *search) forward(ctx context.Context, log ledger.Reader) error {
	from := ledger.Cursor{ID: s.since}
	if s.after.Compare(s.since) > 0 {
		from.ID = s.after
	}
	for e, err := range log.Read(ctx, from) {
		if err != nil {
			return err
		}
		if s.until != (ulid.ULID{}) && e.ID.Compare(s.until) > 0 {
			break
		}
		if s.take(e) {
			return s.endIfLast(ctx, log, e)
		}
	}
	return nil
}

// endIfLast clears next where nothing follows e: a full last page is the end.
func (s *search) endIfLast(ctx context.Context, log ledger.Reader, e ledger.Entry) error {
	head, err := log.Head(ctx)
	if head.Seq == e.Seq {
		s.next = ""
	}
	return err
}

// backward reads pages from the newest entry down.
func (s *search) backward(ctx context.Context, log ledger.Reader) error {
	top, err := s.top(ctx, log)
	if err != nil {
		return err
	}
	for top > 0 {
		low := top - min(top, searchPage)
		page, err := pageOf(ctx, log, low, top)
		if err != nil {
			return err
		}
		for _, e := range slices.Backward(page) {
			if e.ID.Compare(s.since) <= 0 {
				return nil
			}
			if s.take(e) {
				if e.Seq == 1 {
					s.next = ""
				}
				return nil
			}
		}
		top = low
	}
	return nil
}

// top returns the newest seq that backward may look at.
func (s *search) top(ctx context.Context, log ledger.Reader) (ledger.Seq, error) {
	head, err := log.Head(ctx)
	if err != nil {
		return 0, err
	}
	bound := s.until
	if s.after != (ulid.ULID{}) && (bound == (ulid.ULID{}) || s.after.Compare(bound) <= 0) {
		bound = before(s.after)
	}
	if bound == (ulid.ULID{}) {
		return head.Seq, nil
	}
	for e, err := range log.Read(ctx, ledger.Cursor{ID: bound}) { // the first entry past the bound
		return e.Seq - min(e.Seq, 1), err
	}
	return head.Seq, nil
}

// pageOf returns the entries after low up to top. What stands after top is not
// looked at: it may be damaged.
func pageOf(ctx context.Context, log ledger.Reader, low, top ledger.Seq) ([]ledger.Entry, error) {
	page := make([]ledger.Entry, 0, top-low)
	if low >= top {
		return page, nil
	}
	for e, err := range log.Read(ctx, ledger.Cursor{Seq: low}) {
		if err != nil {
			return nil, err
		}
		if page = append(page, e); e.Seq >= top {
			break
		}
	}
	return page, nil
}
