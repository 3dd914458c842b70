package main

import (
	"embed"
	"strings"
	"text/template"

	"github.com/alecthomas/kong"
)

//go:embed completion
var completionScripts embed.FS

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"${enum}."`
}

// Help is what completion --help says beside its flags.
func (completionCmd) Help() string {
	return `Examples:
  bash  ghl-ledger completion bash > /etc/bash_completion.d/ghl-ledger
  zsh   ghl-ledger completion zsh > "${fpath[1]}/_ghl-ledger"
  fish  ghl-ledger completion fish > ~/.config/fish/completions/ghl-ledger.fish`
}

// Run prints the shell's script, made of the commands and flags that this
// program has.
func (c *completionCmd) Run(con *console, k *kong.Kong) error {
	t, err := template.New(c.Shell).Funcs(template.FuncMap{"quote": quoted, "bracket": bracketed, "join": strings.Join}).
		ParseFS(completionScripts, "completion/"+c.Shell)
	if err != nil {
		return err
	}
	return t.ExecuteTemplate(con.out, c.Shell, words(k.Model.Node, nil))
}

// quoted is text inside the single quotes of any of the shells.
func quoted(text string) string { return strings.ReplaceAll(text, "'", `'\''`) }

// bracketed is text inside the square brackets of a zsh argument.
func bracketed(text string) string {
	return strings.NewReplacer("'", `'\''`, "[", `\[`, "]", `\]`).Replace(text)
}

// word is a command, or the program itself, as a shell may complete it.
type word struct {
	Path  []string // from the program's first command on
	Name  string
	Help  string
	Words []word   // the commands that may follow
	Args  []string // the only values of its argument, where it has such
	Flags []flagWord
}

// flagWord is a flag as a shell may complete it.
type flagWord struct {
	Name, Short, Help string
	Takes             bool     // a value follows
	Values            []string // the only ones
	Files             bool     // the value is a file or a folder
}

// words returns the tree of commands below n.
func words(n *kong.Node, path []string) word {
	w := word{Path: path, Name: n.Name, Help: firstSentence(n.Help)}
	for _, child := range n.Children {
		if !child.Hidden {
			w.Words = append(w.Words, words(child, append(path[:len(path):len(path)], child.Name)))
		}
	}
	for _, arg := range n.Positional {
		w.Args = append(w.Args, arg.EnumSlice()...)
	}
	for _, f := range n.Flags {
		if !f.Hidden {
			w.Flags = append(w.Flags, wordOf(f))
		}
	}
	return w
}

func wordOf(f *kong.Flag) flagWord {
	w := flagWord{Name: f.Name, Help: firstSentence(f.Help), Takes: !f.IsBool(), Values: f.EnumSlice()}
	if f.Short != 0 {
		w.Short = string(f.Short)
	}
	w.Files = w.Takes && (f.PlaceHolder == "FILE" || f.PlaceHolder == "DIR" || f.Name == "out" || f.Name == "data")
	return w
}

// firstSentence is help as a menu shows it.
func firstSentence(help string) string {
	help = strings.ReplaceAll(help, "\n", " ")
	if i := strings.Index(help, ". "); i > 0 {
		help = help[:i]
	}
	return strings.TrimSuffix(help, ".")
}

// All returns w and everything below it, for a script that lists them.
func (w word) All() []word {
	all := []word{w}
	for _, child := range w.Words {
		all = append(all, child.All()...)
	}
	return all
}

// Key is the path as one string.
func (w word) Key() string { return strings.Join(w.Path, " ") }

// Func is the shell function that completes what follows w.
func (w word) Func() string {
	return strings.ReplaceAll(strings.Join(append([]string{"_ghl_ledger"}, w.Path...), "_"), "-", "_")
}
