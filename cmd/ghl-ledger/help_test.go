package main

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// grammar is the program's commands and flags, without settings.
func grammar(t *testing.T) *kong.Kong {
	t.Helper()
	con := &console{in: strings.NewReader(""), out: io.Discard, err: io.Discard, set: &settings{}}
	p, err := newParser(context.Background(), &cli{}, con)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func isCommand(words []string) bool {
	p, err := newParser(context.Background(), &cli{}, &console{out: io.Discard, err: io.Discard, set: &settings{}})
	if err != nil {
		return false
	}
	node := p.Model.Node
	for _, w := range words {
		i := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == w })
		if i < 0 {
			return false
		}
		node = node.Children[i]
	}
	return true
}

// leaves are the commands that do something.
func leaves(n *kong.Node) (all []*kong.Node) {
	if len(n.Children) == 0 {
		return []*kong.Node{n}
	}
	for _, child := range n.Children {
		all = append(all, leaves(child)...)
	}
	return all
}

// TestHelpExamples parses every example that a command's help shows: one that
// has a flag that is no more would mislead whoever copies it.
func TestHelpExamples(t *testing.T) {
	for _, n := range leaves(grammar(t).Model.Node) {
		found := 0
		for line := range strings.Lines(n.Detail) {
			_, example, ok := strings.Cut(line, "  ghl-ledger ")
			if !ok {
				continue
			}
			found++
			if _, err := grammar(t).Parse(typed(example)); err != nil {
				t.Errorf("%s --help: ghl-ledger %s: %v", n.Path(), strings.TrimSpace(example), err)
			}
		}
		if found == 0 && !slices.Contains(selfEvident, n.Name) {
			t.Errorf("%s --help has no example", n.Path())
		}
	}
}

// selfEvident are commands that need no example.
var selfEvident = []string{"version"}

// typed is the words of a command line up to a pipe, a redirection, or two
// blanks, behind which a remark stands.
func typed(line string) (words []string) {
	line, _, _ = strings.Cut(strings.TrimRight(line, "\n"), "   ")
	word, quote, open := "", rune(0), false
	for _, r := range line + " " {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word += string(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ':
			if word == "|" || word == ">" || word == "<" || word == "&&" || word == "&" {
				return words
			}
			if word != "" || open {
				words = append(words, word)
			}
			word, open = "", false
		default:
			word += string(r)
		}
	}
	return words
}
