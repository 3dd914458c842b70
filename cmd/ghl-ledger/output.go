package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
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
	for field := range typ.Fields() {
		head = append(head, strings.ToUpper(jsonName(field)))
	}
	t.AppendHeader(head)
	for _, item := range list {
		var row table.Row
		for i := range typ.NumField() {
			row = append(row, reflect.ValueOf(item).Field(i).Interface())
		}
		t.AppendRow(row)
	}
	t.Render()
	return nil
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return strings.ReplaceAll(name, "_", " ")
}

// newTable returns a borderless table that fits two screens rather than a frame.
func newTable(w io.Writer) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	t.SetStyle(style)
	return t
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// isTerminal reports whether w is a person's terminal: colours and bars go there only.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
