package ghl

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// number returns a JSON number, or a string that is an amount of money, as a
// finite number.
func number(v value) (float64, bool) {
	text := v.text
	switch v.kind {
	case jsontext.KindNumber:
	case jsontext.KindString:
		text = amount(text)
	default:
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && !math.IsInf(n, 0) && !math.IsNaN(n)
}

// amount strips an amount of money to its digits: "$425,000.00" to 425000.00.
// What it does not understand it returns as "", which is no number: neither
// are the words and the hexadecimals that Go reads as one.
func amount(s string) string {
	s = strings.TrimSpace(s)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	s = strings.TrimSpace(strings.TrimLeft(s, "$€£"))
	whole, fraction, hasFraction := strings.Cut(s, ".")
	if groups := strings.Split(whole, ","); len(groups) > 1 {
		for _, g := range groups[1:] {
			if len(g) != 3 {
				return "" // 1,5 may be one and a half: do not guess
			}
		}
		whole = strings.Join(groups, "")
	}
	if !isDigits(whole) || hasFraction && !isDigits(fraction) {
		return ""
	}
	return sign + whole + "." + fraction
}

func isDigits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

// layouts are the forms of a time in the wild. Those without a zone are UTC.
var layouts = []string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04",
	"2006-01-02 15:04",
	"2006-01-02",
}

// parseTime reads a time in any of the layouts, of the years 1 to 9999, as UTC.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range layouts {
		t, err := time.Parse(layout, s)
		if err == nil {
			t = t.UTC()
			return t, t.Year() >= 1 && t.Year() <= 9999 && !t.IsZero()
		}
	}
	return time.Time{}, false
}

// unixTime reads seconds since 1970, maybe with a fraction, or milliseconds if
// it would be far in the future otherwise.
func unixTime(n float64) (time.Time, bool) {
	const farAhead = 1e11 // the year 5138 in seconds, 1973 in milliseconds
	if n >= farAhead {
		n /= 1000
	}
	if n <= 0 || n >= farAhead {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(n)
	return time.Unix(int64(whole), int64(fraction*1e9)).Round(time.Microsecond).UTC(), true
}
