package export

import (
	"reflect"
	"strings"
	"time"
)

// Type is what a column holds, the same in every format.
type Type string

// The types. A timestamp is UTC, to the microsecond.
const (
	Integer   Type = "int64"
	Float     Type = "double"
	Boolean   Type = "boolean"
	Text      Type = "string"
	Timestamp Type = "timestamp[us, UTC]"
)

// Column is one column of a dataset, and what the dictionary says of it. All
// of it comes from the tags of the row's struct:
//
//	col       name; then ",null" where it may be empty, ",dict" where values repeat
//	unit      of a number
//	source    where it comes from
//	leak      what it may tell of the result: none, label, after
//	personal  none; direct: empty unless personal data are asked for; else the
//	          kind of thing that a pseudonym stands for: contact, email, phone, …
//	about     in words
type Column struct {
	Name     string `json:"name"`
	Type     Type   `json:"type"`
	Unit     string `json:"unit,omitempty"`
	Nulls    bool   `json:"nulls"`
	Source   string `json:"source"`
	Leak     string `json:"leak"`
	Personal string `json:"personal"`
	About    string `json:"about"`

	field      int // of the struct
	element    int // of the field, where that is a list; else -1
	dictionary bool
}

// direct is the class of what is left out unless personal data are asked for.
const (
	direct = "direct"
	none   = "none"
)

// masked reports whether the column is not shown as it is without pii.
func (c Column) masked() bool { return c.Personal != none }

// cell is one value, of the type of its column.
type cell struct {
	null bool
	text string
	n    int64 // also a boolean, and microseconds since 1970
	f    float64
}

// columnsOf reads the tags of a row's struct. A list of numbers becomes one
// column a name.
func columnsOf(row reflect.Type, names []Column) (list []Column) {
	for i := range row.NumField() {
		f := row.Field(i)
		if f.Type.Kind() == reflect.Slice {
			for k, c := range names {
				c.field, c.element, c.Type = i, k, Float
				list = append(list, c)
			}
			continue
		}
		list = append(list, columnOf(f, i))
	}
	return list
}

func columnOf(f reflect.StructField, i int) Column {
	name, options, _ := strings.Cut(f.Tag.Get("col"), ",")
	return Column{
		Name: name, Type: typeOf(f.Type), Unit: f.Tag.Get("unit"), Nulls: strings.Contains(options, "null"),
		Source: f.Tag.Get("source"), Leak: tagOr(f, "leak", none), Personal: tagOr(f, "personal", none), About: f.Tag.Get("about"),
		field: i, element: -1, dictionary: strings.Contains(options, "dict"),
	}
}

func tagOr(f reflect.StructField, key, otherwise string) string {
	if v, ok := f.Tag.Lookup(key); ok {
		return v
	}
	return otherwise
}

func typeOf(t reflect.Type) Type {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return Timestamp
	case t.Kind() == reflect.Float64:
		return Float
	case t.Kind() == reflect.Bool:
		return Boolean
	case t.Kind() == reflect.String:
		return Text
	}
	return Integer
}

// cells fills dst with the row's values. Where a column may be empty, the zero
// value is: a number that may be zero is a pointer.
func cells(columns []Column, row reflect.Value, dst []cell) {
	for i := range columns {
		c := &columns[i]
		v := row.Field(c.field)
		if c.element >= 0 {
			v = v.Index(c.element)
		}
		if c.Nulls && v.IsZero() {
			dst[i] = cell{null: true}
			continue
		}
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		dst[i] = cellOf(c.Type, v)
	}
}

func cellOf(t Type, v reflect.Value) cell {
	switch t {
	case Text:
		return cell{text: v.String()}
	case Float:
		return cell{f: v.Float()}
	case Timestamp:
		return cell{n: v.Addr().Interface().(*time.Time).UnixMicro()}
	case Boolean:
		if v.Bool() {
			return cell{n: 1}
		}
		return cell{}
	}
	if v.CanUint() {
		return cell{n: int64(v.Uint())}
	}
	return cell{n: v.Int()}
}
