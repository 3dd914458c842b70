package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestPromises: the README numbers its promises without a gap, and those that
// the ledger keeps are named where they are kept: in the comment of something
// exported. No comment there names one that is not in the README.
func TestPromises(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	promised := map[string]bool{}
	for i, m := range regexp.MustCompile(`(?m)^\| (P\d+) \|`).FindAllStringSubmatch(string(page), -1) {
		if want := fmt.Sprint("P", i+1); m[1] != want {
			t.Errorf("promise %d of README.md is %s", i+1, m[1])
		}
		promised[m[1]] = true
	}
	kept := exportedComments(t, "../../ledger/boltlog")
	for _, p := range []string{"P1", "P2", "P3", "P4", "P5", "P8", "P9", "P10"} {
		if !promised[p] || !kept[p] {
			t.Errorf("%s: in the README %v, on what keeps it %v", p, promised[p], kept[p])
		}
	}
	for p := range kept {
		if !promised[p] {
			t.Errorf("a comment names %s, which README.md does not promise", p)
		}
	}
}

// exportedComments returns which promises are named in the comments of exported
// functions, methods and fields.
func exportedComments(t *testing.T, dir string) map[string]bool {
	t.Helper()
	named, number := map[string]bool{}, regexp.MustCompile(`\bP\d+\b`)
	take := func(doc *ast.CommentGroup) {
		for _, p := range number.FindAllString(doc.Text(), -1) {
			named[p] = true
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), dir+"/"+f.Name(), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.IsExported() {
					take(n.Doc)
				}
			case *ast.Field:
				if len(n.Names) > 0 && n.Names[0].IsExported() {
					take(n.Doc)
				}
			}
			return true
		})
	}
	return named
}
