package export

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// encoder writes rows in one format. What it has not written when close
// returns is nothing; it keeps a bounded part.
type encoder interface {
	encode(row []cell) error
	close() error
}

// lineSize is how much of the text formats is written at once.
const lineSize = 64 << 10

// lines writes JSON objects, one a line.
type lines struct {
	w       io.Writer
	columns []Column
	names   [][]byte // "name": with its comma
	buf     []byte
}

func newLines(w io.Writer, columns []Column) *lines {
	l := &lines{w: w, columns: columns}
	for i, c := range columns {
		name := appendText(nil, c.Name)
		if i > 0 {
			name = append([]byte{','}, name...)
		}
		l.names = append(l.names, append(name, ':'))
	}
	return l
}

func (l *lines) encode(row []cell) error {
	l.buf = append(l.buf, '{')
	for i := range row {
		l.buf = append(l.buf, l.names[i]...)
		l.buf = appendJSON(l.buf, l.columns[i].Type, &row[i])
	}
	l.buf = append(l.buf, '}', '\n')
	if len(l.buf) < lineSize {
		return nil
	}
	return l.close()
}

func (l *lines) close() error {
	_, err := l.w.Write(l.buf)
	l.buf = l.buf[:0]
	return err
}

func appendJSON(b []byte, t Type, c *cell) []byte {
	switch {
	case c.null:
		return append(b, "null"...)
	case t == Text:
		return appendText(b, c.text)
	case t == Timestamp:
		b = append(b, '"')
		return append(appendTime(b, c.n), '"')
	case t == Float && (math.IsNaN(c.f) || math.IsInf(c.f, 0)):
		return append(b, "null"...) // JSON has no such number
	}
	return appendPlain(b, t, c)
}

// appendPlain appends what needs no quotes.
func appendPlain(b []byte, t Type, c *cell) []byte {
	switch t {
	case Boolean:
		return strconv.AppendBool(b, c.n != 0)
	case Float:
		format := byte('f')
		if abs := math.Abs(c.f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
			format = 'e'
		}
		return strconv.AppendFloat(b, c.f, format, -1, 64)
	case Timestamp:
		return appendTime(b, c.n)
	}
	return strconv.AppendInt(b, c.n, 10)
}

func appendTime(b []byte, micros int64) []byte {
	return time.UnixMicro(micros).UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
}

// appendText appends s as a JSON string.
func appendText(b []byte, s string) []byte {
	if plain(s) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return append(b, bytes.TrimRight(buf.Bytes(), "\n")...)
}

func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// table writes CSV as RFC 4180 has it, with a line of names first. Nothing is
// an empty field, an empty text two quotes.
type table struct {
	w       io.Writer
	columns []Column
	buf     []byte
}

func newTable(w io.Writer, columns []Column) *table {
	t := &table{w: w, columns: columns}
	for i, c := range columns {
		t.separate(i)
		t.buf = append(t.buf, c.Name...)
	}
	t.buf = append(t.buf, '\r', '\n')
	return t
}

func (t *table) separate(i int) {
	if i > 0 {
		t.buf = append(t.buf, ',')
	}
}

func (t *table) encode(row []cell) error {
	for i := range row {
		t.separate(i)
		switch c := &row[i]; {
		case c.null:
		case t.columns[i].Type == Text:
			t.buf = appendField(t.buf, c.text)
		default:
			t.buf = appendPlain(t.buf, t.columns[i].Type, c)
		}
	}
	t.buf = append(t.buf, '\r', '\n')
	if len(t.buf) < lineSize {
		return nil
	}
	return t.close()
}

func (t *table) close() error {
	_, err := t.w.Write(t.buf)
	t.buf = t.buf[:0]
	return err
}

// formula are the bytes by which a spreadsheet takes a text for a formula.
const formula = "=+-@\t\r"

// appendField appends a text so that a spreadsheet computes nothing of it.
func appendField(b []byte, s string) []byte {
	if s != "" && strings.IndexByte(formula, s[0]) >= 0 {
		s = "'" + s
	}
	if s != "" && !strings.ContainsAny(s, "\",\r\n") {
		return append(b, s...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(s, `"`, `""`)...)
	return append(b, '"')
}
