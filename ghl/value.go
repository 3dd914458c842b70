package ghl

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// value is a JSON value: strings decoded, numbers as they were written, so
// that 9007199254740993 stays what it is.
type value struct {
	kind  jsontext.Kind
	text  string   // of a string or a number
	names []string // of an object's members
	items []value  // an object's members or an array's elements
}

// absent is what a member that an object does not have reads as.
var absent = value{kind: jsontext.KindNull}

// member returns the member with exactly that name, or absent.
func (v value) member(name string) value {
	for i, n := range v.names {
		if n == name {
			return v.items[i]
		}
	}
	return absent
}

func (v value) isNull() bool   { return v.kind == jsontext.KindNull }
func (v value) isString() bool { return v.kind == jsontext.KindString }
func (v value) isObject() bool { return v.kind == jsontext.KindBeginObject }
func (v value) isArray() bool  { return v.kind == jsontext.KindBeginArray }

// plain returns v as the values of an Event are: string, float64, bool, []any
// or nil; an object as map[string]any.
func (v value) plain() any {
	switch v.kind {
	case jsontext.KindString:
		return v.text
	case jsontext.KindNumber:
		n, err := strconv.ParseFloat(v.text, 64)
		if err != nil {
			return v.text // out of range: what the sender wrote
		}
		return n
	case jsontext.KindTrue, jsontext.KindFalse:
		return v.kind == jsontext.KindTrue
	case jsontext.KindBeginArray:
		all := make([]any, len(v.items))
		for i, item := range v.items {
			all[i] = item.plain()
		}
		return all
	case jsontext.KindBeginObject:
		all := make(map[string]any, len(v.items))
		for i, item := range v.items {
			all[v.names[i]] = item.plain()
		}
		return all
	}
	return nil
}

// printable returns s with what is not printable as '?', so that a sender's
// name cannot break a log line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// clip returns at most n bytes of s, whole runes only.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
