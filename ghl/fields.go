package ghl

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

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
	types  typing            // which JSON types a field may have
	custom value             // a workflow's customData: what it has goes before the object's
}

// typing is how exact a dialect is about JSON types.
type typing int

const (
	strict   typing = iota // a number is a number; only money may be written as a string
	numerals               // a number may be written as a string, a time as unix seconds
	loose                  // and a boolean as a string, a text as a number
)

// fault notes what is wrong at a place, as returned by first.
func (f fields) fault(place, reason string) {
	f.faults[clip(printable(place), maxName)] = reason
}

// first returns the first of the names that the object has a value for, and
// its place in the body.
func (f fields) first(names ...string) (place string, v value) {
	for _, name := range names {
		if v := f.custom.member(name); !v.isNull() {
			return "customData." + name, v
		}
	}
	for _, name := range names {
		if v := f.member(name); !v.isNull() {
			return f.path + name, v
		}
	}
	return f.path + names[0], absent
}

// has reports whether first finds something.
func (f fields) has(names ...string) bool {
	_, v := f.first(names...)
	return !v.isNull()
}

// text reads a short string, a name or an address; of several names the
// first that is there.
func (f fields) text(names ...string) *string {
	s := f.long(names...)
	if s != nil && len(*s) > maxText {
		place, _ := f.first(names...)
		f.fault(place, fmt.Sprintf("longer than %d bytes", maxText))
		return nil
	}
	return s
}

// long reads a string of any length, a message.
func (f fields) long(names ...string) *string {
	place, v := f.first(names...)
	switch {
	case v.isNull():
		return nil
	case v.isString() || f.types == loose && v.kind == jsontext.KindNumber:
		return &v.text
	}
	f.fault(place, "must be a string")
	return nil
}

// str is text with "" for what is not there.
func (f fields) str(names ...string) string { return orEmpty(f.text(names...)) }

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// id reads an identifier: an opaque string, bounded, that cannot break a line.
func (f fields) id(names ...string) string {
	place, v := f.first(names...)
	if v.isNull() {
		return ""
	}
	if reason := badID(v); reason != "" {
		f.fault(place, reason)
		return ""
	}
	return v.text
}

// requiredID is an identifier without which the event means nothing.
func (f fields) requiredID(names ...string) string {
	place, v := f.first(names...)
	if v.isNull() || v.isString() && strings.TrimSpace(v.text) == "" {
		f.fault(place, required)
		return ""
	}
	return f.id(names...)
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
	place, v := f.first(names...)
	if v.isNull() {
		return nil
	}
	n, ok := number(v)
	if !ok {
		f.fault(place, "must be a number")
		return nil
	}
	return &n
}

// number is money without the strings, if f is strict.
func (f fields) number(names ...string) *float64 {
	if place, v := f.first(names...); v.isString() && f.types == strict {
		f.fault(place, "must be a number")
		return nil
	}
	return f.money(names...)
}

// boolean reads true or false.
func (f fields) boolean(names ...string) *bool {
	place, v := f.first(names...)
	if v.isNull() {
		return nil
	}
	word := f.types == loose && v.isString()
	is := v.kind == jsontext.KindTrue || word && v.text == "true"
	isNot := v.kind == jsontext.KindFalse || word && v.text == "false"
	if !is && !isNot {
		f.fault(place, "must be true or false")
		return nil
	}
	return &is
}

// time reads a time written as a string; if f is not strict, as unix seconds too.
func (f fields) time(names ...string) *time.Time {
	place, v := f.first(names...)
	if v.isNull() {
		return nil
	}
	t, ok := f.timeOf(v)
	if !ok {
		f.fault(place, "must be a time, like 2026-01-10T15:30:00Z")
		return nil
	}
	return &t
}

func (f fields) timeOf(v value) (time.Time, bool) {
	if v.isString() {
		if t, ok := parseTime(v.text); ok {
			return t, true
		}
	}
	if n, ok := number(v); ok && f.types != strict {
		return unixTime(n)
	}
	return time.Time{}, false
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
			v = item // no array of strings either
			break
		}
		all = append(all, item.text)
	}
	if !v.isArray() {
		f.fault(f.path+name, "must be an array of strings")
		return nil
	}
	return &all
}

// object reads an object; ok is false if there is none.
func (f fields) object(name string) (inner fields, ok bool) {
	v := f.member(name)
	if !v.isNull() && !v.isObject() {
		f.fault(f.path+name, "must be an object")
		v = absent
	}
	return fields{value: v, path: f.path + name + ".", faults: f.faults, types: f.types}, v.isObject()
}
