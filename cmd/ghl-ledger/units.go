package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// Rate is so many in so long: 100/10s. Zero is no limit.
type Rate struct {
	N   int
	Per time.Duration
}

// UnmarshalText reads 100/10s, 500/1h, or 0.
func (r *Rate) UnmarshalText(b []byte) error {
	n, per, found := strings.Cut(string(b), "/")
	count, err := strconv.Atoi(n)
	if err == nil && count == 0 && !found {
		*r = Rate{}
		return nil
	}
	d, derr := time.ParseDuration(per)
	if err != nil || derr != nil || count < 0 || d <= 0 {
		return fmt.Errorf("rate %q: want a number and a time, like 100/10s", b)
	}
	*r = Rate{N: count, Per: d}
	return nil
}

func (r Rate) String() string {
	if r.N == 0 {
		return "0"
	}
	return fmt.Sprintf("%d/%s", r.N, r.Per)
}

// Size is a number of bytes: 512MiB.
type Size int64

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}, {"", 1}}

// UnmarshalText reads 1MiB, 512KB, or a bare number of bytes.
func (s *Size) UnmarshalText(b []byte) error {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(string(b), u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > (1<<62)/u.bytes {
			break
		}
		*s = Size(n * u.bytes)
		return nil
	}
	return fmt.Errorf("size %q: want a number and a unit, like 512MiB", b)
}

func (s Size) String() string {
	for _, u := range sizeUnits[:3] {
		if int64(s) >= u.bytes && int64(s)%u.bytes == 0 {
			return fmt.Sprintf("%d%s", int64(s)/u.bytes, u.suffix)
		}
	}
	return fmt.Sprintf("%dB", int64(s))
}

// When is a place in the ledger as the API takes it: a time, or an event's id.
type When string

// UnmarshalText reads those, and 24h, which is so long ago.
func (w *When) UnmarshalText(b []byte) error {
	text := string(b)
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		*w = When(time.Now().Add(-d).UTC().Format(time.RFC3339Nano))
		return nil
	}
	day, _, _ := strings.Cut(text, "T")
	_, notDay := time.Parse(time.DateOnly, day)
	if _, notID := ledger.ParseID(text); notDay != nil && notID != nil {
		return fmt.Errorf("%q: want 24h, 2026-01-31, 2026-01-31T15:04:05Z or an event's id", printable(text))
	}
	*w = When(text)
	return nil
}
