package ghl

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// InvalidError says everything that keeps a body from being an event: the
// reason by the place, "data.contact_id": "required". It names fields and
// never quotes a value.
type InvalidError struct{ Fields map[string]string }

func (e *InvalidError) Error() string {
	var faults []string
	for _, field := range slices.Sorted(maps.Keys(e.Fields)) {
		faults = append(faults, field+": "+e.Fields[field])
	}
	return "not a valid event: " + strings.Join(faults, "; ")
}

// wholeBody is the place of a fault that is not one field's.
const wholeBody = "body"

const required = "required"

// fields reads the members of one object and notes what is wrong with them. A
// member that is null or not there reads as nil.
type fields struct {
	value
	path   string            // what precedes a member's name in a fault: "data."
	faults map[string]string // of the whole body
}

func (f fields) fault(name, reason string) {
	f.faults[clip(f.path+printable(name), maxName)] = reason
}

// first returns the first of the names that the object has a value for.
func (f fields) first(names ...string) (string, value) {
	for _, name := range names {
		if v := f.member(name); !v.isNull() {
			return name, v
		}
	}
	return names[0], absent
}

// text reads a string; of several names the first that is there.
func (f fields) text(names ...string) *string {
	name, v := f.first(names...)
	switch {
	case v.isNull():
		return nil
	case !v.isString():
		f.fault(name, "must be a string")
		return nil
	}
	return &v.text
}

// str is text with "" for what is not there.
func (f fields) str(names ...string) string {
	if s := f.text(names...); s != nil {
		return *s
	}
	return ""
}

// id reads an identifier: an opaque string, bounded, that cannot break a line.
func (f fields) id(names ...string) string {
	name, v := f.first(names...)
	if v.isNull() {
		return ""
	}
	if reason := badID(v); reason != "" {
		f.fault(name, reason)
		return ""
	}
	return v.text
}

// requiredID is an identifier without which the event means nothing.
func (f fields) requiredID(names ...string) string {
	id := f.id(names...)
	if _, v := f.first(names...); v.isNull() || v.isString() && strings.TrimSpace(v.text) == "" {
		f.fault(names[0], required)
		return ""
	}
	return id
}

func badID(v value) string {
	switch {
	case !v.isString():
		return "must be a string"
	case len(v.text) > maxID:
		return fmt.Sprintf("longer than %d bytes", maxID)
	case strings.ContainsFunc(v.text, unicode.IsControl):
		return "must not have control characters"
	}
	return ""
}

// optionalID is id as a pointer, nil for what is not there.
func (f fields) optionalID(names ...string) *string {
	if id := f.id(names...); id != "" {
		return &id
	}
	return nil
}

// money reads a number, or a string that is one ("425000", "$425,000.00").
func (f fields) money(names ...string) *float64 {
	name, v := f.first(names...)
	if v.isNull() {
		return nil
	}
	n, ok := number(v)
	if !ok {
		f.fault(name, "must be a number")
		return nil
	}
	return &n
}

// number is money without the strings.
func (f fields) number(names ...string) *float64 {
	if name, v := f.first(names...); v.isString() {
		f.fault(name, "must be a number")
		return nil
	}
	return f.money(names...)
}

// boolean reads true or false.
func (f fields) boolean(name string) *bool {
	v := f.member(name)
	if v.isNull() {
		return nil
	}
	is := v.kind == jsontext.KindTrue
	if !is && v.kind != jsontext.KindFalse {
		f.fault(name, "must be true or false")
		return nil
	}
	return &is
}

// time reads a time written as a string.
func (f fields) time(names ...string) *time.Time {
	name, v := f.first(names...)
	if v.isNull() {
		return nil
	}
	if !v.isString() {
		f.fault(name, "must be a string with a time in it")
		return nil
	}
	t, ok := parseTime(v.text)
	if !ok {
		f.fault(name, "must be a time, like 2026-01-10T15:30:00Z")
		return nil
	}
	return &t
}

// list reads an array of strings.
func (f fields) list(name string) *[]string {
	v := f.member(name)
	if v.isNull() {
		return nil
	}
	all := make([]string, 0, len(v.items))
	for _, item := range v.items {
		if !item.isString() {
			v = item
			break
		}
		all = append(all, item.text)
	}
	if !v.isArray() {
		f.fault(name, "must be an array of strings")
		return nil
	}
	return &all
}

// object reads an object; ok is false if there is none.
func (f fields) object(name string) (inner fields, ok bool) {
	v := f.member(name)
	if !v.isNull() && !v.isObject() {
		f.fault(name, "must be an object")
		v = absent
	}
	return fields{value: v, path: f.path + name + ".", faults: f.faults}, v.isObject()
}

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
