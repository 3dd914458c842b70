package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

// printList prints a list of flat structs: as a table with the JSON names as
// headings, or as JSON.
func printList[T any](con *console, output string, list []T) error {
	if output == "json" {
		return printJSON(con.out, list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(con.out, "none")
		return err
	}
	t := newTable(con.out)
	typ := reflect.TypeFor[T]()
	var head table.Row
	for i := range typ.NumField() {
		head = append(head, strings.ToUpper(jsonName(typ.Field(i))))
	}
	t.AppendHeader(head)
	for _, item := range list {
		var row table.Row
		for i := range typ.NumField() {
			row = append(row, cell(con, reflect.ValueOf(item).Field(i)))
		}
		t.AppendRow(row)
	}
	t.Render()
	return nil
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if short := f.Tag.Get("head"); short != "" {
		name = short
	}
	return strings.ReplaceAll(name, "_", " ")
}

// cell is a value as a table shows it: nothing is empty, times are UTC to the
// second, numbers have no more decimals than they need.
func cell(con *console, v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return moment(x)
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case fmt.Stringer:
		return paint(con, printable(x.String()))
	}
	return paint(con, printable(fmt.Sprint(v.Interface())))
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// printable is s with what would steer a terminal written out: names and texts
// come from strangers, who may put an escape sequence or a line end into them.
func printable(s string) string {
	const joiner = '\u200d' // inside emoji
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) && r != joiner }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) || r == joiner {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRuneToASCII(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}

// moods are the words that stand out in a table.
var moods = map[string]text.Colors{
	"dead": {text.FgRed}, "failed": {text.FgRed}, "fail": {text.FgRed}, "needs_investigation": {text.FgRed}, "missing": {text.FgRed},
	"held": {text.FgYellow}, "waiting": {text.FgYellow}, "warn": {text.FgYellow}, "rebuilding": {text.FgYellow}, "halted": {text.FgRed},
	"delivered": {text.FgGreen}, "ok": {text.FgGreen}, "admitted": {text.FgGreen}, "present": {text.FgGreen},
	"hot": {text.FgHiRed}, "warm": {text.FgYellow}, "cold": {text.FgCyan},
}

// paint colours a word with a mood, for a person's terminal only.
func paint(con *console, word string) string {
	c, ok := moods[word]
	if !ok || !con.colours() {
		return word
	}
	text.EnableColors() // the library looks at the process's own output, which may be another
	return c.Sprint(word)
}

// colours reports whether what is printed is for eyes that want colours.
func (con *console) colours() bool {
	return isTerminal(con.out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// newTable returns a borderless table that fits two screens rather than a frame.
func newTable(w io.Writer) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(trimmed{w})
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft = ""
	style.Box.PaddingRight = "  "
	t.SetStyle(style)
	return t
}

// trimmed cuts the padding at the end of each line, which wraps on a narrow
// terminal and differs for no reason in a diff.
type trimmed struct{ io.Writer }

func (t trimmed) Write(p []byte) (int, error) {
	lines := strings.Split(string(p), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	if _, err := io.WriteString(t.Writer, strings.Join(lines, "\n")); err != nil {
		return 0, err
	}
	return len(p), nil
}

// field is one line of what a command shows of a single object.
type field struct {
	name  string
	value any
}

// printFields prints the lines that have a value, names first.
func printFields(con *console, fields ...field) {
	width := 0
	for _, f := range fields {
		width = max(width, len(f.name))
	}
	for _, f := range fields {
		v := reflect.ValueOf(f.value)
		if !v.IsValid() || v.IsZero() {
			continue
		}
		fmt.Fprintf(con.out, "%-*s  %s\n", width, f.name, cell(con, v))
	}
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// isTerminal reports whether v is a person's terminal: colours, bars and
// questions are for those only.
func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
